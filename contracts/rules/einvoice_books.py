"""The books behind e-invoices: the quota in use, a member's months, and what is taken back."""

from rules.calendar import date_text, parse_date
from rules.einvoice_machine import LINES_MAX
from rules.einvoice_records import (
    FinancedReversed,
    Period,
    content_of,
    gross_left,
    line_tax,
    net_of,
    periods,
    quotas,
    reverse_line,
)
from rules.instrument import load, today
from rules.money import PAYMENT_MAX, is_amount
from sdk import Revert, call, require


def use_quota(quota, gross_fen: int):
    """Codes: E_QUOTA, E_EXPIRED."""
    require(quota.state == "GRANTED", "E_QUOTA", "the quota is not in force")
    require(today() <= parse_date(quota.until), "E_EXPIRED", "the quota has run out")
    quota.used_fen += gross_fen
    require(quota.used_fen <= quota.cap_fen, "E_QUOTA", "the quota is used up")
    quotas[quota.id] = quota


def give_back(found, gross_fen: int):
    quota = load(quotas, found.quota)
    quota.used_fen -= gross_fen
    assert quota.used_fen >= 0
    quotas[quota.id] = quota


def price_lines(quota, lines: list) -> tuple:
    """(goods, rate, net, tax, 0, 0) of each [goods, net]. Codes: E_LINES, E_GOODS."""
    require(0 < len(lines) <= LINES_MAX, "E_LINES", "1 to 64 lines")
    rates = dict(quota.rates)
    priced = []
    for line in lines:
        shaped = isinstance(line, list) and len(line) == 2 and isinstance(line[0], str)
        shaped = shaped and is_amount(line[1]) and line[1] <= PAYMENT_MAX
        require(shaped, "E_LINES", "a line is a code of goods and a net amount in fen")
        goods, net = line
        require(goods in rates, "E_GOODS", "the quota does not cover " + goods)
        priced.append((goods, rates[goods], net, line_tax(net, rates[goods]), 0, 0))
    return tuple(priced)


def period_of(member: str, month: str):
    return periods[(member, month)] or Period()


def date_it(found):
    """It is issued today: it says so, and its month counts it."""
    found.issued_on = date_text(today())
    found.content = content_of(found).hex()
    seller = found.parties["seller"]
    figures = period_of(seller, found.issued_on[:7])
    figures.invoices += 1
    figures.net_fen += net_of(found)
    figures.tax_fen += found.tax_fen
    periods[(seller, found.issued_on[:7])] = figures


def take_out(found):
    """As if never issued."""
    seller, month = found.parties["seller"], found.issued_on[:7]
    figures = period_of(seller, month)
    figures.invoices -= 1
    figures.net_fen -= net_of(found)
    figures.tax_fen -= found.tax_fen
    periods[(seller, month)] = figures
    give_back(found, gross_left(found))


def count_input(owner: str, tax_fen: int):
    month = date_text(today())[:7]
    figures = period_of(owner, month)
    figures.input_tax_fen += tax_fen
    periods[(owner, month)] = figures


def drawn_fen(found) -> int:
    """What already rests on the document in the invoice registry."""
    try:
        key = (found.document, found.parties["seller"])
        return call("invoice_registry", "get_document", key[0], key[1])["drawn_fen"]
    except Revert:
        return 0


def ask_financing(found, reversed_fen: int):
    """Nobody takes an invoice back silently on which somebody lent: its financier consents, and where an
    obligation rests on the amount, the authority orders it. Both are told. Code: E_INVOICE_FINANCED."""
    is_pledged = "financier" in found.parties
    if is_pledged:
        agreed = found.consent_fen >= reversed_fen
        require(agreed, "E_INVOICE_FINANCED", "its financier has not consented to this amount")
        found.consent_fen -= reversed_fen
    needs_order = gross_left(found) - reversed_fen < drawn_fen(found)
    if needs_order:
        ordered = found.order_fen >= reversed_fen
        require(ordered, "E_INVOICE_FINANCED", "an obligation rests on this invoice")
        found.order_fen -= reversed_fen
    if is_pledged or needs_order:
        FinancedReversed(id=found.id, document=found.document, version=found.version)


def reverse(found, parts: list):
    """Take [line from 1, net fen] parts back, and count them in this month. Codes: E_LINES, E_AMOUNT."""
    lines = list(found.lines)
    touched = []
    for part in parts:
        shaped = len(part) == 2 and isinstance(part[0], int) and is_amount(part[1])
        known = shaped and 0 < part[0] <= len(lines) and part[0] not in touched
        require(known, "E_LINES", "a part is a line's number from 1, once, and a net amount")
        number, net = part
        left = lines[number - 1][2] - lines[number - 1][4]
        require(net <= left, "E_AMOUNT", f"line {number} has {left} fen left")
        touched.append(number)
        lines[number - 1] = reverse_line(lines[number - 1], net)
    net_fen = sum(line[4] for line in lines) - found.red_net_fen
    is_whole = all(line[4] == line[2] for line in lines)
    by_lines = sum(line[5] for line in lines)
    tax_fen = (found.tax_fen if is_whole else min(by_lines, found.tax_fen)) - found.red_tax_fen
    ask_financing(found, net_fen + tax_fen)
    found.lines = tuple(lines)
    found.red_net_fen += net_fen
    found.red_tax_fen += tax_fen
    found.red_letters += 1
    assert found.red_tax_fen <= found.tax_fen and gross_left(found) >= 0
    seller, month = found.parties["seller"], date_text(today())[:7]
    figures = period_of(seller, month)
    figures.red_net_fen += net_fen
    figures.red_tax_fen += tax_fen
    periods[(seller, month)] = figures
    give_back(found, net_fen + tax_fen)
