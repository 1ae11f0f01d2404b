"""Dispute (M16): a case between two parties of an instrument, from its grounds to its decision's execution.

OPENED → EVIDENCE (7 business days) → CONCILIATION (5) → ARBITRATION by the seat (30 days, once 30 more) →
DECIDED → EXECUTED. A case on a receivable locks the leaf (`remedy.raise_dispute`), and its decision takes
effect on it. What may happen when: `rules.dispute_machine`. Evidence, proposals and decisions are digests; the
documents stay with the parties and the seat. Invariants: one open case an instrument; the seat is no party;
nothing follows EXECUTED.

    hearing  complaint, answer, evidence
    outcome  settled, decided, carried out
"""

from chapters.hearing import open, admit, decline, submit, rest, close_evidence
from chapters.outcome import (
    propose_settlement,
    accept_settlement,
    to_arbitration,
    extend_time,
    decide,
    lapse,
    resubmit,
    withdraw,
    execute,
)

from rules.dispute_machine import CASE
from rules.dispute_records import describe, disputes, stages
from rules.instrument import load
from rules.machine import moves_from
from sdk import ctx, require, view


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
