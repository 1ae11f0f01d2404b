"""Executes certified blocks in order, behind ordering: block in, receipts, writes and roots out.

Its queue is the block store itself: whatever lies above the applied height is executed, first of all what a
crash left unfinished. What a node decides without the engine is decided by the planner, what becomes of the
channel's contracts behind the block by `activations`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from consensus.encoding import Hash
from consensus.header import Header
from contracts.runtime.api import (
    BlockRequest,
    Bundle,
    Diagnostic,
    StateReader,
    Transaction,
    TxResult,
)
from node.contracts.activations import Activations, activate
from node.execution.loaded_engine import LoadedEngine
from node.execution.planner import Delivered, Opened, Plan, Planned, Planner
from node.failpoints import reach
from node.governance import state_writes
from node.ledger.meter import Use
from node.ledger.records import StateRoots
from node.lifecycle import state_writes as lifecycle_writes
from node.lifecycle.activation import due
from node.metering.counting import Ordered, day_of_ms, measure
from node.metering.figures import names_of
from node.model import Envelope, EventRecord, Receipt, StoredEvent, encode_receipt
from node.opening import Ledger
from node.quotas.counting import Subject, Used, encode_used, used_key

HOT_KEYS_MAX = 1_024
DELIVERED_KEPT_MAX = 8
HOT_VALUE_BYTES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Applied:
    """A block after execution; what subscribers and metrics are told."""

    height: int
    roots: StateRoots
    receipts: tuple[Receipt, ...]
    timestamp_ms: int
    engine_seconds: float
    total_seconds: float


class Executor:
    """One task a channel. `wake` after a block became durable."""

    def __init__(
        self,
        ledger: Ledger,
        engine: LoadedEngine,
        planner: Planner,
        lint: Callable[[Bundle], Awaitable[tuple[Diagnostic, ...]]],
        on_applied: Callable[[Applied], Awaitable[None]],
        in_thread: Callable[..., Any] = asyncio.to_thread,
    ) -> None:
        """lint: the linter's findings in what is proposed, the same on every node."""
        self._ledger, self._engine, self._planner, self._lint = ledger, engine, planner, lint
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
        started = time.monotonic()
        envelopes, plan = await self._plan(height)
        ran = await self._run(plan)
        receipts, roots = await self._in_thread(self._commit, envelopes, plan, ran)
        for entry in plan.entries:
            if entry.outcome is not None:
                self._ledger.configuration.adopt(entry.outcome.state)
        self._ledger.configuration.time_ms = plan.header.timestamp_ms
        self._ledger.contracts.adopt(ran.activations.state, height)
        self._ledger.quotas.adopt(ran.used, height)
        # Only now, and not when the thread had written it: whoever sees the height sees the configuration.
        self._ledger.applied_height = height
        return Applied(
            height,
            roots,
            tuple(receipts),
            plan.header.timestamp_ms,
            ran.engine_seconds,
            time.monotonic() - started,
        )

    async def _plan(self, height: int) -> tuple[Sequence[Envelope], Plan]:
        read: _Read = await self._in_thread(self._read, height)
        plan = read.plan
        if plan is None:
            findings = {id_: await self._lint(bundle) for id_, bundle in read.to_lint.items()}
            plan = await self._in_thread(self._planner.plan, read.header, read.opened, findings)
            assert plan is not None
        return read.envelopes, plan

    def _read(self, height: int) -> _Read:
        """The block, and its plan where the linter has no part in it, which is nearly always."""
        delivered = self._delivered.pop(height, None)
        if delivered is not None:
            header, opened = delivered.header, self._planner.open_known(delivered)
            envelopes = tuple(admitted.envelope for admitted in delivered.admitted)
        else:
            block = self._ledger.blocks.block(height)
            assert block is not None, f"block {height} is at or below the tip"
            header, opened, envelopes = block.header, self._planner.open(block), block.envelopes
        to_lint = self._planner.to_lint(height, opened)
        plan = None if to_lint else self._planner.plan(header, opened, {})
        return _Read(header, envelopes, opened, to_lint, plan)

    # ---- in the engine ----------------------------------------------------------------------------

    async def _run(self, plan: Plan) -> _Ran:
        """The calls of a block, and behind them the activations that are due."""
        calls = tuple(p.call for p in plan.entries if p.call is not None)
        ran = _Ran(Activations(plan.contracts))
        is_due = bool(due(plan.contracts, plan.header.height))
        if not calls and not is_due:
            return ran
        view = self._ledger.state.view()
        try:
            if calls:
                request = await self._in_thread(self._request, plan.header, calls, view)
                started = time.monotonic()
                ran.results = await self._engine.execute(request, view)
                ran.engine_seconds = time.monotonic() - started
            if is_due:
                ran.activations = await self._activate(plan, ran.results, view)
        finally:
            view.close()
        if [r.tx_id for r in ran.results] != [c.tx_id for c in calls]:
            height = plan.header.height
            raise AssertionError(f"the engine answered for other transactions at height {height}")
        return ran

    async def _activate(
        self, plan: Plan, results: Sequence[TxResult], view: StateReader
    ) -> Activations:
        writes: dict[bytes, bytes | None] = {}
        for result in results:
            writes.update(result.writes)
        at_once = {
            entry.lifecycle.place: entry.before.stages[entry.lifecycle.place]
            for entry in plan.entries
            if entry.lifecycle and entry.before and entry.lifecycle.place
        }

        async def run(request: BlockRequest, state: StateReader) -> TxResult:
            (result,) = await self._engine.execute(request, state)
            return result

        gas_limit = self._ledger.configuration.config.limits.tx_gas_max
        return await activate(plan.header, plan.contracts, view, writes, at_once, gas_limit, run)

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
            active=self._ledger.contracts.running,
        )

    # ---- into the state ---------------------------------------------------------------------------

    def _commit(
        self, envelopes: Sequence[Envelope], plan: Plan, ran: _Ran
    ) -> tuple[list[Receipt], StateRoots]:
        height, batch = plan.header.height, _Batch()
        executed = iter(ran.results)
        for index, entry in enumerate(plan.entries):
            if entry.call is not None:
                result = next(executed)
                batch.put(height, index, self._planner.receipt(entry, result))
                batch.writes.update(result.writes)
                batch.use_request(entry)
            elif entry.lifecycle is not None:
                receipt = self._planner.settled(entry, ran.activations.done)
                batch.put(height, index, receipt)
                if receipt.outcome == "ok":
                    batch.use_request(entry)
            else:
                assert entry.decided is not None
                batch.put(height, index, entry.decided)
                if entry.outcome is not None:
                    before = self._ledger.configuration.state
                    batch.writes.update(state_writes(before, entry.outcome.state))
        batch.events += _activation_events(plan, ran.activations)
        batch.writes.update(self._settled(plan, ran, batch.receipts))
        batch.writes.update(ran.activations.writes)
        batch.writes.update(plan.kept)
        batch.writes.update(lifecycle_writes(self._ledger.contracts.state, ran.activations.state))
        state = self._ledger.state
        receipts = [encode_receipt(r) for r in batch.receipts]
        use = self._use(envelopes, plan, batch.receipts)
        prepared = state.prepare(height, batch.writes, receipts, batch.events, batch.requests, use)
        reach("before-state")
        state.commit(prepared)
        reach("after-state")
        self._note_reads(ran.results)
        return batch.receipts, prepared.roots

    def _use(self, envelopes: Sequence[Envelope], plan: Plan, receipts: Sequence[Receipt]) -> Use:
        """What is counted of the block, by who is who before it."""
        bodies = [entry.body for entry in plan.entries]
        ordered = map(Ordered, envelopes, receipts, bodies)
        names = names_of(self._ledger.configuration, self._ledger.suite)
        return Use(day_of_ms(plan.header.timestamp_ms), measure(ordered, names))

    def _settled(
        self, plan: Plan, ran: _Ran, receipts: Sequence[Receipt]
    ) -> dict[bytes, bytes | None]:
        """What the block's receipts leave of what was reserved, and what is not counted any more."""
        used: dict[Subject, Used | None] = {}
        for entry, receipt in zip(plan.entries, receipts, strict=True):
            if entry.outcome is not None:
                used |= self._ledger.quotas.gone(entry.outcome.state)
            if entry.member and entry.body is not None:
                unused = entry.gas_limit - receipt.gas_used
                plan.charging.settle(entry.member, entry.body.contract, unused)
        ran.used = {**used, **plan.charging.changed}
        return {
            used_key(subject): None if found is None else encode_used(found)
            for subject, found in ran.used.items()
        }

    def _note_reads(self, results: Sequence[TxResult]) -> None:
        """What the last blocks read goes along with the next one: it changes speed, never a result."""
        for result in results:
            for key in result.read_keys:
                self._hot.pop(key, None)
                self._hot[key] = None
        while len(self._hot) > HOT_KEYS_MAX:
            del self._hot[next(iter(self._hot))]


