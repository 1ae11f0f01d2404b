"""Dates from the agreed block time, in the calendar of China Standard Time (UTC+8, no summer time).

A date is text `2026-11-23` towards people and a day number (days since 1970-01-01) inside formulas. Which days
are business days: `rules.dated_rules` for contracts, by the channel's rulebook.
"""

DAY_MS = 86400000
CST_OFFSET_MS = 28800000
CLOCK_DRIFT_MS = 10000  # how far block time and the clock of money's own ledger may be apart


def day_of(year: int, month: int, day: int) -> int:
    """Day number of a date of the Gregorian calendar; arguments must already be a real date."""
    shifted = year - (1 if month <= 2 else 0)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return (
        era * 146097
        + year_of_era * 365
        + year_of_era // 4
        - year_of_era // 100
        + day_of_year
        - 719468
    )


def date_of(day: int) -> tuple:
    """(year, month, day) of a day number."""
    shifted = day + 719468
    era = shifted // 146097
    day_of_era = shifted - era * 146097
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_index = (5 * day_of_year + 2) // 153
    month = month_index + (3 if month_index < 10 else -9)
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return (year, month, day_of_year - (153 * month_index + 2) // 5 + 1)


def date_text(day: int) -> str:
    """`2026-11-23` of a day number."""
    year, month, day_of_month = date_of(day)
    return f"{year:04d}-{month:02d}-{day_of_month:02d}"


def parse_date(text: str) -> int:
    """Day number of `YYYY-MM-DD` from 1970 on. Raises ValueError for anything else, 02-30 included."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        raise ValueError("a date is written YYYY-MM-DD")
    digits = text[:4] + text[5:7] + text[8:]
    if not all("0" <= character <= "9" for character in digits):
        raise ValueError("a date is written YYYY-MM-DD")
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
    if year < 1970 or month < 1 or month > 12 or day < 1 or day > 31:
        raise ValueError("no such date")
    number = day_of(year, month, day)
    if date_of(number) != (year, month, day):
        raise ValueError("no such date")
    return number


def is_date(text: str) -> bool:
    """Whether `parse_date` accepts the text."""
    try:
        parse_date(text)
        return True
    except ValueError:
        return False


def day_at(time_ms: int) -> int:
    """Day number in China Standard Time of a moment in milliseconds."""
    return (time_ms + CST_OFFSET_MS) // DAY_MS


def day_end_ms(day: int) -> int:
    """The first moment after this day in China Standard Time."""
    return (day + 1) * DAY_MS - CST_OFFSET_MS


def weekday(day: int) -> int:
    """0 is Monday, 6 is Sunday."""
    return (day + 3) % 7
