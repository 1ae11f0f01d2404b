"""Quota of cross-border financing (M9): full-scope macro-prudential management of what the mainland owes
abroad.

Of each party on the mainland, Σ balance · tenor factor · type factor · currency factor stays within capital ·
leverage · parameter (PBoC 2017 No. 9). Leverage, parameter and factors are dated rules of the rulebook;
capital is put in force by two officers. `cross_border` holds, uses and releases; nobody else does.

Invariants: nothing is held above the quota of that day; what is held or used is the sum of the open positions.
"""

from rules.calendar import day_at
from rules.codes import is_digest
from rules.cross_border_machine import CAPITAL, POSITION
from rules.dated_rules import rule_on
from rules.day_rate import to_fen
from rules.instrument import enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.money import AMOUNT_MAX, is_amount
from rules.rulebook_catalogue import authority_of
from sdk import Event, Map, ctx, dataclass, export, require, view

ONE = 10000  # factors are basis points


@dataclass
class Capital:
    """id: the party. capital_fen is in force; proposed_fen waits for the second officer."""

    id: str
    parties: dict
    proposed_fen: int
    document: str
    maker: str
    authority: str
    capital_fen: int = 0
    state: str = ""
    version: int = 0


@dataclass
class Position:
    """id: the financing. weighted_fen is what it takes of the quota, as reckoned on the day it was held."""

    id: str
    parties: dict
    member: str
    product: str
    balance_fen: int
    weighted_fen: int
    rules: tuple
    state: str = ""
    version: int = 1


capitals = Map("capital", None)
positions = Map("position", None, indexes=("member",))
taken = Map("taken", 0)  # party → fen, weighted, held or used

CapitalProposed = Event("Quota.CapitalProposed")
CapitalApproved = Event("Quota.CapitalApproved")
Held = Event("Quota.Held")
Used = Event("Quota.Used")
Released = Event("Quota.Released")


def factors(product: str, currency: str, days: int, day: int) -> tuple:
    """Tenor, type and currency factor in basis points, and the versions of the rules that say so."""
    tenor = rule_on("factor:tenor", day)
    kind = rule_on("factor-type:" + product.upper(), day)
    money = rule_on("factor:currency", day)
    by_tenor = tenor["short_bps"] if days <= tenor["short_days"] else tenor["long_bps"]
    by_money = money["cny_bps"] if currency == "CNY" else money["foreign_bps"]
    return (by_tenor, kind["bps"], by_money, (tenor["rule"], kind["rule"], money["rule"]))


