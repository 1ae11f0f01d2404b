"""The money's clock: real time plus an optional shared offset for development networks.

The file is the one of the development network's nodes, read by the same rules (decisions 4.10).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

Clock = Callable[[], int]
"""Milliseconds since 1970."""

OFFSET_MS_MAX = 100 * 366 * 24 * 3_600_000
_OFFSET_FILE_BYTES_MAX = 32


def real_ms() -> int:
    return time.time_ns() // 1_000_000


class OffsetClock:
    """Real time plus the integer in a file, below zero where a story lies in the past. No file means none;

    an unreadable one keeps what was known: whoever writes it may be in the middle of doing so."""

    def __init__(self, offset_file: Path) -> None:
        self._file = offset_file
        self._offset_ms = 0

    def __call__(self) -> int:
        try:
            with self._file.open("rb") as stream:
                offset_ms = int(stream.read(_OFFSET_FILE_BYTES_MAX))
        except FileNotFoundError:
            offset_ms = 0
        except (OSError, ValueError):
            offset_ms = self._offset_ms
        if abs(offset_ms) <= OFFSET_MS_MAX:
            self._offset_ms = offset_ms
        return real_ms() + self._offset_ms


def offset_clock(offset_file: Path | None) -> Clock:
    return real_ms if offset_file is None else OffsetClock(offset_file)
