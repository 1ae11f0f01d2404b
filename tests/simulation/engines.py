"""The cores a world can run. An engine makes the core of one node from the world's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from consensus.api import Core, SignatureItem
from consensus.pbft import PbftConfig, PbftCore
from consensus.pbft.messages import Message, SignatureRules
from tests.simulation.ghost import SUITE, GhostSigner, GhostVerifier, hash_

if TYPE_CHECKING:
    from tests.simulation.world import World

DRIFT_MS = 10_000


class SharedRules(SignatureRules):
    """Names a message's signatures once for all nodes of a world: a pure function, and the dear part."""

    def __init__(self, world: World) -> None:
        channel_id, window = world.genesis.channel_id, world.shape.window
        super().__init__(SUITE, channel_id, world.validators, hash_, window)
        object.__setattr__(self, "known", {})

    def items(self, message: Message) -> list[SignatureItem]:
        found = self.known.get(id(message))
        if found is None:
            # The message is kept with its items, so that its id stays its own.
            found = self.known[id(message)] = (message, super().items(message))
        return found[1]


def pbft(world: World, index: int) -> Core:
    shape = world.shape
    config = PbftConfig(
        channel_id=world.genesis.channel_id,
        suite=SUITE,
        genesis_hash=world.genesis_hash,
        config_hash=world.genesis.config_hash,
        window=shape.window,
        base_timeout_ms=shape.base_timeout_ms,
        timeout_cap=4,
        status_interval_ms=shape.base_timeout_ms // 2,
        drift_ms=DRIFT_MS,
        forward_after_ms=shape.base_timeout_ms,
        suspect_after_ms=shape.base_timeout_ms * 4,
        block_txs_max=shape.block_txs_max,
    )
    core = PbftCore(
        config,
        world.validators,
        index,
        GhostVerifier(world.registry),
        GhostSigner(world.registry, world.validators.key(index)),
    )
    core._rules = world.shared_rules
    return core


ENGINES: dict[str, Callable[[World, int], Core]] = {"pbft": pbft}
