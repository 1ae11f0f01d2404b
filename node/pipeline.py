"""A channel's single-writer pipeline: its tasks, and what the core's actions do to the world.

    peers, clients → checks in batches → pool and inbox → driver (core, log) → block store → executor → state

One task turns the core (driver.py); others check, spread, execute and catch up, and reach it through bounded
lanes. Durable first, then told: a block is in the store before anyone who waits for it hears of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from consensus.api import (
    Accuse,
    Behind,
    CoreStatus,
    Deliver,
    Executed,
    Forward,
    Halt,
    Have,
    InvariantBroken,
    Keep,
    Need,
    PeerConnected,
    Signer,
)
from consensus.certificate import KIND_RAFT
from consensus.encoding import Hash
from consensus.header import Header, block_hash, leaves_root, tx_id
from node.catchup.serving import Serving, envelope_batches
from node.catchup.snapshots import Snapshots
from node.catchup.sync import BlockChecker, CatchUp, CheckedBlock, holds_config
from node.clock import Clock
from node.configuration import Forecast
from node.contracts.attesting import Attester
from node.execution.executor import Applied, Executor
from node.execution.loaded_engine import LoadedEngine
from node.execution.planner import Delivered, Planner
from node.facade import TxStatus
from node.failpoints import reach
from node.flags import Flags
from node.housekeeping import Housekeeping
from node.keys.revocations import linked
from node.ledger.records import StateRoots
from node.links import Network
from node.model import Envelope, StoredBlock
from node.opening import Ledger, replay
from node.ordering.admission import Admission, Admitted
from node.ordering.bodies import WantedBodies, in_batches
from node.ordering.driver import ChannelHalted, Driver
from node.ordering.intake import Intake, monotonic_ms
from node.ordering.scheduled import Scheduled
from node.ordering.signatures import Signatures
from node.ordering.txpool import TxPool
from node.ordering.waiters import Signal, TxWaiters
from node.peers.batch import PeerBatch, PeerId
from node.pruning import Pruning
from node.reports import Reports
from node.seat import Cores, Seat
from node.seating import Seating
from node.telemetry import Metrics
from node.wire.body import TxBody

BODY_WORKERS = 2
SPREAD_SECONDS = 0.003  # what arrives together is passed on together
BODIES_SECONDS = 0.02
EXECUTION_LAG_READY_MAX = 1  # beyond the window; further behind, a node says that it is catching up

log = structlog.get_logger("channel")


class Pipeline:
    """Implements the driver's Effects and catch-up's Ground. Everything runs on one event loop."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        cores: Cores,
        reporter: Signer | None,
        network: Network,
        clock: Clock,
        engine: LoadedEngine | None,
        signatures: Signatures,
        admission: Admission,
        pool: TxPool,
        metrics: Metrics,
        attester: Attester | None,
        snapshots: Snapshots | None = None,
        pruning: Pruning | None = None,
    ) -> None:
        self.ledger, self.pool, self.metrics = ledger, pool, metrics
        self.waiters, self.moved = TxWaiters(), Signal()
        self._network, self._clock, self._admission = network, clock, admission
        self._suite = ledger.suite
        self._window = ledger.genesis.config.consensus.window
        self._fetched: dict[Hash, CheckedBlock] = {}
        self._spread = asyncio.Event()
        self._asking = asyncio.Event()
        self._seating = Seating(
            ledger=ledger,
            cores=cores,
            effects=self,
            pool=pool,
            clock=clock,
            forecast=Forecast(ledger.configuration, self._body_of, lambda: ledger.tip.height + 1),
            window=self._window,
            is_executing=engine is not None and attester is not None,
            on_taken=self._on_seat_taken,
        )
        self.executor = None
        if engine is not None and attester is not None:
            planner = Planner(
                ledger.configuration,
                ledger.contracts,
                ledger.quotas,
                ledger.state,
                ledger.channel_id,
                ledger.suite,
            )
            self.executor = Executor(
                ledger, engine, planner, attester.linter.check, self._on_applied
            )
        checker = BlockChecker(
            ledger.configuration,
            ledger.channel_id,
            ledger.suite,
            lambda i: signatures.check(i, urgent=True),
        )
        self.catch_up = CatchUp(
            self,
            checker,
            self._window,
            ledger.configuration.validators.faults,
            is_voting=self.is_validator,
        )
        self._reports, self._attester = Reports(ledger, reporter), attester
        self.flags = Flags(self._window)
        self.snapshots, self.pruning = snapshots, pruning
        self._contracts = ledger.contracts.state
        self.intake = Intake(
            seat=lambda: self.seat,
            catch_up=self.catch_up,
            serving=Serving(ledger, pool),
            signatures=signatures,
            admission=admission,
            pool=pool,
            suite=ledger.suite,
            metrics=metrics,
            send=network.send,
            tip_height=lambda: self.tip_height,
            flags=self.flags,
        )
        self._house = Housekeeping(
            self,
            ledger=ledger,
            pool=pool,
            waiters=self.waiters,
            network=network,
            clock=clock,
            admission=admission,
            metrics=metrics,
            intake=self.intake,
            flags=self.flags,
            reports=self._reports,
            scheduled=Scheduled(ledger, reporter),
        )

    # ---- life -------------------------------------------------------------------------------------

    async def run(self, is_wal_loss_accepted: bool = False) -> None:
        """Until cancelled, or until something stops the channel: it is raised in an exception group."""
        self._require_flags()
        await self._restore_bodies()
        self._network.reconfigure(*linked(self.seat.state))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._seating.run(is_wal_loss_accepted), name="driver")
            tasks.create_task(self._seating.watch_signer(), name="signer")
            if self.executor is not None:
                tasks.create_task(self.executor.run(), name="executor")
            tasks.create_task(self.catch_up.run(), name="catch-up")
            tasks.create_task(self._spread_bodies(), name="spread")
            tasks.create_task(self._ask_for_bodies(), name="ask")
            tasks.create_task(self._house.run(), name="house")
            if self.snapshots is not None:
                tasks.create_task(self.snapshots.run(), name="snapshots")
            if self.pruning is not None:
                tasks.create_task(self.pruning.run(), name="pruning")
            if self._attester is not None:
                tasks.create_task(self._attester.run(self), name="attest")
            for _ in range(BODY_WORKERS):
                tasks.create_task(self.intake.check_bodies(), name="bodies")

    def _require_flags(self) -> None:
        self.flags.require(self.ledger.configuration.state, self.tip_height)

    async def leave(self) -> None:
        """Before an orderly stop: a Raft leader hands over. Others wait for nothing."""
        status, own_index = self.core_status(), self.seat.own_index
        is_raft = self.seat.state.config.consensus.kind == KIND_RAFT
        if own_index is not None and is_raft and status is not None and status.leader == own_index:
            await self.driver.leave(own_index)

    def _on_seat_taken(self, seat: Seat) -> None:
        state = seat.state
        self._network.reconfigure(*linked(state))
        self.catch_up.reconfigure(state.validators.faults, self.is_validator)
        self._house.drop_refused()
        self.pool.offer_again()
        for peer in self._network.up():
            if peer.index is not None:
                seat.driver.own(PeerConnected(0, peer.index))
        self.moved.notify()
        log.info(
            "channel.configured",
            height=self.tip_height,
            epoch=state.epoch,
            validators=[node.name for node in seat.nodes],
            role=self._role(),
        )

    def _body_of(self, tx_id: Hash) -> TxBody | None:
        held = self.ledger.journal.kept(tx_id) or self.pool.get_or_dropped(tx_id)
        return None if held is None else held.body

    @property
    def seat(self) -> Seat:
        """The one that is taken now."""
        return self._seating.seat

    @property
    def driver(self) -> Driver:
        return self.seat.driver

    @property
    def is_validator(self) -> bool:
        return self.seat.own_index is not None

    @property
    def _wanted(self) -> WantedBodies:
        return self.seat.wanted

    async def _restore_bodies(self) -> None:
        """Bodies logged with votes of an earlier life: they may have to be served again."""
        restored = self.ledger.journal.restored
        ids = [tx_id(self._suite.hash, self._suite.id, e.body) for e in restored]
        places = self.ledger.blocks.places(ids)
        open_ = [e for e, place in zip(restored, places, strict=True) if place is None]
        for admitted in await self._admission.admit(open_, None):
            if isinstance(admitted, Admitted):
                self.pool.add(admitted, monotonic_ms(), spread=False, needed=True)

    def submit(self, admitted: Admitted) -> None:
        """An admitted transaction of a client. Raises CityError where there is no room for it."""
        if self.pool.add(admitted, monotonic_ms(), spread=True):
            self._spread.set()
            self.driver.pool_changed()

    def status(self) -> dict[str, Any]:
        """The pipeline's part of the node's status."""
        core, up = self.core_status(), self._network.up()
        if core is None:
            return {"state": "starting", "ready": False, "role": self._role(), "peers": []}
        validators_up = sum(peer.index is not None for peer in up) + self.is_validator
        enough = self.seat.seals_needed if self.is_validator else 1
        is_behind = self.is_catching_up
        if validators_up < enough:
            state = "waiting for peers"
        elif is_behind:
            state = "catching up"
        elif not core.is_active:
            state = "changing view" if core.leader >= 0 else "electing a leader"
        else:
            state = "ready"
        return {
            "state": state,
            "ready": state in ("ready", "changing view", "electing a leader"),
            "role": self._role(),
            "view": core.view,
            "view_active": core.is_active,
            "leader": "" if core.leader < 0 else self.seat.nodes[core.leader].name,
            "view_since_ms": core.view_since_ms,
            "waiting": core.waiting,
            "last_view_change_reason": core.last_view_change_reason,
            "peers": [{"name": p.name, "validator": p.index is not None} for p in up],
            "violations": self.driver.counts.violations,
        }

    def _role(self) -> str:
        if self.seat.is_without_signer:
            return "observer (its signer is away)"
        if not self.is_validator:
            return "observer"
        status = self.core_status()
        if self.is_reconfiguring or (status is None and self.seat.state.epoch > 0):
            return "observer (it takes its seat under a new configuration)"
        reason = "" if status is None else status.observes_because
        return f"observer ({reason})" if reason else "validator"

    def core_status(self) -> CoreStatus | None:
        return self.seat.core.status() if self.driver.is_started else None

    @property
    def is_catching_up(self) -> bool:
        lag_max = self._window + EXECUTION_LAG_READY_MAX
        return self.catch_up.is_behind or self.execution_lag > lag_max

    # ---- Ground of catch-up -----------------------------------------------------------------------

    @property
    def tip_height(self) -> int:
        return self.ledger.tip.height

    @property
    def execution_lag(self) -> int:
        """Blocks that wait for execution; none on a node that executes nothing."""
        return 0 if self.executor is None else self.tip_height - self.ledger.applied_height

    @property
    def is_reconfiguring(self) -> bool:
        now = self.ledger.configuration.state.record
        return self.seat.state.record is not now or self._seating.is_tip_open

    def peers(self) -> list[PeerId]:
        return self._network.up()

    def ask(self, peer: PeerId, batch: PeerBatch) -> bool:
        return self._network.send(peer.name, batch)

    def take(self, checked: CheckedBlock) -> bool:
        if not self.driver.synced(checked.event):
            return False
        self._fetched[block_hash(self._suite.hash, checked.stored.header)] = checked
        return True

    async def progress(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.moved.wait()
        except TimeoutError:
            return

    # ---- Effects of the driver --------------------------------------------------------------------

    def keep(self, action: Keep) -> list[Envelope]:
        bodies = []
        for id_, leaf in zip(action.tx_ids, action.leaves, strict=True):
            kept, held = self.ledger.journal.kept(id_), self.pool.copy(id_, leaf)
            if kept is not None and (held is None or kept.ref.leaf == leaf):
                held = kept
            if held is None:
                raise InvariantBroken(f"a vote for a block whose body {id_.hex()} is not held")
            bodies.append(held)
        return self.ledger.journal.keep(action.height, bodies)

    def send(self, to: int, messages: tuple[bytes, ...]) -> None:
        self._network.send(self.seat.nodes[to].name, self._batch(messages))

    def broadcast(self, messages: tuple[bytes, ...]) -> None:
        self._network.broadcast(self._batch(messages))

    def _batch(self, messages: tuple[bytes, ...]) -> PeerBatch:
        return PeerBatch(consensus=messages, tip_height=self.tip_height)

    async def deliver(self, action: Deliver) -> None:
        header, tx_ids = action.block.header, action.block.tx_ids
        admitted = self._assemble(header, tx_ids)
        if admitted is not None:
            envelopes = tuple(each.envelope for each in admitted)
        elif (fetched := self._fetched.get(block_hash(self._suite.hash, header))) is not None:
            envelopes = fetched.stored.envelopes
        else:
            envelopes = (await self.catch_up.recover(header)).envelopes
        reach("before-block")
        blocks = self.ledger.blocks
        is_config = holds_config(StoredBlock(header, envelopes, action.cert))
        await asyncio.to_thread(
            blocks.put, header, envelopes, tx_ids, action.cert, is_config=is_config
        )
        reach("after-block")
        journal = self.ledger.journal
        journal.delivered(header.height)
        if journal.is_large:
            await asyncio.to_thread(journal.rotate, min(header.height, self.ledger.applied_height))
        removed = self.pool.remove(tx_ids)
        if self.executor is not None:
            self.ledger.quotas.ordered(header.height, removed)
        self._require_flags()
        for id_ in tx_ids:
            self._wanted.found(id_)
        if len(self.waiters):
            for id_ in tx_ids:
                self.waiters.reached(TxStatus(id_, "ordered", header.height))
        self._fetched = {
            digest: f
            for digest, f in self._fetched.items()
            if f.stored.header.height > header.height
        }
        self.metrics.block(header, self._clock.now_ms())
        if self.executor is not None:
            self.executor.wake(None if admitted is None else Delivered(header, admitted))
        else:
            # Nothing is computed here: the roots that a quorum sealed are the only ones there are.
            shown = max(0, header.height - self._window)
            self.driver.own(Executed(0, shown, header.state_root, header.receipts_root))
            if is_config:
                replay(self.ledger, header.height)
                self.driver.end()
        self.moved.notify()
        for peer in self._network.up():
            if peer.index is None:
                self._network.send(peer.name, PeerBatch(tip_height=header.height))

    def _assemble(self, header: Header, tx_ids: Sequence[Hash]) -> tuple[Admitted, ...] | None:
        """What a certified block holds, exactly what its root covers, as this node admitted it.

        None: a body is not here, or with another signature than the block's."""
        found = [self.ledger.journal.kept(i) or self.pool.get_or_dropped(i) for i in tx_ids]
        held = [admitted for admitted in found if admitted is not None]
        if len(held) == len(tx_ids):
            root = leaves_root(self._suite.hash, [admitted.ref.leaf for admitted in held])
            if root == header.tx_root:
                return tuple(held)
        return None

    def need(self, action: Need) -> None:
        """Bodies that are here already are answered at once; one that stands in a block below cannot be
        ordered again, so the proposal that names it is at fault."""
        places = self.ledger.blocks.places(action.tx_ids)
        missing = []
        for id_, place in zip(action.tx_ids, places, strict=True):
            held = self.pool.get_or_dropped(id_)
            if place is not None:
                self.driver.own(Have(0, id_, False, None))
            elif held is not None:
                self.driver.own(Have(0, id_, True, held.ref))
            else:
                missing.append(id_)
        if missing:
            self._wanted.want(missing, action.from_, monotonic_ms())
            self._asking.set()

    def behind(self, action: Behind) -> None:
        self.catch_up.behind(action.height, action.from_)

    def forward(self, action: Forward) -> None:
        held = [admitted for i in action.tx_ids if (admitted := self.pool.get(i)) is not None]
        for part in envelope_batches([admitted.envelope for admitted in held]):
            self._network.send(self.seat.nodes[action.to].name, PeerBatch(transactions=part))

    def accuse(self, action: Accuse) -> None:
        self.metrics.evidence.inc()
        log.warning("consensus.evidence", evidence=action.evidence.hex())
        self._reports.note(action.evidence, self.seat.own_index or 0, monotonic_ms())

    def violation(self, sender: int, reason: str) -> None:
        nodes = self.seat.nodes
        name = nodes[sender].name if 0 <= sender < len(nodes) else "catch-up"
        self.intake.violation(name, reason)

    # ---- tasks ------------------------------------------------------------------------------------

    async def _on_applied(self, applied: Applied) -> None:
        roots = applied.roots
        self._require_flags()
        if self.snapshots is not None:
            self.snapshots.consider(applied.height)
        if self.pruning is not None:
            self.pruning.consider(applied.height)
        self._compare_with_sealed(applied.height, roots)
        if self._contracts is not self.ledger.contracts.state:
            self._contracts = self.ledger.contracts.state
            self._house.drop_refused()
        self.driver.own(Executed(0, applied.height, roots.state_root, roots.receipts_root))
        if len(self.waiters):
            for receipt in applied.receipts:
                self.waiters.reached(TxStatus(receipt.tx_id, "committed", applied.height, receipt))
        self.metrics.applied(applied)
        self.moved.notify()
        log.info(
            "block.applied",
            height=applied.height,
            txs=len(applied.receipts),
            state_root=roots.state_root.hex(),
            engine_ms=round(applied.engine_seconds * 1000),
            dur_ms=round(applied.total_seconds * 1000),
        )

    def _compare_with_sealed(self, height: int, own: StateRoots) -> None:
        """R12 for execution that is behind the blocks. After a restart the core knows of its tip's header
        only, and would miss what those between show. Raises ChannelHalted."""
        header = self.ledger.blocks.header(height + self._window)
        if header is None:
            return
        if own.state_root != header.state_root:
            raise ChannelHalted(Halt("state root", height, own.state_root, header.state_root))
        if own.receipts_root != header.receipts_root:
            raise ChannelHalted(
                Halt("receipts root", height, own.receipts_root, header.receipts_root)
            )

    async def _spread_bodies(self) -> None:
        while True:
            await self._spread.wait()
            self._spread.clear()
            await asyncio.sleep(SPREAD_SECONDS)
            while batch := self.pool.drain_unspread():
                envelopes = tuple(admitted.envelope for admitted in batch)
                self._network.broadcast(PeerBatch(transactions=envelopes))

    async def _ask_for_bodies(self) -> None:
        while True:
            await self._asking.wait()
            for index, tx_ids in self._wanted.due(monotonic_ms()).items():
                for part in in_batches(tx_ids):
                    name = self.seat.nodes[index].name
                    self._network.send(name, PeerBatch(want_transactions=part))
            if not len(self._wanted):
                self._asking.clear()
            else:
                await asyncio.sleep(BODIES_SECONDS)

    async def report(self, envelope: Envelope) -> None:
        await self._house.report(envelope)
