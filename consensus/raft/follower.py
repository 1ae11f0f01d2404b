"""What a follower does with what its leader sends."""

from __future__ import annotations

from consensus.raft.change import switch_to
from consensus.raft.membership import Outcome
from consensus.raft.messages import (
    Append,
    AppendReply,
    Heartbeat,
    HeartbeatReply,
    InstallSnapshot,
    Snapshot,
)
from consensus.raft.state import Raft, Role


def follow(raft: Raft, leader: int) -> None:
    """The leader of this term was heard. A candidate of the term has lost."""
    if raft.role is not Role.FOLLOWER:
        raft.become_follower(raft.term, leader)
    raft.leader = leader
    raft.election_elapsed = 0


def on_append(raft: Raft, append: Append) -> None:
    """Take the entries if the one before them matches; drop what disagrees behind it.

    Entries that are here already stay, even if `append` ends before them: it may be old.
    """
    log = raft.log
    if append.prev.index < log.committed:
        raft.send(AppendReply(raft.id, append.from_, raft.term, log.committed))
        return
    if not log.matches(append.prev):
        # The highest entry here that could be in a log with that term at that index: above it, entry
        # by entry, nothing can match.
        hint = log.highest_up_to(min(append.prev.index, log.last_index), append.prev.term)
        raft.send(AppendReply(raft.id, append.from_, raft.term, append.prev.index, hint))
        return
    position = log.conflict(append.entries)
    if position is not None:
        log.append(append.entries[position:])
    matched = append.prev.index + len(append.entries)
    log.commit_to(min(append.commit, matched))
    raft.send(AppendReply(raft.id, append.from_, raft.term, matched))


def on_heartbeat(raft: Raft, heartbeat: Heartbeat) -> None:
    raft.log.commit_to(heartbeat.commit)
    reply = HeartbeatReply(raft.id, heartbeat.from_, raft.term, heartbeat.read_position)
    raft.send(reply)


def on_snapshot(raft: Raft, message: InstallSnapshot) -> None:
    is_restored = _restore(raft, message.snapshot)
    index = raft.log.last_index if is_restored else raft.log.committed
    raft.send(AppendReply(raft.id, message.from_, raft.term, index))


def _restore(raft: Raft, snapshot: Snapshot) -> bool:
    """Replace log and configuration. False if the snapshot is not needed or not meant for this node."""
    if snapshot.index <= raft.log.committed:
        return False
    if raft.id not in snapshot.configuration.members:
        return False
    if raft.log.matches(snapshot.id):
        raft.log.commit_to(snapshot.index)  # all of it is here: keep the log
        return False
    raft.log.restore(snapshot)
    fresh = frozenset(snapshot.configuration.members)
    switch_to(raft, Outcome(snapshot.configuration, fresh))
    return True
