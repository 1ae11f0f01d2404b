"""What the SDK gives back, and how arguments become the JSON text that is signed."""

from __future__ import annotations

import base64
import datetime
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from contracts.runtime import values
from node.errors import contract as contract_errors
from node.errors.catalogue import find
from node.model import Envelope, Receipt
from node.sdk.errors import ContractError, InvalidRequest
from node.wire.codec import json_text

# The engine's own words for a call that no contract saw.
CALLER_MISTAKES = (
    "arguments",
    "no-such-contract",
    "no-such-method",
    "version-not-active",
    "CONTRACT_UNKNOWN",
    "CONTRACT_VERSION_INACTIVE",
)
_CALLS = {"_config": "city proposal kinds", "_contract": "city contract --help"}  # reserved names
_OUTCOME_CODES = {"revert": "CITY-4001", "oog": "CITY-4002", "fatal": "CITY-4003"}


@dataclass(frozen=True, slots=True)
class Event:
    """id: height/transaction/event, the same on every node. fields: typed values by name."""

    id: str
    height: int
    tx_id: str
    contract: str
    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction's outcome. value: what the method returned, typed; objects by attribute.

    level: `ordered` knows the block only, `committed` everything. duplicate_of: the first transaction with
    this request_id, whose outcome this is; empty otherwise. receipt: canonical bytes."""

    tx_id: str
    block: int
    level: str
    value: Any = None
    gas_used: int = 0
    events: tuple[Event, ...] = ()
    duplicate_of: str = ""
    receipt: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """A view, or what a call would do. height: of the state it ran on. events: (contract, name, fields).

    version, writes: of a simulation: what ran, and the keys it would write with their values, None for one
    that it would delete."""

    value: Any
    height: int
    outcome: str
    reason: str
    message: str
    gas_used: int
    events: tuple[tuple[str, str, Mapping[str, Any]], ...]
    version: int = 0
    writes: tuple[tuple[bytes, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """A transaction ready to send, by anybody, any number of times: it counts once."""

    tx_id: str
    envelope: Envelope
    contract: str
    method: str
    gas_limit: int


@dataclass(frozen=True, slots=True)
class Admission:
    """A batch's answer for one transaction. code: empty when admitted, else `CITY-nnnn NAME`."""

    tx_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Block:
    """header: JSON view. tx_ids in order. raw: header and certificate, canonical, for `city proof`."""

    height: int
    block_hash: str
    header: Mapping[str, Any]
    tx_ids: tuple[str, ...]
    raw_header: bytes
    raw_certificate: bytes


@dataclass(frozen=True, slots=True)
class ContractVersion:
    """One version of a contract. digest: of its bundle, hex. facts: what else the channel holds of it."""

    name: str
    version: int
    digest: str
    status: str
    facts: Mapping[str, Any]


def version_of(message: Any) -> ContractVersion:
    facts = json.loads(message.facts_json or "{}")
    return ContractVersion(
        message.name, message.version, message.digest.hex(), message.status, facts
    )


def args_text(args: Mapping[str, Any] | str | None) -> str:
    """Arguments by name as strict JSON: Decimal and dates as text, bytes as base64, never a float.

    Text is taken as JSON already. Raises CITY-1002 naming the argument."""
    if isinstance(args, str):
        return args
    return json_text({name: _plain(value, name) for name, value in (args or {}).items()})


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.date):  # a datetime is one as well
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(k): _plain(v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    rule = f"text, a whole number, Decimal, bytes, a list or a mapping, not {type(value).__name__}"
    raise InvalidRequest("CITY-1002", field=f"args.{where}", rule=rule)


def uuid7() -> str:
    """A request id that sorts by time (RFC 9562)."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    number = number & ~(0xF000 << 64) | 0x7000 << 64
    number = number & ~(0xC000 << 48) | 0x8000 << 48
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def value_of(data: bytes) -> Any:
    return values.decode(data) if data else None


def event_of(message: Any) -> Event:
    """From a streamed event."""
    return Event(
        message.id,
        message.height,
        message.tx_id.hex(),
        message.contract,
        message.name,
        value_of(message.fields) or {},
    )


def events_of(receipt: Receipt, height: int, index: int) -> tuple[Event, ...]:
    id_ = receipt.tx_id.hex()
    return tuple(
        Event(f"{height}/{index}/{n}", height, id_, e.contract, e.name, e.fields())
        for n, e in enumerate(receipt.events)
    )


def simulation_of(reply: Any) -> Answer:
    writes = tuple((w.key, value_of(w.value) if w.present else None) for w in reply.writes)
    return replace(answer_of(reply.result), version=reply.version, writes=writes)


def answer_of(reply: Any) -> Answer:
    events = tuple(
        (e["contract"], e["name"], e["fields"]) for e in json.loads(reply.events_json or "[]")
    )
    return Answer(
        value_of(reply.result),
        reply.height,
        reply.outcome,
        reply.code,
        reply.message,
        reply.gas_used,
        events,
    )


def block_of(view: Any, tx_ids: tuple[str, ...]) -> Block:
    return Block(
        view.height,
        view.block_hash.hex(),
        json.loads(view.header_json),
        tx_ids,
        view.block.header,
        view.block.certificate,
    )


def contract_error(
    outcome: str, contract: str, method: str, reason: str, detail: str, receipt: Any, gas_limit: int
) -> ContractError:
    """The error of a call that did not end `ok`."""
    code = _OUTCOME_CODES.get(outcome, "CITY-4003")
    named = None if reason.startswith("E_") else find(reason)
    if named is not None and named in contract_errors.ENTRIES:
        code = named.code  # the channel itself refused a change of its contracts
    elif outcome == "revert" and reason in CALLER_MISTAKES:
        code = "CITY-4004"
    return ContractError(
        code,
        receipt,
        contract=contract,
        method=method,
        reason=reason or outcome,
        detail=detail,
        gas_limit=gas_limit,
        calls=_CALLS.get(contract, f"city contract show {contract}"),
    )
