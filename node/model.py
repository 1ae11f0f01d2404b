"""The types the node's parts share: envelopes, blocks, receipts, events.

They are facts without behaviour. Bytes that are hashed come from the two canonical encodings only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import Header
from consensus.merkle import HashFunction
from consensus.tags import Tag, preimage
from contracts.runtime import values
from contracts.runtime.api import EventRecord

OUTCOMES = ("ok", "revert", "oog", "fatal", "duplicate")

__all__ = [
    "OUTCOMES",
    "Envelope",
    "EventRecord",
    "Receipt",
    "SnapshotIndex",
    "StoredBlock",
    "StoredEvent",
    "decode_receipt",
    "encode_receipt",
    "writes_digest",
]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A transaction as it travels and is stored: the client's own bytes, its key, its signature.

    body: serialised TxBody. public_key: 65 bytes, 04|x|y. signature: 64 bytes, r|s."""

    body: bytes
    public_key: bytes
    signature: bytes

    @property
    def size_bytes(self) -> int:
        """What is counted of it wherever bytes are."""
        return len(self.body) + len(self.public_key) + len(self.signature)


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A durable block. certificate: None for genesis (height 0) only."""

    header: Header
    envelopes: tuple[Envelope, ...]
    certificate: CommitCert | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction did (decisions section 1.8). `result` is the value-encoded return value.

    A duplicate's code is empty; its result is the value-encoded id (bytes) of the first transaction."""

    tx_id: Hash
    outcome: str
    code: str
    message: str
    gas_used: int
    gas_limit: int
    result: bytes
    events: tuple[EventRecord, ...]
    writes_digest: Hash


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event and where it stands. `id` is stable and the same on every node."""

    height: int
    tx_index: int
    index: int
    tx_id: Hash
    event: EventRecord

    @property
    def id(self) -> str:
        return f"{self.height}/{self.tx_index}/{self.index}"


@dataclass(frozen=True, slots=True)
class SnapshotIndex:
    """What a snapshot after block `height` is; a canonical structure, see ledger/snapshot.py.

    first_receipts: lowest height whose receipts, and whose block, go along. values: number of state values.
    parts: hashes of the parts under the channel's hash, in order."""

    version: int
    channel_id: Hash
    suite: int
    height: int
    block_hash: Hash
    state_root: Hash
    first_receipts: int
    values: int
    parts: tuple[Hash, ...]


def writes_digest(hash_: HashFunction, suite_id: int, writes: Mapping[bytes, bytes | None]) -> Hash:
    """Digest of a transaction's write set: value-encoded list of (key, value or none), by key."""
    parts = [preimage(Tag.WRITES, suite_id), _head(values.LIST, len(writes))]
    for key in sorted(writes):
        value = writes[key]
        parts += (_PAIR, _bytes(key), _NONE if value is None else _bytes(value))
    return Hash(hash_(b"".join(parts)))


def encode_receipt(receipt: Receipt) -> bytes:
    """Canonical bytes: a value-encoded dict with the fields in their order.

    result is bytes (itself an encoded value), events a list of (contract, name, encoded fields).
    Written out field by field: each transaction has one, and the general encoder takes thrice as long."""
    text, number = values.encode_text, values.encode_int
    parts = [
        _KEYS["tx_id"], _bytes(receipt.tx_id),
        _KEYS["outcome"], text(receipt.outcome),
        _KEYS["code"], text(receipt.code),
        _KEYS["message"], text(receipt.message),
        _KEYS["gas_used"], number(receipt.gas_used),
        _KEYS["gas_limit"], number(receipt.gas_limit),
        _KEYS["result"], _bytes(receipt.result),
        _KEYS["events"], _head(values.LIST, len(receipt.events)),
    ]  # fmt: skip
    for event in receipt.events:
        parts += (_TRIPLE, text(event.contract), text(event.name), _bytes(event.data))
    parts += (_KEYS["writes_digest"], _bytes(receipt.writes_digest))
    return b"".join(parts)


def _head(kind: int, size: int) -> bytes:
    """Kind and size of a value: what stands before its bytes or items."""
    out = bytearray((kind,))
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    return bytes(out)


def _bytes(data: bytes) -> bytes:
    return bytes((values.BYTES, len(data))) + data if len(data) < 128 else values.encode(data)


_FIELDS: dict[str, type] = {
    "tx_id": bytes,
    "outcome": str,
    "code": str,
    "message": str,
    "gas_used": int,
    "gas_limit": int,
    "result": bytes,
    "events": list,
    "writes_digest": bytes,
}


# The first one begins the dict.
_KEYS = {name: values.encode(name) for name in _FIELDS}
_KEYS["tx_id"] = _head(values.DICT, len(_FIELDS)) + _KEYS["tx_id"]
_PAIR, _TRIPLE, _NONE = _head(values.TUPLE, 2), _head(values.TUPLE, 3), values.encode(None)


def decode_receipt(data: bytes) -> Receipt:
    """The receipt of canonical bytes. Raises ValueError for anything else."""
    found = values.decode(data)
    if (
        type(found) is not dict
        or list(found) != list(_FIELDS)
        or any(type(found[name]) is not kind for name, kind in _FIELDS.items())
        or found["outcome"] not in OUTCOMES
        or len(found["tx_id"]) != 32
        or len(found["writes_digest"]) != 32
        or found["gas_used"] < 0
        or found["gas_limit"] < 0
    ):
        raise values.ValueEncodingError("not a receipt")
    events = tuple(_event(item) for item in found.pop("events"))
    return Receipt(**found, events=events)


def _event(item: Any) -> EventRecord:
    if type(item) is not tuple or [type(part) for part in item] != [str, str, bytes]:
        raise values.ValueEncodingError("not an event of a receipt")
    return EventRecord(*item)
