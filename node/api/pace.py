"""How fast one member may ask: a bucket of reads for each, filled at an even rate."""

from __future__ import annotations

import time
from collections.abc import Callable

from node.errors import CityError

BURST_SECONDS = 2
BUCKETS_KEPT = 4_096


class Pace:
    """Reads are off the ledger, so no quota binds them; this bounds what a member's identities take of this
    node, all together."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        """per_second: reads of one member in the long run; twice as many may come at once."""
        self._per_second, self._clock = per_second, clock
        self._most = float(per_second * BURST_SECONDS)
        self._buckets: dict[
            tuple[str, str], tuple[float, float]
        ] = {}  # what is left, and since when

    def take(self, channel: str, member: str) -> None:
        """One read. Raises CITY-1030 with the time to wait where none is left."""
        now, key = self._clock(), (channel, member)
        left = self._left(*self._buckets.pop(key, (self._most, now)), now)
        if left < 1:
            self._buckets[key] = left, now
            retry_ms = 1 + int((1 - left) * 1_000 / self._per_second)
            raise CityError("CITY-1030", member=member, limit=self._per_second, retry_ms=retry_ms)
        self._buckets[key] = left - 1, now
        if len(self._buckets) > BUCKETS_KEPT:
            del self._buckets[next(iter(self._buckets))]  # of whoever has been silent longest

    def _left(self, left: float, since: float, now: float) -> float:
        return min(self._most, left + (now - since) * self._per_second)
