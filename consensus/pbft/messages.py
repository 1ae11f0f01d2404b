"""The messages of PBFT, their bytes on the wire and the signatures they carry (consensus.md section 3).

On the wire: one kind byte, then the structure; the signature is its last field. A Proposal, Prepare or
Commit signs the vote it stands for (see certificates), the others sign all their own bytes before the
signature. A Proposal's tx_ids and parent_cert are not signed: the first are bound by tx_root, the second
proves itself. Decided, BlockRequest, BlockSupply and StatusRequest are unsigned: they prove themselves or
claim nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from consensus.api import EpochBase, ProtocolViolation, SignatureItem
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
HEIGHT_MAX = 1 << 62  # of a claim: no chain comes near, and what is reckoned from it can be said
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
    """Where a node stands. `held` marks whose ViewChange for `view` it holds. A reply gets no reply.

    is_voting: false while it observes. echo: the nonce of the StatusRequest that this answers, else 0."""

    channel_id: Hash
    epoch: int
    sender: int
    view: int
    is_active: bool
    tip_height: int
    tip_hash: Hash
    held: bytes
    is_reply: bool
    is_voting: bool
    echo: int
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


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The sender has executed block `height` durably and found `state_root`. `manifest` names the snapshot
    made there, zero where none was."""

    channel_id: Hash
    epoch: int
    sender: int
    height: int
    block_hash: Hash
    state_root: Hash
    manifest: Hash
    signature: Sig


