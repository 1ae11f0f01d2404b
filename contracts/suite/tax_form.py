"""Tax filing form for payments abroad (M7): one filing a contract, many payments, and no remainder used twice.

A single payment above the threshold (USD 50,000 by the day's rate) needs a form filed before it is made. A
bank pays only what it has verified here: the amount is taken from the form's remainder at once, for that bank
alone. What may happen when stands in `rules.tax_form_machine`, how a code proves itself in
`rules.tax_form_records`.

Invariants: reserved and used never exceed the contract's amount; one contract, one form in force; who verified
pays in time under the form's number, or the remainder has the amount back.
"""

from rules.calendar import date_of, day_end_ms, is_date, parse_date
from rules.codes import is_currency, is_digest
from rules.dated_rules import add_business_days, rule_on
from rules.day_rate import convert, day_rate, describe_rate, is_above
from rules.instrument import arrive, enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.money import PAYMENT_MAX, is_amount
from rules.rulebook_catalogue import authority_of
from rules.settlement import fix, prove
from rules.tax_form_machine import (
    BANKS_MAX,
    EXEMPTIONS,
    FORM,
    PAY_BUSINESS_DAYS,
    PROOF_MARGIN_MS,
    USE,
    USES_MAX,
)
from rules.tax_form_records import (
    OPEN_STATES,
    AmendmentDropped,
    AmendmentProposed,
    BankNamed,
    Cancelled,
    Filed,
    Form,
    Lapsed,
    PaymentPrepared,
    Prepared,
    Released,
    Revoked,
    Superseded,
    Use,
    Used,
    Verified,
    commitment_of,
    count,
    describe,
    describe_use,
    end_use,
    form_of,
    forms,
    remaining,
    require_not_due,
    serials,
    state_by_use,
    totals,
    uses,
)
from sdk import call, ctx, export, require, view


def threshold() -> dict:
    return rule_on("threshold:outward-payment", today())


def is_over(payment: int, rate, rule: dict) -> bool:
    """Whether a payment is above the threshold: the threshold itself is not."""
    return is_above(payment, rate, rule["amount"], day_rate(rule["currency"]))


def check_contract(amount: int, since: str, until: str, contract: str, details: str):
    require(is_amount(amount) and amount <= PAYMENT_MAX, "E_AMOUNT", "1 to 2^53 - 1 minor units")
    require(is_date(since) and is_date(until), "E_DATE", "a date is written YYYY-MM-DD")
    runs = parse_date(since) <= parse_date(until) and today() <= parse_date(until)
    require(runs, "E_DATE", "the contract runs from its first day to one that lies ahead")
    digests = is_digest(contract) and is_digest(details)
    require(digests, "E_DIGEST", "contract and details are digests: 64 hex digits")


def check_banks(commitments: list):
    known = all(isinstance(c, str) and is_digest(c) for c in commitments)
    require(known and len(commitments) <= BANKS_MAX, "E_DIGEST", "up to 8 commitments to banks")


def days_end(business_days: int) -> int:
    return day_end_ms(add_business_days(today(), business_days))


def next_number() -> str:
    year = date_of(today())[0]
    serials[year] += 1
    return f"TF-{year}-{serials[year]:06d}"


# ---- the form ------------------------------------------------------------------------------------


@export
def prepare(
    payee: str, tax: str, safe: str, contract: str, details: str, amount: int, currency: str,
    first_payment: int, since: str, until: str, purpose: str,
) -> str:  # fmt: skip
    """Draw a form up before the first payment under a contract. Returns its number, TF-2027-000001.

    payee: the member abroad that is paid. tax, safe: the authorities in charge. contract: digest of the
    contract. details: digest of the form filled in (payee's name and TIN, treatment under CIT and VAT, treaty
    article, tax paid, intermediary), which goes to the tax office. amount: of the contract, first_payment: of
    its first payment, minor units. purpose: BoP code, six digits. Codes: E_NOT_PARTY, E_AMOUNT, E_DATE,
    E_DIGEST, E_AUTHORITY, E_CODE, E_CURRENCY, E_HOLD, E_NO_FORM, E_RESIDENT, E_PARTY, E_KYC_EXPIRED,
    E_DUPLICATE.
    """
    parts = {"payer": ctx.member, "payee": payee, "tax": tax, "safe": safe}
    require_step(FORM, "-", "prepare", parts)
    check_contract(amount, since, until, contract, details)
    in_charge = authority_of(tax) == "TAX" and authority_of(safe) == "SAFE"
    require(in_charge, "E_AUTHORITY", "a tax authority and SAFE")
    coded = len(purpose) == 6 and all("0" <= c <= "9" for c in purpose)
    require(coded, "E_CODE", "a BoP code has six digits")
    require(is_amount(first_payment) and first_payment <= amount, "E_AMOUNT", "part of the amount")
    rate = day_rate(currency)
    above = is_over(first_payment, rate, threshold())
    require(above, "E_NO_FORM", "a payment up to the threshold needs no form")
    here = call("party", "check_new_business", ctx.member)["country"] == "CN"
    abroad = call("party", "check_member", payee)["country"] != "CN"
    require(here and abroad, "E_RESIDENT", "a form is for payments from the mainland abroad")
    require(form_of[(ctx.member, contract)] == "", "E_DUPLICATE", "this contract has a form")
    form = Form(
        next_number(), parts, ctx.member, tax, safe, contract, details, amount, currency, since,
        until, purpose, describe_rate(rate), ctx.sender, state="DRAFT",
    )  # fmt: skip
    form_of[(ctx.member, contract)] = form.id
    keep(forms, form, Prepared)
    return form.id


