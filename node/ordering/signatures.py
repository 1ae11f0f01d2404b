"""Signatures, checked in batches in threads, and the cache the consensus core's verifier answers from.

Whoever has signatures to check awaits `check`; what waits at the same time is checked together, a few of each
source in turn, and of one source a few of each member that the items claim to be of: a peer's or client's ten
thousand must not hold up another's one, and who signs wrongly in others' names has one turn like others.
Ordering messages go first, then what a proposal waits for, then all other transactions, so that a flood starves
neither.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from consensus.api import SignatureItem
from node.errors import CityError
from node.identity.suite import PUBLIC_KEY_LEN, SIGNATURE_LEN, Item, Suite
from node.ordering.fairness import Nested

SHARE_ITEMS = 16  # of one request in a row
JOB_ITEMS_MAX = 128  # about 30 ms of SM2 on one core
REQUESTS_MAX = 65_536  # of one source; calls and peers' lanes have bounds of their own
REMEMBERED_MAX = 65_536  # signatures of ordering messages, 32 bytes each


@dataclass(slots=True)
class _Request:
    """Items of one caller, and how many of them are still out."""

    items: Sequence[SignatureItem]
    answers: list[bool]
    left: int
    done: asyncio.Future[list[bool]]
    missing: deque[int]


class Signatures:
    """One for each channel. Everything but the checking itself happens on the event loop."""

    def __init__(self, suite: Suite, threads: int | None = None) -> None:
        self._suite = suite
        self._threads = threads or max(1, min(4, os.cpu_count() or 1))
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="verify")
        self._waiting = tuple(Nested[str, str, _Request](2 * REQUESTS_MAX) for _ in range(3))
        self._running: set[asyncio.Task[None]] = set()
        self._remembered: dict[bytes, None] = {}
        self.checked = 0

    async def check(
        self,
        items: Sequence[SignatureItem],
        *,
        urgent: bool = False,
        wanted: bool = False,
        source: str = "",
        member: str = "",
    ) -> list[bool]:
        """Whether each signature holds, in order. `urgent`: an ordering message; remembered for the core.
        `wanted`: transactions that ordering waits for. source: who brought them; member: whose they claim to
        be. Raises CITY-1031 where that source has too many waiting."""
        answers = [urgent and _name(item) in self._remembered for item in items]
        missing = [i for i, known in enumerate(answers) if not known]
        if not missing:
            return answers
        done: asyncio.Future[list[bool]] = asyncio.get_running_loop().create_future()
        request = _Request(items, answers, len(missing), done, deque(missing))
        lane = self._waiting[0 if urgent else 1 if wanted else 2]
        if not lane.put(source, member, request):
            raise CityError("CITY-1031", waiting=len(lane))
        self._start_jobs()
        await done
        if urgent:
            self._remember(item for item, holds in zip(items, answers, strict=True) if holds)
        return answers

    def known(self, item: SignatureItem) -> bool:
        """Whether `check` has found this signature good lately."""
        return _name(item) in self._remembered

    def close(self) -> None:
        for task in self._running:
            task.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start_jobs(self) -> None:
        while len(self._running) < self._threads and any(self._waiting):
            job: list[tuple[_Request, int]] = []
            for lane in self._waiting:
                while lane and len(job) < JOB_ITEMS_MAX:
                    source, member, request = lane.take()
                    for _ in range(min(SHARE_ITEMS, len(request.missing))):
                        job.append((request, request.missing.popleft()))
                    if request.missing:
                        lane.put_back(source, member, request)
            task = asyncio.get_running_loop().create_task(self._run(job))
            self._running.add(task)
            task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            self._start_jobs()

    async def _run(self, job: list[tuple[_Request, int]]) -> None:
        items = [Item(r.items[i].key, r.items[i].message, r.items[i].signature) for r, i in job]
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._pool, self._suite.verify_many, items)
        except Exception as error:
            # The library itself failed. That is no verdict on a signature: everyone who waits is told.
            for request, _ in job:
                if not request.done.done():
                    request.done.set_exception(error)
            return
        self.checked += len(job)
        for (request, index), holds in zip(job, answers, strict=True):
            request.answers[index] = holds
            request.left -= 1
            if request.left == 0 and not request.done.done():
                request.done.set_result(request.answers)

    def _remember(self, items: Iterable[SignatureItem]) -> None:
        for item in items:
            name = _name(item)
            if name is not None:
                self._remembered[name] = None
        while len(self._remembered) > REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]


class CoreVerifier:
    """The core's Verifier: answers from what `Signatures` has checked, and checks itself what it has not."""

    def __init__(self, suite: Suite, signatures: Signatures) -> None:
        self.suite_id = suite.id
        self.hash = suite.hash
        self._suite = suite
        self._signatures = signatures
        self.missed = 0

    def verify(self, item: SignatureItem) -> bool:
        if self._signatures.known(item):
            return True
        self.missed += 1
        return self._suite.verify(item.key, item.message, item.signature)


def _name(item: SignatureItem) -> bytes | None:
    """Key and signature have fixed sizes, so what is hashed can be read in one way only."""
    if len(item.key) != PUBLIC_KEY_LEN or len(item.signature) != SIGNATURE_LEN:
        return None
    return hashlib.sha256(item.key + item.signature + item.message).digest()
