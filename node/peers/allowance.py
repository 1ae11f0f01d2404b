"""How much one certificate may take over the peers' port in a while."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from consensus.encoding import Hash

TAKERS_KEPT = 256
WINDOW_S = 600.0


class Allowance:
    """Bytes by certificate in a window of ten minutes; the least recent takers are forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken: OrderedDict[Hash, tuple[float, int]] = (
            OrderedDict()
        )  # since when, and how much

    def take(self, fingerprint: Hash, size: int, limit: int) -> bool:
        """Whether it had taken less than `limit` bytes before these `size`; they count in any case."""
        now = self._clock()
        began, taken = self._taken.pop(fingerprint, (now, 0))
        if now - began > WINDOW_S:
            began, taken = now, 0
        self._taken[fingerprint] = began, taken + size
        while len(self._taken) > TAKERS_KEPT:
            self._taken.popitem(last=False)
        return taken < limit
