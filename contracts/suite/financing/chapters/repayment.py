"""From DISBURSED to REPAID, and what happens where the debtor does not pay."""

from rules.calendar import day_at, day_end_ms, parse_date
from rules.financing_payments import claim_of, fix_repayment, owed_today, take_repayment
from rules.financing_pledge import release_leaf
from rules.financing_records import (
    claim_on_borrower,
    enter,
    financings,
    is_bought,
    load,
    require_bank,
    tell,
)
from rules.persons import require_trader
from sdk import Event, call, ctx, export, require

Repaid = Event("Fin.Repaid")
RepaymentPrepared = Event("Fin.RepaymentPrepared")
PartRepaid = Event("Fin.PartRepaid")
Overdue = Event("Fin.Overdue")
RecourseTaken = Event("Fin.RecourseTaken")
WrittenOff = Event("Fin.WrittenOff")


@export
def prepare_repayment(request_id: str, salt: bytes, amount_fen: int = 0) -> dict:
    """The borrower of an advance or a pledge fixes what it will pay today: early, late, a part; interest first.

    amount_fen: 0 for all that is owed. Interest counts to today, after the due date half as much again.
    Returns the payment. Codes: E_NOT_PARTY, E_ROLE, E_STATE, E_METHOD, E_AMOUNT, E_SALT.
    """
    financing = load(request_id)
    require_trader(financing.borrower, "the borrower")
    enter(financing, "prepare_repayment")
    require(not is_bought(financing), "E_METHOD", "a leaf is repaid by its debtor's payment")
    principal, interest = owed_today(financing)
    whole = principal + interest
    amount = amount_fen or whole
    require(interest < amount <= whole, "E_AMOUNT", "more than the interest, at most all")
    until = day_end_ms(day_at(ctx.time))
    number = fix_repayment(financing, salt, amount, amount - interest, until)
    financings[request_id] = financing
    RepaymentPrepared(request_id=request_id, instalment=number, version=financing.version)
    return {
        "instalment": number,
        "reference": financing.repay_reference,
        "payee": financing.bank,
        "amount_fen": amount,
        "interest_fen": interest,
        "currency": "CNY",
        "not_after_ms": until,
    }


@export
def repay(request_id: str, proof: bytes = b"", instalment: int = 0) -> str:
    """A leaf is repaid when its debtor has paid it, or its guarantor or former holder has; an advance by a
    proof of principal and interest, also in parts; a pledged leaf is then free. instalment: of
    `prepare_repayment`; 0 is the latest."""
    financing = load(request_id)
    before, owed = financing.state, claim_on_borrower(financing)
    enter(financing, "repay")
    if is_bought(financing):
        # an unread proof in an accepted call would look like a payment in an evidence bundle
        require(proof == b"", "E_PROOF_UNUSED", "a leaf is repaid by its own payment")
        settled = call("receivable", "is_settled", financing.leaf_id, financing.bank)
        require(settled, "E_UNPAID", "the leaf is not paid yet")
    elif not take_repayment(financing, proof, instalment):
        financing.state = before
        financings[request_id] = financing
        tell(PartRepaid, financing, claim_on_borrower(financing) - owed)
        return financing.state
    release_leaf(financing, before)
    if not financing.enforced:
        call("invoice_registry", "repay", *claim_of(financing))
    tell(Repaid, financing, -owed)
    return financing.state


@export
def mark_overdue(request_id: str) -> str:
    financing = load(request_id)
    enter(financing, "mark_overdue")
    late = day_at(ctx.time) > parse_date(financing.due_date)
    require(late, "E_TOO_EARLY", "the due date has not passed")
    leaf = financing.leaf_id
    paid = is_bought(financing) and call("receivable", "is_settled", leaf, financing.bank)
    require(not paid, "E_STATE", "the leaf is paid")
    Overdue(request_id=request_id, version=financing.version)
    return financing.state


@export
def recourse(request_id: str, expected_version: int = 0) -> str:
    """The bank turns to the borrower, as its quote said it might. A leaf's payment: `remedy.recourse`."""
    financing = load(request_id)
    require_bank(financing.bank)
    enter(financing, "recourse", expected_version)
    require(financing.recourse, "E_TERMS", "the quote was without recourse")
    RecourseTaken(request_id=request_id, version=financing.version)
    return financing.state


@export
def write_off(request_id: str, reason: str, expected_version: int = 0) -> str:
    """A checker of the bank. The claim stays registered: a later payment is still taken."""
    financing = load(request_id)
    require(ctx.member == financing.bank, "E_NOT_PARTY", "only the bank concerned may do this")
    require("checker" in ctx.roles, "E_ROLE", "a checker of the bank writes off")
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    enter(financing, "write_off", expected_version)
    WrittenOff(request_id=request_id, reason=reason, version=financing.version)
    return financing.state
