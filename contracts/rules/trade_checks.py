"""Checks that find trade which is none: pure functions, advice for the supervisor (domain/trade-finance.md
2.11).

Amounts are fen unless said otherwise, shares are basis points. Each answers from its arguments alone.
"""

BPS_UNIT = 10000
MISMATCH_BPS = 2000  # what a mismatch of names or ports takes off the score


def least_of(amount: int, tolerance_bps: int) -> int:
    """The smallest amount within the tolerance, rounded so that nothing short of it passes."""
    return -(-amount * (BPS_UNIT - tolerance_bps) // BPS_UNIT)


def most_of(amount: int, tolerance_bps: int) -> int:
    """The largest amount within the tolerance."""
    return amount * (BPS_UNIT + tolerance_bps) // BPS_UNIT


def is_within(amount: int, target: int, tolerance_bps: int) -> bool:
    return least_of(target, tolerance_bps) <= amount <= most_of(target, tolerance_bps)


def three_flow_score(goods: int, documents: int, money: int, mismatches: int) -> int:
    """How well goods, documents and money agree: the smallest of the three in parts of the largest.

    10,000 is full agreement; each mismatch of names or routes takes 2,000 off; 0 where a flow is missing.
    """
    largest = max(goods, documents, money)
    if largest == 0:
        return 0
    score = min(goods, documents, money) * BPS_UNIT // largest - mismatches * MISMATCH_BPS
    return max(score, 0)


def is_in_band(value: int, quantity: int, low: int, high: int) -> bool:
    """Whether value per unit lies from low to high, without rounding."""
    return low * quantity <= value <= high * quantity


def is_round_trip(value: int, back: int, least_bps: int) -> bool:
    """Whether goods sold one way came back for nearly the same money: the smaller above `least_bps` of the
    larger."""
    return min(value, back) * BPS_UNIT > max(value, back) * least_bps


def waterfall(amount: int, claims: list) -> tuple:
    """Pay claims in their order as far as the amount goes. claims: amounts. Returns the parts and the rest."""
    parts = []
    left = amount
    for claim in claims:
        part = min(left, claim)
        parts.append(part)
        left -= part
    return (parts, left)


def is_place(code: str) -> bool:
    """UN/LOCODE: two letters of the country, three letters or digits 2 to 9."""
    return (
        len(code) == 5
        and all("A" <= c <= "Z" for c in code[:2])
        and all("A" <= c <= "Z" or "2" <= c <= "9" for c in code[2:])
    )


def is_hs_code(code: str) -> bool:
    """6 digits internationally, 8 or 10 in mainland China."""
    return len(code) in (6, 8, 10) and all("0" <= c <= "9" for c in code)
