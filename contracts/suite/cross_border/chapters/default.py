"""When it is not repaid: overdue, the cover of a second factor, disputes, recourse. Table CROSS."""

from chapters.money import require_no_repayment
from chapters.request import DIGEST, give_reason
from rules.calendar import parse_date
from rules.codes import is_digest
from rules.cross_border_machine import COVER_DAYS, CROSS, product_of
from rules.cross_border_records import (
    CoverCalled,
    Disputed,
    DisputeSettled,
    Overdue,
    RecourseTaken,
    WrittenOff,
    financings,
)
from rules.instrument import arrive, enter, keep, today
from sdk import export, require


@export
def mark_overdue(id: str) -> str:
    cross = enter(CROSS, financings, id, "mark_overdue")
    require(today() > parse_date(cross.due_date), "E_TOO_EARLY", "the due date has not passed")
    return keep(financings, cross, Overdue)


def require_cover(cross):
    require(cross.cover > 0, "E_COVER", "no import factor covers it")


@export
def dispute(id: str, document: str, expected_version: int = 0) -> str:
    """Buyer or import factor: the goods are not as agreed, so the cover does not count meanwhile."""
    cross = enter(CROSS, financings, id, "dispute", expected_version)
    require_cover(cross)
    late = today() > parse_date(cross.due_date) + COVER_DAYS
    require(not late, "E_TOO_LATE", "a dispute comes within 90 days after the due date")
    require(is_digest(document), "E_DIGEST", DIGEST)
    cross.reason = document
    return keep(financings, cross, Disputed)


@export
def settle_dispute(id: str, award: str, for_seller: bool, expected_version: int = 0) -> str:
    """An award: for the seller the cover stands, against it the lender has recourse to the borrower."""
    cross = enter(CROSS, financings, id, "settle_dispute", expected_version)
    require(is_digest(award), "E_DIGEST", DIGEST)
    cross.reason = award
    if not for_seller:
        cross.cover = 0
    arrive(CROSS, cross, "settle_dispute", "OVERDUE" if for_seller else "RECOURSE")
    return keep(financings, cross, DisputeSettled)


@export
def call_cover(id: str, expected_version: int = 0) -> str:
    cross = enter(CROSS, financings, id, "call_cover", expected_version)
    require_cover(cross)
    require_no_repayment(cross)
    over = today() > parse_date(cross.due_date) + COVER_DAYS
    require(over, "E_TOO_EARLY", "the import factor pays 90 days after the due date")
    return keep(financings, cross, CoverCalled)


@export
def take_recourse(id: str, expected_version: int = 0) -> str:
    cross = enter(CROSS, financings, id, "take_recourse", expected_version)
    allowed = product_of(cross.product)[4] and cross.cover == 0
    require(allowed, "E_NO_RECOURSE", "sold without recourse, or covered by the import factor")
    return keep(financings, cross, RecourseTaken)


@export
def write_off(id: str, reason: str, expected_version: int = 0) -> str:
    cross = enter(CROSS, financings, id, "write_off", expected_version)
    require_no_repayment(cross)
    give_reason(cross, reason)
    return keep(financings, cross, WrittenOff)
