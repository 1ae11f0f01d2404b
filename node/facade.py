"""What a channel answers to the API, the web pages and the oracles: plain facts, frozen.

`node.channel.Channel` is the one implementation of `ChannelFacade`; callers type against this module and
never reach into the pipeline behind it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from consensus.encoding import Hash

if TYPE_CHECKING:
    from contracts.runtime.api import Bundle
    from node.errors import CityError
    from node.genesis import ChannelConfig, Genesis, Identity
    from node.identity.suite import Suite
    from node.metering.counting import Asked, Metered
    from node.model import Envelope, EventRecord, Receipt, StoredBlock, StoredEvent

Level = Literal["ordered", "committed"]


@dataclass(frozen=True, slots=True)
class SubmitOutcome:
    """Admission's answer for one envelope, in the caller's order. `error` None: it is in the pool
    (or was already there: submitting the same bytes again is no error until they stand in a block)."""

    tx_id: Hash
    error: CityError | None = None


@dataclass(frozen=True, slots=True)
class TxStatus:
    """`level` is what was reached, at least what was asked for. `receipt` is there when committed."""

    tx_id: Hash
    level: Level
    height: int
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class TxView:
    """A transaction that stands in a certified block; `receipt` None until its block is executed."""

    envelope: Envelope
    height: int
    index: int
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a view or a dry run gave, on the state after block `height`. Nothing was written.

    outcome: ok, revert, oog or fatal; result: value-encoded. version: of the contract that ran, 0 for one of
    the channel's own. writes: what it would have written, None for a deletion.
    """

    height: int
    outcome: str
    code: str
    message: str
    result: bytes
    gas_used: int
    events: tuple[EventRecord, ...] = ()
    version: int = 0
    writes: tuple[tuple[bytes, bytes | None], ...] = ()


@dataclass(frozen=True, slots=True)
class EventsPage:
    """Events of block `height`, in order; an empty page is a heartbeat saying the cursor is that far."""

    height: int
    events: list[StoredEvent] = field(default_factory=list)


@dataclass(frozen=True, slots=True, order=True)
class Deployed:
    """One version of a contract. status: `active`, `archived`, or another word of its life.

    digest: of its bundle, under the channel's suite. facts: what else the channel holds of it (law,
    approvals, …), JSON-ready."""

    name: str
    version: int
    digest: Hash
    status: str
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)


class ChannelFacade(Protocol):
    """Every async method raises CityError; the caller cancels at its own deadline."""

    name: str
    channel_id: Hash
    genesis: Genesis
    suite: Suite

    @property
    def config(self) -> ChannelConfig:
        """In force."""
        ...

    def identity(self, digest: Hash) -> Identity | None:
        """In force, or once in force: whoever signed something that stands in a block."""
        ...

    async def submit(self, envelopes: Sequence[Envelope], source: str = "") -> list[SubmitOutcome]:
        """source: who brought them; sources take turns."""
        ...

    async def wait(self, tx_id: Hash, level: Level) -> TxStatus: ...

    async def transaction(self, tx_id: Hash) -> TxView | None: ...

    async def block(self, height: int) -> StoredBlock | None: ...

    async def query(
        self,
        contract: str,
        version: int,
        method: str,
        args_json: str,
        sender: Identity | None,
        min_height: int = 0,
        gas_limit: int = 0,
        height: int = 0,
    ) -> QueryResult: ...

    async def receipts(self, height: int) -> list[bytes]: ...

    def note_read(self, member_id: str) -> None: ...

    async def statements(self, first: int) -> list[bytes]: ...

    async def usage(self, asked: Asked, min_height: int = 0) -> Metered: ...

    def contracts(self) -> list[Deployed]: ...

    def contract(self, name: str, version: int) -> Deployed: ...

    async def contract_bundle(self, name: str, version: int) -> Bundle: ...

    async def contract_schema(self, name: str, version: int) -> bytes: ...

    async def state(self, key: bytes, min_height: int = 0) -> tuple[int, bytes | None]: ...

    def blocks(self, from_height: int) -> AsyncIterator[StoredBlock]: ...

    def events(
        self, from_height: int, after_id: str, contract: str, name: str
    ) -> AsyncIterator[EventsPage]: ...

    async def transaction_proof(self, tx_id: Hash) -> bytes: ...

    async def state_proof(self, key: bytes) -> bytes: ...

    async def membership_proof(
        self, who: str, name: str, height: int = 0, time_ms: int = 0
    ) -> bytes: ...

    def status(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Operators:
    """Who may give orders to a node. identity: digest of the node's identity key; keys are public ones of
    `suite`."""

    suite: Suite
    identity: Hash
    node_name: str
    keys: frozenset[bytes]


class HostingFacade(Protocol):
    """The channels of a node as its operator changes them (node/hosting/hosting.py). All raise CityError; rows
    are JSON-ready: channel, state, and what is known of it."""

    def operators(self) -> Operators: ...

    def hosted(self) -> list[dict[str, Any]]: ...

    def show(self, name: str) -> dict[str, Any]: ...

    def genesis(self, name: str) -> bytes:
        """Blocks."""
        ...

    async def prepare(self, name: str, suite_name: str) -> bytes: ...

    async def join(
        self,
        genesis: bytes,
        addresses: Mapping[str, str],
        grant: bytes = b"",
        from_snapshot: bool = False,
    ) -> dict[str, Any]: ...

    async def leave(self, name: str, is_forced: bool = False) -> dict[str, Any]: ...

    async def backup(self, name: str) -> dict[str, Any]: ...

    async def pause(self, name: str) -> dict[str, Any]: ...

    async def resume(self, name: str) -> dict[str, Any]: ...

    async def archive(self, name: str) -> dict[str, Any]: ...
