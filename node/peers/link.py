"""One authenticated stream to one peer: a writer that empties its queue, a reader that feeds the channel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import grpc

from node.errors import CityError
from node.peers.batch import PeerBatch, PeerHandler, PeerId
from node.peers.handshake import Established, Pipe
from node.peers.outgoing import Outgoing
from node.wire.frames import PRIORITIES, Piece, batch_frame, parse_frame


class Count(Protocol):
    """Counts an event, with bounded labels. Implemented by the node's telemetry."""

    def __call__(self, name: str, amount: int = 1, **labels: str) -> None: ...


def count_nothing(name: str, amount: int = 1, **labels: str) -> None:
    """Counters for callers that keep none."""


class Link:
    """Lives from the end of the handshake to the end of the stream."""

    def __init__(self, pipe: Pipe, established: Established, handler: PeerHandler, count: Count):
        self.peer: PeerId = established.peer
        self.serials = established.serials
        self._not_after_ms = established.not_after_ms
        self._pipe = pipe
        self._handler = handler
        self._count = count
        self._outgoing = Outgoing()
        self._closed = asyncio.Event()
        self.ended = asyncio.Event()

    def send(self, pieces: Sequence[Piece]) -> bool:
        """Queues what fits; False when something had to be dropped."""
        if self._closed.is_set():
            return False
        dropped = self._outgoing.put(pieces)
        for piece in dropped:
            kind = PRIORITIES[piece.priority]
            self._count("peer_dropped", piece.count, peer=self.peer.name, kind=kind)
        return not dropped

    def close(self) -> None:
        """Ends `run` soon; what still waits to be sent is lost."""
        self._closed.set()

    async def run(self, now_ms: int) -> None:
        """Until the peer ends the stream, the statements expire or `close` is called.

        Raises CityError where the peer broke the protocol, and what gRPC raises when the stream breaks."""
        tasks = [
            asyncio.create_task(self._write(), name=f"peer-write-{self.peer.name}"),
            asyncio.create_task(self._read(), name=f"peer-read-{self.peer.name}"),
            asyncio.create_task(self._closed.wait(), name=f"peer-close-{self.peer.name}"),
        ]
        try:
            done, _ = await asyncio.wait(
                tasks,
                timeout=max(0, self._not_after_ms - now_ms) / 1000,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                if not task.cancelled():  # gRPC cancels who waits on a call that was ended here
                    task.result()
        finally:
            self._closed.set()
            for task in tasks:
                task.cancel()
            # Not suppressed: a cancellation that comes while we wait here is for whoever runs this link.
            try:
                await asyncio.gather(*tasks, return_exceptions=True)
            finally:
                self.ended.set()

    async def _write(self) -> None:
        while True:
            frame = batch_frame(await self._outgoing.take())
            await self._pipe.write(frame)
            self._count("peer_frames_sent", peer=self.peer.name)
            self._count("peer_bytes_sent", len(frame), peer=self.peer.name)

    async def _read(self) -> None:
        while (data := await self._pipe.read()) is not grpc.aio.EOF:
            batch = parse_frame(data)
            if not isinstance(batch, PeerBatch):
                raise CityError("CITY-6201", reason="only batches after the hello")
            self._count("peer_frames_received", peer=self.peer.name)
            self._count("peer_bytes_received", len(data), peer=self.peer.name)
            # Awaited before the next read: a channel that is busy slows this peer down and no other.
            await self._handler.on_batch(self.peer, batch)
