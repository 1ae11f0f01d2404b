"""Documents are presented and looked at within five banking days. Table PRESENTATION."""

from rules.calendar import date_text, day_end_ms
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
from rules.instrument import enter, keep, require_step, today
from rules.presentation_records import (
    BankPrecluded,
    Completed,
    Complies,
    CorruptionReported,
    Made,
    MadeAgain,
    NotPresented,
    Presentation,
    RecordsReplaced,
    Refused,
    Waived,
    WaiverAccepted,
    Withdrawn,
    banking_days_left,
    presentations,
    serials,
    settle,
    start_clock,
)
from sdk import call, ctx, export, require


def check_documents(documents: list) -> tuple:
    known = 0 < len(documents) <= DOCUMENTS_MAX
    known = known and all(isinstance(d, str) and is_digest(d) for d in documents)
    require(known, "E_DIGEST", "1 to 40 digests of records")
    return tuple(documents)


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
