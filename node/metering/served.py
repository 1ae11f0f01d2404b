"""Counts what the clients' port serves of a channel to whom, and closes each day with a signed statement,
or with several where it served more members than an anchored one may name.

Counts of the day are kept every few seconds, so a crash loses those of the last ones: a member is never charged
for more than it was served. Files in the channel's folder: `served/today.json`, `served/statements.bin` (each
statement's length (4), then its canonical bytes; durable before the day's counts are dropped).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from consensus.api import Signer
from consensus.encoding import ZERO_HASH, EncodingError, Hash, decode, encode
from contracts.rules.billing_machine import SERVED_MAX
from node.clock import Clock
from node.identity.signers import SignerAway
from node.identity.suite import Suite
from node.metering.counting import day_of_ms
from node.metering.statements import (
    VERSION,
    MemberServed,
    ServiceStatement,
    SignedStatement,
    digest_of,
    message_of,
)

KEEP_SECONDS = 5.0
STATEMENTS_AT_A_TIME = 1_000
FOLDER, TODAY, STATEMENTS = "served", "today.json", "statements.bin"

log = structlog.get_logger("served")


class Served:
    """Of one channel on one node. `note` on the loop; `run` until cancelled."""

    def __init__(
        self,
        folder: Path,
        channel_id: Hash,
        suite: Suite,
        signer: Callable[[], Signer],
        name: str,
        clock: Clock,
    ) -> None:
        """folder: the channel's. signer: the node's identity key now. name: the node's."""
        self._folder = folder / FOLDER
        self._channel_id, self._suite, self._signer = channel_id, suite, signer
        self._name, self._clock = name, clock
        self._day, self._counts, self._over = 0, Counter[str](), list[tuple[int, Counter[str]]]()
        self._is_new, self._is_read = False, False

    def note(self, member_id: str) -> None:
        """A call was served to a person of this member."""
        today = day_of_ms(self._clock.now_ms())
        self._turn(today)
        self._counts[member_id] += 1
        self._is_new = True

    async def run(self) -> None:
        """What cannot be kept now is tried again: nothing else of the node waits for it."""
        try:
            while True:
                await asyncio.sleep(KEEP_SECONDS)
                await self.keep()
        finally:
            await asyncio.shield(self.keep())

    async def keep(self) -> None:
        """Closes days that are over, and keeps what today was served so far."""
        try:
            if not self._is_read:
                self._take_up(*await asyncio.to_thread(self._left))
            self._turn(day_of_ms(self._clock.now_ms()))
            day, counts, over = self._day, dict(self._counts), list(self._over)
            if over or self._is_new:
                self._is_new = False
                await asyncio.to_thread(self._write, day, counts, over)
                del self._over[: len(over)]
        except (OSError, EncodingError, SignerAway) as error:
            self._is_new = True
            log.warning("served.not_kept", reason=str(error))

    async def statements(self, first: int) -> list[bytes]:
        """Canonical signed statements from number `first` on, a bounded number."""
        found = await asyncio.to_thread(self._held)
        return found[max(0, first - 1) :][:STATEMENTS_AT_A_TIME]

    def _turn(self, today: int) -> None:
        if today > self._day:
            if self._counts:
                self._over.append((self._day, self._counts))
            self._day, self._counts = today, Counter()

    def _take_up(self, day: int, counts: Counter[str]) -> None:
        """What an earlier life of the node has left."""
        self._is_read = True
        if counts and day < self._day:
            self._over.insert(0, (day, counts))
        elif counts:
            self._day, self._is_new = day, True
            self._counts.update(counts)

    # ---- on the disk, in a thread ------------------------------------------------------------------

    def _write(
        self, day: int, counts: dict[str, int], over: list[tuple[int, Counter[str]]]
    ) -> None:
        for ended, served in over:
            self._close(ended, served)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        unfinished = self._folder / (TODAY + ".new")
        unfinished.write_text(json.dumps({"day": day, "counts": counts}))
        unfinished.replace(self._folder / TODAY)

    def _left(self) -> tuple[int, Counter[str]]:
        """Of a day that has no statement yet."""
        try:
            found = json.loads((self._folder / TODAY).read_text())
            day, counts = (
                int(found["day"]),
                Counter({str(k): int(v) for k, v in found["counts"].items()}),
            )
        except FileNotFoundError:
            return 0, Counter()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("served.lost", reason=str(error))
            return 0, Counter()
        return day, counts

    def _close(self, day: int, counts: Counter[str]) -> None:
        """The statements of a day, each member once: a write that broke off is gone on with."""
        last = self._last()
        if last is not None and last.day > day:
            return
        stated = last.served[-1].member_id if last is not None and last.day == day else ""
        rows = [MemberServed(*row) for row in sorted(counts.items()) if row[0] > stated]
        for at in range(0, len(rows), SERVED_MAX):
            last = self._state(day, rows[at : at + SERVED_MAX], last)

    def _state(
        self, day: int, rows: Sequence[MemberServed], last: ServiceStatement | None
    ) -> ServiceStatement:
        signer = self._signer()
        said = ServiceStatement(
            VERSION,
            self._channel_id,
            self._name,
            signer.public_key,
            1 if last is None else last.number + 1,
            day,
            ZERO_HASH if last is None else digest_of(self._suite, last),
            tuple(rows),
        )
        signature = signer.sign(message_of(self._suite, said))
        data = encode(SignedStatement(said, signature))
        whole = sum(4 + len(each) for each in self._held())
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with (self._folder / STATEMENTS).open("ab") as file:
            file.truncate(whole)  # behind it a crash may have left half a statement
            file.write(len(data).to_bytes(4, "big") + data)
            file.flush()
            os.fsync(file.fileno())
        log.info("served.stated", number=said.number, day=day, members=len(said.served))
        return said

    def _last(self) -> ServiceStatement | None:
        held = self._held()
        return decode(SignedStatement, held[-1]).statement if held else None

    def _held(self) -> list[bytes]:
        """Whole statements."""
        try:
            data = (self._folder / STATEMENTS).read_bytes()
        except FileNotFoundError:
            return []
        found, at = [], 0
        while at + 4 <= len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if end > len(data):
                break
            found.append(data[at + 4 : end])
            at = end
        return found
