"""From the complaint to the end of the evidence. Table CASE."""

from rules.calendar import day_end_ms
from rules.codes import is_code, is_digest
from rules.dated_rules import add_business_days
from rules.dispute_machine import (
    CASE,
    CONCILIATION_BUSINESS_DAYS,
    EVIDENCE_BUSINESS_DAYS,
    EVIDENCE_MAX,
    GROUNDS,
    KINDS,
)
from rules.dispute_records import (
    Admitted,
    Case,
    Declined,
    EvidenceClosed,
    EvidenceSubmitted,
    Opened,
    Rested,
    disputes,
    pending,
    stages,
)
from rules.instrument import enter, keep, load, require_step, today
from sdk import call, ctx, export, require


def step(id: str, move: str, expected_version: int = 0):
    """Enter, and keep the statistics of stages: counts only, nothing of a case."""
    before = load(disputes, id).state
    case = enter(CASE, disputes, id, move, expected_version)
    if case.state != before:
        stages[(before, case.grounds)] -= 1
        stages[(case.state, case.grounds)] += 1
    return case


def require_digest(text: str, what: str):
    require(is_digest(text), "E_DIGEST", f"{what} as a digest: 64 hex digits")


def require_seat(parts: dict):
    apart = parts["seat"] not in (parts["claimant"], parts["respondent"], "")
    require(apart, "E_SELF", "the seat is neither of the parties")


def stage_of_days(days: int) -> int:
    return day_end_ms(add_business_days(today(), days))


@export
def open(
    id: str, kind: str, target: str, respondent: str, seat: str, grounds: str, evidence: str
) -> str:
    """A party of an instrument disputes it. `evidence`: digest of the first file.

    On a receivable the leaf is locked by the same step, so the claimant is its issuer or holder, before the due
    date. Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE, E_SELF, E_DIGEST, E_NOT_FOUND, E_DISPUTED; of `remedy`.
    """
    parts = {"claimant": ctx.member, "respondent": respondent, "seat": seat}
    require_step(CASE, "-", "open", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(disputes[id] is None, "E_DUPLICATE", "this number is taken")
    require(kind in KINDS, "E_CODE", "kinds: " + ", ".join(KINDS))
    require(0 < len(target) <= 64, "E_CODE", "the instrument's number")
    require(grounds in GROUNDS, "E_CODE", "grounds: " + ", ".join(GROUNDS))
    require(respondent != ctx.member, "E_SELF", "the other party is another member")
    require_seat(parts)
    require_digest(evidence, "evidence")
    for party in (ctx.member, respondent):
        call("party", "get", party)
    require(pending[(kind, target)] == "", "E_DISPUTED", "a case is open on it")
    if kind == "receivable":
        issuer = call("receivable", "get", target.split("/")[0])["issuer"]
        require(issuer in (ctx.member, respondent), "E_NOT_PARTY", "its debtor is a party")
        call("remedy", "raise_dispute", target, grounds, evidence)
    pending[(kind, target)] = id
    stages[("OPENED", grounds)] += 1
    first = ((ctx.member, evidence, ctx.time),)
    made = Case(id, kind, target, parts, grounds, first, ctx.time, state="OPENED")
    return keep(disputes, made, Opened)


@export
def admit(id: str, expected_version: int = 0) -> str:
    case = step(id, "admit", expected_version)
    case.until_ms = stage_of_days(EVIDENCE_BUSINESS_DAYS)
    return keep(disputes, case, Admitted)


@export
def decline(id: str, grounds: str, expected_version: int = 0) -> str:
    """The seat is not competent. The claimant turns to another seat, or withdraws."""
    case = step(id, "decline", expected_version)
    require_digest(grounds, "grounds")
    case.decision = grounds
    return keep(disputes, case, Declined)


@export
def submit(id: str, evidence: str, expected_version: int = 0) -> str:
    """Codes: E_TOO_LATE, E_DIGEST, E_LIMIT, E_DUPLICATE."""
    case = step(id, "submit", expected_version)
    require(ctx.time < case.until_ms, "E_TOO_LATE", "the time for evidence is over")
    require_digest(evidence, "evidence")
    require(len(case.evidence) < EVIDENCE_MAX, "E_LIMIT", "too much evidence: send a bundle")
    known = any(one[1] == evidence for one in case.evidence)
    require(not known, "E_DUPLICATE", "this file is on record")
    case.evidence = (*case.evidence, (ctx.member, evidence, ctx.time))
    return keep(disputes, case, EvidenceSubmitted)


@export
def rest(id: str, expected_version: int = 0) -> str:
    case = step(id, "rest", expected_version)
    require(ctx.member not in case.rested, "E_DUPLICATE", "this side rests already")
    case.rested = (*case.rested, ctx.member)
    return keep(disputes, case, Rested)


@export
def close_evidence(id: str) -> str:
    case = step(id, "close_evidence")
    over = ctx.time >= case.until_ms or len(case.rested) == 2
    require(over, "E_TOO_EARLY", "the time for evidence is not over")
    case.until_ms = stage_of_days(CONCILIATION_BUSINESS_DAYS)
    return keep(disputes, case, EvidenceClosed)
