"""Financing (M2): a holder turns a leaf or an invoice into money, and pays for the time only.

request → quote (many) → accept_quote → duplicate_check → disburse with a DC/EP proof. The price is computed
here, once, when a quote is accepted; the payment's reference is fixed in the same step, before anybody pays.
Delivery against payment: a leaf is locked, then paid for, then one transaction verifies the proof and moves
it; if nobody pays in time both sides are free again. Source: domain/trade-finance.md 2.2 and 2.5.
"""

from rules.assignment_priority import waterfall
from rules.calendar import date_text, day_at, day_end_ms, is_date, parse_date
from rules.codes import is_digest
from rules.dated_rules import add_business_days, rule_on
from rules.day_count import simple_interest
from rules.financing_machine import (
    FINANCING,
    PAY_BUSINESS_DAYS,
    PROOF_MARGIN_MS,
    QUOTE_VALID_MS_MAX,
    QUOTES_MAX,
    QUOTES_PER_BANK,
    RATE_PPM_MAX,
    REQUEST_LIEN_MS,
)  # fmt: skip
from rules.financing_payments import (
    claim_of,
    deliver,
    fix_repayment,
    hand_over,
    owe_again,
    owed_today,
    take_lock,
    take_payout,
    take_refund,
    take_release,
    take_repayment,
)
from rules.financing_records import (
    Quote,
    advanced,
    claim_on_borrower,
    describe,
    enter,
    financings,
    let_go,
    load,
    new_request,
    quotes,
    require_bank,
    tell,
)
from rules.machine import moves_from
from rules.money import BPS_UNIT, half_up, is_amount, share_of
from rules.oversight import supervise
from rules.parts import split_by_weights
from rules.persons import require_trader
from sdk import Event, call, ctx, export, require, view

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
Settled = Event("Fin.Settled")
Released = Event("Fin.Released")
Reinstated = Event("Fin.Reinstated")
Filed = Event("Fin.Filed")
DebtorNotified = Event("Fin.DebtorNotified")
NoticeAcknowledged = Event("Fin.NoticeAcknowledged")
RepaymentPrepared = Event("Fin.RepaymentPrepared")
PartRepaid = Event("Fin.PartRepaid")
Overdue = Event("Fin.Overdue")
RecourseTaken = Event("Fin.RecourseTaken")
WrittenOff = Event("Fin.WrittenOff")


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
        most = most_advanced(financing.gross_fen)
        require(principal_fen <= most, "E_ADVANCE", f"at most {most} fen on this invoice")
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


def most_advanced(gross_fen: int) -> int:
    """What banks may advance on an invoice, by the rule of the day."""
    return share_of(gross_fen, rule_on("cap:advance", day_at(ctx.time))["bps"])


def price(financing, chosen):
    """Fix what the bank pays and what it gets back: one cash flow, one rounding, A360."""
    financing.bank = chosen.bank
    financing.rate_ppm = chosen.rate_ppm
    financing.recourse = chosen.recourse
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
    most = most_advanced(financing.gross_fen)
    require(advanced[key] + principal <= most, "E_ADVANCE", f"at most {most} fen on this invoice")
    advanced[key] += principal
    found = call("invoice_registry", "get_document", document, financing.borrower)
    call("invoice_registry", "draw", document, principal, financing.borrower, found["buyer"])
    fix_repayment(financing, salt, principal + financing.interest_fen, principal, 0)


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
    again = financing.state == "PAYOUT_OWED"
    enter(financing, "disburse")
    lent = financing.owed_fen if again else financing.principal_fen
    take_payout(financing, proof)
    if not again:
        deliver(financing)
    tell(Disbursed, financing, lent)
    return financing.state


@export
def settle(request_id: str, proof: bytes, terms: bytes, preimage: bytes) -> str:
    """Delivery against a conditional coin: the bank shows its locked money and what opens it; the leaf moves.

    proof: of the LOCK under the payout's reference; terms: canonical LockTerms with a hash; preimage: known to
    the bank alone until now, public from here on, so that whoever carries the borrower's signed RELEASE can
    complete it. The leaf is the bank's, and stays held until release or refund is proven. Codes: E_STATE,
    E_NOT_PARTY, E_ROLE, E_LOCK_TERMS, E_PREIMAGE, E_LOCK_LATE, E_PROOF_….
    """
    financing = load(request_id)
    require_bank(financing.bank)
    enter(financing, "settle")
    take_lock(financing, proof, terms, preimage)
    hand_over(financing)
    Settled(request_id=request_id, preimage=preimage, version=financing.version)
    return financing.state