@export
def submit(id: str, banks: list, expected_version: int = 0) -> str:
    """A second person files it: its number counts from now on, and the days of the review begin.

    banks: for each bank that is to pay, the commitment to it and to the code it is handed. Codes: E_FOUR_EYES,
    E_DIGEST.
    """
    form = enter(FORM, forms, id, "submit", expected_version)
    require(ctx.sender != form.maker, "E_FOUR_EYES", "maker and checker are two persons")
    check_banks(banks)
    form.banks = tuple(banks)
    count(form, 1, form.amount, 0, 0)
    call("tax_review", "open", id, form.parties)
    return keep(forms, form, Filed)


@export
def cancel(id: str, expected_version: int = 0) -> str:
    form = enter(FORM, forms, id, "cancel", expected_version)
    form_of.delete((form.payer, form.contract))
    return keep(forms, form, Cancelled)


@export
def name_bank(id: str, commitment: str, expected_version: int = 0) -> str:
    """One more bank may verify. Codes: E_DIGEST, E_LIMIT."""
    form = enter(FORM, forms, id, "name_bank", expected_version)
    check_banks([commitment])
    require(len(form.banks) < BANKS_MAX, "E_LIMIT", "eight banks are named already")
    form.banks = (*form.banks, commitment)
    return keep(forms, form, BankNamed)


@export
def propose_amendment(
    id: str, amount: int, until: str, contract: str, details: str, expected_version: int = 0
) -> str:
    """The contract was changed: what is to be filed instead. Codes: E_AMENDMENT, and of `prepare`."""
    form = enter(FORM, forms, id, "propose_amendment", expected_version)
    require(not form.proposed, "E_AMENDMENT", "an amendment is open already")
    check_contract(amount, form.since, until, contract, details)
    form.proposed = (amount, until, contract, details)
    form.maker = ctx.sender
    return keep(forms, form, AmendmentProposed)


@export
def drop_amendment(id: str, expected_version: int = 0) -> str:
    form = enter(FORM, forms, id, "drop_amendment", expected_version)
    require(form.proposed != (), "E_AMENDMENT", "no amendment is open")
    form.proposed = ()
    return keep(forms, form, AmendmentDropped)


@export
def amend(id: str, banks: list, expected_version: int = 0) -> str:
    """A second person files the new form, which takes over what was paid. Returns its number.

    Codes: E_AMENDMENT, E_FOUR_EYES, E_USE_OPEN, E_AMOUNT, E_DUPLICATE, E_DIGEST.
    """
    form = enter(FORM, forms, id, "amend", expected_version)
    require(form.proposed != (), "E_AMENDMENT", "no amendment is open")
    require(ctx.sender != form.maker, "E_FOUR_EYES", "maker and checker are two persons")
    require(form.open_uses == 0, "E_USE_OPEN", "a bank has verified a payment: pay or release it")
    check_banks(banks)
    amount, until, contract, details = form.proposed
    require(amount >= form.used, "E_AMOUNT", "more was paid already")
    other = form_of[(form.payer, contract)]
    require(other in ("", form.id), "E_DUPLICATE", "this contract has a form")
    after = Form(
        next_number(), form.parties, form.payer, form.tax, form.safe, contract, details, amount,
        form.currency, form.since, until, form.purpose, form.rate, form.maker, tuple(banks),
        used=form.used,
    )  # fmt: skip
    after.state = state_by_use(after)
    form.successor = after.id
    form.proposed = ()
    count(form, 0, amount - form.amount, 0, 0)
    form_of[(form.payer, contract)] = after.id
    keep(forms, form, Superseded)
    keep(forms, after, Filed)
    call("tax_review", "open", after.id, after.parties)
    return after.id


@export
def revoke(id: str, reason: str, expected_version: int = 0) -> str:
    """The tax authority withdraws a form got by fraud: no bank verifies or prepares anything under it."""
    form = enter(FORM, forms, id, "revoke", expected_version)
    require(is_digest(reason), "E_DIGEST", "the decision as a digest: 64 hex digits")
    form.reason = reason
    return keep(forms, form, Revoked)


# ---- payments under it ---------------------------------------------------------------------------


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


# ---- views ---------------------------------------------------------------------------------------


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
