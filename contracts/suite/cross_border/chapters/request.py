"""What is financed and by whom, and its place in the quota: REQUESTED to QUOTA_HELD. Table CROSS."""

from rules.calendar import date_of, day_end_ms, is_date, parse_date
from rules.codes import is_currency, is_digest
from rules.cross_border_machine import (
    CROSS,
    FILING_BUSINESS_DAYS,
    PAY_BUSINESS_DAYS,
    PRODUCTS,
    QUOTE_VALID_MS_MAX,
    QUOTES_MAX,
    QUOTES_PER_BANK,
    RATE_PPM_MAX,
    product_of,
)
from rules.cross_border_records import (
    CoverApproved,
    Cross,
    Filed,
    FilingAcknowledged,
    FilingReturned,
    QuotaHeld,
    Quote,
    QuoteAccepted,
    Quoted,
    Requested,
    claims,
    describe,
    financings,
    price,
    quotes,
    serials,
)
from rules.dated_rules import add_business_days
from rules.day_rate import to_fen
from rules.instrument import enter, keep, require_step, today
from rules.money import PAYMENT_MAX, is_amount, share_of
from rules.rulebook_catalogue import authority_of
from sdk import call, ctx, export, require

DECLARATION = "declaration"
GUARANTEE = "guarantee"
DIGEST = "64 hex digits"


def days_end(business_days: int) -> int:
    return day_end_ms(add_business_days(today(), business_days))


def worth_of(kind: str, basis: str, buyer: str) -> int:
    """What the basis is worth in fen, if it is the borrower's and in force. Codes: E_BASIS, of its contract."""
    if kind == DECLARATION:
        found = call("declared_goods", "get", basis)
        own = found["seller"] == ctx.member and buyer in ("", found["buyer"])
        require(own and not found["is_suspect"], "E_BASIS", "no goods that the borrower sold")
        return found["value_fen"] - found["in_use_fen"]
    if kind == GUARANTEE:
        found = call("guarantee", "get", basis)
        own = found["parties"]["applicant"] == ctx.member
        in_force = found["state"] in ("ISSUED", "ADVISED")
    else:
        found = call("credit", "get", basis)
        own = found["parties"][kind] == ctx.member
        in_force = found["state"] in ("ISSUED", "ADVISED", "CONFIRMED")
    require(own and in_force, "E_BASIS", "it is not the borrower's, or not in force")
    return found["available_fen"]


def mainland_side(borrower: str, lender: str) -> str:
    """Whose quota it is: the party on the mainland. Code: E_NOT_CROSS_BORDER."""
    here = [m for m in (borrower, lender) if call("party", "get", m)["country"] == "CN"]
    require(len(here) == 1, "E_NOT_CROSS_BORDER", "borrower and lender on two sides of the border")
    return here[0]


@export
def request(
    product: str, basis: str, currency: str, due_date: str, commitment: str, consent: bool, safe: str,
    buyer: str = "", factor: str = "",
) -> str:  # fmt: skip
    """A borrower asks for money against a credit, a declaration or a guarantee. Returns the number,
    XF-2027-000001.

    commitment: salted digest of the terms, all that crosses the zone bridge. buyer, factor: with two factors.
    Codes: E_NOT_PARTY, E_CODE, E_CONSENT, E_AUTHORITY, E_DIGEST, E_DATE, E_TENOR, E_FACTORS, E_BASIS, E_CLAIM…
    """
    parts = {"borrower": ctx.member, "lender": "", "safe": safe, "buyer": buyer, "factor": factor}
    require_step(CROSS, "-", "request", parts)
    row = product_of(product)
    known = row is not None and is_currency(currency)
    require(known, "E_CODE", "products: " + ", ".join([r[0] for r in PRODUCTS]))
    require(consent, "E_CONSENT", "the borrower must agree that banks see the data")
    require(authority_of(safe) == "SAFE", "E_AUTHORITY", "SAFE takes the filing")
    require(is_digest(commitment), "E_DIGEST", DIGEST)
    require(is_date(due_date) and parse_date(due_date) > today(), "E_DATE", "due date ahead")
    require(parse_date(due_date) - today() <= row[3], "E_TENOR", f"at most {row[3]} days")
    require((buyer != "" and factor != "") == row[5], "E_FACTORS", "buyer and import factor")
    call("party", "check_new_business", ctx.member)
    if factor:
        kind = call("party", "check_member", factor)["kind"]
        require(kind in ("bank", "factor"), "E_ROLE", "a bank or a factor covers")
    require(claims[(row[1], basis)] == "", "E_CLAIM", "another financing rests on it")
    worth_fen = worth_of(row[1], basis, buyer)
    year = date_of(today())[0]
    serials[year] += 1
    id = f"XF-{year}-{serials[year]:06d}"
    claims[(row[1], basis)] = id
    made = Cross(
        id, parts, product, basis, worth_fen, currency, due_date, commitment, state="REQUESTED"
    )
    keep(financings, made, Requested)
    return id


