"""Dated rules: issued by their authority's two persons, never back-dated, never changed in place."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from contracts.rules import calendar
from contracts.tables import TABLES
from tests.unit.suite.conftest import fresh
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import World, at, digest, open_world

CONTRACTS = Path(__file__).parents[3] / "contracts"
RATE, TENOR = "rate:rediscount", "tenor:receivable"
(TABLE,) = [table for table in TABLES if table.contract == "rulebook"]
WALK = Walk(TABLE, f"{RATE}/1", {"sign": ("pbc-second", {}), "withdraw": ("pbc", {})})


def day(text: str) -> int:
    return calendar.parse_date(text)


def draft(world: World, **changes: Any) -> str:
    args = {
        "name": RATE, "value": {"rate_ppm": 15_000}, "since": "2027-01-01",
        "source": "notice 2026-12", "document": digest("notice"),
    }  # fmt: skip
    return str(world.ok("pbc", "rulebook.draft", **{**args, **changes}))


def issue(world: World, **changes: Any) -> str:
    id = draft(world, **changes)
    assert world.ok("pbc-second", "rulebook.sign", id=id) == "ISSUED"
    return id


def rate_on(world: World, date: str) -> int:
    return int(world.ok("nobody", "rulebook.at", name=RATE, day=day(date))["rate_ppm"])


@pytest.mark.parametrize(("state", "move"), cases(WALK))
def test_a_rule_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    draft(world)
    WALK.check_state(world, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(WALK))
def test_a_rule_is_moved_only_by_its_authority(world: World, state: str, move: str) -> None:
    draft(world)
    WALK.check_persons(world, state, move)


def test_a_later_version_supersedes_from_its_first_day_and_the_past_stays(world: World) -> None:
    assert (rate_on(world, "2023-01-01"), rate_on(world, "2024-01-25")) == (20_000, 17_500)
    issue(world)
    issue(world, value={"rate_ppm": 12_000}, since="2027-03-01", until="2027-03-31")
    days = ("2026-12-31", "2027-01-01", "2027-02-28", "2027-03-01", "2027-03-31", "2027-04-01")
    found = [rate_on(world, one) for one in days]
    assert found == [17_500, 15_000, 15_000, 12_000, 12_000, 15_000]
    shown = world.ok("nobody", "rulebook.in_force", name=RATE, date="2027-03-15")
    assert (shown["id"], shown["authority"], shown["until"]) == (
        f"{RATE}/2",
        "PBC-SZ",
        "2027-03-31",
    )
    before = world.ok("nobody", "rulebook.at", name=RATE, day=day("2026-12-31"))
    assert before == {"rate_ppm": 17_500, "rule": f"{RATE}/0"}
    assert [one["state"] for one in world.ok("nobody", "rulebook.history", name=RATE)] == [
        "ISSUED", "ISSUED"
    ]  # fmt: skip


def test_a_rule_is_never_backdated_not_even_to_today_or_by_a_late_signature(world: World) -> None:
    for since in ("2026-11-15", "2026-11-16"):
        world.refused(
            "E_BACKDATED", "pbc", "rulebook.draft", name=RATE, value={"rate_ppm": 1}, since=since,
            source="s", document=digest("d"),
        )  # fmt: skip
    id = draft(world, since="2026-11-17")
    world.now_ms = at("2026-11-17", 0)
    world.refused("E_BACKDATED", "pbc-second", "rulebook.sign", id=id)
    world.ok("pbc", "rulebook.withdraw", id=id)
    assert rate_on(world, "2026-11-17") == 17_500


def test_only_the_competent_authority_issues_and_by_two_persons(world: World) -> None:
    args = {
        "name": RATE, "value": {"rate_ppm": 1}, "since": "2027-01-01", "source": "s",
        "document": digest("d"),
    }  # fmt: skip
    world.refused("E_AUTHORITY", "hkma", "rulebook.draft", **args)
    world.refused("E_NOT_PARTY", "pbc-desk", "rulebook.draft", **args)
    world.refused("E_NOT_PARTY", "qb-ops", "rulebook.draft", **args)
    id = draft(world)
    world.refused("E_FOUR_EYES", "pbc", "rulebook.sign", id=id)
    world.refused("E_NOT_PARTY", "hkma", "rulebook.sign", id=id)
    world.refused("E_DRAFT_OPEN", "pbc", "rulebook.draft", **args)
    world.refused("E_VERSION", "pbc-second", "rulebook.sign", id=id, expected_version=2)
    world.ok("pbc-second", "rulebook.sign", id=id)
    world.refused("E_STATE", "pbc-second", "rulebook.sign", id=id)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_CODE", {"name": "rate:other"}),
        ("E_CODE", {"name": "haircut:"}),
        ("E_DATE", {"since": "2027-02-30"}),
        ("E_DATE", {"until": "2026-12-31"}),
        ("E_VALUE", {"value": {}}),
        ("E_VALUE", {"value": {"rate_ppm": -1}}),
        ("E_VALUE", {"value": {"rate_ppm": True}}),
        ("E_VALUE", {"value": {"rate_ppm": "15000"}}),
        ("E_VALUE", {"value": {"rate_ppm": 1, "more": 1}}),
        ("E_VALUE", {"name": TENOR, "value": {"warn_days": 1}}),
        ("E_VALUE", {"name": "regime:EC", "value": {"law": "", "clause": digest("c")}}),
        ("E_VALUE", {"name": "regime:EC", "value": {"law": "x", "clause": "c"}}),
        ("E_TEXT", {"source": ""}),
        ("E_DIGEST", {"document": "none"}),
    ],
)
def test_a_draft_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    args = {
        "name": RATE, "value": {"rate_ppm": 1}, "since": "2027-01-01", "source": "s",
        "document": digest("d"),
    }  # fmt: skip
    world.refused(code, "pbc", "rulebook.draft", **{**args, **changes})


def test_a_name_without_a_rule_says_so(world: World) -> None:
    world.refused("E_NO_RULE", "nobody", "rulebook.at", name="regime:EC", day=day("2026-11-16"))
    world.refused("E_NO_RULE", "nobody", "rulebook.at", name="calendar:CN", day=day("2026-11-16"))
    world.refused("E_NO_RULE", "nobody", "rulebook.at", name=RATE, day=day("2019-01-01"))
    world.refused("E_CODE", "nobody", "rulebook.at", name="x", day=1)
    value = {"law": "CN-Civil-Code-761..769", "clause": digest("c")}
    issue(world, name="regime:EC", value=value)
    found = world.ok("nobody", "rulebook.at", name="regime:EC", day=day("2027-01-01"))
    assert found == {**value, "rule": "regime:EC/1"}


# ---- calendars -----------------------------------------------------------------------------------

MAINLAND = {
    "days_off": [
        "2027-01-01",
        "2027-02-08",
        "2027-02-09",
        "2027-02-10",
        "2027-02-11",
        "2027-02-12",
    ],
    "worked": ["2027-02-06", "2027-02-20"],
}


def count(world: World, place: str, date: str, days: int) -> str:
    found = world.ok("nobody", "rulebook.add_business_days", place=place, day=day(date), count=days)
    return calendar.date_text(int(found))


def test_an_issued_calendar_wins_for_its_days_and_the_bundled_one_holds_before_and_after(
    world: World,
) -> None:
    assert count(world, "CN", "2026-12-31", 1) == "2027-01-04"
    assert count(world, "CN", "2027-02-05", 1) == "2027-02-09"  # bundled: the statutory days only
    draft_of_year = {
        "name": "calendar:CN", "value": MAINLAND, "since": "2027-01-01", "until": "2027-12-31"
    }  # fmt: skip
    issue(world, **draft_of_year)
    assert count(world, "CN", "2027-02-05", 1) == "2027-02-06"  # a Saturday worked
    assert count(world, "CN", "2027-02-06", 1) == "2027-02-15"
    assert count(world, "CN", "2027-02-15", -1) == "2027-02-06"
    assert count(world, "CN", "2026-12-31", 1) == "2027-01-04"
    assert count(world, "HK", "2026-12-24", 1) == "2026-12-28"
    moved = world.ok("nobody", "rulebook.following", place="CN", day=day("2027-02-07"))
    assert calendar.date_text(moved) == "2027-02-15"
    listed = world.ok("nobody", "rulebook.business_days", place="CN", since="2027-02-05", count=2)
    assert listed == ["2027-02-06", "2027-02-15"]
    # a further day off, announced within the year, from tomorrow on
    world.now_ms = at("2027-06-01")
    extra = {"days_off": ["2027-09-03"], "worked": []}
    issue(world, name="calendar:CN", value=extra, since="2027-06-02", until="2027-12-31")
    assert count(world, "CN", "2027-09-02", 1) == "2027-09-06"
    assert count(world, "CN", "2027-02-05", 1) == "2027-02-06"


@pytest.mark.parametrize(
    "value",
    [
        {"days_off": ["2028-01-01"], "worked": []},
        {"days_off": ["2027-01-01", "2027-01-01"], "worked": []},
        {"days_off": ["2027-01-02"], "worked": ["2027-01-02"]},
        {"days_off": [], "worked": ["2027-01-04"]},
        {"days_off": [calendar.date_text(day("2027-03-01") + n) for n in range(19)], "worked": []},
    ],
)
def test_a_calendar_that_cannot_be_is_refused(world: World, value: dict[str, Any]) -> None:
    args = {"source": "s", "document": digest("d"), "since": "2027-01-01", "until": "2027-12-31"}
    world.refused("E_CALENDAR", "pbc", "rulebook.draft", name="calendar:CN", value=value, **args)


def test_a_calendar_has_an_end_and_a_place(world: World) -> None:
    args = {"value": MAINLAND, "source": "s", "document": digest("d"), "since": "2027-01-01"}
    for until in ("", "2028-01-02"):
        world.refused(
            "E_CALENDAR", "pbc", "rulebook.draft", name="calendar:CN", until=until, **args
        )  # fmt: skip
    for place, days, code in (("XX", 1, "E_CODE"), ("CN", 401, "E_DATE"), ("CN", -401, "E_DATE")):
        world.refused(
            code, "nobody", "rulebook.add_business_days", place=place, day=day("2027-01-01"),
            count=days,
        )  # fmt: skip


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Rule modules as a contract imports them."""
    monkeypatch.syspath_prepend(str(CONTRACTS))
    return lambda name: importlib.import_module(f"rules.{name}")


