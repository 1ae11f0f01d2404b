"""How many contract workers of a node have a process, and which of them rest.

A worker that nobody calls for a while ends its process and keeps what it must load again; so a channel without
calls costs no memory. Of all channels together only so many have one at a time: whoever needs one more takes
the place of the one that was not called for longest, in the order of asking. A call that runs is never ended
for another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

log = structlog.get_logger("engine")


class Worker(Protocol):
    """`rest` ends its process; its next call starts another. Called while no other call of it runs."""

    async def rest(self) -> None: ...


@dataclass(slots=True)
class _Place:
    """calls: that run now. used: when the last one ended, by the loop's clock."""

    calls: int = 0
    used: float = 0.0
    is_leaving: bool = False
    timer: asyncio.TimerHandle | None = None


class WorkerSlots:
    """Of one node. For one event loop."""

    def __init__(self, most: int, idle_seconds: float) -> None:
        """most: workers with a process. idle_seconds: after which one rests, 0 for never."""
        self._most, self._idle_seconds = most, idle_seconds
        self._places: dict[Worker, _Place] = {}
        self._queue: deque[object] = deque()
        self._changed = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """Workers that have a process, or are about to."""
        return len(self._places)

    @asynccontextmanager
    async def use(self, worker: Worker) -> AsyncIterator[None]:
        """For one call, which may start the worker's process. Not within another."""
        place = self._held(worker) or await self._wait(worker)
        place.calls += 1
        if place.timer is not None:
            place.timer.cancel()
            place.timer = None
        try:
            yield
        finally:
            place.calls -= 1
            self._ended(worker, place)

    async def forget(self, worker: Worker) -> None:
        """It is closed and has no process any more; it is not called again."""
        place = self._places.get(worker)
        if place is not None and not place.is_leaving:
            if place.timer is not None:
                place.timer.cancel()
            self._gone(worker)

    def _held(self, worker: Worker) -> _Place | None:
        place = self._places.get(worker)
        return None if place is None or place.is_leaving else place

    async def _wait(self, worker: Worker) -> _Place:
        """In the order of asking."""
        ticket = object()
        self._queue.append(ticket)
        try:
            while True:
                held = self._held(worker)  # another call of the same worker may have come first
                if held is not None:
                    return held
                if self._queue[0] is ticket and worker not in self._places:
                    if len(self._places) < self._most:
                        place = self._places[worker] = _Place()
                        return place
                    self._make_room()
                await self._changed.wait()
        finally:
            self._queue.remove(ticket)
            self._tell()

    def _make_room(self) -> None:
        if any(place.is_leaving for place in self._places.values()):
            return
        idle = [(place.used, worker) for worker, place in self._places.items() if not place.calls]
        if idle:
            _, longest = min(idle, key=lambda each: each[0])
            self._let_rest(longest)

    def _ended(self, worker: Worker, place: _Place) -> None:
        if place.calls or self._places.get(worker) is not place:
            return
        loop = asyncio.get_running_loop()
        place.used = loop.time()
        if self._idle_seconds:
            place.timer = loop.call_later(self._idle_seconds, self._let_rest, worker)
        if self._queue and len(self._places) >= self._most:
            self._make_room()

    def _let_rest(self, worker: Worker) -> None:
        place = self._places[worker]
        place.is_leaving = True
        if place.timer is not None:
            place.timer.cancel()
        task = asyncio.create_task(self._rest(worker), name="worker-rests")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _rest(self, worker: Worker) -> None:
        try:
            await worker.rest()
            log.info("engine.rests", running=len(self._places) - 1)
        finally:
            self._gone(worker)

    def _gone(self, worker: Worker) -> None:
        self._places.pop(worker, None)
        self._tell()

    def _tell(self) -> None:
        """Whoever waits looks again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