@export
def confirm_release(request_id: str, proof: bytes) -> str:
    """Anyone brings the proof that the borrower took the locked money: the leaf is free for the bank."""
    financing = load(request_id)
    enter(financing, "confirm_release")
    take_release(financing, proof)
    deliver(financing)
    tell(Released, financing, financing.principal_fen)
    return financing.state


@export
def unwind(request_id: str, proof: bytes) -> str:
    """Anyone brings the proof that the locked money went back to the bank: so does the leaf to the borrower."""
    financing = load(request_id)
    held = load(request_id)
    enter(financing, "unwind")
    take_refund(financing, proof)
    let_go(held)
    Lapsed(request_id=request_id, version=financing.version)
    return financing.state


@export
def on_reverse(request_id: str, proof: bytes, salt: bytes) -> int:
    """Anyone brings the proof that a payout, or the repayment of an advance, was given back.

    What was given back is owed again under a new reference (`get`). Returns how much (fen).
    """
    financing = load(request_id)
    paid_back = financing.state == "REPAID"
    enter(financing, "on_reverse_repayment" if paid_back else "on_reverse_payout")
    owed = owe_again(financing, proof, salt, paid_back)
    if paid_back:
        call("invoice_registry", "reopen", *claim_of(financing))
    tell(Reinstated, financing, owed if paid_back else -owed)
    return owed


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


# ---- repayment -----------------------------------------------------------------------------------


@export
def prepare_repayment(request_id: str, salt: bytes, amount_fen: int = 0) -> dict:
    """The borrower of an advance fixes what it will pay today: early, late, or a part; interest comes first.

    amount_fen: 0 for all that is owed. Interest counts to today, after the due date half as much again.
    Returns the payment. Codes: E_NOT_PARTY, E_ROLE, E_STATE, E_METHOD, E_AMOUNT, E_SALT.
    """
    financing = load(request_id)
    require_trader(financing.borrower, "the borrower")
    enter(financing, "prepare_repayment")
    require(financing.document != "", "E_METHOD", "a leaf is repaid by its debtor's payment")
    principal, interest = owed_today(financing)
    whole = principal + interest
    amount = amount_fen or whole
    require(interest < amount <= whole, "E_AMOUNT", "more than the interest, at most all")
    until = day_end_ms(day_at(ctx.time))
    number = fix_repayment(financing, salt, amount, amount - interest, until)
    financings[request_id] = financing
    RepaymentPrepared(request_id=request_id, instalment=number, version=financing.version)
    return {
        "instalment": number,
        "reference": financing.repay_reference,
        "payee": financing.bank,
        "amount_fen": amount,
        "interest_fen": interest,
        "currency": "CNY",
        "not_after_ms": until,
    }


@export
def repay(request_id: str, proof: bytes = b"", instalment: int = 0) -> str:
    """A leaf is repaid when its debtor has paid it, or its guarantor or former holder has; an advance by a
    proof of principal and interest, also in parts. instalment: of `prepare_repayment`; 0 is the latest."""
    financing = load(request_id)
    before, owed = financing.state, claim_on_borrower(financing)
    enter(financing, "repay")
    if financing.leaf_id:
        # an unread proof in an accepted call would look like a payment in an evidence bundle
        require(proof == b"", "E_PROOF_UNUSED", "a leaf is repaid by its own payment")
        settled = call("receivable", "is_settled", financing.leaf_id, financing.bank)
        require(settled, "E_UNPAID", "the leaf is not paid yet")
    elif not take_repayment(financing, proof, instalment):
        financing.state = before
        financings[request_id] = financing
        tell(PartRepaid, financing, claim_on_borrower(financing) - owed)
        return financing.state
    call("invoice_registry", "repay", *claim_of(financing))
    tell(Repaid, financing, -owed)
    return financing.state


@export
def mark_overdue(request_id: str) -> str:
    financing = load(request_id)
    enter(financing, "mark_overdue")
    late = day_at(ctx.time) > parse_date(financing.due_date)
    require(late, "E_TOO_EARLY", "the due date has not passed")
    leaf = financing.leaf_id
    paid = leaf and call("receivable", "is_settled", leaf, financing.bank)
    require(not paid, "E_STATE", "the leaf is paid")
    Overdue(request_id=request_id, version=financing.version)
    return financing.state


@export
def recourse(request_id: str, expected_version: int = 0) -> str:
    """The bank turns to the borrower, as its quote said it might. A leaf's payment: `remedy.recourse`."""
    financing = load(request_id)
    require_bank(financing.bank)
    enter(financing, "recourse", expected_version)
    require(financing.recourse, "E_TERMS", "the quote was without recourse")
    RecourseTaken(request_id=request_id, version=financing.version)
    return financing.state


