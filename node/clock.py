"""What time it is on a channel, in milliseconds since 1970.

A development network shares one offset in a file, so that `city dev clock advance` moves every node, the
registration center and the oracles together (decisions section 4.10). TLS and read statements use real time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

REREAD_MS = 100
OFFSET_MS_MAX = 100 * 366 * 24 * 3_600_000
_OFFSET_FILE_BYTES_MAX = 32


class Clock(Protocol):
    def now_ms(self) -> int: ...


class RealClock:
    """The machine's own time."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class DevelopmentClock:
    """Real time plus the offset in a shared file, read again at most once in 100 ms.

    The offset may be below zero: a story's first day may lie in the past. A missing file is an offset of
    zero. An unreadable one keeps the offset known before: whoever writes
    it may be in the middle of doing so.
    """

    def __init__(self, offset_file: Path) -> None:
        self._file = offset_file
        self._offset_ms = 0
        self._next_read_ms = 0

    def now_ms(self) -> int:
        real_ms = time.time_ns() // 1_000_000
        if real_ms >= self._next_read_ms:
            self._next_read_ms = real_ms + REREAD_MS
            self._offset_ms = self._read()
        return real_ms + self._offset_ms

    def _read(self) -> int:
        try:
            with self._file.open("rb") as stream:
                text = stream.read(_OFFSET_FILE_BYTES_MAX)
            offset_ms = int(text)
        except FileNotFoundError:
            return 0
        except (OSError, ValueError):
            return self._offset_ms
        return offset_ms if abs(offset_ms) <= OFFSET_MS_MAX else self._offset_ms
