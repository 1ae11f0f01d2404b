"""What banks must report: each pattern at its threshold and not below, each report with its clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from consensus.payment import Kind
from deploy.regcenter.aml import POLICIES, Pattern
from deploy.regcenter.client import Wallet
from deploy.regcenter.limits import DAY_MS
from deploy.regcenter.requests import FileQuery, ReportsQuery, ScreenQuery, TerminalQuery
from tests.unit.regcenter.desk_world import City
from tests.unit.regcenter.test_center import refused
from tests.unit.suite.center_world import placement

YUAN = 100
POLICY = POLICIES[0]


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path / "center")


def reports(city: City, by: Wallet | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = city.read(by or city.aml, ReportsQuery(0))["reports"]
    return found


def patterns(city: City) -> list[str]:
    return [report["pattern"] for report in reports(city)]


def pay(city: City, payer: Wallet, payee: Wallet, fen: int, purpose: str = "") -> None:
    coin = fund(city, payer, fen)
    city.money.process(city.send(payer, coin, (payee.address, fen), purpose=purpose))


def fund(city: City, wallet: Wallet, fen: int) -> Any:
    return city.money.fund(wallet, fen)


def test_large_values_are_reported_from_the_threshold_on_and_once_a_day(city: City) -> None:
    person, payee = city.open(category=1), city.other
    coin = fund(city, person, POLICY.person_fen - 1)
    assert patterns(city) == []
    city.money.process(city.send(person, coin, (payee.address, POLICY.person_fen - 1)))
    assert patterns(city) == []
    pay(city, person, payee, 1)
    assert patterns(city) == ["large value"]
    pay(city, person, payee, 10)
    assert patterns(city) == ["large value"]
    city.now_ms += DAY_MS
    pay(city, person, payee, POLICY.person_fen)
    assert patterns(city) == ["large value"] * 2


def test_a_company_is_reported_from_two_million_yuan_on(city: City) -> None:
    company = city.open(category=0)
    fund(city, company, POLICY.corporate_fen - 1)
    assert patterns(city) == []
    fund(city, company, 1)
    assert patterns(city) == ["large value"]


def test_a_person_paying_across_the_border_is_reported_earlier(city: City) -> None:
    person, abroad = city.open(category=1), city.open(category=0, residence="HK")
    pay(city, person, abroad, POLICY.person_abroad_fen - 1, "CURRENT")
    assert patterns(city) == []
    pay(city, person, abroad, 1, "CURRENT")
    (report,) = reports(city)
    assert (report["pattern"], report["value_fen"]) == ("large value", POLICY.person_abroad_fen)


def test_cash_at_a_machine_is_reported_and_a_card_is_not(city: City) -> None:
    machine, person = Wallet.generate(), city.open(category=1)
    city.ask(city.bank, TerminalQuery("SZ-01", machine.public_key, POLICY.cash_fen))
    city.money.process(city.recharge(person, POLICY.cash_fen, "POS:SZ-01", machine))
    assert patterns(city) == []
    city.money.process(city.recharge(person, POLICY.cash_fen - 1, "ATM:SZ-01", machine))
    assert patterns(city) == []
    city.money.process(city.recharge(person, 1, "ATM:SZ-01", machine))
    assert patterns(city) == ["large cash"]


def test_many_payments_within_an_hour_are_reported(city: City) -> None:
    person = city.open(category=1)
    city.now_ms -= city.now_ms % 3_600_000
    for _ in range(POLICY.payments_an_hour - 1):
        pay(city, person, city.other, 1)
    city.now_ms += 3_600_000
    pay(city, person, city.other, 1)
    assert patterns(city) == [], "the hour is over"
    for _ in range(POLICY.payments_an_hour - 1):
        pay(city, person, city.other, 1)
    assert patterns(city) == ["velocity"]


def test_days_that_stay_just_below_the_threshold_are_structuring(city: City) -> None:
    person = city.open(category=1)
    near = POLICY.person_fen * POLICY.near_percent // 100
    for _ in range(POLICY.near_days - 1):
        pay(city, person, city.other, near)
        city.now_ms += DAY_MS
    pay(city, person, city.other, near - 1)
    assert patterns(city) == []
    pay(city, person, city.other, 1)
    assert patterns(city) == ["structuring"]


def test_days_of_another_week_are_not_counted_together(city: City) -> None:
    person = city.open(category=1)
    near = POLICY.person_fen * POLICY.near_percent // 100
    for _ in range(POLICY.near_days + 1):
        pay(city, person, city.other, near)
        city.now_ms += 4 * DAY_MS
    assert patterns(city) == []


def test_listed_names_are_found_however_they_are_written(city: City) -> None:
    city.ask(city.aml, ScreenQuery(("Li  Wei",), True))
    city.open(holder="ＬＩ WEI, 440300199001011234")
    assert patterns(city) == ["listed name"]
    city.open(holder="Li Weiming, 4403")
    assert patterns(city) == ["listed name"]
    later = city.open(holder="Wang, 4403")
    city.ask(city.aml, ScreenQuery(("wang",), True))
    fund(city, later, 1)
    assert patterns(city) == ["listed name"] * 2
    city.ask(city.aml, ScreenQuery(("wang",), False))
    city.now_ms += DAY_MS
    fund(city, later, 1)
    assert len(patterns(city)) == 2


def test_a_report_has_five_business_days_and_says_when_they_are_over(city: City) -> None:
    """Made on Tuesday 2026-12-08: due when Tuesday 2026-12-15 ends in Beijing."""
    fund(city, city.open(category=0), POLICY.corporate_fen)
    (report,) = reports(city)
    due_ms = 1_797_350_400_000  # 2026-12-15 24:00 in Beijing
    assert (report["due_ms"], report["status"]) == (due_ms, "open")
    city.now_ms = due_ms - 1
    assert reports(city)[0]["status"] == "open"
    city.now_ms = due_ms
    assert reports(city)[0]["status"] == "overdue"
    assert city.ask(city.bank, FileQuery(report["serial"]))["status"] == "filed late"


def test_a_bank_files_its_own_reports_once_and_sees_no_other_banks(city: City) -> None:
    other = Wallet.generate()
    city.money.process(placement("NB", other.public_key, 100))
    fund(city, city.open(category=0), POLICY.corporate_fen)
    (report,) = reports(city, city.bank)
    assert reports(city, other) == []
    refused(city, "RC_REPORT", city.instruction(other, FileQuery(report["serial"])))
    refused(city, "RC_REPORT", city.instruction(city.bank, FileQuery(99)))
    assert city.ask(city.bank, FileQuery(report["serial"]))["status"] == "filed"
    refused(city, "RC_REPORT", city.instruction(city.bank, FileQuery(report["serial"])))
    assert reports(city)[0]["status"] == "filed"


def test_only_the_aml_authority_lists_names(city: City) -> None:
    for by in (city.bank, city.other, city.root):
        refused(city, "RC_AUTHORITY", city.instruction(by, ScreenQuery(("x",), True)))
    for names in ((), ("",), ("  ",), ("x" * 201,)):
        refused(city, "RC_ENCODING", city.instruction(city.aml, ScreenQuery(names, True)))


def test_a_reversal_or_a_refund_is_no_movement_to_report(city: City) -> None:
    company = city.open(category=0)
    coin = fund(city, company, POLICY.corporate_fen - 1)
    paid = city.money.process(
        city.send(company, coin, (city.other.address, POLICY.corporate_fen - 1))
    )
    mine = city.coin_of(paid)
    back = city.send(
        city.other, mine, (company.address, POLICY.corporate_fen - 1),
        kind=Kind.REVERSE, reference=mine,
    )  # fmt: skip
    city.money.process(back)
    assert Pattern.LARGE.value not in patterns(city)