@export
def write_off(request_id: str, reason: str, expected_version: int = 0) -> str:
    """A checker of the bank. The claim stays registered: a later payment is still taken."""
    financing = load(request_id)
    require(ctx.member == financing.bank, "E_NOT_PARTY", "only the bank concerned may do this")
    require("checker" in ctx.roles, "E_ROLE", "a checker of the bank writes off")
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    enter(financing, "write_off", expected_version)
    WrittenOff(request_id=request_id, reason=reason, version=financing.version)
    return financing.state


# ---- register and notice: who comes first (Civil Code arts. 546, 768) ----------------------------


@export
def file_registration(request_id: str, number: str, until: str) -> bool:
    """The bank has filed the assignment in the unified register (PBoC 2021 Order 7), until a date."""
    financing = load(request_id)
    require_bank(financing.bank)
    enter(financing, "file_registration")
    require(0 < len(number) <= 40, "E_TEXT", "a filing's number is 1 to 40 characters")
    require(
        is_date(until) and parse_date(until) > day_at(ctx.time), "E_DATE", "it ends in the future"
    )
    if financing.filing != number:
        financing.filed_ms = ctx.time
    financing.filing = number
    financing.filed_until = until
    financings[request_id] = financing
    Filed(request_id=request_id, version=financing.version)
    return True


@export
def notify_debtor(request_id: str, notice: str) -> bool:
    """The bank tells the debtor of the assignment. `notice`: digest of the notice."""
    financing = load(request_id)
    require_bank(financing.bank)
    enter(financing, "notify_debtor")
    require(is_digest(notice), "E_DIGEST", "a notice is a digest: 64 hex digits")
    require(financing.notice == "", "E_CONSENTED", "the debtor was notified already")
    financing.notice = notice
    financing.noticed_ms = ctx.time
    financings[request_id] = financing
    DebtorNotified(request_id=request_id, debtor=financing.debtor, version=financing.version)
    return True


@export
def acknowledge_notice(request_id: str) -> bool:
    """The debtor has the notice: from here on it pays the bank, and has nothing to say against that."""
    financing = load(request_id)
    require_trader(financing.debtor, "the debtor")
    enter(financing, "acknowledge_notice")
    require(financing.notice != "", "E_STATE", "there is no notice yet")
    financing.acknowledged_ms = ctx.time
    financings[request_id] = financing
    NoticeAcknowledged(request_id=request_id, version=financing.version)
    return True


# ---- views ---------------------------------------------------------------------------------------


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


@view
def list_financings(state: str = "", as_bank: bool = False, after: str = "") -> list:
    """What the asking member borrows, or as a bank has accepted, by state and number; 50 at a time. A regulator
    lists everybody's by number."""
    if "regulator" in ctx.roles:
        at = after or None
        if state:
            every = financings.by("state", state, after=at, limit=50)
        else:
            every = financings.scan(None, at, 50)
        return [describe(financing) for _, financing in every]
    part = "bank" if as_bank else "borrower"
    known = financings[after] if after else None
    if state:
        found = financings.by((part, "state"), ctx.member, state, after=after or None, limit=50)
    else:
        start = None if known is None else (known.state, after)
        found = financings.by((part, "state"), ctx.member, after=start, limit=50)
    return [describe(financing) for _, financing in found]


@view
def payment_waterfall(seller: str, document: str, received_fen: int) -> list:
    """How a payment of an invoice runs down: the banks that advanced on it in the order of the law, then its
    seller. Each with its reference and what it gets. Interest counts to today."""
    found = financings.by(("borrower", "document"), seller, document, limit=60)
    open_states = ("DISBURSED", "OVERDUE", "RECOURSE", "WRITTEN_OFF")
    owed = [financing for _, financing in found if financing.state in open_states]
    banks = [financing.bank for financing in owed]
    sees = "regulator" in ctx.roles or ctx.member in (seller, *banks)
    require(document != "" and sees, "E_NOT_PARTY", "not your invoice")
    today = date_text(day_at(ctx.time))
    claims = []
    for financing in owed:
        filed = financing.filed_ms if financing.filed_until >= today else 0
        claims.append((sum(owed_today(financing)), filed, financing.noticed_ms))
    parts, rest = waterfall(received_fen, claims, split_by_weights)
    rows = [
        {"payee": financing.bank, "request_id": financing.request_id, "owed_fen": claims[i][0],
         "amount_fen": parts[i], "reference": financing.repay_reference}
        for i, financing in enumerate(owed)
    ]  # fmt: skip
    rows.append(
        {"payee": seller, "request_id": "", "owed_fen": 0, "amount_fen": rest, "reference": b""}
    )
    return rows
