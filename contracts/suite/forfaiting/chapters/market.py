"""The secondary market: the claim changes hands against its price. Table SALE."""

from chapters.deal import has_passed, require_open, settle_until
from rules.calendar import is_date, parse_date
from rules.forfaiting_machine import DEAL, SALE, TITLES_MAX
from rules.forfaiting_records import (
    Sale,
    SaleConfirmed,
    SaleLapsed,
    SaleOffered,
    SalePrepared,
    SaleRecalled,
    Sold,
    deals,
    sales,
    take_title,
)
from rules.instrument import enter, keep, load, today
from rules.money import is_amount
from rules.settlement import fix, prove
from sdk import call, ctx, export, require

PROOF_MARGIN_MS = 86400000  # a payment made in time may be proven one day later


@export
def offer_sale(
    id: str, buyer: str, price_fen: int, settlement: str, expected_version: int = 0
) -> str:
    """The holder offers the claim to one buyer. Returns the sale's number.

    Codes: E_SALE, E_TITLES, E_SELF, E_PARTY, E_ROLE, E_AMOUNT, E_DATE.
    """
    deal = enter(DEAL, deals, id, "offer_sale", expected_version)
    require(deal.open_sale == "", "E_SALE", "the claim is offered to another")
    require(len(deal.titles) < TITLES_MAX, "E_TITLES", "the chain of title is full")
    parts = (deal.parties["seller"], deal.parties["obligor"], ctx.member)
    require(buyer not in parts, "E_SELF", "a party of the claim does not buy it")
    party = call("party", "check_new_business", buyer)
    require(party["kind"] in ("bank", "factor"), "E_ROLE", "a bank or a factor buys")
    require(is_amount(price_fen) and price_fen <= deal.face_fen, "E_AMOUNT", "up to the face")
    dated = is_date(settlement) and today() <= parse_date(settlement) < parse_date(deal.maturity)
    require(dated, "E_DATE", "settlement lies between today and the maturity")
    deal.sales += 1
    number = f"{id}/{deal.sales}"
    deal.open_sale = number
    keep(deals, deal, SaleOffered)
    parties = {"holder": ctx.member, "buyer": buyer}
    sales[number] = Sale(number, id, parties, price_fen, settlement, state="OFFERED")
    return number


@export
def confirm_sale(id: str, expected_version: int = 0) -> str:
    """The buyer's forfaiting confirmation."""
    sale = enter(SALE, sales, id, "confirm_sale", expected_version)
    require(not has_passed(sale.settlement), "E_TOO_LATE", "the settlement date has passed")
    return keep(sales, sale, SaleConfirmed)


@export
def recall_sale(id: str, expected_version: int = 0) -> str:
    sale = enter(SALE, sales, id, "recall_sale", expected_version)
    return close_sale(sale, SaleRecalled)


@export
def lapse_sale(id: str) -> str:
    sale = enter(SALE, sales, id, "lapse_sale")
    over = settle_until(sale.settlement) + PROOF_MARGIN_MS
    require(ctx.time > over, "E_TOO_EARLY", "the buyer may still prove its payment")
    return close_sale(sale, SaleLapsed)


def close_sale(sale, event) -> str:
    """The holder may offer the claim to another."""
    deal = load(deals, sale.deal)
    deal.open_sale = ""
    deal.version += 1
    deals[deal.id] = deal
    return keep(sales, sale, event)


@export
def prepare_sale(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    sale = enter(SALE, sales, id, "prepare_sale", expected_version)
    require_open(sale.due)
    parts = sale.parties
    until = settle_until(sale.settlement)
    sale.due = fix(id, 1, parts["buyer"], parts["holder"], sale.price_fen, salt, until)
    keep(sales, sale, SalePrepared)
    return sale.due.reference


@export
def settle_sale(id: str, proof: bytes) -> str:
    """Price against title, in one step: from now on the obligor pays the buyer."""
    sale = enter(SALE, sales, id, "settle_sale")
    prove(sale.due, proof)
    deal = load(deals, sale.deal)
    assert deal.open_sale == id and deal.parties["holder"] == sale.parties["holder"]
    take_title(deal, sale.parties["buyer"])
    deal.version += 1
    deals[deal.id] = deal
    return keep(sales, sale, Sold)
