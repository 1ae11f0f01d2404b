"""Presentation under a documentary credit (M4): records in, and one answer (UCP 600 arts. 14-16, eUCP 2.1).

The bank looks at the records and nothing else: it pays, or refuses once, in five banking days and with every
discrepancy, or may no longer refuse. When what may happen: `rules.credit_machine`. Amounts are fen.

Invariants: a refused presentation is never paid; one refusal notice an examination; what is open or paid is
counted against the credit, once.
"""

from rules.calendar import date_text, day_end_ms, parse_date
from rules.codes import is_digest
from rules.credit_machine import (
    CORRUPTION_DAYS,
    DISCREPANCIES_MAX,
    DISPOSITIONS,
    DOCUMENTS_MAX,
    EXAMINE_BANKING_DAYS,
    PRESENTATION,
    PRESENTATIONS_MAX,
)
from rules.dated_rules import following
from rules.instrument import enter, keep, load, require_sight, require_step, today
from rules.machine import moves_from
from rules.presentation_records import (
    BankPrecluded,
    Completed,
    Complies,
    CorruptionReported,
    Honoured,
    HonourPrepared,
    Made,
    MadeAgain,
    MaturityPrepared,
    NotPresented,
    Paid,
    Presentation,
    RecordsReplaced,
    Refused,
    Stayed,
    StayLifted,
    Undertaken,
    Waived,
    WaiverAccepted,
    Withdrawn,
    banking_days_left,
    describe,
    presentations,
    serials,
    settle,
    start_clock,
)
from rules.settlement import fix, prove
from sdk import call, ctx, export, require, view


def check_documents(documents: list) -> tuple:
    known = 0 < len(documents) <= DOCUMENTS_MAX
    known = known and all(isinstance(d, str) and is_digest(d) for d in documents)
    require(known, "E_DIGEST", "1 to 40 digests of records")
    return tuple(documents)


# ---- presenting and examining --------------------------------------------------------------------


@export
def present(
    credit: str, amount_fen: int, documents: list, shipped_on: str = "",
    under_amendment: bool = False,
) -> str:  # fmt: skip
    """Records one after another until `complete`. Returns the presentation's number, LC-1/1.

    shipped_on: date of the transport document; "" where none is asked for. under_amendment: it complies with
    the open amendment, and so accepts it [10c]. Codes: E_STATE, E_NOT_PARTY, E_EXPIRED, E_DATE,
    E_LATE_SHIPMENT, E_AMOUNT, E_PARTIAL_SHIPMENT, E_AMENDMENT, E_DIGEST, E_PRESENTATIONS.
    """
    listed = check_documents(documents)
    require(serials[credit] < PRESENTATIONS_MAX, "E_PRESENTATIONS", "too many presentations")
    terms = call("credit", "draw", credit, amount_fen, under_amendment)
    require_step(PRESENTATION, "-", "present", terms["parties"])
    call("credit", "check_in_time", credit, shipped_on)
    serials[credit] += 1
    number = f"{credit}/{serials[credit]}"
    found = Presentation(
        number, credit, terms["parties"], amount_fen, shipped_on, listed, date_text(today()),
        terms["examined_at"], terms["method"], terms["tenor_days"], terms["tenor_from"],
        state="PRESENTED",
    )  # fmt: skip
    keep(presentations, found, Made)
    return number


@export
def complete(id: str, documents: list, expected_version: int = 0) -> str:
    """Notice of completeness with the whole list: the bank's five banking days begin after today [14b, e7]."""
    found = enter(PRESENTATION, presentations, id, "complete", expected_version)
    call("credit", "check_in_time", found.credit, found.shipped_on)
    found.documents = check_documents(documents)
    found.presented_on = date_text(today())
    start_clock(found, EXAMINE_BANKING_DAYS)
    return keep(presentations, found, Completed)


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    found = enter(PRESENTATION, presentations, id, "withdraw", expected_version)
    settle(found, False)
    return keep(presentations, found, Withdrawn)


@export
def report_corruption(id: str, expected_version: int = 0) -> str:
    """A record cannot be read: the bank's days stand still until it is replaced [e12]. Code: E_TOO_LATE."""
    found = enter(PRESENTATION, presentations, id, "report_corruption", expected_version)
    require(ctx.time < found.answer_until_ms, "E_TOO_LATE", "the five banking days are over")
    found.days_left = banking_days_left(found)
    found.suspended_until_ms = day_end_ms(today() + CORRUPTION_DAYS)
    return keep(presentations, found, CorruptionReported)


