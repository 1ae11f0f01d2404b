"""Who operates nodes, and at which prices. Table TARIFF."""

from rules.billing_machine import DISPUTE_DAYS, PAY_DAYS_MAX, TARIFF
from rules.billing_records import (
    OperatorNamed,
    Tariff,
    TariffAccepted,
    TariffAgreed,
    TariffProposed,
    TariffWithdrawn,
    holding,
    is_figure,
    is_month,
    operators,
    require_operator,
    require_prices,
    tariff_count,
    tariffs,
    this_month,
)
from rules.instrument import enter, keep, require_step
from sdk import ctx, export, require


@export
def name_operator(member: str) -> str:
    """An authority says that a member operates nodes of this channel. Codes: E_ROLE, E_DUPLICATE, E_TEXT."""
    require("regulator" in ctx.roles, "E_ROLE", "only a regulator may do this")
    require(1 <= len(member) <= 64, "E_TEXT", "a member's id")
    require(operators[member] == "", "E_DUPLICATE", "it is named already")
    operators[member] = ctx.member
    OperatorNamed(member=member, by=ctx.member)
    return member


@export
def propose(
    from_month: str, base_fen: int, transactions_fen: int, bytes_fen: int, gas_fen: int,
    queries_fen: int, pay_days: int = 30,
) -> str:  # fmt: skip
    """An operator proposes prices: a month, per 1,000 transactions, 1,000,000 bytes, 1,000,000 gas, 1,000
    queries. Returns the tariff's id. Codes: E_NOT_PARTY, E_OPERATOR, E_DATE, E_AMOUNT."""
    parts = {"operator": ctx.member}
    require_step(TARIFF, "-", "propose", parts)
    require_operator(ctx.member)
    later = is_month(from_month) and from_month > this_month()
    require(later, "E_DATE", "prices hold from the first of a month that has not begun")
    require_prices((base_fen, transactions_fen, bytes_fen, gas_fen, queries_fen))
    in_time = is_figure(pay_days, PAY_DAYS_MAX) and pay_days >= DISPUTE_DAYS
    require(in_time, "E_DATE", f"{DISPUTE_DAYS} to {PAY_DAYS_MAX} days to pay, and to dispute")
    tariff_count[ctx.member] += 1
    number = tariff_count[ctx.member]
    prices = {"transactions": transactions_fen, "bytes": bytes_fen, "gas": gas_fen,
              "queries": queries_fen}  # fmt: skip
    tariff = Tariff(
        f"{ctx.member}/{number}", parts, ctx.member, number, from_month, base_fen, prices, pay_days,
        state="PROPOSED",
    )  # fmt: skip
    keep(tariffs, tariff, TariffProposed)
    return tariff.id


def enter_tariff(id: str, move: str, expected_version: int):
    tariff = enter(TARIFF, tariffs, id, move, expected_version)
    ahead = tariff.from_month > this_month()
    require(ahead, "E_TOO_LATE", "its month has begun: let the operator propose it anew")
    return tariff


@export
def accept(id: str, expected_version: int = 0) -> str:
    """An authority puts a tariff in force for every member. Code: E_TOO_LATE."""
    tariff = enter_tariff(id, "accept", expected_version)
    tariff.accepted_by = ctx.member
    holding[(tariff.operator, "")] = (*holding[(tariff.operator, "")], tariff.number)
    return keep(tariffs, tariff, TariffAccepted)


@export
def agree(id: str, expected_version: int = 0) -> str:
    """A member agrees to a tariff: it holds for that member. Codes: E_TOO_LATE, E_DUPLICATE, E_SELF."""
    tariff = enter_tariff(id, "agree", expected_version)
    require(ctx.member != tariff.operator, "E_SELF", "an operator owes itself nothing")
    require(ctx.member not in tariff.agreed, "E_DUPLICATE", "it has agreed")
    tariff.agreed = (*tariff.agreed, ctx.member)
    holding[(tariff.operator, ctx.member)] = (
        *holding[(tariff.operator, ctx.member)], tariff.number
    )  # fmt: skip
    return keep(tariffs, tariff, TariffAgreed)


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    """Code: E_AGREED."""
    tariff = enter(TARIFF, tariffs, id, "withdraw", expected_version)
    require(tariff.agreed == (), "E_AGREED", "a member has agreed to it")
    return keep(tariffs, tariff, TariffWithdrawn)
