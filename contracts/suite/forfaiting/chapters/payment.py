"""From the discounted price to maturity: settled, under reserve, paid, or found void. Table DEAL."""

from chapters.deal import end, has_passed, require_no_sale, require_open, settle_until
from chapters.market import PROOF_MARGIN_MS
from rules.calendar import is_date, parse_date
from rules.codes import is_digest
from rules.forfaiting_machine import DEAL
from rules.forfaiting_records import (
    MaturityPrepared,
    ObligorDefaulted,
    Paid,
    PaidUnderReserve,
    RefundDue,
    Refunded,
    RefundPrepared,
    ReserveNamed,
    Settled,
    SettlementPrepared,
    Terminated,
    ValidityBreach,
    deals,
    net_of,
    take_title,
)
from rules.instrument import enter, keep, today
from rules.settlement import fix, prove
from sdk import ctx, export, require


@export
def reserve(id: str, condition: str, until: str, expected_version: int = 0) -> str:
    """Name the one condition that is still open: payment may then be made under reserve."""
    deal = enter(DEAL, deals, id, "reserve", expected_version)
    require(deal.reserve == "", "E_RESERVE", "a reserve is named already")
    require(0 < len(condition) <= 200, "E_TEXT", "a condition is 1 to 200 characters")
    long_stop = is_date(until) and parse_date(deal.settlement) < parse_date(until)
    require(long_stop, "E_DATE", "the condition's last day lies after the settlement")
    deal.reserve = condition
    deal.reserve_until = until
    return keep(deals, deal, ReserveNamed)


@export
def prepare_settlement(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Fix what the forfaiter's payment must look like. Codes: E_PREPARED, E_SALT, E_WALLET."""
    deal = enter(DEAL, deals, id, "prepare_settlement", expected_version)
    require_open(deal.due)
    seller = deal.parties["seller"]
    until = settle_until(deal.settlement)
    deal.due = fix(id, 1, deal.parties["forfaiter"], seller, net_of(deal), salt, until)
    keep(deals, deal, SettlementPrepared)
    return deal.due.reference


@export
def not_paid(id: str, expected_version: int = 0) -> str:
    """The forfaiter did not pay: the seller takes the claim back."""
    deal = enter(DEAL, deals, id, "not_paid", expected_version)
    over = settle_until(deal.settlement) + PROOF_MARGIN_MS
    require(ctx.time > over, "E_TOO_EARLY", "the forfaiter may still prove its payment")
    return end(deal, Terminated)


@export
def settle(id: str, proof: bytes) -> str:
    """Money against title, in one step; its event is the notice to the obligor. Codes: E_RESERVE, E_PROOF_…"""
    deal = enter(DEAL, deals, id, "settle")
    require(deal.reserve == "", "E_RESERVE", "a condition is open: settle under reserve")
    prove(deal.due, proof)
    take_title(deal, deal.parties["forfaiter"])
    return keep(deals, deal, Settled)


@export
def settle_under_reserve(id: str, proof: bytes) -> str:
    deal = enter(DEAL, deals, id, "settle_under_reserve")
    require(deal.reserve != "", "E_RESERVE", "no condition is named")
    prove(deal.due, proof)
    return keep(deals, deal, PaidUnderReserve)


@export
def lift_reserve(id: str, expected_version: int = 0) -> str:
    deal = enter(DEAL, deals, id, "lift_reserve", expected_version)
    take_title(deal, deal.parties["forfaiter"])
    return keep(deals, deal, Settled)


@export
def reserve_over(id: str) -> str:
    deal = enter(DEAL, deals, id, "reserve_over")
    require(has_passed(deal.reserve_until), "E_TOO_EARLY", "the condition may still be met")
    return keep(deals, deal, RefundDue)


@export
def prepare_refund(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """The seller pays back what it got: to the forfaiter, or to the holder after a breach."""
    deal = enter(DEAL, deals, id, "prepare_refund", expected_version)
    require_no_sale(deal)
    require_open(deal.refund_due)
    payee = deal.parties["holder"] or deal.parties["forfaiter"]
    deal.refund_due = fix(id, 3, deal.parties["seller"], payee, net_of(deal), salt)
    keep(deals, deal, RefundPrepared)
    return deal.refund_due.reference


@export
def refund(id: str, proof: bytes) -> str:
    """The money is back, and the claim with the seller."""
    deal = enter(DEAL, deals, id, "refund")
    prove(deal.refund_due, proof)
    take_title(deal, deal.parties["seller"])
    return end(deal, Refunded)


@export
def prepare_maturity(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """The obligor fixes its payment to whoever holds the claim now. Codes: E_TOO_EARLY, E_SALE, E_PREPARED…"""
    deal = enter(DEAL, deals, id, "prepare_maturity", expected_version)
    require(today() >= parse_date(deal.maturity), "E_TOO_EARLY", "the maturity has not come")
    require_no_sale(deal)
    require_open(deal.maturity_due)
    parts = deal.parties
    deal.maturity_due = fix(id, 2, parts["obligor"], parts["holder"], deal.face_fen, salt)
    keep(deals, deal, MaturityPrepared)
    return deal.maturity_due.reference


@export
def record_maturity(id: str, proof: bytes) -> str:
    deal = enter(DEAL, deals, id, "record_maturity")
    prove(deal.maturity_due, proof)
    return keep(deals, deal, Paid)


@export
def obligor_default(id: str, expected_version: int = 0) -> str:
    """The holder notes that the obligor has not paid: its claim is against the obligor alone."""
    deal = enter(DEAL, deals, id, "obligor_default", expected_version)
    last = parse_date(deal.maturity) + deal.grace_days
    require(today() > last, "E_TOO_EARLY", "maturity and grace have not passed")
    return keep(deals, deal, ObligorDefaulted)


@export
def find_breach(id: str, award: str, expected_version: int = 0) -> str:
    """An arbiter's award that the claim was not valid: fraud and the like undo "without recourse"."""
    deal = enter(DEAL, deals, id, "find_breach", expected_version)
    require(is_digest(award), "E_DIGEST", "an award is a digest: 64 hex digits")
    require(ctx.member not in deal.parties.values(), "E_SELF", "no party judges its own deal")
    deal.award = award
    return keep(deals, deal, ValidityBreach)
