"""An amount in parts, so that nothing is lost: largest remainder. Source: domain/trade-finance.md 2.1."""


def split_by_weights(amount: int, weights: list[int]) -> list[int]:
    """Parts in proportion to the weights whose sum is the amount exactly (largest remainder).

    Of equal remainders the earlier part gets the unit, so that every node divides alike.
    Raises ValueError when the weights are not non-negative integers with a positive sum.
    """
    total = sum(weights)
    if amount < 0 or total <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("weights are non-negative integers with a positive sum")
    parts = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    return parts


def split_evenly(amount: int, count: int) -> list[int]:
    """Parts that differ by at most one minor unit and whose sum is the amount exactly; the larger ones first.

    Raises ValueError for a negative amount or no parts.
    """
    if amount < 0 or count <= 0:
        raise ValueError("an amount is split into at least one part")
    part, rest = divmod(amount, count)
    return [part + 1] * rest + [part] * (count - rest)
