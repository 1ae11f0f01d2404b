"""The messages of PBFT, their bytes on the wire and the signatures they carry (consensus.md section 3).

On the wire: one kind byte, then the structure; the signature is its last field. A Proposal, Prepare or
Commit signs the vote it stands for (see certificates), the others sign all their own bytes before the
signature. A Proposal's tx_ids and parent_cert are not signed: the first are bound by tx_root, the second
proves itself. Decided, BlockRequest and BlockSupply are unsigned: they prove themselves or claim nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.api import ProtocolViolation, SignatureItem
from consensus.certificate import (
    KIND_PBFT,
    CommitCert,
    InvalidCertificate,
    Seal,
    bitmap_indexes,
    certificate_items,
)
from consensus.encoding import EncodingError, Hash, Sig, decode, encode
from consensus.header import Header, block_hash
from consensus.merkle import HashFunction
from consensus.pbft.certificates import PreparedCert, leader_of, prepared_items, vote_message
from consensus.tags import Tag, preimage
from consensus.validators import ValidatorSet

MESSAGE_BYTES_MAX = 8 * 1024 * 1024
REASON_LENGTH_MAX = 100
_SIGNATURE_FIELD_BYTES = 4 + 64


@dataclass(frozen=True, slots=True)
class Proposal:
    """PRE-PREPARE: the block by reference. Counts as the leader's Prepare."""

    sender: int
    view: int
    header: Header
    tx_ids: tuple[Hash, ...]
    parent_cert: CommitCert | None
    signature: Sig


@dataclass(frozen=True, slots=True)
class Prepare:
    channel_id: Hash
    epoch: int
    sender: int
    view: int
    height: int
    block_hash: Hash
    signature: Sig


@dataclass(frozen=True, slots=True)
class Commit:
    """The signature is the seal that certificates are made of."""

    channel_id: Hash
    epoch: int
    sender: int
    view: int
    height: int
    block_hash: Hash
    signature: Sig


@dataclass(frozen=True, slots=True)
class Decided:
    cert: CommitCert


@dataclass(frozen=True, slots=True)
class ViewChange:
    """All its sender did below new_view: its tip and what it prepared above (tip + 1 to tip + W)."""

    channel_id: Hash
    epoch: int
    sender: int
    new_view: int
    tip_cert: CommitCert | None
    prepared: tuple[PreparedCert, ...]
    reason: str
    signature: Sig


@dataclass(frozen=True, slots=True)
class NewView:
    """q view changes sorted by sender. What follows from them everybody recomputes (R7)."""

    channel_id: Hash
    epoch: int
    sender: int
    view: int
    view_changes: tuple[ViewChange, ...]
    signature: Sig


@dataclass(frozen=True, slots=True)
class Status:
    """Where a node stands. `held` marks whose ViewChange for `view` it holds. A reply gets no reply."""

    channel_id: Hash
    epoch: int
    sender: int
    view: int
    is_active: bool
    tip_height: int
    tip_hash: Hash
    held: bytes
    is_reply: bool
    signature: Sig


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """A new leader asks for the transaction ids of a block it has to propose again."""

    channel_id: Hash
    block_hash: Hash


@dataclass(frozen=True, slots=True)
class BlockSupply:
    header: Header
    tx_ids: tuple[Hash, ...]


Message = (
    Proposal
    | Prepare
    | Commit
    | Decided
    | ViewChange
    | NewView
    | Status
    | BlockRequest
    | BlockSupply
)

KINDS: dict[int, type[Message]] = {
    1: Proposal,
    2: Prepare,
    3: Commit,
    4: Decided,
    5: ViewChange,
    6: NewView,
    7: Status,
    8: BlockRequest,
    9: BlockSupply,
}
_KIND_OF = {cls: kind for kind, cls in KINDS.items()}

_SIGNED_WHOLE: dict[type, Tag] = {
    ViewChange: Tag.VIEW_CHANGE,
    NewView: Tag.NEW_VIEW,
    Status: Tag.STATUS,
}


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
        return decode(kind, data[1:])
    except EncodingError as error:
        raise ProtocolViolation(f"{kind.__name__}: {error}") from error


def signed_bytes(message: ViewChange | NewView | Status, suite_id: int) -> bytes:
    """What the sender signs: the message without its last field, the signature."""
    unsigned = encode(message)[:-_SIGNATURE_FIELD_BYTES]
    return preimage(_SIGNED_WHOLE[type(message)], suite_id, unsigned)


