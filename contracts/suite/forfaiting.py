"""Forfaiting (M3): an exporter sells a bank's deferred payment undertaking once, without recourse (URF 800).

enquire → quote → trade → documents → settle against a DC/EP proof; then the claim changes hands in a secondary
market and the obligor pays whoever holds it at maturity. When what may happen: `rules.forfaiting_machine`.

Invariants: one claim stands in one deal; one chain of title; anybody can compute the discount again; after
settlement the seller owes nothing unless an award finds that the claim was not valid.
"""

from rules.calendar import date_text, day_end_ms, is_date, parse_date
from rules.codes import is_code, is_digest
from rules.dated_rules import add_business_days
from rules.forfaiting_machine import (
    DEAL,
    DOCUMENTS_MAX,
    GRACE_DAYS_MAX,
    IMMEDIATE_BUSINESS_DAYS,
    QUOTE_VALID_MS_MAX,
    QUOTES_MAX,
    RATE_PPM_MAX,
    REVIEW_BUSINESS_DAYS,
    SALE,
    TITLES_MAX,
)
from rules.forfaiting_records import (
    METHODS,
    Deal,
    DocumentsDelivered,
    DocumentsSatisfactory,
    DocumentsUnsatisfactory,
    Enquired,
    MaturityPrepared,
    ObligorDefaulted,
    Paid,
    PaidUnderReserve,
    Quote,
    Quoted,
    RefundDue,
    Refunded,
    RefundPrepared,
    ReserveNamed,
    Sale,
    SaleConfirmed,
    SaleLapsed,
    SaleOffered,
    SalePrepared,
    SaleRecalled,
    Settled,
    SettlementPrepared,
    Sold,
    Terminated,
    Traded,
    ValidityBreach,
    Withdrawn,
    claims,
    deals,
    describe,
    describe_sale,
    net_of,
    price,
    quotes,
    sales,
    take_title,
)
from rules.instrument import enter, keep, load, require_sight, require_step, today
from rules.machine import moves_from
from rules.money import PAYMENT_MAX, is_amount
from rules.settlement import fix, prove
from sdk import call, ctx, export, require, view

PROOF_MARGIN_MS = 86400000  # a payment made in time may be proven one day later


def has_passed(date: str) -> bool:
    return today() > parse_date(date)


def require_open(record):
    """A reference is fixed once, before anybody pays."""
    require(record is None, "E_PREPARED", "the reference is fixed already")


def require_no_sale(deal):
    """While a buyer may still prove that it paid for the claim, nobody else's payment is fixed."""
    require(deal.open_sale == "", "E_SALE", "a sale is open: settle, recall or lapse it first")


def settle_until(date: str) -> int:
    return day_end_ms(parse_date(date))


# ---- the primary deal ----------------------------------------------------------------------------


