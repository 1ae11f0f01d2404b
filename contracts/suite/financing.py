"""Financing (M2): a holder turns a leaf or an invoice into money, and pays for the time only.

request → quote (many) → accept_quote → duplicate_check → disburse with a DC/EP proof. The price is computed
here, once, when a quote is accepted; the payment's reference is fixed in the same step, before anybody pays.
Delivery against payment: a leaf is locked, then paid for, then one transaction verifies the proof and moves
it; if nobody pays in time both sides are free again. Source: domain/trade-finance.md 2.2 and 2.5.
"""

from rules.calendar import (
    CLOCK_DRIFT_MS,
    add_business_days,
    date_of,
    day_at,
    day_end_ms,
    is_date,
    parse_date,
)
from rules.day_count import effective_rate, simple_interest
from rules.financing_machine import (
    ADVANCE_BPS,
    FINANCING,
    PAY_BUSINESS_DAYS,
    PROOF_MARGIN_MS,
    QUOTE_VALID_MS_MAX,
    QUOTES_MAX,
    QUOTES_PER_BANK,
    RATE_PPM_MAX,
    REQUEST_LIEN_MS,
)  # fmt: skip
from rules.machine import moves_from, row_for
from rules.money import BPS_UNIT, half_up, is_amount, share_of
from sdk import Event, Map, call, ctx, dataclass, export, require, view


@dataclass
class Financing:
    """`leaf_id` or `document` names what is financed; the other is empty. Amounts are fen."""

    request_id: str
    borrower: str
    leaf_id: str
    document: str
    gross_fen: int
    due_date: str
    purpose: str
    to_bank: str
    state: str = "REQUESTED"
    bank: str = ""
    rate_ppm: int = 0
    days: int = 0
    principal_fen: int = 0
    interest_fen: int = 0
    payout_fen: int = 0
    pay_reference: bytes = b""
    repay_reference: bytes = b""
    accepted_ms: int = 0
    pay_until_ms: int = 0
    fingerprint: str = ""
    claim: int = 0
    quotes: int = 0
    version: int = 1


@dataclass
class Quote:
    number: int
    bank: str
    rate_ppm: int
    principal_fen: int
    recourse: bool
    until_ms: int
    state: str = "OPEN"


financings = Map("financing", None)
quotes = Map("quote", None)  # (request id, number)
serials = Map("serial", 0)  # year
advanced = Map("advanced", 0)  # (seller, invoice digest) → fen advanced by all banks

Requested = Event("Fin.Requested")
Quoted = Event("Fin.Quoted")
QuoteAccepted = Event("Fin.QuoteAccepted")
Cleared = Event("Fin.Cleared")
DuplicateFound = Event("Fin.DuplicateFound")
Disbursed = Event("Fin.Disbursed")
Lapsed = Event("Fin.Lapsed")
Withdrawn = Event("Fin.Withdrawn")
Declined = Event("Fin.Declined")
Repaid = Event("Fin.Repaid")


# ---- helpers -------------------------------------------------------------------------------------


def load(request_id: str):
    found = financings[request_id]
    require(found is not None, "E_NOT_FOUND", "no such financing")
    return found


def enter(financing, move: str, expected_version: int = 0):
    """Take the step the table allows from here, or refuse with E_STATE. The caller stores it."""
    require(expected_version in (0, financing.version), "E_VERSION", "it has changed since")
    row = row_for(FINANCING, financing.state, move)
    require(row is not None, "E_STATE", f"{move} is not possible in state {financing.state}")
    financing.state = row[4]
    financing.version += 1
    financings[financing.request_id] = financing


def require_trader(member: str, who: str):
    require(ctx.member == member, "E_NOT_PARTY", f"only {who} may do this")
    require("maker" in ctx.roles or "checker" in ctx.roles, "E_ROLE", "a maker or checker may")


def require_bank(member: str):
    require(ctx.member == member, "E_NOT_PARTY", "only the bank concerned may do this")
    require("financier" in ctx.roles, "E_ROLE", "a financier of the bank may do this")


def new_request(leaf_id: str, document: str, purpose: str, consent: bool, to_bank: str):
    """A request without what depends on its kind: amount and due date are filled in by the caller."""
    require_trader(ctx.member, "the borrower")
    call("party", "check_new_business", ctx.member)
    require(consent, "E_CONSENT", "the borrower must agree that banks see the data")
    require(0 < len(purpose) <= 100, "E_TEXT", "a purpose is 1 to 100 characters")
    year = date_of(day_at(ctx.time))[0]
    serials[year] += 1
    request_id = f"FR-{year}-{serials[year]:06d}"
    return Financing(request_id, ctx.member, leaf_id, document, 0, "", purpose, to_bank)


