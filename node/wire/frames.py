"""Peer frames on the wire: challenge, hello, batch; and the parts of an engine artifact.

A batch is encoded once, into pieces by priority; each piece is a serialised `Batch` of its own. Protobuf
merges concatenated messages, so a frame is a header and whole pieces, whoever they are for: a broadcast is
serialised once however many peers there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from consensus.encoding import Hash
from node.errors import CityError
from node.peers.batch import PeerBatch
from node.wire.codec import block_from_pb, block_to_pb, envelope_from_pb, envelope_to_pb
from node.wire.pb import peer_pb2 as pb

CONSENSUS, TRANSACTIONS, BLOCKS = 0, 1, 2  # the order in which pieces leave
PRIORITIES = ("consensus", "transactions", "blocks")

FRAME_BYTES_MAX = 8 * 1024 * 1024  # a full block with its certificate fits
PIECE_BYTES = 256 * 1024  # transactions and consensus messages are cut about here
CONSENSUS_BYTES_MAX = 2 * 1024 * 1024
CONSENSUS_MAX, TRANSACTIONS_MAX, WANTED_MAX, BLOCKS_MAX = 4096, 20_000, 20_000, 256
NONCE_BYTES = 32
STATEMENT_BYTES_MAX = 2048

FLAGS_MAX, FLAG_NAME = 256, re.compile("[a-z0-9-]{1,64}")

ENGINE_PART_BYTES = 1024 * 1024

_METHOD = "Link"
ENGINE = "Engine"
_SERVICE = pb.DESCRIPTOR.services_by_name["Peer"].full_name
_BATCH_KEY = bytes((pb.PeerFrame.BATCH_FIELD_NUMBER << 3 | 2,))


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a batch, ready to send. count: messages, transactions or blocks inside."""

    priority: int
    data: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Hello:
    """The second frame of each side. statement: canonical PeerStatement; grant: canonical SignedGrant or
    empty."""

    statement: bytes
    signature: bytes
    grant: bytes


def challenge_frame(nonce: bytes) -> bytes:
    return _bytes(pb.PeerFrame(challenge=pb.Challenge(nonce=nonce)))


def hello_frame(hello: Hello) -> bytes:
    message = pb.Hello(statement=hello.statement, signature=hello.signature, grant=hello.grant)
    return _bytes(pb.PeerFrame(hello=message))


def batch_frame(pieces: list[Piece]) -> bytes:
    """One frame of pieces, in their order."""
    body = b"".join(piece.data for piece in pieces)
    return _BATCH_KEY + _varint(len(body)) + body


def encode_batch(batch: PeerBatch) -> list[Piece]:
    """The batch in pieces. Requests, the tip and flags go with consensus: they are small, and others wait for
    them."""
    first = pb.Batch(
        want_transactions=batch.want_transactions,
        tip_height=batch.tip_height,
        blocks_from=batch.blocks_from,
    )
    if batch.flags is not None:
        first.flags.SetInParent()
        first.flags.names.extend(batch.flags)
    if batch.want_blocks is not None:
        first.want_blocks.first, first.want_blocks.last = batch.want_blocks
    pieces = _cut(batch.consensus, CONSENSUS)
    if first.ByteSize():
        pieces.append(Piece(CONSENSUS, _bytes(first), 1))
    pieces += _cut(batch.transactions, TRANSACTIONS)
    for block in batch.blocks:
        pieces.append(Piece(BLOCKS, _bytes(pb.Batch(blocks=[block_to_pb(block)])), 1))
    return pieces


def _cut(items: tuple[Any, ...], priority: int) -> list[Piece]:
    """Items of one kind in pieces of about PIECE_BYTES; a larger item stands alone."""
    pieces: list[Piece] = []
    held, size = pb.Batch(), 0
    count = 0
    for item in items:
        item_size = len(item) if priority == CONSENSUS else len(item.body) + 140
        if count and size + item_size > PIECE_BYTES:
            pieces.append(Piece(priority, _bytes(held), count))
            held, size, count = pb.Batch(), 0, 0
        if priority == CONSENSUS:
            held.consensus.add().body = item
        else:
            held.transactions.append(envelope_to_pb(item))
        size += item_size
        count += 1
    if count:
        pieces.append(Piece(priority, _bytes(held), count))
    return pieces


