"""The day's exchange rate, as the oracles told it: dated, with its source, and never an old one.

A feed `USDCNY` tells units of CNY for one US dollar, in 10^-8. The rate of a day is one observed on it or, on
days when banks are closed, on the business day before. Where it is missing or stale everything waits
(`E_HOLD`): money is never converted by the last known rate. Source: domain/trade-finance.md 2.1 and
domain/dcep.md 3.8.
"""

from rules.calendar import day_at
from rules.codes import is_currency, minor_units
from rules.dated_rules import add_business_days, is_business_day
from rules.money import half_up
from sdk import Revert, call, ctx, dataclass, require

RATE_ONE = 100000000
USD = "USD"


@dataclass
class Rate:
    """rate: units of `currency` for one US dollar, in 10^-8. source: the oracle's feed, "" for the dollar."""

    currency: str
    rate: int
    source: str
    observed_ms: int


def day_rate(currency: str):
    """Codes: E_CURRENCY, E_HOLD."""
    require(is_currency(currency), "E_CURRENCY", "the currency is not on the list")
    if currency == USD:
        return Rate(USD, RATE_ONE, "", ctx.time)
    feed = USD + currency
    try:
        found = call("oracle", "number", feed)
    except Revert:
        found = {"status": "hold", "value": "", "observed_ms": 0}
    require(found["status"] == "ok", "E_HOLD", "the oracles have told no rate lately: " + feed)
    day = day_at(ctx.time)
    fixed_on = day if is_business_day(day) else add_business_days(day, -1)
    fresh = day_at(found["observed_ms"]) >= fixed_on
    require(fresh, "E_HOLD", "the day's rate is not told yet: " + feed)
    return Rate(currency, int(found["value"]), feed, found["observed_ms"])


def in_units(amount: int, currency: str) -> tuple:
    """Minor units as a fraction of whole units."""
    return (amount, 10 ** minor_units(currency))


def is_above(amount: int, rate, limit: int, limit_rate) -> bool:
    """Whether an amount is worth more than a limit in another currency: exact, nothing is rounded."""
    value, unit = in_units(amount, rate.currency)
    most, most_unit = in_units(limit, limit_rate.currency)
    return value * most_unit * limit_rate.rate > most * unit * rate.rate


def convert(amount: int, source, target) -> int:
    """Minor units of one rate's currency in those of another's, rounded half-up once."""
    value, unit = in_units(amount, source.currency)
    whole = 10 ** minor_units(target.currency)
    return half_up(value * target.rate * whole, unit * source.rate)


def to_fen(amount: int, currency: str) -> int:
    """What an amount is worth in fen today. Codes: E_CURRENCY, E_HOLD."""
    if currency == "CNY":
        return amount
    return convert(amount, day_rate(currency), day_rate("CNY"))


def describe_rate(rate) -> dict:
    return {
        "pair": USD + rate.currency,
        "rate": rate.rate,
        "source": rate.source,
        "observed_ms": rate.observed_ms,
    }
