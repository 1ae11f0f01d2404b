"""Declared goods (M8): what customs has cleared, counted in one trade account and financed by one set of banks.

Oracles tell what customs has cleared, word for word; `trade_account` records it once. A bank that finances on a
declaration takes a part of its value here; any other bank learns whether so much is left, never who took it.

Invariants: a declaration stands in one account; the parts in use never exceed the declared value.
"""

from rules.calendar import date_text
from rules.check_digits import is_customs_declaration
from rules.dated_rules import rule_on
from rules.day_rate import to_fen
from rules.instrument import arrive, enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.money import is_amount
from rules.trade_account_machine import BANKS_MAX, GOODS
from rules.trade_checks import is_hs_code, is_in_band, is_place, is_round_trip
from sdk import Event, Map, Revert, call, ctx, dataclass, export, require, view

FEED = "customs-declaration"  # its value: CLEARED, then what was declared, each after one blank
LEGS_MAX = 100  # movements of the other direction that are looked at


@dataclass
class Goods:
    """id: the declaration's number. value_fen by the rate of the day it was recorded. parts: (bank, fen in
    use)."""

    id: str
    account: str
    parties: dict
    hs: str
    quantity: int
    amount: int
    currency: str
    value_fen: int
    origin: str
    destination: str
    day: int
    is_suspect: bool = False
    parts: tuple = ()
    state: str = ""
    version: int = 1


goods = Map("goods", None)
legs = Map(
    "leg", None
)  # (seller, buyer, HS of 6 digits, day, declaration) → (account, value in fen)

Recorded = Event("Goods.Recorded")
OpenedTo = Event("Goods.OpenedTo")
Used = Event("Goods.Used")
Freed = Event("Goods.Freed")


def declared_text(uscc: str, what: dict) -> str:
    """What customs says of a declaration that it has cleared, as the oracles report it."""
    words = (uscc, what["hs"], str(what["quantity"]), str(what["amount"]), what["currency"],
             what["origin"], what["destination"])  # fmt: skip
    return "CLEARED " + " ".join(words)


def check_cleared(number: str, uscc: str, what: dict):
    try:
        found = call("oracle", "fact", FEED, number)
    except Revert:
        found = {"status": "hold", "value": ""}
    require(found["status"] == "ok", "E_HOLD", "the oracles have told nothing of this declaration")
    same = found["value"] == declared_text(uscc, what)
    require(same, "E_CUSTOMS", "customs says otherwise of this declaration")


def price_alert(what: dict, day: int) -> bool:
    """Whether the price of a unit lies outside the band of its HS code, where customs keeps one."""
    try:
        band = rule_on("price-band:" + what["hs"][:6], day)
    except Revert:
        return False
    known = band["currency"] == what["currency"]
    return known and not is_in_band(what["amount"], what["quantity"], band["low"], band["high"])


def came_back(seller: str, buyer: str, hs: str, value_fen: int, day: int) -> str:
    """The account in which the buyer lately sold the seller the same goods for nearly the same money, or ""."""
    rule = rule_on("window:circular-trade", day)
    first = (buyer, seller, hs[:6], day - rule["days"], "")
    for _, leg in legs.scan(prefix=(buyer, seller, hs[:6]), after=first, limit=LEGS_MAX):
        if is_round_trip(value_fen, leg[1], rule["least_bps"]):
            return leg[0]
    return ""


@export
def record(number: str, account: str, uscc: str, parties: dict, what: dict) -> dict:
    """Called by `trade_account`. parties: enterprise, seller, buyer, safe. what: hs, quantity, amount (minor
    units), currency, origin, destination. Returns value_fen, is_price_odd and `circular`, the account of the
    way back.

    Codes: E_CODE, E_DUPLICATE, E_AMOUNT, E_HOLD, E_CUSTOMS, E_CURRENCY.
    """
    require_step(GOODS, "-", "record", parties)
    exported = parties["seller"] == parties["enterprise"]
    right = is_customs_declaration(number) and (number[8] == "0") == exported
    require(right, "E_CODE", "a declaration has 18 digits, the ninth 0 for export, 1 for import")
    require(goods[number] is None, "E_DUPLICATE", "this declaration stands in an account")
    coded = is_hs_code(what["hs"]) and is_place(what["origin"]) and is_place(what["destination"])
    require(coded, "E_CODE", "an HS code of 6, 8 or 10 digits, and two UN/LOCODEs")
    counted = is_amount(what["amount"]) and is_amount(what["quantity"])
    require(counted, "E_AMOUNT", "value and quantity are positive")
    check_cleared(number, uscc, what)
    value_fen = to_fen(what["amount"], what["currency"])
    day = today()
    seller, buyer = parties["seller"], parties["buyer"]
    circular = came_back(seller, buyer, what["hs"], value_fen, day)
    found = Goods(
        number, account, parties, what["hs"], what["quantity"], what["amount"], what["currency"],
        value_fen, what["origin"], what["destination"], day, circular != "", state="FREE",
    )  # fmt: skip
    legs[(seller, buyer, what["hs"][:6], day, number)] = (account, value_fen)
    keep(goods, found, Recorded)
    odd = price_alert(what, day)
    return {"value_fen": value_fen, "is_price_odd": odd, "circular": circular}


