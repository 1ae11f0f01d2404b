"""Redeemed at par within a business day, in every state of the coin. Table REDEMPTION."""

from chapters.coin import require_digest, require_taken
from rules.calendar import day_end_ms
from rules.dated_rules import add_business_days
from rules.instrument import enter, keep, load, today
from rules.stablecoin_machine import COIN, REDEMPTION
from rules.stablecoin_records import (
    Redeemed,
    Redemption,
    RedemptionLate,
    RedemptionRequested,
    coins,
    queue,
    redemptions,
    tell,
    terms,
)
from sdk import ctx, export, require


@export
def redeem_request(id: str, amount: int) -> str:
    """Give coins back for money at par. Returns the number of the redemption: HKDX/1."""
    coin = enter(COIN, coins, id, "redeem_request")
    require_taken(id, amount)
    coin.redemptions += 1
    coins[id] = coin
    number = f"{id}/{coin.redemptions}"
    days = terms()["redeem_business_days"]
    due = day_end_ms(add_business_days(today(), days, "HK"))
    parts = {"holder": ctx.member, "issuer": coin.parties["issuer"],
             "custodian": coin.parties["custodian"]}  # fmt: skip
    queue[(id, coin.redemptions)] = True
    made = Redemption(number, id, parts, amount, ctx.time, due, state="QUEUED")
    keep(redemptions, made, RedemptionRequested)
    return number


@export
def redeem_paid(id: str, payment: str, expected_version: int = 0) -> str:
    """The custodian has paid from the reserve. `payment`: digest of its confirmation. Code: E_DIGEST."""
    paid = enter(REDEMPTION, redemptions, id, "redeem_paid", expected_version)
    require_digest(payment, "the payment")
    paid.payment = payment
    coin = load(coins, paid.coin)
    coin.supply -= paid.amount
    coin.version += 1
    coins[coin.id] = coin
    queue.delete((coin.id, int(id.split("/")[1])))
    tell(coin)
    return keep(redemptions, paid, Redeemed)


@export
def mark_late(id: str) -> str:
    late = enter(REDEMPTION, redemptions, id, "mark_late")
    require(ctx.time >= late.due_ms, "E_TOO_EARLY", "the business day is not over")
    return keep(redemptions, late, RedemptionLate)
