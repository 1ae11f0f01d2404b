"""What arrives over gRPC: frames of peers, requests of clients, answers of nodes."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from consensus.certificate import CommitCert
from consensus.encoding import ZERO_HASH, Hash, Sig, decode, encode
from consensus.header import Header
from consensus.pbft.messages import KINDS
from consensus.proof import SetChange
from contracts.runtime import values
from node.errors import CityError
from node.model import Envelope, SnapshotIndex, StoredBlock
from node.peers.batch import PeerBatch
from node.peers.statement import PeerStatement, check_statement
from node.wire import frames, snapshots, status
from node.wire.body import TxBody, build_body, parse_body
from node.wire.codec import (
    block_from_pb,
    block_to_pb,
    envelope_from_pb,
    envelopes_from_pb,
    hash_from_bytes,
    value_json,
)
from node.wire.operator_statement import OperatorStatement, check_operator
from node.wire.pb import api_pb2, ledger_pb2
from node.wire.read_statement import ReadStatement, check_read
from tests.fuzz.decoder import Decoder
from tests.fuzz.rows_consensus import NOW_MS, SUITE
from tests.fuzz.samples import messages, structures, tagged


def _bodies() -> list[bytes]:
    calls = [
        ("transfer", "open_account", '{"owner":"a","amount":1}'),
        ("_config", "approve", '{"id":"1"}'),
    ]
    return [
        build_body(TxBody(1, Hash(b"c" * 32), Hash(b"s" * 32), contract, 1, method, args, b"n" * 16,
                          700, 100_000, "request-1"))
        for contract, method, args in calls
    ]  # fmt: skip


def _headers() -> list[bytes]:
    return structures(Header, some=4)


def _blocks() -> list[StoredBlock]:
    headers = [decode(Header, data) for data in _headers()]
    certs = [decode(CommitCert, data) for data in structures(CommitCert, some=4)]
    body = _bodies()[0]
    return [
        StoredBlock(
            dataclasses.replace(header, tx_count=n),
            tuple(Envelope(body, b"k" * 65, b"s" * 64) for _ in range(n)),
            None if n == 3 else cert,
        )
        for n, (header, cert) in enumerate(zip(headers, certs, strict=True))
    ]


def _frames() -> list[bytes]:
    batches = [
        PeerBatch(consensus=tuple(tagged(KINDS, some=1)), tip_height=9),
        PeerBatch(transactions=tuple(Envelope(b, b"k" * 65, b"s" * 64) for b in _bodies())),
        PeerBatch(want_transactions=(ZERO_HASH, Hash(b"a" * 32)), want_blocks=(1, 9)),
        PeerBatch(blocks=tuple(_blocks())),
        PeerBatch(tip_height=1, blocks_from=1, flags=("contract-notice", "b")),
    ]
    said = [frames.batch_frame(frames.encode_batch(batch)) for batch in batches]
    statement = structures(PeerStatement, some=2)
    said += [frames.hello_frame(frames.Hello(one, b"s" * 64, b"grant")) for one in statement]
    return [*said, frames.challenge_frame(b"n" * 32)]


def _parsed(kind: Any, read: Any) -> Any:
    """As gRPC does it: what is no message does not reach the product."""

    def run(data: bytes) -> object:
        try:
            message = kind.FromString(data)
        except DecodeError:
            return None
        return read(message)

    return run


ASKED = snapshots.Asked(Hash(b"c" * 32), b"grant")
READING = ReadStatement(Hash(b"c" * 32), Hash(b"n" * 32), b"k" * 65, NOW_MS + 1000)
OPERATING = OperatorStatement(READING.node_identity, "JoinChannel", READING.reader_key, NOW_MS)
EXPECTED = PeerStatement(Hash(b"c" * 32), b"k" * 65, b"p" * 65, Hash(b"f" * 32), Hash(b"g" * 32),
                         Hash(b"n" * 32), Hash(b"m" * 32), NOW_MS, NOW_MS + 1000)  # fmt: skip


def _offers() -> list[bytes]:
    indexes = [decode(SnapshotIndex, data) for data in structures(SnapshotIndex, some=3)]
    changes = tuple(decode(SetChange, data) for data in structures(SetChange, some=3))
    return [snapshots.offer_reply(snapshots.Offer(index, changes)) for index in indexes] + [b""]


def _sealed() -> list[bytes]:
    blocks = [block for block in _blocks() if block.certificate is not None]
    return [snapshots.headers_reply([(b.header, b.certificate) for b in blocks])]


def _statuses() -> list[bytes]:
    told = [
        CityError("CITY-1002", field="body", rule="32 bytes"),
        CityError("CITY-3009", name="transfer", version=1, active=2),
        CityError("CITY-6001", reason="why"),
    ]
    odd = status_pb2.Status(code=3, message="odd")
    packed = PbAny()
    variables = {"code": "CITY-1002", "self": "x", "name": "y"}
    packed.Pack(error_details_pb2.ErrorInfo(reason="A", domain=status.DOMAIN, metadata=variables))
    odd.details.append(packed)
    return [status.to_status(each).SerializeToString() for each in told] + [odd.SerializeToString()]


def _values() -> list[bytes]:
    said: list[Any] = [
        {"owner": "a", "amount": 5, "list": [1, -2, 1 << 70], "none": None, "is": True},
        ("PX", b"bytes", Decimal("1.50"), ("inner", ()), {"k": {}}),
        values.Record("Party", {"name": "PX", "since": 7}),
    ]
    return [values.encode(each) for each in said]


class _Ended:
    """The end of a call, with these bytes where a node puts its error."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return ((rpc_status.GRPC_DETAILS_METADATA_KEY, self._data),)


