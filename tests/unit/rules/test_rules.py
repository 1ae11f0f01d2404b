"""Rules of money, time and identifiers against worked figures and the standard library."""

from __future__ import annotations

import datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.rules import calendar, canonical, check_digits, codes, day_count, money, penalty
from contracts.rules.parts import split_by_weights


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (day_count.simple_interest(50_000_000, 30_500, 163), 690_486),
        (day_count.simple_interest(250_000_000, 30_500, 161), 3_410_069),
        (day_count.simple_interest(800_000_000, 30_500, 93), 6_303_333),
        (day_count.yield_discount(800_000_000, 30_500, 93), 6_254_057),
        (day_count.simple_interest(960_000_000, 32_000, 90), 7_680_000),
        (day_count.simple_interest(300_000_000, 17_500, 120), 1_750_000),
        (penalty.overdue_penalty(600_000_000, 5, 10), 3_000_000),
        (day_count.simple_interest(800_000_000, 30_500, 86), 5_828_889),
        (day_count.yield_discount(800_000_000, 30_500, 86), 5_786_726),
    ],
)
def test_every_worked_figure_comes_out_to_the_fen(fraction: tuple[int, int], expected: int) -> None:
    assert money.half_up(*fraction) == expected


@pytest.mark.parametrize(
    ("face", "days", "net"),
    [
        (50_000_000, 163, 49_309_514),
        (250_000_000, 161, 246_589_931),
        (800_000_000, 93, 793_696_667),
    ],
)
def test_what_is_paid_out_is_the_face_less_the_discount(face: int, days: int, net: int) -> None:
    assert face - money.half_up(*day_count.simple_interest(face, 30_500, days)) == net


def test_a_year_has_365_days_where_the_basis_says_so() -> None:
    assert day_count.simple_interest(100, 1, 1, "A365F") == (100, 365_000_000)
    with pytest.raises(ValueError):
        day_count.year_days("ACT/ACT")
    assert day_count.days_30e((2026, 1, 31), (2026, 2, 28)) == 28
    assert day_count.days_30e((2026, 1, 15), (2027, 1, 15)) == 360


@given(st.integers(1, 10**13), st.integers(1, 240_000), st.integers(1, 364))
def test_within_a_year_the_periodic_yield_is_the_plain_one(face: int, rate: int, days: int) -> None:
    periodic = Fraction(*day_count.periodic_yield_discount(face, rate, days))
    assert periodic == Fraction(*day_count.yield_discount(face, rate, days))


def test_beyond_a_year_the_periodic_yield_compounds_whole_years() -> None:
    discount = Fraction(*day_count.periodic_yield_discount(10**9, 30_000, 800))
    year = 1 + Fraction(30_000 * 365, 360 * 10**6)
    rest = 1 + Fraction(30_000 * 70, 360 * 10**6)
    assert discount == 10**9 - Fraction(10**9) / (year**2 * rest)


