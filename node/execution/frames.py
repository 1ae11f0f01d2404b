"""Frames over a pipe between the node and its engine worker: 4 bytes of length, big-endian, then so many bytes.

At most one frame is under way in a direction, so a short one takes one read and one write.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from contracts.runtime.limits import FRAME_BYTES_MAX

READ_BYTES = 1 << 20


class FrameError(ValueError):
    """A frame larger than 64 MiB."""


class FrameEnd(Exception):
    """The other end is gone."""


class FrameReader:
    """Reads frames from a descriptor. Blocking; used from one thread."""

    __slots__ = ("_fd", "_rest")

    def __init__(self, fd: int) -> None:
        self._fd, self._rest = fd, b""

    def read(self, before_read: Callable[[], None] | None = None) -> bytes:
        """The next frame. before_read: called before each read, and may raise. Raises FrameError, FrameEnd."""
        data = self._rest
        while len(data) < 4:
            data += self._more(READ_BYTES, before_read)
        size = int.from_bytes(data[:4], "big")
        if size > FRAME_BYTES_MAX:
            raise FrameError("a frame larger than 64 MiB")
        parts, missing = [data], 4 + size - len(data)
        while missing > 0:
            parts.append(self._more(min(missing, READ_BYTES), before_read))
            missing -= len(parts[-1])
        whole = b"".join(parts) if len(parts) > 1 else data
        self._rest = whole[4 + size :]
        return whole[4 : 4 + size]

    def _more(self, count: int, before_read: Callable[[], None] | None) -> bytes:
        if before_read is not None:
            before_read()
        part = os.read(self._fd, count)
        if not part:
            raise FrameEnd
        return part


def write_frame(fd: int, data: bytes) -> None:
    """Raises FrameError, and OSError when the other end is gone."""
    if len(data) > FRAME_BYTES_MAX:
        raise FrameError("a frame larger than 64 MiB")
    view = memoryview(len(data).to_bytes(4, "big") + data)
    while view:
        view = view[os.write(fd, view) :]
