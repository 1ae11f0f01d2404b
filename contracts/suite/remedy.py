"""Remedies for a receivable (M1): what is done when a leaf is not simply paid on its due date.

A dispute before the due date, settled by an arbiter or by both parties in the same words; prepayment with a
rebate that the holder grants; after the due date the guarantor's payment, or recourse against the former
holder. Which step is possible when stands in `rules.receivable_machine` beside all others of a piece, and the
receivable contract keeps the state. Whoever pays instead of the debtor takes the leaf, and the debtor owes it
to him. Amounts are fen. Law: Civil Code arts. 392, 524, 700 (who pays for another takes the claim), 766.
"""

from rules.calendar import day_at, day_end_ms, parse_date
from rules.codes import is_digest
from rules.dated_rules import add_business_days
from rules.day_count import simple_interest
from rules.money import half_up
from rules.persons import require_contract, require_trader
from rules.remedy_records import (
    CALL_DAYS,
    GROUNDS,
    OUTCOMES,
    PREPAY_BUSINESS_DAYS,
    PREPAY_MARGIN_MS,
    RATE_PPM_MAX,
    Call,
    CallWithdrawn,
    Dispute,
    Disputed,
    DisputeResolved,
    GuaranteeCalled,
    Prepaid,
    Prepayment,
    PrepaymentAgreed,
    PrepaymentLapsed,
    PrepaymentOffered,
    PrepaymentReversed,
    RecourseTaken,
    ResolutionProposed,
    Returned,
    Subrogated,
    calls,
    disputes,
    instalments,
    prepayments,
)
from rules.settlement import fix, prove
from sdk import call, ctx, export, require, view


def facts(leaf_id: str) -> dict:
    return call("receivable", "remedy_facts", leaf_id)


def step(leaf_id: str, move: str, expected_version: int = 0) -> dict:
    return call("receivable", "remedy_move", leaf_id, move, expected_version)


def require_either(leaf: dict):
    side = leaf["issuer"] if ctx.member == leaf["issuer"] else leaf["holder"]
    require_trader(side, "the issuer or the holder")


def require_active():
    call("party", "check_member", ctx.member)


def payment_due(leaf_id: str, payer: str, payee: str, amount_fen: int, salt: bytes, days: int):
    """A payment fixed beforehand, to be made until the end of so many business days."""
    instalments[leaf_id] += 1
    until = day_end_ms(add_business_days(day_at(ctx.time), days))
    return fix(leaf_id, instalments[leaf_id], payer, payee, amount_fen, salt, until)


def shown(due) -> dict:
    return {
        "reference": due.reference, "payer": due.payer, "payee": due.payee,
        "amount_fen": due.amount_fen, "currency": "CNY", "not_after_ms": due.until_ms,
    }  # fmt: skip


# ---- disputes ------------------------------------------------------------------------------------


@export
def raise_dispute(leaf_id: str, grounds: str, evidence: str, expected_version: int = 0) -> str:
    """Issuer or holder, before the due date. `evidence`: digest. Codes: E_CODE, E_DIGEST, E_TOO_LATE,
    E_STATE, E_NOT_PARTY, E_ROLE, E_PARTY."""
    leaf = facts(leaf_id)
    require_either(leaf)
    require_active()
    require(grounds in GROUNDS, "E_CODE", "unknown grounds for a dispute")
    require(is_digest(evidence), "E_DIGEST", "evidence is a digest: 64 hex digits")
    after = step(leaf_id, "raise_dispute", expected_version)
    early = day_at(ctx.time) < parse_date(leaf["due_date"])
    require(early, "E_TOO_LATE", "a dispute is raised before the due date")
    disputes[leaf_id] = Dispute(ctx.member, grounds, evidence, ctx.time)
    Disputed(leaf_id=leaf_id, grounds=grounds, version=after["version"])
    return after["state"]


@export
def withdraw_dispute(leaf_id: str) -> str:
    found = disputes[leaf_id]
    require(found is not None, "E_NOT_FOUND", "this leaf was never disputed")
    require_trader(found.raised_by, "who raised the dispute")
    owed = facts(leaf_id)["principal_fen"]
    return conclude(leaf_id, "withdraw_dispute", "uphold", owed, "")


