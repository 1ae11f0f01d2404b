"""Amounts as people write them, `Decimal` in units of a currency, and as contracts keep them, in minor units.

Each rounding says its name. Where nothing may be lost, `to_minor` refuses more decimals than the currency has.
"""

from rules.codes import minor_units
from sdk import Decimal


def to_minor(amount: Decimal, currency: str) -> int:
    """`12.30` CNY is 1,230 fen. Raises ValueError for a fraction of a minor unit, a negative amount, or a
    currency that is not on the list."""
    minor = _scaled(amount, currency)
    if minor != minor.to_integral_value():
        raise ValueError("the amount has more decimals than its currency")
    return int(minor)


def to_minor_half_up(amount: Decimal, currency: str) -> int:
    """Rounded to the nearest minor unit, a half upwards: what a bank does with interest."""
    return int(_scaled(amount, currency).quantize(Decimal("1"), "ROUND_HALF_UP"))


def to_minor_half_even(amount: Decimal, currency: str) -> int:
    """Rounded to the nearest minor unit, a half to the even one (bankers' rounding): sums do not drift."""
    return int(_scaled(amount, currency).quantize(Decimal("1"), "ROUND_HALF_EVEN"))


def from_minor(minor: int, currency: str) -> Decimal:
    """1,230 fen is `12.30` CNY, with all its decimals. Raises ValueError as `to_minor`."""
    if minor < 0:
        raise ValueError("an amount is not negative")
    unit = Decimal("10") ** -minor_units(currency)
    return (Decimal(minor) * unit).quantize(unit)


def _scaled(amount: Decimal, currency: str) -> Decimal:
    if amount < 0:
        raise ValueError("an amount is not negative")
    return amount * Decimal(10 ** minor_units(currency))
