"""One seat after the other: a config block that is executed ends one, and so does a signer that goes away."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import structlog

from consensus.api import Configuration, Restart
from node.clock import Clock
from node.governance import ConfigState
from node.identity.signers import SignerAway
from node.opening import WAL_BEGUN, Ledger, note_configuration
from node.ordering.bodies import WantedBodies
from node.ordering.driver import Driver, Effects
from node.ordering.txpool import TxPool
from node.seat import Cores, Seat

SIGNER_SECONDS, SIGNER_SECONDS_MAX = 1.0, 30.0

log = structlog.get_logger("channel")


class Seating:
    """Runs the core of the seat that is taken. Everything runs on one event loop."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        cores: Cores,
        effects: Effects,
        pool: TxPool,
        clock: Clock,
        forecast: Configuration,
        window: int,
        is_executing: bool,
        on_taken: Callable[[Seat], None],
    ) -> None:
        """on_taken: called with each seat after the first, when the former one has ended."""
        self._ledger, self._cores, self._effects = ledger, cores, effects
        self._pool, self._clock, self._forecast = pool, clock, forecast
        self._window, self._is_executing, self._on_taken = window, is_executing, on_taken
        self._without_signer = asyncio.Event()
        self.seat = self._make(ledger.configuration.state)

    async def run(self, is_wal_loss_accepted: bool) -> None:
        """Until cancelled. Raises what ends a driver."""
        is_seated = True
        while True:
            try:
                if is_seated:
                    await self.seat.driver.run(self._restart(is_wal_loss_accepted))
                is_seated = False
                await self._take()
                is_seated = True
            except SignerAway as away:
                is_seated = False
                log.warning("channel.signer_away", code=away.code, reason=away.message)
                self._without_signer.set()

    async def watch_signer(self) -> None:
        """Nothing of the turn that wanted a signature has left this node. It follows without a vote until the
        signer answers, and begins anew from its log then, as after a crash. A signer that answers and gives no
        vote all the same is asked less and less often: each attempt is such a beginning."""
        pause, height = SIGNER_SECONDS, -1
        while True:
            await self._without_signer.wait()
            has_moved = self._ledger.tip.height > height
            pause = SIGNER_SECONDS if has_moved else min(2 * pause, SIGNER_SECONDS_MAX)
            await asyncio.sleep(pause)
            state = self._ledger.configuration.state
            while not await asyncio.to_thread(self._cores.can_sign, state):
                await asyncio.sleep(SIGNER_SECONDS)
            height = self._ledger.tip.height
            log.info("channel.signer_back", height=height)
            self._without_signer.clear()
            self.seat.driver.end()

    @property
    def is_tip_open(self) -> bool:
        """Whether the tip is a config block that is not executed yet."""
        ledger, height = self._ledger, self._ledger.tip.height
        return (
            self._is_executing
            and ledger.applied_height < height
            and ledger.blocks.is_config(height)
        )

    async def _take(self) -> None:
        """Under the configuration now in force, without starting anything else again."""
        state, former = self._ledger.configuration.state, self.seat
        # In a thread: a vote key that is taken up now is read from its file.
        seat = await asyncio.to_thread(self._make, state)
        if (state.record, state.statutes) != (former.state.record, former.state.statutes):
            await asyncio.to_thread(note_configuration, self._ledger)
        while seat.is_without_signer != self._without_signer.is_set():
            seat = await asyncio.to_thread(self._make, state)
        former.driver.hand_over(seat.driver)
        self.seat = seat
        self._on_taken(seat)

    def _make(self, state: ConfigState) -> Seat:
        is_without = self._without_signer.is_set()
        core, own_index = self._cores.make(state, self._forecast, is_without)
        driver = Driver(core, self._ledger.journal, self._effects, self._pool, self._clock)
        wanted = WantedBodies(len(state.config.nodes), own_index)
        return Seat(state, core, own_index, driver, wanted, is_without)

    def _restart(self, is_wal_loss_accepted: bool) -> Restart:
        """The core's first input, from what ledger and log hold."""
        ledger, tip = self._ledger, self._ledger.tip
        executed = []
        for height in range(max(0, tip.height - self._window), ledger.applied_height + 1):
            roots = ledger.state.roots(height)
            assert roots is not None
            executed.append((height, roots.state_root, roots.receipts_root))
        return Restart(
            self._clock.now_ms(),
            ledger.journal.core_records,
            tip,
            ledger.blocks.certificate(tip.height),
            tuple(executed),
            "" if is_wal_loss_accepted else self._observes_because(),
            is_wal_loss_accepted,
            is_tip_config=self.is_tip_open,
            nonce=1 + secrets.randbits(62),
            is_key_new=not ledger.blocks.is_marked(WAL_BEGUN),
        )

    def _observes_because(self) -> str:
        """What was missing when the ledger was opened, unless this life has made good for it."""
        ledger = self._ledger
        is_whole = bool(ledger.journal.core_records) and ledger.tip.height >= ledger.known_height
        return "" if is_whole else ledger.observes_because
