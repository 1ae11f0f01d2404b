"""What a contract author imports: `from sdk import Map, ctx, require, export`.

This package describes the SDK to editors and type checkers (`MYPYPATH=contracts/sdk/stubs`) and holds
the words of its documentation. Contracts run in the engine only; to test one, use the fixture of
`contracts/runtime/testing.py`. Calling these functions outside the engine raises OutsideEngine.

Codes are `E_` and capital letters. Amounts are integers or Decimal, never float. Time is `ctx.time`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, NoReturn

if TYPE_CHECKING:
    from typing_extensions import TypeVar
else:
    from typing import TypeVar as _TypeVar

    def TypeVar(name, bound=None, default=None):
        """Defaults are for type checkers only; CPython 3.11 has none."""
        return _TypeVar(name, bound=bound)


__all__ = [
    "Contract",
    "Decimal",
    "Event",
    "Map",
    "Revert",
    "Var",
    "bytes_from_hex",
    "call",
    "commitment_opens",
    "commitments_add_up",
    "ctx",
    "dataclass",
    "decode",
    "encode",
    "export",
    "field",
    "int_from_bytes",
    "merkle_consistency",
    "merkle_verify",
    "p256_verify",
    "range_proof_holds",
    "require",
    "sha256",
    "sm2_verify",
    "sm3",
    "struct_decode",
    "struct_encode",
    "tagged_hash",
    "view",
]

K = TypeVar("K", default=Any)  # a Map that says nothing of its keys takes any
V = TypeVar("V", default=Any)
F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_ID = b"1234567812345678"


class OutsideEngine(RuntimeError):
    """An SDK function was called by plain Python instead of the contract engine."""


def _outside() -> NoReturn:
    raise OutsideEngine("contracts run in the engine: see contracts/runtime/testing.py")


class Contract:
    """Base class without meaning, for authors who like one."""


class Map(Generic[K, V]):
    """State by key. Keys: text, int, bytes, bool, or a tuple of these.

    indexes: fields of the entries, dataclasses or dicts, by which `by` finds them, one name or a tuple of
    at most four each, at most eight indexes. They are written with the entry and vanish with it; an entry
    with a field that is None stands in no index of it. Entries that an older version of the contract wrote
    without the index stand there once they are written again: `migrate` does.
    """

    def __init__(
        self,
        name: str,
        default: V | None = None,
        indexes: tuple[str | tuple[str, ...], ...] = (),
    ) -> None:
        self.name, self.default, self.indexes = name, default, indexes

    def __getitem__(self, key: K) -> V:
        """The value, a fresh copy; the map's default when there is none."""
        _outside()

    def __setitem__(self, key: K, value: V) -> None:
        """Encode and store: a later change of `value` does not reach the state."""
        _outside()

    def __contains__(self, key: object) -> bool:
        _outside()

    def get(self, key: K, default: Any = None) -> Any:
        """The value, or `default` when there is none (without one: the map's default)."""
        _outside()

    def delete(self, key: K) -> None:
        _outside()

    def scan(
        self,
        prefix: str | tuple[Any, ...] | None = None,
        after: K | None = None,
        limit: int = 100,
    ) -> list[tuple[K, V]]:
        """Entries in key order, at most `limit` (1 to 1,000), after the key `after`.

        prefix: text that keys begin with, or a tuple of their first items.
        """
        _outside()

    def by(
        self, index: str | tuple[str, ...], *values: Any, after: Any = None, limit: int = 100
    ) -> list[tuple[K, V]]:
        """Entries in the order of an index, then of their keys, at most `limit` (1 to 1,000).

        values: of the index's first fields, as many as are fixed. after: the last row's values of the
        other fields and its key, as a tuple; its key alone when every field is fixed.
        ValueError: the map declares no such index.

            pieces.by("holder", ctx.member, after=last_id, limit=50)
            bills.by(("bank", "due"), "ICBC")          # its bills by day
            bills.by("due", after=("2026-01-31", last_id))
        """
        _outside()


class Var(Generic[V]):
    """One value of state."""

    def __init__(self, name: str, default: V | None = None) -> None:
        self.name, self.default = name, default

    def get(self) -> V:
        _outside()

    def set(self, value: V) -> None:
        _outside()

    def delete(self) -> None:
        _outside()


