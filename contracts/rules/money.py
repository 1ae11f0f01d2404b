"""Money: whole minor units, rounded half-up once a cash flow.

Source: domain/trade-finance.md 2.1. Amounts are `int` in minor units (fen for CNY); never a fraction.
"""

AMOUNT_MAX = 9223372036854775807  # 2^63 - 1
PAYMENT_MAX = 9007199254740991  # 2^53 - 1: what one payment of money's own ledger carries
RATE_UNIT = 1000000  # rates are parts per million a year: 3.05 % is 30,500
BPS_UNIT = 10000  # shares and ratios are basis points: 80 % is 8,000


def is_amount(amount: object) -> bool:
    """Whether this is a positive amount that every part of the system can carry."""
    return (
        isinstance(amount, int)
        and not isinstance(amount, bool)
        and amount > 0
        and amount <= AMOUNT_MAX
    )


def half_up(numerator: int, denominator: int) -> int:
    """The fraction rounded half-up to a whole minor unit: call it once a cash flow, at the very end.

    Raises ValueError for a negative numerator or a denominator that is not positive.
    """
    if numerator < 0 or denominator <= 0:
        raise ValueError("a cash flow is a fraction of non-negative integers")
    return (2 * numerator + denominator) // (2 * denominator)


def half_even(numerator: int, denominator: int) -> int:
    """The fraction rounded to the nearest whole minor unit, a half to the even one (bankers' rounding).

    Raises ValueError as `half_up`.
    """
    if numerator < 0 or denominator <= 0:
        raise ValueError("a cash flow is a fraction of non-negative integers")
    whole, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1):
        return whole + 1
    return whole


def share_of(amount: int, bps: int) -> int:
    """The part of an amount, rounded down: a cap is never passed by rounding. `bps`: basis points."""
    return amount * bps // BPS_UNIT
