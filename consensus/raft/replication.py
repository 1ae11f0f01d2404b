"""How a leader's log gets to the others: appends, snapshots, heartbeats, and the commit index."""

from __future__ import annotations

from collections.abc import Sequence

from consensus.raft.messages import (
    Append,
    AppendReply,
    Entry,
    EntryId,
    Heartbeat,
    InstallSnapshot,
    Payload,
)
from consensus.raft.progress import Progress, ProgressState
from consensus.raft.state import Raft


def append_own(raft: Raft, payloads: Sequence[Payload]) -> bool:
    """Append to the leader's own log. False if too much would be uncommitted.

    Weightless entries (a term's first, leaving a joint configuration) always fit, and so does any entry
    while nothing else is uncommitted.
    """
    size = sum(payload.size_bytes for payload in payloads)
    is_over = raft.uncommitted_bytes + size > raft.config.uncommitted_bytes_max
    if is_over and raft.uncommitted_bytes > 0 and size > 0:
        return False
    raft.uncommitted_bytes += size
    first = raft.log.last_index + 1
    entries = [
        Entry(raft.term, first + i, payload.data, payload.change)
        for i, payload in enumerate(payloads)
    ]
    raft.log.append(entries)
    # To itself, as to any member: counted when this write is durable and not before.
    raft.send(AppendReply(raft.id, raft.id, raft.term, raft.log.last_index))
    return True


def advance_commit(raft: Raft) -> bool:
    """Commit what a quorum has, if its last entry is of this term. True if the index rose.

    An older entry on a majority can still be replaced (thesis 3.6.2, figure 3.7).
    """
    index = raft.agreed_index()
    if raft.log.term(index) != raft.term:
        return False
    return raft.log.commit_to(index)


def broadcast_append(raft: Raft) -> None:
    for member in raft.others:
        send_append(raft, member)


def broadcast_heartbeat(raft: Raft) -> None:
    for member in raft.others:
        progress = raft.progress[member]
        # Never beyond what is known to match: the rest of the member's log may be another leader's.
        commit = min(progress.match, raft.log.committed)
        raft.send(Heartbeat(raft.id, member, raft.term, commit, raft.reads.position))
        progress.commit_sent = commit


def send_append(raft: Raft, to: int, *, is_empty_allowed: bool = True) -> bool:
    """Send `to` what it needs next, a snapshot if that is gone here. False if nothing was sent.

    An empty append tells a commit index, or asks again after losses.
    """
    progress = raft.progress[to]
    if progress.is_paused:
        return False
    previous = progress.next - 1
    term = raft.log.term(previous)
    if term is None or progress.next < raft.log.first_index:
        return _send_snapshot(raft, to, progress)
    entries: tuple[Entry, ...] = ()
    # A member whose window is full gets an empty append at times: if the whole window was lost, its
    # answer is the only thing that can free it.
    is_throttled = progress.state is ProgressState.REPLICATE and progress.inflights.is_full
    if progress.next <= raft.log.last_index and not is_throttled:
        entries = raft.log.entries(
            progress.next, raft.log.last_index, raft.config.message_bytes_max
        )
    if not entries and not is_empty_allowed:
        return False
    commit = raft.log.committed
    raft.send(Append(raft.id, to, raft.term, EntryId(term, previous), entries, commit))
    progress.sent(len(entries), sum(entry.size_bytes for entry in entries))
    progress.commit_sent = commit
    return True


def _send_snapshot(raft: Raft, to: int, progress: Progress) -> bool:
    if not progress.is_recently_active:
        return False  # nobody there to take it
    snapshot = raft.log.snapshot()
    if snapshot is None:
        return False
    progress.await_snapshot(snapshot.index)
    raft.send(InstallSnapshot(raft.id, to, raft.term, snapshot))
    return True
