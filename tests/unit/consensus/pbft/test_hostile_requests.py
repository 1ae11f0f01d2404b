"""What one validator asks for, relays or repeats moves nobody else and fills nobody's memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consensus.encoding import ZERO_HASH, Sig
from consensus.pbft.messages import (
    CheckpointRequest,
    signed_bytes,
)
from tests.simulation.ghost import SUITE
from tests.unit.consensus.cluster import CHANNEL, Cluster

UNSIGNED = Sig(ZERO_HASH + ZERO_HASH)


def request(cluster: Cluster, sender: int, height: int) -> CheckpointRequest:
    unsigned = CheckpointRequest(CHANNEL, 0, sender, height, UNSIGNED)
    return replace(unsigned, signature=cluster.sign(sender, signed_bytes(unsigned, SUITE)))


def without_liar(sender: int, to: int, message: object) -> bool:
    """Node 3 is the liar of these tests: its core says nothing."""
    return sender != 3


def run(cluster: Cluster, milliseconds: int) -> None:
    for _ in range(milliseconds // 50):
        cluster.flush(without_liar)
        cluster.pass_time(50)


@pytest.mark.parametrize("to_leader", [1, 6, 7])
@pytest.mark.parametrize("to_others", [2, 6])
def test_two_requests_of_one_validator_do_not_depose_an_honest_leader(
    to_leader: int, to_others: int
) -> None:
    cluster = Cluster(4)
    cluster.receive(0, 3, request(cluster, 3, to_leader))
    for index in (1, 2):
        cluster.receive(index, 3, request(cluster, 3, to_others))
    run(cluster, 20_000)
    assert [core.status().view for core in cluster.cores[:3]] == [0, 0, 0]


def test_a_request_shown_to_one_node_only_does_not_make_it_leave_the_view() -> None:
    cluster = Cluster(4)
    for index in (0, 2):
        cluster.receive(index, 3, request(cluster, 3, 1))
    cluster.receive(1, 3, request(cluster, 3, 6))
    run(cluster, 20_000)
    assert [core.status().view for core in cluster.cores[:3]] == [0, 0, 0]
