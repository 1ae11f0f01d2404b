"""Who waits for a transaction, and who waits for the chain to move. Event loop only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from consensus.encoding import Hash
from node.errors import CityError
from node.facade import Level, TxStatus

WAITERS_MAX = 100_000


class Signal:
    """Something happened: wakes everyone who waits now, and remembers nothing."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def notify(self) -> None:
        waiting, self._next = self._next, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def wait(self) -> None:
        """Until the next `notify`. Take care to look at the facts first, without an await in between."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._next)


class TxWaiters:
    """Futures by transaction and level; answered with the status itself, so nobody reads the disk again."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Hash, Level], list[asyncio.Future[TxStatus]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def expect(self, tx_id: Hash, level: Level) -> asyncio.Future[TxStatus]:
        """Raises CityError CITY-3023. Hand the future back with `forget` however the wait ends."""
        if self._count >= WAITERS_MAX:
            raise CityError("CITY-3023", limit=WAITERS_MAX)
        future: asyncio.Future[TxStatus] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault((tx_id, level), []).append(future)
        self._count += 1
        return future

    def forget(self, tx_id: Hash, level: Level, future: asyncio.Future[TxStatus]) -> None:
        several = self._waiting.get((tx_id, level))
        if several is not None and future in several:
            several.remove(future)
            self._count -= 1
            if not several:
                del self._waiting[tx_id, level]

    def reached(self, status: TxStatus) -> None:
        for future in self._take(status.tx_id, status.level):
            if not future.done():
                future.set_result(status)

    def dropped(self, tx_ids: Iterable[Hash]) -> None:
        for tx_id in tx_ids:
            self.refused(tx_id, CityError("CITY-3022", tx_id=tx_id.hex()))

    def refused(self, tx_id: Hash, error: CityError) -> None:
        """It left the pool and will not be ordered."""
        self._fail(tx_id, error)

    def fail_all(self, error: CityError) -> None:
        """The channel stopped: nothing more will be reached here."""
        for tx_id in {tx_id for tx_id, _ in self._waiting}:
            self._fail(tx_id, error)

    def _fail(self, tx_id: Hash, error: CityError) -> None:
        levels: tuple[Level, ...] = ("ordered", "committed")
        for level in levels:
            for future in self._take(tx_id, level):
                if not future.done():
                    future.set_exception(error)

    def _take(self, tx_id: Hash, level: Level) -> list[asyncio.Future[TxStatus]]:
        taken = self._waiting.pop((tx_id, level), [])
        self._count -= len(taken)
        return taken
