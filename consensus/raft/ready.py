"""What a node asks of its driver at one moment, and what the driver tells it when it is done."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.raft.messages import NO_HARD_STATE, Entry, EntryId, HardState, Message, Snapshot
from consensus.raft.reads import ReadState
from consensus.raft.state import Raft, Role


@dataclass(frozen=True, slots=True)
class SoftState:
    leader: int
    role: Role


@dataclass(frozen=True, slots=True)
class WriteReceipt:
    """Given back when the write and all before it are durable. `last`: where the log ended then;
    believed only in the term in which the write began, as later writes may replace it."""

    term: int
    last: EntryId | None
    snapshot: Snapshot | None


@dataclass(frozen=True, slots=True)
class ApplyReceipt:
    """Given back when `entries` have been applied."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """Asynchronous writes: make durable, in order, then send `replies` (those to the node itself go to
    its `step`), then `written(receipt)`."""

    hard_state: HardState | None
    entries: tuple[Entry, ...]
    snapshot: Snapshot | None
    replies: tuple[Message, ...]
    receipt: WriteReceipt | None


@dataclass(frozen=True, slots=True)
class Apply:
    """Asynchronous writes: apply `entries`, in order, then `applied(receipt)`."""

    entries: tuple[Entry, ...]
    receipt: ApplyReceipt


@dataclass(frozen=True, slots=True)
class Ready:
    """`hard_state` and `soft` are None when they have not changed. `messages` may leave at once,
    `replies` when entries, hard state and snapshot are durable. `write` and `apply` stand for the same
    with asynchronous writes, and are None without."""

    hard_state: HardState | None
    soft: SoftState | None
    entries: tuple[Entry, ...]
    snapshot: Snapshot | None
    committed: tuple[Entry, ...]
    messages: tuple[Message, ...]
    replies: tuple[Message, ...]
    reads: tuple[ReadState, ...]
    is_sync_needed: bool
    write: Write | None = None
    apply: Apply | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """What the node tells itself when a Ready is done."""

    replies: tuple[Message, ...]
    write: WriteReceipt | None
    apply: ApplyReceipt | None


def soft_state(raft: Raft) -> SoftState:
    return SoftState(raft.leader, raft.role)


def is_due(raft: Raft, hard_state: HardState, soft: SoftState) -> bool:
    """Whether there is anything to do. `hard_state` and `soft` as last told."""
    log = raft.log
    return bool(
        raft.messages
        or raft.replies
        or raft.read_states
        or log.entries_to_write()
        or log.snapshot_to_write() is not None
        or log.has_committed(with_unwritten=not raft.config.is_asynchronous)
        or (raft.leader, raft.role) != (soft.leader, soft.role)
        or raft.hard_state not in (hard_state, NO_HARD_STATE)
    )


def take(raft: Raft, hard_state: HardState, soft: SoftState) -> tuple[Ready, Owed]:
    """Hand everything out. `hard_state` and `soft` as last told."""
    is_asynchronous = raft.config.is_asynchronous
    log = raft.log
    entries, snapshot = log.entries_to_write(), log.snapshot_to_write()
    committed = log.committed_entries(with_unwritten=not is_asynchronous)
    new_hard_state = raft.hard_state if raft.hard_state != hard_state else None
    new_soft = soft_state(raft) if soft_state(raft) != soft else None
    replies = tuple(raft.replies)
    receipt = _receipt(raft, snapshot)
    is_write = entries or snapshot or replies or new_hard_state
    ready = Ready(
        hard_state=new_hard_state,
        soft=new_soft,
        entries=entries,
        snapshot=snapshot,
        committed=committed,
        messages=tuple(raft.messages),
        replies=() if is_asynchronous else tuple(r for r in replies if r.to != raft.id),
        reads=tuple(raft.read_states),
        is_sync_needed=bool(entries)
        or (raft.term, raft.vote) != (hard_state.term, hard_state.vote),
        write=Write(new_hard_state, entries, snapshot, replies, receipt)
        if is_asynchronous and is_write
        else None,
        apply=Apply(committed, ApplyReceipt(committed)) if is_asynchronous and committed else None,
    )
    owed = Owed(
        tuple(reply for reply in replies if reply.to == raft.id),
        receipt,
        ApplyReceipt(committed) if committed else None,
    )
    raft.messages, raft.replies, raft.read_states = [], [], []
    log.writing()
    if committed:
        log.applying_entries(committed, with_unwritten=not is_asynchronous)
    return ready, owed


def _receipt(raft: Raft, snapshot: Snapshot | None) -> WriteReceipt | None:
    """For any write while something is not known to be durable, not only for entries: a receipt that
    comes back in a later term is void, and the entries it spoke of must not stay unwritten for ever."""
    if not raft.log.has_unwritten and snapshot is None:
        return None
    last = raft.log.last if raft.log.has_unwritten else None
    return WriteReceipt(raft.term, last, snapshot)
