"""Asking for money against a leaf or an invoice, and what banks offer: REQUESTED to ACCEPTED."""

from rules.calendar import day_at, day_end_ms, is_date, parse_date
from rules.dated_rules import add_business_days
from rules.day_count import simple_interest
from rules.financing_machine import (
    PAY_BUSINESS_DAYS,
    PROOF_MARGIN_MS,
    QUOTE_VALID_MS_MAX,
    QUOTES_MAX,
    QUOTES_PER_BANK,
    RATE_PPM_MAX,
    REQUEST_LIEN_MS,
)
from rules.financing_payments import fix_repayment
from rules.financing_pledge import fix_pledge, hold_pledge, most_advanced
from rules.financing_records import (
    Quote,
    advanced,
    describe,
    enter,
    financings,
    is_bought,
    load,
    new_request,
    quotes,
    require_bank,
)
from rules.money import half_up, is_amount
from rules.oversight import supervise
from rules.persons import require_trader
from sdk import Event, call, ctx, export, require

Requested = Event("Fin.Requested")
Quoted = Event("Fin.Quoted")
QuoteAccepted = Event("Fin.QuoteAccepted")


@export
def request_receivable(leaf_id: str, purpose: str, consent: bool, to_bank: str = "") -> str:
    """The holder asks for money against a leaf. Returns the request's number, FR-2026-000001.

    The leaf is held for 24 hours. Codes: E_ROLE, E_PARTY, E_KYC_EXPIRED, E_CONSENT, E_TEXT, E_STATE,
    E_NOT_PARTY, E_LIEN, E_FINANCED.
    """
    financing = new_request(leaf_id, "", purpose, consent, to_bank)
    until = ctx.time + REQUEST_LIEN_MS
    leaf = call("receivable", "reserve", leaf_id, ctx.member, financing.request_id, until)
    financing.gross_fen = leaf["amount_fen"]
    financing.due_date = leaf["due_date"]
    financing.debtor = leaf["debtor"]
    financings[financing.request_id] = financing
    Requested(request_id=financing.request_id, version=1)
    return financing.request_id


@export
def request_invoice(
    document: str, due_date: str, purpose: str, consent: bool, to_bank: str = ""
) -> str:
    """The seller asks for an advance on an invoice it lodged. Returns the request's number."""
    financing = new_request("", document, purpose, consent, to_bank)
    invoice = call("invoice_registry", "get_document", document)
    require(invoice["kind"] == "invoice", "E_TRADE_BASIS", "only an invoice can be financed")
    require(invoice["currency"] == "CNY", "E_CURRENCY", "advances are in CNY")
    require(is_date(due_date), "E_DATE", "a date is written YYYY-MM-DD")
    require(parse_date(due_date) > day_at(ctx.time), "E_DATE", "the due date lies ahead")
    financing.gross_fen = invoice["amount_fen"]
    financing.debtor = invoice["buyer"]
    financing.due_date = due_date
    financings[financing.request_id] = financing
    Requested(request_id=financing.request_id, version=1)
    return financing.request_id


@export
def quote(
    request_id: str, rate_ppm: int, principal_fen: int, valid_until_ms: int, recourse: bool = False,
    expected_version: int = 0, pledge: bool = False,
) -> int:  # fmt: skip
    """A bank's binding offer. Returns its number.

    rate_ppm: parts per million a year, 3.05 % is 30,500. principal_fen: the whole leaf, or at most 80 % of
    the invoice. pledge: the leaf is not bought, it secures an advance of at most 80 % of it. Codes:
    E_NOT_PARTY, E_ROLE, E_PARTY, E_STATE, E_RATE, E_AMOUNT, E_PLEDGE, E_ADVANCE, E_EXPIRED.
    """
    financing = load(request_id)
    require_bank(financing.to_bank or ctx.member)
    party = call("party", "check_new_business", ctx.member)
    require(party["kind"] in ("bank", "factor"), "E_ROLE", "only a bank or a factor finances")
    require(ctx.member != financing.borrower, "E_SELF", "nobody finances himself")
    enter(financing, "quote", expected_version)
    require(0 < rate_ppm <= RATE_PPM_MAX, "E_RATE", "a rate is above 0 and at most 24 % a year")
    require(is_amount(principal_fen), "E_AMOUNT", "a principal is a positive number of fen")
    require(financing.leaf_id or not pledge, "E_PLEDGE", "an invoice is advanced on, not pledged")
    if financing.leaf_id and not pledge:
        require(principal_fen == financing.gross_fen, "E_AMOUNT", "a leaf is bought as a whole")
    else:
        most = most_advanced(financing.gross_fen)
        on = "leaf" if pledge else "invoice"
        require(principal_fen <= most, "E_ADVANCE", f"at most {most} fen on this {on}")
    ahead = valid_until_ms - ctx.time
    require(0 < ahead <= QUOTE_VALID_MS_MAX, "E_EXPIRED", "a quote stands up to 48 hours")
    given = [quotes[(request_id, number)].bank for number in range(1, financing.quotes + 1)]
    room = len(given) < QUOTES_MAX and given.count(ctx.member) < QUOTES_PER_BANK
    require(room, "E_QUOTES", "enough quotes")
    financing.quotes += 1
    number = financing.quotes
    quotes[(request_id, number)] = Quote(
        number, ctx.member, rate_ppm, principal_fen, recourse, valid_until_ms, pledge=pledge
    )
    financings[request_id] = financing
    Quoted(request_id=request_id, number=number, version=financing.version)
    return number


