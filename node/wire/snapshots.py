"""Snapshots on the peers' port: requests and replies as bytes, strictly read.

Each request carries the grant of a node that the configuration does not name; who asks is proven by TLS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import DecodeError

from consensus.certificate import CommitCert
from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.header import Header
from consensus.proof import SetChange
from node.errors import CityError
from node.model import SnapshotIndex, StoredBlock
from node.wire.codec import block_from_pb, block_to_pb
from node.wire.frames import STATEMENT_BYTES_MAX
from node.wire.pb import peer_pb2 as pb

SNAPSHOT, PART, CHAIN = "Snapshot", "SnapshotPart", "Chain"
CHANGES_MAX = 10_000
PART_BYTES_MAX = 7 * 1024 * 1024  # a part is about 1 MiB; one record may be larger
BLOCKS_MAX, HEADERS_MAX = 256, 4096

SealedHeader = tuple[Header, CommitCert]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Offer:
    """The newest snapshot of a peer, and the changes of the validators on the way to it."""

    index: SnapshotIndex
    changes: tuple[SetChange, ...]


@dataclass(frozen=True, slots=True)
class ChainRequest:
    first: int
    last: int
    with_bodies: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Which channel a request is about, and the asker's grant or nothing."""

    channel_id: Hash
    grant: bytes


# ---- requests --------------------------------------------------------------------------------------


def snapshot_request(asked: Asked) -> bytes:
    return _bytes(pb.SnapshotRequest(channel_id=asked.channel_id, grant=asked.grant))


def part_request(asked: Asked, height: int, part: int) -> bytes:
    channel_id, grant = asked.channel_id, asked.grant
    return _bytes(
        pb.SnapshotPartRequest(channel_id=channel_id, grant=grant, height=height, part=part)
    )


def chain_request(asked: Asked, wanted: ChainRequest) -> bytes:
    return _bytes(
        pb.ChainRequest(
            channel_id=asked.channel_id,
            grant=asked.grant,
            first=wanted.first,
            last=wanted.last,
            with_bodies=wanted.with_bodies,
        )
    )


def parse_snapshot_request(data: bytes) -> Asked:
    """Raises CITY-6201, as all of these."""
    return _asked(_parse(pb.SnapshotRequest, data))


def parse_part_request(data: bytes) -> tuple[Asked, int, int]:
    message = _parse(pb.SnapshotPartRequest, data)
    return _asked(message), message.height, message.part


def parse_chain_request(data: bytes) -> tuple[Asked, ChainRequest]:
    message = _parse(pb.ChainRequest, data)
    if not 0 < message.first <= message.last:
        raise _violation("a range of blocks that ends before it begins")
    return _asked(message), ChainRequest(message.first, message.last, message.with_bodies)


def asked_channel(method: str, data: bytes) -> Hash:
    """The channel of a request of this method."""
    kinds = {SNAPSHOT: pb.SnapshotRequest, PART: pb.SnapshotPartRequest, CHAIN: pb.ChainRequest}
    return _asked(_parse(kinds[method], data)).channel_id


def _asked(message: Any) -> Asked:
    if len(message.channel_id) != 32 or len(message.grant) > STATEMENT_BYTES_MAX:
        raise _violation("a snapshot is asked for by a channel's id and at most a grant")
    return Asked(Hash(message.channel_id), message.grant)


# ---- replies ---------------------------------------------------------------------------------------


def offer_reply(offer: Offer | None) -> bytes:
    if offer is None:
        return b""
    changes = [encode(change) for change in offer.changes]
    return _bytes(pb.SnapshotOffer(index=encode(offer.index), changes=changes))


def parse_offer(data: bytes) -> Offer | None:
    """None where the peer holds no snapshot."""
    message = _parse(pb.SnapshotOffer, data)
    if not message.index:
        return None
    if len(message.changes) > CHANGES_MAX:
        raise _violation("too many changes of the validators")
    try:
        index = decode(SnapshotIndex, message.index)
        return Offer(index, tuple(decode(SetChange, change) for change in message.changes))
    except EncodingError as error:
        raise _violation(f"the offer is not canonical: {error}") from error


def part_reply(data: bytes) -> bytes:
    return _bytes(pb.SnapshotPartReply(data=data))


def parse_part(data: bytes) -> bytes:
    part: bytes = _parse(pb.SnapshotPartReply, data).data
    if len(part) > PART_BYTES_MAX:
        raise _violation(f"a part of {len(part)} bytes")
    return part


def headers_reply(headers: Sequence[SealedHeader]) -> bytes:
    sealed = [pb.SealedHeader(header=encode(h), certificate=encode(c)) for h, c in headers]
    return _bytes(pb.ChainReply(headers=sealed))


def blocks_reply(blocks: Sequence[StoredBlock]) -> bytes:
    return _bytes(pb.ChainReply(blocks=[block_to_pb(block) for block in blocks]))


def parse_headers(data: bytes) -> list[SealedHeader]:
    message = _parse(pb.ChainReply, data)
    if len(message.headers) > HEADERS_MAX:
        raise _violation(f"{len(message.headers)} headers at a time")
    try:
        return [
            (decode(Header, each.header), decode(CommitCert, each.certificate))
            for each in message.headers
        ]
    except EncodingError as error:
        raise _violation(f"a header is not canonical: {error}") from error


def parse_blocks(data: bytes) -> list[StoredBlock]:
    message = _parse(pb.ChainReply, data)
    if len(message.blocks) > BLOCKS_MAX:
        raise _violation(f"{len(message.blocks)} blocks at a time")
    try:
        return [block_from_pb(block) for block in message.blocks]
    except CityError as error:
        raise _violation(error.message) from error


def _parse(kind: type[T], data: bytes) -> T:
    try:
        message: T = kind.FromString(data)  # type: ignore[attr-defined]
    except DecodeError as error:
        raise _violation(f"the bytes are no {kind.__name__}") from error
    return message


def _violation(reason: str) -> CityError:
    return CityError("CITY-6201", reason=reason)


def _bytes(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data