@export
def propose_resolution(leaf_id: str, outcome: str, owed_fen: int, decision: str) -> bool:
    """One party says how it would end: the other repeats it in `resolve`, or lets an arbiter decide."""
    leaf = facts(leaf_id)
    require_either(leaf)
    require(leaf["state"] == "DISPUTED", "E_STATE", "no dispute is open")
    check_outcome(leaf, outcome, owed_fen, decision)
    found = disputes[leaf_id]
    found.proposal = (ctx.member, outcome, owed_fen, decision)
    disputes[leaf_id] = found
    ResolutionProposed(leaf_id=leaf_id, by=ctx.member)
    return True


def check_outcome(leaf: dict, outcome: str, owed_fen: int, decision: str):
    require(outcome in OUTCOMES, "E_CODE", "an outcome is uphold, reduce or void")
    require(is_digest(decision), "E_DIGEST", "a decision is a digest: 64 hex digits")
    whole = leaf["principal_fen"]
    fits = {"uphold": owed_fen == whole, "reduce": 0 < owed_fen < whole, "void": owed_fen == 0}
    require(fits[outcome], "E_AMOUNT", "uphold owes all, reduce a part, void nothing")


@export
def resolve(leaf_id: str, outcome: str, owed_fen: int, decision: str) -> str:
    """An arbiter or court decides, or the other party agrees to a proposal in the same words.

    owed_fen: the principal that stays owed. `decision`: digest of the award or settlement. Codes: E_STATE,
    E_NOT_PARTY, E_ROLE, E_CODE, E_DIGEST, E_AMOUNT, E_PARTIAL.
    """
    leaf = facts(leaf_id)
    require(leaf["state"] == "DISPUTED", "E_STATE", "no dispute is open")
    check_outcome(leaf, outcome, owed_fen, decision)
    judges = ("arbiter" in ctx.roles or "court" in ctx.roles) and ctx.member not in (
        leaf["issuer"], leaf["holder"],
    )  # fmt: skip
    if not judges and ctx.caller != "dispute":
        require_either(leaf)
        proposal = disputes[leaf_id].proposal
        other = proposal != () and proposal[0] in (leaf["issuer"], leaf["holder"])
        agreed = other and proposal[0] != ctx.member
        require(agreed, "E_PARTIAL", "the other party has proposed nothing")
        same = proposal[1:] == (outcome, owed_fen, decision)
        require(same, "E_PARTIAL", "a proposal is accepted in the same words")
    move = "annul" if outcome == "void" else "resolve"
    return conclude(leaf_id, move, outcome, owed_fen, decision)


def conclude(leaf_id: str, move: str, outcome: str, owed_fen: int, decision: str) -> str:
    off = facts(leaf_id)["principal_fen"] - owed_fen
    after = call("receivable", "remedy_move", leaf_id, move, 0, "", owed_fen)
    found = disputes[leaf_id]
    found.outcome = outcome
    found.decision = decision
    disputes[leaf_id] = found
    DisputeResolved(leaf_id=leaf_id, outcome=outcome, off_fen=off, version=after["version"])
    return after["state"]


# ---- prepayment ----------------------------------------------------------------------------------


@export
def offer_prepayment(leaf_id: str, rate_ppm: int) -> bool:
    """The issuer would pay early for a rebate of this yearly rate (A360). The leaf may go on as before."""
    leaf = facts(leaf_id)
    require_trader(leaf["issuer"], "the issuer")
    require_active()
    require(leaf["state"] == "ACTIVE", "E_STATE", "only an active leaf is prepaid")
    require(0 <= rate_ppm <= RATE_PPM_MAX, "E_RATE", "a rate is 0 to 24 % a year")
    prepayments[leaf_id] = Prepayment(rate_ppm, leaf["principal_fen"])
    PrepaymentOffered(leaf_id=leaf_id, rate_ppm=rate_ppm)
    return True