def price(financing, chosen):
    """Fix what the bank pays and what it gets back: one cash flow, one rounding, A360."""
    financing.bank = chosen.bank
    financing.rate_ppm = chosen.rate_ppm
    financing.recourse = chosen.recourse
    financing.principal_fen = chosen.principal_fen
    if chosen.pledge:
        fix_pledge(financing)
    financing.days = parse_date(financing.due_date) - day_at(ctx.time)
    require(financing.days > 0, "E_TENOR", "the due date has come")
    interest = half_up(*simple_interest(chosen.principal_fen, chosen.rate_ppm, financing.days))
    financing.interest_fen = interest
    # a leaf is discounted: interest is taken off first; an advance bears interest in arrears
    discount = interest if is_bought(financing) else 0
    financing.payout_fen = chosen.principal_fen - discount
    require(financing.payout_fen > 0, "E_AMOUNT", "nothing would be paid out")


@export
def accept_quote(request_id: str, number: int, salt: bytes, expected_version: int = 0) -> dict:
    """The borrower takes one quote; the others lapse. Returns the price and the payment to be made.

    `salt`: 16 to 32 random bytes. Codes: E_NOT_PARTY, E_STATE, E_NOT_FOUND, E_EXPIRED, E_SALT, E_TENOR,
    E_ADVANCE, E_UNDERLYING, E_LIEN, E_CUT_OFF.
    """
    financing = load(request_id)
    require_trader(financing.borrower, "the borrower")
    enter(financing, "accept_quote", expected_version)
    chosen = quotes[(request_id, number)]
    require(chosen is not None, "E_NOT_FOUND", "no such quote")
    call("party", "check_new_business", financing.borrower)
    call("party", "check_member", chosen.bank)
    require(ctx.time <= chosen.until_ms, "E_EXPIRED", "the quote has run out")
    require(16 <= len(salt) <= 32, "E_SALT", "a salt is 16 to 32 bytes")
    price(financing, chosen)
    supervise(
        "financing.accept", request_id, chosen.bank, financing.borrower, financing.payout_fen,
        financing.days, chosen.rate_ppm,
    )  # fmt: skip
    financing.accepted_ms = ctx.time
    financing.pay_until_ms = day_end_ms(add_business_days(day_at(ctx.time), PAY_BUSINESS_DAYS))
    financing.pay_reference = call(
        "dcep", "payment_reference", "financing", request_id, 1, financing.payout_fen, "CNY",
        financing.borrower, salt,
    )  # fmt: skip
    if financing.leaf_id:
        until = financing.pay_until_ms + PROOF_MARGIN_MS
        lien = (financing.leaf_id, financing.borrower, request_id, until)
        leaf = call("receivable", "reserve", *lien)
        if financing.pledge:
            hold_pledge(financing, leaf["amount_fen"], salt)
    else:
        hold_invoice(financing, salt)
    for other in range(1, financing.quotes + 1):
        offer = quotes[(request_id, other)]
        offer.state = "ACCEPTED" if other == number else "LAPSED"
        quotes[(request_id, other)] = offer
    financings[request_id] = financing
    QuoteAccepted(request_id=request_id, number=number, version=financing.version)
    return describe(financing)


def hold_invoice(financing, salt: bytes):
    """Draw the advance from the invoice, and fix how principal and interest come back to the bank."""
    document, principal = financing.document, financing.principal_fen
    key = (financing.borrower, document)
    most = most_advanced(financing.gross_fen)
    require(advanced[key] + principal <= most, "E_ADVANCE", f"at most {most} fen on this invoice")
    advanced[key] += principal
    found = call("invoice_registry", "get_document", document, financing.borrower)
    call("invoice_registry", "draw", document, principal, financing.borrower, found["buyer"])
    fix_repayment(financing, salt, principal + financing.interest_fen, principal, 0)
