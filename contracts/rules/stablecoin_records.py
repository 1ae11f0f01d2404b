"""What the stablecoin contract stores, tells and shows. Amounts are minor units of the coin's currency."""

from rules.calendar import DAY_MS
from rules.dated_rules import rule_on
from rules.instrument import today
from rules.money import BPS_UNIT
from rules.stablecoin_machine import CLASSES
from sdk import Event, Map, ctx, dataclass

NO_RATIO = 1000000  # in basis points: nothing is issued yet


@dataclass
class Coin:
    """reserve: (class, amount) of the last statement; cured: full statements in a row."""

    id: str
    parties: dict
    currency: str
    supply: int = 0
    reserve: tuple = ()
    stated_ms: int = 0
    statement: str = ""
    licence_until: str = ""
    cured: int = 0
    mint_order: tuple = ()
    redemptions: int = 0
    state: str = ""
    version: int = 1


@dataclass
class Redemption:
    id: str
    coin: str
    parties: dict
    amount: int
    asked_ms: int
    due_ms: int
    payment: str = ""
    state: str = ""
    version: int = 1


@dataclass
class Pledge:
    id: str
    coin: str
    parties: dict
    amount: int
    exposure: int = 0
    state: str = ""
    version: int = 1


@dataclass
class Escrow:
    """Coins in an exchange, under its number."""

    id: str
    coin: str
    parties: dict
    amount: int
    state: str = ""
    version: int = 1


coins = Map("coin", None)
balances = Map("balance", 0)  # (coin, member)
redemptions = Map("redemption", None)
queue = Map("queue", False)  # (coin, number) → True while it is unpaid
pledges = Map("pledge", None)  # COIN/MEMBER
escrows = Map("escrow", None)  # number of the exchange
escrowed = Map("escrowed", 0)  # coin → all that exchanges hold
minima = Map("minimum", 0)  # (coin, day) → the lowest ratio of that day

Applied = Event("SC.Applied")
Licensed = Event("SC.Licensed")
LicenceRefused = Event("SC.LicenceRefused")
ReserveStated = Event("SC.ReserveStated")
AttestationStale = Event("SC.AttestationStale")
Cured = Event("SC.Cured")
MintOrdered = Event("SC.MintOrdered")
Minted = Event("SC.Minted")
Transferred = Event("SC.Transferred")
RedemptionRequested = Event("SC.RedemptionRequested")
SupervisorOrdered = Event("SC.SupervisorOrdered")
Redeemed = Event("SC.Redeemed")
RedemptionLate = Event("SC.RedemptionLate")
Pledged = Event("SC.Pledged")
ExposureSet = Event("SC.ExposureSet")
Unpledged = Event("SC.Unpledged")
Slashed = Event("SC.Slashed")
Held = Event("SC.Held")
Freed = Event("SC.Freed")
Coverage = Event("SC.Coverage")


def terms() -> dict:
    """The rule of the day: full_bps, suspend_bps, attestation_hours, redeem_business_days."""
    return rule_on("coverage:stablecoin", today())


def after_haircut(name: str, amount: int) -> int:
    return amount * (BPS_UNIT - rule_on("haircut:" + name, today())["bps"]) // BPS_UNIT


def covered(coin) -> int:
    """The reserve after haircuts, each class rounded down."""
    return sum([after_haircut(name, amount) for name, amount in coin.reserve])


def ratio_of(coin) -> int:
    """Coverage in basis points, rounded down: 9,999 is not full."""
    return NO_RATIO if coin.supply == 0 else min(covered(coin) * BPS_UNIT // coin.supply, NO_RATIO)


def is_fresh(coin, hours: int) -> bool:
    return coin.stated_ms > 0 and ctx.time <= coin.stated_ms + hours * (DAY_MS // 24)


def tell(coin) -> int:
    """Coverage as of now, told with every change and kept as the day's minimum. Returns the ratio."""
    ratio = ratio_of(coin)
    key = (coin.id, today())
    lowest = minima[key]
    if lowest == 0 or ratio < lowest:
        minima[key] = ratio
    Coverage(coin=coin.id, supply=coin.supply, ratio_bps=ratio, state=coin.state)
    return ratio


def take_balance(coin: str, member: str, amount: int) -> bool:
    """Take coins off a balance; False when there are not enough."""
    if balances[(coin, member)] < amount:
        return False
    balances[(coin, member)] -= amount
    return True


def describe(coin) -> dict:
    """What every member may see: supply and coverage."""
    return {
        "id": coin.id,
        "parties": coin.parties,
        "currency": coin.currency,
        "supply": coin.supply,
        "ratio_bps": ratio_of(coin),
        "stated_ms": coin.stated_ms,
        "statement": coin.statement,
        "licence_until": coin.licence_until,
        "state": coin.state,
        "version": coin.version,
    }


def reserve_by_class(coin) -> dict:
    given = dict(coin.reserve)
    return {
        name: {"amount": given[name], "after_haircut": after_haircut(name, given[name])}
        for name in CLASSES
        if name in given
    }
