"""What wallets may hold and pay, as dated data: limits move, payments are judged by those of their day.

Source: dcep.md section 3.6 (the trial of August 2020, and the limits in use since June 2021). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

DAY_MS = 86_400_000
_BEIJING_MS = 8 * 3_600_000
_YUAN = 100


class Category(IntEnum):
    """CORPORATE and 1 have no limits of the center; their operators may set some."""

    CORPORATE = 0
    FIRST = 1
    SECOND = 2
    THIRD = 3
    FOURTH = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """In fen, None without a limit. day: what may be paid between two midnights in Beijing."""

    balance_fen: int | None = None
    payment_fen: int | None = None
    day_fen: int | None = None


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """Limits in force for from_ms <= time < until_ms; `until_ms` 0: still in force."""

    policy_id: str
    from_ms: int
    until_ms: int
    limits: Mapping[Category, Limits]


def _yuan(balance: int, payment: int, day: int) -> Limits:
    return Limits(balance * _YUAN, payment * _YUAN, day * _YUAN)


# 2020-08-01 and 2021-06-01, 00:00 in Beijing.
POLICIES = (
    LimitPolicy(
        "trial 2020-08",
        1_596_211_200_000,
        1_622_476_800_000,
        MappingProxyType(
            {
                Category.FIRST: _yuan(500_000, 50_000, 100_000),
                Category.SECOND: _yuan(10_000, 5_000, 10_000),
                Category.THIRD: _yuan(2_000, 2_000, 2_000),
                Category.FOURTH: _yuan(1_000, 500, 1_000),
            }
        ),
    ),
    LimitPolicy(
        "2021-06",
        1_622_476_800_000,
        0,
        MappingProxyType(
            {
                Category.SECOND: _yuan(500_000, 50_000, 100_000),
                Category.THIRD: _yuan(20_000, 5_000, 10_000),
                Category.FOURTH: _yuan(10_000, 2_000, 5_000),
            }
        ),
    ),
)


def limits_at(category: int, time_ms: int) -> Limits:
    """The limits of a category at a time; before the first policy there are none."""
    for policy in POLICIES:
        if policy.from_ms <= time_ms and (not policy.until_ms or time_ms < policy.until_ms):
            return policy.limits.get(Category(category), Limits())
    return Limits()


def day_of(time_ms: int) -> int:
    """Number of the day in Beijing."""
    return (time_ms + _BEIJING_MS) // DAY_MS
