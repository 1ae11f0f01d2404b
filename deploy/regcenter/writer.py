"""The one task that writes: requests wait in a bounded queue and are accepted in batches."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from deploy.regcenter.center import Center
from deploy.regcenter.errors import CenterError
from deploy.regcenter.operations import Operation, Outcome

QUEUE_MAX = 1_024
BATCH_MAX = 256

Expected = TypeVar("Expected")


class Writer:
    """`submit` waits until the operation is durable. Batches are checked and written in a thread, one at a
    time."""

    def __init__(self, center: Center) -> None:
        self._center = center
        self._queue: asyncio.Queue[tuple[Operation, asyncio.Future[Outcome]] | None] = (
            asyncio.Queue(QUEUE_MAX)
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="center-writer")

    async def stop(self) -> None:
        """Accepts what waits, then ends."""
        if self._task is not None and not self._task.done():
            await self._queue.put(None)
            await asyncio.wait({self._task})

    async def failure(self) -> BaseException:
        """Waits until the writer breaks, which stopping is not: the center must then end."""
        assert self._task is not None
        await asyncio.wait({self._task})
        error = self._task.exception()
        if error is None:
            await asyncio.Event().wait()  # stopped on purpose
        assert error is not None
        return error

    async def submit(self, operation: Operation, expected: type[Expected]) -> Expected:
        """What the operation answers. Raises CenterError: its refusal, RC_BUSY, RC_CLOSED."""
        if self._task is None or self._task.done():
            raise CenterError("RC_CLOSED")
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((operation, answer))
        except asyncio.QueueFull:
            raise CenterError("RC_BUSY", f"{QUEUE_MAX} wait") from None
        outcome = await answer
        if isinstance(outcome, CenterError):
            raise outcome
        assert isinstance(outcome, expected)
        return outcome

    async def _run(self) -> None:
        batch: list[tuple[Operation, asyncio.Future[Outcome]]] = []
        try:
            while True:
                item = await self._queue.get()
                stopping = item is None
                if item is not None:
                    batch.append(item)
                while len(batch) < BATCH_MAX and not self._queue.empty():
                    item = self._queue.get_nowait()
                    if item is None:
                        stopping = True
                        break
                    batch.append(item)
                if batch:
                    await self._write(batch)
                    batch = []
                if stopping:
                    return
        finally:
            while not self._queue.empty():
                item = self._queue.get_nowait()
                if item is not None:
                    batch.append(item)
            for _, answer in batch:
                if not answer.done():
                    answer.set_result(CenterError("RC_CLOSED"))

    async def _write(self, batch: list[tuple[Operation, asyncio.Future[Outcome]]]) -> None:
        operations = [operation for operation, _ in batch]
        outcomes = await asyncio.to_thread(self._center.process, operations)
        for (_, answer), outcome in zip(batch, outcomes, strict=True):
            if not answer.done():  # the caller may have gone away; what it sent still counts
                answer.set_result(outcome)
