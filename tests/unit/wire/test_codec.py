"""Blocks, receipts and events between our types and protobuf."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.certificate import CommitCert
from consensus.encoding import ZERO_HASH, Hash, Sig
from consensus.header import Header
from contracts.runtime import values
from contracts.runtime.api import EventRecord
from node.errors import CATALOGUE, CityError
from node.model import Envelope, Receipt, StoredBlock, StoredEvent, decode_receipt
from node.wire import stubs
from node.wire.body import BODY_BYTES_MAX
from node.wire.codec import (
    REPLY_BYTES_MAX,
    block_from_pb,
    block_to_pb,
    envelope_from_pb,
    envelope_to_pb,
    envelopes_from_pb,
    event_to_pb,
    hash_from_bytes,
    header_json,
    receipt_to_pb,
    value_json,
)
from node.wire.frames import FRAME_BYTES_MAX, batch_frame, encode_batch, parse_frame

ENVELOPE = Envelope(b"body", b"\x04" * 65, b"\x05" * 64)
Z = ZERO_HASH


def block(count: int, body: bytes = b"body") -> StoredBlock:
    header = Header(1, 1, Z, 0, 7, Z, Z, Z, count, Z, Z, 1_750_000_000_000, Z, Z, Z, Z)
    certificate = CommitCert("pbft", 0, 7, 3, Hash(b"\x09" * 32), b"\x07", (Sig(b"\x0a" * 64),) * 3)
    return StoredBlock(header, (Envelope(body, b"\x04" * 65, b"\x05" * 64),) * count, certificate)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_block_survives_the_wire(count: int) -> None:
    assert block_from_pb(block_to_pb(block(count))) == block(count)


def test_a_genesis_block_has_no_certificate() -> None:
    genesis = StoredBlock(block(0).header, (), None)
    assert block_from_pb(block_to_pb(genesis)) == genesis


@pytest.mark.parametrize("field", ["header", "certificate"])
def test_a_block_whose_parts_are_not_canonical_is_refused(field: str) -> None:
    for change in (lambda data: data + b"x", lambda data: data[:-1], lambda _: b"\xff"):
        message = block_to_pb(block(1))
        setattr(message, field, change(getattr(message, field)))
        with pytest.raises(CityError) as caught:
            block_from_pb(message)
        assert caught.value.code == "CITY-1015"


def test_a_block_with_another_number_of_transactions_than_its_header_is_refused() -> None:
    message = block_to_pb(block(2))
    del message.transactions[1]
    with pytest.raises(CityError) as caught:
        block_from_pb(message)
    assert caught.value.code == "CITY-1015"


def test_a_full_block_fits_a_frame_and_a_reply() -> None:
    from node.peers.batch import PeerBatch

    full = block(13, bytes(BODY_BYTES_MAX))  # 4 MiB and a little
    frame = batch_frame(encode_batch(PeerBatch(blocks=(full,))))
    assert len(frame) < FRAME_BYTES_MAX and len(frame) < REPLY_BYTES_MAX
    assert parse_frame(frame).blocks == (full,)
    small = block(2_000, bytes(1_900))
    assert block_to_pb(small).ByteSize() < FRAME_BYTES_MAX


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (Envelope(b"", bytes(65), bytes(64)), "CITY-1014"),
        (Envelope(b"x", bytes(33), bytes(64)), "CITY-1014"),
        (Envelope(b"x", bytes(65), bytes(72)), "CITY-1014"),
        (Envelope(bytes(BODY_BYTES_MAX + 1), bytes(65), bytes(64)), "CITY-1003"),
    ],
)
def test_an_envelope_of_the_wrong_sizes_is_refused(envelope: Envelope, code: str) -> None:
    with pytest.raises(CityError) as caught:
        envelope_from_pb(envelope_to_pb(envelope))
    assert caught.value.code == code
    good, errors = envelopes_from_pb([envelope_to_pb(e) for e in (ENVELOPE, envelope, ENVELOPE)])
    assert good == [ENVELOPE, ENVELOPE] and {i: e.code for i, e in errors.items()} == {1: code}


def test_a_receipt_travels_in_canonical_form_with_a_view_beside_it() -> None:
    event = EventRecord("receivable", "Issued", values.encode({"amount": 5}))
    result = values.encode({"id": "R1"})
    receipt = Receipt(Hash(b"t" * 32), "ok", "", "", 10, 20, result, (event,), Z)
    message = receipt_to_pb(receipt, 3, 1)
    assert decode_receipt(message.canonical) == receipt
    assert (message.height, message.index, json.loads(message.result_json)) == (3, 1, {"id": "R1"})
    streamed = event_to_pb(StoredEvent(3, 1, 0, receipt.tx_id, event))
    assert streamed.id == "3/1/0" and json.loads(streamed.fields_json) == {"amount": 5}
    assert values.decode(streamed.fields) == {"amount": 5}


def test_a_header_is_shown_with_hashes_as_hex() -> None:
    shown = header_json(block(0).header)
    assert list(shown) == list(Header.__slots__) and shown["parent_hash"] == "00" * 32
    json.dumps(shown)


@given(st.binary(max_size=64))
def test_any_bytes_have_a_json_view_or_none(data: bytes) -> None:
    text = value_json(data)
    assert text == "" or json.loads(text) is not Ellipsis


@given(st.binary(max_size=40))
def test_only_32_bytes_are_a_hash(data: bytes) -> None:
    if len(data) == 32:
        assert hash_from_bytes(data, "tx_id") == data
    else:
        with pytest.raises(CityError):
            hash_from_bytes(data, "tx_id")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_block_or_refused(data: bytes) -> None:
    from google.protobuf.message import DecodeError

    with contextlib.suppress(CityError, DecodeError):
        block_from_pb(stubs.Block.FromString(data))


def test_every_error_of_the_catalogue_survives_the_wire() -> None:
    import grpc
    from grpc_status import rpc_status

    from node.wire.status import from_rpc_error, to_status

    for code, entry in CATALOGUE.items():
        error = CityError(code, limit=5, size="发票", reason="x" * 600)
        status = rpc_status.to_status(to_status(error, "trace"))
        assert status.code.name == entry.grpc_status
        # What travels must fit the trailers that gRPC accepts by default.
        assert sum(len(k) + len(v) for k, v in status.trailing_metadata) < 8 * 1024
        rpc_error = grpc.aio.AioRpcError(
            status.code, grpc.aio.Metadata(), grpc.aio.Metadata(*status.trailing_metadata)
        )
        back = from_rpc_error(rpc_error)
        assert back is not None and back.code == code
        assert back.variables == {"limit": "5", "size": "发票", "reason": "x" * 400}


def test_an_error_that_this_version_does_not_know_is_passed_on() -> None:
    import grpc
    from google.protobuf.any_pb2 import Any as PbAny
    from google.rpc import error_details_pb2, status_pb2
    from grpc_status import rpc_status

    from node.wire.status import from_rpc_error

    status = status_pb2.Status(code=9, message="a reason from the future")
    packed = PbAny()
    packed.Pack(
        error_details_pb2.ErrorInfo(
            reason="LATER", domain="citychain", metadata={"code": "CITY-9999"}
        )
    )
    status.details.append(packed)
    sent = rpc_status.to_status(status)
    error = from_rpc_error(
        grpc.aio.AioRpcError(
            sent.code, grpc.aio.Metadata(), grpc.aio.Metadata(*sent.trailing_metadata)
        )
    )
    assert error is not None and error.code == "CITY-1016"
    assert "CITY-9999" in error.message and "a reason from the future" in error.message
