"""The primary deal: a claim is offered, quoted and bought, and its documents are looked at. Table DEAL."""

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
)
from rules.forfaiting_records import (
    METHODS,
    Deal,
    DocumentsDelivered,
    DocumentsSatisfactory,
    DocumentsUnsatisfactory,
    Enquired,
    Quote,
    Quoted,
    Terminated,
    Traded,
    Withdrawn,
    claims,
    deals,
    describe,
    net_of,
    price,
    quotes,
)
from rules.instrument import enter, keep, require_step, today
from rules.money import PAYMENT_MAX, is_amount
from sdk import call, ctx, export, require


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
