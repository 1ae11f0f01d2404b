"""Asks several peers at a time for pieces of one thing, until each piece was taken from somebody.

A peer that answers with something else than it should was caught: it is named, and asked for no further piece
that anybody else may give. One that gives nothing, or goes away, rests for a while that doubles. No peer has
more than a few requests at a time, so that one that is slow holds up little.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

import grpc
import structlog

from node.errors import CityError
from node.model import StoredBlock
from node.peers.fetching import reason_of
from node.wire.snapshots import Offer, SealedHeader

REQUESTS_A_PEER = 2
ROUNDS_MAX = 5  # through all peers, for one piece
PAUSE_SECONDS = 1.0  # between two rounds
REST_SECONDS, REST_SECONDS_MAX = 1.0, 60.0  # of a peer that gave nothing, while others may give
VIOLATION = "CITY-6201"  # bytes that are no answer

log = structlog.get_logger("snapshot")


class Peer(Protocol):
    """One peer that may have a snapshot (`node.peers.snapshots.SnapshotClient`)."""

    name: str
    is_validator: bool

    async def offer(self) -> Offer | None: ...

    async def part(self, height: int, part: int) -> bytes: ...

    async def headers(self, first: int, last: int) -> list[SealedHeader]: ...

    async def blocks(self, first: int, last: int) -> list[StoredBlock]: ...


P = TypeVar("P", bound=Peer)
T = TypeVar("T")


class Caught(Exception):
    """What the peer gave is not what it must be; the text says why."""


class NotGiven(Exception):
    """The peer has not what it was asked for."""


class Crew(Generic[P]):
    """The peers of one attempt."""

    def __init__(self, peers: Sequence[P], failed: Callable[[str], CityError]) -> None:
        """failed: makes the error of what the peers gave as reasons."""
        self._peers, self._failed = list(peers), failed
        self._busy: Counter[str] = Counter()
        self._rest: dict[str, tuple[float, float]] = {}  # until when by the clock, and for how long
        self._caught: dict[str, str] = {}
        self._freed = asyncio.Condition()

    @property
    def caught(self) -> dict[str, str]:
        """Who gave something else than it should have, and why that was."""
        return dict(self._caught)

    def catch(self, peer: str, reason: str) -> None:
        """What it gave turned out to be wrong."""
        self._caught.setdefault(peer, reason)
        log.warning("snapshot.peer_lied", peer=peer, reason=reason)

    async def ask(
        self,
        take: Callable[[P], Awaitable[T]],
        among: Sequence[P] | None = None,
        avoid: str = "",
    ) -> tuple[str, T]:
        """Who gave the piece, and what `take` made of it. avoid: asked only where all others did not give it.

        take: raises Caught, NotGiven, CityError or a gRPC error where this peer did not.
        Raises CityError by `failed` when nobody gives it."""
        peers = self._peers if among is None else list(among)
        tried: Counter[str] = Counter({avoid: 1} if avoid else {})
        reasons: dict[str, str] = {}
        for turn in range(1, ROUNDS_MAX * len(peers) + 1):
            peer = await self._free(peers, tried)
            tried[peer.name] += 1
            try:
                with self._occupied(peer.name):
                    taken = await take(peer)
                self._rest.pop(peer.name, None)
                return peer.name, taken
            except (
                Caught,
                CityError,
                NotGiven,
                grpc.aio.AioRpcError,
                grpc.aio.UsageError,
            ) as error:
                reasons[peer.name] = reason_of(error)
                if isinstance(error, Caught) or getattr(error, "code", "") == VIOLATION:
                    self.catch(peer.name, reason_of(error))
                else:
                    self._let_rest(peer.name)
                    log.info("snapshot.not_given", peer=peer.name, reason=reason_of(error))
            finally:
                async with self._freed:
                    self._freed.notify_all()
            if turn % len(peers) == 0:
                await asyncio.sleep(PAUSE_SECONDS)
        said = reasons | {name: self._caught[name] for name in reasons if name in self._caught}
        raise self._failed("; ".join(f"{name}: {why}" for name, why in said.items()))

    async def _free(self, peers: Sequence[P], tried: Counter[str]) -> P:
        """Of those that come next one that is not busy: who was asked least, and was not caught."""

        now = time.monotonic()

        def rank(peer: P) -> tuple[int, bool, bool]:
            rests_until, _ = self._rest.get(peer.name, (0.0, 0.0))
            return tried[peer.name], peer.name in self._caught, rests_until > now

        async with self._freed:
            while True:
                best = min(map(rank, peers))
                free = [
                    peer
                    for peer in peers
                    if rank(peer) == best and self._busy[peer.name] < REQUESTS_A_PEER
                ]
                if free:
                    return min(free, key=lambda peer: self._busy[peer.name])
                await self._freed.wait()

    def _let_rest(self, name: str) -> None:
        _, last = self._rest.get(name, (0.0, REST_SECONDS / 2))
        seconds = min(2 * last, REST_SECONDS_MAX)
        self._rest[name] = time.monotonic() + seconds, seconds

    @contextmanager
    def _occupied(self, name: str) -> Iterator[None]:
        self._busy[name] += 1
        try:
            yield
        finally:
            self._busy[name] -= 1


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of them at a time. The first that fails ends the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