@export
def quote(
    id: str, rate_ppm: int, principal: int, valid_until_ms: int, expected_version: int = 0
) -> int:
    """A binding offer from the other side of the border. principal: minor units. Returns its number.

    Codes: E_ROLE, E_PARTY, E_SELF, E_NOT_CROSS_BORDER, E_RATE, E_AMOUNT, E_ADVANCE, E_EXPIRED, E_QUOTES,
    E_HOLD.
    """
    cross = enter(CROSS, financings, id, "quote", expected_version)
    kind = call("party", "check_new_business", ctx.member)["kind"]
    require(kind in ("bank", "factor"), "E_ROLE", "a bank or a factor finances")
    own = ctx.member in (cross.parties["borrower"], cross.parties["factor"])
    require(not own, "E_SELF", "borrower, lender and import factor are three")
    mainland_side(cross.parties["borrower"], ctx.member)
    require(0 < rate_ppm <= RATE_PPM_MAX, "E_RATE", "above 0 and at most 24 % a year")
    require(is_amount(principal) and principal <= PAYMENT_MAX, "E_AMOUNT", "a positive amount")
    most = share_of(cross.worth_fen, product_of(cross.product)[2])
    require(to_fen(principal, cross.currency) <= most, "E_ADVANCE", f"worth at most {most} fen")
    require(0 < valid_until_ms - ctx.time <= QUOTE_VALID_MS_MAX, "E_EXPIRED", "up to 48 hours")
    banks = [quotes[(id, n)].bank for n in range(1, cross.quotes + 1)]
    room = len(banks) < QUOTES_MAX and banks.count(ctx.member) < QUOTES_PER_BANK
    require(room, "E_QUOTES", "enough quotes")
    cross.quotes += 1
    quotes[(id, cross.quotes)] = Quote(
        cross.quotes, ctx.member, rate_ppm, principal, valid_until_ms
    )
    keep(financings, cross, Quoted)
    return cross.quotes


@export
def accept_quote(id: str, number: int, expected_version: int = 0) -> dict:
    """A second person of the borrower takes a quote. Returns the financing with its price.

    Codes: E_NOT_FOUND, E_EXPIRED, E_TENOR, E_BASIS (a guarantee must be in the lender's favour, and outlive
    it).
    """
    cross = enter(CROSS, financings, id, "accept_quote", expected_version)
    chosen = quotes[(id, number)]
    require(chosen is not None, "E_NOT_FOUND", "no such quote")
    require(ctx.time <= chosen.until_ms, "E_EXPIRED", "the quote has run out")
    require(parse_date(cross.due_date) > today(), "E_TENOR", "the due date has come")
    call("party", "check_new_business", ctx.member)
    call("party", "check_new_business", chosen.bank)
    if product_of(cross.product)[1] == GUARANTEE:
        found = call("guarantee", "get", cross.basis)
        favours = found["parties"]["beneficiary"] == chosen.bank
        lasting = favours and found["expiry"] >= cross.due_date
        require(lasting, "E_BASIS", "a guarantee in the lender's favour that outlives the loan")
    cross.parties["lender"] = chosen.bank
    cross.subject = mainland_side(ctx.member, chosen.bank)
    price(cross, chosen, today())
    keep(financings, cross, QuoteAccepted)
    return describe(cross)


@export
def approve_cover(id: str, cover: int, expected_version: int = 0) -> str:
    """The import factor takes the buyer's risk up to an amount. Codes: E_COVER."""
    cross = enter(CROSS, financings, id, "approve_cover", expected_version)
    require(cover >= cross.principal, "E_COVER", "the cover is at least the principal")
    cross.cover = cover
    return keep(financings, cross, CoverApproved)


@export
def file(id: str, document: str, expected_version: int = 0) -> str:
    """The contract is filed with SAFE, three business days before the money. Codes: E_COVER, E_DIGEST."""
    cross = enter(CROSS, financings, id, "file", expected_version)
    covered = cross.cover > 0 or not product_of(cross.product)[5]
    require(covered, "E_COVER", "the import factor has approved no cover")
    require(is_digest(document), "E_DIGEST", DIGEST)
    cross.filing = document
    cross.is_acknowledged = False
    cross.filed_until_ms = days_end(FILING_BUSINESS_DAYS)
    return keep(financings, cross, Filed)


def give_reason(cross, reason: str):
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    cross.reason = reason


@export
def return_filing(id: str, reason: str, expected_version: int = 0) -> str:
    cross = enter(CROSS, financings, id, "return_filing", expected_version)
    give_reason(cross, reason)
    return keep(financings, cross, FilingReturned)


@export
def acknowledge(id: str, expected_version: int = 0) -> str:
    cross = enter(CROSS, financings, id, "acknowledge", expected_version)
    cross.is_acknowledged = True
    return keep(financings, cross, FilingAcknowledged)


@export
def hold_quota(id: str, expected_version: int = 0) -> str:
    """The lender takes the quota and, where goods are the basis, their value. Codes: E_TOO_EARLY, E_QUOTA…"""
    cross = enter(CROSS, financings, id, "hold_quota", expected_version)
    passed = cross.is_acknowledged or ctx.time >= cross.filed_until_ms
    require(passed, "E_TOO_EARLY", "SAFE may still return the filing")
    days = parse_date(cross.due_date) - today()
    require(days > 0, "E_TENOR", "the due date has come")
    call("quota", "hold", id, cross.subject, cross.product, cross.currency, cross.principal, days)
    if product_of(cross.product)[1] == DECLARATION:
        fen = to_fen(cross.principal, cross.currency)
        call("declared_goods", "use", cross.basis, fen)
        cross.used_fen = fen
    cross.pay_until_ms = days_end(PAY_BUSINESS_DAYS)
    return keep(financings, cross, QuotaHeld)
