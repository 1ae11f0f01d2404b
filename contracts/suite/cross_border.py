"""Cross-border financing (M9): money from the other side of the border, filed, within the quota, repaid by
proof.

request → quote → accept_quote → file → hold_quota → disburse → repay → release_quota. Products and what each
rests on stand in `rules.cross_border_machine` with all that may happen. With two factors (GRIF) the lender is
the export factor and the import factor takes the buyer's risk: it pays 90 days after the due date unless
there is a dispute.

Invariants: one basis carries one financing; nothing is paid out without a place in the quota; the place is
given back only when nothing is owed.
"""

from rules.calendar import date_of, day_end_ms, is_date, parse_date
from rules.codes import is_currency, is_digest
from rules.cross_border_machine import (
    COVER_DAYS,
    CROSS,
    FILING_BUSINESS_DAYS,
    PAY_BUSINESS_DAYS,
    PRODUCTS,
    PROOF_MARGIN_MS,
    QUOTE_VALID_MS_MAX,
    QUOTES_MAX,
    QUOTES_PER_BANK,
    RATE_PPM_MAX,
    product_of,
)
from rules.cross_border_records import (
    CoverApproved,
    CoverCalled,
    Cross,
    Declined,
    Disbursed,
    Disputed,
    DisputeSettled,
    Filed,
    FilingAcknowledged,
    FilingReturned,
    Lapsed,
    Overdue,
    PayoutPrepared,
    QuotaHeld,
    QuotaReleased,
    Quote,
    QuoteAccepted,
    Quoted,
    RecourseTaken,
    Repaid,
    RepaymentPrepared,
    Requested,
    SaleReported,
    Withdrawn,
    WrittenOff,
    claims,
    describe,
    financings,
    price,
    quotes,
    serials,
)
from rules.dated_rules import add_business_days
from rules.day_rate import to_fen
from rules.instrument import arrive, enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.money import PAYMENT_MAX, is_amount, share_of
from rules.rulebook_catalogue import authority_of
from rules.settlement import fix, prove
from sdk import call, ctx, export, require, view

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


# ---- request, quote, filing ----------------------------------------------------------------------


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


# ---- money ---------------------------------------------------------------------------------------


