"""A relay that watches obligations: once a payment is final, its proof is on the chain, exactly once.

    watch(obligation)           what is owed, under which reference, and the call that takes the proof
    notice(payment)             the center's word (or the payer's) that something was paid under a reference
    run_once()                  fetches and submits whatever is due; failures wait with back-off

All of it is in a journal before it is acted upon: also the id of a transaction, before it is sent. So a restart
loses nothing, and what a dead process had sent is looked up before anything is sent again. Several relays may
race; a proof's nullifier is used once, and whoever comes later learns that it is done.

Anyone may pay a fen under a reference that is public, so a payment that the contract refuses ends itself, not
the obligation: the next one under the same reference is tried as well.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from node.errors import CityError
from node.failpoints import reach
from node.oracle.adapter import PaymentAdapter, deliver
from node.oracle.journal import Journal

BACK_OFF_MS, BACK_OFF_MS_MAX = 500, 60_000
WATCHED_MAX = 100_000
AT_ONCE = 4
COMPACT_LINES = 20_000
DAY_MS = 24 * 3_600_000
# Not yet: the bank may pay before the last step before payment is on the chain, an order may be lifted.
WAITING = ("E_STATE", "E_PROOF_FROZEN", "E_PROOF_LOG", "E_NOT_FOUND", "E_UNPREPARED")
PATIENCE_MS, FORGET_MS = 7 * DAY_MS, 30 * DAY_MS
USED = "E_PROOF_NULLIFIER"
CENTER_AWAY = ("CITY-7001", "CITY-7004")


class Outcome(StrEnum):
    OPEN = "open"
    PROVEN = "proven"
    DUPLICATE = "duplicate"  # another relay was first
    REFUSED = "refused"


SETTLED = (Outcome.PROVEN, Outcome.DUPLICATE)


@dataclass(frozen=True, slots=True)
class Obligation:
    """reference: 32 bytes as hex. The proof goes into `contract.method` beside args."""

    reference: str
    contract: str
    method: str
    args: dict[str, Any]


@dataclass(slots=True)
class Payment:
    """One output that was paid. paid_ms: by the money's clock. sent: transactions that carried its proof."""

    reference: str
    txid: str
    output_index: int
    paid_ms: int
    outcome: Outcome = Outcome.OPEN
    code: str = ""
    tx_id: str = ""
    sent: list[str] = field(default_factory=list)
    attempts: int = 0
    next_ms: int = 0

    @property
    def point(self) -> str:
        return f"{self.txid}/{self.output_index}"


class RelayChain(Protocol):
    """The relay's connection to a channel. Raises CityError where it does not answer."""

    async def anchor_size(self) -> int:
        """Of the last head that the channel accepted, 0 for none."""
        ...

    async def is_used(self, txid: bytes, output_index: int) -> bool:
        """Whether some transaction has used this payment's nullifier."""
        ...

    async def attempt(self, owed: Obligation, proof: bytes, sending: Callable[[str], None]) -> str:
        """Carries the proof; the contract's code, "" for accepted. `sending` gets the transaction's id
        before it is sent; what a simulation refuses is not sent at all."""
        ...

    async def outcome_of(self, tx_id: str) -> str | None:
        """The code of a transaction sent before, "" for accepted; None: the channel does not know it."""
        ...