@export
def enquire(id: str, claim: str, obligor: str, face_fen: int, maturity: str) -> str:
    """Offer a claim: `claim` is the digest of the accepted draft or deferred payment undertaking.

    Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE, E_DIGEST, E_CLAIM, E_AMOUNT, E_DATE, E_PARTY, E_ROLE, E_SELF.
    """
    parts = {"seller": ctx.member, "obligor": obligor, "forfaiter": "", "holder": ""}
    require_step(DEAL, "-", "enquire", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(deals[id] is None, "E_DUPLICATE", "this number is taken")
    require(is_digest(claim), "E_DIGEST", "a claim is a digest: 64 hex digits")
    require(claims[claim] == "", "E_CLAIM", "this claim stands in another deal")
    require(is_amount(face_fen) and face_fen <= PAYMENT_MAX, "E_AMOUNT", "1 to 2^53 - 1 fen")
    require(is_date(maturity) and parse_date(maturity) > today(), "E_DATE", "maturity lies ahead")
    require(obligor != ctx.member, "E_SELF", "nobody sells his own debt")
    call("party", "check_new_business", ctx.member)
    bank = call("party", "check_member", obligor)
    require(bank["kind"] == "bank", "E_ROLE", "the obligor is the accepting or issuing bank")
    claims[claim] = id
    return keep(deals, Deal(id, parts, claim, face_fen, maturity, state="ENQUIRED"), Enquired)


@export
def quote(
    id: str, method: str, rate_ppm: int, grace_days: int, valid_until_ms: int, settlement: str,
    availability: str = "", commitment_ppm: int = 0, expected_version: int = 0,
) -> int:  # fmt: skip
    """A forfaiter's binding offer. Returns its number.

    method: "straight" or "yield". availability "": immediately, 10 business days from now. Codes: E_METHOD,
    E_RATE, E_GRACE, E_EXPIRED, E_DATE, E_QUOTES, E_ROLE, E_SELF, E_PARTY.
    """
    deal = enter(DEAL, deals, id, "quote", expected_version)
    party = call("party", "check_new_business", ctx.member)
    require(party["kind"] in ("bank", "factor"), "E_ROLE", "a bank or a factor forfaits")
    parts = (deal.parties["seller"], deal.parties["obligor"])
    require(ctx.member not in parts, "E_SELF", "a party of the claim does not buy it")
    require(method in METHODS, "E_METHOD", "straight or yield")
    priced = 0 < rate_ppm <= RATE_PPM_MAX and 0 <= commitment_ppm <= RATE_PPM_MAX
    require(priced, "E_RATE", "a rate is above 0 and at most 24 % a year")
    require(0 <= grace_days <= GRACE_DAYS_MAX, "E_GRACE", "up to 30 days of grace")
    require(0 < valid_until_ms - ctx.time <= QUOTE_VALID_MS_MAX, "E_EXPIRED", "up to 48 hours")
    available = availability or date_text(add_business_days(today(), IMMEDIATE_BUSINESS_DAYS))
    require(is_date(available) and is_date(settlement), "E_DATE", "dates are written YYYY-MM-DD")
    ordered = today() <= parse_date(available) <= parse_date(settlement)
    ordered = ordered and parse_date(settlement) < parse_date(deal.maturity)
    require(ordered, "E_DATE", "today, availability, settlement and maturity follow in this order")
    require(deal.quotes < QUOTES_MAX, "E_QUOTES", "enough quotes")
    deal.quotes += 1
    quotes[(id, deal.quotes)] = Quote(
        deal.quotes, ctx.member, method, rate_ppm, grace_days, commitment_ppm, available,
        settlement, valid_until_ms,
    )  # fmt: skip
    keep(deals, deal, Quoted)
    return deal.quotes


@export
def trade(id: str, number: int, expected_version: int = 0) -> dict:
    """The seller takes a quote: this is the trade date. Returns the deal with its price.

    Codes: E_NOT_FOUND, E_EXPIRED, E_PARTY, E_AMOUNT.
    """
    deal = enter(DEAL, deals, id, "trade", expected_version)
    chosen = quotes[(id, number)]
    require(chosen is not None, "E_NOT_FOUND", "no such quote")
    require(ctx.time <= chosen.until_ms, "E_EXPIRED", "the quote has run out")
    call("party", "check_new_business", chosen.bank)
    deal.parties["forfaiter"] = chosen.bank
    deal.method = chosen.method
    deal.rate_ppm = chosen.rate_ppm
    deal.grace_days = chosen.grace_days
    deal.commitment_ppm = chosen.commitment_ppm
    deal.availability = chosen.availability
    deal.settlement = chosen.settlement
    deal.trade_date = date_text(today())
    price(deal)
    require(net_of(deal) > 0, "E_AMOUNT", "nothing would be paid out")
    keep(deals, deal, Traded)
    return describe(deal)


def end(deal, event) -> str:
    """The deal is over without a sale: the claim may be offered again."""
    claims[deal.claim] = ""
    return keep(deals, deal, event)


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    return end(enter(DEAL, deals, id, "withdraw", expected_version), Withdrawn)


@export
def deliver_documents(id: str, documents: list, expected_version: int = 0) -> str:
    """Digests of the documents of the agreement, again after a cure. Codes: E_TOO_LATE, E_DIGEST."""
    deal = enter(DEAL, deals, id, "deliver_documents", expected_version)
    require(not has_passed(deal.availability), "E_TOO_LATE", "the availability date has passed")
    known = 0 < len(documents) <= DOCUMENTS_MAX
    known = known and all(isinstance(d, str) and is_digest(d) for d in documents)
    require(known, "E_DIGEST", "1 to 20 digests")
    deal.documents = tuple(documents)
    deal.reasons = ()
    deal.review_until_ms = day_end_ms(add_business_days(today(), REVIEW_BUSINESS_DAYS))
    return keep(deals, deal, DocumentsDelivered)


@export
def accept_documents(id: str, expected_version: int = 0) -> str:
    deal = enter(DEAL, deals, id, "accept_documents", expected_version)
    return keep(deals, deal, DocumentsSatisfactory)


@export
def refuse_documents(id: str, reasons: list, expected_version: int = 0) -> str:
    """Say what is missing while it can still be cured. Codes: E_TOO_LATE, E_TEXT."""
    deal = enter(DEAL, deals, id, "refuse_documents", expected_version)
    require(ctx.time < deal.review_until_ms, "E_TOO_LATE", "the days for the review are over")
    told = 0 < len(reasons) <= DOCUMENTS_MAX
    told = told and all(isinstance(r, str) and 0 < len(r) <= 200 for r in reasons)
    require(told, "E_TEXT", "each reason in 1 to 200 characters")
    deal.reasons = tuple(reasons)
    return keep(deals, deal, DocumentsUnsatisfactory)


@export
def review_over(id: str) -> str:
    deal = enter(DEAL, deals, id, "review_over")
    require(ctx.time >= deal.review_until_ms, "E_TOO_EARLY", "the forfaiter may still answer")
    return keep(deals, deal, DocumentsSatisfactory)


@export
def lapse(id: str) -> str:
    """No satisfactory documents in time: the deal ends."""
    deal = enter(DEAL, deals, id, "lapse")
    require(has_passed(deal.availability), "E_TOO_EARLY", "the availability date has not passed")
    return end(deal, Terminated)


# ---- settlement ----------------------------------------------------------------------------------


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


# ---- maturity ------------------------------------------------------------------------------------


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


# ---- the secondary market ------------------------------------------------------------------------


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


# ---- views ---------------------------------------------------------------------------------------


@view
def get(id: str) -> dict:
    """The parties, every holder and the regulator see a deal, and a sale by its number (FF-1/1)."""
    if "/" in id:
        sale = load(sales, id)
        require_sight(sale.parties)
        return describe_sale(sale)
    deal = load(deals, id)
    asked = deal.state in ("ENQUIRED", "QUOTED") and "financier" in ctx.roles
    if not asked:
        require_sight(deal.parties)
    return describe(deal)


@view
def list_quotes(id: str) -> list:
    """The seller sees every quote, a bank its own."""
    deal = load(deals, id)
    everything = ctx.member == deal.parties["seller"] or "regulator" in ctx.roles
    found = [quotes[(id, number)] for number in range(1, deal.quotes + 1)]
    return [
        {
            "number": offer.number,
            "bank": offer.bank,
            "method": offer.method,
            "rate_ppm": offer.rate_ppm,
            "grace_days": offer.grace_days,
            "settlement": offer.settlement,
            "until_ms": offer.until_ms,
        }
        for offer in found
        if everything or offer.bank == ctx.member
    ]


@view
def next_steps(id: str) -> list:
    """What may happen now to a deal or a sale: call, who, guard, to."""
    if "/" in id:
        return moves_from(SALE, load(sales, id).state)
    return moves_from(DEAL, load(deals, id).state)
