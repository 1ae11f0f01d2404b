"""Banking days of two places: an answer is due by the calendar of the place where the credit is available."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from contracts.rules.hong_kong_days import HONG_KONG_HOLIDAYS

CONTRACTS = Path(__file__).parents[3] / "contracts"


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The rule module as a contract imports it."""
    monkeypatch.syspath_prepend(str(CONTRACTS))
    return importlib.import_module("rules.banking_days")


@pytest.fixture
def day(days: Any) -> Any:
    return importlib.import_module("rules.calendar").parse_date


def test_a_day_may_be_worked_at_one_place_and_not_at_the_other(days: Any, day: Any) -> None:
    open_at = {text: [p for p in days.PLACES if days.is_banking_day(day(text), p)] for text in (
        "2026-10-02", "2026-12-25", "2026-10-10", "2026-11-23", "2026-11-22")}  # fmt: skip
    assert open_at == {
        "2026-10-02": ["HK"],  # national holiday
        "2026-12-25": ["CN"],
        "2026-10-10": ["CN"],  # a Saturday worked for the holiday
        "2026-11-23": ["CN", "HK"],
        "2026-11-22": [],
    }


def test_business_days_step_over_weekends_holidays_and_count_worked_weekends(
    days: Any, day: Any
) -> None:
    assert days.is_banking_day(day("2027-05-20"), "CN")
    assert not days.is_banking_day(day("2027-05-22"), "CN")
    assert not days.is_banking_day(day("2026-10-01"), "CN")
    assert days.open_day(day("2026-10-01"), "CN") == day("2026-10-08")
    assert days.open_day_before(day("2026-10-01"), "CN") == day("2026-09-30")
    assert days.open_day_of_month(day("2026-05-31"), "CN") == day("2026-05-29")
    assert days.open_day_of_month(day("2026-05-30"), "CN") == day("2026-05-29")
    assert days.add_banking_days(day("2026-11-27"), 2, "CN") == day("2026-12-01")
    assert days.add_banking_days(day("2027-05-20"), -2, "CN") == day("2027-05-18")


def test_days_are_counted_and_moved_by_the_place(days: Any, day: Any) -> None:
    assert days.add_banking_days(day("2026-12-24"), 1, "HK") == day("2026-12-28")
    assert days.add_banking_days(day("2026-12-24"), 1, "CN") == day("2026-12-25")
    assert days.open_day(day("2026-12-25"), "HK") == day("2026-12-28")
    assert days.open_day(day("2026-12-28"), "HK") == day("2026-12-28")


def test_holidays_are_weekdays_in_order(days: Any, day: Any) -> None:
    holidays = [day(text) for text in HONG_KONG_HOLIDAYS]
    assert holidays == sorted(set(holidays))
    assert all((number + 3) % 7 < 5 for number in holidays)


def test_a_place_without_a_calendar_is_refused(days: Any) -> None:
    with pytest.raises(ValueError, match="calendar"):
        days.is_banking_day(0, "XX")
