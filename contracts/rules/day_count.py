"""Prices of time: each formula as an exact fraction, which `money.half_up` rounds once.

Source: domain/trade-finance.md 2.2. A result is `(numerator, denominator)` in minor units; rates are parts per
million a year (3.05 % is 30,500); days are counted by the basis.

    A360   actual days over 360    CNY and USD money market
    A365F  actual days over 365    HKD, GBP
    T360   30-day months over 360  (30E/360)
"""

BASES = (("A360", 360), ("A365F", 365), ("T360", 360))
RATE_UNIT = 1000000
WHOLE_YEARS_MAX = 5  # keeps the periodic yield inside 256-bit integers


def year_days(basis: str) -> int:
    """The denominator of a basis. Raises ValueError for an unknown one."""
    for known, days in BASES:
        if known == basis:
            return days
    raise ValueError("unknown day-count basis")


def days_30e(start: tuple, end: tuple) -> int:
    """Days between two (year, month, day) dates when every month has 30: the T360 count."""
    return (
        (end[0] - start[0]) * 360 + (end[1] - start[1]) * 30 + (min(end[2], 30) - min(start[2], 30))
    )


def simple_interest(principal: int, rate_ppm: int, days: int, basis: str = "A360") -> tuple:
    """P·r·d/B: interest in arrears, straight discount and rediscount are all this one formula."""
    if principal < 0 or rate_ppm < 0 or days < 0:
        raise ValueError("principal, rate and days are not negative")
    return (principal * rate_ppm * days, RATE_UNIT * year_days(basis))


def yield_discount(face: int, rate_ppm: int, days: int, basis: str = "A360") -> tuple:
    """F − F/(1+r·d/B): the discount that gives the buyer exactly the yield r on what he pays."""
    if face < 0 or rate_ppm < 0 or days < 0:
        raise ValueError("face, rate and days are not negative")
    unit = RATE_UNIT * year_days(basis)
    return (face * rate_ppm * days, unit + rate_ppm * days)


def periodic_yield_discount(face: int, rate_ppm: int, days: int, basis: str = "A360") -> tuple:
    """F − F/[(1+r·365/B)^n·(1+r·rem/B)] with n whole years of 365 days: claims longer than a year."""
    if face < 0 or rate_ppm < 0 or days < 0 or days // 365 > WHOLE_YEARS_MAX:
        raise ValueError("out of range for a periodic yield")
    unit = RATE_UNIT * year_days(basis)
    grown = unit + rate_ppm * (days % 365)
    whole = unit
    for _ in range(days // 365):
        grown = grown * (unit + rate_ppm * 365)
        whole = whole * unit
    return (face * (grown - whole), grown)


def effective_rate(discount: int, net: int, days: int, basis: str = "A360") -> tuple:
    """I/net·B/d in parts per million: what the borrower really pays a year, to be shown to him."""
    if discount < 0 or net <= 0 or days <= 0:
        raise ValueError("net and days are positive")
    return (discount * year_days(basis) * RATE_UNIT, net * days)
