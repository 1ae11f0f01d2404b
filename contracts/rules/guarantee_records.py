"""What the guarantee contract stores, tells and shows."""

from rules.calendar import date_text, day_at
from rules.instrument import load
from rules.settlement import Due
from sdk import Event, Map, dataclass


@dataclass
class Guarantee:
    """`reductions` are (date, amount left from then on). `drawn_fen` counts paid and open demands."""

    id: str
    parties: dict
    amount_fen: int
    expiry: str
    terms: str
    reductions: tuple
    maker: str
    drawn_fen: int = 0
    paid_fen: int = 0
    demands: int = 0
    open_demands: int = 0
    proposed: tuple = ()
    state: str = ""
    version: int = 1


@dataclass
class Demand:
    id: str
    guarantee: str
    parties: dict
    amount_fen: int
    statement: str
    extend_to: str
    answer_until_ms: int
    suspended_until_ms: int = 0
    discrepancies: tuple = ()
    due: Due | None = None
    state: str = ""
    version: int = 1


guarantees = Map("guarantee", None)
demands = Map("demand", None)

Drafted = Event("Guarantee.Drafted")
Issued = Event("Guarantee.Issued")
Voided = Event("Guarantee.Voided")
Advised = Event("Guarantee.Advised")
AmendmentProposed = Event("Guarantee.AmendmentProposed")
Amended = Event("Guarantee.Amended")
AmendmentRejected = Event("Guarantee.AmendmentRejected")
Reduced = Event("Guarantee.Reduced")
Released = Event("Guarantee.Released")
Expired = Event("Guarantee.Expired")
Exhausted = Event("Guarantee.Exhausted")
Demanded = Event("Guarantee.Demanded")
DemandComplies = Event("Guarantee.DemandComplies")
DemandRejected = Event("Guarantee.DemandRejected")
GuarantorPrecluded = Event("Guarantee.GuarantorPrecluded")
PaymentSuspended = Event("Guarantee.PaymentSuspended")
Extended = Event("Guarantee.Extended")
ExtensionRefused = Event("Guarantee.ExtensionRefused")
SuspensionOver = Event("Guarantee.SuspensionOver")
DemandWithdrawn = Event("Guarantee.DemandWithdrawn")
PaymentPrepared = Event("Guarantee.PaymentPrepared")
Paid = Event("Guarantee.Paid")


def describe(found) -> dict:
    return {
        "id": found.id,
        "parties": found.parties,
        "state": found.state,
        "amount_fen": found.amount_fen,
        "available_fen": found.amount_fen - found.drawn_fen,
        "paid_fen": found.paid_fen,
        "expiry": found.expiry,
        "terms": found.terms,
        "reductions": [list(reduction) for reduction in found.reductions],
        "proposed": list(found.proposed),
        "demands": found.demands,
        "version": found.version,
    }


def describe_demand(found) -> dict:
    return {
        "id": found.id,
        "state": found.state,
        "amount_fen": found.amount_fen,
        "statement": found.statement,
        "extend_to": found.extend_to,
        "answer_until": date_text(day_at(found.answer_until_ms - 1)),
        "discrepancies": list(found.discrepancies),
        "reference": found.due.reference if found.due else b"",
        "version": found.version,
    }


def settle(demand, paid: bool):
    """Take a demand that has ended off its guarantee's books."""
    guarantee = load(guarantees, demand.guarantee)
    guarantee.open_demands -= 1
    if paid:
        guarantee.paid_fen += demand.amount_fen
    else:
        guarantee.drawn_fen -= demand.amount_fen
    assert 0 <= guarantee.paid_fen <= guarantee.drawn_fen <= guarantee.amount_fen
    guarantee.version += 1
    guarantees[guarantee.id] = guarantee
