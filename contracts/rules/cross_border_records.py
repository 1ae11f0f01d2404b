"""What the cross-border contract stores, tells and shows, and how it prices."""

from rules.calendar import parse_date
from rules.day_count import effective_rate, simple_interest
from rules.money import half_up
from rules.settlement import Due
from sdk import Event, Map, dataclass

A365F = ("HKD", "GBP", "SGD")  # money markets that count a year of 365 days


@dataclass
class Cross:
    """Amounts without `_fen` are minor units of `currency`. basis: the number of what it rests on, worth so
    much.

    commitment: salted digest of the terms, all that crosses the bridge of them. cover: of the import factor.
    used_fen: value of the declared goods in use. subject: the party on the mainland, whose quota it is.
    """

    id: str
    parties: dict
    product: str
    basis: str
    worth_fen: int
    currency: str
    due_date: str
    commitment: str
    subject: str = ""
    quotes: int = 0
    rate_ppm: int = 0
    principal: int = 0
    interest: int = 0
    days: int = 0
    cover: int = 0
    used_fen: int = 0
    filing: str = ""
    filed_until_ms: int = 0
    is_acknowledged: bool = False
    pay_until_ms: int = 0
    reason: str = ""
    sale: str = ""
    payments: int = 0
    payout: Due | None = None
    repayment: Due | None = None
    state: str = ""
    version: int = 1


@dataclass
class Quote:
    number: int
    bank: str
    rate_ppm: int
    principal: int
    until_ms: int


financings = Map("cross", None, indexes=("state",))
quotes = Map("quote", None)  # (financing, number)
serials = Map("serial", 0)  # year
claims = Map("claim", "")  # (kind, number of a basis) → the financing that rests on it

Requested = Event("Cross.Requested")
Quoted = Event("Cross.Quoted")
QuoteAccepted = Event("Cross.QuoteAccepted")
CoverApproved = Event("Cross.CoverApproved")
Filed = Event("Cross.Filed")
FilingReturned = Event("Cross.FilingReturned")
FilingAcknowledged = Event("Cross.FilingAcknowledged")
QuotaHeld = Event("Cross.QuotaHeld")
PayoutPrepared = Event("Cross.PayoutPrepared")
Disbursed = Event("Cross.Disbursed")
Lapsed = Event("Cross.Lapsed")
Withdrawn = Event("Cross.Withdrawn")
Declined = Event("Cross.Declined")
SaleReported = Event("Cross.SaleReported")
RepaymentPrepared = Event("Cross.RepaymentPrepared")
Repaid = Event("Cross.Repaid")
Overdue = Event("Cross.Overdue")
Disputed = Event("Cross.Disputed")
DisputeSettled = Event("Cross.DisputeSettled")
CoverCalled = Event("Cross.CoverCalled")
RecourseTaken = Event("Cross.RecourseTaken")
WrittenOff = Event("Cross.WrittenOff")
QuotaReleased = Event("Cross.QuotaReleased")


def basis_of(currency: str) -> str:
    return "A365F" if currency in A365F else "A360"


def price(cross, chosen, day: int):
    """Interest in arrears from today to the due date: one cash flow, one rounding."""
    cross.rate_ppm = chosen.rate_ppm
    cross.principal = chosen.principal
    cross.days = parse_date(cross.due_date) - day
    basis = basis_of(cross.currency)
    fraction = simple_interest(chosen.principal, chosen.rate_ppm, cross.days, basis)
    cross.interest = half_up(*fraction)


def describe(cross) -> dict:
    priced = cross.principal > 0 and cross.days > 0
    basis = basis_of(cross.currency)
    apr = (
        half_up(*effective_rate(cross.interest, cross.principal, cross.days, basis))
        if priced
        else 0
    )
    return {
        "id": cross.id,
        "parties": cross.parties,
        "state": cross.state,
        "product": cross.product,
        "basis": cross.basis,
        "worth_fen": cross.worth_fen,
        "currency": cross.currency,
        "due_date": cross.due_date,
        "commitment": cross.commitment,
        "subject": cross.subject,
        "rate_ppm": cross.rate_ppm,
        "principal": cross.principal,
        "interest": cross.interest,
        "days": cross.days,
        "effective_rate_ppm": apr,
        "cover": cross.cover,
        "filing": cross.filing,
        "is_acknowledged": cross.is_acknowledged,
        "reason": cross.reason,
        "sale": cross.sale,
        "quotes": cross.quotes,
        "payout_reference": cross.payout.reference if cross.payout else b"",
        "payout_fen": cross.payout.amount_fen if cross.payout else 0,
        "repay_reference": cross.repayment.reference if cross.repayment else b"",
        "repay_fen": cross.repayment.amount_fen if cross.repayment else 0,
        "version": cross.version,
    }