class Event:
    """`Issued = Event("Issued")`, then `Issued(number=…, amount=…)` records it if the call succeeds."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, **fields: Any) -> None:
        _outside()


class _Context:
    """Facts of the running call; read only."""

    sender: str  # identity that signed the transaction, or the same in a contract-to-contract call
    member: str  # its organisation
    roles: tuple[str, ...]  # its roles
    caller: str  # name of the calling contract; empty when a transaction calls
    contract: str  # name of the running contract
    version: int  # its version
    channel: str  # channel id
    tx_id: bytes
    block: int  # height
    time: int  # block time in milliseconds since 1970
    index: int  # index of the transaction among those the block executes


ctx = _Context()


class Revert(Exception):
    """Leave the transaction: nothing of it stays but the receipt with this code."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


def require(condition: object, code: str, message: str = "") -> None:
    """Revert with `code` unless the condition holds. Codes: `E_[A-Z0-9_]+`."""
    if not condition:
        raise Revert(code, message)


def export(function: F) -> F:
    """Mark a function that transactions may call. Its parameters need type hints."""
    return function


def view(function: F) -> F:
    """Mark a function that only reads; it may be called by queries and re-entered by contracts."""
    return function


def call(contract: str, function: str, *args: Any) -> Any:
    """Call an exported function of another contract (its active version).

    Atomic: when it fails its writes and events are gone before the exception arrives here. Values are
    copied both ways. LookupError: no such contract or method; RuntimeError: it is already running.
    """
    _outside()


def encode(value: Any) -> bytes:
    """Canonical bytes of a value (contracts/runtime/values.py)."""
    _outside()


def decode(data: bytes) -> Any:
    """The value of canonical bytes; ValueError for anything else."""
    _outside()


def sha256(data: bytes) -> bytes:
    """32 bytes."""
    _outside()


def sm3(data: bytes) -> bytes:
    """32 bytes."""
    _outside()


def sm2_verify(public_key: bytes, message: bytes, signature: bytes, id: bytes = DEFAULT_ID) -> bool:
    """Whether the signature (64 bytes) of the key (65 bytes) over the message holds; never raises for

    wrong ones. ValueError: an argument that is not bytes."""
    _outside()


def p256_verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the ECDSA signature (r and s, 64 bytes, s at most half the order) of the P-256 key (65 bytes)
    over the message's SHA-256 holds; never raises for wrong ones. ValueError: an argument that is not bytes."""
    _outside()


def commitment_opens(commitment: bytes, amount: int, blinding: bytes) -> bool:
    """Whether amount (1 to 2^41) and blinding (32 bytes) open a commitment to a hidden amount (65 bytes)."""
    _outside()


def commitments_add_up(whole: bytes, parts: Sequence[bytes]) -> bool:
    """Whether the amounts behind 1 to 64 commitments add up to the amount behind `whole`."""
    _outside()


def range_proof_holds(commitment: bytes, context: bytes, proof: bytes) -> bool:
    """Whether a proof (6,592 bytes) shows, for this context (32 bytes), that 1 to 2^41 is hidden."""
    _outside()


def merkle_verify(
    root: bytes, leaf: bytes, index: int, size: int, path: Sequence[bytes], suite: str = "sm"
) -> bool:
    """Whether the leaf *hash* stands at `index` of the RFC 6962 tree of `size` leaves with this root."""
    _outside()


def merkle_consistency(
    first: int,
    second: int,
    first_root: bytes,
    second_root: bytes,
    path: Sequence[bytes],
    suite: str = "sm",
) -> bool:
    """Whether the RFC 6962 tree of size `second` extends the one of size `first`."""
    _outside()


def tagged_hash(tag: str, suite: str, *parts: bytes) -> bytes:
    """Hash of the parts behind a tag of the chain's table (consensus/tags.py) and the suite's id."""
    _outside()


def struct_encode(fields: Sequence[tuple[str, Any]]) -> bytes:
    """Structure encoding of (kind, value) fields in order.

    Kinds: int (64 bits), bool, bytes, str, hash (32 bytes), sig (64 bytes); `list:` or `optional:` in front.
    """
    _outside()


def struct_decode(kinds: Sequence[str], data: bytes) -> list[Any]:
    """Field values of a structure of exactly these kinds; ValueError for anything else."""
    _outside()


def int_from_bytes(data: bytes, byteorder: str = "big", *, signed: bool = False) -> int:
    """An integer of at most 32 bytes."""
    _outside()


def bytes_from_hex(text: str) -> bytes:
    """Bytes of hexadecimal text without spaces."""
    _outside()