@dataclass(frozen=True, slots=True)
class CheckpointRequest:
    """The sender does not vote until others sign a checkpoint at `height` or above. Handed on as it is."""

    channel_id: Hash
    epoch: int
    sender: int
    height: int
    signature: Sig


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Asks for a Status of now: the answer carries the nonce."""

    channel_id: Hash
    epoch: int
    nonce: int


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
    | Checkpoint
    | CheckpointRequest
    | StatusRequest
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
    10: Checkpoint,
    11: CheckpointRequest,
    12: StatusRequest,
}
_KIND_OF = {cls: kind for kind, cls in KINDS.items()}

_SIGNED_WHOLE: dict[type, Tag] = {
    ViewChange: Tag.VIEW_CHANGE,
    NewView: Tag.NEW_VIEW,
    Status: Tag.STATUS,
    Checkpoint: Tag.CHECKPOINT,
    CheckpointRequest: Tag.CHECKPOINT_REQUEST,
}

SignedWhole = ViewChange | NewView | Status | Checkpoint | CheckpointRequest


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


def epoch_of(message: Message) -> int | None:
    """The epoch a message belongs to; None for a BlockRequest, which asks by hash."""
    match message:
        case Proposal(header=header) | BlockSupply(header=header):
            return header.epoch
        case Decided(cert=cert):
            return cert.epoch
        case BlockRequest():
            return None
        case _:
            return message.epoch


def signed_bytes(message: SignedWhole, suite_id: int) -> bytes:
    """What the sender signs: the message without its last field, the signature."""
    unsigned = encode(message)[:-_SIGNATURE_FIELD_BYTES]
    return preimage(_SIGNED_WHOLE[type(message)], suite_id, unsigned)


def encode_signed(unsigned: SignedWhole, suite_id: int, sign: Callable[[bytes], Sig]) -> bytes:
    """On the wire, with the signature of its sender in place of the one in `unsigned`. Encoded once."""
    data = encode_message(unsigned)[:-64]
    signature = sign(preimage(_SIGNED_WHOLE[type(unsigned)], suite_id, data[1:-4]))
    return data + signature


@dataclass(frozen=True, slots=True)
class SignatureRules:
    """What it takes to name the signatures of a message: the channel, its validators, its hash, and the
    block that the epoch stands on (None: genesis at height 0)."""

    suite_id: int
    channel_id: Hash
    validators: ValidatorSet
    hash_: HashFunction
    window: int
    base: EpochBase | None = None

    @property
    def base_height(self) -> int:
        return self.base.height if self.base else 0

    def is_foreign(self, message: Message) -> bool:
        """Whether it belongs to another epoch: nobody's fault, and nothing that this one's votes rest on."""
        return epoch_of(message) not in (None, self.validators.epoch)

    def items(self, message: Message) -> list[SignatureItem]:
        """Every signature `message` carries, after all checks that need no cryptography. Pure.

        Of a message of another epoch only a parent_cert of this epoch is looked at. Raises
        ProtocolViolation for another channel, an unknown sender, or a certificate that cannot be valid."""
        try:
            return (
                self._foreign_items(message) if self.is_foreign(message) else self._items(message)
            )
        except InvalidCertificate as error:
            raise ProtocolViolation(f"{type(message).__name__}: {error}") from error

    def _foreign_items(self, message: Message) -> list[SignatureItem]:
        """The first block of the next epoch carries the certificate of this one's last (fabric PR#5024)."""
        if isinstance(message, Proposal) and message.parent_cert is not None:
            if message.header.channel_id != self.channel_id:
                raise ProtocolViolation("another channel")
            if message.parent_cert.epoch == self.validators.epoch:
                return self._parent_items(message.header, message.parent_cert)
        return []

    def _items(self, message: Message) -> list[SignatureItem]:
        match message:
            case Proposal():
                return self._proposal_items(message)
            case Prepare() | Commit():
                self._check_origin(message.channel_id, message.sender)
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
                if message.tip_height > HEIGHT_MAX:
                    raise ProtocolViolation("a tip that no chain reaches")
                bitmap_indexes(message.held, len(self.validators))
                return [self._whole(message)]
            case Checkpoint() | CheckpointRequest():
                return [self._whole(message)]
            case BlockRequest() | StatusRequest():
                self._check_origin(message.channel_id, 0)
                return []
            case BlockSupply():
                self._check_header_origin(message.header, 0)
                return []
        raise ProtocolViolation(f"not a PBFT message: {type(message).__name__}")

    def _check_origin(self, channel_id: Hash, sender: int) -> None:
        if channel_id != self.channel_id:
            raise ProtocolViolation("another channel")
        if sender >= len(self.validators):
            raise ProtocolViolation("no such validator")

    def _check_header_origin(self, header: Header, sender: int) -> None:
        self._check_origin(header.channel_id, sender)
        if header.suite != self.suite_id:
            raise ProtocolViolation("a header of another suite")

    def _item(self, sender: int, signed: bytes, signature: Sig) -> SignatureItem:
        return SignatureItem(self.validators.key(sender), signed, signature)

    def _whole(self, message: SignedWhole) -> SignatureItem:
        """The signature over all of a message, after a look at where it comes from."""
        self._check_origin(message.channel_id, message.sender)
        return self._item(message.sender, signed_bytes(message, self.suite_id), message.signature)

    def _cert_items(self, cert: CommitCert) -> list[SignatureItem]:
        return certificate_items(cert, KIND_PBFT, self.suite_id, self.channel_id, self.validators)

    def _parent_items(self, header: Header, cert: CommitCert) -> list[SignatureItem]:
        """A certificate is verified under the validators of its own epoch."""
        if (cert.height, cert.block_hash) != (header.height - 1, header.parent_hash):
            raise ProtocolViolation("parent_cert is not the parent's")
        base = self.base
        if base is None or base.validators is None or cert.height != base.height:
            return self._cert_items(cert)
        return certificate_items(cert, KIND_PBFT, self.suite_id, self.channel_id, base.validators)

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
            items += self._parent_items(header, message.parent_cert)
        return items

    def _view_change_items(self, message: ViewChange) -> list[SignatureItem]:
        if len(message.reason) > REASON_LENGTH_MAX:
            raise ProtocolViolation("a reason longer than a sentence")
        items = [self._whole(message)]
        below = self.base_height
        if message.tip_cert is not None:
            if message.tip_cert.height <= below:
                raise ProtocolViolation("a tip below the first block of the epoch")
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
        if message.view == 0 or message.sender != leader_of(message.view, self.validators):
            raise ProtocolViolation("a NewView by another than the view's leader")
        senders = [change.sender for change in message.view_changes]
        if len(senders) != self.validators.quorum or senders != sorted(dict.fromkeys(senders)):
            raise ProtocolViolation("a NewView carries a quorum of view changes, sorted by sender")
        epoch = self.validators.epoch
        if any((c.epoch, c.new_view) != (epoch, message.view) for c in message.view_changes):
            raise ProtocolViolation("a NewView with view changes for another view")
        items = [self._whole(message)]
        for change in message.view_changes:
            items += self._view_change_items(change)
        return items
