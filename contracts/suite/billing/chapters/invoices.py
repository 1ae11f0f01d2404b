"""An invoice for each member and operator, month by month. Table INVOICE."""

from rules.billing_machine import INVOICE
from rules.billing_records import (
    Disputed,
    Drawn,
    FallenDue,
    Invoice,
    Settled,
    Upheld,
    credits,
    decided_due,
    due_after,
    invoices,
    is_month,
    month_after,
    new_due,
    next_month,
    note_arrears,
    queries,
    require_attester,
    require_figures,
    require_operator,
    tariff_for,
    tariffs,
    this_month,
    total_of,
)
from rules.instrument import arrive, enter, keep, require_step
from rules.money import PAYMENT_MAX
from rules.settlement import prove
from sdk import call, ctx, export, require


def measured(
    operator: str, payer: str, month: str, transactions: int, volume: int, gas: int
) -> dict:
    """Queries are those of the statements that the operator has anchored."""
    require_figures(transactions, volume, gas)
    served = queries[(operator, payer, month)]
    return {"transactions": transactions, "bytes": volume, "gas": gas, "queries": served}


def price(invoice):
    """Puts a total on an invoice's figures. Code: E_AMOUNT."""
    invoice.total_fen = total_of(tariffs[invoice.tariff], invoice.figures)
    require(invoice.total_fen <= PAYMENT_MAX, "E_AMOUNT", "more than one payment carries")


@export
def draw(
    payer: str, month: str, transactions: int, bytes: int, gas: int, first_block: int,
    last_block: int,
) -> str:  # fmt: skip
    """An operator draws up what a member used in a month that is over. Returns the invoice's id.

    One after the other: the first month is the operator's choice, each further one the next. Codes:
    E_NOT_PARTY, E_OPERATOR, E_SELF, E_DATE, E_TOO_EARLY, E_MONTH, E_NO_TARIFF, E_FIGURES, E_AMOUNT.
    """
    operator = ctx.member
    parts = {"operator": operator, "payer": payer}
    require_step(INVOICE, "-", "draw", parts)
    require_operator(operator)
    require(payer not in ("", operator), "E_SELF", "an operator owes itself nothing")
    require(is_month(month), "E_DATE", "a month is written 2026-11")
    require(month < this_month(), "E_TOO_EARLY", "the month is not over")
    series = (operator, payer)
    following = next_month[series] or month
    require(month == following, "E_MONTH", f"the next month to draw up is {following}")
    tariff = tariff_for(operator, payer, month)
    require(tariff is not None, "E_NO_TARIFF", "no tariff holds for this member in this month")
    figures = measured(operator, payer, month, transactions, bytes, gas)
    require(0 <= first_block <= last_block + 1, "E_FIGURES", "first and last block of the month")
    invoice = Invoice(
        f"{operator}/{payer}/{month}", parts, operator, payer, month, tariff.id, figures,
        (first_block, last_block), 0, state="DRAWN",
    )  # fmt: skip
    price(invoice)
    next_month[series] = month_after(month)
    keep(invoices, invoice, Drawn)
    return invoice.id


@export
def redraw(
    id: str, transactions: int, bytes: int, gas: int, first_block: int, last_block: int,
    expected_version: int = 0,
) -> str:  # fmt: skip
    """Other figures, as long as nobody has attested them."""
    invoice = enter(INVOICE, invoices, id, "redraw", expected_version)
    figures = (transactions, bytes, gas)
    invoice.figures = measured(invoice.operator, invoice.payer, invoice.month, *figures)
    require(0 <= first_block <= last_block + 1, "E_FIGURES", "first and last block of the month")
    invoice.heights = (first_block, last_block)
    price(invoice)
    return keep(invoices, invoice, Drawn)


def fall_due(invoice, move: str, due_ms: int, salt: bytes) -> dict:
    """Fixes how what is left after credits is paid; what nobody owes is settled. Codes: E_SALT, E_WALLET."""
    series = (invoice.operator, invoice.payer)
    left = credits[series] + invoice.credit_fen
    invoice.credit_fen = min(left, invoice.total_fen)
    credits[series] = left - invoice.credit_fen
    invoice.amount_fen = invoice.total_fen - invoice.credit_fen
    reference = b""
    if invoice.amount_fen:
        number = len(invoice.dues) + 1
        terms = (
            ctx.contract,
            invoice.id,
            number,
            invoice.amount_fen,
            "CNY",
            invoice.operator,
            salt,
        )
        reference = call("dcep", "payment_reference", *terms)
        invoice.dues = (*invoice.dues, new_due(invoice, reference))
        invoice.due_ms = due_ms
    arrive(INVOICE, invoice, move, "DUE" if invoice.amount_fen else "SETTLED")
    invoices[invoice.id] = invoice
    note_arrears(invoice.payer)
    instalment = len(invoice.dues)
    FallenDue(id=invoice.id, version=invoice.version, instalment=instalment,
              amount_fen=invoice.amount_fen)  # fmt: skip
    return {"state": invoice.state, "amount_fen": invoice.amount_fen, "instalment": instalment,
            "reference": reference}  # fmt: skip


