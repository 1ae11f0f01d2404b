"""Lets go of old bodies, receipts, events and replaced values while the node runs, and says what it gave back.

Kept are headers and certificates of the whole chain, so proofs and newcomers' headers still come from here, and
everything of the last `keep` blocks. What goes is below every height that proofs, snapshots, replay protection
or a peer within its window can ask for; a peer further behind asks somebody else, or begins with a snapshot.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from consensus.header import tx_id
from node.errors import CityError
from node.opening import Ledger
from node.proofs.building import set_changes
from node.threads import Stopped, run_to_its_end

EVERY = 1_000  # blocks between two goes
PAUSE_SECONDS = 0.002  # between two batches: ordering and execution come first

log = structlog.get_logger("pruning")


class Pruning:
    """Of one channel. `run` until cancelled."""

    def __init__(self, ledger: Ledger, keep: int) -> None:
        """keep: how many blocks stay whole, 0 for all of them."""
        self._ledger, self._keep = ledger, keep
        self._due = asyncio.Event()
        self._is_stopping = threading.Event()
        self.returned_bytes = 0

    def consider(self, height: int) -> None:
        """After `height` was applied."""
        if self._keep and height % EVERY == 0:
            self._due.set()

    async def run(self) -> None:
        """One that fails costs nothing but room."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await run_to_its_end(self._go, self._is_stopping)
            except (CityError, OSError) as error:
                log.error("pruning.failed", reason=str(error))

    def _go(self) -> None:
        ledger = self._ledger
        base = ledger.applied_height - self._keep
        if base <= ledger.state.base:
            return
        started, before = time.monotonic(), size_of(ledger.folder)
        try:
            self._steps(prune(ledger, base))
        except Stopped:
            return  # the next life goes on
        ledger.blocks.compact()
        ledger.state.compact()
        returned = before - size_of(ledger.folder)
        self.returned_bytes += max(0, returned)
        seconds = round(time.monotonic() - started, 1)
        log.info("pruning.done", blocks_from=base + 1, returned_bytes=returned, s=seconds)

    def _steps(self, steps: Iterator[None]) -> None:
        for _ in steps:
            if self._is_stopping.is_set():
                raise Stopped
            time.sleep(PAUSE_SECONDS)


def prune(ledger: Ledger, base: int) -> Iterator[None]:
    """In steps, each durable. Left are whole blocks from `base` + 1 on, and the history from `base` on."""
    # What later proofs need of the configuration's past goes where it stays.
    for change in set_changes(ledger, base + 1):
        height = change.last.header.height
        if ledger.blocks.validators_after(height) is None:
            ledger.blocks.note_validators(height, change.validators)
    suite = ledger.suite
    yield from ledger.blocks.prune(base + 1, lambda body: tx_id(suite.hash, suite.id, body))
    yield from ledger.state.prune(base)


def size_of(folder: Path) -> int:
    """Bytes of the stores on disk."""
    found = 0
    for name in ("blocks", "state"):
        for path in (folder / name).iterdir():
            try:
                found += path.stat().st_size
            except FileNotFoundError:
                continue  # LevelDB has just removed it
    return found
