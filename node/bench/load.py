"""The load: transfers between accounts, signed before the clock starts, submitted in batches to all nodes.

A transfer counts when its event arrives at the client: executed and synced on the node that is asked. Its
latency runs from the moment its batch was handed to the client library.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from node.client import Context, connect
from node.client_calls import Signed
from node.client_net import AsyncNet

CONTRACT = "transfer"
ACCOUNTS = 64
OPENING_AMOUNT = 1_000_000_000
GAS_LIMIT = 20_000
SILENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Load:
    """rate: transfers a second offered, 0 for as fast as batches are taken."""

    transactions: int
    batch: int
    rate: int


@dataclass(slots=True)
class Outcome:
    """Seconds on one monotonic clock; latencies in milliseconds, in the order of commitment."""

    signing_s: float = 0.0
    first_sent: float = 0.0
    last_committed: float = 0.0
    refused: int = 0
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        return max(self.last_committed - self.first_sent, 1e-9)


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of values; 0 where there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def drive(context: Context, user: str, load: Load) -> Outcome:
    """Runs the load on every node of the context and waits for its events."""
    nets = [
        await _open(dataclasses.replace(context, nodes=(node,)), user) for node in context.nodes
    ]
    try:
        return await _drive(nets, load)
    finally:
        for net in nets:
            await net.close()


async def _open(context: Context, user: str) -> AsyncNet:
    return await connect.aio(context, user=user).__aenter__()


async def _drive(nets: list[AsyncNet], load: Load) -> Outcome:
    outcome = Outcome()
    run = secrets.token_hex(4)
    accounts = [f"{run}-{number}" for number in range(ACCOUNTS)]
    done = await asyncio.gather(
        *(
            nets[0].call(
                CONTRACT,
                "open_account",
                {"owner": owner, "amount": OPENING_AMOUNT},
                gas_limit=GAS_LIMIT,
            )
            for owner in accounts
        )
    )
    started = time.monotonic()
    batches = await _sign(nets[0], accounts, load)
    outcome.signing_s = time.monotonic() - started
    sent_at: dict[str, float] = {}
    height = max(committed.block for committed in done)
    watching = asyncio.create_task(_watch(nets[0], height + 1, sent_at, load.transactions, outcome))
    try:
        outcome.first_sent = time.monotonic()
        await asyncio.gather(
            *(
                _send(net, batches[number :: len(nets)], sent_at, load, outcome)
                for number, net in enumerate(nets)
            )
        )
        await watching
    finally:
        watching.cancel()
    return outcome


async def _sign(net: AsyncNet, accounts: list[str], load: Load) -> list[list[Signed]]:
    signed = []
    for number in range(load.transactions):
        source = accounts[number % ACCOUNTS]
        to = accounts[(number * 7 + 1) % ACCOUNTS]
        to = to if to != source else accounts[(number + 1) % ACCOUNTS]
        args = {"source": source, "to": to, "amount": 1}
        signed.append(await net.build(CONTRACT, "transfer", args, gas_limit=GAS_LIMIT))
    return [signed[at : at + load.batch] for at in range(0, len(signed), load.batch)]


async def _send(
    net: AsyncNet,
    batches: list[list[Signed]],
    sent_at: dict[str, float],
    load: Load,
    outcome: Outcome,
) -> None:
    for batch in batches:
        if load.rate:
            due = outcome.first_sent + len(sent_at) / load.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        sent_at.update((each.tx_id, now) for each in batch)
        for admission in await net.batch(batch, timeout=60.0):
            outcome.refused += bool(admission.code)


async def _watch(
    net: AsyncNet, from_height: int, sent_at: dict[str, float], expected: int, outcome: Outcome
) -> None:
    """Counts this run's events until all came, all others were refused, or nothing came for a while."""
    events = net.events(CONTRACT, "Transfer.Made", from_height=from_height)
    while len(outcome.latencies_ms) + outcome.refused < expected:
        try:
            event = await asyncio.wait_for(anext(events), SILENCE_SECONDS)
        except (TimeoutError, StopAsyncIteration):
            return
        sent = sent_at.get(event.tx_id)
        if sent is not None:
            outcome.last_committed = time.monotonic()
            outcome.latencies_ms.append((outcome.last_committed - sent) * 1_000)