@given(st.integers(0, 2**63), st.integers(1, 2**63))
def test_half_up_is_the_nearest_and_a_half_goes_up(numerator: int, denominator: int) -> None:
    rounded = money.half_up(numerator, denominator)
    exact = Fraction(numerator, denominator)
    assert exact - Fraction(1, 2) < rounded <= exact + Fraction(1, 2)


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**40), min_size=1, max_size=12))
def test_parts_by_weight_lose_nothing_and_are_off_by_less_than_a_unit(
    amount: int, weights: list[int]
) -> None:
    if sum(weights) == 0:
        with pytest.raises(ValueError):
            split_by_weights(amount, weights)
        return
    parts = split_by_weights(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(Fraction(amount * weight, sum(weights)) - part) < 1


@given(st.dates(datetime.date(1970, 1, 1), datetime.date(2999, 12, 31)))
def test_dates_agree_with_the_standard_library(date: datetime.date) -> None:
    day = (date - datetime.date(1970, 1, 1)).days
    assert calendar.parse_date(date.isoformat()) == day
    assert calendar.date_text(day) == date.isoformat()
    assert calendar.weekday(day) == date.weekday()
    assert calendar.day_at(calendar.day_end_ms(day)) == day + 1
    assert calendar.day_at(calendar.day_end_ms(day) - 1) == day


@pytest.mark.parametrize(
    "text",
    ["", "2026-2-30", "2026-02-30", "2027-02-29", "2026-13-01", "2026/01/01", "20260101", "1969-12-31",
     "２０２６-01-01", "2026-01-0x", "+026-01-01", "2026-00-10"],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    assert not calendar.is_date(text)


@pytest.mark.parametrize(
    "code",
    ["91440300MA5DEM00A5", "91440300MA5DEMT1BW", "91441900MA5DEMT2CC", "91441300MA5DEMT3DH",
     "9144030019DEMBANKD", "9144030019DEMBNK2R", "9144030071526726XG"],
)  # fmt: skip
def test_a_uscc_stands_and_any_one_changed_character_falls(code: str) -> None:
    assert check_digits.is_uscc(code)
    for position in range(18):
        for other in check_digits.USCC_ALPHABET:
            if other != code[position]:
                assert not check_digits.is_uscc(code[:position] + other + code[position + 1 :])
    assert not check_digits.is_uscc(code.lower()) and not check_digits.is_uscc(code + "0")


@pytest.mark.parametrize(
    "code",
    ["3003DEM0SZPENGXUEX86", "3003DEM0HKHARBOURB66", "3003DEM0QIANHAIBKA73", "3003DEM0VICTORIABK04",
     "5493001KJTIIGC8Y1R12"],
)  # fmt: skip
def test_an_lei_stands_and_any_one_changed_digit_falls(code: str) -> None:
    assert check_digits.is_lei(code)
    for position in range(20):
        for other in "0123456789":
            if other != code[position] and code[position].isdigit():
                assert not check_digits.is_lei(code[:position] + other + code[position + 1 :])


def test_numbers_of_customs_tax_containers_and_ships_have_their_build() -> None:
    assert check_digits.is_customs_declaration("530120260001234567")
    assert not check_digits.is_customs_declaration("530120262001234567")
    assert not check_digits.is_customs_declaration("53012026000123456")
    assert check_digits.is_e_invoice("26442000000123456789")
    assert not check_digits.is_e_invoice("26992000000123456789")
    assert check_digits.is_container("CSQU3054383")
    assert not check_digits.is_container("CSQU3054384")
    assert check_digits.is_imo_number("9074729") and not check_digits.is_imo_number("9074728")
    assert not check_digits.is_e_invoice("２６442000000123456789")


@pytest.mark.parametrize(
    "typed",
    ["26442000000123456789", " 26442000000123456789 ", "026442000000123456789",
     "２６４４２０００００0123456789", "2644-2000-0001-2345-6789", "2644 2OOO OOO1 2345 6789",
     "26442ooo0o0123456789", "00026442000000 123456789", "2644200000012345678９", "2644200000OI23456789"],
)  # fmt: skip
def test_every_way_to_type_a_number_has_one_writing(typed: str) -> None:
    assert canonical.reference(typed) == "26442000000123456789"


def test_different_invoices_have_different_preimages() -> None:
    fields = ("91440300MA5DEM00A5", "A-1", "2026-11-16", 100, "CNY")
    base = canonical.invoice_preimage(*fields)
    changes = [
        ("91440300MA5DEMT1BW", *fields[1:]),
        (fields[0], "A-2", *fields[2:]),
        (*fields[:2], "2026-11-17", 100, "CNY"),
        (*fields[:3], 101, "CNY"),
        (*fields[:4], "USD"),
    ]
    assert len({base, *(canonical.invoice_preimage(*change) for change in changes)}) == 6
    for wrong in ("", "000", "发票", "a\x00b"):
        with pytest.raises(ValueError):
            canonical.reference(wrong)
    with pytest.raises(ValueError):
        canonical.invoice_preimage("A", "1", "2026\n11", 1, "CNY")


def test_codes_are_checked_against_their_lists() -> None:
    assert codes.minor_units("CNY") == 2 and codes.minor_units("JPY") == 0
    with pytest.raises(ValueError):
        codes.minor_units("XXX")
    assert codes.is_code("PBC-SZ") and not codes.is_code("-A") and not codes.is_code("a")
    assert codes.is_digest("0" * 64) and not codes.is_digest("0" * 63 + "G")