@export
def replace_records(id: str, documents: list, expected_version: int = 0) -> str:
    found = enter(PRESENTATION, presentations, id, "replace_records", expected_version)
    require(ctx.time < found.suspended_until_ms, "E_TOO_LATE", "the thirty days are over")
    found.documents = check_documents(documents)
    start_clock(found, found.days_left)
    return keep(presentations, found, RecordsReplaced)


@export
def corruption_over(id: str) -> str:
    found = enter(PRESENTATION, presentations, id, "corruption_over")
    require(ctx.time >= found.suspended_until_ms, "E_TOO_EARLY", "the thirty days are not over")
    settle(found, False)
    return keep(presentations, found, NotPresented)


@export
def comply(id: str, expected_version: int = 0) -> str:
    found = enter(PRESENTATION, presentations, id, "comply", expected_version)
    return keep(presentations, found, Complies)


@export
def refuse(id: str, discrepancies: list, disposition: str, expected_version: int = 0) -> str:
    """The single notice [16c]: that the bank refuses, why in full, and what becomes of the documents.

    Codes: E_TOO_LATE, E_DISCREPANCIES, E_DISPOSITION.
    """
    found = enter(PRESENTATION, presentations, id, "refuse", expected_version)
    require(ctx.time < found.answer_until_ms, "E_TOO_LATE", "the five banking days are over")
    told = 0 < len(discrepancies) <= DISCREPANCIES_MAX
    told = told and all(isinstance(d, str) and 0 < len(d) <= 200 for d in discrepancies)
    require(told, "E_DISCREPANCIES", "each discrepancy in 1 to 200 characters")
    require(disposition in DISPOSITIONS, "E_DISPOSITION", "one of " + ", ".join(DISPOSITIONS))
    found.discrepancies = tuple(discrepancies)
    found.disposition = disposition
    settle(found, False)
    return keep(presentations, found, Refused)


@export
def deadline_passed(id: str) -> str:
    """No notice in five banking days: the bank may not claim any more that the records do not comply [16f]."""
    found = enter(PRESENTATION, presentations, id, "deadline_passed")
    require(ctx.time >= found.answer_until_ms, "E_TOO_EARLY", "the bank may still answer")
    return keep(presentations, found, BankPrecluded)


@export
def waive(id: str, expected_version: int = 0) -> str:
    """The applicant takes the documents as they are; the bank decides for itself. Code: E_DISPOSITION."""
    found = enter(PRESENTATION, presentations, id, "waive", expected_version)
    held = found.disposition == "hold_for_waiver"
    require(held, "E_DISPOSITION", "the documents are not held for a waiver")
    found.is_waived = True
    return keep(presentations, found, Waived)


@export
def accept_waiver(id: str, expected_version: int = 0) -> str:
    """Codes: E_NOT_WAIVED, E_CREDIT, E_AMOUNT."""
    found = enter(PRESENTATION, presentations, id, "accept_waiver", expected_version)
    require(found.is_waived, "E_NOT_WAIVED", "the applicant has not waived the discrepancies")
    call("credit", "draw", found.credit, found.amount_fen)
    return keep(presentations, found, WaiverAccepted)


@export
def present_again(id: str, documents: list, expected_version: int = 0) -> str:
    """Corrected records: five new banking days. Codes: E_EXPIRED, E_CREDIT, E_AMOUNT, E_DIGEST."""
    found = enter(PRESENTATION, presentations, id, "present_again", expected_version)
    call("credit", "check_in_time", found.credit, found.shipped_on)
    call("credit", "draw", found.credit, found.amount_fen)
    found.documents = check_documents(documents)
    found.discrepancies = ()
    found.disposition = ""
    found.is_waived = False
    found.presented_on = date_text(today())
    start_clock(found, EXAMINE_BANKING_DAYS)
    return keep(presentations, found, MadeAgain)


# ---- payment -------------------------------------------------------------------------------------


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


# ---- views ---------------------------------------------------------------------------------------


@view
def get(id: str) -> dict:
    """The parties of the credit and the regulator see a presentation."""
    found = load(presentations, id)
    require_sight(found.parties)
    return describe(found)


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(PRESENTATION, load(presentations, id).state)
