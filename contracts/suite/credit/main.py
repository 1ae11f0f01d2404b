"""Documentary credit (M4): a bank pays against documents, not goods (UCP 600, eUCP 2.1; domestic: [2016] 10).

The credit's own life and its amount are here; what is presented under it is the presentation contract's.
When what may happen: `rules.credit_machine`. Amounts are fen.

Invariants: what is drawn never exceeds amount and tolerance; an amendment counts as a whole or not at all; a
credit is transferred once.

    issue     applied for, issued, advised, confirmed
    changes   amended, transferred, cancelled, expired
    drawings  drawings, for `presentation`
"""

from chapters.issue import apply, approve_issue, issue, decline_issue, advise, confirm
from chapters.changes import (
    propose_amendment,
    accept_amendment,
    reject_amendment,
    transfer_credit,
    consent_to_cancel,
    cancel,
    expire,
    exhaust,
)
from chapters.drawings import check_in_time, draw, settle

from rules.credit_machine import CREDIT
from rules.credit_records import credits, describe, most_of
from rules.instrument import load, require_sight
from rules.machine import moves_from
from rules.official_sight import is_official, require_look
from sdk import ctx, require, view


@view
def list_credits(after: str = "") -> list:
    """What issuing banks may still have to pay, for regulators; fifty credits after a number. E_NOT_PARTY."""
    require(is_official(), "E_NOT_PARTY", "for regulators")
    require_look([])
    return [
        {"id": one.id, "issuing": one.parties["issuing"], "state": one.state,
         "exposure_fen": most_of(one) - one.paid_fen}
        for _, one in credits.scan(None, after or None, 50)
    ]  # fmt: skip


@view
def get(id: str) -> dict:
    """Its parties and the regulator see a credit."""
    credit = load(credits, id)
    require_sight(credit.parties)
    return describe(credit)


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(CREDIT, load(credits, id).state)
