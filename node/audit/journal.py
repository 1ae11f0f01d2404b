"""Double entry from events: each movement of a claim or of money debits one account and credits another.

Accounts, in fen:

    claim/LG      what LG may claim under credentials        debt/PX       what PX owes under them
    advance/QB    what QB may claim for advances             borrowed/PX   what PX owes for them
    surplus/LG    what LG may claim of leaves taken      owing/QB      what QB owes for them
    money/LG      what payment proofs say LG received        paid          where it came from

Events are replayed in order; nothing is asked of the ledger, so that a recount is another witness. Where an
event does not fit what went before, that is a break, and the replay goes on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from node.sdk.calls import Event

OUTSIDE = "paid"


@dataclass(frozen=True, slots=True)
class Entry:
    """id: the event's, height/transaction/event. record: a piece, a financing, or a payment's nullifier."""

    id: str
    height: int
    tx_id: str
    event: str
    record: str
    debit: str
    credit: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Break:
    """Something that does not add up. kind: a word for programs; where: event, record or account."""

    kind: str
    where: str
    what: str


@dataclass(slots=True)
class Leaf:
    issuer: str
    holder: str
    open_fen: int


@dataclass(slots=True)
class Journal:
    """What a replay gives. leaves: piece → holder and what is open of it, without those that were split.
    received: nullifier → payee, amount, and what of it was given back."""

    entries: list[Entry] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    leaves: dict[str, Leaf] = field(default_factory=dict)
    received: dict[str, tuple[str, int, int]] = field(default_factory=dict)

    def balances(self) -> dict[str, int]:
        """Debits less credits of each account, without those that are even."""
        totals: dict[str, int] = defaultdict(int)
        for entry in self.entries:
            totals[entry.debit] += entry.amount_fen
            totals[entry.credit] -= entry.amount_fen
        return {account: total for account, total in sorted(totals.items()) if total}


class Replay:
    """One pass over the events of a channel."""

    def __init__(self) -> None:
        self.journal = Journal()
        self._held: set[str] = set()  # leaves whose payment is on record and waits for a release
        self._event: Event

    def run(self, events: Iterable[Event]) -> Journal:
        for _, group in groupby(events, key=lambda event: event.tx_id):
            together = list(group)
            for event in together:
                self._event = event
                step = STEPS.get(event.name)
                if step is not None:
                    step(self, event.fields)
            self._check_payments(together)
        return self.journal

    # ---- entries ------------------------------------------------------------------------------------

    def _post(self, record: str, debit: str, credit: str, amount_fen: int) -> None:
        if amount_fen < 0:
            debit, credit, amount_fen = credit, debit, -amount_fen
        if amount_fen:
            at = self._event
            entry = Entry(at.id, at.height, at.tx_id, at.name, record, debit, credit, amount_fen)
            self.journal.entries.append(entry)

    def _broken(self, kind: str, what: str) -> None:
        self.journal.breaks.append(Break(kind, self._event.id, what))

    def _leaf(self, leaf_id: str) -> Leaf | None:
        found = self.journal.leaves.get(leaf_id)
        if found is None:
            self._broken("UNKNOWN_LEAF", f"{self._event.name} of {leaf_id}, which was never made")
        return found

    # ---- credentials --------------------------------------------------------------------------------

    def accepted(self, fields: Mapping[str, Any]) -> None:
        leaf = Leaf(fields["issuer"], fields["holder"], fields["amount_fen"])
        if fields["ec_id"] in self.journal.leaves:
            self._broken("ACCEPTED_TWICE", fields["ec_id"])
        self.journal.leaves[fields["ec_id"]] = leaf
        self._post(fields["ec_id"], f"claim/{leaf.holder}", f"debt/{leaf.issuer}", leaf.open_fen)

    def split(self, fields: Mapping[str, Any]) -> None:
        whole = self._leaf(fields["leaf_id"])
        if whole is None:
            return
        del self.journal.leaves[fields["leaf_id"]]
        amounts = list(fields["amounts"])
        if sum(amounts) != whole.open_fen:
            self._broken(
                "SPLIT_SUM", f"{fields['leaf_id']}: {sum(amounts)} of {whole.open_fen} fen"
            )
        for part, amount in zip(fields["parts"], amounts, strict=True):
            self.journal.leaves[part] = Leaf(whole.issuer, whole.holder, amount)

    def moved(self, fields: Mapping[str, Any]) -> None:
        leaf = self._leaf(fields["leaf_id"])
        if leaf is None:
            return
        previous = fields.get("previous", leaf.holder)
        if previous != leaf.holder:
            what = f"{fields['leaf_id']} was {leaf.holder}'s, not {previous}'s"
            self._broken("WRONG_HOLDER", what)
        old, leaf.holder = leaf.holder, fields["holder"]
        self._post(fields["leaf_id"], f"claim/{leaf.holder}", f"claim/{old}", leaf.open_fen)

    def lowered(self, fields: Mapping[str, Any]) -> None:
        """Paid, prepaid, taken off by a decision; or, below zero, owed again."""
        leaf = self._leaf(fields["leaf_id"])
        if leaf is None:
            return
        by = fields.get("principal_fen", fields.get("off_fen", 0)) - fields.get("owed_fen", 0)
        if by > leaf.open_fen:
            what = f"{fields['leaf_id']}: {by} of {leaf.open_fen} fen"
            self._broken("MORE_THAN_OPEN", what)
        leaf.open_fen -= by
        self._post(fields["leaf_id"], f"debt/{leaf.issuer}", f"claim/{leaf.holder}", by)

    def held(self, fields: Mapping[str, Any]) -> None:
        self._held.add(fields["leaf_id"])

    # ---- advances and money -------------------------------------------------------------------------

    def advanced(self, fields: Mapping[str, Any]) -> None:
        bank, borrower = f"advance/{fields['bank']}", f"borrowed/{fields['borrower']}"
        self._post(fields["request_id"], bank, borrower, fields["claim_fen"])
        surplus, owing = f"surplus/{fields['borrower']}", f"owing/{fields['bank']}"
        self._post(fields["request_id"], surplus, owing, fields.get("surplus_fen", 0))

    def paid(self, fields: Mapping[str, Any]) -> None:
        nullifier = fields["nullifier"].hex()
        if nullifier in self.journal.received:
            self._broken("PAYMENT_TWICE", nullifier)
        self.journal.received[nullifier] = (fields["payee"], fields["amount_fen"], 0)
        self._post(nullifier, f"money/{fields['payee']}", OUTSIDE, fields["amount_fen"])

    def given_back(self, fields: Mapping[str, Any]) -> None:
        nullifier, total = fields["nullifier"].hex(), fields["reversed_fen"]
        payee, amount, before = self.journal.received.get(nullifier, ("", 0, 0))
        if not before < total <= amount:
            self._broken("MORE_THAN_PAID", f"{nullifier}: {total} of {amount} fen")
        self.journal.received[nullifier] = (payee, amount, total)
        self._post(nullifier, OUTSIDE, f"money/{payee}", total - before)

    def _check_payments(self, together: list[Event]) -> None:
        """A claim that ends by payment ends with a proof of that much, in the same transaction."""
        proofs = [e.fields for e in together if e.name == "Dcep.PaymentVerified"]
        for event in together:
            if event.name not in ENDS:
                continue
            leaf, amount = event.fields["leaf_id"], event.fields["amount_fen"]
            if leaf in self._held:
                self._held.discard(leaf)
            elif not any(proof["amount_fen"] >= amount for proof in proofs):
                self._event = event
                self._broken("PAID_WITHOUT_PAYMENT", f"{leaf}: {amount} fen")


Step = Callable[[Replay, Mapping[str, Any]], None]
STEPS: dict[str, Step] = {
    "EC.Accepted": Replay.accepted,
    "EC.Split": Replay.split,
    "EC.Transferred": Replay.moved,
    "EC.Assigned": Replay.moved,
    "EC.Subrogated": Replay.moved,
    "EC.Returned": Replay.moved,
    "EC.Paid": Replay.lowered,
    "EC.PartPaid": Replay.lowered,
    "EC.Prepaid": Replay.lowered,
    "EC.DisputeResolved": Replay.lowered,
    "EC.Reinstated": Replay.lowered,
    "EC.PaymentHeld": Replay.held,
    "Fin.Disbursed": Replay.advanced,
    "Fin.Released": Replay.advanced,
    "Fin.PartRepaid": Replay.advanced,
    "Fin.Repaid": Replay.advanced,
    "Fin.Reinstated": Replay.advanced,
    "Fin.Enforced": Replay.advanced,
    "Fin.SurplusPaid": Replay.advanced,
    "Fin.SurplusReinstated": Replay.advanced,
    "Dcep.PaymentVerified": Replay.paid,
    "Dcep.ReversalVerified": Replay.given_back,
}
ENDS = ("EC.Paid", "EC.PartPaid", "EC.Prepaid")


def journal_of(events: Iterable[Event]) -> Journal:
    """events: all of the channel, in order."""
    return Replay().run(events)
