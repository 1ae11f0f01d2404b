"""Commercial invoices (UCP 600 arts. 18, 30; ISBP 821 section C)."""

from __future__ import annotations

import re

from node.documents.precheck.case import Case
from node.documents.precheck.registry import check
from node.documents.precheck.timing import BPS, Found

PROVISIONAL = ("PROVISIONAL", "PRO-FORMA", "PROFORMA", "PRO FORMA")
QUANTITY_BPS = 500  # 5 % more or less, where the quantity is not counted in packing units or pieces


def words(text: str) -> list[str]:
    """A description as it is compared: capitals, without punctuation."""
    return re.findall(r"[^\W_]+", text.upper())


def corresponds(described: str, asked: str) -> bool:
    """Whether a description carries every word of the one asked for: it need not be a mirror image."""
    return set(words(asked)) <= set(words(described))


@check("invoice-issuer", "UCP 600 art. 18(a)(i)", "issued by the beneficiary")
def invoice_issuer(case: Case) -> Found:
    for invoice in case.of("invoice"):
        if words(invoice.issued_by) != words(case.credit.beneficiary.name):
            yield invoice, f"issued by {invoice.issued_by or 'nobody'}"


@check("invoice-addressee", "UCP 600 art. 18(a)(ii)", "made out to the applicant")
def invoice_addressee(case: Case) -> Found:
    for invoice in case.of("invoice"):
        if words(invoice.made_out_to) != words(case.credit.applicant.name):
            yield invoice, f"made out to {invoice.made_out_to or 'nobody'}"


@check("invoice-currency", "UCP 600 art. 18(a)(iii)", "in the currency of the credit")
def invoice_currency(case: Case) -> Found:
    for invoice in case.of("invoice"):
        if invoice.currency != case.credit.currency:
            yield invoice, f"in {invoice.currency or 'no currency'}, not {case.credit.currency}"


@check("invoice-amount", "ISBP 821 C6", "the invoices' total is the amount demanded")
def invoice_amount(case: Case) -> Found:
    invoices = case.of("invoice")
    total = sum(invoice.amount for invoice in invoices)
    if invoices and total != case.presentation.amount:
        yield invoices[0], f"invoiced {total}, demanded {case.presentation.amount}"


@check("invoice-arithmetic", "ISBP 821 A22", "the lines add up to the total")
def invoice_arithmetic(case: Case) -> Found:
    for invoice in case.of("invoice"):
        if invoice.lines:
            products = all(line.quantity * line.unit_price == line.amount for line in invoice.lines)
            total = sum(line.amount for line in invoice.lines)
            if not products or total != invoice.amount:
                yield invoice, f"the lines add up to {total}, the total says {invoice.amount}"


@check("invoice-goods", "UCP 600 art. 18(c)", "the goods correspond with the credit's description")
def invoice_goods(case: Case) -> Found:
    for invoice in case.of("invoice"):
        if not corresponds(invoice.goods, case.credit.goods):
            yield (
                invoice,
                f"description conflict: {invoice.goods[:80]!r}, asked {case.credit.goods[:80]!r}",
            )


@check("invoice-extra-goods", "ISBP 821 C12", "no goods that the credit does not call for")
def invoice_extra_goods(case: Case) -> Found:
    for invoice in case.of("invoice"):
        for goods in invoice.extra_goods:
            yield invoice, f"not called for, even free of charge: {goods[:80]}"


@check("invoice-quantity", "UCP 600 art. 30(a), (b)", "the quantity within its tolerance")
def invoice_quantity(case: Case) -> Found:
    credit = case.credit
    spare = max(case.tolerance_bps, 0 if credit.is_counted else QUANTITY_BPS)
    allowed = credit.quantity * spare
    for invoice in case.of("invoice"):
        stated = credit.quantity and invoice.quantity
        if stated and invoice.unit == credit.unit:
            over = invoice.quantity - credit.quantity
            short = -over if not credit.is_partial_allowed else 0
            if max(over, short) * BPS > allowed:
                yield invoice, f"{invoice.quantity} {invoice.unit}, asked {credit.quantity}"


@check("invoice-unit", "UCP 600 art. 14(d)", "the quantity is stated in the credit's unit")
def invoice_unit(case: Case) -> Found:
    for invoice in case.of("invoice"):
        if case.credit.unit and invoice.unit and invoice.unit != case.credit.unit:
            yield invoice, f"in {invoice.unit}, asked {case.credit.unit}"


@check("invoice-unit-price", "ISBP 821 C6", "the unit price is that of the credit")
def invoice_unit_price(case: Case) -> Found:
    for invoice in case.of("invoice"):
        if case.credit.unit_price and invoice.unit_price != case.credit.unit_price:
            yield invoice, f"{invoice.unit_price} a unit, asked {case.credit.unit_price}"


@check("invoice-incoterm", "ISBP 821 C8", "the trade term of the goods description is shown")
def invoice_incoterm(case: Case) -> Found:
    for invoice in case.of("invoice"):
        if case.credit.incoterm and words(invoice.incoterm) != words(case.credit.incoterm):
            yield invoice, f"{invoice.incoterm or 'no trade term'}, asked {case.credit.incoterm}"


@check("invoice-provisional", "ISBP 821 C1", "neither provisional nor pro-forma")
def invoice_provisional(case: Case) -> Found:
    for invoice in case.of("invoice"):
        if any(word in invoice.title.upper() for word in PROVISIONAL):
            yield invoice, f"titled {invoice.title[:60]!r}"
