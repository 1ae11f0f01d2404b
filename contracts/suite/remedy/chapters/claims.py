"""Not paid when due: the guarantor, then those who passed it on with recourse."""

from chapters.disputes import facts, payment_due, require_active, shown, step
from rules.persons import require_trader
from rules.remedy_records import (
    CALL_DAYS,
    Call,
    CallWithdrawn,
    GuaranteeCalled,
    RecourseTaken,
    Returned,
    Subrogated,
    calls,
)
from rules.settlement import prove
from sdk import call, export, require


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
