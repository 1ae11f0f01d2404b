"""What being late costs (domain/trade-finance.md 2.2)."""


def overdue_penalty(amount: int, daily_bps: int, days: int) -> tuple:
    """Contractual daily rate in basis points, simple, never compounded: an exact fraction."""
    if amount < 0 or daily_bps < 0 or days < 0:
        raise ValueError("amount, rate and days are not negative")
    return (amount * daily_bps * days, 10000)
