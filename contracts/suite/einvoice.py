"""E-invoices (M13): made from the sale itself, known to the tax authority, reimbursed and financed once.

A seller invoices within a quota that the authority granted. What an invoice says and costs comes from the sale
agreed, and a payment under its reference issues it. When what may happen: `rules.einvoice_machine`. Amounts are
fen; dates are text in China Standard Time.

Invariants: one owner books it; what is reversed never exceeds the invoice, in net and in tax; the tax is that
of the lines, to a fen a line; a month's figures are its invoices' sums; a financing consents to reversals.
"""

from rules.calendar import date_text, is_date, parse_date
from rules.check_digits import is_e_invoice
from rules.codes import is_code, is_digest
from rules.einvoice_books import (
    ask_financing,
    count_input,
    date_it,
    give_back,
    period_of,
    price_lines,
    reverse,
    take_out,
    use_quota,
)
from rules.einvoice_machine import EINVOICE, GOODS_MAX, LINES_MAX, QUOTA
from rules.einvoice_records import (
    Agreed,
    Booked,
    Cancelled,
    ClaimLinked,
    Declined,
    EInvoice,
    Issued,
    IssuedFromPayment,
    Pledged,
    PledgeReleased,
    PricePaid,
    PricePrepared,
    Quota,
    QuotaApplied,
    QuotaGranted,
    QuotaRefused,
    QuotaRevoked,
    Recalled,
    Received,
    RedLettered,
    Reimbursed,
    ReimbursementPrepared,
    ReversalConsented,
    ReversalOrdered,
    Reversed,
    Stamped,
    Submitted,
    Unlocked,
    Voided,
    describe,
    describe_period,
    describe_quota,
    describe_status,
    einvoices,
    fits_lines,
    gross_left,
    is_rate,
    net_of,
    numbers,
    quotas,
)
from rules.instrument import enter, keep, load, require_sight, require_step, today
from rules.machine import moves_from
from rules.money import PAYMENT_MAX, is_amount
from rules.settlement import fix, prove
from sdk import bytes_from_hex, call, ctx, export, require, sm2_verify, view

TEXT_MAX = 200


def require_reason(reason: str):
    require(0 < len(reason) <= TEXT_MAX, "E_TEXT", "a reason is 1 to 200 characters")


# ---- the quota -----------------------------------------------------------------------------------


