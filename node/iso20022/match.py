"""What comes back from the rails, against what is expected: a credit that was booked, or a payment's status.

Nothing here discharges a debt. A match tells the bank which obligation to attest, or to chase.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from node.errors import CityError
from node.iso20022.message import Message, find, find_all
from node.iso20022.pay import end_to_end_id, uetr


class Verdict(StrEnum):
    SETTLED = "settled"
    PENDING = "pending"
    REJECTED = "rejected"
    WRONG_AMOUNT = "wrong amount"
    UNKNOWN = "unknown"


STATUS = {
    "ACSC": Verdict.SETTLED, "ACCC": Verdict.SETTLED, "ACSP": Verdict.PENDING,
    "ACTC": Verdict.PENDING, "PDNG": Verdict.PENDING, "RJCT": Verdict.REJECTED,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expected:
    reference: bytes
    obligation_id: str
    amount_minor: int
    ccy: str


@dataclass(frozen=True, slots=True)
class Match:
    """obligation_id: "" when nothing expected it. end_to_end: as the message has it."""

    verdict: Verdict
    obligation_id: str
    end_to_end: str
    amount_minor: int | None
    ccy: str


def match(message: Message, expected: Iterable[Expected]) -> list[Match]:
    """What a camt.054 or a pacs.002 says of what is expected. Raises CityError CITY-7020 for other kinds."""
    known = {end_to_end_id(item.reference): item for item in expected}
    by_uetr = {uetr(item.reference): item for item in known.values()}
    if message.kind == "camt.054":
        return [_credit(entry, known, by_uetr) for entry in find_all(message.root, "Ntfctn/Ntry")]
    if message.kind == "pacs.002":
        return [_status(item, known, by_uetr) for item in find_all(message.root, "TxInfAndSts")]
    raise CityError("CITY-7020", detail=f"{message.kind} reports nothing")


def _lookup(
    element: object, prefix: str, known: dict[str, Expected], by_uetr: dict[str, Expected]
) -> tuple[Expected | None, str]:
    end_to_end = _text(element, f"{prefix}EndToEndId")
    found = known.get(end_to_end) or by_uetr.get(_text(element, f"{prefix}UETR").lower())
    return found, end_to_end


def _credit(entry: object, known: dict[str, Expected], by_uetr: dict[str, Expected]) -> Match:
    owed, end_to_end = _lookup(entry, "", known, by_uetr)
    amount = find(entry, "Amt")
    ccy = "" if amount is None else amount.get("Ccy", "")
    minor = None if amount is None else _minor(amount.text or "")
    if owed is None:
        return Match(Verdict.UNKNOWN, "", end_to_end, minor, ccy)
    booked = _text(entry, "Sts/Cd") == "BOOK" and _text(entry, "CdtDbtInd") == "CRDT"
    same = (minor, ccy) == (owed.amount_minor, owed.ccy)
    verdict = Verdict.WRONG_AMOUNT if not same else Verdict.SETTLED if booked else Verdict.PENDING
    return Match(verdict, owed.obligation_id, end_to_end, minor, ccy)


def _status(item: object, known: dict[str, Expected], by_uetr: dict[str, Expected]) -> Match:
    owed, end_to_end = _lookup(item, "Orgnl", known, by_uetr)
    if owed is None:
        return Match(Verdict.UNKNOWN, "", end_to_end, None, "")
    verdict = STATUS.get(_text(item, "TxSts"), Verdict.PENDING)
    return Match(verdict, owed.obligation_id, end_to_end, None, "")


def _minor(text: str) -> int | None:
    try:
        amount = Decimal(text.strip()) * 100
    except InvalidOperation:
        return None
    return int(amount) if amount == amount.to_integral_value() else None


def _text(element: object, path: str) -> str:
    found = find(element, path)
    return "" if found is None else (found.text or "").strip()