@export
def prepare_payout(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Fix the lender's payment in fen by the day's rate. Codes: E_PREPARED, E_TOO_LATE, E_HOLD, E_WALLET…"""
    cross = enter(CROSS, financings, id, "prepare_payout", expected_version)
    require(cross.payout is None, "E_PREPARED", "the reference is fixed already")
    require(ctx.time < cross.pay_until_ms, "E_TOO_LATE", "the days to pay are over")
    fen = to_fen(cross.principal, cross.currency)
    parts = cross.parties
    cross.payments += 1
    cross.payout = fix(
        id, cross.payments, parts["lender"], parts["borrower"], fen, salt, cross.pay_until_ms
    )
    keep(financings, cross, PayoutPrepared)
    return cross.payout.reference


@export
def disburse(id: str, proof: bytes) -> str:
    """Anyone brings the proof of the payout: the quota is used from now on."""
    cross = enter(CROSS, financings, id, "disburse")
    prove(cross.payout, proof)
    call("quota", "use", id)
    return keep(financings, cross, Disbursed)


def let_go(cross):
    """The basis is free for another financing."""
    kind = product_of(cross.product)[1]
    claims.delete((kind, cross.basis))
    if cross.used_fen:
        call("declared_goods", "free", cross.basis, cross.parties["lender"], cross.used_fen)
        cross.used_fen = 0


@export
def timeout(id: str) -> str:
    cross = enter(CROSS, financings, id, "timeout")
    over = cross.pay_until_ms + PROOF_MARGIN_MS
    require(ctx.time > over, "E_TOO_EARLY", "the lender may still prove its payment")
    call("quota", "release", id)
    let_go(cross)
    return keep(financings, cross, Lapsed)


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    cross = enter(CROSS, financings, id, "withdraw", expected_version)
    let_go(cross)
    return keep(financings, cross, Withdrawn)


@export
def decline(id: str, reason: str, expected_version: int = 0) -> str:
    cross = enter(CROSS, financings, id, "decline", expected_version)
    give_reason(cross, reason)
    let_go(cross)
    return keep(financings, cross, Declined)


@export
def report_sale(id: str, document: str, expected_version: int = 0) -> str:
    """Trust receipt: the goods were the lender's until sold, so the borrower accounts for the sale."""
    cross = enter(CROSS, financings, id, "report_sale", expected_version)
    require(cross.product == "trust-receipt", "E_METHOD", "only goods under a trust receipt")
    require(is_digest(document), "E_DIGEST", DIGEST)
    cross.sale = document
    return keep(financings, cross, SaleReported)


@export
def prepare_repayment(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Fix what is owed to the lender, in fen by the day's rate; good for five business days, then anew.

    Once the cover is called the import factor owes it, otherwise anybody may pay. Codes: E_PREPARED, E_HOLD…
    """
    cross = enter(CROSS, financings, id, "prepare_repayment", expected_version)
    require_no_repayment(cross)
    fen = to_fen(cross.principal + cross.interest, cross.currency)
    payer = cross.parties["factor"] if cross.state == "COVER_CALLED" else ""
    cross.payments += 1
    until = days_end(PAY_BUSINESS_DAYS)
    cross.repayment = fix(
        id, cross.payments, payer, cross.parties["lender"], fen, salt, until
    )  # fmt: skip
    keep(financings, cross, RepaymentPrepared)
    return cross.repayment.reference


def require_no_repayment(cross):
    """A fixed repayment may be on its way: nothing else is decided until it can no longer be proven."""
    waits = cross.repayment is not None
    waits = waits and ctx.time <= cross.repayment.until_ms + PROOF_MARGIN_MS
    require(not waits, "E_PREPARED", "a repayment is fixed and may still be proven")


@export
def repay(id: str, proof: bytes) -> str:
    """Anyone brings the proof that principal and interest came back. Codes: E_UNPREPARED, E_PROOF_…"""
    cross = enter(CROSS, financings, id, "repay")
    prove(cross.repayment, proof)
    return keep(financings, cross, Repaid)


@export
def release_quota(id: str) -> str:
    """Nothing is owed any more: quota and basis are free."""
    cross = enter(CROSS, financings, id, "release_quota")
    call("quota", "release", id)
    let_go(cross)
    return keep(financings, cross, QuotaReleased)


# ---- when it is not repaid -----------------------------------------------------------------------


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


# ---- views ---------------------------------------------------------------------------------------


def require_view(cross):
    """Its parties; banks while it is open for quotes; the SAFE branch that has the filing, and PBC."""
    own = ctx.member != "" and ctx.member in cross.parties.values()
    if own and ctx.member == cross.parties["safe"]:
        own = "regulator" in ctx.roles
    asked = cross.parties["lender"] == "" and "financier" in ctx.roles
    watches = "regulator" in ctx.roles and authority_of(ctx.member) == "PBC"
    require(own or asked or watches, "E_NOT_PARTY", "it belongs to other members")


@view
def get(id: str) -> dict:
    cross = load(financings, id)
    require_view(cross)
    return describe(cross)


@view
def list_quotes(id: str) -> list:
    """The borrower sees every quote, a bank its own."""
    cross = load(financings, id)
    offers = [quotes[(id, number)] for number in range(1, cross.quotes + 1)]
    return [
        {"number": one.number, "bank": one.bank, "rate_ppm": one.rate_ppm,
         "principal": one.principal, "until_ms": one.until_ms}
        for one in offers
        if ctx.member in (cross.parties["borrower"], one.bank)
    ]  # fmt: skip


@view
def products() -> list:
    return [
        {"name": row[0], "rests_on": row[1], "most_bps": row[2], "most_days": row[3],
         "with_recourse": row[4], "two_factors": row[5]}
        for row in PRODUCTS
    ]  # fmt: skip


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(CROSS, load(financings, id).state)