def let_go(financing):
    """Free what a financing that ends without payment was holding."""
    accepted = financing.principal_fen > 0
    if financing.leaf_id:
        move = "unlock" if financing.state == "CLEARED" else "free"
        call("receivable", move, financing.leaf_id, financing.request_id)
    elif accepted:
        advanced[(financing.borrower, financing.document)] -= financing.principal_fen
        drawn = (financing.document, financing.principal_fen, financing.borrower)
        call("invoice_registry", "restore", *drawn)
    if financing.state == "CLEARED":
        claim = (financing.fingerprint, financing.bank, financing.claim)
        call("invoice_registry", "unhold", *claim)


# ---- request and quote ---------------------------------------------------------------------------


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
    financing.due_date = due_date
    financings[financing.request_id] = financing
    Requested(request_id=financing.request_id, version=1)
    return financing.request_id


@export
def quote(
    request_id: str, rate_ppm: int, principal_fen: int, valid_until_ms: int, recourse: bool = False,
    expected_version: int = 0,
) -> int:  # fmt: skip
    """A bank's binding offer. Returns its number.

    rate_ppm: parts per million a year, 3.05 % is 30,500. principal_fen: the whole leaf, or at most 80 % of
    the invoice. Codes: E_NOT_PARTY, E_ROLE, E_PARTY, E_STATE, E_RATE, E_AMOUNT, E_ADVANCE, E_EXPIRED.
    """
    financing = load(request_id)
    require_bank(financing.to_bank or ctx.member)
    party = call("party", "check_new_business", ctx.member)
    require(party["kind"] in ("bank", "factor"), "E_ROLE", "only a bank or a factor finances")
    require(ctx.member != financing.borrower, "E_SELF", "nobody finances himself")
    enter(financing, "quote", expected_version)
    require(0 < rate_ppm <= RATE_PPM_MAX, "E_RATE", "a rate is above 0 and at most 24 % a year")
    require(is_amount(principal_fen), "E_AMOUNT", "a principal is a positive number of fen")
    if financing.leaf_id:
        require(principal_fen == financing.gross_fen, "E_AMOUNT", "a leaf is bought as a whole")
    else:
        most = share_of(financing.gross_fen, ADVANCE_BPS)
        require(principal_fen <= most, "E_ADVANCE", "an advance is at most 80 % of the invoice")
    ahead = valid_until_ms - ctx.time
    require(0 < ahead <= QUOTE_VALID_MS_MAX, "E_EXPIRED", "a quote stands up to 48 hours")
    given = [quotes[(request_id, number)].bank for number in range(1, financing.quotes + 1)]
    room = len(given) < QUOTES_MAX and given.count(ctx.member) < QUOTES_PER_BANK
    require(room, "E_QUOTES", "enough quotes")
    financing.quotes += 1
    number = financing.quotes
    quotes[(request_id, number)] = Quote(
        number, ctx.member, rate_ppm, principal_fen, recourse, valid_until_ms
    )
    financings[request_id] = financing
    Quoted(request_id=request_id, number=number, version=financing.version)
    return number


def price(financing, chosen):
    """Fix what the bank pays and what it gets back: one cash flow, one rounding, A360."""
    financing.bank = chosen.bank
    financing.rate_ppm = chosen.rate_ppm
    financing.principal_fen = chosen.principal_fen
    financing.days = parse_date(financing.due_date) - day_at(ctx.time)
    require(financing.days > 0, "E_TENOR", "the due date has come")
    interest = half_up(*simple_interest(chosen.principal_fen, chosen.rate_ppm, financing.days))
    financing.interest_fen = interest
    # a leaf is discounted: interest is taken off first; an advance bears interest in arrears
    discount = interest if financing.leaf_id else 0
    financing.payout_fen = chosen.principal_fen - discount
    require(financing.payout_fen > 0, "E_AMOUNT", "nothing would be paid out")