ROWS = [
    Decoder("transaction body", parse_body, (CityError,), "protobuf", _bodies,
            ("node.wire.body.parse_body",)),
    Decoder("envelope", _parsed(ledger_pb2.Envelope, envelope_from_pb), (CityError,), "protobuf",
            lambda: messages(ledger_pb2.Envelope, _bodies()), ("node.wire.codec.envelope_from_pb",)),
    Decoder("submitted batch",
            _parsed(api_pb2.SubmitBatchRequest, lambda m: envelopes_from_pb(m.envelopes)),
            (), "protobuf", lambda: messages(api_pb2.SubmitBatchRequest, _bodies()),
            ("node.wire.codec.envelopes_from_pb",)),
    Decoder("block", _parsed(ledger_pb2.Block, block_from_pb), (CityError,), "protobuf",
            lambda: [block_to_pb(b).SerializeToString() for b in _blocks()],
            ("node.wire.codec.block_from_pb",)),
    Decoder("hash of a request", lambda data: hash_from_bytes(data, "id"), (CityError,), "frames",
            lambda: [b"h" * 32], ("node.wire.codec.hash_from_bytes",)),
    Decoder("value as JSON", value_json, (), "values", _values),
    Decoder("peer frame", frames.parse_frame, (CityError,), "protobuf", _frames,
            ("node.wire.frames.parse_frame",)),
    Decoder("engine request", frames.parse_engine_request, (CityError,), "protobuf",
            lambda: [frames.engine_request(
                frames.EngineRequest(Hash(b"c" * 32), Hash(b"d" * 32), 1 << 20))],
            ("node.wire.frames.parse_engine_request",)),
    Decoder("engine part", frames.parse_engine_part, (CityError,), "protobuf",
            lambda: [frames.engine_part(b"part" * 9)], ("node.wire.frames.parse_engine_part",)),
    Decoder("snapshot request", snapshots.parse_snapshot_request, (CityError,), "protobuf",
            lambda: [snapshots.snapshot_request(ASKED)],
            ("node.wire.snapshots.parse_snapshot_request", "node.wire.snapshots._parse")),
    Decoder("snapshot part request", snapshots.parse_part_request, (CityError,), "protobuf",
            lambda: [snapshots.part_request(ASKED, 64, 3)],
            ("node.wire.snapshots.parse_part_request",)),
    Decoder("chain request", snapshots.parse_chain_request, (CityError,), "protobuf",
            lambda: [snapshots.chain_request(ASKED, snapshots.ChainRequest(1, 9, True))],
            ("node.wire.snapshots.parse_chain_request",)),
    Decoder("snapshot offer", snapshots.parse_offer, (CityError,), "protobuf", _offers,
            ("node.wire.snapshots.parse_offer",)),
    Decoder("snapshot part reply", snapshots.parse_part, (CityError,), "protobuf",
            lambda: [snapshots.part_reply(b"part" * 9)], ("node.wire.snapshots.parse_part",)),
    Decoder("headers reply", snapshots.parse_headers, (CityError,), "protobuf", _sealed,
            ("node.wire.snapshots.parse_headers",)),
    Decoder("blocks reply", snapshots.parse_blocks, (CityError,), "protobuf",
            lambda: [snapshots.blocks_reply(_blocks())], ("node.wire.snapshots.parse_blocks",)),
    Decoder("read statement",
            lambda data: check_read(SUITE, data, READING.channel_id, (READING.node_identity,), NOW_MS),
            (CityError,), "frames", lambda: [encode(READING) + b"s" * 64],
            ("node.wire.read_statement.check_read", "node.wire.signed.read_signed")),
    Decoder("operator statement",
            lambda data: check_operator(SUITE, data, READING.node_identity, "JoinChannel", NOW_MS),
            (CityError,), "frames", lambda: [encode(OPERATING) + b"s" * 64],
            ("node.wire.signed.read_signed",)),
    Decoder("peer statement",
            lambda data: check_statement(SUITE, data, Sig(b"s" * 64), EXPECTED, NOW_MS),
            (CityError,), "frames", lambda: [encode(EXPECTED)]),
    Decoder("error of a node", lambda data: status.from_rpc_error(_Ended(data)), (), "protobuf",
            _statuses),
]  # fmt: skip
