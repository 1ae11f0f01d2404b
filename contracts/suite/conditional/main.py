"""Conditional payments: money waits at the center under terms, and the chain says when it may go.

An agreement follows one of the templates. It has parts; each part is paid from its own payer to its own payee
under its own reference. The money is locked at the center for arbiters; an arbiter signs a release when the
part
stands as RELEASABLE here. What was locked is proven by a LOCK, what was paid by a RELEASE. A condition never
travels with the money. Source: domain/dcep.md 3.7.

    part: AGREED → FUNDED → CLAIMED → RELEASABLE → PAID, or EXPIRED when the lock has ended

    records  what is kept
    steps    agreed, funded, released, given back
"""

from chapters.records import PART, load, load_part
from chapters.steps import (
    agree,
    fund,
    claim,
    confirm,
    dispute,
    decide,
    pass_quietly,
    record_release,
    expire,
)

from rules.conditional_templates import TEMPLATES
from rules.machine import moves_from
from rules.official_sight import is_official, require_look
from sdk import ctx, require, view


@view
def templates() -> list:
    return [
        {"name": row[0], "trade": row[1], "parts": row[2], "by": row[3], "quiet_days": row[4],
         "needs": row[5], "sentence": row[6]}
        for row in TEMPLATES
    ]  # fmt: skip


@view
def get(agreement_id: str) -> dict:
    """The agreement with its parts, for those whom it concerns. Codes: E_NOT_FOUND, E_NOT_PARTY."""
    agreement = load(agreement_id)
    parts = [load_part(agreement_id, n + 1) for n in range(agreement.parts)]
    concerned = [agreement.arbiter] + [p.payer for p in parts] + [p.payee for p in parts]
    if ctx.member == "" or ctx.member not in concerned:
        require(is_official(), "E_NOT_PARTY", "not your agreement")
        require_look(concerned)
    return {
        "template": agreement.template,
        "arbiter": agreement.arbiter,
        "ends_ms": agreement.ends_ms,
        "parts": [
            {"number": p.number, "payer": p.payer, "payee": p.payee, "amount_fen": p.amount_fen,
             "released_fen": p.released_fen, "state": p.state, "reference": p.reference}
            for p in parts
        ],
    }  # fmt: skip


@view
def next_steps(agreement_id: str, number: int) -> list:
    """What may happen to a part now."""
    return moves_from(PART, load_part(agreement_id, number).state)