@dataclass(slots=True)
class RelayMetrics:
    """Lag: how long the oldest payment that was noticed waits for its proof on the chain."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    lag: Gauge = field(init=False)
    open: Gauge = field(init=False)
    outcomes: Counter = field(init=False)

    def __post_init__(self) -> None:
        self.lag = Gauge("city_relay_lag_seconds", "age of the oldest unproven payment",
                         registry=self.registry)  # fmt: skip
        self.open = Gauge("city_relay_open", "payments noticed and not proven yet",
                          registry=self.registry)  # fmt: skip
        self.outcomes = Counter("city_relay_outcomes", "ends of noticed payments", ["outcome"],
                                registry=self.registry)  # fmt: skip


@dataclass(slots=True)
class Book:
    """What a journal says. cursors: how far each source has been read."""

    watched: dict[str, Obligation] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    lines: int = 0
    # What a relay asks many times a second stands ready, whatever a year's journal holds.
    _open: dict[str, dict[str, Payment]] = field(default_factory=dict)  # by reference, by point
    _pending: dict[str, Payment] = field(default_factory=dict)
    _settled: set[str] = field(default_factory=set)

    def add(self, record: dict[str, Any]) -> None:
        self.lines += 1
        do = record["do"]
        if do == "watch":
            owed = Obligation(
                record["reference"], record["contract"], record["method"], record["args"]
            )
            self.watched.setdefault(owed.reference, owed)
            self._pending |= self._open.get(owed.reference, {})
        elif do == "notice":
            found = Payment(record["reference"], record["txid"], record["index"], record["paid_ms"])
            if found.point not in self.payments:
                self.payments[found.point] = found
                self._index(found)
        elif do == "cursor":
            self.cursors[record["of"]] = record["at"]
        elif do == "send":
            self.payments[record["point"]].sent.append(record["tx_id"])
        else:
            found = self.payments[record["point"]]
            found.outcome, found.code = Outcome(record["outcome"]), record["code"]
            found.tx_id = record["tx_id"]
            self._index(found)

    def _index(self, found: Payment) -> None:
        """Files a payment that is new or whose outcome has changed."""
        if found.outcome is Outcome.OPEN:
            self._open.setdefault(found.reference, {})[found.point] = found
            if found.reference in self.watched:
                self._pending[found.point] = found
            return
        self._drop(found)
        if found.outcome in SETTLED:
            self._settled.add(found.reference)

    def _drop(self, found: Payment) -> None:
        self._pending.pop(found.point, None)
        same = self._open.get(found.reference, {})
        same.pop(found.point, None)
        if not same:
            self._open.pop(found.reference, None)

    def records(self) -> Iterator[dict[str, Any]]:
        """The journal as short as it can be."""
        for owed in self.watched.values():
            yield {"do": "watch", "reference": owed.reference, "contract": owed.contract,
                   "method": owed.method, "args": owed.args}  # fmt: skip
        for found in self.payments.values():
            yield {"do": "notice", "reference": found.reference, "txid": found.txid,
                   "index": found.output_index, "paid_ms": found.paid_ms}  # fmt: skip
            for tx_id in found.sent:
                yield {"do": "send", "point": found.point, "tx_id": tx_id}
            if found.outcome is not Outcome.OPEN:
                yield {"do": "end", "point": found.point, "outcome": found.outcome,
                       "code": found.code, "tx_id": found.tx_id}  # fmt: skip
        for name, at in self.cursors.items():
            yield {"do": "cursor", "of": name, "at": at}

    def forget(self, before_ms: int) -> None:
        """Drops what ended, and what nobody waits for, when it was paid before that time."""
        for found in [p for p in self.payments.values() if p.paid_ms < before_ms]:
            if found.outcome is not Outcome.OPEN or found.reference not in self.watched:
                del self.payments[found.point]
                self._drop(found)
            if found.outcome in SETTLED:
                self.watched.pop(found.reference, None)
                for other in self._open.get(found.reference, {}):
                    self._pending.pop(other, None)
        self._settled = {p.reference for p in self.payments.values() if p.outcome in SETTLED}

    def is_settled(self, reference: str) -> bool:
        """Whether some payment under this reference is on the chain."""
        return reference in self._settled

    def pending(self) -> list[Payment]:
        """Payments of watched obligations whose proof is not on the chain yet."""
        return list(self._pending.values())


def read_book(records: Iterable[dict[str, Any]], path: Path) -> Book:
    """Raises CityError CITY-7010 where a record is not a relay's."""
    book = Book()
    for record in records:
        try:
            book.add(record)
        except (KeyError, TypeError, ValueError) as error:
            raise CityError("CITY-7010", path=path, line=book.lines) from error
    return book


