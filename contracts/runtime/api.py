"""What the node and the engine say to each other: bundles, blocks, results.

These are plain facts. `contracts/runtime/wire.py` turns them into bytes and checks them on the way back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from contracts.runtime import values
from contracts.runtime.limits import BUNDLE_BYTES_MAX

OUTCOMES = ("ok", "revert", "oog", "fatal")


class Natives(Protocol):
    """Native functions the guest may call. All are pure and total: same bytes in, same bytes out."""

    def sm3(self, data: bytes) -> bytes:
        """SM3 digest, 32 bytes."""
        ...

    def verify(self, suite: str, key: bytes, message: bytes, signature: bytes, id: bytes) -> bool:
        """Whether the signature holds under the suite's frozen rule (`sm` or `intl`); never raises."""
        ...

    def amounts(self, operation: str, operands: tuple[Any, ...]) -> bool:
        """Whether a claim about hidden amounts holds, on the SM2 curve; never raises.

        "opens" (commitment, amount, blinding), "adds-up" (whole, part, …), "range" (commitment, context,
        proof)."""
        ...


class StateReader(Protocol):
    """State as it was before the block. Answers must not change while the block runs."""

    def state_get(self, keys: list[bytes]) -> list[bytes | None]: ...

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]: ...


@dataclass(frozen=True, slots=True)
class Bundle:
    """A deployment: the main module and the modules it imports, under one digest.

    name: contract name, `[a-z][a-z0-9_]*`. version: from 1. main: source text.
    rules: source text of the others: `rules.money` under `money`, `chapters.issue` under its whole name.
    """

    name: str
    version: int
    main: str
    rules: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Canonical bytes: what is deployed, stored and hashed. Name and version are not part of it."""
        return values.encode({"main": self.main, "rules": dict(sorted(self.rules.items()))})

    @property
    def digest(self) -> bytes:
        """SHA-256 over the canonical bytes: the name of the compiled form in caches.

        The ledger's own digest of a bundle is the suite's hash over tag and the same bytes.
        """
        return hashlib.sha256(self.encode()).digest()

    @classmethod
    def decode(cls, name: str, version: int, data: bytes) -> Bundle:
        """The bundle of canonical bytes. Raises ValueError for anything else."""
        parts = values.decode(data, bytes_max=4 * BUNDLE_BYTES_MAX)
        if (
            type(parts) is not dict
            or list(parts) != ["main", "rules"]
            or type(parts["main"]) is not str
            or type(parts["rules"]) is not dict
            or any(type(x) is not str for pair in parts["rules"].items() for x in pair)
            or list(parts["rules"]) != sorted(parts["rules"])
        ):
            raise values.ValueEncodingError("not a bundle")
        return cls(name, version, parts["main"], parts["rules"])


@dataclass(frozen=True, slots=True)
class Transaction:
    """One call of a contract. args_json: a strict JSON object by parameter name, as the client sent it."""

    tx_id: bytes
    contract: str
    version: int
    method: str
    args_json: str
    sender: str
    member: str
    roles: tuple[str, ...]
    gas_limit: int


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """One block to execute.

    read_set: values known beforehand (None: known to be absent). It changes speed, never results.
    active: active version of a contract name; a transaction naming another one reverts. A name that is
    missing here has its highest loaded version as the active one.
    first_index: `ctx.index` of the first transaction.
    """

    channel_id: str
    height: int
    time_ms: int
    txs: tuple[Transaction, ...]
    read_set: Mapping[bytes, bytes | None] = field(default_factory=dict)
    active: Mapping[str, int] = field(default_factory=dict)
    first_index: int = 0


class EventRecord(NamedTuple):
    """An event of a transaction: contract, event name, value-encoded dict of its fields."""

    contract: str
    name: str
    data: bytes

    def fields(self) -> dict[str, Any]:
        """The event's fields as values."""
        found = values.decode(self.data)
        assert type(found) is dict
        return found


class TxResult(NamedTuple):
    """What a transaction did. Writes and events are empty unless the outcome is `ok`.

    code: the author's `E_…`, an exception class name, or a fixed word of the engine; empty when ok.
    result: the value-encoded return value (none when not ok).
    writes: key to encoded value, None for a deletion, in first-write order.
    read_keys: keys whose value before the block was looked at, in first-read order.
    """

    tx_id: bytes
    outcome: str
    code: str
    message: str
    gas_used: int
    result: bytes
    events: tuple[EventRecord, ...]
    writes: tuple[tuple[bytes, bytes | None], ...]
    read_keys: tuple[bytes, ...]

    @property
    def value(self) -> Any:
        """The return value, decoded."""
        return values.decode(self.result)


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding of the linter. Lines and columns count from 1; module: language/modules.py."""

    line: int
    column: int
    module: str
    code: str
    message: str
    message_zh: str

    def __str__(self) -> str:
        return (
            f"{self.module}: line {self.line}, column {self.column}: {self.message} [{self.code}]"
        )


class ContractRefused(Exception):
    """A bundle that the linter refuses. `diagnostics` says where and why."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(str(d) for d in diagnostics))
        self.diagnostics = diagnostics
