"""Between our types and protobuf: envelopes, blocks, receipts, events.

Everything that arrives is hostile: each `*_from_pb` gives a checked value or raises CityError. `body.py` holds
TxBody, `frames.py` what peers say to each other, `stubs.py` the generated names for callers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from consensus.certificate import CommitCert
from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.header import Header
from contracts.runtime import values
from node.errors import CityError
from node.model import Envelope, Receipt, StoredBlock, StoredEvent, encode_receipt
from node.wire.body import BODY_BYTES_MAX, TxBody, build_body, parse_body
from node.wire.pb import ledger_pb2 as pb

__all__ = [
    "BATCH_ENVELOPES_MAX",
    "MESSAGE_BYTES_MAX",
    "REPLY_BYTES_MAX",
    "TxBody",
    "block_from_pb",
    "block_to_pb",
    "build_body",
    "envelope_from_pb",
    "envelope_to_pb",
    "envelopes_from_pb",
    "event_to_pb",
    "hash_from_bytes",
    "header_json",
    "json_text",
    "parse_body",
    "receipt_to_pb",
    "value_json",
]

MESSAGE_BYTES_MAX = 4 * 1024 * 1024  # what a client may send in one message
# A reply may carry a full block (4 MiB of envelopes) with its header, certificate and JSON view.
REPLY_BYTES_MAX = 8 * 1024 * 1024
BATCH_ENVELOPES_MAX = 10_000
PUBLIC_KEY_BYTES, SIGNATURE_BYTES = 65, 64


def hash_from_bytes(data: bytes, field: str) -> Hash:
    """A 32-byte hash of a request. Raises CITY-1002 naming `field`."""
    if len(data) != 32:
        raise CityError("CITY-1002", field=field, rule="32 bytes")
    return Hash(data)


def envelope_to_pb(envelope: Envelope) -> pb.Envelope:
    return pb.Envelope(
        body=envelope.body, public_key=envelope.public_key, signature=envelope.signature
    )


def envelope_from_pb(message: pb.Envelope) -> Envelope:
    """Sizes only: what the body says is read at admission. Raises CITY-1014, CITY-1003."""
    body, key, signature = message.body, message.public_key, message.signature
    if len(key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES or not body:
        raise CityError(
            "CITY-1014",
            reason=f"body {len(body)}, public key {len(key)}, signature {len(signature)} bytes",
        )
    if len(body) > BODY_BYTES_MAX:
        raise CityError("CITY-1003", what="transaction body", size=len(body), limit=BODY_BYTES_MAX)
    return Envelope(body, key, signature)


def envelopes_from_pb(
    messages: Iterable[pb.Envelope],
) -> tuple[list[Envelope], dict[int, CityError]]:
    """The well-formed envelopes of a batch in order, and the error of each other one by its position."""
    envelopes: list[Envelope] = []
    errors: dict[int, CityError] = {}
    for index, message in enumerate(messages):
        try:
            envelopes.append(envelope_from_pb(message))
        except CityError as error:
            errors[index] = error
    return envelopes, errors


def block_to_pb(block: StoredBlock) -> pb.Block:
    return pb.Block(
        header=encode(block.header),
        transactions=[envelope_to_pb(e) for e in block.envelopes],
        certificate=b"" if block.certificate is None else encode(block.certificate),
    )


def block_from_pb(message: pb.Block) -> StoredBlock:
    """Well-formed, nothing more: whoever takes a block verifies its certificate and roots.

    Raises CITY-1015 where header or certificate are not canonical, CITY-1014 for an envelope."""
    try:
        header = decode(Header, message.header)
        certificate = decode(CommitCert, message.certificate) if message.certificate else None
    except EncodingError as error:
        raise CityError("CITY-1015", reason=str(error)) from error
    if header.tx_count != len(message.transactions):
        raise CityError("CITY-1015", reason="the header names another number of transactions")
    envelopes = tuple(envelope_from_pb(e) for e in message.transactions)
    return StoredBlock(header, envelopes, certificate)


def json_text(value: Any) -> str:
    """Compact JSON of what is JSON-ready; keys keep their order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def value_json(data: bytes) -> str:
    """The JSON view of value-encoded bytes; empty for no bytes or for bytes that are no value."""
    if not data:
        return ""
    try:
        return json_text(values.to_json(values.decode(data)))
    except values.ValueEncodingError:
        return ""


def header_json(header: Header) -> dict[str, Any]:
    """A header for people and tools: hashes as hex. A view, never hashed."""
    return {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in ((name, getattr(header, name)) for name in Header.__slots__)
    }


def receipt_to_pb(receipt: Receipt, height: int, index: int) -> pb.Receipt:
    return pb.Receipt(
        tx_id=receipt.tx_id,
        height=height,
        index=index,
        outcome=receipt.outcome,
        code=receipt.code,
        message=receipt.message,
        gas_used=receipt.gas_used,
        result_json=value_json(receipt.result),
        canonical=encode_receipt(receipt),
    )


def event_to_pb(event: StoredEvent) -> pb.Event:
    return pb.Event(
        id=event.id,
        height=event.height,
        tx_id=event.tx_id,
        contract=event.event.contract,
        name=event.event.name,
        fields_json=value_json(event.event.data),
        fields=event.event.data,
    )