class Relay:
    """One writer of one journal. now_ms: the money's clock. jitter_ms: spreads retries."""

    def __init__(
        self,
        journal: Journal,
        adapter: PaymentAdapter,
        chain: RelayChain,
        now_ms: Callable[[], int],
        jitter_ms: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._journal, self._adapter, self._chain = journal, adapter, chain
        self.now_ms, self._jitter = now_ms, jitter_ms
        self.metrics = RelayMetrics()
        self.book = read_book(journal, journal.path)
        self._compact()

    def _note(self, **record: Any) -> None:
        self._journal.append(**record)
        self.book.add(record)
        if self.book.lines > COMPACT_LINES:
            self._compact()

    def _compact(self) -> None:
        """Forgets what ended long ago; writes the journal anew where it has grown to twice its content."""
        self.book.forget(self.now_ms() - FORGET_MS)
        records = list(self.book.records())
        if self.book.lines > 2 * len(records):
            self._journal.rewrite(records)
            self.book.lines = len(records)

    # ---- what there is to do ---------------------------------------------------------------------

    def watch(self, obligation: Obligation) -> bool:
        """Registers an obligation; a second time changes nothing. Raises CityError CITY-7013."""
        if obligation.reference in self.book.watched:
            return False
        if len(self.book.watched) >= WATCHED_MAX:
            raise CityError("CITY-7013", limit=WATCHED_MAX)
        self._note(
            do="watch", reference=obligation.reference, contract=obligation.contract,
            method=obligation.method, args=obligation.args,
        )  # fmt: skip
        return True

    def notice(self, reference: str, txid: bytes, output_index: int, paid_ms: int) -> bool:
        """A payment is final at the center. One under a reference that is not watched yet waits for it."""
        if f"{txid.hex()}/{output_index}" in self.book.payments:
            return False
        if len(self.book.payments) >= WATCHED_MAX:
            raise CityError("CITY-7013", limit=WATCHED_MAX)
        self._note(
            do="notice", reference=reference, txid=txid.hex(), index=output_index, paid_ms=paid_ms
        )
        reach("relay-after-notice")
        return True

    def keep_cursor(self, name: str, at: str) -> None:
        """How far a source has been read: what lies before it is in the journal."""
        if self.book.cursors.get(name) != at:
            self._note(do="cursor", of=name, at=at)

    def lag_ms(self) -> int:
        """Age of the oldest payment that waits for its proof on the chain, 0 for none."""
        return max((self.now_ms() - p.paid_ms for p in self.book.pending()), default=0)

    async def run_once(self) -> int:
        """Tries what is due. Returns how many payments ended."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(found: Payment) -> bool:
            async with gate:
                return await self._try(found)

        now_ms = self.now_ms()
        due = [found for found in self.book.pending() if found.next_ms <= now_ms]
        ended = sum(await asyncio.gather(*map(one, due)))
        self.measure()
        return ended

    def measure(self) -> None:
        self.metrics.open.set(len(self.book.pending()))
        self.metrics.lag.set(self.lag_ms() / 1000)

    async def _try(self, found: Payment) -> bool:
        try:
            outcome, code, tx_id = await self._carry(found)
        except CityError as error:
            outcome, code, tx_id = Outcome.OPEN, error.code, ""
        if outcome is Outcome.OPEN:
            self._wait(found, code)
            return False
        self._note(do="end", point=found.point, outcome=outcome, code=code, tx_id=tx_id)
        self.metrics.outcomes.labels(outcome=str(outcome)).inc()
        return True

    async def _carry(self, found: Payment) -> tuple[Outcome, str, str]:
        """Outcome, code and transaction of a payment. Raises CityError where somebody does not answer."""
        owed, txid = self.book.watched.get(found.reference), bytes.fromhex(found.txid)
        if owed is None:
            return Outcome.OPEN, "", ""

        def sending(tx_id: str) -> None:
            self._note(do="send", point=found.point, tx_id=tx_id)
            reach("relay-before-send")

        async def submit(proof: bytes) -> str:
            code = await self._chain.attempt(owed, proof, sending)
            reach("relay-after-send")
            return code

        if (mine := await self._sent(found)) is not None:
            return Outcome.PROVEN, "", mine
        if await self._chain.is_used(txid, found.output_index):
            return Outcome.DUPLICATE, USED, ""
        code = await deliver(
            self._adapter, txid, found.output_index, anchor_size=self._chain.anchor_size,
            submit=submit,
        )  # fmt: skip
        if not code:
            return Outcome.PROVEN, "", found.sent[-1] if found.sent else ""
        if await self._chain.is_used(txid, found.output_index):
            mine = await self._sent(found)
            return (Outcome.DUPLICATE, code, "") if mine is None else (Outcome.PROVEN, "", mine)
        in_time = self.now_ms() < found.paid_ms + PATIENCE_MS
        waits = code in WAITING and in_time and not self.book.is_settled(found.reference)
        return (Outcome.OPEN if waits else Outcome.REFUSED), code, ""

    async def _sent(self, found: Payment) -> str | None:
        """The transaction of ours, of this process or of one before it, that was accepted."""
        for tx_id in found.sent:
            if await self._chain.outcome_of(tx_id) == "":
                return tx_id
        return None

    def _wait(self, found: Payment, code: str) -> None:
        found.attempts += 1
        wait = min(BACK_OFF_MS << min(found.attempts, 16), BACK_OFF_MS_MAX)
        found.next_ms = self.now_ms() + wait // 2 + self._jitter(wait // 2)
        found.code = code

    def wake(self) -> None:
        """What waits because the center was away is due at once."""
        for found in self.book.pending():
            if found.code in CENTER_AWAY:
                found.next_ms = 0