def parse_frame(data: bytes) -> bytes | Hello | PeerBatch:
    """A challenge's nonce, a hello or a batch. Raises CITY-6201 for anything out of bounds or order."""
    try:
        frame = pb.PeerFrame.FromString(data)
    except DecodeError as error:
        raise _violation("the bytes are no frame") from error
    kind = frame.WhichOneof("frame")
    if kind == "challenge":
        nonce: bytes = frame.challenge.nonce
        if len(nonce) != NONCE_BYTES:
            raise _violation("a challenge has 32 bytes")
        return nonce
    if kind == "hello":
        hello = frame.hello
        if max(len(hello.statement), len(hello.grant)) > STATEMENT_BYTES_MAX:
            raise _violation("the hello is too large")
        return Hello(hello.statement, hello.signature, hello.grant)
    if kind == "batch":
        return _batch(frame.batch)
    raise _violation("an empty frame")


def _batch(message: pb.Batch) -> PeerBatch:
    for what, items, limit in (
        ("consensus messages", message.consensus, CONSENSUS_MAX),
        ("transactions", message.transactions, TRANSACTIONS_MAX),
        ("wanted transactions", message.want_transactions, WANTED_MAX),
        ("blocks", message.blocks, BLOCKS_MAX),
    ):
        if len(items) > limit:
            raise _violation(f"{len(items)} {what} in one batch, at most {limit}")
    consensus = tuple(item.body for item in message.consensus)
    if any(not 0 < len(body) <= CONSENSUS_BYTES_MAX for body in consensus):
        raise _violation("a consensus message of no bytes or too many")
    if any(len(wanted) != 32 for wanted in message.want_transactions):
        raise _violation("a wanted transaction's id has 32 bytes")
    want_blocks = None
    if message.HasField("want_blocks"):
        want_blocks = (message.want_blocks.first, message.want_blocks.last)
        if not want_blocks[0] <= want_blocks[1]:
            raise _violation("a range of blocks that ends before it begins")
    flags = tuple(message.flags.names) if message.HasField("flags") else None
    if flags is not None and (len(flags) > FLAGS_MAX or not all(map(FLAG_NAME.fullmatch, flags))):
        raise _violation("names of flags are too many, or are none")
    try:
        transactions = tuple(map(envelope_from_pb, message.transactions))
        blocks = tuple(map(block_from_pb, message.blocks))
    except CityError as error:
        raise _violation(error.message) from error
    return PeerBatch(
        consensus,
        transactions,
        tuple(map(Hash, message.want_transactions)),
        want_blocks,
        blocks,
        message.tip_height,
        message.blocks_from,
        flags,
    )


def link_call(channel: grpc.aio.Channel) -> Any:
    """The client's side of Peer.Link, in frames as bytes."""
    return channel.stream_stream(f"/{_SERVICE}/{_METHOD}")


def peer_handler(link: Any, calls: Mapping[str, Any]) -> grpc.GenericRpcHandler:
    """The server's side of Peer, in bytes: `await link(request_iterator, context)`, and by name of the method
    `await call(request, context)`."""
    methods = {name: grpc.unary_unary_rpc_method_handler(call) for name, call in calls.items()}
    methods[_METHOD] = grpc.stream_stream_rpc_method_handler(link)
    return grpc.method_handlers_generic_handler(_SERVICE, methods)


def peer_call(channel: grpc.aio.Channel, method: str) -> Any:
    """The client's side of a unary method of Peer, in bytes."""
    return channel.unary_unary(f"/{_SERVICE}/{method}")


# ---- the engine artifact -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """Which part of which artifact. offset in bytes."""

    channel_id: Hash
    digest: Hash
    offset: int


def engine_request(request: EngineRequest) -> bytes:
    return _bytes(
        pb.EngineRequest(
            channel_id=request.channel_id, digest=request.digest, offset=request.offset
        )
    )


def parse_engine_request(data: bytes) -> EngineRequest:
    """Raises CITY-6201."""
    try:
        message = pb.EngineRequest.FromString(data)
    except DecodeError as error:
        raise _violation("the bytes are no engine request") from error
    if len(message.channel_id) != 32 or len(message.digest) != 32:
        raise _violation("an engine is asked for by two hashes of 32 bytes")
    return EngineRequest(Hash(message.channel_id), Hash(message.digest), message.offset)


def engine_part(data: bytes) -> bytes:
    return _bytes(pb.EnginePart(data=data))


def parse_engine_part(data: bytes) -> bytes:
    """Raises CITY-6201."""
    try:
        part: bytes = pb.EnginePart.FromString(data).data
    except DecodeError as error:
        raise _violation("the bytes are no part of an engine") from error
    if len(part) > ENGINE_PART_BYTES:
        raise _violation(f"a part of {len(part)} bytes")
    return part


def _violation(reason: str) -> CityError:
    return CityError("CITY-6201", reason=reason)


def _bytes(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)
