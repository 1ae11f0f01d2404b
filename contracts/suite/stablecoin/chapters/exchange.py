"""Coins against an asset on another channel: set apart until the exchange ends. Tables COIN, ESCROW.

An exchange names coins as COIN:AMOUNT in minor units: HKDX:1000000.
"""

from chapters.coin import require_taken
from rules.instrument import enter, keep, load, require_step
from rules.stablecoin_machine import COIN, ESCROW
from rules.stablecoin_records import (
    Escrow,
    Freed,
    Held,
    Transferred,
    balances,
    coins,
    escrowed,
    escrows,
)
from sdk import call, ctx, export, require

DIGITS = "0123456789"


def amount_of(text: str) -> int:
    """Minor units, written in one way only. Code: E_AMOUNT."""
    written = 0 < len(text) <= 19 and text[0] != "0" and all(c in DIGITS for c in text)
    require(written, "E_AMOUNT", "coins are named COIN:AMOUNT, in whole minor units")
    return int(text)


@export
def exchange_hold(id: str, number: str, taker: str) -> bool:
    """Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_AMOUNT, E_PARTY, E_BALANCE."""
    name, _, amount = id.partition(":")
    coin = load(coins, name)
    require_step(COIN, coin.state, "exchange_hold", coin.parties)
    require_step(COIN, coin.state, "transfer", coin.parties)  # no lighter way to hand coins over
    for party in (ctx.member, taker):
        call("party", "check_member", party)
    units = amount_of(amount)
    require_taken(name, units)
    assert escrows[number] is None  # an exchange holds once
    parts = {"giver": ctx.member, "taker": taker}
    escrowed[name] += units
    keep(escrows, Escrow(number, name, parts, units, state="HELD"), Held)
    return True


@export
def exchange_move(id: str, number: str) -> bool:
    Transferred(coin=let_go("exchange_move", number, "taker"))
    return True


@export
def exchange_free(id: str, number: str) -> bool:
    Freed(coin=let_go("exchange_free", number, "giver"))
    return True


def let_go(move: str, number: str, part: str) -> str:
    """The coins are the party's that plays this part. Returns which coin."""
    found = enter(ESCROW, escrows, number, move)
    escrowed[found.coin] -= found.amount
    balances[(found.coin, found.parties[part])] += found.amount
    escrows[number] = found
    return found.coin
