"""Bounded lanes taken from in turn: who sends much waits behind himself only.

Turns     a lane for each key
Nested    sources take turns, and within one its keys: who speaks for many gets no more turns than others
Gate      so many at a time, the next by turns of keys
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Turns(Generic[K, T]):
    """Items of one key keep their order. Plain data; event loop only."""

    def __init__(self, lane_max: int) -> None:
        """lane_max: how many items of one key may wait."""
        self._lane_max = lane_max
        self._lanes: dict[K, deque[T]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, key: K, item: T) -> bool:
        """False: the lane of this key is full."""
        lane = self._lanes.setdefault(key, deque())
        if len(lane) >= self._lane_max:
            return False
        lane.append(item)
        self._count += 1
        return True

    def take(self) -> T:
        """The next item of the key whose turn it is. Raises LookupError when nothing waits."""
        return self.take_with_key()[1]

    def take_with_key(self) -> tuple[K, T]:
        """The same, and whose it is."""
        key = next(iter(self._lanes), None)
        if key is None:
            raise LookupError("nothing waits")
        lane = self._lanes.pop(key)
        item = lane.popleft()
        self._count -= 1
        if lane:
            self._lanes[key] = lane  # at the end: everybody else comes first
        return key, item

    def held(self, key: K) -> int:
        """How many items of this key wait."""
        return len(self._lanes.get(key, ()))


class Nested(Generic[S, K, T]):
    """Items of one source and key keep their order. Plain data; event loop only."""

    def __init__(self, source_max: int) -> None:
        """source_max: how many items of one source may wait. A key may hold as many as are left to its source,
        so there is always room for another one."""
        self._source_max = source_max
        self._sources: dict[S, Turns[K, T]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, source: S, key: K, item: T) -> bool:
        """False: there is no room for this key of this source."""
        turns = self._sources.get(source)
        if turns is None:
            turns = self._sources[source] = Turns(self._source_max)
        if turns.held(key) >= self._source_max - len(turns):
            return False
        turns.put(key, item)
        self._count += 1
        return True

    def put_back(self, source: S, key: K, item: T) -> None:
        """What was taken a moment ago, behind the others of its key: its place is its own, whoever came."""
        turns = self._sources.setdefault(source, Turns(self._source_max))
        is_in = turns.put(key, item)
        assert is_in, "a key holds less than its source may"
        self._count += 1

    def take(self) -> tuple[S, K, T]:
        """The next item, by turns. Raises LookupError when nothing waits."""
        source = next(iter(self._sources), None)
        if source is None:
            raise LookupError("nothing waits")
        turns = self._sources.pop(source)
        key, item = turns.take_with_key()
        self._count -= 1
        if turns:
            self._sources[source] = turns  # at the end
        return source, key, item


class GateFull(Exception):
    """This key has as many waiting as it may."""


class Gate(Generic[K]):
    """At most `running_max` are inside; of all inside and waiting a key may be as many as are left free."""

    def __init__(self, running_max: int, most: int) -> None:
        self._running_max, self.most = running_max, most
        self._running = 0
        self._held: Counter[K] = Counter()
        self._waiting: dict[K, dict[asyncio.Future[None], None]] = {}

    @asynccontextmanager
    async def turn(self, key: K) -> AsyncIterator[None]:
        """Inside from here on. Raises GateFull at once rather than wait without end."""
        if self._held[key] >= self.most - self._held.total():
            raise GateFull
        self._held[key] += 1
        try:
            if self._running == self._running_max:
                await self._wait(key)
            else:
                self._running += 1
            try:
                yield
            finally:
                self._running -= 1
                self._next()
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    async def _wait(self, key: K) -> None:
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, {})[admitted] = None
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled():
                self._running -= 1  # it was let in at the same moment: its turn goes to another
                self._next()
            elif (lane := self._waiting.get(key)) is not None:
                lane.pop(admitted, None)
                if not lane:
                    del self._waiting[key]
            raise

    def _next(self) -> None:
        while self._waiting and self._running < self._running_max:
            key = next(iter(self._waiting))
            lane = self._waiting.pop(key)
            admitted = next(iter(lane))
            del lane[admitted]
            if lane:
                self._waiting[key] = lane  # at the end
            if not admitted.done():
                self._running += 1
                admitted.set_result(None)