@dataclass(frozen=True, slots=True)
class SignatureRules:
    """What it takes to name the signatures of a message: the channel, its validators, its hash."""

    suite_id: int
    channel_id: Hash
    validators: ValidatorSet
    hash_: HashFunction
    window: int

    def items(self, message: Message) -> list[SignatureItem]:
        """Every signature `message` carries, after all checks that need no cryptography. Pure.

        Raises ProtocolViolation for another channel or epoch, an unknown sender, or a certificate
        that cannot be valid."""
        try:
            return self._items(message)
        except InvalidCertificate as error:
            raise ProtocolViolation(f"{type(message).__name__}: {error}") from error

    def _items(self, message: Message) -> list[SignatureItem]:
        match message:
            case Proposal():
                return self._proposal_items(message)
            case Prepare() | Commit():
                self._check_origin(message.channel_id, message.epoch, message.sender)
                tag = Tag.PREPARE if isinstance(message, Prepare) else Tag.COMMIT_SEAL
                vote = Seal(
                    self.channel_id, message.epoch, message.height, message.view, message.block_hash
                )
                signed = vote_message(tag, self.suite_id, vote)
                return [self._item(message.sender, signed, message.signature)]
            case Decided():
                return self._cert_items(message.cert)
            case ViewChange():
                return self._view_change_items(message)
            case NewView():
                return self._new_view_items(message)
            case Status():
                self._check_origin(message.channel_id, message.epoch, message.sender)
                bitmap_indexes(message.held, len(self.validators))
                signed = signed_bytes(message, self.suite_id)
                return [self._item(message.sender, signed, message.signature)]
            case BlockRequest():
                self._check_origin(message.channel_id, self.validators.epoch, 0)
                return []
            case BlockSupply():
                self._check_header_origin(message.header, 0)
                return []
        raise ProtocolViolation(f"not a PBFT message: {type(message).__name__}")

    def _check_origin(self, channel_id: Hash, epoch: int, sender: int) -> None:
        if channel_id != self.channel_id:
            raise ProtocolViolation("another channel")
        if epoch != self.validators.epoch:
            raise ProtocolViolation(f"epoch {epoch} is not {self.validators.epoch}")
        if sender >= len(self.validators):
            raise ProtocolViolation("no such validator")

    def _check_header_origin(self, header: Header, sender: int) -> None:
        self._check_origin(header.channel_id, header.epoch, sender)
        if header.suite != self.suite_id:
            raise ProtocolViolation("a header of another suite")

    def _item(self, sender: int, signed: bytes, signature: Sig) -> SignatureItem:
        return SignatureItem(self.validators.key(sender), signed, signature)

    def _cert_items(self, cert: CommitCert) -> list[SignatureItem]:
        return certificate_items(cert, KIND_PBFT, self.suite_id, self.channel_id, self.validators)

    def _proposal_items(self, message: Proposal) -> list[SignatureItem]:
        header = message.header
        self._check_header_origin(header, message.sender)
        if message.sender != leader_of(message.view, self.validators):
            raise ProtocolViolation("a proposal by another than the view's leader")
        digest = block_hash(self.hash_, header)
        vote = Seal(self.channel_id, header.epoch, header.height, message.view, digest)
        signed = vote_message(Tag.PROPOSAL, self.suite_id, vote)
        items = [self._item(message.sender, signed, message.signature)]
        if message.parent_cert is not None:
            parent = (header.height - 1, header.parent_hash)
            if (message.parent_cert.height, message.parent_cert.block_hash) != parent:
                raise ProtocolViolation("parent_cert is not the parent's")
            items += self._cert_items(message.parent_cert)
        return items

    def _view_change_items(self, message: ViewChange) -> list[SignatureItem]:
        self._check_origin(message.channel_id, message.epoch, message.sender)
        if len(message.reason) > REASON_LENGTH_MAX:
            raise ProtocolViolation("a reason longer than a sentence")
        signed = signed_bytes(message, self.suite_id)
        items = [self._item(message.sender, signed, message.signature)]
        below = 0
        if message.tip_cert is not None:
            items += self._cert_items(message.tip_cert)
            below = message.tip_cert.height
        highest = below + self.window
        for cert in message.prepared:
            if cert.view >= message.new_view:
                raise ProtocolViolation("prepared in a view that is not below the new one")
            if not below < cert.header.height <= highest:
                raise ProtocolViolation("prepared heights do not rise within the window")
            below = cert.header.height
            items += prepared_items(
                cert, self.suite_id, self.channel_id, self.validators, self.hash_
            )
        return items

    def _new_view_items(self, message: NewView) -> list[SignatureItem]:
        self._check_origin(message.channel_id, message.epoch, message.sender)
        if message.view == 0 or message.sender != leader_of(message.view, self.validators):
            raise ProtocolViolation("a NewView by another than the view's leader")
        senders = [change.sender for change in message.view_changes]
        if len(senders) != self.validators.quorum or senders != sorted(dict.fromkeys(senders)):
            raise ProtocolViolation("a NewView carries a quorum of view changes, sorted by sender")
        if any(change.new_view != message.view for change in message.view_changes):
            raise ProtocolViolation("a NewView with view changes for another view")
        signed = signed_bytes(message, self.suite_id)
        items = [self._item(message.sender, signed, message.signature)]
        for change in message.view_changes:
            items += self._view_change_items(change)
        return items
