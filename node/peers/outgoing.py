"""What waits for one peer: bounded in count and bytes, consensus before transactions before blocks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from node.wire.frames import BLOCKS, CONSENSUS, FRAME_BYTES_MAX, TRANSACTIONS, Piece

FRAME_BYTES = (
    1024 * 1024
)  # a frame is filled to about this, so that consensus never waits behind more
_HEADER_BYTES = 16


@dataclass(frozen=True, slots=True)
class Bound:
    """count: messages, transactions or blocks; bytes on the wire."""

    count: int
    bytes: int


BOUNDS = {
    CONSENSUS: Bound(20_000, 16 * 1024 * 1024),
    TRANSACTIONS: Bound(50_000, 32 * 1024 * 1024),
    BLOCKS: Bound(256, 32 * 1024 * 1024),
}


class Outgoing:
    """The queue of one link. Full means the newest is dropped: ordering asks again for what it misses."""

    def __init__(self, bounds: dict[int, Bound] = BOUNDS) -> None:
        self._bounds = bounds
        self._waiting: dict[int, deque[Piece]] = {priority: deque() for priority in sorted(bounds)}
        self._count = dict.fromkeys(bounds, 0)
        self._bytes = dict.fromkeys(bounds, 0)
        self._filled = asyncio.Event()

    def put(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Takes what fits; returns the pieces it had to drop."""
        dropped = [piece for piece in pieces if not self._take_in(piece)]
        if len(dropped) < len(pieces):
            self._filled.set()
        return dropped

    def _take_in(self, piece: Piece) -> bool:
        bound, priority = self._bounds[piece.priority], piece.priority
        if (
            self._count[priority] + piece.count > bound.count
            or self._bytes[priority] + len(piece.data) > bound.bytes
            or len(piece.data) + _HEADER_BYTES > FRAME_BYTES_MAX
        ):
            return False
        self._waiting[priority].append(piece)
        self._count[priority] += piece.count
        self._bytes[priority] += len(piece.data)
        return True

    async def take(self) -> list[Piece]:
        """The pieces of the next frame, at least one. One consumer."""
        await self._filled.wait()
        taken: list[Piece] = []
        size = 0
        for priority, waiting in self._waiting.items():
            while waiting and (not taken or size + len(waiting[0].data) <= FRAME_BYTES):
                piece = waiting.popleft()
                self._count[priority] -= piece.count
                self._bytes[priority] -= len(piece.data)
                size += len(piece.data)
                taken.append(piece)
            if waiting:
                break  # what is less urgent never overtakes
        if not any(self._waiting.values()):
            self._filled.clear()
        assert taken
        return taken

    @property
    def waiting(self) -> tuple[int, int]:
        """Count and bytes over all priorities."""
        return sum(self._count.values()), sum(self._bytes.values())
