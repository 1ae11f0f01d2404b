"""The debtor disputes a leaf; both agree, or a decision is carried out."""

from rules.calendar import day_at, day_end_ms, parse_date
from rules.codes import is_digest
from rules.dated_rules import add_business_days
from rules.persons import require_trader
from rules.remedy_records import (
    GROUNDS,
    OUTCOMES,
    Dispute,
    Disputed,
    DisputeResolved,
    ResolutionProposed,
    disputes,
    instalments,
)
from rules.settlement import fix
from sdk import call, ctx, export, require


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
