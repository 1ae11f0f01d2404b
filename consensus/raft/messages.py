"""What members tell each other, what a log holds, and what no correct member would say.

Every message names its sender and receiver. `term` is the sender's term, or for a pre-vote the term that
the candidate would begin. Proposal and ReadRequest carry no term: they are meant for whoever leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from consensus.raft.membership import NO_MEMBERS, ConfChange, Configuration

NOBODY: Final = 0


@dataclass(frozen=True, slots=True)
class EntryId:
    """Which entry: two logs that hold the same id at an index are the same up to there."""

    term: int
    index: int

    def is_up_to_date_with(self, other: EntryId) -> bool:
        """Whether a log that ends here may lead one that ends at `other` (thesis 3.6.1)."""
        return (self.term, self.index) >= (other.term, other.index)


@dataclass(frozen=True, slots=True)
class Payload:
    """What is proposed: bytes of the application, or a change of configuration."""

    data: bytes = b""
    change: ConfChange | None = None

    @property
    def size_bytes(self) -> int:
        return len(self.data) + (self.change.size_bytes if self.change is not None else 0)


EMPTY: Final = Payload()


@dataclass(frozen=True, slots=True)
class Entry:
    term: int
    index: int
    data: bytes = b""
    change: ConfChange | None = None

    @property
    def id(self) -> EntryId:
        return EntryId(self.term, self.index)

    @property
    def size_bytes(self) -> int:
        """Of the payload alone: an empty entry weighs nothing and is never refused for its size."""
        return len(self.data) + (self.change.size_bytes if self.change is not None else 0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything up to `index`, by pointer: `data` says to the application what to fetch."""

    index: int = 0
    term: int = 0
    configuration: Configuration = NO_MEMBERS
    data: bytes = b""

    @property
    def id(self) -> EntryId:
        return EntryId(self.term, self.index)


NO_SNAPSHOT: Final = Snapshot()


@dataclass(frozen=True, slots=True)
class HardState:
    """What must survive a crash besides the log."""

    term: int = 0
    vote: int = NOBODY
    commit: int = 0


NO_HARD_STATE: Final = HardState()


@dataclass(frozen=True, slots=True)
class VoteRequest:
    """`last`: where the candidate's log ends. `is_transfer`: the leader asked for this election."""

    from_: int
    to: int
    term: int
    last: EntryId
    is_pre: bool = False
    is_transfer: bool = False


@dataclass(frozen=True, slots=True)
class VoteReply:
    from_: int
    to: int
    term: int
    is_granted: bool
    is_pre: bool = False


@dataclass(frozen=True, slots=True)
class Append:
    """`entries` follow `prev`. `commit`: how far the leader has committed."""

    from_: int
    to: int
    term: int
    prev: EntryId
    entries: tuple[Entry, ...] = ()
    commit: int = 0


@dataclass(frozen=True, slots=True)
class AppendReply:
    """Accepted: the logs are the same up to `index`. Rejected: `index` is the `prev` that did not
    match, `hint` the highest entry at which they might. Also the answer to a leader of an older term,
    for the sake of its own term."""

    from_: int
    to: int
    term: int
    index: int = 0
    hint: EntryId | None = None

    @property
    def is_rejected(self) -> bool:
        return self.hint is not None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`commit` is no higher than what the follower is known to have. `read_position`: reads asked for
    so far that the answer confirms, 0 for none."""

    from_: int
    to: int
    term: int
    commit: int = 0
    read_position: int = 0


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    from_: int
    to: int
    term: int
    read_position: int = 0


@dataclass(frozen=True, slots=True)
class InstallSnapshot:
    from_: int
    to: int
    term: int
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """From a leader who wants `to` to lead: campaign at once."""

    from_: int
    to: int
    term: int


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """A follower was asked to hand leadership to `target` and passes it on."""

    from_: int
    to: int
    term: int
    target: int


@dataclass(frozen=True, slots=True)
class Proposal:
    from_: int
    to: int
    payloads: tuple[Payload, ...]


@dataclass(frozen=True, slots=True)
class ReadRequest:
    from_: int
    to: int
    context: bytes


@dataclass(frozen=True, slots=True)
class ReadReply:
    from_: int
    to: int
    term: int
    index: int
    context: bytes


Reply = VoteReply | AppendReply | HeartbeatReply | ReadReply
FromLeader = Append | Heartbeat | InstallSnapshot
Message = (
    VoteRequest
    | VoteReply
    | Append
    | AppendReply
    | Heartbeat
    | HeartbeatReply
    | InstallSnapshot
    | TimeoutNow
    | TransferRequest
    | Proposal
    | ReadRequest
    | ReadReply
)


def problem(message: Message) -> str:
    """Why no correct member says this, by the message alone; empty if one might."""
    if message.from_ <= 0 or message.to <= 0:
        return "an id is not positive"
    if isinstance(message, Proposal):
        return "" if message.payloads else "a proposal proposes nothing"
    if isinstance(message, ReadRequest):
        return ""
    if message.term <= 0:
        return "a term is not positive"
    if isinstance(message, VoteRequest):
        # Its own term may be behind its log for a moment, after a crash or with a given snapshot.
        return "" if _is_id(message.last, message.last.term) else "there is no such last entry"
    if isinstance(message, Append):
        return _append_problem(message)
    if isinstance(message, AppendReply):
        if message.index < 0 or (message.hint is not None and not _is_hint(message)):
            return "an index is negative, or the hint lies above what was rejected"
        return ""
    if isinstance(message, InstallSnapshot):
        snapshot = message.snapshot
        if snapshot.index <= 0 or not _is_id(snapshot.id, message.term):
            return "the snapshot is of no entry of this term or an earlier one"
        return snapshot.configuration.problem()
    if isinstance(message, Heartbeat):
        return "" if message.commit >= 0 and message.read_position >= 0 else "an index is negative"
    return ""


def _append_problem(message: Append) -> str:
    last = message.prev
    if not _is_id(last, message.term) or message.commit < 0:
        return "the entry before is of a later term"
    for entry in message.entries:
        if entry.index != last.index + 1:
            return "entries do not follow each other"
        if not max(last.term, 1) <= entry.term <= message.term:
            return "terms of entries fall, or exceed the leader's"
        last = entry.id
    return ""


def _is_id(entry: EntryId, term: int) -> bool:
    """Whether such an entry can be in a log in this term. (0, 0) stands before the first entry."""
    return entry == EntryId(0, 0) or (0 < entry.term <= term and entry.index > 0)


def _is_hint(reply: AppendReply) -> bool:
    assert reply.hint is not None
    return 0 <= reply.hint.index <= reply.index and 0 <= reply.hint.term <= reply.term