@export
def accept_quote(request_id: str, number: int, salt: bytes, expected_version: int = 0) -> dict:
    """The borrower takes one quote; the others lapse. Returns the price and the payment to be made.

    `salt`: 16 to 32 random bytes. Codes: E_NOT_PARTY, E_STATE, E_NOT_FOUND, E_EXPIRED, E_SALT, E_TENOR,
    E_ADVANCE, E_UNDERLYING, E_LIEN.
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
    financing.accepted_ms = ctx.time
    financing.pay_until_ms = day_end_ms(add_business_days(day_at(ctx.time), PAY_BUSINESS_DAYS))
    financing.pay_reference = call(
        "dcep", "payment_reference", "financing", request_id, 1, financing.payout_fen, "CNY",
        financing.borrower, salt,
    )  # fmt: skip
    if financing.leaf_id:
        until = financing.pay_until_ms + PROOF_MARGIN_MS
        call("receivable", "reserve", financing.leaf_id, financing.borrower, request_id, until)
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
    most = share_of(financing.gross_fen, ADVANCE_BPS)
    require(advanced[key] + principal <= most, "E_ADVANCE", "more than 80 % of the invoice")
    advanced[key] += principal
    found = call("invoice_registry", "get_document", document, financing.borrower)
    call("invoice_registry", "draw", document, principal, financing.borrower, found["buyer"])
    financing.repay_reference = call(
        "dcep", "payment_reference", "financing", financing.request_id, 2,
        principal + financing.interest_fen, "CNY", financing.bank, salt,
    )  # fmt: skip


# ---- duplicate check and payment -----------------------------------------------------------------


@export
def duplicate_check(
    request_id: str, fingerprint: str, share_bps: int = 10000, expected_version: int = 0
) -> str:
    """The bank asks the invoice registry, with the gateway's fingerprint of the invoice beneath.

    Returns CLEARED, and then the leaf is locked; or REJECTED_DUP, and then everything is free again.
    """
    financing = load(request_id)
    require_bank(financing.bank or ctx.member)
    own = call("invoice_registry", "my_claim", fingerprint)
    reserved = own["state"] == "RESERVED"
    share = own["share_bps"] if reserved else share_bps
    require(0 < share <= BPS_UNIT, "E_SHARE", "a share is 1 to 10,000 basis points")
    if not reserved and call("invoice_registry", "available_bps", fingerprint) < share:
        return reject_duplicate(financing, fingerprint, expected_version)
    enter(financing, "duplicate_check", expected_version)
    covered = financing.leaf_id or share_of(financing.gross_fen, share) >= financing.principal_fen
    require(covered, "E_SHARE", "the registered share is smaller than the advance")
    call("party", "check_member", ctx.member)
    call("party", "check_member", financing.borrower)
    if not reserved:
        call("invoice_registry", "register", fingerprint, share)
    financing.claim = call("invoice_registry", "hold", fingerprint)
    if financing.leaf_id:
        call("receivable", "lock", financing.leaf_id, request_id)
    financing.fingerprint = fingerprint
    financings[request_id] = financing
    Cleared(request_id=request_id, version=financing.version)
    return financing.state


def reject_duplicate(financing, fingerprint: str, expected_version: int) -> str:
    """Both banks learn that there was a conflict; neither learns who the other is."""
    held = load(financing.request_id)
    enter(financing, "reject_duplicate", expected_version)
    let_go(held)
    call("invoice_registry", "note_conflict", fingerprint)
    DuplicateFound(request_id=financing.request_id, version=financing.version)
    return financing.state


@export
def disburse(request_id: str, proof: bytes) -> str:
    """Anyone brings the proof that the bank paid: the leaf moves, or the advance stands."""
    financing = load(request_id)
    enter(financing, "disburse")
    call(
        "dcep",
        "verify_payment",
        proof,
        {
            "ref_commit": financing.pay_reference,
            "payee_member": financing.borrower,
            "amount_fen": financing.payout_fen,
            "ccy": "CNY",
            "not_before_ms": financing.accepted_ms - CLOCK_DRIFT_MS,
            "not_after_ms": financing.pay_until_ms,
            "payer_members": [financing.bank],
        },
    )
    claim = (financing.fingerprint, financing.bank, financing.claim)
    call("invoice_registry", "activate", *claim)
    if financing.leaf_id:
        call("receivable", "assign_to_financier", financing.leaf_id, request_id, financing.bank)
    Disbursed(request_id=request_id, version=financing.version)
    return financing.state


@export
def timeout(request_id: str) -> str:
    """Nobody paid in time: the leaf or invoice is free again. A day's margin lets a late proof arrive."""
    financing = load(request_id)
    held = load(request_id)
    enter(financing, "timeout")
    over = financing.pay_until_ms + PROOF_MARGIN_MS
    require(ctx.time > over, "E_TOO_EARLY", "the bank may still prove its payment")
    let_go(held)
    Lapsed(request_id=request_id, version=financing.version)
    return financing.state


