"""What the contract `presentation` asks and takes."""

from chapters.changes import take_amendment
from rules.calendar import is_date, parse_date
from rules.credit_machine import CREDIT
from rules.credit_records import DrawingEnded, Drawn, credits, describe, last_day, most_of
from rules.instrument import enter, keep, load, today
from rules.money import is_amount
from sdk import ctx, export, require, view


def require_in_time(credit, shipped_on: str):
    """Codes: E_DATE, E_LATE_SHIPMENT, E_EXPIRED."""
    if shipped_on:
        require(is_date(shipped_on), "E_DATE", "a date is written YYYY-MM-DD")
        shipped = parse_date(shipped_on)
        require(shipped <= today(), "E_DATE", "goods shipped lie behind")
        in_time = shipped <= parse_date(credit.latest_shipment)  # not moved by a holiday [29c]
        require(in_time, "E_LATE_SHIPMENT", "shipped after the latest date of shipment")
    require(today() <= last_day(credit, shipped_on), "E_EXPIRED", "too late for a presentation")


@view
def check_in_time(id: str, shipped_on: str) -> bool:
    """Whether it may be presented today. Codes: E_CALLER, E_EXPIRED, E_DATE, E_LATE_SHIPMENT."""
    require(ctx.caller == "presentation", "E_CALLER", "only the presentation contract asks")
    require_in_time(load(credits, id), shipped_on)
    return True


@export
def draw(id: str, amount_fen: int, under_amendment: bool = False) -> dict:
    """Count a presentation against the credit. under_amendment: it complies with the open amendment, and so
    accepts it [10c]. Returns the credit's terms. Codes: E_AMOUNT, E_PARTIAL_SHIPMENT, E_AMENDMENT."""
    credit = enter(CREDIT, credits, id, "draw")
    if under_amendment:
        require(credit.proposed != (), "E_AMENDMENT", "no amendment is open")
        take_amendment(credit)
    left = most_of(credit) - credit.drawn_fen
    require(is_amount(amount_fen) and amount_fen <= left, "E_AMOUNT", f"up to {left} fen are left")
    alone = credit.is_partial_allowed or credit.drawn_fen == 0
    require(alone, "E_PARTIAL_SHIPMENT", "partial shipments are not allowed [31]")
    credit.drawn_fen += amount_fen
    credit.open_presentations += 1
    keep(credits, credit, Drawn)
    return describe(credit)


@export
def settle(id: str, amount_fen: int, is_paid: bool) -> int:
    """A presentation has ended: its amount was paid, or may be drawn again. Returns what is left, fen."""
    credit = enter(CREDIT, credits, id, "settle")
    credit.open_presentations -= 1
    if is_paid:
        credit.paid_fen += amount_fen
    else:
        credit.drawn_fen -= amount_fen
    assert 0 <= credit.paid_fen <= credit.drawn_fen <= most_of(credit)
    keep(credits, credit, DrawingEnded)
    return most_of(credit) - credit.drawn_fen