@export
def apply_quota(id: str, tax: str, goods: list[str]) -> str:
    """A seller asks its authority. goods: codes of what it sells. Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE,
    E_PARTY, E_ROLE, E_GOODS."""
    parts = {"seller": ctx.member, "tax": tax}
    require_step(QUOTA, "-", "apply_quota", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(quotas[id] is None, "E_DUPLICATE", "this number is taken")
    named = 0 < len(goods) <= GOODS_MAX and len(set(goods)) == len(goods)
    named = named and all(is_code(code, 19) for code in goods)
    require(named, "E_GOODS", "1 to 64 different codes of goods")
    call("party", "check_new_business", ctx.member)
    authority = call("party", "check_member", tax)["kind"] == "authority"
    require(authority, "E_ROLE", f"{tax} is no authority")
    return keep(quotas, Quota(id, parts, tuple(goods), state="APPLIED"), QuotaApplied)


@export
def grant(
    id: str, rates: dict[str, int], cap_fen: int, until: str, key: bytes, expected_version: int = 0
) -> str:
    """The rules of this seller. rates: parts per million for each of its goods. key: the authority's SM2 key,
    whose signature stamps the invoices. Codes: E_RATE, E_AMOUNT, E_DATE, E_KEY."""
    found = enter(QUOTA, quotas, id, "grant", expected_version)
    complete = sorted(rates) == sorted(found.goods)
    complete = complete and all(is_rate(rate) for rate in rates.values())
    require(complete, "E_RATE", "a rate of 0 to 30 % for each of the goods applied for")
    require(is_amount(cap_fen) and cap_fen <= PAYMENT_MAX, "E_AMOUNT", "1 to 2^53 - 1 fen")
    ahead = is_date(until) and parse_date(until) >= today()
    require(ahead, "E_DATE", "the last day lies ahead, YYYY-MM-DD")
    require(len(key) == 65 and key[0] == 4, "E_KEY", "a key has 65 bytes")
    found.rates = tuple((code, rates[code]) for code in found.goods)
    found.cap_fen = cap_fen
    found.until = until
    found.key = key
    return keep(quotas, found, QuotaGranted)


@export
def refuse_quota(id: str, reason: str, expected_version: int = 0) -> str:
    require_reason(reason)
    return keep(quotas, enter(QUOTA, quotas, id, "refuse_quota", expected_version), QuotaRefused)


@export
def revoke_quota(id: str, reason: str, expected_version: int = 0) -> str:
    require_reason(reason)
    return keep(quotas, enter(QUOTA, quotas, id, "revoke_quota", expected_version), QuotaRevoked)


# ---- the sale and its invoice --------------------------------------------------------------------


@export
def agree(
    id: str, quota: str, buyer: str, document: str, lines: list, tax_fen: int, salt: bytes
) -> str:
    """The sale as the invoice will state it. lines: [code of goods, net fen] each; tax_fen: as the file states
    it. document: digest of the file. Codes: E_NOT_PARTY, E_NUMBER, E_DUPLICATE, E_DIGEST, E_SELF, E_PARTY,
    E_QUOTA, E_EXPIRED, E_LINES, E_GOODS, E_TAX, E_AMOUNT, E_SALT."""
    granted = load(quotas, quota)
    parts = {"seller": granted.parties["seller"], "buyer": buyer, "tax": granted.parties["tax"]}
    require_step(EINVOICE, "-", "agree", parts)
    in_year = is_e_invoice(id) and id[:2] == date_text(today())[2:4]
    require(in_year, "E_NUMBER", "an invoice's number has 20 digits and begins with the year")
    require(einvoices[id] is None, "E_DUPLICATE", "this number is taken")
    require(is_digest(document), "E_DIGEST", "a digest is 64 lower-case hex digits")
    key = (parts["seller"], document)
    require(numbers[key] == "", "E_DUPLICATE", "this file has an invoice already")
    require(buyer != ctx.member, "E_SELF", "nobody invoices himself")
    require(16 <= len(salt) <= 32, "E_SALT", "a salt is 16 to 32 random bytes")
    for trader in (ctx.member, buyer):
        call("party", "check_member", trader)
    priced = price_lines(granted, lines)
    right = tax_fen >= 0 and fits_lines(tax_fen, priced)
    require(right, "E_TAX", "the tax is the sum of the lines, to a fen a line")
    gross = sum(line[2] for line in priced) + tax_fen
    require(gross <= PAYMENT_MAX, "E_AMOUNT", "at most 2^53 - 1 fen with tax")
    use_quota(granted, gross)
    numbers[key] = id
    made = EInvoice(id, quota, parts, document, priced, tax_fen, salt, ctx.sender, state="AGREED")
    return keep(einvoices, made, Agreed)


@export
def cancel(id: str, expected_version: int = 0) -> str:
    found = enter(EINVOICE, einvoices, id, "cancel", expected_version)
    give_back(found, gross_left(found))
    numbers.delete((found.parties["seller"], found.document))
    return keep(einvoices, found, Cancelled)


@export
def issue(id: str, expected_version: int = 0) -> str:
    """A sale on credit: the price is paid later. Codes: E_FOUR_EYES, E_QUOTA."""
    found = enter(EINVOICE, einvoices, id, "issue", expected_version)
    require(ctx.sender != found.maker, "E_FOUR_EYES", "maker and checker are two persons")
    in_force = load(quotas, found.quota).state == "GRANTED"
    require(in_force, "E_QUOTA", "the quota is not in force")
    date_it(found)
    return keep(einvoices, found, Issued)


@export
def prepare_price(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Fix the payment of the price; after a red letter anew. Codes: E_PREPARED, E_SALT, E_WALLET."""
    found = enter(EINVOICE, einvoices, id, "prepare_price", expected_version)
    left = gross_left(found)
    fixed = found.paid_by != b"" or (found.due is not None and found.due.amount_fen == left)
    require(not fixed, "E_PREPARED", "the price is paid or its reference fixed")
    found.instalment += 1
    parts = found.parties
    found.due = fix(id, found.instalment, parts["buyer"], parts["seller"], left, salt)
    keep(einvoices, found, PricePrepared)
    return found.due.reference


@export
def issue_from_payment(id: str, proof: bytes) -> str:
    """Anyone brings the proof of the price: that alone issues the invoice. Codes: E_UNPREPARED, E_PROOF_…"""
    found = enter(EINVOICE, einvoices, id, "issue_from_payment")
    found.paid_by = prove(found.due, proof)["nullifier"]
    date_it(found)
    return keep(einvoices, found, IssuedFromPayment)


@export
def record_price(id: str, proof: bytes) -> str:
    """The price of a sale on credit is paid. Codes: E_PREPARED, E_UNPREPARED, E_PROOF_…"""
    found = enter(EINVOICE, einvoices, id, "record_price")
    require(found.paid_by == b"", "E_PREPARED", "the price is paid already")
    found.paid_by = prove(found.due, proof)["nullifier"]
    return keep(einvoices, found, PricePaid)


@export
def stamp(id: str, signature: bytes) -> str:
    """Anyone brings the tax authority's signature over the content; who has both checks it without us.

    Codes: E_DUPLICATE, E_STAMP."""
    found = enter(EINVOICE, einvoices, id, "stamp")
    require(found.stamp == b"", "E_DUPLICATE", "it is stamped already")
    key = load(quotas, found.quota).key
    signed = sm2_verify(key, bytes_from_hex(found.content), signature)
    require(signed, "E_STAMP", "the authority has not signed this content")
    found.stamp = signature
    return keep(einvoices, found, Stamped)


# ---- reimbursement -------------------------------------------------------------------------------


@export
def receive(id: str, expected_version: int = 0) -> str:
    return keep(einvoices, enter(EINVOICE, einvoices, id, "receive", expected_version), Received)


@export
def submit_reimbursement(id: str, owner: str, expected_version: int = 0) -> str:
    """The buyer hands it to whom it wants the money of, or books it in its own name. Code: E_PARTY."""
    found = enter(EINVOICE, einvoices, id, "submit_reimbursement", expected_version)
    require(owner != found.parties["seller"], "E_SELF", "a seller does not reimburse its own sale")
    call("party", "check_member", owner)
    found.parties["owner"] = owner
    return keep(einvoices, found, Submitted)


def let_go(found):
    """Nobody holds it for reimbursement any more."""
    found.parties.pop("owner")
    found.reimbursement = None


@export
def recall(id: str, expected_version: int = 0) -> str:
    found = enter(EINVOICE, einvoices, id, "recall", expected_version)
    let_go(found)
    return keep(einvoices, found, Recalled)


@export
def decline(id: str, reason: str, expected_version: int = 0) -> str:
    require_reason(reason)
    found = enter(EINVOICE, einvoices, id, "decline", expected_version)
    let_go(found)
    return keep(einvoices, found, Declined)


@export
def book(id: str, expected_version: int = 0) -> str:
    """Locked to this entity: its month counts the tax, and nobody reverses the invoice until `unlock`."""
    found = enter(EINVOICE, einvoices, id, "book", expected_version)
    found.booked_tax_fen = found.tax_fen - found.red_tax_fen
    count_input(found.parties["owner"], found.booked_tax_fen)
    return keep(einvoices, found, Booked)


@export
def unlock(id: str, expected_version: int = 0) -> str:
    """The owner takes it out of its books, and the tax out of this month's."""
    found = enter(EINVOICE, einvoices, id, "unlock", expected_version)
    count_input(found.parties["owner"], -found.booked_tax_fen)
    found.booked_tax_fen = 0
    let_go(found)
    return keep(einvoices, found, Unlocked)


@export
def prepare_reimbursement(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Codes: E_SELF, E_PREPARED, E_SALT, E_WALLET."""
    found = enter(EINVOICE, einvoices, id, "prepare_reimbursement", expected_version)
    owner, buyer = found.parties["owner"], found.parties["buyer"]
    require(owner != buyer, "E_SELF", "the buyer booked it itself: nobody is to be paid")
    require(found.reimbursement is None, "E_PREPARED", "the reference is fixed already")
    due = fix(f"{id}/R{found.version}", 1, owner, buyer, gross_left(found), salt)
    found.reimbursement = due
    keep(einvoices, found, ReimbursementPrepared)
    return due.reference


@export
def record_reimbursement(id: str, proof: bytes) -> str:
    """Codes: E_UNPAID, E_UNPREPARED, E_PROOF_…"""
    found = enter(EINVOICE, einvoices, id, "record_reimbursement")
    if found.parties["owner"] == found.parties["buyer"]:
        require(found.paid_by != b"", "E_UNPAID", "the owner has not paid the price")
    else:
        prove(found.reimbursement, proof)
    return keep(einvoices, found, Reimbursed)


# ---- reversal ------------------------------------------------------------------------------------


@export
def red_letter(id: str, parts: list, expected_version: int = 0) -> str:
    """Take a part back: [line from 1, net fen] each. Codes: E_LINES, E_AMOUNT, E_INVOICE_FINANCED."""
    found = enter(EINVOICE, einvoices, id, "red_letter", expected_version)
    require(0 < len(parts) <= LINES_MAX, "E_LINES", "1 to 64 parts")
    reverse(found, parts)
    require(found.red_net_fen < net_of(found), "E_AMOUNT", "nothing would be left")
    return keep(einvoices, found, RedLettered)


@export
def red_letter_full(id: str, expected_version: int = 0) -> str:
    """Take back all that is left of it. Code: E_INVOICE_FINANCED."""
    found = enter(EINVOICE, einvoices, id, "red_letter_full", expected_version)
    lines = found.lines
    parts = [[i + 1, lines[i][2] - lines[i][4]] for i in range(len(lines))]
    reverse(found, [part for part in parts if part[1] > 0])
    return keep(einvoices, found, Reversed)


@export
def void(id: str, expected_version: int = 0) -> str:
    """As if never issued, on the same day only. Codes: E_TOO_LATE, E_REVERSED, E_INVOICE_FINANCED."""
    found = enter(EINVOICE, einvoices, id, "void", expected_version)
    require(found.issued_on == date_text(today()), "E_TOO_LATE", "only on the day of issue")
    untouched = found.red_letters == 0 and found.paid_by == b""
    require(untouched, "E_REVERSED", "paid or reversed in part: use a red letter")
    ask_financing(found, gross_left(found))
    take_out(found)
    return keep(einvoices, found, Voided)


# ---- financing -----------------------------------------------------------------------------------


@export
def pledge(id: str, financier: str, expected_version: int = 0) -> str:
    """The seller shows who lends on it: no reversal without that bank from now on. Codes:
    E_INVOICE_FINANCED, E_ROLE, E_PARTY."""
    found = enter(EINVOICE, einvoices, id, "pledge", expected_version)
    require("financier" not in found.parties, "E_INVOICE_FINANCED", "it is pledged already")
    kind = call("party", "check_member", financier)["kind"]
    require(kind in ("bank", "factor"), "E_ROLE", "only a bank or a factor finances")
    found.parties["financier"] = financier
    return keep(einvoices, found, Pledged)


@export
def link_claim(id: str, fingerprint: str, expected_version: int = 0) -> str:
    """The financier shows under which claim of the invoice registry it lent. Code: E_OWNER."""
    found = enter(EINVOICE, einvoices, id, "link_claim", expected_version)
    claim = call("invoice_registry", "my_claim", fingerprint)
    is_open = claim["state"] in ("RESERVED", "ACTIVE", "VOID_UNDERLYING")
    require(is_open, "E_OWNER", "no open claim of this bank under this fingerprint")
    found.financed_by = fingerprint
    return keep(einvoices, found, ClaimLinked)


@export
def consent_to_reversal(id: str, amount_fen: int, expected_version: int = 0) -> str:
    """The financier lets up to this amount be taken back, with tax."""
    found = enter(EINVOICE, einvoices, id, "consent_to_reversal", expected_version)
    fits = 0 <= amount_fen <= gross_left(found)
    require(fits, "E_AMOUNT", "0 to what is left of the invoice")
    found.consent_fen = amount_fen
    return keep(einvoices, found, ReversalConsented)


@export
def order_reversal(id: str, amount_fen: int, order: str, expected_version: int = 0) -> str:
    """The authority lets it be taken back although an obligation rests on it. order: digest of its order."""
    found = enter(EINVOICE, einvoices, id, "order_reversal", expected_version)
    require(is_digest(order), "E_DIGEST", "an order is a digest: 64 hex digits")
    fits = 0 <= amount_fen <= gross_left(found)
    require(fits, "E_AMOUNT", "0 to what is left of the invoice")
    found.order_fen = amount_fen
    return keep(einvoices, found, ReversalOrdered)


@export
def release_pledge(id: str, expected_version: int = 0) -> str:
    """The financing is over."""
    found = enter(EINVOICE, einvoices, id, "release_pledge", expected_version)
    found.parties.pop("financier")
    found.financed_by = ""
    found.consent_fen = 0
    return keep(einvoices, found, PledgeReleased)


# ---- views ---------------------------------------------------------------------------------------


@view
def get(id: str) -> dict:
    """Its parties, its authority and a regulator see an invoice."""
    found = load(einvoices, id)
    require_sight(found.parties)
    return describe(found)


@view
def status(id: str) -> dict:
    """Every member: digest, state, stamp, and a commitment to who booked it."""
    return describe_status(load(einvoices, id))


@view
def get_quota(id: str) -> dict:
    found = load(quotas, id)
    require_sight(found.parties)
    return describe_quota(found)


@view
def period(member: str, month: str) -> dict:
    """A member's month, YYYY-MM: for itself, tax officers, regulators and its return. Code: E_NOT_PARTY."""
    official = "tax" in ctx.roles or "regulator" in ctx.roles
    sees = ctx.member == member or official or ctx.caller == "tax_return"
    require(sees, "E_NOT_PARTY", "these are another member's figures")
    return describe_period(period_of(member, month))


@view
def next_steps(id: str) -> list:
    """What may happen now to an invoice, or to a quota by its number: call, who, guard, to."""
    if quotas[id] is not None:
        return moves_from(QUOTA, quotas[id].state)
    return moves_from(EINVOICE, load(einvoices, id).state)
