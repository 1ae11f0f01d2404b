"""A relay that watches obligations: once a payment is noticed, its proof is on the chain, exactly once.

    watch(obligation)           what is owed, under which reference, and the call that takes the proof
    notice(reference, output)   the center's word (or the payer's) that it was paid
    run_once()                  fetches and submits whatever is due; failures wait with back-off

All of it is in a journal before it is acted upon. After a restart nothing is lost, and nothing repeated counts
twice: the submission carries a request id made of the reference, and a contract takes a payment once. Several
relays may race; the losers learn that it is done.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge

from node.errors import CityError
from node.oracle.adapter import AnchorSize, PaymentAdapter, deliver
from node.oracle.journal import Journal

BACK_OFF_MS, BACK_OFF_MS_MAX = 500, 60_000
WATCHED_MAX = 100_000
# The chain says that somebody else has brought it already.
DUPLICATE = ("E_PROOF_NULLIFIER", "E_STATE")


class Outcome(StrEnum):
    OPEN = "open"
    PROVEN = "proven"
    DUPLICATE = "duplicate"  # another relay was first
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Obligation:
    """reference: 32 bytes as hex. The proof goes into `contract.method` beside args."""

    reference: str
    contract: str
    method: str
    args: dict[str, str]


@dataclass(slots=True)
class Watched:
    obligation: Obligation
    txid: str = ""
    output_index: int = 0
    paid_ms: int = 0
    outcome: Outcome = Outcome.OPEN
    code: str = ""
    attempts: int = 0
    next_ms: int = 0


Submit = Callable[[Obligation, bytes, str], Awaitable[str]]
"""(obligation, proof, request id) -> the contract's code, "" when accepted. Raises CityError."""


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
        self.outcomes = Counter("city_relay_outcomes", "ends of watched obligations", ["outcome"],
                                registry=self.registry)  # fmt: skip


class Relay:
    """One writer of one journal. now_ms: the money's clock. jitter_ms: spreads retries."""

    def __init__(
        self,
        journal: Journal,
        adapter: PaymentAdapter,
        anchor_size: AnchorSize,
        submit: Submit,
        now_ms: Callable[[], int],
        jitter_ms: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._journal, self._adapter, self._anchor = journal, adapter, anchor_size
        self._submit, self._now_ms, self._jitter = submit, now_ms, jitter_ms
        self.metrics = RelayMetrics()
        self.watched: dict[str, Watched] = {}
        for record in journal:
            self._replay(record)

    def _replay(self, record: dict[str, object]) -> None:
        reference = str(record["reference"])
        if record["do"] == "watch":
            args = record["args"]
            assert isinstance(args, dict)
            owed = Obligation(reference, str(record["contract"]), str(record["method"]), args)
            self.watched.setdefault(reference, Watched(owed))
            return
        found = self.watched[reference]
        if record["do"] == "notice":
            found.txid, found.output_index = str(record["txid"]), int(str(record["index"]))
            found.paid_ms = int(str(record["paid_ms"]))
        else:
            found.outcome, found.code = Outcome(str(record["outcome"])), str(record["code"])

    def watch(self, obligation: Obligation) -> None:
        """Registers an obligation; a second time changes nothing."""
        if obligation.reference in self.watched:
            return
        if len(self.watched) >= WATCHED_MAX:
            raise CityError("CITY-7013", reference=obligation.reference)
        self._journal.append(
            do="watch", reference=obligation.reference, contract=obligation.contract,
            method=obligation.method, args=obligation.args,
        )  # fmt: skip
        self.watched[obligation.reference] = Watched(obligation)

    def notice(self, reference: str, txid: bytes, output_index: int, paid_ms: int) -> None:
        """A payment under this reference is final at the center. Raises CityError CITY-7013."""
        found = self.watched.get(reference)
        if found is None:
            raise CityError("CITY-7013", reference=reference)
        if found.txid:
            return
        self._journal.append(
            do="notice", reference=reference, txid=txid.hex(), index=output_index, paid_ms=paid_ms
        )
        found.txid, found.output_index, found.paid_ms = txid.hex(), output_index, paid_ms

    def pending(self) -> list[Watched]:
        return [w for w in self.watched.values() if w.txid and w.outcome is Outcome.OPEN]

    def lag_ms(self) -> int:
        """Age of the oldest payment that waits for its proof on the chain, 0 for none."""
        return max((self._now_ms() - w.paid_ms for w in self.pending()), default=0)

    async def run_once(self) -> int:
        """Tries what is due. Returns how many obligations ended."""
        ended = 0
        for found in self.pending():
            if found.next_ms <= self._now_ms():
                ended += await self._try(found)
        self.metrics.open.set(len(self.pending()))
        self.metrics.lag.set(self.lag_ms() / 1000)
        return ended

    async def _try(self, found: Watched) -> bool:
        owed = found.obligation

        async def submit(proof: bytes) -> str:
            return await self._submit(owed, proof, f"relay-{owed.reference}")

        try:
            code = await deliver(
                self._adapter, bytes.fromhex(found.txid), found.output_index,
                anchor_size=self._anchor, submit=submit,
            )  # fmt: skip
        except CityError as error:
            found.attempts += 1
            wait = min(BACK_OFF_MS << min(found.attempts, 16), BACK_OFF_MS_MAX)
            found.next_ms = self._now_ms() + wait // 2 + self._jitter(wait // 2)
            found.code = error.code
            return False
        outcome = Outcome.PROVEN if not code else Outcome.REFUSED
        if code in DUPLICATE:
            outcome = Outcome.DUPLICATE
        self._journal.append(do="end", reference=owed.reference, outcome=outcome, code=code)
        found.outcome, found.code = outcome, code
        self.metrics.outcomes.labels(outcome=str(outcome)).inc()
        return True
