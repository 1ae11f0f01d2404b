"""What members of a Raft channel send each other, and its bytes.

The pure core's messages travel with a head that names channel, epoch and term and tells the sender's tip. They
are not signed: members are trusted not to lie, and the link says who speaks. Signed are only the seals in an
append reply and the certificates made of them, because others than members believe those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from consensus.api import ProtocolViolation
from consensus.certificate import CommitCert
from consensus.encoding import EncodingError, Hash, Sig, decode, encode
from consensus.header import Header
from consensus.raft import messages as raft
from consensus.raft.membership import Configuration

MESSAGE_BYTES_MAX: Final = 8 * 1024 * 1024
TERM_MAX: Final = 1 << 62  # no group elects so often, and the next term can still be said


@dataclass(frozen=True, slots=True)
class BlockEntry:
    """What an entry of the log holds: a whole block by reference."""

    header: Header
    tx_ids: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class BlockPointer:
    """What a snapshot holds: fetch the certified blocks up to here."""

    height: int
    block_hash: Hash


@dataclass(frozen=True, slots=True)
class Head:
    """`tip_height` is of the sender's last certified block. Term as the pure core gives it."""

    channel_id: Hash
    epoch: int
    sender: int
    tip_height: int
    term: int


@dataclass(frozen=True, slots=True)
class Place:
    term: int
    index: int


@dataclass(frozen=True, slots=True)
class LogEntry:
    term: int
    index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class HeldBlock:
    """A seal: its signer holds this block durably in the log of the term that stands in the head."""

    height: int
    block_hash: Hash
    seal: Sig


@dataclass(frozen=True, slots=True)
class VoteRequest:
    """life: another number in every life of its sender."""

    head: Head
    last: Place
    is_pre: bool
    is_transfer: bool
    life: int


@dataclass(frozen=True, slots=True)
class VoteReply:
    """life: of the candidate when it asked. Whose disk was emptied since may ask again in the same term, and
    so may others: what its earlier life was promised is not its own (`hearing`)."""

    head: Head
    is_granted: bool
    is_pre: bool
    life: int


@dataclass(frozen=True, slots=True)
class Append:
    head: Head
    previous: Place
    entries: tuple[LogEntry, ...]
    commit: int


@dataclass(frozen=True, slots=True)
class AppendReply:
    head: Head
    index: int
    hint: Place | None
    seals: tuple[HeldBlock, ...]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    head: Head
    commit: int


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    head: Head


@dataclass(frozen=True, slots=True)
class InstallSnapshot:
    head: Head
    last: Place
    pointer: BlockPointer


@dataclass(frozen=True, slots=True)
class Hello:
    """Of a member that has not voted yet, and the answer to it: is_blank, that its sender holds no block;
    is_voting, that it remembers what it has promised; last, where its log ends (in an answer: or where one must
    end that it would vote for)."""

    head: Head
    last: Place
    is_blank: bool
    is_voting: bool
    nonce: int
    is_reply: bool


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """From a leader that is about to stop: campaign at once."""

    head: Head


@dataclass(frozen=True, slots=True)
class Decided:
    """A certificate: whoever has the block may deliver it, whoever has not may fetch it."""

    cert: CommitCert


Spoken = (
    VoteRequest
    | VoteReply
    | Append
    | AppendReply
    | Heartbeat
    | HeartbeatReply
    | InstallSnapshot
    | TimeoutNow
)
Message = Spoken | Hello | Decided

KINDS: dict[int, type[Message]] = {
    1: VoteRequest,
    2: VoteReply,
    3: Append,
    4: AppendReply,
    5: Heartbeat,
    6: HeartbeatReply,
    7: InstallSnapshot,
    8: Decided,
    9: Hello,
    10: TimeoutNow,
}
_KIND_OF = {cls: kind for kind, cls in KINDS.items()}


def encode_message(message: Message) -> bytes:
    return bytes((_KIND_OF[type(message)],)) + encode(message)


def decode_message(data: bytes) -> Message:
    """The message whose only encoding is `data`. Raises ProtocolViolation."""
    if not 1 <= len(data) <= MESSAGE_BYTES_MAX:
        raise ProtocolViolation("message size out of range")
    kind = KINDS.get(data[0])
    if kind is None:
        raise ProtocolViolation(f"unknown message kind {data[0]}")
    try:
        message: Message = decode(kind, data[1:])
    except (EncodingError, ValueError) as error:
        raise ProtocolViolation(f"{kind.__name__}: {error}") from error
    return message


def decode_block(data: bytes) -> BlockEntry | None:
    """None where these are not the bytes of a block: a member of another version may have proposed it."""
    try:
        return decode(BlockEntry, data)
    except (EncodingError, ValueError):
        return None


def decode_pointer(data: bytes) -> BlockPointer:
    return decode(BlockPointer, data)


# --- between the wire and the pure core ------------------------------------------------------------


def place_of(id_: raft.EntryId) -> Place:
    return Place(id_.term, id_.index)


def entry_id(place: Place) -> raft.EntryId:
    return raft.EntryId(place.term, place.index)


def to_wire(message: raft.Message, head: Head, seals: Sequence[HeldBlock], life: int) -> Spoken:
    """`seals` go along with an append reply, `life` (of the candidate) with what is said of a vote."""
    match message:
        case raft.VoteRequest():
            last = place_of(message.last)
            return VoteRequest(head, last, message.is_pre, message.is_transfer, life)
        case raft.VoteReply():
            return VoteReply(head, message.is_granted, message.is_pre, life)
        case raft.Append():
            entries = tuple(LogEntry(e.term, e.index, e.data) for e in message.entries)
            return Append(head, place_of(message.prev), entries, message.commit)
        case raft.AppendReply():
            hint = None if message.hint is None else place_of(message.hint)
            return AppendReply(head, message.index, hint, tuple(seals))
        case raft.Heartbeat():
            return Heartbeat(head, message.commit)
        case raft.HeartbeatReply():
            return HeartbeatReply(head)
        case raft.InstallSnapshot():
            pointer = decode_pointer(message.snapshot.data)
            return InstallSnapshot(head, place_of(message.snapshot.id), pointer)
        case raft.TimeoutNow():
            return TimeoutNow(head)
    raise AssertionError(f"ordering never causes a {type(message).__name__}")


def from_wire(message: Spoken, own_id: int, members: Configuration) -> raft.Message:
    """The pure core's message, from the member that the link names."""
    head = message.head
    ends: tuple[int, int, int] = (head.sender + 1, own_id, head.term)
    match message:
        case VoteRequest():
            wanted = message.is_pre, message.is_transfer
            return raft.VoteRequest(*ends, entry_id(message.last), *wanted)
        case VoteReply():
            return raft.VoteReply(*ends, message.is_granted, message.is_pre)
        case Append():
            entries = tuple(raft.Entry(e.term, e.index, e.data) for e in message.entries)
            return raft.Append(*ends, entry_id(message.previous), entries, message.commit)
        case AppendReply():
            hint = None if message.hint is None else entry_id(message.hint)
            return raft.AppendReply(*ends, message.index, hint)
        case Heartbeat():
            return raft.Heartbeat(*ends, message.commit)
        case HeartbeatReply():
            return raft.HeartbeatReply(*ends)
        case InstallSnapshot():
            end, data = message.last, encode(message.pointer)
            snapshot = raft.Snapshot(end.index, end.term, members, data)
            return raft.InstallSnapshot(*ends, snapshot)
        case TimeoutNow():
            return raft.TimeoutNow(*ends)


def is_spoken(message: Any) -> bool:
    return isinstance(message, Spoken | Hello)
