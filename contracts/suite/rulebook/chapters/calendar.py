"""Days of the calendars in force: asked by other contracts, and by anybody."""

from rules.banking_days import PLACES, is_banking_day
from rules.calendar import date_text, is_date, parse_date, weekday
from rules.rulebook_machine import COUNT_MAX
from rules.rulebook_records import rules, timelines, version_on
from sdk import require, view


def is_open(value: dict, day: int) -> bool:
    if day in value["days_off"]:
        return False
    return weekday(day) < 5 or day in value["worked"]


@view
def is_business_day(place: str, day: int) -> bool:
    """Whether banks at a place ("CN", "HK") are open. Code: E_CODE."""
    return move(place, day, "at") == day


@view
def add_business_days(place: str, day: int, count: int) -> int:
    """The day that lies `count` business days after `day`, or before it. Codes: E_CODE, E_DATE."""
    require(-COUNT_MAX <= count <= COUNT_MAX, "E_DATE", "too far away")
    return move(place, day, "count", count)


@view
def business_days_between(place: str, day: int, last: int) -> int:
    """How many business days lie after `day`, up to `last`, that day included. Codes: E_CODE, E_DATE."""
    require(last - day <= COUNT_MAX, "E_DATE", "too far away")
    found = 0
    day = move(place, day, "count", 1)
    while day <= last:
        found += 1
        day = move(place, day, "count", 1)
    return found


@view
def following(place: str, day: int) -> int:
    """The day itself or the next business day. Code: E_CODE."""
    return move(place, day, "following")


def move(place: str, day: int, how: str, count: int = 0) -> int:
    """Walk the calendar of a place: each year's object is read once."""
    require(place in PLACES, "E_CODE", "no calendar of this place")
    name = "calendar:" + place
    timeline = timelines[name]
    known = {}
    step = -1 if count < 0 else 1
    left = abs(count)
    if how == "count":
        if left == 0:
            return day
        day += step
    while True:
        number = version_on(timeline, day)
        if number and number not in known:
            known[number] = rules[f"{name}/{number}"].value
        opened = is_open(known[number], day) if number else is_banking_day(day, place)
        if how == "at":
            return day if opened else -1
        if opened and left <= 1:
            return day
        if opened:
            left -= 1
        day += step


@view
def business_days(place: str, since: str, count: int) -> list:
    """The first `count` business days after a date, as text: for people. Codes: E_CODE, E_DATE."""
    require(is_date(since) and 0 < count <= 100, "E_DATE", "a date, and 1 to 100 days")
    found = []
    day = parse_date(since)
    for _ in range(count):
        day = move(place, day, "count", 1)
        found.append(date_text(day))
    return found
