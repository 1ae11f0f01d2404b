"""Payments that a bank lets out under a filing. Table USE."""

from chapters.form import days_end
from rules.calendar import parse_date
from rules.day_rate import convert, day_rate, describe_rate
from rules.instrument import arrive, enter, keep, load, today
from rules.money import is_amount
from rules.settlement import fix, prove
from rules.tax_form_machine import FORM, PAY_BUSINESS_DAYS, PROOF_MARGIN_MS, USE, USES_MAX
from rules.tax_form_records import (
    OPEN_STATES,
    Lapsed,
    PaymentPrepared,
    Released,
    Use,
    Used,
    Verified,
    commitment_of,
    count,
    end_use,
    forms,
    remaining,
    require_not_due,
    state_by_use,
    uses,
)
from sdk import call, ctx, export, require


@export
def bank_verify(id: str, code: str, amount: int, payee: str, expected_version: int = 0) -> str:
    """A bank shows the code it was handed and takes an amount from the remainder. Returns the payment's number.

    amount: minor units of the form's currency; what is paid in fen follows by the day's rate. Codes: E_ROLE,
    E_VERIFY_CODE, E_PAYEE_MISMATCH, E_REMAINDER, E_PERIOD_OVER, E_REVIEW, E_HOLD, E_LIMIT.
    """
    form = enter(FORM, forms, id, "bank_verify", expected_version)
    is_bank = call("party", "check_member", ctx.member)["kind"] == "bank"
    require(is_bank, "E_ROLE", "a bank verifies and pays")
    opens = commitment_of(id, ctx.member, code) in form.banks
    require(opens, "E_VERIFY_CODE", "the payer has named no bank with this code")
    require(payee == form.parties["payee"], "E_PAYEE_MISMATCH", "the form names another payee")
    within = parse_date(form.since) <= today() <= parse_date(form.until)
    require(within, "E_PERIOD_OVER", "the contract does not run today")
    waits = call("tax_review", "is_unanswered", id)
    require(not waits, "E_REVIEW", "the tax authority waits for an answer")
    require(is_amount(amount), "E_AMOUNT", "a positive number of minor units")
    require(amount <= remaining(form), "E_REMAINDER", "the form's remainder is smaller")
    require(form.uses < USES_MAX, "E_LIMIT", "too many payments under one form")
    rate = day_rate(form.currency)
    pay_fen = amount if form.currency == "CNY" else convert(amount, rate, day_rate("CNY"))
    form.uses += 1
    form.open_uses += 1
    form.reserved += amount
    if ctx.member not in form.opened_by:
        form.opened_by = (*form.opened_by, ctx.member)
    arrive(FORM, form, "bank_verify", state_by_use(form))
    count(form, 0, 0, amount, 0)
    keep(forms, form, Verified)
    number = f"{id}/{form.uses}"
    parts = form.parties
    parts["bank"] = ctx.member
    uses[number] = Use(
        number, id, parts, amount, pay_fen, describe_rate(rate), days_end(PAY_BUSINESS_DAYS),
        state="RESERVED",
    )  # fmt: skip
    return number


@export
def prepare_payment(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Fix the payment: its reference is bound to the form's number. Codes: E_PREPARED, E_REVOKED, E_WALLET…"""
    use = enter(USE, uses, id, "prepare_payment", expected_version)
    require_not_due(use.due)
    require(load(forms, use.form).state in OPEN_STATES, "E_REVOKED", "the form was revoked")
    require(ctx.time < use.until_ms, "E_TOO_LATE", "the days to pay are over")
    parts = use.parties
    use.due = fix(id, 1, parts["payer"], parts["payee"], use.pay_fen, salt, use.until_ms)
    keep(uses, use, PaymentPrepared)
    return use.due.reference


@export
def pay_proof(id: str, proof: bytes) -> str:
    """Anyone brings the proof of the payment; what was paid is used, also if the form was revoked since."""
    use = enter(USE, uses, id, "pay_proof")
    prove(use.due, proof)
    end_use(use, True)
    return keep(uses, use, Used)


@export
def release(id: str, expected_version: int = 0) -> str:
    use = enter(USE, uses, id, "release", expected_version)
    require_not_due(use.due)
    end_use(use, False)
    return keep(uses, use, Released)


@export
def lapse(id: str) -> str:
    use = enter(USE, uses, id, "lapse")
    over = use.until_ms + (PROOF_MARGIN_MS if use.due else 0)
    require(ctx.time >= over, "E_TOO_EARLY", "it may still be paid or proven")
    end_use(use, False)
    return keep(uses, use, Lapsed)
