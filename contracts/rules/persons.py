"""Who sends a call: checks that contracts without a table of persons make themselves."""

from sdk import ctx, require


def require_trader(member: str, who: str):
    """The sender is a maker or checker of this member: readers and auditors do not trade."""
    require(ctx.member == member, "E_NOT_PARTY", f"only {who} may do this")
    require("maker" in ctx.roles or "checker" in ctx.roles, "E_ROLE", "a maker or checker may")


def require_contract(who: str):
    require(ctx.caller == who, "E_CALLER", f"only the {who} contract may do this")