@pytest.mark.parametrize("place", ["CN", "HK"])
@pytest.mark.parametrize("start", ["2026-09-20", "2026-12-30", "2027-04-30"])
def test_without_an_issued_calendar_the_rulebook_counts_as_the_bundled_one(
    world: World, place: str, start: str, plain: Any
) -> None:
    bundled = plain("banking_days")
    for days in (0, 1, 5, 15):
        expected = bundled.add_banking_days(day(start), days, place)
        assert count(world, place, start, days) == calendar.date_text(expected)
    opened = world.ok("nobody", "rulebook.is_business_day", place=place, day=day(start))
    assert opened is bundled.is_banking_day(day(start), place)
    back = bundled.add_banking_days(day(start), -3, place)
    assert count(world, place, start, -3) == calendar.date_text(back)


def test_asking_a_rule_and_counting_days_cost_little(world: World) -> None:
    issue(world, name="calendar:CN", value=MAINLAND, since="2027-01-01", until="2027-12-31")
    issue(world)
    count(world, "CN", "2026-12-28", 15)
    rate_on(world, "2027-01-02")
    assert world.gas["rulebook.at"] < 10_000
    assert world.gas["rulebook.add_business_days"] < 25_000
    assert world.gas["rulebook.draft"] < 200_000


def test_the_catalogue_keeps_its_own_schema(plain: Any) -> None:
    catalogue = plain("rulebook_catalogue")
    for row in catalogue.RULES:
        for since, _ in row[3]:
            assert catalogue.wrong_field(row, catalogue.default_on(row, day(since))) == "", row[0]


