"""One channel on this node: what the API, the pages and the oracles call (facade.py), over the pipeline.

A channel that has to stop (a sealed root differs, an invariant broke, its store or log failed) goes on
answering reads and says why it stopped; other channels of the node do not notice.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import structlog

from consensus.certificate import seals_needed
from consensus.encoding import Hash
from consensus.header import block_hash, tx_id
from contracts.runtime.api import Bundle
from node.clock import Clock
from node.contracts.catalogue import Catalogue
from node.contracts.queries import Queries
from node.errors import CityError
from node.execution.loaded_engine import LoadedEngine
from node.facade import Deployed, EventsPage, Level, QueryResult, SubmitOutcome, TxStatus, TxView
from node.genesis import ChannelConfig, Identity
from node.ledger.blocks import NO_ARCHIVES, BodyNotHeld
from node.metering.counting import Asked, Metered
from node.metering.figures import tell
from node.metering.served import Served
from node.model import Envelope, Receipt, StoredBlock, decode_receipt
from node.opening import Ledger
from node.ordering.admission import Admission, Admitted
from node.ordering.driver import ChannelHalted
from node.pipeline import Pipeline
from node.proofs.building import ProofBuilder
from node.telemetry import Metrics
from node.trust import lies_tolerated, trust

SUBMIT_CHUNK = 128
HEARTBEAT_SECONDS = 5.0
EVENTS_PAGE = 200
EXECUTION_LAG_MAX = 64

log = structlog.get_logger("channel")


class Channel:
    """Implements node.facade.ChannelFacade. `run` until cancelled; everything else may be called before."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        ledger: Ledger,
        admission: Admission,
        query_engine: LoadedEngine | None,
        catalogue: Catalogue,
        clock: Clock,
        metrics: Metrics,
        describe: Callable[[], dict[str, Any]],
        room: Callable[[], CityError | None] = lambda: None,
        served: Served | None = None,
    ) -> None:
        """describe: more facts for `status` (sandbox, crypto backend). room: why no transactions are taken.
        served: counts reads."""
        self.genesis, self._configuration = ledger.genesis, ledger.configuration
        self.channel_id, self.suite = ledger.channel_id, ledger.suite
        self.name = self.genesis.config.name
        self.metrics, self.pipeline = metrics, pipeline
        self._ledger, self._admission, self._clock = ledger, admission, clock
        self._describe, self._room, self._served = describe, room, served
        self._proofs = ProofBuilder(ledger)
        self._catalogue = catalogue
        self._queries = Queries(ledger, query_engine)
        self._stopped: CityError | None = None

    @property
    def config(self) -> ChannelConfig:
        """In force: genesis's, as config transactions have changed it."""
        return self._configuration.config

    def identity(self, digest: Hash) -> Identity | None:
        found = self._configuration
        return found.identities.get(digest) or found.former.get(digest)

    # ---- life -------------------------------------------------------------------------------------

    async def run(self, is_wal_loss_accepted: bool = False) -> None:
        """Runs the pipeline until cancelled. Where the pipeline stops by itself this returns only when
        cancelled, so that reads go on."""
        running = asyncio.create_task(self.pipeline.run(is_wal_loss_accepted), name="pipeline")
        counting = None if self._served is None else asyncio.create_task(self._served.run())
        try:
            await asyncio.wait({running})
            self._stop(_root_cause(running.exception()))
            await asyncio.Event().wait()
        finally:
            ending = [running] if counting is None else [running, counting]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            if self._stopped is None:
                self._stopped = CityError("CITY-6002", channel=self.name)
            self.pipeline.waiters.fail_all(self._stopped)
            self.pipeline.moved.notify()

    async def leave(self) -> None:
        """Before an orderly stop, while peers are still linked: nobody should wait for this node."""
        if self._stopped is None and len(self.config.validators) > 1:
            await self.pipeline.leave()

    def hold(self, reason: CityError) -> None:
        """Takes nothing more, for this reason; reads go on. Then cancel `run`, or never start it."""
        if self._stopped is None:
            self._stopped = reason

    def close(self) -> None:
        """Closes log and stores, once `run` has ended."""
        self._ledger.close()

    def _stop(self, cause: BaseException | None) -> None:
        height = self._ledger.tip.height
        facts: dict[str, Any] = {"channel": self.name, "height": height, "reason": str(cause)}
        if isinstance(cause, ChannelHalted):
            halt = cause.halt
            facts |= {
                "height": halt.height,
                "own": halt.own_root.hex(),
                "sealed": halt.sealed_root.hex(),
            }
            self.metrics.divergence.inc()
        else:
            facts |= {"own": "-", "sealed": "-"}
        self._stopped = CityError("CITY-6001", **facts)
        if isinstance(cause, CityError) and cause.code == "CITY-8050":
            self._stopped, cause = cause, None  # in good order: nothing here is broken
        self.pipeline.waiters.fail_all(self._stopped)
        self.pipeline.moved.notify()
        log.critical("channel.stopped", code=self._stopped.code, **facts, exc_info=cause)

    @property
    def stopped(self) -> CityError | None:
        return self._stopped

    # ---- writing ----------------------------------------------------------------------------------

    async def submit(self, envelopes: Sequence[Envelope], source: str = "") -> list[SubmitOutcome]:
        refusal = self._stopped or self._room() or self._too_far_behind()
        if refusal is not None:
            self.metrics.rejected(refusal.name)
            raise refusal
        outcomes: list[SubmitOutcome] = []
        for at in range(0, len(envelopes), SUBMIT_CHUNK):
            chunk = envelopes[at : at + SUBMIT_CHUNK]
            outcomes += await self._submit_chunk(chunk, f"client {source}")
        return outcomes

    async def _submit_chunk(
        self, envelopes: Sequence[Envelope], source: str
    ) -> list[SubmitOutcome]:
        hash_, suite_id, pool = self.suite.hash, self.suite.id, self.pipeline.pool
        ids = [tx_id(hash_, suite_id, envelope.body) for envelope in envelopes]
        new = [
            envelope
            for id_, envelope in zip(ids, envelopes, strict=True)
            if (held := pool.get(id_)) is None or held.envelope != envelope
        ]
        checked = await self._admission.admit(new, self._ledger.tip.height, source)
        by_envelope = {id(e): found for e, found in zip(new, checked, strict=True)}
        return [
            SubmitOutcome(id_, self._add(by_envelope.get(id(envelope))))
            for id_, envelope in zip(ids, envelopes, strict=True)
        ]

    def _add(self, found: Admitted | CityError | None) -> CityError | None:
        """None: it is in the pool, or was."""
        try:
            if isinstance(found, CityError):
                raise found
            if found is not None:
                self.pipeline.submit(found)
        except CityError as error:
            self.metrics.rejected(error.name)
            return error
        return None

    def _too_far_behind(self) -> CityError | None:
        behind = self.pipeline.execution_lag
        return CityError("CITY-6003", behind=behind) if behind > EXECUTION_LAG_MAX else None

    async def wait(self, tx_id: Hash, level: Level) -> TxStatus:
        if level == "committed":
            self._require_execution("tell the outcome of a transaction")
        future = self.pipeline.waiters.expect(tx_id, level)
        try:
            # In the pool it is not ordered yet; anywhere else the ledger knows best.
            if tx_id not in self.pipeline.pool:
                status = await asyncio.to_thread(self._status_of, tx_id)
                if status is not None and (level == "ordered" or status.level == "committed"):
                    return status
                refusal = self.pipeline.pool.why_refused(tx_id)
                if status is None and refusal is not None:
                    raise refusal
            if self._stopped is not None:
                raise self._stopped
            return await future
        finally:
            self.pipeline.waiters.forget(tx_id, level, future)

    def _status_of(self, id_: Hash) -> TxStatus | None:
        place = self._ledger.blocks.place(id_)
        if place is None:
            return None
        receipt = self._receipt(place.height, place.index)
        level: Level = "ordered" if receipt is None else "committed"
        return TxStatus(id_, level, place.height, receipt)

    def _receipt(self, height: int, index: int) -> Receipt | None:
        # What is written and not in force yet is not told: see `Ledger.applied_height`.
        if height > self._ledger.applied_height:
            return None
        found = self._ledger.state.receipt(height, index)
        return None if found is None else decode_receipt(found)

    # ---- reading ----------------------------------------------------------------------------------

    async def transaction(self, tx_id: Hash) -> TxView | None:
        return await asyncio.to_thread(self._view_of, tx_id)

    def _view_of(self, id_: Hash) -> TxView | None:
        place = self._ledger.blocks.place(id_)
        envelope = None if place is None else self._ledger.blocks.envelope(place)
        if place is None or envelope is None:
            return None
        return TxView(envelope, place.height, place.index, self._receipt(place.height, place.index))

    async def block(self, height: int) -> StoredBlock | None:
        return await self._held_block(height)

    async def _held_block(self, height: int) -> StoredBlock | None:
        """Raises CITY-5008 with the peers that hold what is not held here."""
        try:
            return await asyncio.to_thread(self._ledger.blocks.block, height)
        except BodyNotHeld:
            raise self._not_held(height, self._ledger.blocks.base) from None

    def _not_held(self, height: int, base: int) -> CityError:
        archives = ", ".join(self.pipeline.catch_up.archives)
        known = {"archives": archives} if archives else {}
        return CityError("CITY-5008", height=height, base=base, **{**NO_ARCHIVES, **known})

    async def receipts(self, height: int) -> list[bytes]:
        """Canonical, in block order. Raises CITY-1008, and CITY-5008 for a block whose receipts are gone."""
        self._require_execution("tell the outcome of transactions")
        block = await self._held_block(height)
        if block is None or height > self._ledger.applied_height:
            raise CityError("CITY-1008", height=height, tip=self._ledger.applied_height)
        found = await asyncio.to_thread(self._ledger.state.receipts, height)
        if len(found) != len(block.envelopes):
            raise self._not_held(height, self._ledger.state.base + 1)
        return found

    def note_read(self, member_id: str) -> None:
        """A call was served to a person of this member."""
        if self._served is not None:
            self._served.note(member_id)

    async def statements(self, first: int) -> list[bytes]:
        return [] if self._served is None else await self._served.statements(first)

    async def usage(self, asked: Asked, min_height: int = 0) -> Metered:
        self._require_execution("tell what was used")
        await self._applied_to(min_height)
        return await asyncio.to_thread(tell, self._ledger.state, asked)

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
    ) -> QueryResult:
        self._require_execution("answer queries")
        await self._applied_to(min_height)
        return await self._queries.query(
            contract, version, method, args_json, sender, gas_limit, height
        )

    def contracts(self) -> list[Deployed]:
        return self._catalogue.contracts()

    def contract(self, name: str, version: int) -> Deployed:
        return self._catalogue.find(name, version)

    async def contract_bundle(self, name: str, version: int) -> Bundle:
        return await asyncio.to_thread(self._catalogue.bundle, name, version)

    async def contract_schema(self, name: str, version: int) -> bytes:
        return await self._catalogue.schema(name, version)

    async def state(self, key: bytes, min_height: int = 0) -> tuple[int, bytes | None]:
        self._require_execution("read the state")
        await self._applied_to(min_height)
        return await asyncio.to_thread(self._read_state, key)

    def _read_state(self, key: bytes) -> tuple[int, bytes | None]:
        height = self._ledger.applied_height
        return height, self._ledger.state.get(key, as_of=height)

    async def blocks(self, from_height: int) -> AsyncIterator[StoredBlock]:
        height = max(0, from_height)
        while True:
            await self._until(functools.partial(self._has_block, height))
            block = await self._held_block(height)
            assert block is not None
            yield block
            height += 1

    async def events(
        self, from_height: int, after_id: str, contract: str, name: str
    ) -> AsyncIterator[EventsPage]:
        self._require_execution("tell events")
        after = _event_place(after_id) if after_id else (max(0, from_height), -1, -1)
        self._require_events(after[0])
        while True:
            applied = self._ledger.applied_height
            page = await asyncio.to_thread(
                self._ledger.state.events, after, EVENTS_PAGE, contract or None, name or None
            )
            if page.events:
                last = page.events[-1]
                after = (last.height, last.tx_index, last.index)
            if page.next_after is not None:
                after = page.next_after
                yield EventsPage(after[0], list(page.events))
                continue
            # Everything up to `applied` has been looked at: go on behind it, unless events of it follow.
            if (applied, 0xFFFFFFFF, 0xFFFFFFFF) > after:
                after = (applied, 0xFFFFFFFF, 0xFFFFFFFF)
            yield EventsPage(applied, list(page.events))
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._until(functools.partial(self._has_applied, applied + 1))
            except TimeoutError:
                continue  # an empty page is the heartbeat

    async def transaction_proof(self, tx_id: Hash) -> bytes:
        self._require_execution("prove an outcome")
        return await self._proofs.transaction(tx_id, self._until)

    async def state_proof(self, key: bytes) -> bytes:
        self._require_execution("prove the state")
        return await self._proofs.state(key, self._until)

    async def membership_proof(
        self, who: str, name: str, height: int = 0, time_ms: int = 0
    ) -> bytes:
        """who: member, validator or identity. The newest block where neither height nor time is given."""
        return await self._proofs.membership(who, name, height, time_ms, self._until)

    def _require_events(self, height: int) -> None:
        """Raises CITY-5008 for events of blocks that this node has not executed."""
        base = self._ledger.state.base
        if base and height <= base:
            raise self._not_held(height, base + 1)

    def _require_execution(self, what: str) -> None:
        """Raises CITY-8011 on a node that only verifies: the state it has is that of its last execution."""
        if self.pipeline.executor is None:
            raise CityError("CITY-8011", backend=self.suite.library, what=what)

    async def _applied_to(self, height: int) -> None:
        await self._until(functools.partial(self._has_applied, height))

    def _has_block(self, height: int) -> bool:
        return self._ledger.tip.height >= height

    def _has_applied(self, height: int) -> bool:
        return self._ledger.applied_height >= height

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Waits for the chain to move until `holds`. Raises CITY-6001 where it will not move any more."""
        while not holds():
            if self._stopped is not None:
                raise self._stopped
            await self.pipeline.moved.wait()

    # ---- status -----------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        tip, applied = self._ledger.tip, self._ledger.applied_height
        validators, kind = self._configuration.validators, self.config.consensus.kind
        roots = self._ledger.state.roots(applied)
        assert roots is not None
        facts: dict[str, Any] = {
            "channel": self.name,
            "channel_id": self.channel_id.hex(),
            "height": tip.height,
            "applied_height": applied,
            "block_hash": block_hash(self.suite.hash, tip).hex(),
            "block_time_ms": tip.timestamp_ms,
            "state_root": roots.state_root.hex(),
            "receipts_root": roots.receipts_root.hex(),
            "time_ms": self._clock.now_ms(),
            "epoch": validators.epoch,
            "validators": len(validators),
            "quorum": seals_needed(kind, len(validators)),
            "consensus": kind,
            "trust": trust(kind, len(validators)),
            "faults_tolerated": lies_tolerated(kind, len(validators)),
            "pool": len(self.pipeline.pool),
            "pool_bytes": self.pipeline.pool.size_bytes,
        }
        facts["executes"] = self.pipeline.executor is not None
        facts |= {"blocks_from": self._ledger.blocks.base, "history_from": self._ledger.state.base}
        facts["archives"] = self.pipeline.catch_up.archives
        taken = self.pipeline.snapshots
        facts["snapshot"] = 0 if taken is None else taken.height
        pruning = self.pipeline.pruning
        facts["pruned_bytes"] = 0 if pruning is None else pruning.returned_bytes
        if not facts["executes"]:
            # It computes no state: what it has is what a quorum sealed for the height W below its tip.
            facts |= {"state_root": "", "receipts_root": ""}
            facts |= {"certified_state_root": tip.state_root.hex()}
        facts["flags"] = self.pipeline.flags.facts(self._configuration.state, tip.height)
        refusal = self._room()
        facts["room"] = "" if refusal is None else refusal.message
        facts["quotas"] = self._ledger.quotas.exhausted(self._clock.now_ms())
        facts |= self.pipeline.status()
        if self._stopped is not None:
            facts |= {
                "state": "paused" if self._stopped.code == "CITY-8062" else "stopped",
                "ready": False,
                "code": self._stopped.code,
                "reason": self._stopped.message,
            }
        return facts | self._describe()


def _event_place(event_id: str) -> tuple[int, int, int]:
    parts = event_id.split("/")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) <= 15 for p in parts):
        raise CityError("CITY-1002", field="after_id", rule="an event id: height/transaction/event")
    height, tx_index, index = (int(part) for part in parts)
    return height, min(tx_index, 0xFFFFFFFF), min(index, 0xFFFFFFFF)


def _root_cause(failure: BaseException | None) -> BaseException:
    """The first failure of a group: the other tasks were cancelled because of it."""
    assert failure is not None, "a pipeline ends by an error or by being cancelled"
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
