"""Bounded lanes, one for each peer, taken from in turn: who sends much waits behind himself only."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

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
        key = next(iter(self._lanes), None)
        if key is None:
            raise LookupError("nothing waits")
        lane = self._lanes.pop(key)
        item = lane.popleft()
        self._count -= 1
        if lane:
            self._lanes[key] = lane  # at the end: everybody else comes first
        return item
