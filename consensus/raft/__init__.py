"""Raft: a pure state machine that replicates a log among members who may crash but do not lie.

`RaftNode` knows terms, votes, entries and indexes; it knows no blocks, no clock, no disk and no network.
The ordering core over it (`consensus.raft.ordering`) says what an entry means.

    log = StableLog.of(hard_state, snapshot, entries)       # what the disk says (first start: 15)
    node = RaftNode(Config(id=1, jitter=HashJitter(seed)), log, applied=snapshot.index)
    node.step(message); node.tick(); node.propose(data)     # feed it
    while node.has_ready():
        ready = node.ready()
        send(ready.messages)                                # may leave at once, beside the write
        persist(ready.entries, ready.hard_state, ready.snapshot)
        log.save(ready)                                     # the memory's picture of the disk
        send(ready.replies)                                 # only now: they promise what was written
        for entry in ready.committed:
            if entry.change is not None:
                node.apply_change(entry.change)             # a change is in force when it is applied
            else:
                apply(entry)
        node.advance()                                      # now the node counts its own write

The contract, in numbered sentences.

What the node promises

1.  At most one leader is elected in a term, and a node votes once in a term: the vote is forgotten only
    when the term rises, never when it steps down within the term.
2.  An entry in `Ready.committed` never changes and comes once in a life, in index order without gaps.
3.  A leader commits by counting only entries of its own term; older ones are committed with them. So it
    begins with an empty entry (`data == b""`, `change is None`), which means nothing to the application.
4.  A leader does not count itself before its own write is durable (`advance`, or `written`).
5.  What a peer says is checked before anything changes: `step` raises `ProtocolViolation` for a message
    that no correct member sends, `UnknownPeer` for a reply of somebody who is not a member. Messages of
    another term, delayed, repeated or out of order are ordinary and do no harm.
6.  `InvariantBroken` means that the log of this node was damaged or that two logs disagree about a
    committed entry: stop, keep the disk.
7.  With pre-vote and check-quorum (both on by default, and only useful together) a node that was cut
    off does not disturb the others when it comes back, and a leader that does not hear a majority for an
    election timeout steps down.
8.  Everything held for a peer is bounded: messages and bytes on their way, bytes not yet committed.
    `propose` raises `ProposalDropped` beyond that, without a leader, or while leadership is handed over.
9.  One configuration change is under way at a time; a change that may not enter the log leaves an empty
    entry in its place. Joint configurations with auto-leave are left by whoever leads when they are
    applied. Nobody campaigns while a committed change waits to be applied here. A change after which no
    majority of the voters before it votes is refused (so two voters become one only by way of three, or
    with `is_majority_kept=False`). A leader that is removed steps down when it applies that.
10. `read_index(context)` answers, in some `Ready.reads`, an index at or above everything committed when
    it was asked, after a majority has confirmed the leader. It may never answer: ask again.

What the driver owes

11. Before any of `Ready.replies` leaves: entries first, then the hard state (or the snapshot) are durable.
    `entries[0].index` may lie below what is stored: everything from there on is replaced.
    `is_sync_needed` is False when only the commit index moved; that need not be synced.
12. One `Ready` at a time: `ready()`, its duties, `advance()`. Every `committed` change goes to
    `apply_change` before `advance`. Never drop a Ready.
13. Messages may be lost, repeated and reordered on the way; nothing is sent to oneself.
14. Time is counted in ticks, not read: call `tick()` at a steady pace. A driver with `now_ms` ticks once
    each `tick_ms` (and no more than an election timeout's worth after a pause). An election times out
    after `election_ticks` to `2 * election_ticks - 1` ticks; the part that differs from node to node comes
    from `Config.jitter`, a source given from outside, so that a run can be repeated.
15. A group begins with the same `StableLog.of(snapshot=Snapshot(1, 1, configuration))` on every member; who
    joins later begins with an empty `StableLog()` and gets a snapshot. With `Snapshot(0, 0, configuration)`
    everybody who ever joins must begin with it, as there is nothing to send in its place.
16. After a crash: `StableLog.of(...)` from the disk, and `applied=` the last index whose effects are
    durable. Entries above it that are committed come again in `Ready.committed`. A crash between the
    writes of one Ready is no harm: a commit index or a term older than the log is made good.
17. Never give a disk's place to an empty one: a node that lost its log must come back under another id.
    (It says so itself where it can: a heartbeat that commits beyond its log is a `ProtocolViolation`.)
18. A snapshot is a pointer: `Snapshot(index, term, configuration, data)`, where `data` says what to
    fetch (for us: a block height) and nothing more. A `Ready.snapshot` asks the driver to bring the
    application to that index before `advance`. `log.compact(node.snapshot(data))`, once what is applied
    is durable, forgets everything up to there; `log.offer(node.snapshot(data))` after a change (and at a
    start) makes newcomers welcome who were no members yet when the log was cut.
19. Tell the leader `report_unreachable(id)` when a link breaks, `report_snapshot(id, is_ok=…)` when a
    follower finished or failed to fetch a snapshot, `report_lost(id)` when one says that it holds nothing.
20. With `is_asynchronous` writes run in the background: hand `Ready.write` and `Ready.apply` to their
    threads in order, when done send or step the replies and call `written(receipt)` / `applied(receipt)`;
    `advance` is not used. `Ready.committed` then holds only what is already durable here. A snapshot may
    overtake entries that wait to be applied: skip those that it stands for, and give their receipt.

Read in this order: messages, quorum, membership, progress, storage, log, reads, state, election,
replication, leader, follower, change, ready, node. Sources: Ongaro's thesis (sections in comments); the
feature set and the traps are those of etcd's library, whose published test data runs against this code in
`tests/acceptance`.
"""

from consensus.raft.config import Config, HashJitter, Jitter, ReadMode
from consensus.raft.membership import Change, ChangeKind, ConfChange, Configuration, Transition
from consensus.raft.messages import NOBODY, Entry, EntryId, HardState, Message, Snapshot
from consensus.raft.node import MemberStatus, RaftNode, Status
from consensus.raft.reads import ReadState
from consensus.raft.ready import ApplyReceipt, Ready, SoftState, WriteReceipt
from consensus.raft.state import ProposalDropped, Role, UnknownPeer
from consensus.raft.storage import StableLog, Storage

__all__ = [
    "NOBODY",
    "ApplyReceipt",
    "Change",
    "ChangeKind",
    "ConfChange",
    "Config",
    "Configuration",
    "Entry",
    "EntryId",
    "HardState",
    "HashJitter",
    "Jitter",
    "MemberStatus",
    "Message",
    "ProposalDropped",
    "RaftNode",
    "ReadMode",
    "ReadState",
    "Ready",
    "Role",
    "Snapshot",
    "SoftState",
    "StableLog",
    "Status",
    "Storage",
    "Transition",
    "UnknownPeer",
    "WriteReceipt",
]
