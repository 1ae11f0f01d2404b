"""A new life: take up where the WAL says this member stopped."""

from __future__ import annotations

from typing import Final

from consensus.api import Restart
from consensus.header import block_hash
from consensus.raft.config import Config, HashJitter
from consensus.raft.messages import EntryId, HardState, Snapshot
from consensus.raft.node import RaftNode
from consensus.raft.ordering.config import ELECTION_TICKS, HEARTBEAT_TICKS
from consensus.raft.ordering.hearing import OBSERVER_HEARING, OBSERVER_WAL_LOST
from consensus.raft.ordering.messages import BlockPointer, decode_block
from consensus.raft.ordering.records import Born, Floor, Hard, Recovered, recover
from consensus.raft.ordering.replica import Replica
from consensus.raft.ordering.state import State
from consensus.raft.storage import StableLog

APPEND_BYTES_MAX: Final = 1 << 20
UNANSWERED_APPENDS_MAX: Final = 16
UNANSWERED_BYTES_MAX: Final = 4 << 20

OBSERVER_NO_KEY = "not a validator of this channel"


def restore(state: State, event: Restart, replica: Replica) -> None:
    """Bring back term, vote and log, and what of the log lies above the tip."""
    if state.chain.halt_at_start is not None:
        state.halt(state.chain.halt_at_start)
        return
    if event.is_tip_config:
        state.config_height = event.tip.height
    found = recover(event.records, state.validators.epoch)
    state.observer_reason = _observer_reason(state, event, found)
    if state.can_vote:
        begin(state, event, found, replica)


def first_vote(
    state: State, event: Restart, replica: Replica, term_floor: int, log_floor: EntryId
) -> None:
    """Every other member was heard. This one votes in terms above `term_floor` only, and for logs that reach
    `log_floor`: below, it may have promised otherwise before its disk was emptied."""
    epoch = state.validators.epoch
    found = Recovered(epoch)
    if term_floor > 0:
        state.persist(
            Floor(epoch, log_floor.term, log_floor.index), Hard(epoch, term_floor, state.own_id, 0)
        )
        found.hard = HardState(term_floor, state.own_id, 0)
        found.floor = log_floor
    begin(state, event, found, replica)


def begin(state: State, event: Restart, found: Recovered, replica: Replica) -> None:
    """From here on this member votes."""
    assert state.own_index is not None
    key = state.validators.key(state.own_index)
    if key not in found.keys:
        state.persist(Born(state.config.channel_id, state.validators.epoch, key))
    _restore_raft(state, event, found, replica)
    if state.n == 1:
        replica.campaign()


def _observer_reason(state: State, event: Restart, found: Recovered) -> str | None:
    """A log with a birth in it was not lost: it holds whatever any of its keys has voted for since. Without
    one, and without a sign that there was one, this node may be new: see `hearing`."""
    if state.own_index is None:
        return OBSERVER_NO_KEY
    if event.observes_because:
        return event.observes_because if found.keys else OBSERVER_WAL_LOST
    if found.keys or event.is_wal_loss_accepted:
        return None
    is_perhaps_new = event.tip.height == 0 or event.is_key_new
    if not is_perhaps_new:
        return OBSERVER_WAL_LOST
    if state.n > 1:
        return OBSERVER_HEARING
    return None if event.tip.height == 0 else OBSERVER_WAL_LOST


def _restore_raft(state: State, event: Restart, found: Recovered, replica: Replica) -> None:
    start, entries = found.compacted, found.log
    snapshot = Snapshot(configuration=state.members)
    if start is not None:
        snapshot = state.snapshot(start.index, start.term, start.pointer)
        state.committed = start.pointer
    state.log = StableLog.of(found.hard, snapshot, entries)
    seed = state.config.channel_id + bytes([state.own_index or 0]) + event.nonce.to_bytes(8, "big")
    config = Config(
        id=state.own_id,
        jitter=HashJitter(seed),
        election_ticks=ELECTION_TICKS,
        heartbeat_ticks=HEARTBEAT_TICKS,
        message_bytes_max=APPEND_BYTES_MAX,
        inflight_max=UNANSWERED_APPENDS_MAX,
        inflight_bytes_max=UNANSWERED_BYTES_MAX,
        is_forwarding=False,
    )
    state.raft = RaftNode(config, state.log, applied=snapshot.index)
    state.term, state.log_floor = found.hard.term, found.floor
    state.applied_index = snapshot.index
    for entry in entries:
        block = decode_block(entry.data) if entry.data else None
        if block is not None:
            pointer = BlockPointer(block.header.height, block_hash(state.hash_, block.header))
            replica.join_flight(entry, block, pointer, is_kept=True)
    replica.drain()
