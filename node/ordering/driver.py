"""The only loop that turns a consensus core: step, persist, then send and deliver, in the core's order.

Nothing leaves the node before what it rests on is durable: all records of a turn become one append and one
fdatasync, and bodies named by a proposal are logged with the vote for it, so that a block that was voted for
can be served after every node lost power at once. The core is stepped by this task alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from consensus.api import (
    Accuse,
    Action,
    Behind,
    Broadcast,
    Core,
    Deliver,
    Executed,
    Forward,
    Halt,
    Have,
    Input,
    Keep,
    Leaving,
    Need,
    PeerConnected,
    Persist,
    ProtocolViolation,
    Received,
    Reconfigured,
    Send,
    SetTimer,
    Synced,
    Tick,
    TxDropped,
    TxWaiting,
)
from node.clock import Clock
from node.model import Envelope
from node.ordering.fairness import Turns
from node.ordering.txpool import TxPool

ORDERING_LANE_MAX = 1_024  # of one sender
SYNC_LANE_MAX = 128
TURN_MESSAGES_MAX = 256
WAIT_MS_MAX = 1_000  # a development clock may jump, so no sleep is longer


class Log(Protocol):
    """The write-ahead log: what is appended is durable on return. Called in a thread."""

    def append(self, bodies: Sequence[Envelope], records: Sequence[bytes]) -> None: ...


class Effects(Protocol):
    """What a core's actions do to the world; `node.channel` implements it."""

    def keep(self, action: Keep) -> list[Envelope]:
        """The bodies that it names and the log does not hold yet."""
        ...

    def send(self, to: int, messages: tuple[bytes, ...]) -> None: ...

    def broadcast(self, messages: tuple[bytes, ...]) -> None: ...

    async def deliver(self, action: Deliver) -> None:
        """Block and certificate durable on return."""
        ...

    def need(self, action: Need) -> None: ...

    def behind(self, action: Behind) -> None: ...

    def forward(self, action: Forward) -> None: ...

    def accuse(self, action: Accuse) -> None: ...

    def violation(self, sender: int, reason: str) -> None: ...


@dataclass(slots=True)
class DriverCounts:
    turns: int = 0
    inputs: int = 0
    persisted_records: int = 0
    dropped_messages: int = 0
    violations: int = 0


class ChannelHalted(Exception):
    """The core asked to stop: a sealed root differs from the own one."""

    def __init__(self, halt: Halt) -> None:
        super().__init__(f"{halt.reason} at height {halt.height}")
        self.halt = halt