class Histories(RuleBasedStateMachine):
    """Whatever is issued whenever: what held on a day that has begun never changes."""

    opened: World

    @initialize()
    def begin(self) -> None:
        self.world = fresh(self.opened)
        self.seen: dict[int, Any] = {}

    @rule(
        rate=st.integers(0, 1_000_000), ahead=st.integers(-1, 20), length=st.integers(-1, 20),
        signed_after=st.integers(0, 5),
    )  # fmt: skip
    def issue(self, rate: int, ahead: int, length: int, signed_after: int) -> None:
        first = calendar.day_at(self.world.now_ms) + ahead
        until = "" if length < 0 else calendar.date_text(first + length)
        args = {
            "name": RATE, "value": {"rate_ppm": rate}, "since": calendar.date_text(first),
            "until": until, "source": "s", "document": digest("d"),
        }  # fmt: skip
        drawn = self.world.run("pbc", "rulebook.draft", **args)
        assert (drawn.code == "") is (ahead > 0), drawn.code
        if ahead <= 0:
            assert drawn.code == "E_BACKDATED"
            return
        id = self.world.ok("pbc", "rulebook.draft", **args)
        self.wait(signed_after)
        if signed_after < ahead:
            self.world.ok("pbc-second", "rulebook.sign", id=id)
        else:
            self.world.refused("E_BACKDATED", "pbc-second", "rulebook.sign", id=id)
            self.world.ok("pbc", "rulebook.withdraw", id=id)

    @rule(days=st.integers(1, 10))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 86_400_000
        self.look()

    @invariant()
    def look(self) -> None:
        if not hasattr(self, "world"):
            return
        today = calendar.day_at(self.world.now_ms)
        self.seen.setdefault(today, self.world.ok("pbc", "rulebook.at", name=RATE, day=today))
        for past, expected in list(self.seen.items())[-5:]:
            assert self.world.ok("pbc", "rulebook.at", name=RATE, day=past) == expected


def test_no_history_changes_a_day_that_has_begun() -> None:
    Histories.opened = open_world()
    machine = settings(max_examples=12, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)


def test_a_later_tenor_cap_holds_for_credentials_signed_from_its_day_on(world: World) -> None:
    value = {"warn_days": 60, "hard_days": 100}
    issue(world, name=TENOR, value=value, since="2026-12-01")
    world.issue()  # 178 days, signed on 2026-11-23
    world.ok("lg", "invoice_registry.lodge", document=digest("more"), kind="invoice", buyer="PX",
             amount_fen=1_000, currency="CNY", issued_on="2026-11-16")  # fmt: skip
    world.now_ms = at("2026-12-01")
    terms = {"face_fen": 100, "invoices": [digest("more")]}
    ec_id = world.draft(**terms)
    world.refused("E_TENOR_HARD", "px-checker", "receivable.sign", ec_id=ec_id)
    ec_id = world.draft(**terms, due_date="2027-03-01")
    assert world.ok("px-checker", "receivable.sign", ec_id=ec_id) == ["E_TENOR_WARN"]
