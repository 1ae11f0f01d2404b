"""The coin: its licence, its reserve, and what may be minted and moved. Table COIN."""

from rules.calendar import is_date, parse_date
from rules.codes import is_code, is_currency, is_digest
from rules.instrument import arrive, enter, keep, load, require_step, today
from rules.money import is_amount
from rules.stablecoin_machine import CAPITAL_MIN, CLASSES, COIN, CURE_STATEMENTS
from rules.stablecoin_records import (
    Applied,
    AttestationStale,
    Coin,
    Cured,
    LicenceRefused,
    Licensed,
    Minted,
    MintOrdered,
    ReserveStated,
    SupervisorOrdered,
    Transferred,
    balances,
    coins,
    covered,
    is_fresh,
    ratio_of,
    take_balance,
    tell,
    terms,
)
from sdk import call, ctx, export, require


def store(coin, event) -> str:
    keep(coins, coin, event)
    tell(coin)
    return coin.state


def require_amount(amount: int):
    require(is_amount(amount), "E_AMOUNT", "a positive number of minor units")


def require_digest(text: str, what: str):
    require(is_digest(text), "E_DIGEST", f"{what} as a digest: 64 hex digits")


def require_taken(coin: str, amount: int):
    require_amount(amount)
    require(take_balance(coin, ctx.member, amount), "E_BALANCE", "the balance is too small")


@export
def apply(id: str, currency: str, custodian: str, supervisor: str) -> str:
    """Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE, E_SELF, E_ROLE, E_PARTY."""
    parts = {"issuer": ctx.member, "custodian": custodian, "supervisor": supervisor}
    require_step(COIN, "-", "apply", parts)
    require(is_code(id, 16) and is_currency(currency), "E_CODE", "1 to 16 of A-Z, 0-9 and -")
    require(coins[id] is None, "E_DUPLICATE", "this name is taken")
    require(len(set(parts.values())) == 3, "E_SELF", "issuer, custodian and supervisor are three")
    call("party", "check_new_business", ctx.member)
    bank = call("party", "check_new_business", custodian)
    require(bank["kind"] == "bank", "E_ROLE", "the custodian is a bank")
    return keep(coins, Coin(id, parts, currency, state="APPLIED"), Applied)


@export
def license(id: str, capital: int, until: str, expected_version: int = 0) -> str:
    """The supervisor admits the issuer. Coins follow the first statements. Codes: E_AMOUNT, E_DATE…"""
    coin = enter(COIN, coins, id, "license", expected_version)
    require(is_amount(capital) and capital >= CAPITAL_MIN, "E_AMOUNT", "paid-up capital too small")
    require(is_date(until), "E_DATE", "a date is written YYYY-MM-DD")
    require(parse_date(until) > today(), "E_EXPIRED", "the licence ends in the future")
    coin.licence_until = until
    return keep(coins, coin, Licensed)


@export
def refuse_licence(id: str, expected_version: int = 0) -> str:
    coin = enter(COIN, coins, id, "refuse_licence", expected_version)
    return keep(coins, coin, LicenceRefused)


@export
def reserve_update(
    id: str, classes: list, as_of_ms: int, statement: str, expected_version: int = 0
) -> str:
    """The custodian states the reserve: [class, amount] pairs, as of a moment.

    statement: digest of the signed file. Codes: E_CODE, E_AMOUNT, E_DATE, E_DIGEST.
    """
    coin = enter(COIN, coins, id, "reserve_update", expected_version)
    names = [one[0] for one in classes if isinstance(one, list) and len(one) == 2]
    known = len(names) == len(classes) and all(name in CLASSES for name in names)
    require(known and len(set(names)) == len(names), "E_CODE", "classes: " + ", ".join(CLASSES))
    require(all(is_amount(one[1]) for one in classes), "E_AMOUNT", "positive minor units")
    newer = coin.stated_ms < as_of_ms <= ctx.time
    require(newer, "E_DATE", "newer than the last statement, and not of the future")
    require_digest(statement, "the statement")
    coin.reserve = tuple((name, amount) for name, amount in classes)
    coin.stated_ms = as_of_ms
    coin.statement = statement
    ratio = ratio_of(coin)
    rule = terms()
    full = ratio >= rule["full_bps"] and is_fresh(coin, rule["attestation_hours"])
    coin.cured = min(coin.cured + 1, CURE_STATEMENTS) if full else 0
    if ratio < rule["suspend_bps"] or not is_fresh(coin, rule["attestation_hours"]):
        arrive(COIN, coin, "reserve_update", "SUSPENDED")
    elif ratio < rule["full_bps"] and coin.state == "ACTIVE":
        arrive(COIN, coin, "reserve_update", "RESTRICTED")
    return store(coin, ReserveStated)