class Driver:
    """Inbox in lanes: transactions, own results, ordering messages, then certified blocks."""

    def __init__(
        self,
        core: Core,
        log: Log,
        effects: Effects,
        pool: TxPool,
        clock: Clock,
        in_thread: Callable[..., Any] = asyncio.to_thread,
    ) -> None:
        self._core, self._log, self._effects = core, log, effects
        self._pool, self._clock, self._in_thread = pool, clock, in_thread
        self._own: deque[Executed | Have | PeerConnected | Leaving] = deque()
        self._ordering: Turns[int, Received] = Turns(ORDERING_LANE_MAX)
        self._sync: deque[Synced] = deque()
        self._wake = asyncio.Event()
        self._turned = asyncio.Event()
        self._timer_ms: int | None = None
        self._looked_ms = 0  # at the clock, for the turn before
        self.is_started = False  # the core has had its Restart
        self._has_ended = False
        self.counts = DriverCounts()

    # ---- what may be put in: never blocks, always bounded ------------------------------------------

    def received(self, sender: int, message: Any) -> bool:
        """An ordering message whose signatures hold. False: this sender's lane is full; the protocol sends
        again."""
        if not self._ordering.put(sender, Received(0, sender, message)):
            self.counts.dropped_messages += 1
            return False
        self._wake.set()
        return True

    def synced(self, event: Synced) -> bool:
        """False: the lane is full; catch-up asks for the block again."""
        if len(self._sync) >= SYNC_LANE_MAX:
            return False
        self._sync.append(event)
        self._wake.set()
        return True

    def own(self, event: Executed | Have | PeerConnected | Leaving) -> None:
        """What this node itself found: at most one for each executed block, needed body and new link."""
        self._own.append(event)
        self._wake.set()

    def pool_changed(self) -> None:
        self._wake.set()

    def end(self) -> None:
        """`run` returns after this turn: another core takes over."""
        self._has_ended = True
        self._wake.set()

    async def leave(self, own_index: int) -> None:
        """The core is told that this node is about to stop. Until another leads, or for an election timeout."""
        self.own(Leaving(0))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._core.status().timeout_ms / 1000):
                while self._core.status().leader in (own_index, -1) and not self._has_ended:
                    self._turned.clear()
                    await self._turned.wait()

    def hand_over(self, successor: Driver) -> None:
        """Fetched blocks that the core did not take are not fetched again."""
        while self._sync:
            successor.synced(self._sync.popleft())

    # ---- the loop ---------------------------------------------------------------------------------

    async def run(self, restart: Input) -> None:
        """Until the core has ended (Reconfigured) or cancelled. Raises ChannelHalted, InvariantBroken, or the
        log's and stores' errors."""
        actions = self._core.step(restart)
        self.is_started = True
        await self._perform(actions)
        while not self._has_ended:
            await self._wait()
            self._wake.clear()
            actions = []
            for event in self._next_events(self._clock.now_ms()):
                actions += self._step(event)
            self.counts.turns += 1
            await self._perform(actions)
            self._turned.set()

    async def _wait(self) -> None:
        if self._wake.is_set():
            await asyncio.sleep(0)  # let peers' and clients' tasks run between two turns
            return
        delay_ms = WAIT_MS_MAX
        if self._timer_ms is not None:
            delay_ms = min(delay_ms, max(0, self._timer_ms - self._clock.now_ms()))
        try:
            # Not wait_for: in Python 3.11 it can lose a cancellation that meets the event.
            async with asyncio.timeout(delay_ms / 1000):
                await self._wake.wait()
        except TimeoutError:
            return

    def _next_events(self, now_ms: int) -> list[Input]:
        """One turn's inputs. Transactions first: a block of this turn that holds one must find it in the core,
        for what comes in behind its block would wait there for ever and be proposed again. Deadlines last: the
        answer that they wait for may lie in this turn."""
        events: list[Input] = []
        dropped, fresh = self._pool.drain_dropped(), self._pool.drain_fresh()
        if dropped:
            events.append(TxDropped(now_ms, dropped))
        if fresh:
            events.append(TxWaiting(now_ms, fresh))
        while self._own:
            event = self._own.popleft()
            if not self._is_stale(event):
                events.append(replace(event, now_ms=now_ms))
        for _ in range(min(TURN_MESSAGES_MAX, len(self._ordering))):
            events.append(replace(self._ordering.take(), now_ms=now_ms))
        while self._sync:
            events.append(replace(self._sync.popleft(), now_ms=now_ms))
        # A clock that was set back: the core says anew when its deadlines are by this clock.
        is_set_back, self._looked_ms = now_ms < self._looked_ms, now_ms
        if self._timer_ms is not None and (now_ms >= self._timer_ms or is_set_back):
            self._timer_ms = None
            events.append(Tick(now_ms))
        if self._ordering:
            self._wake.set()
        return events

    def _is_stale(self, event: Executed | Have | PeerConnected | Leaving) -> bool:
        """A body that was found, and has been delivered in a block since."""
        if not isinstance(event, Have) or not event.valid:
            return False
        return self._pool.get_or_dropped(event.tx_id) is None

    def _step(self, event: Input) -> list[Action]:
        self.counts.inputs += 1
        try:
            return self._core.step(event)
        except ProtocolViolation as violation:
            self.counts.violations += 1
            sender = event.sender if isinstance(event, Received) else -1
            self._effects.violation(sender, str(violation))
            return []

    async def _perform(self, actions: list[Action]) -> None:
        records = [r for a in actions if isinstance(a, Persist) for r in a.records]
        if records or any(isinstance(a, Keep) for a in actions):
            keeps = [a for a in actions if isinstance(a, Keep)]
            bodies = [envelope for keep in keeps for envelope in self._effects.keep(keep)]
            await self._in_thread(self._log.append, bodies, records)
            self.counts.persisted_records += len(records)
        outbox = _Outbox(self._effects)
        for action in actions:
            match action:
                case Persist() | Keep():
                    pass
                case Broadcast(message):
                    outbox.broadcast(message)
                case Send(to, message):
                    outbox.send(to, message)
                case Deliver():
                    # What was said before leaves first; what follows may rest on the stored block.
                    outbox.flush()
                    await self._effects.deliver(action)
                case SetTimer(at_ms):
                    self._timer_ms = at_ms
                case Need():
                    self._effects.need(action)
                case Behind():
                    self._effects.behind(action)
                case Forward():
                    self._effects.forward(action)
                case Accuse():
                    self._effects.accuse(action)
                case Reconfigured():
                    self._has_ended = True
                case Halt():
                    outbox.flush()
                    raise ChannelHalted(action)
        outbox.flush()


class _Outbox:
    """Messages of one turn, grouped by addressee so that a turn is one frame a peer."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self._all: list[bytes] = []
        self._one: dict[int, list[bytes]] = {}

    def broadcast(self, message: bytes) -> None:
        self._all.append(message)

    def send(self, to: int, message: bytes) -> None:
        self._one.setdefault(to, []).append(message)

    def flush(self) -> None:
        if self._all:
            self._effects.broadcast(tuple(self._all))
            self._all.clear()
        for to, messages in self._one.items():
            self._effects.send(to, tuple(messages))
        self._one.clear()
