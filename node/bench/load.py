"""The load: transfers between accounts, signed before the clock starts, submitted in batches to all nodes.

A transfer counts when its event arrives at the client: executed and synced on the node that is asked. Two ways
to offer it: *closed loop* keeps so many transfers under way, as many as the network takes; *open loop* sends
at a steady rate whatever comes back, and a latency runs from the moment the transfer was due, so that waiting
behind others is part of it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.client import Context, connect
from node.sdk.calls import Signed
from node.sdk.net import AsyncNet

CONTRACT = "transfer"
ACCOUNTS = 64
OPENING_AMOUNT = 1_000_000_000
GAS_LIMIT = 20_000
VALID_FOR_BLOCKS = 990  # of the thousand a channel allows
OPEN_LOOP_SECONDS_MAX = 45  # at fifty milliseconds a block: what was signed before must not expire
TICK_S = 0.01  # what is due within one tick goes out together
WARM_UP_TRANSFERS = 500
SILENCE_S = 30.0
SUBMIT_S = 60.0
PROGRESS_S = 1.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Load:
    """batch: envelopes a message, in closed loop; in_flight: transfers under way, in closed loop.

    rate: transfers a second offered in open loop; 0: closed loop."""

    transactions: int
    batch: int = 250
    rate: int = 0
    in_flight: int = 1_000


@dataclass(slots=True)
class Outcome:
    """Seconds on one monotonic clock; latencies in milliseconds, in the order of commitment."""

    signing_s: float = 0.0
    first_sent: float = 0.0
    last_committed: float = 0.0
    refused: int = 0
    heights: set[int] = field(default_factory=set)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        return max(self.last_committed - self.first_sent, 1e-9)

    @property
    def settled(self) -> int:
        """Committed or refused: no longer under way."""
        return len(self.latencies_ms) + self.refused


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of values; 0 where there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Bench:
    """One client on each node of a context. Use with `async with`."""

    def __init__(self, context: Context, user: str, say: Say) -> None:
        self._context, self._user, self._say = context, user, say
        self._nets: list[AsyncNet] = []
        self._accounts: list[str] = []
        self._height = 0

    async def __aenter__(self) -> Bench:
        for node in self._context.nodes:
            only = dataclasses.replace(self._context, nodes=(node,))
            self._nets.append(await connect.aio(only, user=self._user).__aenter__())
        return self

    async def __aexit__(self, *_: object) -> None:
        for net in self._nets:
            await net.close()

    async def warm_up(self) -> dict[str, Any]:
        """Opens the accounts and makes every node run what it will run; returns a node's status."""
        self._say("opening accounts and warming up")
        run = secrets.token_hex(4)
        self._accounts = [f"{run}-{number}" for number in range(ACCOUNTS)]
        done = await asyncio.gather(
            *(
                self._nets[0].call(
                    CONTRACT,
                    "open_account",
                    {"owner": owner, "amount": OPENING_AMOUNT},
                    gas_limit=GAS_LIMIT,
                    timeout=SUBMIT_S,
                )
                for owner in self._accounts
            )
        )
        self._height = max(committed.block for committed in done)
        # A first query starts a node's worker for queries, which must not fall into the measurement.
        for net in self._nets:
            await net.query(CONTRACT, "balance_of", {"owner": self._accounts[0]}, timeout=SUBMIT_S)
        await self.measure(await self.sign(WARM_UP_TRANSFERS), Load(WARM_UP_TRANSFERS, batch=125))
        return await self._nets[0].node_status()

    async def sign(self, count: int) -> list[Signed]:
        """Transfers of 1 between the accounts, every account in turn."""
        signed = []
        until = self._height + VALID_FOR_BLOCKS
        for number in range(count):
            source = self._accounts[number % ACCOUNTS]
            to = self._accounts[(number * 7 + 1) % ACCOUNTS]
            to = to if to != source else self._accounts[(number + 1) % ACCOUNTS]
            args = {"source": source, "to": to, "amount": 1}
            signed.append(
                await self._nets[0].build(
                    CONTRACT, "transfer", args, gas_limit=GAS_LIMIT, valid_until_height=until
                )
            )
        return signed

    async def measure(self, signed: Sequence[Signed], load: Load) -> Outcome:
        """Submits what was signed and waits for its events on the first node, then for the other nodes."""
        outcome = await _Run(self._nets, signed, load, self._height + 1, self._say).run()
        self._height = max(outcome.heights, default=self._height)
        for net in self._nets:
            while (await net.node_status())["applied_height"] < self._height:
                await asyncio.sleep(TICK_S)
        return outcome

    async def view(self) -> int:
        """Of ordering: it grows when the nodes replace their leader."""
        status = await self._nets[0].node_status()
        return int(status["view"])


