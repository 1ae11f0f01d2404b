"""Clients that never rest: what they were told, when, and what they do not know."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from node.client import connect
from node.sdk.calls import Signed
from node.sdk.errors import CityError
from node.sdk.net import AsyncNet
from tests.faults.city_network import Network

ACCOUNTS, AMOUNT_MAX = 4, 1_000_000
CALL_SECONDS = 30.0
THINKING_SECONDS = 0.2
GAS = 200_000


@dataclass(slots=True)
class Operation:
    """An amount added to an account. ended: INF while its fate is unknown; balance: what the call answered."""

    account: str
    amount: int
    tx_id: str
    began: float
    ended: float = float("inf")
    balance: int | None = None
    block: int = 0


@dataclass(slots=True)
class Load:
    """Runs until `stop`. `pause` lets what is under way end; nothing new begins until `go_on`."""

    network: Network
    clients: int
    rng: random.Random
    operations: list[Operation] = field(default_factory=list)
    acknowledged: list[Operation] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    stale_reads: int = 0
    latencies: list[float] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _said: asyncio.Condition = field(default_factory=asyncio.Condition)

    def start(self) -> None:
        self._open.set()
        self._idle.set()
        for number in range(self.clients):
            rng = random.Random(f"{self.rng.random()}/{number}")
            self._tasks.append(asyncio.create_task(self._client(number, rng)))

    async def stop(self) -> None:
        """What is under way may still end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * CALL_SECONDS):
                await self.pause()
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def pause(self) -> None:
        self._open.clear()
        await self._idle.wait()

    def go_on(self) -> None:
        self._open.set()

    async def acknowledgement(self, since: float, seconds: float) -> float:
        """When the first call that began after `since` was acknowledged. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._said:
            while True:
                found = [o.ended for o in self.acknowledged[-200:] if o.began >= since]
                if found:
                    return min(found)
                await self._said.wait()

    async def more(self, count: int, seconds: float) -> None:
        """Until so many further calls were acknowledged. Raises TimeoutError."""
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(seconds), self._said:
            await self._said.wait_for(lambda: len(self.acknowledged) >= wanted)

    @property
    def worst_gap_s(self) -> float:
        """The longest time in which nothing was acknowledged, pauses not counted out."""
        times = sorted(operation.ended for operation in self.acknowledged)
        return max((b - a for a, b in pairwise(times)), default=0.0)

    # ---- one client ------------------------------------------------------------------------------

    async def _client(self, number: int, rng: random.Random) -> None:
        context = self.network.context()
        nodes = list(context.nodes)
        turned = tuple(nodes[number % len(nodes) :] + nodes[: number % len(nodes)])
        own = dataclasses.replace(context, nodes=turned)
        async with connect.aio(own, user="ops", timeout=CALL_SECONDS) as net:
            while True:
                await self._open.wait()
                self._busy += 1
                self._idle.clear()
                try:
                    await self._one(net, f"account-{rng.randrange(ACCOUNTS)}", rng)
                finally:
                    self._busy -= 1
                    if not self._busy:
                        self._idle.set()
                await asyncio.sleep(THINKING_SECONDS)

    async def _one(self, net: AsyncNet, account: str, rng: random.Random) -> None:
        amount = 1 + rng.randrange(AMOUNT_MAX)
        began = time.monotonic()
        try:
            signed = await self._signed(net, account, amount)
        except CityError as error:
            await self._note(error)
            return
        operation = Operation(account, amount, signed.tx_id, began)
        self.operations.append(operation)
        try:
            await net.send(signed, CALL_SECONDS)
            done = await net.wait(signed, "committed", CALL_SECONDS)
        except CityError as error:  # refused, or nobody knows: the ledger will tell
            await self._note(error)
            return
        operation.ended, operation.balance, operation.block = (
            time.monotonic(),
            done.value,
            done.block,
        )
        self.latencies.append(operation.ended - began)
        async with self._said:
            self.acknowledged.append(operation)
            self._said.notify_all()
        if rng.random() < 0.2:
            await self._read(net, account, done.value)

    async def _signed(self, net: AsyncNet, account: str, amount: int) -> Signed:
        args: dict[str, Any] = {"owner": account, "amount": amount}
        return await net.build("transfer", "open_account", args, gas_limit=GAS)

    async def _read(self, net: AsyncNet, account: str, least: int) -> None:
        """Balances only grow here: after an acknowledged write no node tells this client less."""
        try:
            found = (await net.query("transfer", "balance_of", {"owner": account})).value
        except CityError as error:
            await self._note(error)
            return
        if found < least:
            self.stale_reads += 1

    async def _note(self, error: CityError) -> None:
        self.errors[error.code] = self.errors.get(error.code, 0) + 1
        await asyncio.sleep(0.1)  # a refused client does not try again at once
