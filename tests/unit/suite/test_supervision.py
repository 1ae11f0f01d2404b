"""The regulators' screens: counted anew, adding up to the whole, and never without a receipt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.rules.calendar import date_text, parse_date
from contracts.runtime import keys, values
from node.cli import regulator
from node.cli.main import app
from tests.unit.cli.world_net import WorldNet
from tests.unit.suite.customs import DECLARATION, TA, Customs, declare, opened_account
from tests.unit.suite.world import EC, World, at, digest

WHY = digest("file note")


def see(world: World, screen: str, who: str = "pbc", view: str = "", **args: Any) -> dict[str, Any]:
    """Leave a receipt, then look."""
    subject = str(args.get("party", "*"))
    receipt = world.ok(who, "regulator.open_view", screen=screen, purpose=WHY, subject=subject)
    return dict(world.ok(who, f"supervision.{view or screen}", receipt=receipt, **args))


@pytest.fixture
def stocked(paying_world: World) -> World:
    """The story's step 11: 400 M at LG, 150 M at HL, and XY's 50 M sold to QB."""
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id, terms = world.to_cleared()
    proof = world.pay("QB", "XY", terms["payout_fen"], terms["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    return world


def test_the_stock_is_counted_by_debtor_tier_and_tenor_and_adds_up(stocked: World) -> None:
    found = see(stocked, "stock")
    assert found["total_fen"] == 600_000_000 and found["leaves"] == 3 and found["next"] == ""
    assert found["by_debtor"] == {"PX": 600_000_000}
    assert found["by_tier"] == {"1": 400_000_000, "2": 150_000_000, "3": 50_000_000}
    assert found["by_tenor"] == {"to 6 months": 600_000_000}
    listed = see(stocked, "stock", view="export_stock")
    assert sum(row[3] for row in listed["rows"]) == found["total_fen"]
    assert [row[2] for row in listed["rows"]] == ["LG", "QB", "HL"]
    stocked.now_ms = at("2027-05-20")
    stocked.ok("nobody", "receivable.due", leaf_id=f"{EC}/1")
    wanted = stocked.ok("px-maker", "receivable.prepare_payment", leaf_id=f"{EC}/1", salt=bytes(16))
    proof = stocked.pay("PX", "LG", 400_000_000, wanted["reference"])
    stocked.ok("nobody", "receivable.record_payment", leaf_id=f"{EC}/1", proof=proof)
    assert see(stocked, "stock")["total_fen"] == 200_000_000


def test_tier_three_pays_the_rate_of_its_quote_like_tier_one(stocked: World) -> None:
    found = see(stocked, "rates")
    assert found["rate_ppm"] == {"3": 30_500} and found["principal_fen"] == {"3": 50_000_000}


def test_cities_and_regions_add_up_to_the_whole(stocked: World) -> None:
    cities = {"PX": "SZ", "LG": "BJ", "HL": "SH"}
    ec = values.decode(stocked.state[keys.state_key("receivable", "credential", EC)])
    for number, issuer in enumerate(("LG", "HL"), start=2):
        ec_id = f"EC-2026-SZ-{number:06d}"
        leaf = values.decode(stocked.state[keys.state_key("receivable", "piece", f"{EC}/2/2")])
        for table, key, record, changes in (
            ("credential", ec_id, ec, {"ec_id": ec_id, "issuer": issuer}),
            ("piece", ec_id, leaf, {"leaf_id": ec_id, "ec_id": ec_id, "amount_fen": number}),
        ):
            at_key = keys.state_key("receivable", table, key)
            made = values.Record(record.name, {**record.fields, **changes})
            stocked.state[at_key] = values.encode(made)
        stocked.force("party", "party", issuer, city=cities[issuer])
    found = see(stocked, "regions", who="safe")
    assert found["by_city"] == {"SZ": 600_000_000, "BJ": 2, "SH": 3}
    assert found["by_region"] == {
        "Pearl delta": 600_000_000, "Jing-Jin-Ji": 2, "Yangtze delta": 3,
    }  # fmt: skip
    assert sum(found["by_city"].values()) == sum(found["by_region"].values()) == found["total_fen"]
    shares = see(stocked, "exposure")
    assert [one["obligor"] for one in shares["obligors"]] == ["PX", "HL", "LG"]
    assert sum(one["share_bps"] for one in shares["obligors"]) == 10_000
    assert shares["concentration"] == 10_000


def test_breaches_of_six_months_and_a_year_are_listed_by_the_rule_of_their_day(
    world: World,
) -> None:
    world.now_ms = at("2026-11-23")
    ids = []
    for face, due in ((100, "2027-05-20"), (200, "2027-06-11")):
        ids.append(world.draft(face_fen=face, due_date=due))
        world.ok("px-checker", "receivable.sign", ec_id=ids[-1])
        world.ok("lg", "receivable.accept", ec_id=ids[-1])
    (only,) = see(world, "breaches")["breaches"]
    assert (only["ec_id"], only["tenor_days"], only["hard"]) == (ids[1], 200, False)
    world.force("receivable", "credential", ids[0], due_date="2028-11-23")
    assert [one["hard"] for one in see(world, "breaches")["breaches"]] == [True, False]


def test_large_books_are_counted_in_pages_that_add_up(world: World) -> None:
    world.issue()
    ec = values.decode(world.state[keys.state_key("receivable", "credential", EC)])
    leaf = values.decode(world.state[keys.state_key("receivable", "piece", EC)])
    for number in range(2, 452):
        ec_id = f"EC-2026-SZ-{number:06d}"
        for table, record, changes in (
            ("credential", ec, {"ec_id": ec_id}),
            ("piece", leaf, {"leaf_id": ec_id, "ec_id": ec_id, "amount_fen": number}),
        ):
            made = values.Record(record.name, {**record.fields, **changes})
            world.state[keys.state_key("receivable", table, ec_id)] = values.encode(made)
    first = see(world, "stock")
    assert first["next"] == "EC-2026-SZ-000400" and first["leaves"] == 400
    second = see(world, "stock", after=first["next"])
    assert second["next"] == "" and second["leaves"] == 51
    whole = 600_000_000 + sum(range(2, 452))
    assert first["total_fen"] + second["total_fen"] == whole
    assert world.gas["supervision.stock"] < 20_000_000


def test_an_empty_book_is_an_empty_screen(world: World) -> None:
    assert see(world, "exposure") == {
        "total_fen": 0, "obligors": [], "concentration": 0, "next": "",
    }  # fmt: skip
    assert see(world, "pools")["pools"] == [] and see(world, "rates")["rate_ppm"] == {}
    assert see(world, "credits", who="hkma")["exposure_fen"] == {}


def test_one_party_is_looked_at_under_a_receipt_that_names_it(stocked: World) -> None:
    found = see(stocked, "case", party="HL")
    assert [leaf["leaf_id"] for leaf in found["holds"]] == [f"{EC}/2/2"]
    assert stocked.ok("hl", "regulator.looks", subject="HL") == {"PBC-SZ": 1}
    receipt = stocked.ok("pbc", "regulator.open_view", screen="case", purpose=WHY, subject="HL")
    stocked.refused("E_NO_RECEIPT", "pbc", "supervision.case", receipt=receipt, party="XY")


@pytest.mark.parametrize(
    "screen",
    [
        "stock",
        "export_stock",
        "exposure",
        "regions",
        "breaches",
        "rates",
        "pools",
        "credits",
        "matching",
        "forms",
    ],
)
def test_no_screen_opens_without_its_own_receipt(world: World, screen: str) -> None:
    other = world.ok("pbc", "regulator.open_view", screen="alerts", purpose=WHY)
    for who, receipt in (("pbc", ""), ("pbc", other), ("qb-ops", other), ("hkma", other)):
        world.refused("E_NO_RECEIPT", who, f"supervision.{screen}", receipt=receipt)


def test_lists_that_screens_rest_on_are_for_regulators(world: World) -> None:
    for target in ("rediscount.list_pools", "credit.list_credits"):
        world.refused("E_NOT_PARTY", "qb-ops", target)


def test_the_exposure_of_issuing_banks_is_what_they_may_still_pay(world: World) -> None:
    world.now_ms = at("2026-12-11")
    world.ok(
        "px-maker", "credit.apply", id="LC-1", issuing="FB", beneficiary="LG", amount_fen=800,
        expiry="2027-01-31", latest_shipment="2027-01-05", advising="QB", terms=WHY,
    )  # fmt: skip
    assert see(world, "credits", who="hkma")["exposure_fen"] == {}
    world.force("credit", "credit", "LC-1", state="ISSUED", tolerance_bps=500)
    assert see(world, "credits", who="hkma")["exposure_fen"] == {"FB": 840}


def test_safe_sees_what_was_declared_against_what_came_and_what_is_overdue(world: World) -> None:
    world.now_ms = at("2026-11-17")
    fields = Customs(world).clear(DECLARATION)
    opened_account(world)
    declare(world, DECLARATION, fields)
    found = see(world, "matching", who="safe")
    account = world.ok("safe", "trade_account.get", id=TA)
    assert found["accounts"] == 1 and found["declared_fen"] == account["declared_fen"] > 0
    assert (found["received_fen"], found["matched_fen"]) == (0, 0)
    assert found["money_missing_fen"] == account["declared_fen"]
    assert found["overdue"] == [] and found["by_state"] == {account["state"]: 1}
    last = parse_date(account["expected_date"]) + 90
    world.now_ms = at(date_text(last))
    assert see(world, "matching", who="safe")["overdue"] == []
    world.now_ms = at(date_text(last + 1))
    (late,) = see(world, "matching", who="safe")["overdue"]
    missing = account["expected_fen"]
    assert (late["id"], late["days"], late["missing_fen"]) == (TA, 1, missing)
    world.now_ms = at(date_text(last + 91))
    assert see(world, "matching", who="safe")["overdue_fen"] == {"to 180 days": missing}
    half = account["declared_fen"] // 2
    world.force("trade_account", "account", TA, received_fen=half)
    found = see(world, "matching", who="safe")
    assert found["matched_fen"] == half
    assert found["money_missing_fen"] == account["declared_fen"] - half
    world.force("trade_account", "account", TA, extended_to=date_text(last + 200))
    assert see(world, "matching", who="safe")["overdue"] == []
    world.refused("E_AUTHORITY", "hkma", "regulator.open_view", screen="matching", purpose=WHY)


def test_each_screen_is_one_command_that_prints_its_receipt(
    stocked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(who: str, *words: str, status: int = 0) -> Any:
        monkeypatch.setattr(regulator, "open_network", lambda: WorldNet(stocked, who))
        words = ("regulator", "look", *words, "--purpose", "month end", "-o", "json")
        result = CliRunner().invoke(app, words)
        assert result.exit_code == status, (words, result.output, result.exception)
        return json.loads(result.stdout.splitlines()[-1]) if status == 0 else result.output

    done = look("pbc", "stock")
    assert done["receipt"]["id"] == "PBC-SZ/1" and done["shown"]["total_fen"] == 600_000_000
    assert stocked.events == ["Reg.Viewed"]
    for screen in ("exposure", "regions", "breaches", "rates", "pools"):
        assert look("pbc", screen)["receipt"]["id"].startswith("PBC-SZ/")
    assert look("hkma", "credits")["shown"]["exposure_fen"] == {}
    assert look("safe", "matching")["shown"]["accounts"] == 0
    assert look("safe", "forms")["shown"]["totals"] == []
    assert look("pbc", "case", "--subject", "HL")["shown"]["party"]["party_id"] == "HL"
    assert stocked.ok("hl", "regulator.looks", subject="HL") == {"PBC-SZ": 7, "HKMA": 1, "SAFE": 2}
    assert "E_AUTHORITY" in look("safe", "stock", status=4)
    for words in (("poem",), ("case",), ("stock", "--subject", "HL")):
        look("pbc", *words, status=2)


PLAIN = (
    ("receivable.get_piece", {"leaf_id": f"{EC}/2/2"}),
    ("receivable.tree", {"ec_id": EC}),
    ("receivable.list_pieces", {"holder": "HL"}),
    ("credit.get", {"id": "LC-1"}),
)
LISTS = ("receivable.list_pieces", "receivable.list_credentials", "financing.list_financings",
         "credit.list_credits", "rediscount.list_pools")  # fmt: skip


def test_where_the_rule_asks_for_it_no_authority_reads_a_record_without_a_receipt(
    stocked: World,
) -> None:
    """The rule holds from its first day on; whoever has a screen's receipt counts as before."""
    world = stocked
    world.ok(
        "px-maker", "credit.apply", id="LC-1", issuing="FB", beneficiary="HL", amount_fen=800,
        expiry="2027-01-31", latest_shipment="2027-01-05", advising="QB", terms=WHY,
    )  # fmt: skip
    for target, args in PLAIN:
        world.ok("pbc", target, **args)
    rule = {"name": "access:receipts", "value": {"required": 1}, "since": "2026-12-10",
            "source": "decision 9", "document": WHY}  # fmt: skip
    world.ok("pbc-second", "rulebook.sign", id=world.ok("pbc", "rulebook.draft", **rule))
    world.now_ms = at("2026-12-10")
    for target, args in PLAIN:
        world.refused("E_NO_RECEIPT", "pbc", target, **args)
    for target in LISTS:
        world.refused("E_NO_RECEIPT", "pbc", target)
    receipt = world.ok("pbc", "regulator.open_view", screen="case", purpose=WHY, subject="HL")
    for target, args in PLAIN:
        world.ok("pbc", target, **args)
        world.refused("E_NO_RECEIPT", "safe", target, **args)
    world.refused("E_NO_RECEIPT", "pbc", "receivable.get_piece", leaf_id=f"{EC}/2/1")
    world.refused("E_NO_RECEIPT", "pbc", "receivable.list_pieces", holder="LG")
    assert world.ok("pbc", "supervision.case", receipt=receipt, party="HL")["holds"]
    assert see(world, "stock")["total_fen"] == 600_000_000
    assert world.ok("hl", "receivable.get_piece", leaf_id=f"{EC}/2/2")["holder"] == "HL"
    assert world.ok("hl", "regulator.looks", subject="HL") == {"PBC-SZ": 2}
    world.now_ms += 3_600_001
    world.refused("E_NO_RECEIPT", "pbc", "receivable.get_piece", leaf_id=f"{EC}/2/2")
