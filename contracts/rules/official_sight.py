"""What an authority reads of records that are not its own: under a receipt, where the channel's rule asks it.

The rule `access:receipts` is dated and signed like every other. In force, an authority that is no party of a
record reads it only within an hour of `regulator.open_view` for the screen "case" and one of the record's
parties, so that the supervised can count its looks; what lists everybody's records stays to the screens, which
check receipts of their own before they ask instruments.
"""

from rules.calendar import day_at
from rules.dated_rules import rule_on
from sdk import call, ctx, require


def is_official() -> bool:
    return "regulator" in ctx.roles


def require_look(members: list):
    """An authority may read a record of these members now; of none: everybody's. Code: E_NO_RECEIPT."""
    if ctx.caller == "" and needs_receipt():
        looks = call("regulator", "has_look", [one for one in members if one != ""])
        require(looks, "E_NO_RECEIPT", "open_view of a party's case leaves the receipt this needs")


def needs_receipt() -> bool:
    """Whether the rule is in force; a channel without a rulebook has none."""
    try:
        return rule_on("access:receipts", day_at(ctx.time))["required"] == 1
    except LookupError:
        return False
