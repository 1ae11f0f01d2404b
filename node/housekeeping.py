"""What a channel does once a second beside ordering: what expired or runs no more leaves the pool, reports and
scheduled changes are sent, what must be known in time is said, figures are refreshed."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from consensus.api import CoreStatus
from node.clock import Clock
from node.errors import CityError
from node.flags import Flags
from node.links import Network
from node.model import Envelope
from node.opening import Ledger
from node.ordering.admission import Admission, Admitted
from node.ordering.driver import Driver
from node.ordering.intake import Intake, monotonic_ms
from node.ordering.scheduled import Scheduled
from node.ordering.txpool import TxPool
from node.ordering.waiters import TxWaiters
from node.reports import Reports
from node.seat import Seat
from node.telemetry import Metrics

HOUSE_SECONDS = 1.0
FLAGS_SAID_MS = 600_000

log = structlog.get_logger("channel")


class Ground(Protocol):
    """The pipeline, as far as it is needed here."""

    @property
    def seat(self) -> Seat: ...

    @property
    def driver(self) -> Driver: ...

    @property
    def tip_height(self) -> int: ...

    def core_status(self) -> CoreStatus | None: ...

    def submit(self, admitted: Admitted) -> None: ...


class Housekeeping:
    """Everything runs on one event loop."""

    def __init__(
        self,
        ground: Ground,
        *,
        ledger: Ledger,
        pool: TxPool,
        waiters: TxWaiters,
        network: Network,
        clock: Clock,
        admission: Admission,
        metrics: Metrics,
        intake: Intake,
        flags: Flags,
        reports: Reports,
        scheduled: Scheduled,
    ) -> None:
        self._ground, self._ledger, self._pool, self._waiters = ground, ledger, pool, waiters
        self._network, self._clock, self._admission = network, clock, admission
        self._metrics, self._intake, self._flags = metrics, intake, flags
        self._reports, self._scheduled = reports, scheduled
        self._flags_said_ms = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(HOUSE_SECONDS)
            self._drop_expired()
            self.drop_refused()
            for envelope in self._due():
                await self.report(envelope)
            self._warn_of_flags()
            self._intake.tell_holdings(self._network.up())
            self._refresh_figures()

    def drop_refused(self) -> None:
        """What no longer runs is not ordered: the leader would not take it, and be suspected for that."""
        gone = self._pool.refuse()
        for id_, error in gone:
            self._waiters.refused(id_, error)
        if gone:
            self._ground.driver.pool_changed()

    async def report(self, envelope: Envelope) -> None:
        """It goes the way of every transaction; what refuses it now is tried again."""
        (found,) = await self._admission.admit([envelope], self._ground.tip_height)
        try:
            if isinstance(found, CityError):
                raise found
            self._ground.submit(found)
        except CityError as error:
            log.warning("channel.report_refused", code=error.code, reason=error.message)

    def _drop_expired(self) -> None:
        dropped = self._pool.expire(monotonic_ms(), self._ground.tip_height)
        if dropped:
            self._waiters.dropped(dropped)
            self._ground.driver.pool_changed()

    def _due(self) -> list[Envelope]:
        """Of this node's own making."""
        now_ms = monotonic_ms()
        return self._reports.due(now_ms) + self._scheduled.due(now_ms, self._ground.seat.own_index)

    def _warn_of_flags(self) -> None:
        """While there is time for another build; said again now and then."""
        if self._flags_said_ms and monotonic_ms() - self._flags_said_ms < FLAGS_SAID_MS:
            return
        for flag in self._flags.unknown(self._ledger.configuration.state):
            self._flags_said_ms = monotonic_ms()
            stops_at = self._flags.stops_at(flag)
            left = stops_at - self._ground.tip_height
            log.warning("channel.flag_unknown", flag=flag.name, stops_at=stops_at, blocks_left=left)

    def _refresh_figures(self) -> None:
        now_ms, status = self._clock.now_ms(), self._ground.core_status()
        self._metrics.pool(self._pool.members())
        self._metrics.quotas(self._ledger.quotas.rows(now_ms))
        if status is not None:
            self._metrics.core(status, now_ms)
