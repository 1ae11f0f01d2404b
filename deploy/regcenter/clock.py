"""The money's clock: real time plus an optional shared offset for development networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

Clock = Callable[[], int]


def real_ms() -> int:
    return time.time_ns() // 1_000_000


def offset_clock(offset_file: Path | None) -> Clock:
    """Milliseconds since 1970. The file holds one integer, milliseconds to add; no file means none."""
    if offset_file is None:
        return real_ms

    def now_ms() -> int:
        try:
            text = offset_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return real_ms()
        return real_ms() + int(text or "0")

    return now_ms