def require_same(invoice, transactions: int, volume: int, gas: int):
    own = {"transactions": transactions, "bytes": volume, "gas": gas}
    for what, count in own.items():
        shown = invoice.figures[what]
        require(shown == count, "E_FIGURES", f"{what}: the invoice says {shown}, not {count}")


@export
def attest(
    id: str, transactions: int, bytes: int, gas: int, salt: bytes, expected_version: int = 0
) -> dict:
    """Somebody with no part in it has counted the same: it falls due, and how it is paid is fixed.

    Returns state, amount_fen, instalment, reference. Codes: E_SELF, E_OPERATOR, E_FIGURES, E_SALT, E_WALLET.
    """
    invoice = enter(INVOICE, invoices, id, "attest", expected_version)
    require_attester(invoice)
    require_same(invoice, transactions, bytes, gas)
    invoice.attested_by = ctx.member
    return fall_due(invoice, "attest", due_after(tariffs[invoice.tariff].pay_days), salt)


@export
def dispute(
    id: str, transactions: int, bytes: int, gas: int, queries: int, expected_version: int = 0
) -> str:
    """The payer's own count gives other figures, and less. Codes: E_DISPUTED, E_TOO_LATE, E_FIGURES."""
    invoice = enter(INVOICE, invoices, id, "dispute", expected_version)
    require(invoice.claimed == (), "E_DISPUTED", "it was disputed before, and decided")
    require(ctx.time <= invoice.due_ms, "E_TOO_LATE", "it is overdue")
    require_figures(transactions, bytes, gas)
    require(
        0 <= queries <= invoice.figures["queries"], "E_FIGURES", "queries: up to those invoiced"
    )
    claimed = {"transactions": transactions, "bytes": bytes, "gas": gas, "queries": queries}
    less = total_of(tariffs[invoice.tariff], claimed) < invoice.total_fen
    require(less, "E_FIGURES", "these figures do not make the invoice smaller")
    invoice.claimed = (transactions, bytes, gas, queries)
    keep(invoices, invoice, Disputed)
    note_arrears(invoice.payer)
    return invoice.state


@export
def concede(id: str, salt: bytes, expected_version: int = 0) -> dict:
    """The operator takes the payer's figures. A payment under the earlier reference still ends it; what it
    brings too much is credited. Returns as `attest`."""
    invoice = enter(INVOICE, invoices, id, "concede", expected_version)
    transactions, volume, gas, served = invoice.claimed
    invoice.figures = {"transactions": transactions, "bytes": volume, "gas": gas, "queries": served}
    price(invoice)
    invoice.decided_by = ctx.member
    return fall_due(invoice, "concede", decided_due(invoice.due_ms), salt)


@export
def uphold(id: str, transactions: int, bytes: int, gas: int, expected_version: int = 0) -> str:
    """Somebody with no part in it has counted again what the invoice says. Codes: E_SELF, E_OPERATOR,
    E_FIGURES."""
    invoice = enter(INVOICE, invoices, id, "uphold", expected_version)
    require_attester(invoice)
    require_same(invoice, transactions, bytes, gas)
    invoice.decided_by = ctx.member
    invoice.due_ms = decided_due(invoice.due_ms)
    keep(invoices, invoice, Upheld)
    note_arrears(invoice.payer)
    return invoice.state


@export
def settle(id: str, instalment: int, proof: bytes) -> str:
    """Anyone brings the proof of a payment under one of the invoice's references: it is closed.

    What comes too much, or for an invoice that is closed, is credited to the payer's next one. Codes:
    E_UNPREPARED, E_PROOF_…
    """
    invoice = enter(INVOICE, invoices, id, "settle")
    require(1 <= instalment <= len(invoice.dues), "E_UNPREPARED", "no such payment was fixed")
    paid = prove(invoice.dues[instalment - 1], proof)
    owed = 0 if invoice.paid_fen else invoice.amount_fen
    invoice.paid_fen += paid["amount_fen"]
    credits[(invoice.operator, invoice.payer)] += paid["amount_fen"] - owed
    keep(invoices, invoice, Settled)
    note_arrears(invoice.payer)
    return invoice.state
