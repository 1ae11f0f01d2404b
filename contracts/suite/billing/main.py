"""Billing: what members used of the channel, as invoices that money's own ledger ends.

An operator is a member that runs nodes here, as an authority has named it. Its tariff holds for a member that
agreed to it, or for all where an authority accepted it. Month by month it draws up what a member used; what the
ledger shows, another operator's own recount must give too before anything falls due. A proof of the payment
closes the invoice. Whoever lets one become overdue proposes and activates no contracts on this channel until it
is paid (the ledger reads `arrears`); reading, paying and every other step go on. What may happen stands in
`rules.billing_machine`.

Invariants: a month of a member is drawn up once, and no month is left out between two; what was paid is what
settled invoices asked for and what is credited.

    tariffs     operators and their prices
    invoices    drawn up, attested, disputed, paid
    statements  queries, which blocks do not show
"""

from chapters.tariffs import name_operator, propose, accept, agree, withdraw
from chapters.invoices import draw, redraw, attest, dispute, concede, uphold, settle
from chapters.statements import anchor_statement, begin_chain

from rules.billing_machine import INVOICE, TARIFF
from rules.billing_records import (
    arrears,
    credits,
    describe,
    describe_tariff,
    heads,
    invoices,
    lines_of,
    next_month,
    operators,
    queries,
    require_figures,
    tariff_for,
    tariffs,
    total_of,
)
from rules.instrument import load
from rules.machine import moves_from
from sdk import ctx, require, view


def require_view(invoice):
    own = ctx.member != "" and ctx.member in (invoice.operator, invoice.payer)
    counts = operators[ctx.member] != "" or "regulator" in ctx.roles
    require(own or counts, "E_NOT_PARTY", "for its parties, operators and authorities")


@view
def get(id: str) -> dict:
    """An invoice with its lines; micro_fen: millionths of a fen."""
    invoice = load(invoices, id)
    require_view(invoice)
    found = describe(invoice)
    found["lines"] = lines_of(tariffs[invoice.tariff], invoice.figures)
    return found


@view
def list_invoices(
    state: str = "", as_operator: bool = False, after: str = "", limit: int = 50
) -> list:
    """Your own, or with as_operator those you drew up; of a state or all. after: the last id shown."""
    require(1 <= limit <= 200, "E_LIMIT", "1 to 200 a page")
    keys: tuple = ("operator", "state") if as_operator else ("payer", "state", "due_ms")
    last = invoices[after] if after else None
    start: tuple | str | None = None
    if last is not None and as_operator:
        start = after if state else (last.state, after)
    elif last is not None:
        start = (last.due_ms, after) if state else (last.state, last.due_ms, after)
    values = (ctx.member, state) if state else (ctx.member,)
    return [
        describe(invoice) for _, invoice in invoices.by(keys, *values, after=start, limit=limit)
    ]


@view
def get_tariff(id: str) -> dict:
    return describe_tariff(load(tariffs, id))


@view
def list_tariffs(operator: str) -> list:
    return [describe_tariff(tariff) for _, tariff in tariffs.by("operator", operator, limit=200)]


@view
def quote(
    operator: str, payer: str, month: str, transactions: int, bytes: int, gas: int, queries: int = 0
) -> dict:
    """What figures would cost. Codes: E_NO_TARIFF, E_FIGURES."""
    require_figures(transactions, bytes, gas)
    require_figures(queries, 0, 0)
    tariff = tariff_for(operator, payer, month)
    require(tariff is not None, "E_NO_TARIFF", "no tariff holds for this member in this month")
    figures = {"transactions": transactions, "bytes": bytes, "gas": gas, "queries": queries}
    lines = lines_of(tariff, figures)
    return {"tariff": tariff.id, "lines": lines, "total_fen": total_of(tariff, figures)}


@view
def account(operator: str, payer: str) -> dict:
    """How far a member's invoices have come, and what is credited to it."""
    series = (operator, payer)
    return {"next_month": next_month[series], "credit_fen": credits[series]}


@view
def served(operator: str, payer: str, month: str) -> int:
    """Queries of the statements that were anchored."""
    return queries[(operator, payer, month)]


@view
def last_statement(operator: str, node: str) -> dict:
    head = heads[(operator, node)]
    if head is None:
        return {"number": 0, "day": "", "digest": "0" * 64, "last": ""}
    return {"number": head.number, "day": head.day, "digest": head.digest, "last": head.last}


@view
def standing(member: str = "") -> dict:
    """Whether a member, or your own, may propose and activate contracts: not while an invoice is overdue."""
    member = member or ctx.member
    due_ms = arrears[member]
    return {"member": member, "oldest_due_ms": due_ms, "is_suspended": 0 < due_ms < ctx.time,
            "is_operator": operators[member] != ""}  # fmt: skip


@view
def next_steps(id: str) -> list:
    """What may happen to an invoice now: call, who, guard, to. Of a tariff, too."""
    if id.count("/") == 1:
        return moves_from(TARIFF, load(tariffs, id).state)
    return moves_from(INVOICE, load(invoices, id).state)
