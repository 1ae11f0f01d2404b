"""Transaction proofs: ordered in a sealed block, executed with a receipt under a later sealed header."""

import json
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from tests.oracle.certificates import Channel
from tests.oracle.hashes import H, identity, tagged
from tests.oracle.merkle import check_inclusion
from tests.oracle.sm2 import verify
from tests.oracle.structures import Invalid, Reader, require, utf8
from tests.oracle.values import decode_value, fields_of

VARINT, BYTES = 0, 2  # wire types
TX_FIELDS = """suite uint32, channel_id bytes, sender bytes, contract string, version uint32, method string,
    args string, nonce bytes, valid_until_height uint64, gas_limit uint64, request_id string"""
TX_BODY = dict(
    enumerate((field.split() for field in TX_FIELDS.split(",")), start=1)
)  # by field number
DEFAULTS = {"uint32": 0, "uint64": 0, "bytes": b"", "string": ""}
OUTCOMES = ("ok", "revert", "oog", "fatal", "duplicate")
RECEIPT_FIELDS = {"tx_id": bytes, "outcome": str, "code": str, "message": str, "gas_used": int}
RECEIPT_FIELDS |= {"gas_limit": int, "result": object, "events": object, "writes_digest": bytes}


@dataclass(frozen=True)
class Transaction:
    """One proven transaction: its body, where it stands, what came of it."""

    tx_id: bytes
    body: SimpleNamespace
    height: int
    index: int
    timestamp_ms: int
    receipt: dict[str, Any]

    @property
    def accepted(self) -> bool:
        return bool(self.receipt["outcome"] == "ok")

    @property
    def arguments(self) -> dict[str, Any]:
        """Empty if they are not what the page allows: ordered all the same, they say nothing."""
        try:
            return read_arguments(self.body.args)
        except Invalid:
            return {}


class _Protobuf(Reader):
    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Invalid("transaction body: a number has too many bytes")


def read_body(data: bytes) -> SimpleNamespace:
    """TxBody from its protobuf bytes; as in protobuf the last of a repeated field counts."""
    fields: dict[str, Any] = {name: DEFAULTS[kind] for name, kind in TX_BODY.values()}
    reader = _Protobuf(data, "transaction body")
    while reader.at < len(data):
        number, wire = divmod(reader.varint(), 8)
        require(number in TX_BODY, f"transaction body: field {number} is unknown")
        name, kind = TX_BODY[number]
        expected = VARINT if kind.startswith("uint") else BYTES
        require(wire == expected, f"transaction body: {name} has a wrong wire type")
        value = reader.varint()
        if wire == VARINT:
            require(value < 1 << int(kind[4:]), f"transaction body: {name} is too large")
            fields[name] = value
        else:
            raw = reader.take(value)
            fields[name] = utf8(raw, f"transaction body: {name}") if kind == "string" else raw
    return SimpleNamespace(**fields)


def read_arguments(text: str) -> dict[str, Any]:
    """A strict JSON object: no repeated names, no fractions, at most 16 deep."""

    def no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        require(len(dict(pairs)) == len(pairs), "arguments: a name stands twice")
        return dict(pairs)

    def refuse(_: str) -> None:
        raise Invalid("arguments: a number that is no integer")

    try:
        result: dict[str, Any] = json.loads(
            text, object_pairs_hook=no_repeats, parse_float=refuse, parse_constant=refuse
        )
        require(_depth(result) <= 16, "arguments: nested too deep")
    except (ValueError, RecursionError):
        raise Invalid("arguments: not JSON") from None
    require(isinstance(result, dict), "arguments: not an object")
    return result


def _depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, inner), default=0)


def read_receipt(data: bytes) -> dict[str, Any]:
    receipt = fields_of(decode_value(data), "the receipt")
    require(set(receipt) == set(RECEIPT_FIELDS), "receipt: other fields than a receipt has")
    for name, kind in RECEIPT_FIELDS.items():
        require(isinstance(receipt[name], kind), f"receipt: {name} has a wrong type")
    require(0 <= receipt["gas_used"] < 1 << 64, "receipt: gas_used is out of range")
    require(receipt["outcome"] in OUTCOMES, f"receipt: outcome {receipt['outcome']!r} is unknown")
    return receipt


def check_transaction(channel: Channel, proof: SimpleNamespace) -> Transaction:
    """Every claim of a TransactionProof, in the order in which a reader would ask."""
    require(proof.version == 1, f"transaction proof version {proof.version} is unknown")
    ordered = channel.check(proof.ordered, "ordered header")
    settled = channel.check(proof.settled, "settled header")
    suite, h = channel.suite, partial(H, channel.suite)
    lag = settled.height - ordered.height
    require(lag == channel.window, f"settled {lag} blocks later, the window is {channel.window}")

    body = read_body(proof.body)
    require(body.suite == suite, "transaction: of another suite")
    require(body.channel_id == channel.channel_id, "transaction: of another channel")
    require(
        body.sender == identity(suite, proof.public_key), "transaction: key is not the sender's"
    )
    message = tagged("tx-sign", suite, channel.channel_id, proof.body)
    signed = verify(suite, proof.public_key, message, proof.signature)
    require(signed, "transaction: its signature does not verify")

    tx_id, size = tagged("tx-id", suite, proof.body), ordered.tx_count
    tx_leaf = tagged("tx-leaf", suite, tx_id, proof.signature)
    place = proof.index, size
    check_inclusion(h, tx_leaf, *place, proof.tx_path, ordered.tx_root, "transaction path")
    receipt_leaf = tagged("receipt-leaf", suite, proof.receipt)
    root = settled.receipts_root
    check_inclusion(h, receipt_leaf, *place, proof.receipt_path, root, "receipt path")
    receipt = read_receipt(proof.receipt)
    require(receipt["tx_id"] == tx_id, "receipt: of another transaction")
    return Transaction(tx_id, body, ordered.height, proof.index, ordered.timestamp_ms, receipt)
