"""Contract workers of many channels share few processes; idle ones have none."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from node.execution.worker_slots import WorkerSlots

SECONDS = 30.0


class Process:
    """A worker as the slots see it; it checks that nobody ends it during a call."""

    def __init__(self) -> None:
        self.is_up, self.calls, self.starts = False, 0, 0

    async def rest(self) -> None:
        assert not self.calls
        await asyncio.sleep(0)
        assert not self.calls
        self.is_up = False

    async def call(self, slots: WorkerSlots, until: asyncio.Event | None = None) -> None:
        async with slots.use(self):
            self.calls += 1
            self.starts += not self.is_up
            self.is_up = True
            await (asyncio.sleep(0) if until is None else until.wait())
            assert self.is_up
            self.calls -= 1


async def settled(slots: WorkerSlots, running: int) -> None:
    async with asyncio.timeout(SECONDS):
        while slots.running != running:
            await asyncio.sleep(0.001)


async def test_never_more_than_may_run_and_everybody_gets_a_turn() -> None:
    slots, workers = WorkerSlots(3, 0), [Process() for _ in range(12)]
    most = 0

    async def calls(worker: Process) -> None:
        nonlocal most
        for _ in range(30):
            await worker.call(slots)
            most = max(most, sum(each.is_up for each in workers), slots.running)

    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*(calls(worker) for worker in workers for _ in range(2)))
    assert most == 3


async def test_calls_of_one_worker_run_beside_each_other_and_start_it_once() -> None:
    slots, worker, go = WorkerSlots(2, 0), Process(), asyncio.Event()
    tasks = [asyncio.create_task(worker.call(slots, go)) for _ in range(5)]
    async with asyncio.timeout(SECONDS):
        while worker.calls < 5:
            await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*tasks)
    assert (worker.starts, slots.running) == (1, 1)


async def test_who_was_not_called_for_longest_makes_room() -> None:
    slots, old, young, new = WorkerSlots(2, 0), Process(), Process(), Process()
    for worker in (old, young, old, young, new):
        await worker.call(slots)
    assert (old.is_up, young.is_up, new.is_up) == (False, True, True)


async def test_a_busy_worker_keeps_its_process_and_who_waits_is_not_overtaken() -> None:
    slots, busy, waiting, late = WorkerSlots(1, 0), Process(), Process(), Process()
    go = asyncio.Event()
    order: list[str] = []

    async def named(name: str, worker: Process) -> None:
        await worker.call(slots)
        order.append(name)

    async with asyncio.timeout(SECONDS):
        first = asyncio.create_task(busy.call(slots, go))
        while not busy.calls:
            await asyncio.sleep(0)
        second = asyncio.create_task(named("waiting", waiting))
        await asyncio.sleep(0)
        third = asyncio.create_task(named("late", late))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.is_up and busy.is_up
        go.set()
        await first
        again = asyncio.create_task(named("again", busy))
        await asyncio.gather(second, third, again)
    assert order == ["waiting", "late", "again"]


async def test_who_gives_up_waiting_holds_up_nobody() -> None:
    slots, busy, gone, next_ = WorkerSlots(1, 0), Process(), Process(), Process()
    go = asyncio.Event()
    async with asyncio.timeout(SECONDS):
        first = asyncio.create_task(busy.call(slots, go))
        while not busy.calls:
            await asyncio.sleep(0)
        waiting = asyncio.create_task(gone.call(slots))
        await asyncio.sleep(0)
        behind = asyncio.create_task(next_.call(slots))
        await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        go.set()
        await asyncio.gather(first, behind)
    assert next_.is_up and not gone.starts


async def test_an_idle_worker_rests_and_comes_back_with_its_next_call() -> None:
    slots, worker = WorkerSlots(4, 0.01), Process()
    for n in range(1, 4):
        await worker.call(slots)
        assert worker.starts == n
        await settled(slots, 0)
        assert not worker.is_up
    kept = WorkerSlots(4, 0)
    await worker.call(kept)
    await worker.call(kept)
    assert worker.starts == 4


async def test_a_call_that_fails_leaves_its_place() -> None:
    slots, bad, good = WorkerSlots(1, 0), Process(), Process()
    with pytest.raises(ValueError):
        async with slots.use(bad):
            raise ValueError
    await good.call(slots)
    await slots.forget(good)
    assert slots.running == 0
