"""Which days banks of mainland China are open, as far as it was known when this version was bundled.

The channel's rulebook wins for the days it has a calendar for; this is what holds at genesis.
"""

# Days off that are not weekends, and weekend days worked instead (State Council notices). For 2027 only the
# statutory days, until its notice is out: then a calendar in the rulebook.
HOLIDAYS = (
    ("2026-01-01", "2026-01-03"),
    ("2026-02-15", "2026-02-23"),
    ("2026-04-04", "2026-04-06"),
    ("2026-05-01", "2026-05-05"),
    ("2026-06-19", "2026-06-21"),
    ("2026-09-25", "2026-09-27"),
    ("2026-10-01", "2026-10-07"),
    ("2027-01-01", "2027-01-01"),
    ("2027-02-05", "2027-02-08"),
    ("2027-04-05", "2027-04-05"),
    ("2027-05-01", "2027-05-02"),
    ("2027-06-09", "2027-06-09"),
    ("2027-09-15", "2027-09-15"),
    ("2027-10-01", "2027-10-03"),
)
WORKED_WEEKENDS = (
    "2026-01-04",
    "2026-02-14",
    "2026-02-28",
    "2026-05-09",
    "2026-09-20",
    "2026-10-10",
)


def is_open(text: str, weekday: int) -> bool:
    """Whether a day is a business day. text: YYYY-MM-DD; weekday: 0 is Monday."""
    if any(first <= text <= last for first, last in HOLIDAYS):
        return False
    return weekday < 5 or text in WORKED_WEEKENDS
