"""What the credit contract stores, tells and shows."""

from rules.calendar import date_text, parse_date
from rules.dated_rules import following
from rules.money import BPS_UNIT
from sdk import Event, Map, dataclass


@dataclass
class Credit:
    """Amounts are fen, dates text. place: where it expires; examined_at: where its bank examines and pays. The
    banking days of each count for what happens there."""

    id: str
    parties: dict
    amount_fen: int
    tolerance_bps: int
    expiry: str
    place: str
    examined_at: str
    latest_shipment: str
    presentation_days: int
    method: str
    tenor_days: int
    tenor_from: str
    is_transferable: bool
    is_partial_allowed: bool
    terms: str
    parent: str = ""
    child: str = ""
    approved_by: str = ""
    drawn_fen: int = 0
    paid_fen: int = 0
    presentations: int = 0
    open_presentations: int = 0
    proposed: tuple = ()
    cancel_consents: tuple = ()
    state: str = ""
    version: int = 1


credits = Map("credit", None)

AppliedFor = Event("Credit.AppliedFor")
Approved = Event("Credit.Approved")
Issued = Event("Credit.Issued")
Declined = Event("Credit.Declined")
Advised = Event("Credit.Advised")
Confirmed = Event("Credit.Confirmed")
AmendmentProposed = Event("Credit.AmendmentProposed")
Amended = Event("Credit.Amended")
AmendmentRejected = Event("Credit.AmendmentRejected")
Transferred = Event("Credit.Transferred")
CancelConsented = Event("Credit.CancelConsented")
Cancelled = Event("Credit.Cancelled")
Expired = Event("Credit.Expired")
Exhausted = Event("Credit.Exhausted")
Drawn = Event("Credit.Drawn")
DrawingEnded = Event("Credit.DrawingEnded")


def most_of(credit) -> int:
    """What may be drawn in all: the amount and the tolerance above it [30]."""
    return credit.amount_fen + credit.amount_fen * credit.tolerance_bps // BPS_UNIT


def last_day(credit, shipped_on: str) -> int:
    """The last day for presenting: expiry or days after shipment, each moved to a banking day [29]."""
    latest = following(parse_date(credit.expiry), credit.place)
    if shipped_on:
        after = following(parse_date(shipped_on) + credit.presentation_days, credit.place)
        latest = min(latest, after)
    return latest


def describe(credit) -> dict:
    return {
        "id": credit.id,
        "parties": credit.parties,
        "state": credit.state,
        "amount_fen": credit.amount_fen,
        "tolerance_bps": credit.tolerance_bps,
        "available_fen": most_of(credit) - credit.drawn_fen,
        "paid_fen": credit.paid_fen,
        "expiry": credit.expiry,
        "place": credit.place,
        "examined_at": credit.examined_at,
        "last_presentation_day": date_text(last_day(credit, "")),
        "latest_shipment": credit.latest_shipment,
        "presentation_days": credit.presentation_days,
        "method": credit.method,
        "tenor_days": credit.tenor_days,
        "tenor_from": credit.tenor_from,
        "is_transferable": credit.is_transferable,
        "is_partial_allowed": credit.is_partial_allowed,
        "terms": credit.terms,
        "parent": credit.parent,
        "child": credit.child,
        "proposed": list(credit.proposed),
        "presentations": credit.presentations,
        "version": credit.version,
    }
