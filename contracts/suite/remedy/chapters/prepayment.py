"""Paid before it is due, for a discount."""

from chapters.disputes import facts, payment_due, require_active, shown, step
from rules.calendar import day_at, parse_date
from rules.dated_rules import add_business_days
from rules.day_count import simple_interest
from rules.money import half_up
from rules.persons import require_trader
from rules.remedy_records import (
    PREPAY_BUSINESS_DAYS,
    PREPAY_MARGIN_MS,
    RATE_PPM_MAX,
    Prepaid,
    Prepayment,
    PrepaymentAgreed,
    PrepaymentLapsed,
    PrepaymentOffered,
    PrepaymentReversed,
    prepayments,
)
from rules.settlement import prove
from sdk import call, ctx, export, require


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
