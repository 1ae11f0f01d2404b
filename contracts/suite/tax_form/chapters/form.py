"""The filing of a contract's payments abroad, its amendments and its end. Table FORM."""

from rules.calendar import date_of, day_end_ms, is_date, parse_date
from rules.codes import is_digest
from rules.dated_rules import add_business_days, rule_on
from rules.day_rate import day_rate, describe_rate, is_above
from rules.instrument import enter, keep, require_step, today
from rules.money import PAYMENT_MAX, is_amount
from rules.rulebook_catalogue import authority_of
from rules.tax_form_machine import BANKS_MAX, FORM
from rules.tax_form_records import (
    AmendmentDropped,
    AmendmentProposed,
    BankNamed,
    Cancelled,
    Filed,
    Form,
    Prepared,
    Revoked,
    Superseded,
    count,
    form_of,
    forms,
    serials,
    state_by_use,
)
from sdk import call, ctx, export, require


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
