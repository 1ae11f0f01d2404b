"""The one hook by which instruments ask the regulator before a step binds anybody or fixes a payment."""

from sdk import call, ctx


def supervise(
    step: str, subject: str, payer: str, payee: str, amount_fen: int, tenor_days: int = -1,
    rate_ppm: int = -1,
) -> bool:  # fmt: skip
    """Let the rules in force look at a step; -1: it has no such fact. Codes: E_RULE_BLOCK, E_RULE_HOLD."""
    facts = {"contract": ctx.contract, "payer": payer, "payee": payee, "amount_fen": amount_fen}
    if tenor_days >= 0:
        facts["tenor_days"] = tenor_days
    if rate_ppm >= 0:
        facts["rate_ppm"] = rate_ppm
    return call("regulation", "check", step, subject, facts)
