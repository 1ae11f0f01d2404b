"""Reserve-backed stablecoin (M14): issued against a custodian's reserve, redeemed at par within a business day.

The custodian states the reserve by classes; after haircuts it covers the supply, or minting stops (RESTRICTED)
and below the floor, or when statements grow old, transfers too (SUSPENDED). Two full statements in a row cure.
Redemption is open in every state. Nodes pledge coins for what they clear. What may happen when:
`rules.stablecoin_machine`; ratios, ages and haircuts are dated rules of the supervisor. Invariants: balances,
pledges and unpaid redemptions add up to the supply; nothing is minted that the reserve does not cover.
"""

from rules.calendar import date_text, day_at, day_end_ms, is_date, parse_date
from rules.codes import is_code, is_currency, is_digest
from rules.dated_rules import add_business_days
from rules.instrument import arrive, enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.money import is_amount
from rules.stablecoin_machine import (
    CAPITAL_MIN,
    CLASSES,
    COIN,
    CURE_STATEMENTS,
    HOLDERS_SHOWN,
    MINIMUM_DAYS,
    PLEDGE,
    REDEMPTION,
)
from rules.stablecoin_records import (
    Applied,
    AttestationStale,
    Coin,
    Cured,
    ExposureSet,
    LicenceRefused,
    Licensed,
    Minted,
    MintOrdered,
    Pledge,
    Pledged,
    Redeemed,
    Redemption,
    RedemptionLate,
    RedemptionRequested,
    ReserveStated,
    Slashed,
    SupervisorOrdered,
    Transferred,
    Unpledged,
    balances,
    coins,
    covered,
    describe,
    is_fresh,
    minima,
    pledges,
    queue,
    ratio_of,
    redemptions,
    reserve_by_class,
    take_balance,
    tell,
    terms,
)
from sdk import call, ctx, export, require, sm3, view


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


# ---- the coin ------------------------------------------------------------------------------------


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


# ---- redemption ----------------------------------------------------------------------------------


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


# ---- pledges of nodes ----------------------------------------------------------------------------


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


# ---- views ---------------------------------------------------------------------------------------


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
