"""What an application asks of a ledger. Implemented by `city.py` (this project) and `evm.py` (JSON-RPC nodes).

Arguments and event fields are text, whole numbers and bytes by name. A method that the contract refuses raises
CityError CITY-4001 with its reason. A proof is bytes; `check` needs no network and returns what it shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Args = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Submitted:
    """A transaction that has been executed. tx_id: hexadecimal."""

    tx_id: str
    height: int


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """id: stable and in order on this ledger, for consumers that resume."""

    id: str
    height: int
    tx_id: str
    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """What a proof shows: that this transaction of this application was executed and told these events."""

    tx_id: str
    height: int
    events: tuple[LedgerEvent, ...]


class ProofRefused(ValueError):
    """A proof that does not show what it should; the text says why."""


class LedgerAdapter(Protocol):
    """One application on one ledger."""

    async def submit(self, method: str, args: Args) -> Submitted: ...

    async def query(self, method: str, args: Args) -> Any: ...

    def subscribe(self, event: str, from_height: int = 0) -> AsyncIterator[LedgerEvent]:
        """Events of that name, past ones first, then live ones; at least once each."""
        ...

    async def proof(self, tx_id: str) -> bytes:
        """Waits until the ledger can give it."""
        ...

    def check(self, proof: bytes) -> Fact:
        """Raises ProofRefused."""
        ...
