"""Dispute (M16): a case between two parties of an instrument, from its grounds to its decision's execution.

OPENED → EVIDENCE (7 business days) → CONCILIATION (5) → ARBITRATION by the seat (30 days, once 30 more) →
DECIDED → EXECUTED. A case on a receivable locks the leaf (`remedy.raise_dispute`), and its decision takes
effect on it. What may happen when: `rules.dispute_machine`. Evidence, proposals and decisions are digests; the
documents stay with the parties and the seat. Invariants: one open case an instrument; the seat is no party;
nothing follows EXECUTED.
"""

from rules.calendar import DAY_MS, day_end_ms
from rules.codes import is_code, is_digest
from rules.dated_rules import add_business_days
from rules.dispute_machine import (
    CASE,
    CONCILIATION_BUSINESS_DAYS,
    EVIDENCE_BUSINESS_DAYS,
    EVIDENCE_MAX,
    GROUNDS,
    KINDS,
    OUTCOMES,
    SEAT_DAYS,
)
from rules.dispute_records import (
    Admitted,
    Case,
    Decided,
    Declined,
    EvidenceClosed,
    EvidenceSubmitted,
    Executed,
    Lapsed,
    Opened,
    Rested,
    Resubmitted,
    Settled,
    SettlementProposed,
    TimeExtended,
    ToArbitration,
    Withdrawn,
    describe,
    disputes,
    pending,
    stages,
)
from rules.instrument import enter, keep, load, require_step, today
from rules.machine import moves_from
from sdk import call, ctx, export, require, view


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


def check_outcome(case, outcome: str, owed_fen: int, decision: str):
    """What could not be executed is not decided."""
    require(outcome in OUTCOMES, "E_CODE", "an outcome is uphold, reduce or void")
    owes = owed_fen == 0 if outcome == "void" else owed_fen > 0
    require(owes, "E_AMOUNT", "uphold and reduce say what stays owed, void owes nothing")
    if case.kind == "receivable" and outcome != "void":
        whole = call("remedy", "owed_on", case.target)
        fits = owed_fen == whole if outcome == "uphold" else owed_fen < whole
        require(fits, "E_AMOUNT", f"uphold owes all of {whole} fen, reduce less")
    require_digest(decision, "a decision")


@export
def propose_settlement(
    id: str, outcome: str, owed_fen: int, decision: str, expected_version: int = 0
) -> str:
    """What would end the case: the other party accepts it in the same words, or the seat decides."""
    case = step(id, "propose_settlement", expected_version)
    require(ctx.time < case.until_ms, "E_TOO_LATE", "the time for conciliation is over")
    check_outcome(case, outcome, owed_fen, decision)
    case.proposal = (ctx.member, outcome, owed_fen, decision)
    return keep(disputes, case, SettlementProposed)


@export
def accept_settlement(
    id: str, outcome: str, owed_fen: int, decision: str, expected_version: int = 0
) -> str:
    case = step(id, "accept_settlement", expected_version)
    require(ctx.time < case.until_ms, "E_TOO_LATE", "the time for conciliation is over")
    theirs = case.proposal != () and case.proposal[0] != ctx.member
    require(theirs, "E_PARTIAL", "the other party has proposed nothing")
    same = case.proposal[1:] == (outcome, owed_fen, decision)
    require(same, "E_PARTIAL", "a proposal is accepted in the same words")
    return conclude(case, outcome, owed_fen, decision, Settled)


@export
def to_arbitration(id: str) -> str:
    case = step(id, "to_arbitration")
    require(ctx.time >= case.until_ms, "E_TOO_EARLY", "the parties may still settle")
    case.until_ms = day_end_ms(today() + SEAT_DAYS)
    return keep(disputes, case, ToArbitration)


@export
def extend_time(id: str, expected_version: int = 0) -> str:
    case = step(id, "extend_time", expected_version)
    require(not case.extended, "E_LIMIT", "time is extended once")
    require(ctx.time < case.until_ms, "E_TOO_LATE", "the seat's time is over")
    case.extended = True
    case.until_ms += SEAT_DAYS * DAY_MS
    return keep(disputes, case, TimeExtended)


@export
def decide(
    id: str, outcome: str, owed_fen: int, decision: str, expected_version: int = 0
) -> str:  # fmt: skip
    """The award. owed_fen: what stays owed; `decision`: digest. Codes: E_TOO_LATE, E_CODE, E_AMOUNT…"""
    case = step(id, "decide", expected_version)
    require(ctx.time < case.until_ms, "E_TOO_LATE", "the seat's time is over")
    check_outcome(case, outcome, owed_fen, decision)
    return conclude(case, outcome, owed_fen, decision, Decided)


def conclude(case, outcome: str, owed_fen: int, decision: str, event) -> str:
    case.outcome = outcome
    case.owed_fen = owed_fen
    case.decision = decision
    case.until_ms = 0
    return keep(disputes, case, event)


@export
def lapse(id: str) -> str:
    case = step(id, "lapse")
    require(ctx.time >= case.until_ms, "E_TOO_EARLY", "the seat may still decide")
    return keep(disputes, case, Lapsed)


@export
def resubmit(id: str, seat: str, expected_version: int = 0) -> str:
    """Bring a case that a seat declined, or let lapse, before another one."""
    case = step(id, "resubmit", expected_version)
    require(seat != case.parties["seat"], "E_SELF", "another seat")
    case.parties["seat"] = seat
    require_seat(case.parties)
    case.rested = ()
    case.proposal = ()
    case.extended = False
    return keep(disputes, case, Resubmitted)


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    case = step(id, "withdraw", expected_version)
    if case.kind == "receivable":
        call("remedy", "withdraw_dispute", case.target)
    pending.delete((case.kind, case.target))
    return keep(disputes, case, Withdrawn)


@export
def execute(id: str, performance: str = "", expected_version: int = 0) -> str:
    """The decision takes effect on a receivable; elsewhere a digest shows what was done. Code: E_DIGEST."""
    case = step(id, "execute", expected_version)
    if case.kind == "receivable":
        call("remedy", "resolve", case.target, case.outcome, case.owed_fen, case.decision)
    else:
        require_digest(performance, "performance")
        case.performance = performance
    pending.delete((case.kind, case.target))
    return keep(disputes, case, Executed)


# ---- views ---------------------------------------------------------------------------------------


@view
def get(id: str) -> dict:
    """The parties and the seat see a case; a regulator sees statistics. Code: E_NOT_PARTY."""
    case = load(disputes, id)
    concerned = ctx.member != "" and ctx.member in case.parties.values()
    require(concerned, "E_NOT_PARTY", "a case is for its parties and its seat")
    return describe(case)


@view
def stage(id: str) -> str:
    """Where a case stands: all that other members see of it."""
    return load(disputes, id).state


@view
def statistics() -> dict:
    """How many cases stand in which stage, by grounds: {"DECIDED": {"amount": 2}}."""
    found: dict[str, dict[str, int]] = {}
    for key, count in stages.scan(None, None, 200):
        if count > 0:
            of_stage = found.get(key[0], {})
            of_stage[key[1]] = count
            found[key[0]] = of_stage
    return found


@view
def next_steps(id: str) -> list:
    """What may happen to a case now: call, who, guard, to."""
    return moves_from(CASE, load(disputes, id).state)