@export
def set_suspect(number: str, is_suspect: bool) -> bool:
    """The supervisor suspects the trade, or has cleared it. Called by `trade_account`."""
    require(ctx.caller == "trade_account", "E_CALLER", "only the trade account may do this")
    found = load(goods, number)
    found.is_suspect = is_suspect
    goods[number] = found
    return is_suspect


def part_of(found, bank: str) -> int:
    return sum(part for member, part in found.parts if member == bank)


def in_use(found) -> int:
    return sum(part for _, part in found.parts)


@export
def open_to(id: str, banks: list, expected_version: int = 0) -> str:
    """The enterprise names the banks that may finance on a declaration, together. Codes: E_BANKS, E_PARTY,
    E_ROLE."""
    found = enter(GOODS, goods, id, "open_to", expected_version)
    named = all(isinstance(b, str) for b in banks) and len(set(banks)) == len(banks)
    require(named and 0 < len(banks) <= BANKS_MAX, "E_BANKS", "up to eight banks, each once")
    for bank in banks:
        kind = call("party", "check_member", bank)["kind"]
        require(kind in ("bank", "factor"), "E_ROLE", "a bank or a factor finances")
    found.parts = tuple((bank, 0) for bank in banks)
    return keep(goods, found, OpenedTo)


@export
def use(id: str, amount_fen: int, expected_version: int = 0) -> str:
    """A bank finances on a declaration that is open to it; through `cross_border` its borrower has named it
    there.

    Codes: E_ROLE, E_SUSPECT, E_AMOUNT, E_BANKS, E_DUPLICATE_FINANCING.
    """
    found = enter(GOODS, goods, id, "use", expected_version)
    require("financier" in ctx.roles, "E_ROLE", "a financier of a bank uses a declaration")
    require(not found.is_suspect, "E_SUSPECT", "the supervisor looks into this trade")
    require(is_amount(amount_fen), "E_AMOUNT", "a positive number of fen")
    in_set = ctx.member in [bank for bank, _ in found.parts]
    if in_use(found) > 0:
        require(in_set, "E_DUPLICATE_FINANCING", "this declaration is already being financed")
    elif ctx.caller == "cross_border" and not in_set:
        found.parts = ((ctx.member, 0),)
    else:
        require(in_set, "E_BANKS", "the enterprise has not opened it to this bank")
    fits = in_use(found) + amount_fen <= found.value_fen
    require(fits, "E_DUPLICATE_FINANCING", "less than this is left of the declared value")
    found.parts = tuple(
        (bank, part + amount_fen if bank == ctx.member else part) for bank, part in found.parts
    )
    return keep(goods, found, Used)


@export
def free(id: str, bank: str, amount_fen: int, expected_version: int = 0) -> str:
    """What a bank has used is free again; without any part in use another set of banks may come. Code:
    E_OWNER."""
    found = enter(GOODS, goods, id, "free", expected_version)
    own = ctx.member == bank or ctx.caller == "cross_border"
    require(own and part_of(found, bank) > 0, "E_OWNER", "only who used it frees it")
    fits = is_amount(amount_fen) and amount_fen <= part_of(found, bank)
    require(fits, "E_AMOUNT", "no more than was used")
    found.parts = tuple((b, part - amount_fen if b == bank else part) for b, part in found.parts)
    arrive(GOODS, found, "free", "IN_USE" if in_use(found) else "FREE")
    return keep(goods, found, Freed)


@view
def is_available(id: str, amount_fen: int) -> bool:
    """Whether so much of a declaration is still free for the asking bank: yes or no, and nothing else."""
    require("financier" in ctx.roles, "E_ROLE", "a financier of a bank asks")
    found = goods[id]
    if found is None or found.is_suspect:
        return False
    mine = in_use(found) == 0 or ctx.member in [bank for bank, _ in found.parts]
    return mine and in_use(found) + amount_fen <= found.value_fen


@view
def get(id: str) -> dict:
    """The enterprise, SAFE and the banks that use it see a declaration; a bank its own part of it."""
    found = load(goods, id)
    watches = ctx.member == found.parties["safe"] and "regulator" in ctx.roles
    whole = ctx.member != "" and (ctx.member == found.parties["enterprise"] or watches)
    mine = part_of(found, ctx.member)
    require(whole or mine, "E_NOT_PARTY", "it belongs to other members")
    return {
        "id": id,
        "account": found.account,
        "seller": found.parties["seller"],
        "buyer": found.parties["buyer"],
        "state": found.state,
        "hs": found.hs,
        "quantity": found.quantity,
        "amount": found.amount,
        "currency": found.currency,
        "value_fen": found.value_fen,
        "origin": found.origin,
        "destination": found.destination,
        "recorded_on": date_text(found.day),
        "is_suspect": found.is_suspect,
        "in_use_fen": in_use(found) if whole else mine,
        "banks": [list(part) for part in found.parts] if watches else [],
        "version": found.version,
    }


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(GOODS, load(goods, id).state)