def weigh(balance_fen: int, by_tenor: int, by_type: int, by_money: int) -> int:
    """Rounded up: a quota is never passed by rounding."""
    return -(-balance_fen * by_tenor * by_type * by_money // (ONE * ONE * ONE))


def limit_of(member: str, day: int) -> int:
    """capital · leverage · parameter of a day, rounded down."""
    found = capitals[member]
    if found is None:
        return 0
    rule = rule_on("parameter:macro-prudential", day)
    return found.capital_fen * rule["leverage_bps"] * rule["parameter_bps"] // (ONE * ONE)


@export
def propose_capital(id: str, capital_fen: int, document: str, expected_version: int = 0) -> str:
    """An officer of PBC or SAFE enters a party's audited capital. document: digest of the accounts.

    Codes: E_NOT_PARTY, E_AUTHORITY, E_AMOUNT, E_DIGEST.
    """
    found = capitals[id] or Capital(id, {}, 0, "", "", "", state="-")
    require(expected_version in (0, found.version), "E_VERSION", "it has changed since")
    row = require_step(CAPITAL, found.state, "propose_capital", found.parties)
    authority = authority_of(ctx.member)
    require(authority in ("PBC", "SAFE"), "E_AUTHORITY", "PBC or SAFE keeps the capital")
    fits = is_amount(capital_fen) and capital_fen <= AMOUNT_MAX // ONE
    require(fits, "E_AMOUNT", "a positive number of fen")
    require(is_digest(document), "E_DIGEST", "the accounts as a digest: 64 hex digits")
    found.proposed_fen = capital_fen
    found.document = document
    found.maker = ctx.sender
    found.authority = authority
    found.state = row[4]
    found.version += 1
    return keep(capitals, found, CapitalProposed)


@export
def approve_capital(id: str, capital_fen: int, expected_version: int = 0) -> str:
    """Another officer repeats the amount. Codes: E_AUTHORITY, E_FOUR_EYES, E_AMOUNT."""
    found = enter(CAPITAL, capitals, id, "approve_capital", expected_version)
    same = authority_of(ctx.member) == found.authority
    require(same, "E_AUTHORITY", "the authority that proposed it")
    require(ctx.sender != found.maker, "E_FOUR_EYES", "maker and checker are two persons")
    require(capital_fen == found.proposed_fen, "E_AMOUNT", "another amount was proposed")
    found.capital_fen = capital_fen
    return keep(capitals, found, CapitalApproved)


@export
def hold(id: str, member: str, product: str, currency: str, amount: int, days: int) -> int:
    """Take room for a financing. amount: minor units, worth what the day's rate says. Returns what it takes.

    Codes: E_NOT_PARTY, E_DUPLICATE, E_QUOTA, E_HOLD.
    """
    require_step(POSITION, "-", "hold", {})
    require(positions[id] is None, "E_DUPLICATE", "it has its place in the quota")
    day = today()
    balance_fen = to_fen(amount, currency)
    by_tenor, by_type, by_money, rules = factors(product, currency, days, day)
    weighted = weigh(balance_fen, by_tenor, by_type, by_money)
    room = taken[member] + weighted <= limit_of(member, day)
    require(room, "E_QUOTA", "the quota of cross-border financing has not this much room")
    taken[member] += weighted
    parts = {"member": member}
    place = Position(id, parts, member, product, balance_fen, weighted, rules, state="HELD")
    keep(positions, place, Held)
    return weighted


@export
def use(id: str) -> str:
    """The money was paid out."""
    return keep(positions, enter(POSITION, positions, id, "use"), Used)


@export
def release(id: str) -> str:
    """Nothing is owed any more, or nothing was paid out."""
    found = enter(POSITION, positions, id, "release")
    taken[found.member] -= found.weighted_fen
    assert taken[found.member] >= 0
    return keep(positions, found, Released)


# ---- views ---------------------------------------------------------------------------------------


def state_of(member: str) -> dict:
    limit = limit_of(member, day_at(ctx.time))
    capital = capitals[member]
    return {
        "member": member,
        "capital_fen": 0 if capital is None else capital.capital_fen,
        "limit_fen": limit,
        "taken_fen": taken[member],
        "left_fen": max(limit - taken[member], 0),
        "is_over": taken[member] > limit,
    }


def is_supervisor() -> bool:
    return "regulator" in ctx.roles and authority_of(ctx.member) in ("PBC", "SAFE")


@view
def headroom(member: str) -> dict:
    """A party's own quota, and PBC's and SAFE's view of it."""
    require(ctx.member == member or is_supervisor(), "E_NOT_PARTY", "another party's quota")
    return state_of(member)


@view
def fits(member: str, product: str, currency: str, amount: int, days: int) -> bool:
    """Whether a financing would find room today: all that a bank learns. Codes: E_ROLE, E_HOLD."""
    require("financier" in ctx.roles, "E_ROLE", "a financier of a bank asks")
    day = today()
    by_tenor, by_type, by_money, _ = factors(product, currency, days, day)
    weighted = weigh(to_fen(amount, currency), by_tenor, by_type, by_money)
    return taken[member] + weighted <= limit_of(member, day)


@view
def dashboard(after: str = "", limit: int = 50) -> list:
    """Every party's quota by its id, for PBC and SAFE."""
    require(is_supervisor(), "E_ROLE", "the supervisors' figures")
    require(1 <= limit <= 200, "E_LIMIT", "1 to 200 a page")
    return [state_of(member) for member, _ in capitals.scan(after=after or None, limit=limit)]


@view
def list_positions(member: str, after: str = "", limit: int = 50) -> list:
    """What takes a party's quota, with the rules by which it was weighed."""
    require(ctx.member == member or is_supervisor(), "E_NOT_PARTY", "another party's quota")
    require(1 <= limit <= 200, "E_LIMIT", "1 to 200 a page")
    rows = positions.by("member", member, after=after or None, limit=limit)
    return [
        {"id": key, "product": row.product, "state": row.state, "balance_fen": row.balance_fen,
         "weighted_fen": row.weighted_fen, "rules": list(row.rules)}
        for key, row in rows
    ]  # fmt: skip


@view
def next_steps(id: str) -> list:
    """What may happen to a party's capital now."""
    return moves_from(CAPITAL, load(capitals, id).state)
