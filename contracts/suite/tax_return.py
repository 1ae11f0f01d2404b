"""Tax declared on the chain (M13): a month's value-added tax, as the e-invoices of the ledger add up.

The figures are computed, not claimed: who declares repeats them, so that a taxpayer that counts otherwise finds
out before it signs. When what may happen: `rules.einvoice_machine`. Amounts are fen.

Invariants: one return a month; what is declared is what the ledger's invoices say; returns follow one another,
so that a credit is carried on once.
"""

from rules.calendar import date_text, is_date, parse_date
from rules.einvoice_machine import TAX_RETURN
from rules.instrument import enter, keep, load, require_sight, require_step, today
from rules.machine import moves_from
from rules.settlement import fix, prove
from rules.tax_return_records import (
    Assessed,
    Declared,
    Paid,
    PaymentPrepared,
    TaxReturn,
    describe,
    tax_returns,
)
from sdk import Map, call, ctx, export, require, view

FILING_DAY = 15  # of the month after: later counts as late

latest = Map("latest", "")  # member → its last month declared


def require_over(month: str):
    """Codes: E_DATE, E_TOO_EARLY."""
    shaped = len(month) == 7 and is_date(month + "-01")
    require(shaped, "E_DATE", "a month is written YYYY-MM")
    require(month < date_text(today())[:7], "E_TOO_EARLY", "the month is not over")


def month_after(month: str) -> str:
    """YYYY-MM of the next month."""
    return date_text(parse_date(month + "-28") + 4)[:7]


@export
def declare(month: str, tax: str, output_tax_fen: int, input_tax_fen: int) -> str:
    """The member's own month. output_tax_fen: invoiced less reversed. Returns the return's number, PX/2026-11.

    Codes: E_NOT_PARTY, E_PARTY, E_ROLE, E_DATE, E_TOO_EARLY, E_DUPLICATE, E_SEQUENCE, E_DECLARATION."""
    parts = {"taxpayer": ctx.member, "tax": tax}
    require_step(TAX_RETURN, "-", "declare", parts)
    call("party", "check_member", ctx.member)
    authority = call("party", "check_member", tax)["kind"] == "authority"
    require(authority, "E_ROLE", f"{tax} is no authority")
    require_over(month)
    number = f"{ctx.member}/{month}"
    require(tax_returns[number] is None, "E_DUPLICATE", "this month is declared")
    before = latest[ctx.member]
    follows = before == "" or month == month_after(before)
    require(follows, "E_SEQUENCE", "months are declared one after another")
    known = call("einvoice", "period", ctx.member, month)
    output = known["tax_fen"] - known["red_tax_fen"]
    same = output == output_tax_fen and known["input_tax_fen"] == input_tax_fen
    figures = f"the ledger has {output} fen of output and {known['input_tax_fen']} fen of input tax"
    require(same, "E_DECLARATION", figures)
    brought = 0 if before == "" else tax_returns[f"{ctx.member}/{before}"].credit_fen
    balance = output - input_tax_fen - brought
    late = date_text(today()) > f"{month_after(month)}-{FILING_DAY}"
    found = TaxReturn(
        number, parts, month, known["net_fen"] - known["red_net_fen"], output, input_tax_fen,
        brought, max(balance, 0), max(-balance, 0), date_text(today()), late, state="DECLARED",
    )  # fmt: skip
    latest[ctx.member] = month
    keep(tax_returns, found, Declared)
    return number


@export
def assess(id: str, expected_version: int = 0) -> str:
    """The authority accepts the return; its tax, if any, is due."""
    found = enter(TAX_RETURN, tax_returns, id, "assess", expected_version)
    return keep(tax_returns, found, Assessed)


@export
def prepare_tax(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Codes: E_AMOUNT, E_PREPARED, E_SALT, E_WALLET."""
    found = enter(TAX_RETURN, tax_returns, id, "prepare_tax", expected_version)
    require(found.payable_fen > 0, "E_AMOUNT", "no tax is due")
    require(found.due is None, "E_PREPARED", "the reference is fixed already")
    parts = found.parties
    found.due = fix(id, 1, parts["taxpayer"], parts["tax"], found.payable_fen, salt)
    keep(tax_returns, found, PaymentPrepared)
    return found.due.reference


@export
def record_tax(id: str, proof: bytes) -> str:
    """Codes: E_UNPREPARED, E_PROOF_…"""
    found = enter(TAX_RETURN, tax_returns, id, "record_tax")
    prove(found.due, proof)
    return keep(tax_returns, found, Paid)


@view
def get(id: str) -> dict:
    """The taxpayer, its authority and a regulator see a return."""
    found = load(tax_returns, id)
    require_sight(found.parties)
    return describe(found)


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(TAX_RETURN, load(tax_returns, id).state)
