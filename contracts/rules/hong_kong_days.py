"""Which days banks of Hong Kong are open, as far as it was known when this version was bundled.

The channel's rulebook wins for the days it has a calendar for; this is what holds at genesis.
"""

# General holidays of Hong Kong (gazetted each year) that are not Saturdays or Sundays.
HONG_KONG_HOLIDAYS = (
    "2026-01-01", "2026-02-17", "2026-02-18", "2026-02-19", "2026-04-03", "2026-04-06",
    "2026-04-07", "2026-05-01", "2026-05-25", "2026-06-19", "2026-07-01", "2026-10-01",
    "2026-10-19", "2026-12-25", "2027-01-01", "2027-02-08", "2027-02-09", "2027-03-26",
    "2027-03-29", "2027-04-05", "2027-05-13", "2027-06-09", "2027-07-01", "2027-09-16",
    "2027-10-01", "2027-10-08", "2027-12-27",
)  # fmt: skip


def is_open(text: str, weekday: int) -> bool:
    """Whether a day is a banking day. text: YYYY-MM-DD; weekday: 0 is Monday."""
    return weekday < 5 and text not in HONG_KONG_HOLIDAYS
