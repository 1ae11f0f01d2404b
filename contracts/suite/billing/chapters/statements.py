"""Digests of what a node's port has served, day by day: queries leave no trace in blocks, so that a statement
is worth its signer's word; anchored, it cannot be changed afterwards."""

from rules.billing_machine import FIGURE_MAX, SERVED_MAX
from rules.billing_records import (
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
from rules.instrument import may_act, today
from sdk import ctx, export, require

FIRST = "0000000000000000000000000000000000000000000000000000000000000000"


@export
def anchor_statement(
    node: str, day: str, previous: str, digest: str, members: list[str], counts: list[int]
) -> int:
    """An operator anchors a node's statement of a day that is over: how many queries it served to whom.

    previous: digest of the statement before it, 64 zeros for the first. Days without queries need none. Returns
    the statement's number. Codes: E_NOT_PARTY, E_OPERATOR, E_TEXT, E_DATE, E_DIGEST, E_STATEMENT, E_FIGURES,
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
    head = heads[place] or Head(0, "", FIRST)
    require(previous == head.digest, "E_STATEMENT", f"it follows {head.digest}")
    require(day > head.day, "E_STATEMENT", f"the last one is of {head.day}")
    count_served(day[:7], members, counts)
    heads[place] = Head(head.number + 1, day, digest)
    StatementAnchored(
        operator=ctx.member, node=node, day=day, digest=digest, number=head.number + 1
    )
    return head.number + 1


def count_served(month: str, members: list, counts: list):
    require(len(members) == len(counts) <= SERVED_MAX, "E_LIMIT", "a count for each of 200 members")
    require(list(members) == sorted(set(members)), "E_STATEMENT", "members once each, in order")
    for i in range(len(members)):
        require(is_figure(counts[i], FIGURE_MAX), "E_FIGURES", "figures are whole numbers from 0")
        drawn = next_month[(ctx.member, members[i])]
        open_still = drawn == "" or month >= drawn
        require(open_still, "E_MONTH", f"{month} is drawn up for {members[i]} already")
        queries[(ctx.member, members[i], month)] += counts[i]
