"""Whether the disk has room for more work. Below the watermark new transactions are refused, not blocks:
a node that stopped storing blocks would leave the channel one short of a quorum."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from node.errors import CityError
from node.telemetry import Metrics

LOOK_SECONDS = 2.0


class DiskWatch:
    """Looks at most every two seconds."""

    def __init__(self, folder: Path, free_bytes_min: int, metrics: Metrics) -> None:
        self._folder, self._free_bytes_min, self._metrics = folder, free_bytes_min, metrics
        self._next_look = 0.0
        self._refusal: CityError | None = None

    def refusal(self) -> CityError | None:
        """Why no transactions are taken; None while there is room."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            usage = shutil.disk_usage(self._folder)
            self._metrics.disk(usage.free / usage.total)
            self._refusal = None
            if usage.free < self._free_bytes_min:
                self._refusal = CityError(
                    "CITY-5040",
                    free=usage.free,
                    folder=self._folder,
                    limit=self._free_bytes_min,
                )
        return self._refusal
