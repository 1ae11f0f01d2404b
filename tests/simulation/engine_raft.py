"""Ordering over Raft in a world. Its members crash and never lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from consensus.api import Core
from consensus.certificate import KIND_RAFT
from consensus.header import Header
from consensus.raft.ordering import RaftConfig, RaftCore, retain
from consensus.raft.ordering.messages import (
    Append,
    AppendReply,
    Decided,
    Heartbeat,
    InstallSnapshot,
    Message,
    VoteReply,
    VoteRequest,
    decode_block,
    decode_message,
)
from tests.simulation.engine import DRIFT_MS, Engine, Promise, Said
from tests.simulation.ghost import SUITE, GhostSigner, GhostVerifier

if TYPE_CHECKING:
    from tests.simulation.node import SimNode
    from tests.simulation.world import World


def _core(world: World, node: SimNode) -> Core:
    shape, members = world.shape, node.members
    index = members.index_of(node.id)
    config = RaftConfig(
        channel_id=world.genesis.channel_id,
        suite=SUITE,
        genesis_hash=world.genesis_hash,
        config_hash=members.config_hash,
        window=shape.window,
        base_timeout_ms=shape.base_timeout_ms,
        status_interval_ms=shape.base_timeout_ms // 2,
        drift_ms=DRIFT_MS,
        forward_after_ms=shape.base_timeout_ms,
        suspect_after_ms=shape.base_timeout_ms * 4,
        block_txs_max=shape.block_txs_max,
    )
    validators = world.validators_of(members)
    signer = None if index is None else GhostSigner(world.registry, validators.key(index))
    verifier = GhostVerifier(world.registry)
    return RaftCore(config, validators, index, verifier, signer, node, node.epoch_base())


def _votes(message: Message) -> tuple[Said, ...]:
    """Seals: in one term one block a height."""
    if not isinstance(message, AppendReply):
        return ()
    epoch, term = message.head.epoch, message.head.term
    return tuple(
        Said("commit", epoch, term, each.height, each.block_hash) for each in message.seals
    )


def _is_pre(message: Message) -> bool:
    return isinstance(message, VoteRequest | VoteReply) and message.is_pre


def _promised(message: Message, sender: int) -> Promise | None:
    """Terms never go back; a pre-vote speaks of a term that may never come."""
    if isinstance(message, Decided) or _is_pre(message) or message.head.sender != sender:
        return None
    return Promise(message.head.epoch, message.head.term, None)


def _leads(message: Message) -> tuple[int, int] | None:
    if isinstance(message, Append | Heartbeat | InstallSnapshot):
        return message.head.epoch, message.head.term
    return None


def _place(message: Message) -> tuple[int, int | str]:
    if isinstance(message, Decided):
        return message.cert.view, message.cert.height
    if isinstance(message, Append):
        height = message.previous.index + len(message.entries)
        return message.head.term, f"{message.previous.index}-{height}"
    return message.head.term, getattr(message, "index", "")


def _sizes(core: RaftCore) -> dict[str, tuple[int, int]]:
    state = core._state
    if state is None:
        return {}
    horizon = state.config.horizon
    return {"blocks": (sum(1 for _ in state.blocks), 3 * state.n * horizon)}


def _brings(message: Message) -> Iterator[tuple[Header, int]]:
    if isinstance(message, Append):
        for entry in message.entries:
            block = decode_block(entry.data) if entry.data else None
            if block is not None:
                yield block.header, entry.term


RAFT = Engine(
    name="raft",
    kind=KIND_RAFT,
    core=_core,
    decode=decode_message,
    quorum=lambda n: n // 2 + 1,
    votes=_votes,
    promised=_promised,
    leads=_leads,
    place=_place,
    sizes=_sizes,
    retain=retain,
    brings=_brings,
    is_later_term_lenient=True,
)
