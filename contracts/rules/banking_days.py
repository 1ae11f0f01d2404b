"""Banking days by place: a bank is regularly open on them (UCP 600 art. 2).

place: "CN" mainland China, "HK" Hong Kong. Days are day numbers of `rules.calendar`; both places keep UTC+8.
This is what the bundle knows. Contracts ask `rules.dated_rules`: the channel's rulebook comes first.
"""

from rules.calendar import date_of, date_text, weekday
from rules.hong_kong_days import is_open as is_open_in_hong_kong
from rules.mainland_days import is_open

PLACES = ("CN", "HK")


def is_banking_day(day: int, place: str) -> bool:
    """Whether banks at the place are open. Raises ValueError for a place without a calendar."""
    if place == "CN":
        return is_open(date_text(day), weekday(day))
    if place == "HK":
        return is_open_in_hong_kong(date_text(day), weekday(day))
    raise ValueError("no calendar of this place")


def add_banking_days(day: int, count: int, place: str) -> int:
    """The day that lies `count` banking days after `day` (before it, when negative)."""
    step = 1 if count >= 0 else -1
    left = count * step
    while left > 0:
        day += step
        if is_banking_day(day, place):
            left -= 1
    return day


def open_day(day: int, place: str) -> int:
    """The day itself or the first banking day after it (FOLLOWING): how an expiry moves (UCP 600 art. 29)."""
    while not is_banking_day(day, place):
        day += 1
    return day


def open_day_before(day: int, place: str) -> int:
    """The day itself or the banking day before it (PRECEDING)."""
    while not is_banking_day(day, place):
        day -= 1
    return day


def open_day_of_month(day: int, place: str) -> int:
    """FOLLOWING, unless that falls into the next month: then PRECEDING (MODIFIED FOLLOWING)."""
    moved = open_day(day, place)
    return moved if date_of(moved)[1] == date_of(day)[1] else open_day_before(day, place)
