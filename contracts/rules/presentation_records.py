"""What the presentation contract stores, tells and shows, and its clock."""

from rules.calendar import date_text, day_at, day_end_ms
from rules.dated_rules import add_business_days, business_days_between
from rules.settlement import Due
from sdk import Event, Map, call, ctx, dataclass


@dataclass
class Presentation:
    """place: its banking days count. pay_on: the maturity, or the banking day after it."""

    id: str
    credit: str
    parties: dict
    amount_fen: int
    shipped_on: str
    documents: tuple
    presented_on: str
    place: str
    method: str
    tenor_days: int
    tenor_from: str
    answer_until_ms: int = 0
    days_left: int = 0
    suspended_until_ms: int = 0
    discrepancies: tuple = ()
    disposition: str = ""
    is_waived: bool = False
    maturity: str = ""
    pay_on: str = ""
    order: str = ""
    due: Due | None = None
    state: str = ""
    version: int = 1


presentations = Map("presentation", None)
serials = Map("serial", 0)  # credit → its presentations

Made = Event("Presentation.Made")
Completed = Event("Presentation.Completed")
Withdrawn = Event("Presentation.Withdrawn")
CorruptionReported = Event("Presentation.CorruptionReported")
RecordsReplaced = Event("Presentation.RecordsReplaced")
NotPresented = Event("Presentation.NotPresented")
Complies = Event("Presentation.Complies")
Refused = Event("Presentation.Refused")
BankPrecluded = Event("Presentation.BankPrecluded")
Waived = Event("Presentation.Waived")
WaiverAccepted = Event("Presentation.WaiverAccepted")
MadeAgain = Event("Presentation.MadeAgain")
HonourPrepared = Event("Presentation.HonourPrepared")
Honoured = Event("Presentation.Honoured")
Undertaken = Event("Presentation.Undertaken")
MaturityPrepared = Event("Presentation.MaturityPrepared")
Paid = Event("Presentation.Paid")
Stayed = Event("Presentation.Stayed")
StayLifted = Event("Presentation.StayLifted")


def settle(found, is_paid: bool):
    """It has ended: its amount was paid, or may be drawn again."""
    call("credit", "settle", found.credit, found.amount_fen, is_paid)


def start_clock(found, days: int):
    """The banking days after today in which the bank answers."""
    found.answer_until_ms = day_end_ms(add_business_days(day_at(ctx.time), days, found.place))


def banking_days_left(found) -> int:
    """Banking days after today until the answer is due; 0 on the last one."""
    last = day_at(found.answer_until_ms - 1)
    return business_days_between(day_at(ctx.time), last, found.place)


def describe(found) -> dict:
    return {
        "id": found.id,
        "credit": found.credit,
        "state": found.state,
        "amount_fen": found.amount_fen,
        "shipped_on": found.shipped_on,
        "presented_on": found.presented_on,
        "documents": list(found.documents),
        "answer_until": date_text(day_at(found.answer_until_ms - 1))
        if found.answer_until_ms
        else "",
        "discrepancies": list(found.discrepancies),
        "disposition": found.disposition,
        "maturity": found.maturity,
        "pay_on": found.pay_on,
        "reference": found.due.reference if found.due else b"",
        "version": found.version,
    }
