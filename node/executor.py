"""Executes certified blocks in order, behind ordering: block in, receipts, writes and roots out.

Its queue is the block store itself: whatever lies above the applied height is executed, first of all what a
crash left unfinished. What a node decides without the engine (expired, repeated, malformed) is decided here
from the block and the state before it, so that every node gives the same receipt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from consensus.encoding import Hash
from consensus.header import Header, identity_digest, tx_id
from contracts.runtime import values
from contracts.runtime.api import BlockRequest, StateReader, Transaction, TxResult
from node.admission import Admitted
from node.arguments import BadArguments, check_arguments
from node.configuration import EXPIRED, InForce
from node.errors import CityError
from node.failpoints import reach
from node.governance import CONTRACT, ConfigState, Outcome, state_writes
from node.identity.suite import Suite
from node.ledger.records import StateRoots
from node.model import (
    Envelope,
    EventRecord,
    Receipt,
    StoredBlock,
    StoredEvent,
    encode_receipt,
    writes_digest,
)
from node.opening import Ledger
from node.wire.body import TxBody, parse_body

NONE_VALUE = values.encode(None)
HOT_KEYS_MAX = 1_024
DELIVERED_KEPT_MAX = 8
HOT_VALUE_BYTES_MAX = 4_096


class BlockEngine(Protocol):
    """The contract engine as execution needs it."""

    async def execute(self, request: BlockRequest, state: StateReader) -> list[TxResult]: ...


@dataclass(frozen=True, slots=True)
class Planned:
    """A transaction of a block before the engine: either a call, or a receipt decided without it (`decided`),
    and with that of a config transaction what it makes of the configuration."""

    tx_id: Hash
    body: TxBody | None
    gas_limit: int
    call: Transaction | None
    decided: Receipt | None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """A block after execution; what subscribers and metrics are told."""

    height: int
    roots: StateRoots
    receipts: tuple[Receipt, ...]
    timestamp_ms: int
    engine_seconds: float
    total_seconds: float


@dataclass(frozen=True, slots=True)
class Delivered:
    """A block that is durable and was assembled from what this node admitted, in block order."""

    header: Header
    admitted: tuple[Admitted, ...]


class Planner:
    """Decides what of a block goes to the engine. Blocking (reads the state); called in a thread."""

    def __init__(self, configuration: InForce, channel_id: Hash, suite: Suite) -> None:
        self._configuration, self._channel_id, self._suite = configuration, channel_id, suite
        config = configuration.config
        self._limits = config.limits
        self._no_writes = writes_digest(suite.hash, suite.id, {})
        self._active = {
            c.name: version
            for c in config.contracts
            if (version := config.active_version(c.name)) is not None
        }

    @property
    def active(self) -> dict[str, int]:
        return self._active

    def plan(self, block: StoredBlock, ledger: Ledger) -> list[Planned]:
        """One entry a transaction, in block order."""
        return self._plan(block.header.height, map(self._open, block.envelopes), ledger)

    def plan_known(self, delivered: Delivered, ledger: Ledger) -> list[Planned]:
        """The same for a block whose envelopes this node admitted itself: admission found everything that
        `_check` asks for, so nothing is parsed twice."""
        opened = ((admitted.tx_id, admitted.body) for admitted in delivered.admitted)
        return self._plan(delivered.header.height, opened, ledger)

    def _open(self, envelope: Envelope) -> tuple[Hash, TxBody | str]:
        """Id, and the body or the name of what is wrong with it."""
        id_ = tx_id(self._suite.hash, self._suite.id, envelope.body)
        try:
            body = parse_body(envelope.body)
            self._check(body, envelope.public_key)
        except CityError as error:
            return id_, error.name
        except BadArguments:
            return id_, "TX_ARGS_INVALID"
        return id_, body

    def _plan(
        self, height: int, opened: Iterable[tuple[Hash, TxBody | str]], ledger: Ledger
    ) -> list[Planned]:
        first_uses: dict[tuple[Hash, str], Hash] = {}
        planned = []
        for id_, body in (opened := list(opened)):
            if isinstance(body, str):
                planned.append(self._refuse(id_, None, body, "the transaction is malformed"))
                continue
            if body.contract == CONTRACT:
                planned.append(self._configure(height, id_, body, is_alone=len(opened) == 1))
                continue
            window = self._limits.valid_until_window
            if not height <= body.valid_until_height <= height + window:
                planned.append(
                    self._refuse(id_, body, EXPIRED, "not valid at the height of its block")
                )
                continue
            key = (body.sender, body.request_id)
            first = first_uses.get(key) or self._first_use(ledger, key)
            if first is not None:
                planned.append(self._duplicate(id_, body, first))
                continue
            first_uses[key] = id_
            planned.append(Planned(id_, body, body.gas_limit, self._call(id_, body), None))
        return planned

    def _configure(self, height: int, id_: Hash, body: TxBody, is_alone: bool) -> Planned:
        """A config transaction is decided here, without the engine. It uses no request id: its own rules say
        what may happen once, so that nodes that execute no contracts decide the same."""
        if not is_alone:
            return self._refuse(id_, body, "CONFIG_NOT_ALONE", "it shares its block with others")
        outcome = self._configuration.decide(height, id_, body)
        if outcome.code:
            return self._refuse(id_, body, outcome.code, outcome.message)
        digest = writes_digest(
            self._suite.hash,
            self._suite.id,
            state_writes(self._configuration.state, outcome.state),
        )
        result = values.encode(outcome.value)
        event = EventRecord(CONTRACT, outcome.event, result)
        receipt = Receipt(id_, "ok", "", "", 0, body.gas_limit, result, (event,), digest)
        return Planned(id_, body, body.gas_limit, None, receipt, outcome)

    def receipt(self, planned: Planned, result: TxResult) -> Receipt:
        """The receipt of an executed transaction."""
        digest = writes_digest(self._suite.hash, self._suite.id, dict(result.writes))
        return Receipt(
            planned.tx_id,
            result.outcome,
            result.code,
            result.message,
            result.gas_used,
            planned.gas_limit,
            result.result,
            result.events,
            digest,
        )

    def _check(self, body: TxBody, public_key: bytes) -> None:
        """Form again: a quorum of liars could have ordered anything, and all honest nodes must agree on it."""
        hash_, suite_id = self._suite.hash, self._suite.id
        if (body.suite, body.channel_id) != (suite_id, self._channel_id):
            raise CityError("CITY-3004")
        if identity_digest(hash_, suite_id, public_key) != body.sender:
            raise CityError("CITY-3005")
        if self._configuration.sender(body) is None:
            raise CityError("CITY-3007")
        if body.gas_limit > self._limits.tx_gas_max:
            raise CityError("CITY-3015")
        check_arguments(body.args)

    def _call(self, id_: Hash, body: TxBody) -> Transaction:
        identity = self._configuration.identities[body.sender]
        return Transaction(
            tx_id=id_,
            contract=body.contract,
            version=body.version,
            method=body.method,
            args_json=body.args,
            sender=body.sender.hex(),
            member=identity.member_id,
            roles=identity.roles,
            gas_limit=body.gas_limit,
        )

    @staticmethod
    def _first_use(ledger: Ledger, key: tuple[Hash, str]) -> Hash | None:
        found = ledger.state.request(*key)
        return found.tx_id if found else None

    def _refuse(self, id_: Hash, body: TxBody | None, code: str, message: str) -> Planned:
        gas_limit = body.gas_limit if body else 0
        receipt = Receipt(
            id_, "revert", code, message, 0, gas_limit, NONE_VALUE, (), self._no_writes
        )
        return Planned(id_, body, gas_limit, None, receipt)

    def _duplicate(self, id_: Hash, body: TxBody, first: Hash) -> Planned:
        receipt = Receipt(
            id_,
            "duplicate",
            "",
            f"request id {body.request_id} was used first by {first.hex()}",
            0,
            body.gas_limit,
            values.encode(bytes(first)),
            (),
            self._no_writes,
        )
        return Planned(id_, body, body.gas_limit, None, receipt)


class Executor:
    """One task a channel. `wake` after a block became durable."""

    def __init__(
        self,
        ledger: Ledger,
        engine: BlockEngine,
        planner: Planner,
        on_applied: Callable[[Applied], Awaitable[None]],
        in_thread: Callable[..., Any] = asyncio.to_thread,
    ) -> None:
        self._ledger, self._engine, self._planner = ledger, engine, planner
        self._on_applied, self._in_thread = on_applied, in_thread
        self._more = asyncio.Event()
        self._hot: dict[bytes, None] = {}
        self._delivered: dict[int, Delivered] = {}

    def wake(self, delivered: Delivered | None = None) -> None:
        """A block became durable. delivered: what saves reading it again; execution that is far behind
        reads blocks from the store."""
        if delivered is not None and len(self._delivered) < DELIVERED_KEPT_MAX:
            self._delivered[delivered.header.height] = delivered
        self._more.set()

    async def run(self) -> None:
        """Until cancelled. Raises what the stores or the engine cannot recover from."""
        while True:
            self._more.clear()
            while self._ledger.applied_height < self._ledger.tip.height:
                await self._on_applied(await self.apply(self._ledger.applied_height + 1))
            await self._more.wait()

    async def apply(self, height: int) -> Applied:
        """Executes the block of `height`, the next one, and makes its results durable."""
        started = engine_done = time.monotonic()
        engine_started = started
        header, planned = await self._in_thread(self._read, height)
        calls = tuple(p.call for p in planned if p.call is not None)
        results: list[TxResult] = []
        if calls:
            view = self._ledger.state.view()
            try:
                request = await self._in_thread(self._request, header, calls, view)
                engine_started = time.monotonic()
                results = await self._engine.execute(request, view)
                engine_done = time.monotonic()
            finally:
                view.close()
        if [r.tx_id for r in results] != [c.tx_id for c in calls]:
            raise AssertionError(f"the engine answered for other transactions at height {height}")
        receipts, roots = await self._in_thread(self._commit, height, planned, results)
        for entry in planned:
            if entry.outcome is not None:
                self._ledger.configuration.adopt(entry.outcome.state)
        # Only now, and not when the thread had written it: whoever sees the height sees the configuration.
        self._ledger.applied_height = height
        return Applied(
            height,
            roots,
            tuple(receipts),
            header.timestamp_ms,
            engine_done - engine_started,
            time.monotonic() - started,
        )

    def _read(self, height: int) -> tuple[Header, list[Planned]]:
        delivered = self._delivered.pop(height, None)
        if delivered is not None:
            return delivered.header, self._planner.plan_known(delivered, self._ledger)
        block = self._ledger.blocks.block(height)
        assert block is not None, f"block {height} is at or below the tip"
        return block.header, self._planner.plan(block, self._ledger)

    def _request(
        self, header: Header, calls: tuple[Transaction, ...], view: StateReader
    ) -> BlockRequest:
        hot = list(self._hot)
        found = zip(hot, view.state_get(hot), strict=True)
        known = {k: v for k, v in found if v is None or len(v) <= HOT_VALUE_BYTES_MAX}
        return BlockRequest(
            channel_id=header.channel_id.hex(),
            height=header.height,
            time_ms=header.timestamp_ms,
            txs=calls,
            read_set=known,
            active=self._planner.active,
        )

    def _commit(
        self, height: int, planned: Sequence[Planned], results: Sequence[TxResult]
    ) -> tuple[list[Receipt], StateRoots]:
        writes: dict[bytes, bytes | None] = {}
        before: ConfigState = self._ledger.configuration.state
        events: list[StoredEvent] = []
        receipts: list[Receipt] = []
        requests: list[tuple[bytes, str, Hash]] = []
        executed = iter(results)
        for index, entry in enumerate(planned):
            if entry.decided is not None:
                receipts.append(entry.decided)
                if entry.outcome is not None:
                    writes.update(state_writes(before, entry.outcome.state))
                    events += _events(height, index, entry.decided)
                continue
            result = next(executed)
            assert entry.body is not None
            requests.append((entry.body.sender, entry.body.request_id, entry.tx_id))
            receipts.append(self._planner.receipt(entry, result))
            if result.outcome == "ok":
                writes.update(result.writes)
                events += _events(height, index, receipts[-1])
        state = self._ledger.state
        prepared = state.prepare(
            height, writes, [encode_receipt(r) for r in receipts], events, requests
        )
        reach("before-state")
        state.commit(prepared)
        reach("after-state")
        self._note_reads(results)
        return receipts, prepared.roots

    def _note_reads(self, results: Sequence[TxResult]) -> None:
        """What the last blocks read goes along with the next one: it changes speed, never a result."""
        for result in results:
            for key in result.read_keys:
                self._hot.pop(key, None)
                self._hot[key] = None
        while len(self._hot) > HOT_KEYS_MAX:
            del self._hot[next(iter(self._hot))]


def _events(height: int, index: int, receipt: Receipt) -> list[StoredEvent]:
    return [
        StoredEvent(height, index, i, receipt.tx_id, event)
        for i, event in enumerate(receipt.events)
    ]
