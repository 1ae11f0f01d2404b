"""Remedies for a receivable (M1): what is done when a leaf is not simply paid on its due date.

A dispute before the due date, settled by an arbiter or by both parties in the same words; prepayment with a
rebate that the holder grants; after the due date the guarantor's payment, or recourse against the former
holder. Which step is possible when stands in `rules.receivable_machine` beside all others of a piece, and the
receivable contract keeps the state. Whoever pays instead of the debtor takes the leaf, and the debtor owes it
to him. Amounts are fen. Law: Civil Code arts. 392, 524, 700 (who pays for another takes the claim), 766.

    disputes    disputes of a leaf
    prepayment  paid before it is due
    claims      guarantee calls and recourse
"""

from chapters.disputes import (
    raise_dispute,
    withdraw_dispute,
    propose_resolution,
    resolve,
    facts,
    shown,
)
from chapters.prepayment import (
    offer_prepayment,
    accept_prepayment,
    record_prepayment,
    expire_prepayment,
    on_reverse,
)
from chapters.claims import (
    call_guarantee,
    recourse,
    record_guarantee_payment,
    record_recourse_payment,
    withdraw_call,
)

from rules.persons import require_contract
from rules.remedy_records import calls, disputes, prepayments
from sdk import ctx, require, view


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
