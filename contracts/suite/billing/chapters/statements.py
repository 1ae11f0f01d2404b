"""Digests of what a node's port has served, day by day: queries leave no trace in blocks, so that a statement
is worth its signer's word; anchored, it cannot be changed afterwards.

A day of more members than one statement holds has several, which go on in the order of members. So (day,
member) only rises, and no member pays twice for a day, not even where a node's chain was begun anew.
"""

from rules.billing_machine import FIGURE_MAX, SERVED_MAX
from rules.billing_records import (
    ChainBegun,
    Head,
    StatementAnchored,
    heads,
    is_figure,
    next_month,
    queries,
    require_operator,
)
from rules.calendar import is_date, parse_date
from rules.codes import is_digest
from rules.instrument import load, may_act, today
from sdk import ctx, export, require

FIRST = "0000000000000000000000000000000000000000000000000000000000000000"


@export
def anchor_statement(
    node: str, day: str, previous: str, digest: str, members: list[str], counts: list[int]
) -> int:
    """An operator anchors a node's statement of a day that is over: how many queries it served to whom.

    previous: digest of the statement before it, 64 zeros for the first. Days without queries need none; of one
    day several may follow each other, each with members behind the last one's. Returns how many are anchored
    of this node. Codes: E_NOT_PARTY, E_OPERATOR, E_TEXT, E_DATE, E_DIGEST, E_STATEMENT, E_FIGURES,
    E_LIMIT, E_MONTH.
    """
    allowed = may_act("operator:admin, operator:maker", {"operator": ctx.member})
    require(allowed, "E_NOT_PARTY", "an administrator or maker of the operator anchors it")
    require_operator(ctx.member)
    require(1 <= len(node) <= 64, "E_TEXT", "a node's name")
    over = is_date(day) and parse_date(day) < today()
    require(over, "E_DATE", "a statement is of a day that is over")
    require(is_digest(digest), "E_DIGEST", "a statement is a digest: 64 hex digits")
    place = (ctx.member, node)
    head = heads[place] or Head(0, "", FIRST, "")
    require(previous == head.digest, "E_STATEMENT", f"it follows {head.digest}")
    first, last = (members[0], members[-1]) if members else ("", "")
    rises = (day, first) > (head.day, head.last)
    require(rises, "E_STATEMENT", f"{head.day} is anchored up to {head.last}")
    count_served(day[:7], members, counts)
    heads[place] = Head(head.number + 1, day, digest, last)
    StatementAnchored(
        operator=ctx.member, node=node, day=day, digest=digest, number=head.number + 1
    )
    return head.number + 1


@export
def begin_chain(node: str, previous: str) -> int:
    """An administrator of the operator says that a node's chain goes on from another statement, as the one that
    was anchored last is lost. What is anchored stays, and its days and members are never anchored again.

    previous: digest that the next statement names as the one before it, 64 zeros for a first one. Returns how
    many are anchored. Codes: E_NOT_PARTY, E_OPERATOR, E_NOT_FOUND, E_DIGEST, E_STATEMENT.
    """
    allowed = may_act("operator:admin", {"operator": ctx.member})
    require(allowed, "E_NOT_PARTY", "an administrator of the operator begins it anew")
    require_operator(ctx.member)
    require(is_digest(previous), "E_DIGEST", "a statement is a digest: 64 hex digits")
    place = (ctx.member, node)
    head = load(heads, place)
    require(previous != head.digest, "E_STATEMENT", "the next one follows it already")
    heads[place] = Head(head.number, head.day, previous, head.last)
    ChainBegun(operator=ctx.member, node=node, day=head.day, digest=head.digest, previous=previous,
               number=head.number)  # fmt: skip
    return head.number


def count_served(month: str, members: list, counts: list):
    require(len(members) == len(counts) <= SERVED_MAX, "E_LIMIT", "a count for each of 200 members")
    require(list(members) == sorted(set(members)), "E_STATEMENT", "members once each, in order")
    for i in range(len(members)):
        require(is_figure(counts[i], FIGURE_MAX), "E_FIGURES", "figures are whole numbers from 0")
        drawn = next_month[(ctx.member, members[i])]
        open_still = drawn == "" or month >= drawn
        require(open_still, "E_MONTH", f"{month} is drawn up for {members[i]} already")
        queries[(ctx.member, members[i], month)] += counts[i]
