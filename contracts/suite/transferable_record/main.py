"""Electronic transferable records (M12): bills of lading, warehouse receipts and the like that exist once.

Who controls the record holds what a paper's holder holds (MLETR art. 11): one member, or t of n that act as
one. The issuer, a carrier for instance, keeps its own register and names it here. When what may happen:
`rules.trade_document_machine`.

Invariants: one controller a record at any time; a register reference lives in one record; nothing moves after
surrender, split or change of medium; the parts of a split are the whole; the chain of endorsements is unbroken.

    issue    made and issued
    control  control passes, is exchanged, surrendered
    changes  amended, split, on paper
"""

from chapters.issue import draft, issue, cancel
from chapters.control import (
    transfer,
    exchange_hold,
    exchange_move,
    exchange_free,
    surrender,
    give_back,
    accomplish,
)
from chapters.changes import ask, refuse, amend, split, switch_to_paper, replace_paper

from rules.instrument import load, require_sight
from rules.machine import moves_from
from rules.trade_document_machine import RECORD
from rules.transferable_records import describe, describe_status, records
from sdk import ctx, view


@view
def get(id: str) -> dict:
    """The issuer, the controllers, and a regulator see a record."""
    found = load(records, id)
    if ctx.member not in found.controllers:
        require_sight(found.parties)
    return describe(found)


@view
def status(id: str) -> dict:
    """Every member: state, register reference, and a commitment to who controls it."""
    return describe_status(load(records, id))


@view
def controls(id: str, member: str) -> bool:
    """Whether this member controls the record alone: for contracts that take it as security."""
    found = load(records, id)
    return found.controllers == (member,) and found.state in ("ISSUED", "TRANSFERRED")


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(RECORD, load(records, id).state)