class _Run:
    """One measurement: senders, one watcher, and a line of progress a second."""

    def __init__(
        self, nets: list[AsyncNet], signed: Sequence[Signed], load: Load, height: int, say: Say
    ) -> None:
        self._nets, self._signed, self._load, self._height = nets, signed, load, height
        self._say = say
        self._due: dict[str, float] = {}
        self._moved = asyncio.Event()
        self._outcome = Outcome()

    async def run(self) -> Outcome:
        outcome = self._outcome
        watching = asyncio.create_task(self._watch())
        telling = asyncio.create_task(self._tell())
        sending: asyncio.Task[None] | None = None
        try:
            outcome.first_sent = time.monotonic()
            sending = asyncio.create_task(
                self._open_loop() if self._load.rate else self._closed_loop()
            )
            await asyncio.wait({watching, sending}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
                await watching
        finally:
            tasks = [task for task in (watching, telling, sending) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return outcome

    async def _closed_loop(self) -> None:
        size = max(1, min(self._load.batch, self._load.in_flight // len(self._nets)))
        batches = iter([self._signed[at : at + size] for at in range(0, len(self._signed), size)])

        async def sender(net: AsyncNet) -> None:
            for batch in batches:  # shared: whoever is free takes the next one
                while len(self._due) - self._outcome.settled + size > self._load.in_flight:
                    self._moved.clear()
                    await self._moved.wait()
                now = time.monotonic()
                self._due.update((each.tx_id, now) for each in batch)
                await self._submit(net, batch)

        async with asyncio.TaskGroup() as senders:
            for net in self._nets:
                senders.create_task(sender(net))

    async def _open_loop(self) -> None:
        """Never waits for answers: what a slow network makes wait shows in the latencies."""
        start, rate = self._outcome.first_sent, self._load.rate
        async with asyncio.TaskGroup() as submits:
            at = turn = 0
            while at < len(self._signed):
                await asyncio.sleep(max(TICK_S, start + at / rate - time.monotonic()))
                passed = int((time.monotonic() - start) * rate)
                due = min(len(self._signed), max(at, passed) + 1)
                part = self._signed[at:due]
                self._due.update((s.tx_id, start + (at + i) / rate) for i, s in enumerate(part))
                submits.create_task(self._submit(self._nets[turn % len(self._nets)], part))
                at, turn = due, turn + 1

    async def _submit(self, net: AsyncNet, batch: Sequence[Signed]) -> None:
        for admission in await net.batch(batch, timeout=SUBMIT_S):
            if admission.code:
                self._outcome.refused += 1
        self._moved.set()

    async def _watch(self) -> None:
        """Counts events until all came, all others were refused, or nothing came for a while."""
        outcome = self._outcome
        events = self._nets[0].events(CONTRACT, "Transfer.Made", from_height=self._height)
        while outcome.settled < len(self._signed):
            try:
                event = await asyncio.wait_for(anext(events), SILENCE_S)
            except (TimeoutError, StopAsyncIteration):
                return
            due = self._due.get(event.tx_id)
            if due is not None:
                outcome.last_committed = time.monotonic()
                outcome.latencies_ms.append((outcome.last_committed - due) * 1_000)
                outcome.heights.add(event.height)
                self._moved.set()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_S)
            done, refused = len(self._outcome.latencies_ms), self._outcome.refused
            self._say(f"{done} of {len(self._signed)} committed, {refused} refused")
