"""Honoured at sight or at maturity, by proof, unless a court stays it. Table PRESENTATION."""

from rules.calendar import date_text, parse_date
from rules.codes import is_digest
from rules.credit_machine import PRESENTATION
from rules.dated_rules import following
from rules.instrument import enter, keep, today
from rules.presentation_records import (
    Honoured,
    HonourPrepared,
    MaturityPrepared,
    Paid,
    Stayed,
    StayLifted,
    Undertaken,
    presentations,
    settle,
)
from rules.settlement import fix, prove
from sdk import export, require


def fix_payment(found, salt: bytes) -> bytes:
    require(found.due is None, "E_PREPARED", "the reference is fixed already")
    parts = found.parties
    found.due = fix(found.id, 1, parts["paying"], parts["beneficiary"], found.amount_fen, salt)
    return found.due.reference


def require_sight_payment(found):
    require(found.method == "sight", "E_METHOD", "the credit is available by " + found.method)


@export
def prepare_honour(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Codes: E_METHOD, E_PREPARED, E_SALT, E_WALLET."""
    found = enter(PRESENTATION, presentations, id, "prepare_honour", expected_version)
    require_sight_payment(found)
    reference = fix_payment(found, salt)
    keep(presentations, found, HonourPrepared)
    return reference


@export
def honour(id: str, proof: bytes) -> str:
    """Codes: E_METHOD, E_UNPREPARED, E_PROOF_…"""
    found = enter(PRESENTATION, presentations, id, "honour")
    require_sight_payment(found)
    prove(found.due, proof)
    settle(found, True)
    return keep(presentations, found, Honoured)


@export
def undertake(id: str, expected_version: int = 0) -> str:
    """Accept the draft or promise to pay later; the day counted from is left out [3]. Returns the maturity."""
    found = enter(PRESENTATION, presentations, id, "undertake", expected_version)
    require(found.method != "sight", "E_METHOD", "the credit is payable at sight")
    start = found.shipped_on if found.tenor_from == "shipment" else found.presented_on
    require(start != "", "E_DATE", "the tenor runs from a shipment that is not dated")
    due = parse_date(start) + found.tenor_days
    found.maturity = date_text(due)
    found.pay_on = date_text(following(due, found.place))
    keep(presentations, found, Undertaken)
    return found.maturity


@export
def prepare_maturity(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Codes: E_TOO_EARLY, E_PREPARED, E_SALT, E_WALLET."""
    found = enter(PRESENTATION, presentations, id, "prepare_maturity", expected_version)
    require(today() >= parse_date(found.pay_on), "E_TOO_EARLY", "the maturity has not come")
    reference = fix_payment(found, salt)
    keep(presentations, found, MaturityPrepared)
    return reference


@export
def record_maturity(id: str, proof: bytes) -> str:
    found = enter(PRESENTATION, presentations, id, "record_maturity")
    prove(found.due, proof)
    settle(found, True)
    return keep(presentations, found, Paid)


@export
def stay(id: str, order: str, expected_version: int = 0) -> str:
    """A court stops payment for fraud; `order` is the digest of its order."""
    found = enter(PRESENTATION, presentations, id, "stay", expected_version)
    require(is_digest(order), "E_DIGEST", "an order is a digest: 64 hex digits")
    found.order = order
    return keep(presentations, found, Stayed)


@export
def lift_stay(id: str, order: str, expected_version: int = 0) -> str:
    found = enter(PRESENTATION, presentations, id, "lift_stay", expected_version)
    require(is_digest(order), "E_DIGEST", "an order is a digest: 64 hex digits")
    found.order = order
    return keep(presentations, found, StayLifted)
