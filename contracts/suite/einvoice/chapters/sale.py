"""From the agreed sale to the stamped invoice, numbered by hand or when the price is paid. Table EINVOICE."""

from rules.calendar import date_text
from rules.check_digits import is_e_invoice
from rules.codes import is_digest
from rules.einvoice_books import date_it, give_back, price_lines, use_quota
from rules.einvoice_machine import EINVOICE
from rules.einvoice_records import (
    Agreed,
    Cancelled,
    EInvoice,
    Issued,
    IssuedFromPayment,
    PricePaid,
    PricePrepared,
    Stamped,
    einvoices,
    fits_lines,
    gross_left,
    numbers,
    quotas,
)
from rules.instrument import enter, keep, load, require_step, today
from rules.money import PAYMENT_MAX
from rules.settlement import fix, prove
from sdk import bytes_from_hex, call, ctx, export, require, sm2_verify


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