@export
def stale(id: str) -> str:
    coin = enter(COIN, coins, id, "stale")
    old = not is_fresh(coin, terms()["attestation_hours"])
    require(old, "E_TOO_EARLY", "the last statement is not too old")
    coin.cured = 0
    return store(coin, AttestationStale)


@export
def cure(id: str, expected_version: int = 0) -> str:
    """Back to ACTIVE after two full statements in a row. Codes: E_COVERAGE, E_ATTESTATION."""
    coin = enter(COIN, coins, id, "cure", expected_version)
    require(is_fresh(coin, terms()["attestation_hours"]), "E_ATTESTATION", "statement too old")
    full = coin.cured >= CURE_STATEMENTS and ratio_of(coin) >= terms()["full_bps"]
    require(full, "E_COVERAGE", "two full statements in a row end a restriction")
    return store(coin, Cured)


@export
def order_mint(id: str, to: str, amount: int, expected_version: int = 0) -> str:
    coin = enter(COIN, coins, id, "order_mint", expected_version)
    require_amount(amount)
    coin.mint_order = (to, amount, ctx.sender)
    return keep(coins, coin, MintOrdered)


@export
def mint(id: str, to: str, amount: int, expected_version: int = 0) -> int:
    """A checker issues what a maker ordered. Returns the supply.

    Codes: E_STATE, E_NOT_FOUND, E_FOUR_EYES, E_EXPIRED (licence), E_ATTESTATION, E_COVERAGE, E_PARTY.
    """
    coin = enter(COIN, coins, id, "mint", expected_version)
    ordered = coin.mint_order != () and coin.mint_order[:2] == (to, amount)
    require(ordered, "E_NOT_FOUND", "nobody ordered this")
    require(coin.mint_order[2] != ctx.sender, "E_FOUR_EYES", "ordered and checked by two persons")
    require(parse_date(coin.licence_until) >= today(), "E_EXPIRED", "the licence has ended")
    rule = terms()
    require(is_fresh(coin, rule["attestation_hours"]), "E_ATTESTATION", "statement too old")
    needed = (coin.supply + amount) * rule["full_bps"]
    require(covered(coin) * 10000 >= needed, "E_COVERAGE", "the reserve does not cover it")
    call("party", "check_member", to)
    coin.supply += amount
    coin.mint_order = ()
    balances[(id, to)] += amount
    store(coin, Minted)
    return coin.supply


@export
def transfer(id: str, to: str, amount: int) -> int:
    """Coins to another active party. Returns what is left. Codes: E_STATE, E_SELF, E_PARTY, E_BALANCE…"""
    coin = load(coins, id)
    require_step(COIN, coin.state, "transfer", coin.parties)
    require(to != ctx.member, "E_SELF", "to another party")
    for party in (ctx.member, to):
        call("party", "check_member", party)
    require_taken(id, amount)
    balances[(id, to)] += amount
    Transferred(coin=id)
    return balances[(id, ctx.member)]


@export
def supervisor_order(id: str, state: str, order: str, expected_version: int = 0) -> str:
    """As ordered. `order`: digest. Codes: E_DIGEST, E_CODE, E_COVERAGE."""
    coin = enter(COIN, coins, id, "supervisor_order", expected_version)
    require_digest(order, "the order")
    known = state in ("ACTIVE", "RESTRICTED", "SUSPENDED", "REVOKED")
    require(known, "E_CODE", "ACTIVE, RESTRICTED, SUSPENDED or REVOKED")
    full = ratio_of(coin) >= terms()["full_bps"]
    require(state != "ACTIVE" or full, "E_COVERAGE", "not fully covered")
    arrive(COIN, coin, "supervisor_order", state)
    coin.cured = 0
    return store(coin, SupervisorOrdered)