@export
def accept_prepayment(leaf_id: str, rate_ppm: int, salt: bytes, expected_version: int = 0) -> dict:
    """The holder consents to exactly this rate. Returns the payment that the issuer is to make."""
    leaf = facts(leaf_id)
    require_trader(leaf["holder"], "the holder")
    step(leaf_id, "accept_prepayment", expected_version)
    offer = prepayments[leaf_id]
    stands = (
        offer is not None and offer.due is None and offer.principal_fen == leaf["principal_fen"]
    )
    require(stands, "E_NOT_FOUND", "the issuer offers no prepayment of this leaf")
    require(offer.rate_ppm == rate_ppm, "E_RATE", "the issuer offered another rate")
    require(not leaf["has_lien"], "E_LIEN", "a piece under a lien is not prepaid")
    last = add_business_days(day_at(ctx.time), PREPAY_BUSINESS_DAYS)
    due_day = parse_date(leaf["due_date"])
    require(last + 1 < due_day, "E_TOO_LATE", "too close to the due date")
    days = due_day - day_at(ctx.time)
    offer.rebate_fen = half_up(*simple_interest(offer.principal_fen, rate_ppm, days))
    amount = offer.principal_fen - offer.rebate_fen
    require(amount > 0, "E_AMOUNT", "nothing would be paid")
    terms = (leaf["issuer"], leaf["holder"], amount, salt, PREPAY_BUSINESS_DAYS)
    offer.due = payment_due(leaf_id, *terms)
    prepayments[leaf_id] = offer
    PrepaymentAgreed(leaf_id=leaf_id, rate_ppm=rate_ppm)
    due = shown(offer.due)
    due.update({"days": days, "rebate_fen": offer.rebate_fen})
    return due


@export
def record_prepayment(leaf_id: str, proof: bytes) -> str:
    """Anyone brings the proof: the whole principal is discharged, for principal less rebate."""
    require(facts(leaf_id)["state"] == "PREPAYING", "E_STATE", "no prepayment is under way")
    offer = prepayments[leaf_id]
    paid = prove(offer.due, proof)
    offer.nullifier = paid["nullifier"]
    offer.paid_fen = paid["amount_fen"]
    prepayments[leaf_id] = offer
    call("receivable", "remedy_move", leaf_id, "record_prepayment", 0, "", 0)
    amount, principal = offer.due.amount_fen, offer.principal_fen
    Prepaid(leaf_id=leaf_id, amount_fen=amount, principal_fen=principal)
    return "PAID"


@export
def expire_prepayment(leaf_id: str) -> str:
    after = step(leaf_id, "expire_prepayment")
    over = ctx.time > prepayments[leaf_id].due.until_ms + PREPAY_MARGIN_MS
    require(over, "E_TOO_EARLY", "the issuer may still prove its payment")
    prepayments.delete(leaf_id)
    PrepaymentLapsed(leaf_id=leaf_id)
    return after["state"]


@export
def on_reverse(leaf_id: str, proof: bytes) -> int:
    """Anyone brings the proof that a prepayment was given back: that much is owed again. Returns it."""
    offer = prepayments[leaf_id]
    known = offer is not None and offer.nullifier != b""
    require(known, "E_NO_REFERENCE", "no prepayment of this leaf was proven")
    back = call("dcep", "verify_reversal", proof, offer.nullifier)
    before = max(0, offer.due.amount_fen - offer.paid_fen)
    offer.paid_fen -= back["amount_fen"]
    owed = max(0, offer.due.amount_fen - offer.paid_fen) - before
    prepayments[leaf_id] = offer
    if owed > 0:
        call("receivable", "reopen_prepaid", leaf_id, owed)
    PrepaymentReversed(leaf_id=leaf_id, owed_fen=owed)
    return owed


# ---- guarantee and recourse ----------------------------------------------------------------------


def claim_on(leaf_id: str, kind: str, move: str, part: str, salt: bytes, expected_version: int):
    """The holder of an overdue leaf turns to whoever answers for it. Returns the payment to be made."""
    leaf = facts(leaf_id)
    require_trader(leaf["holder"], "the holder")
    require_active()
    step(leaf_id, move, expected_version)
    require(leaf[part] != "", "E_TERMS", f"nobody answers as {kind} for this leaf")
    due = payment_due(leaf_id, leaf[part], leaf["holder"], leaf["due_fen"], salt, CALL_DAYS)
    calls[leaf_id] = Call(kind, leaf["holder"], leaf[part], due)
    return shown(due)


