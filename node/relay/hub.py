"""Tells a settlement hub which payments a channel has used: asynchronously, and nothing waits for it.

The hub is the contract `settlement_hub` of a channel of its own (or of any other). What is told twice changes
nothing there, so a restart goes on from the last batch that was taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from node.sdk.calls import Event

BATCH_MAX = 200
Tell = Callable[[Sequence["Event"]], Awaitable[None]]
"""Registers a batch at the hub. Raises CityError."""


async def forward(events: AsyncIterator[Event], tell: Tell, keep: Callable[[Event], None]) -> None:
    """Tells every event, in batches of what has come meanwhile; `keep` notes the last one of each batch.

    Ends only with what it raises: CityError of the channel or of the hub."""
    waiting: asyncio.Queue[Event] = asyncio.Queue(BATCH_MAX)

    async def collect() -> None:
        async for event in events:
            await waiting.put(event)

    async def send() -> None:
        while True:
            batch = [await waiting.get()]
            while len(batch) < BATCH_MAX and not waiting.empty():
                batch.append(waiting.get_nowait())
            await tell(batch)
            keep(batch[-1])

    tasks = [asyncio.ensure_future(collect()), asyncio.ensure_future(send())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def registration(channel_id: bytes, batch: Sequence[Event]) -> dict[str, Any]:
    """Arguments of `settlement_hub.register`."""
    return {
        "channel": channel_id,
        "nullifiers": [event.fields["nullifier"] for event in batch],
        "transactions": [bytes.fromhex(event.tx_id) for event in batch],
    }
