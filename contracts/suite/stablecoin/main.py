"""Reserve-backed stablecoin (M14): issued against a custodian's reserve, redeemed at par within a business day.

The custodian states the reserve by classes; after haircuts it covers the supply, or minting stops (RESTRICTED)
and below the floor, or when statements grow old, transfers too (SUSPENDED). Two full statements in a row cure.
Redemption is open in every state. Nodes pledge coins for what they clear. What may happen when:
`rules.stablecoin_machine`; ratios, ages and haircuts are dated rules of the supervisor. Invariants: balances,
pledges, coins in exchanges and unpaid redemptions add up to the supply; nothing is minted that the reserve does
not cover.

    coin        licence, reserve, minting, transfer
    redemption  redemption at par
    pledges     what nodes pledge
    exchange    coins against an asset on another channel
"""

from chapters.coin import (
    apply,
    license,
    refuse_licence,
    reserve_update,
    stale,
    cure,
    order_mint,
    mint,
    transfer,
    supervisor_order,
)
from chapters.exchange import exchange_hold, exchange_move, exchange_free
from chapters.redemption import redeem_request, redeem_paid, mark_late
from chapters.pledges import pledge, add_pledge, set_exposure, unpledge, slash

from rules.calendar import date_text, day_at
from rules.instrument import load, today
from rules.machine import moves_from
from rules.stablecoin_machine import COIN, HOLDERS_SHOWN, MINIMUM_DAYS, PLEDGE, REDEMPTION
from rules.stablecoin_records import (
    balances,
    coins,
    describe,
    escrowed,
    minima,
    pledges,
    queue,
    ratio_of,
    redemptions,
    reserve_by_class,
)
from sdk import call, ctx, require, sm3, view


@view
def get(id: str) -> dict:
    """Supply and coverage, for everybody; a redemption (HKDX/1) or a pledge (HKDX/QB) for its parties."""
    if "/" not in id:
        return describe(load(coins, id))
    found = redemptions[id] or load(pledges, id)
    require(ctx.member in found.parties.values(), "E_NOT_PARTY", "it belongs to other members")
    shape = {"id": id, "coin": found.coin, "amount": found.amount, "state": found.state,
             "version": found.version}  # fmt: skip
    if redemptions[id] is None:
        shape["exposure"] = found.exposure
    else:
        shape["due"] = date_text(day_at(found.due_ms - 1))
    return shape


@view
def balance(id: str) -> int:
    """The asking member's own coins."""
    return balances[(id, ctx.member)]


@view
def supervisor_view(id: str, receipt: str) -> dict:
    """Everything the supervisor sees, against a receipt for the screen "stablecoin". Holders are commitments.

    Codes: E_NO_RECEIPT, E_NOT_PARTY.
    """
    call("regulator", "use_receipt", receipt, "stablecoin", id)
    coin = load(coins, id)
    require(ctx.member == coin.parties["supervisor"], "E_NOT_PARTY", "for its supervisor")
    shape = describe(coin)
    shape["reserve"] = reserve_by_class(coin)
    recent = minima.scan((id,), (id, today() - MINIMUM_DAYS), MINIMUM_DAYS + 1)
    shape["minimum_bps"] = min([low for _, low in recent] or [ratio_of(coin)])
    held = [(amount, key[1]) for key, amount in balances.scan((id,), None, 1000) if amount]
    shape["top_holders"] = [
        {"holder": sm3(f"{ctx.channel}/{id}/{who}".encode()).hex(), "amount": amount}
        for amount, who in sorted(held, reverse=True)[:HOLDERS_SHOWN]
    ]
    shape["in_exchanges"] = escrowed[id]
    waiting = [redemptions[f"{id}/{key[1]}"] for key, _ in queue.scan((id,), None, 200)]
    shape["redemptions"] = [
        {"id": one.id, "amount": one.amount, "waiting_ms": ctx.time - one.asked_ms,
         "late": ctx.time >= one.due_ms}
        for one in waiting
    ]  # fmt: skip
    shape["pledges"] = [
        {"node": one.parties["node"], "amount": one.amount, "exposure": one.exposure,
         "state": one.state}
        for _, one in pledges.scan(id + "/", None, 200)
    ]  # fmt: skip
    return shape


@view
def next_steps(id: str) -> list:
    """What may happen now to a coin, a redemption or a pledge: call, who, guard, to."""
    if "/" not in id:
        return moves_from(COIN, load(coins, id).state)
    if redemptions[id] is not None:
        return moves_from(REDEMPTION, redemptions[id].state)
    return moves_from(PLEDGE, load(pledges, id).state)
