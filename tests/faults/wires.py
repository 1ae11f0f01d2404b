"""Userspace proxies between nodes: cuts, one-way links, delay, stalls, told by a seed.

A link is a byte stream under TLS, so nothing here loses or exchanges messages: that is the simulator's. What
a stream can suffer, it suffers: it is cut, stalls in one direction or both, comes late, stalls now and then, or
breaks in the middle of what it carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

CHUNK = 64 * 1024
LOOPBACK = "127.0.0.1"
END_SECONDS = 5.0


@dataclass(slots=True)
class Way:
    """One direction of a link. delay_s: of each chunk, up to twice as long; stall: chance of a chunk to wait a
    second; loss: chance of a chunk to be lost in part, and the connection with it."""

    blocked: bool = False
    delay_s: float = 0.0
    stall: float = 0.0
    loss: float = 0.0


class Wire:
    """Carries the connections that one node dials to another."""

    def __init__(
        self,
        dialler: str,
        listener: str,
        target: tuple[str, int],
        rng: random.Random,
        places: tuple[str, str] = (LOOPBACK, LOOPBACK),
    ) -> None:
        """places: the address that the listener sees the dialler at, and the one the dialler sees it at."""
        self.ends = (dialler, listener)
        self.cut = False
        self.out, self.back = Way(), Way()
        self.port = 0
        self._target, self._rng, self._places = target, rng, places
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[Any]] = set()
        self._moved = asyncio.Event()

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._carry, self._places[1], port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Everything that it carries ends; waits for that."""
        if self._server is not None:
            self._server.close()
        self.break_off()
        self.moved()
        if self._carrying:
            await asyncio.wait(self._carrying, timeout=END_SECONDS)

    def break_off(self) -> None:
        """Every connection ends at once, with a reset."""
        for writer in list(self._writers):
            writer.transport.abort()

    def way(self, source: str) -> Way:
        return self.out if source == self.ends[0] else self.back

    def moved(self) -> None:
        """What waited looks again."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        self._writers.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            there, other = await asyncio.open_connection(
                *self._target, local_addr=(self._places[0], 0)
            )
            self._writers.add(other)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, other, self.out))
                tasks.create_task(self._pump(there, writer, self.back))
        except* (OSError, EOFError):
            pass
        finally:
            for each in (writer, other):
                if each is not None:
                    self._writers.discard(each)
                    each.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        while data := await reader.read(CHUNK):
            while way.blocked and not writer.transport.is_closing():
                await self._moved.wait()
            if way.delay_s:
                await asyncio.sleep(way.delay_s * (1 + self._rng.random()))
            if way.stall and self._rng.random() < way.stall:
                await asyncio.sleep(1)
            if way.loss and self._rng.random() < way.loss:
                writer.write(data[: self._rng.randrange(len(data))])
                await writer.drain()
                raise EOFError
            writer.write(data)
            await writer.drain()
        raise EOFError


class Mesh:
    """All wires of a network."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.wires: dict[tuple[str, str], Wire] = {}

    def command(self, _slug: str, command: list[str]) -> list[str]:
        """How a node is started: as it is, all on one host."""
        return command

    def address(self, dialler: str, listener: str, _port: int) -> str:
        """Where `dialler` reaches `listener`, who listens at this port."""
        return f"{self.place(listener)}:{self.wires[dialler, listener].port}"

    def place(self, _slug: str) -> str:
        """The address at which peers see this node."""
        return LOOPBACK

    async def add(self, dialler: str, listener: str, target: tuple[str, int], port: int = 0) -> int:
        """A started wire's port, `port` or a free one."""
        places = (self.place(dialler), self.place(listener))
        wire = Wire(dialler, listener, target, random.Random(self._rng.random()), places)
        self.wires[dialler, listener] = wire
        await wire.start(port)
        return wire.port

    async def stop(self) -> None:
        await asyncio.gather(*(wire.stop() for wire in self.wires.values()))

    def _between(self, some: Iterable[str], others: Iterable[str]) -> list[Wire]:
        a, b = set(some), set(others)
        return [
            wire
            for (dialler, listener), wire in self.wires.items()
            if (dialler in a and listener in b) or (dialler in b and listener in a)
        ]

    def cut(self, some: Iterable[str], others: Iterable[str]) -> None:
        """Nothing passes between these and those; what stood is reset."""
        for wire in self._between(list(some), list(others)):
            wire.cut = True
            wire.break_off()

    def mute(self, source: str, others: Iterable[str]) -> None:
        """What `source` sends to these does not arrive; what they send does."""
        for wire in self._between([source], list(others)):
            wire.way(source).blocked = True

    def slow(self, delay_s: float, stall: float) -> None:
        """Everything comes late, and some of it a second later."""
        for wire in self.wires.values():
            for way in (wire.out, wire.back):
                way.delay_s, way.stall = delay_s, stall

    def lose(self, loss: float) -> None:
        """Every connection breaks sooner or later, in the middle of what it carries."""
        for wire in self.wires.values():
            wire.out.loss = wire.back.loss = loss

    def heal(self) -> None:
        for wire in self.wires.values():
            wire.cut = False
            for way in (wire.out, wire.back):
                way.blocked, way.delay_s, way.stall, way.loss = False, 0.0, 0.0, 0.0
            wire.moved()


async def cancelled(task: asyncio.Task[None]) -> None:
    """Ends a task that runs until then."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
