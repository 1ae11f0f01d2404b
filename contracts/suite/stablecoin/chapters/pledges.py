"""Coins that nodes pledge for what they clear. Table PLEDGE."""

from chapters.coin import require_amount, require_digest, require_taken
from rules.instrument import arrive, enter, keep, load, require_step
from rules.money import is_amount
from rules.stablecoin_machine import PLEDGE
from rules.stablecoin_records import (
    ExposureSet,
    Pledge,
    Pledged,
    Slashed,
    Unpledged,
    balances,
    coins,
    pledges,
    tell,
)
from sdk import ctx, export, require


def judged(pledge, move: str):
    """A node whose pledge no longer covers what it clears is limited."""
    enough = pledge.amount >= pledge.exposure
    arrive(PLEDGE, pledge, move, "NODE_ACTIVE" if enough else "NODE_LIMITED")
    return pledge


@export
def pledge(coin: str, amount: int) -> str:
    """A member that runs a node pledges coins for the first time. Returns the pledge's id: HKDX/QB."""
    found = load(coins, coin)
    id = f"{coin}/{ctx.member}"
    parts = {"node": ctx.member, "issuer": found.parties["issuer"],
             "supervisor": found.parties["supervisor"]}  # fmt: skip
    require_step(PLEDGE, "-", "pledge", parts)
    require(pledges[id] is None, "E_DUPLICATE", "add_pledge adds to a pledge")
    require_taken(coin, amount)
    keep(pledges, Pledge(id, coin, parts, amount, state="NODE_ACTIVE"), Pledged)
    return id


@export
def add_pledge(id: str, amount: int, expected_version: int = 0) -> str:
    found = enter(PLEDGE, pledges, id, "add_pledge", expected_version)
    require_taken(found.coin, amount)
    found.amount += amount
    return keep(pledges, judged(found, "add_pledge"), Pledged)


@export
def set_exposure(id: str, exposure: int, expected_version: int = 0) -> str:
    """What the node clears for others, as the issuer sees it."""
    found = enter(PLEDGE, pledges, id, "set_exposure", expected_version)
    require(exposure == 0 or is_amount(exposure), "E_AMOUNT", "minor units, from 0")
    found.exposure = exposure
    return keep(pledges, judged(found, "set_exposure"), ExposureSet)


@export
def unpledge(id: str, amount: int, expected_version: int = 0) -> str:
    """Take a part of the pledge back. Code: E_PLEDGE below the exposure."""
    found = enter(PLEDGE, pledges, id, "unpledge", expected_version)
    require_amount(amount)
    covers = found.amount - amount >= found.exposure
    require(covers, "E_PLEDGE", "what is left would not cover the exposure")
    found.amount -= amount
    balances[(found.coin, ctx.member)] += amount
    return keep(pledges, found, Unpledged)


@export
def slash(id: str, amount: int, order: str, expected_version: int = 0) -> str:
    """By order, pledged coins leave circulation: the others are covered better. Codes: E_DIGEST, E_PLEDGE."""
    found = enter(PLEDGE, pledges, id, "slash", expected_version)
    require_amount(amount)
    require_digest(order, "the order")
    require(amount <= found.amount, "E_PLEDGE", "more than is pledged")
    found.amount -= amount
    coin = load(coins, found.coin)
    coin.supply -= amount
    coin.version += 1
    coins[coin.id] = coin
    tell(coin)
    return keep(pledges, judged(found, "slash"), Slashed)
