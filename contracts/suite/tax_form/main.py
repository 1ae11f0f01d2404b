"""Tax filing form for payments abroad (M7): one filing a contract, many payments, and no remainder used twice.

A single payment above the threshold (USD 50,000 by the day's rate) needs a form filed before it is made. A
bank pays only what it has verified here: the amount is taken from the form's remainder at once, for that bank
alone. What may happen when stands in `rules.tax_form_machine`, how a code proves itself in
`rules.tax_form_records`.

Invariants: reserved and used never exceed the contract's amount; one contract, one form in force; who verified
pays in time under the form's number, or the remainder has the amount back.

    form      the filing and its amendments
    payments  payments under it
"""

from chapters.form import (
    prepare,
    submit,
    cancel,
    name_bank,
    propose_amendment,
    drop_amendment,
    amend,
    revoke,
    is_over,
    threshold,
)
from chapters.payments import bank_verify, prepare_payment, pay_proof, release, lapse

from rules.codes import is_currency
from rules.day_rate import day_rate, describe_rate
from rules.instrument import load
from rules.machine import moves_from
from rules.money import is_amount
from rules.rulebook_catalogue import authority_of
from rules.tax_form_machine import EXEMPTIONS, FORM, USE
from rules.tax_form_records import describe, describe_use, forms, totals, uses
from sdk import ctx, require, view


def sees_all(form) -> bool:
    watches = ctx.member in (form.tax, form.safe) and "regulator" in ctx.roles
    return ctx.member != "" and (ctx.member == form.payer or watches)


@view
def needs_form(amount: int, currency: str, exemption: str = "") -> dict:
    """Whether a payment abroad needs a form today, by which rate and rule. Codes: E_AMOUNT, E_CODE, E_HOLD."""
    require(
        is_amount(amount) and is_currency(currency), "E_AMOUNT", "an amount in a known currency"
    )
    require(exemption in ("", *EXEMPTIONS), "E_CODE", "exempt: " + ", ".join(EXEMPTIONS))
    rule = threshold()
    rate = day_rate(currency)
    above = is_over(amount, rate, rule)
    return {"needed": above and exemption == "", "rule": rule, "rate": describe_rate(rate)}


@view
def get(id: str) -> dict:
    """Payer, its tax authority and SAFE see a form whole; a bank what it needs of one it has verified."""
    form = load(forms, id)
    if sees_all(form):
        return describe(form)
    verified = ctx.member != "" and ctx.member in form.opened_by
    require(verified, "E_NOT_PARTY", "a bank sees the forms it has verified")
    shown = describe(form)
    names = ("id", "parties", "state", "currency", "remaining", "until", "version")
    return {name: shown[name] for name in names}


@view
def get_payment(id: str) -> dict:
    """A payment under a form, by its number TF-2027-000001/1."""
    use = load(uses, id)
    own = ctx.member != "" and ctx.member in (use.parties["bank"], use.parties["payee"])
    require(own or sees_all(load(forms, use.form)), "E_NOT_PARTY", "another bank's payment")
    return describe_use(use)


@view
def list_forms(after: str = "", limit: int = 50) -> list:
    """The asking member's forms, or those that the asking authority watches; `after`: the last number shown."""
    index = "payer"
    if "regulator" in ctx.roles:
        index = "tax" if authority_of(ctx.member) == "TAX" else "safe"
    require(1 <= limit <= 200, "E_LIMIT", "1 to 200 a page")
    rows = forms.by(index, ctx.member, after=after or None, limit=limit)
    return [describe(form) for _, form in rows]


@view
def usage() -> list:
    """Forms filed, amounts filed, verified, used and left, by currency: the asking authority's figures."""
    require("regulator" in ctx.roles, "E_ROLE", "the authorities' figures")
    rows = totals.scan(prefix=(ctx.member,))
    return [
        {"currency": key[1], "forms": row.forms, "filed": row.filed, "reserved": row.reserved,
         "used": row.used, "remaining": row.filed - row.reserved - row.used}
        for key, row in rows
    ]  # fmt: skip


@view
def next_steps(id: str) -> list:
    """What may happen now to a form, or to a payment under it: call, who, guard, to."""
    if "/" in id:
        return moves_from(USE, load(uses, id).state)
    return moves_from(FORM, load(forms, id).state)