@export
def withdraw(request_id: str, expected_version: int = 0) -> str:
    financing = load(request_id)
    held = load(request_id)
    require_trader(financing.borrower, "the borrower")
    enter(financing, "withdraw", expected_version)
    let_go(held)
    Withdrawn(request_id=request_id, version=financing.version)
    return financing.state


@export
def decline(request_id: str, reason: str, expected_version: int = 0) -> str:
    """The bank that was asked alone, or whose quote was accepted, steps back before it has paid."""
    financing = load(request_id)
    held = load(request_id)
    require_bank(financing.bank or financing.to_bank)
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    enter(financing, "decline", expected_version)
    let_go(held)
    Declined(request_id=request_id, reason=reason, version=financing.version)
    return financing.state


@export
def repay(request_id: str, proof: bytes = b"") -> str:
    """A leaf is repaid when its debtor has paid it; an advance by a proof of principal and interest."""
    financing = load(request_id)
    enter(financing, "repay")
    if financing.leaf_id:
        # an unread proof in an accepted call would look like a payment in an evidence bundle
        require(proof == b"", "E_PROOF_UNUSED", "a leaf is repaid by its own payment")
        settled = call("receivable", "is_settled", financing.leaf_id)
        require(settled, "E_UNPAID", "the leaf is not paid yet")
    else:
        call(
            "dcep",
            "verify_payment",
            proof,
            {
                "ref_commit": financing.repay_reference,
                "payee_member": financing.bank,
                "amount_fen": financing.principal_fen + financing.interest_fen,
                "ccy": "CNY",
                "not_before_ms": financing.accepted_ms - CLOCK_DRIFT_MS,
                "not_after_ms": ctx.time,
            },
        )
    claim = (financing.fingerprint, financing.bank, financing.claim)
    call("invoice_registry", "repay", *claim)
    Repaid(request_id=request_id, version=financing.version)
    return financing.state


# ---- views ---------------------------------------------------------------------------------------


def describe(financing) -> dict:
    """What bank and borrower must agree on, with what the money really costs a year (ppm)."""
    priced = financing.payout_fen > 0
    apr = (
        half_up(*effective_rate(financing.interest_fen, financing.payout_fen, financing.days))
        if priced
        else 0
    )
    return {
        "request_id": financing.request_id,
        "borrower": financing.borrower,
        "leaf_id": financing.leaf_id,
        "document": financing.document,
        "gross_fen": financing.gross_fen,
        "due_date": financing.due_date,
        "state": financing.state,
        "bank": financing.bank,
        "rate_ppm": financing.rate_ppm,
        "days": financing.days,
        "principal_fen": financing.principal_fen,
        "interest_fen": financing.interest_fen,
        "payout_fen": financing.payout_fen,
        "effective_rate_ppm": apr,
        "pay_reference": financing.pay_reference,
        "repay_reference": financing.repay_reference,
        "pay_until_ms": financing.pay_until_ms,
        "quotes": financing.quotes,
        "version": financing.version,
    }


@view
def get(request_id: str) -> dict:
    """Borrower, bank and regulator see a financing; before acceptance every bank does."""
    financing = load(request_id)
    concerned = (financing.borrower, financing.bank, financing.to_bank)
    party = ctx.member != "" and ctx.member in concerned
    asked = financing.bank == "" and financing.to_bank == "" and "financier" in ctx.roles
    require(party or asked or "regulator" in ctx.roles, "E_NOT_PARTY", "not your financing")
    return describe(financing)


@view
def list_quotes(request_id: str) -> list:
    """The borrower sees every quote, a bank its own."""
    financing = load(request_id)
    everything = ctx.member == financing.borrower or "regulator" in ctx.roles
    offers = [quotes[(request_id, number)] for number in range(1, financing.quotes + 1)]
    return [
        {
            "number": offer.number,
            "bank": offer.bank,
            "rate_ppm": offer.rate_ppm,
            "principal_fen": offer.principal_fen,
            "recourse": offer.recourse,
            "until_ms": offer.until_ms,
            "state": offer.state,
        }
        for offer in offers
        if everything or offer.bank == ctx.member
    ]


@view
def next_steps(request_id: str) -> list:
    """What may happen to a financing now: call, who, guard, to."""
    return moves_from(FINANCING, load(request_id).state)
