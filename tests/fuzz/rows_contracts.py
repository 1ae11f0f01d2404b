"""What the engine's host takes from the guest and from clients, and what contracts are made of."""

from __future__ import annotations

import json
from typing import Any

from contracts.bundles import load_bundle
from contracts.runtime import arguments, keys, structures, values, wire
from contracts.runtime.api import BlockRequest, Bundle, Transaction
from contracts.runtime.language.linter import check_source
from contracts.runtime.meter import begin
from contracts.schema import NotASchema, Schema
from node.sdk.calls import value_of
from tests.fuzz.decoder import Decoder
from tests.fuzz.rows_consensus import VECTORS
from tests.fuzz.rows_wire import _values

KINDS = ["int", "hash", "list:hash", "optional:str", "bytes", "bool"]
TX = Transaction(b"t" * 32, "transfer", 1, "open_account", "{}", "s", "m", ("r",), 1_000)


def _block() -> BlockRequest:
    import dataclasses

    given: dict[str, Any] = {"channel_id": "c", "height": 7, "time_ms": 5, "txs": (TX, TX),
                             "active": {"transfer": 1}, "read_set": {}}  # fmt: skip
    known = {field.name for field in dataclasses.fields(BlockRequest)}
    return BlockRequest(**{name: value for name, value in given.items() if name in known})


def _results() -> list[bytes]:
    key = keys.state_key("transfer", "accounts", "a")
    ran: wire.Ran = (0, "", "", 5, b"\x00", [wire.event_label("transfer", "Opened"), b"\x09\x00"],
                     {key: b"\x00"}, {key: None})  # fmt: skip
    failed: wire.Ran = (1, "E_NO", "why", 9, b"\x00", [], {}, {})
    return [wire.encode_results([ran, failed]), wire.encode_results([failed, ran])]


def _parse_arguments(data: bytes) -> Any:
    begin(20_000_000)
    return arguments.parse(data.decode("utf-8", "replace"))


def _state_keys() -> list[bytes]:
    some: list[Any] = ["PX", 7, -5, b"b\x00c", ("a", 1, (True, b"")), "a\x00b"]
    return [keys.state_key("party", "items", each) for each in some] + [
        keys.state_key("party", "v")
    ]


def _schemas() -> list[bytes]:
    rows = json.loads((VECTORS / "schemas.json").read_text(encoding="utf-8"))
    return [bytes.fromhex(row["bytes"]) for row in rows]


def _fields() -> list[bytes]:
    return [structures.encode(list(zip(KINDS, row, strict=True))) for row in (
        (5, b"h" * 32, [b"a" * 32, b"b" * 32], "text", b"bytes", True),
        (0, b"h" * 32, [], None, b"", False),
    )]  # fmt: skip


def _scans() -> list[bytes]:
    prefix = keys.scan_prefix("party", "items")
    return [wire.scan_question(prefix, None, 9), wire.scan_question(prefix, prefix + b"a", 100)]


ROWS = [
    Decoder("value", values.decode, (values.ValueEncodingError,), "values", _values,
            ("contracts.runtime.values.decode",), values.encode),
    Decoder("value for JSON", lambda data: json.dumps(values.to_json(values.decode(data))),
            (values.ValueEncodingError,), "values", _values),
    Decoder("value of a client", value_of, (values.ValueEncodingError,), "values", _values),
    Decoder("arguments", _parse_arguments, (arguments.ArgumentError,), "json",
            lambda: [b'{"owner":"a","amount":5}', b'{"a":[1,{"b":null}],"c":"\\u00e9","d":-7}'],
            ("contracts.runtime.arguments.parse", "contracts.runtime.arguments._parse_any")),
    Decoder("state key", keys.split_state_key, (keys.StateKeyError,), "frames", _state_keys,
            ("contracts.runtime.keys.read_item", "contracts.runtime.keys._read_escaped",
             "contracts.runtime.keys._read_int", "contracts.runtime.keys._read_text"),
            lambda found: keys.state_key(*found)),
    Decoder("fields of a structure", lambda data: structures.decode(KINDS, data), (ValueError,),
            "frames", _fields, ("contracts.runtime.structures.decode",),
            lambda found: structures.encode(list(zip(KINDS, found, strict=True)))),
    Decoder("results of the guest", lambda data: wire.decode_results(data, _block()),
            (wire.WireError,), "frames", _results,
            ("contracts.runtime.wire.decode_results", "contracts.runtime.wire._decode_results")),
    Decoder("message of the guest", wire.read_message, (wire.WireError,), "frames",
            lambda: [wire.message((1, 2), (b"a", b"bc")), *_results()]),
    Decoder("scan of the guest", wire.read_scan, (wire.WireError,), "frames", _scans,
            ("contracts.runtime.wire.read_scan", "contracts.runtime.wire.read_key")),
    Decoder("bundle", lambda data: Bundle.decode("transfer", 1, data), (ValueError,), "values",
            lambda: [load_bundle("transfer").encode(), Bundle("a", 1, "x = 1", {"b": "c"}).encode()],
            ("contracts.runtime.api.decode",), lambda bundle: bundle.encode()),
    Decoder("schema of a contract", Schema.decode, (NotASchema,), "values", _schemas,
            ("contracts.schema.decode",)),
    Decoder("source of a contract",
            lambda data: check_source("main", data.decode("utf-8", "replace")), (), "text",
            lambda: [load_bundle("transfer").main.encode()],
            ("contracts.runtime.language.linter.parse",), cost=100),
]  # fmt: skip
