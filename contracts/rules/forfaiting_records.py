"""What the forfaiting contract stores, tells and shows, and how it prices."""

from rules.calendar import parse_date
from rules.day_count import simple_interest, yield_discount
from rules.money import half_up
from rules.settlement import Due
from sdk import Event, Map, dataclass

METHODS = ("straight", "yield")


@dataclass
class Deal:
    """A claim for sale. Amounts are fen, rates parts per million a year, dates text."""

    id: str
    parties: dict
    claim: str
    face_fen: int
    maturity: str
    quotes: int = 0
    method: str = ""
    rate_ppm: int = 0
    grace_days: int = 0
    commitment_ppm: int = 0
    trade_date: str = ""
    availability: str = ""
    settlement: str = ""
    discount_fen: int = 0
    commitment_fen: int = 0
    documents: tuple = ()
    review_until_ms: int = 0
    reasons: tuple = ()
    reserve: str = ""
    reserve_until: str = ""
    due: Due | None = None
    maturity_due: Due | None = None
    refund_due: Due | None = None
    titles: tuple = ()
    sales: int = 0
    open_sale: str = ""
    award: str = ""
    state: str = ""
    version: int = 1


@dataclass
class Quote:
    number: int
    bank: str
    method: str
    rate_ppm: int
    grace_days: int
    commitment_ppm: int
    availability: str
    settlement: str
    until_ms: int


@dataclass
class Sale:
    """A confirmation in the secondary market: the whole claim at a price, without recourse."""

    id: str
    deal: str
    parties: dict
    price_fen: int
    settlement: str
    due: Due | None = None
    state: str = ""
    version: int = 1


deals = Map("deal", None)
quotes = Map("quote", None)  # (deal, number)
sales = Map("sale", None)
claims = Map("claim", "")  # digest of a claim → the deal that has it

Enquired = Event("Forfaiting.Enquired")
Quoted = Event("Forfaiting.Quoted")
Traded = Event("Forfaiting.Traded")
Withdrawn = Event("Forfaiting.Withdrawn")
DocumentsDelivered = Event("Forfaiting.DocumentsDelivered")
DocumentsSatisfactory = Event("Forfaiting.DocumentsSatisfactory")
DocumentsUnsatisfactory = Event("Forfaiting.DocumentsUnsatisfactory")
Terminated = Event("Forfaiting.Terminated")
ReserveNamed = Event("Forfaiting.ReserveNamed")
SettlementPrepared = Event("Forfaiting.SettlementPrepared")
Settled = Event("Forfaiting.Settled")
PaidUnderReserve = Event("Forfaiting.PaidUnderReserve")
RefundDue = Event("Forfaiting.RefundDue")
RefundPrepared = Event("Forfaiting.RefundPrepared")
Refunded = Event("Forfaiting.Refunded")
SaleOffered = Event("Forfaiting.SaleOffered")
MaturityPrepared = Event("Forfaiting.MaturityPrepared")
Paid = Event("Forfaiting.Paid")
ObligorDefaulted = Event("Forfaiting.ObligorDefaulted")
ValidityBreach = Event("Forfaiting.ValidityBreach")
SaleConfirmed = Event("Forfaiting.SaleConfirmed")
SaleRecalled = Event("Forfaiting.SaleRecalled")
SaleLapsed = Event("Forfaiting.SaleLapsed")
SalePrepared = Event("Forfaiting.SalePrepared")
Sold = Event("Forfaiting.Sold")


def price(deal):
    """Fix discount and commitment fee: the discount runs to maturity plus grace, the fee to settlement."""
    days = parse_date(deal.maturity) - parse_date(deal.settlement) + deal.grace_days
    formula = simple_interest if deal.method == "straight" else yield_discount
    deal.discount_fen = half_up(*formula(deal.face_fen, deal.rate_ppm, days))
    waiting = parse_date(deal.settlement) - parse_date(deal.trade_date)
    deal.commitment_fen = half_up(*simple_interest(deal.face_fen, deal.commitment_ppm, waiting))


def net_of(deal) -> int:
    return deal.face_fen - deal.discount_fen - deal.commitment_fen


def take_title(deal, holder: str):
    """The next holder in the one chain of title."""
    deal.titles = (*deal.titles, holder)
    deal.parties["holder"] = holder
    deal.open_sale = ""


def reference_of(due) -> bytes:
    return due.reference if due else b""


def describe(deal) -> dict:
    return {
        "id": deal.id,
        "parties": deal.parties,
        "claim": deal.claim,
        "state": deal.state,
        "face_fen": deal.face_fen,
        "maturity": deal.maturity,
        "method": deal.method,
        "rate_ppm": deal.rate_ppm,
        "grace_days": deal.grace_days,
        "trade_date": deal.trade_date,
        "availability": deal.availability,
        "settlement": deal.settlement,
        "discount_fen": deal.discount_fen,
        "commitment_fen": deal.commitment_fen,
        "net_fen": net_of(deal),
        "reasons": list(deal.reasons),
        "reserve": deal.reserve,
        "titles": list(deal.titles),
        "reference": reference_of(deal.due),
        "maturity_reference": reference_of(deal.maturity_due),
        "refund_reference": reference_of(deal.refund_due),
        "quotes": deal.quotes,
        "sales": deal.sales,
        "version": deal.version,
    }


def describe_sale(sale) -> dict:
    return {
        "id": sale.id,
        "deal": sale.deal,
        "parties": sale.parties,
        "state": sale.state,
        "price_fen": sale.price_fen,
        "settlement": sale.settlement,
        "reference": reference_of(sale.due),
        "version": sale.version,
    }
