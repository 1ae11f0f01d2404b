"""Settled, decided, taken to arbitration, carried out. Table CASE."""

from chapters.hearing import require_digest, require_seat, step
from rules.calendar import DAY_MS, day_end_ms
from rules.dispute_machine import OUTCOMES, SEAT_DAYS
from rules.dispute_records import (
    Decided,
    Executed,
    Lapsed,
    Resubmitted,
    Settled,
    SettlementProposed,
    TimeExtended,
    ToArbitration,
    Withdrawn,
    disputes,
    pending,
)
from rules.instrument import keep, today
from sdk import call, ctx, export, require


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
