"""What no channel may begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.genesis import ChannelConfig, ConsensusParams, check, decode_genesis, encode_genesis
from tests.unit.node.network import make_genesis


def with_rules(**changes: object) -> Callable[[ChannelConfig], ChannelConfig]:
    def change(config: ChannelConfig) -> ChannelConfig:
        rules: ConsensusParams = replace(config.consensus, **changes)  # type: ignore[arg-type]
        return replace(config, consensus=rules)

    return change


def twice_a_node(config: ChannelConfig) -> ChannelConfig:
    return replace(config, nodes=(*config.nodes, config.nodes[0]))


def a_nobody(config: ChannelConfig) -> ChannelConfig:
    stranger = replace(config.nodes[0], member_id="nobody")
    return replace(config, nodes=(stranger, *config.nodes[1:]))


REFUSED = [
    (with_rules(leader_period=1), "a rotating leader", "its own campaign has to come first"),
    (with_rules(kind="paxos"), "unknown consensus engine", "there are two"),
    (with_rules(window=0), "the window is 1 to 4", "nothing could be ordered"),
    (with_rules(window=5), "the window is 1 to 4", "tried by no campaign"),
    (twice_a_node, "two nodes are the same", "one key would vote twice"),
    (a_nobody, "which is no member", "nobody answers for it"),
    (lambda config: replace(config, version=9), "genesis version 9", "of another program"),
    (lambda config: replace(config, clock="sundial"), "clock is", "deadlines are money"),
]


@pytest.mark.parametrize(("change", "reason", "why"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_channel_that_could_not_run_is_refused_with_a_reason(
    change: Callable[[ChannelConfig], ChannelConfig], reason: str, why: str
) -> None:
    genesis, _ = make_genesis(4)
    check(genesis.config)
    spoiled = replace(genesis, config=change(genesis.config))
    with pytest.raises(ValueError, match=reason):
        check(spoiled.config)
        pytest.fail(why)
    with pytest.raises(ValueError, match=reason):
        decode_genesis(encode_genesis(spoiled))
