"""Dated rules and business days by the channel's rulebook, for contracts: one cross-contract call each.

Where the rulebook has no calendar for a day it answers by `rules.banking_days`. place: "CN" or "HK".
"""

from sdk import call


def rule_on(name: str, day: int) -> dict:
    """What a dated rule says on a day, and as `rule` the version that says it. Codes: E_CODE, E_NO_RULE."""
    return call("rulebook", "at", name, day)


def add_business_days(day: int, count: int, place: str = "CN") -> int:
    """The day that lies `count` business days after `day` (before it, when negative)."""
    return call("rulebook", "add_business_days", place, day, count)


def business_days_between(day: int, last: int, place: str = "CN") -> int:
    """How many business days lie after `day`, up to `last`, that day included; 0 when it is over."""
    return call("rulebook", "business_days_between", place, day, last)


def is_business_day(day: int, place: str = "CN") -> bool:
    """Whether banks at the place are open on this day."""
    return call("rulebook", "is_business_day", place, day)


def following(day: int, place: str = "CN") -> int:
    """The day itself or the next business day (FOLLOWING)."""
    return call("rulebook", "following", place, day)
