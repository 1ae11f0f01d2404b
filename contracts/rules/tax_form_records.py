"""What the tax form contract stores, tells and shows, and how it counts.

Nothing on a ledger is secret, so the code that a bank shows is not kept: the payer draws it, hands it to the
bank with the form's number, and files only the commitment SM3(domain ‖ form ‖ bank ‖ code). It names the
bank: whoever reads the code in that bank's transaction can do nothing with it, as no other member's signature
makes it that bank.
"""

from rules.calendar import date_text, day_at
from rules.instrument import load
from rules.settlement import Due
from sdk import Event, Map, dataclass, require, sm3, struct_encode

CODE_DOMAIN = "citychain/tax-form-code/v1"
OPEN_STATES = ("FILED", "PARTIALLY_USED", "USED")


@dataclass
class Form:
    """Amounts are minor units of `currency`. contract, details: digests; the documents go to the tax office.

    reserved counts what banks have verified and not paid yet. proposed: an amendment (amount, until, contract,
    details). maker: of the form or of the proposed amendment. tax, safe, payer: as in `parties`, for lists.
    """

    id: str
    parties: dict
    payer: str
    tax: str
    safe: str
    contract: str
    details: str
    amount: int
    currency: str
    since: str
    until: str
    purpose: str
    rate: dict
    maker: str
    banks: tuple = ()
    opened_by: tuple = ()
    reserved: int = 0
    used: int = 0
    uses: int = 0
    open_uses: int = 0
    proposed: tuple = ()
    successor: str = ""
    reason: str = ""
    state: str = ""
    version: int = 1


@dataclass
class Use:
    """A payment that a bank has verified: `amount` of the form, `pay_fen` by the rate of that day."""

    id: str
    form: str
    parties: dict
    amount: int
    pay_fen: int
    rate: dict
    until_ms: int
    due: Due | None = None
    state: str = ""
    version: int = 1


@dataclass
class Totals:
    forms: int = 0
    filed: int = 0
    reserved: int = 0
    used: int = 0


forms = Map("form", None, indexes=("payer", "tax", "safe"))
uses = Map("use", None)
form_of = Map("form_of", "")  # (payer, digest of a contract) → its form
serials = Map("serial", 0)  # year
totals = Map("totals", None)  # (authority, currency)

Prepared = Event("Tax.Prepared")
Filed = Event("Tax.Filed")
Cancelled = Event("Tax.Cancelled")
BankNamed = Event("Tax.BankNamed")
Verified = Event("Tax.Verified")
AmendmentDropped = Event("Tax.AmendmentDropped")
AmendmentProposed = Event("Tax.AmendmentProposed")
Superseded = Event("Tax.Superseded")
Revoked = Event("Tax.Revoked")
PaymentPrepared = Event("Tax.PaymentPrepared")
Used = Event("Tax.Used")
Released = Event("Tax.Released")
Lapsed = Event("Tax.Lapsed")


def commitment_of(form: str, bank: str, code: str) -> str:
    """What the payer files for a bank and the code it hands to that bank, 32 random hex digits."""
    fields = [("str", CODE_DOMAIN), ("str", form), ("str", bank), ("str", code)]
    return sm3(struct_encode(fields)).hex()


def remaining(form) -> int:
    return form.amount - form.reserved - form.used


def state_by_use(form) -> str:
    if remaining(form) == form.amount:
        return "FILED"
    return "PARTIALLY_USED" if remaining(form) else "USED"


def count(form, forms_more: int, filed: int, reserved: int, used: int):
    """Book a change for the authorities that watch the form."""
    for authority in (form.tax, form.safe):
        sums = totals[(authority, form.currency)] or Totals()
        sums.forms += forms_more
        sums.filed += filed
        sums.reserved += reserved
        sums.used += used
        totals[(authority, form.currency)] = sums


def end_use(use, is_paid: bool):
    """A reservation has ended: its amount is used, or the form's remainder has it back."""
    form = load(forms, use.form)
    form.reserved -= use.amount
    form.open_uses -= 1
    if is_paid:
        form.used += use.amount
    assert form.reserved >= 0 and 0 <= remaining(form) <= form.amount
    if form.state in OPEN_STATES:
        form.state = state_by_use(form)
    form.version += 1
    forms[form.id] = form
    count(form, 0, 0, -use.amount, use.amount if is_paid else 0)


def require_not_due(due):
    require(due is None, "E_PREPARED", "the reference is fixed already")


def describe(form) -> dict:
    return {
        "id": form.id,
        "parties": form.parties,
        "state": form.state,
        "contract": form.contract,
        "details": form.details,
        "amount": form.amount,
        "currency": form.currency,
        "since": form.since,
        "until": form.until,
        "purpose": form.purpose,
        "rate": form.rate,
        "reserved": form.reserved,
        "used": form.used,
        "remaining": remaining(form),
        "payments": form.uses,
        "proposed": list(form.proposed),
        "successor": form.successor,
        "reason": form.reason,
        "version": form.version,
    }


def describe_use(use) -> dict:
    return {
        "id": use.id,
        "form": use.form,
        "parties": use.parties,
        "state": use.state,
        "amount": use.amount,
        "pay_fen": use.pay_fen,
        "rate": use.rate,
        "pay_until": date_text(day_at(use.until_ms - 1)),
        "reference": use.due.reference if use.due else b"",
        "version": use.version,
    }