@export
def call_guarantee(leaf_id: str, salt: bytes, expected_version: int = 0) -> dict:
    """The holder of an overdue leaf calls the guarantor of the credential for principal and penalty."""
    due = claim_on(leaf_id, "guarantor", "call_guarantee", "guarantor", salt, expected_version)
    GuaranteeCalled(leaf_id=leaf_id, on=due["payer"])
    return due


@export
def recourse(leaf_id: str, salt: bytes, expected_version: int = 0) -> dict:
    """The holder of an overdue leaf turns to the former holder, where terms or quote say it answers."""
    due = claim_on(leaf_id, "former holder", "recourse", "former", salt, expected_version)
    RecourseTaken(leaf_id=leaf_id, on=due["payer"])
    return due


def take_over(leaf_id: str, state: str, move: str, proof: bytes) -> str:
    require(facts(leaf_id)["state"] == state, "E_STATE", f"{move} is not possible in this state")
    open_call = calls[leaf_id]
    prove(open_call.due, proof)
    call("receivable", "remedy_move", leaf_id, move, 0, open_call.on)
    calls.delete(leaf_id)
    return open_call.on


@export
def record_guarantee_payment(leaf_id: str, proof: bytes) -> str:
    """Anyone brings the proof: the leaf, still overdue, is the guarantor's. Returns its new holder."""
    to = take_over(leaf_id, "GUARANTEE_CALLED", "record_guarantee_payment", proof)
    Subrogated(leaf_id=leaf_id, holder=to)
    return to


@export
def record_recourse_payment(leaf_id: str, proof: bytes) -> str:
    """Anyone brings the proof: the leaf, still overdue, is the former holder's again."""
    to = take_over(leaf_id, "RECOURSE", "record_recourse_payment", proof)
    Returned(leaf_id=leaf_id, holder=to)
    return to


@export
def withdraw_call(leaf_id: str) -> str:
    """The holder withdraws its call, to make it anew with another day's penalty, or on somebody else."""
    require_trader(facts(leaf_id)["holder"], "the holder")
    after = step(leaf_id, "withdraw_call")
    calls.delete(leaf_id)
    CallWithdrawn(leaf_id=leaf_id)
    return after["state"]


# ---- views ---------------------------------------------------------------------------------------


@view
def owed_on(leaf_id: str) -> int:
    """The principal that a dispute is about; the dispute contract asks before a decision."""
    require_contract("dispute")
    return facts(leaf_id)["principal_fen"]


def require_concern(leaf: dict, *others: str):
    concerned = (leaf["issuer"], leaf["holder"], *others)
    sees = ctx.member != "" and ctx.member in concerned
    judges = any(role in ctx.roles for role in ("regulator", "arbiter", "court"))
    require(sees or judges, "E_NOT_PARTY", "it belongs to other members")


@view
def get_dispute(leaf_id: str) -> dict:
    found = disputes[leaf_id]
    require(found is not None, "E_NOT_FOUND", "this leaf was never disputed")
    require_concern(facts(leaf_id), found.raised_by)
    return {
        "leaf_id": leaf_id, "raised_by": found.raised_by, "grounds": found.grounds,
        "evidence": found.evidence, "raised_ms": found.raised_ms,
        "proposal": list(found.proposal), "outcome": found.outcome, "decision": found.decision,
    }  # fmt: skip


@view
def get_prepayment(leaf_id: str) -> dict:
    found = prepayments[leaf_id]
    require(found is not None, "E_NOT_FOUND", "no prepayment of this leaf")
    require_concern(facts(leaf_id))
    shape = {} if found.due is None else shown(found.due)
    shape.update({"leaf_id": leaf_id, "rate_ppm": found.rate_ppm})
    shape.update({"principal_fen": found.principal_fen, "rebate_fen": found.rebate_fen})
    return shape


@view
def get_call(leaf_id: str) -> dict:
    """The open call on a guarantor or a former holder."""
    found = calls[leaf_id]
    require(found is not None, "E_NOT_FOUND", "no call is open")
    require_concern(facts(leaf_id), found.on)
    shape = shown(found.due)
    shape.update({"leaf_id": leaf_id, "kind": found.kind, "by": found.by})
    return shape