@dataclass(frozen=True, slots=True)
class _Read:
    """A block as it is read. plan: where the linter need not see `to_lint` first."""

    header: Header
    envelopes: Sequence[Envelope]
    opened: Opened
    to_lint: dict[Hash, Bundle]
    plan: Plan | None


@dataclass(slots=True)
class _Ran:
    """What the engine made of a block."""

    activations: Activations
    results: list[TxResult] = field(default_factory=list)
    engine_seconds: float = 0.0
    used: dict[Subject, Used | None] = field(default_factory=dict)


@dataclass(slots=True)
class _Batch:
    """What a block writes, as it is gathered."""

    writes: dict[bytes, bytes | None] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    requests: list[tuple[bytes, str, Hash]] = field(default_factory=list)

    def put(self, height: int, index: int, receipt: Receipt) -> None:
        """The receipt of the `index`-th transaction, and its events."""
        self.receipts.append(receipt)
        self.events += _events(height, index, receipt.tx_id, receipt.events)

    def use_request(self, entry: Planned) -> None:
        assert entry.body is not None
        self.requests.append((entry.body.sender, entry.body.request_id, entry.tx_id))


def _events(
    height: int, index: int, tx_id: Hash, events: Iterable[EventRecord]
) -> list[StoredEvent]:
    return [StoredEvent(height, index, i, tx_id, event) for i, event in enumerate(events)]


def _activation_events(plan: Plan, activations: Activations) -> list[StoredEvent]:
    """Of activations that were scheduled earlier, behind all transactions of the block: the digest of what was
    proposed stands where others have a transaction's id."""
    own = {entry.lifecycle.place for entry in plan.entries if entry.lifecycle}
    found: list[StoredEvent] = []
    later = [a for place, a in activations.done.items() if place not in own]
    for index, activation in enumerate(later, len(plan.entries)):
        id_ = activations.state.stages[activation.place].digest
        told = (*activation.events, activation.event)
        found += _events(plan.header.height, index, id_, told)
    return found
