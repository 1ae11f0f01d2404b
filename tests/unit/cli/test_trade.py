"""`city receivable`, `finance`, … and `city audit` over the real contracts, without a network."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from contracts.bundles import SUITE, load_bundle
from node.audit.journal import journal_of
from node.audit.recount import breaks_between, recount
from node.cli import audit, trade_group
from node.cli.main import app
from node.cli.trade import GROUPS, Group
from tests.unit.cli.world_net import WorldNet, schema_of
from tests.unit.suite.test_reversal import give_back
from tests.unit.suite.test_story import finance_invoice
from tests.unit.suite.world import EC, World, at, digest

RUNNER = CliRunner()
City = Callable[..., Any]


@pytest.fixture
def city(world: World, monkeypatch: pytest.MonkeyPatch) -> City:
    return commands_over(world, monkeypatch)


def commands_over(world: World, monkeypatch: pytest.MonkeyPatch) -> City:
    """Runs a command as a user of the world; its text, or its JSON."""

    def run(who: str, *words: str, status: int = 0, text: bool = False) -> Any:
        for module in (trade_group, audit):
            monkeypatch.setattr(module, "open_network", lambda: WorldNet(world, who))
        extra = [] if text else ["-o", "json"]
        result = RUNNER.invoke(app, [*words, *extra], env={"COLUMNS": "160"})
        assert result.exit_code == status, (words, result.output, result.exception)
        told = result.stdout.splitlines()
        return result.output if text or not told else json.loads(told[-1])

    return run


# ---- groups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [g for g in GROUPS if set(g.contracts) & set(SUITE)],
                         ids=lambda group: group.name)  # fmt: skip
def test_every_command_of_a_group_is_a_method_of_its_contract(group: Group) -> None:
    for view in group.shows:
        contract, method = view.target.split(".")
        known = schema_of(contract).method(method)
        assert known is not None, view
        names = [one.name for one in known.parameters]
        assert [word.removesuffix("=") for word in view.words] == names[: len(view.words)], view
    for name, (contract, method, text) in trade_group.calls_of(group).items():
        assert schema_of(contract).method(method) is not None, (name, contract)
        assert text and load_bundle(contract)
    made = trade_group.commands_of(group)
    assert {"next", "journal"} <= set(made)
    helped = RUNNER.invoke(app, [group.name, "--help"], env={"COLUMNS": "200"})
    assert helped.exit_code == 0 and all(name in helped.output for name in made)


def test_a_leaf_is_split_and_moved_from_the_command_line_and_the_tree_adds_up(
    world: World, city: City
) -> None:
    world.issue()
    done = city("lg", "receivable", "split", EC, "400000000,200000000")
    assert done["value"] == [f"{EC}/1", f"{EC}/2"]
    city("lg", "receivable", "offer-transfer", f"{EC}/2", "HL", digest("plastics"))
    city("hl", "receivable", "accept-transfer", f"{EC}/2")
    city("hl", "receivable", "split", f"{EC}/2", "amounts:=[150000000,50000000]")
    drawn = city("pbc", "receivable", "tree", EC, text=True)
    amounts = [int(text.replace(",", "")) for text in re.findall(r"([\d,]+) fen", drawn)]
    assert amounts == [600_000_000, 400_000_000, 200_000_000, 150_000_000, 50_000_000]
    own = city("hl", "receivable", "tree", EC, text=True)
    assert "400,000,000 fen  the rest: parts of others" in own and "LG  ACTIVE" not in own
    assert "no piece of it is yours" in city("xy", "receivable", "tree", EC, text=True)


def test_pieces_are_listed_by_holder_and_state_page_by_page(world: World, city: City) -> None:
    world.issue()
    city("lg", "receivable", "split", EC, "1,2,3,4,599999990")
    first = city("lg", "receivable", "list", "--limit", "2")
    second = city("lg", "receivable", "list", "--limit", "2", "--page", "2")
    assert [row["leaf_id"][-1] for row in first + second] == ["1", "2", "3", "4"]
    after = ["--after", second[-1]["leaf_id"]]
    assert len(city("lg", "receivable", "list", "--limit", "2", *after)) == 1
    held = city("pbc", "receivable", "list", "--holder", "LG", "--state", "SPLIT")
    assert [row["leaf_id"] for row in held] == [EC]
    refused = city("hl", "receivable", "list", "--holder", "LG", status=4)
    assert "E_NOT_PARTY" in str(refused)
    shown = city("lg", "receivable", "list", text=True)
    assert "599,999,990" in shown and "amount fen" in shown


def test_next_names_the_commands_that_the_table_allows(world: World, city: City) -> None:
    world.issue()
    steps = {row["call"] for row in city("lg", "receivable", "next", EC)}
    assert {"split", "remedy.raise_dispute", "close"} <= steps and "record_payment" not in steps
    shown = city("lg", "receivable", "next", EC, text=True)
    assert "city receivable raise-dispute" in shown


def test_a_journal_of_a_record_tells_its_life_in_order(world: World, city: City) -> None:
    world.issue()
    city("lg", "receivable", "split", EC, "400000000,200000000")
    told = [row["event"] for row in city("lg", "receivable", "journal", EC)]
    assert told == ["EC.Drafted", "EC.Offered", "EC.Accepted", "EC.Split"]


def test_a_wrong_number_of_values_is_refused_before_anything_is_sent(
    world: World, city: City
) -> None:
    world.issue()
    for words in (("split", EC, "1,2", "1", "9"), ("split", EC, "a,b")):
        before = dict(world.state)
        city("lg", "receivable", *words, status=2)
        assert world.state == before
    assert city("lg", "receivable", "split", EC, "1,599999999", "--dry-run")["outcome"] == "ok"


# ---- auditors ------------------------------------------------------------------------------------


@pytest.fixture
def settled(paying_world: World) -> World:
    """An advance paid out and partly repaid, a leaf sold, reduced by a dispute and paid, another in parts."""
    world = paying_world
    request_id, terms = finance_invoice(world)
    proof = world.pay("QB", "PX", terms["payout_fen"], terms["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    due = world.ok("px-maker", "financing.prepare_repayment", request_id=request_id,
                   amount_fen=400_000_000, salt=bytes(16))  # fmt: skip
    proof = world.pay("PX", "QB", due["amount_fen"], due["reference"])
    world.ok("nobody", "financing.repay", request_id=request_id, proof=proof)
    world.issue()
    leaf = world.to_tier_three()
    sale, terms = world.to_cleared()
    proof = world.pay("QB", "XY", terms["payout_fen"], terms["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=sale, proof=proof)
    world.ok("px-maker", "remedy.raise_dispute", leaf_id=leaf, grounds="goods",
             evidence=digest("e"))  # fmt: skip
    world.ok("arbiter", "remedy.resolve", leaf_id=leaf, outcome="reduce", owed_fen=45_000_000,
             decision=digest("d"))  # fmt: skip
    world.now_ms = at("2027-05-20")
    for piece, part in ((leaf, 0), (f"{EC}/1", 150_000_000)):
        world.ok("nobody", "receivable.due", leaf_id=piece)
        due = world.ok("px-maker", "receivable.prepare_payment", leaf_id=piece, salt=bytes(16),
                       amount_fen=part)  # fmt: skip
        proof = world.pay("PX", due["payee"], due["amount_fen"], due["reference"])
        world.ok("nobody", "receivable.record_payment", leaf_id=piece, proof=proof)
    back = give_back(world, "LG", world.paid, "PX", 1_000_000)
    world.ok("nobody", "receivable.on_reverse", leaf_id=f"{EC}/1", instalment=1, proof=back)
    return world


def test_the_journal_agrees_with_a_recount_to_the_fen(
    settled: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    city = commands_over(settled, monkeypatch)
    rows = {row["account"]: row for row in city("pbc", "audit", "recount")}
    assert all(row["ledger_fen"] == row["journal_fen"] for row in rows.values())
    assert {name: row["ledger_fen"] for name, row in rows.items() if "money" not in name} == {
        "advance/QB": 560_000_000, "borrowed/PX": -560_000_000, "claim/HL": 150_000_000,
        "claim/LG": 251_000_000, "debt/PX": -401_000_000,
        "paid": rows["paid"]["ledger_fen"],
    }  # fmt: skip
    assert rows["money/LG"]["ledger_fen"] == 149_000_000
    assert city("pbc", "audit", "breaks") == []
    assert "no breaks" in city("pbc", "audit", "breaks", text=True)
    file = tmp_path / "journal.csv"
    city("pbc", "audit", "journal", "--account", "debt/PX", "--csv", str(file), text=True)
    with file.open(encoding="utf-8") as found:
        entries = list(csv.DictReader(found))
    owed = sum(int(e["amount_fen"]) * (1 if e["credit"] == "debt/PX" else -1) for e in entries)
    assert owed == 401_000_000
    every = city("pbc", "audit", "journal")
    assert [row["id"] for row in every] == [row["id"] for row in sorted(every, key=place)]


def place(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(part) for part in row["id"].split("/"))


def ask(world: World) -> Callable[..., Any]:
    net = WorldNet(world, "pbc")
    return lambda contract, view, args: net.query(contract, view, args).value


@pytest.mark.parametrize(
    ("record", "key", "fields", "kind"),
    [
        ("piece", f"{EC}/2/2", {"holder": "XY"}, "LEAF"),
        ("piece", f"{EC}/2/2", {"amount_fen": 150_000_001}, "LEAVES_SUM"),
        ("piece", f"{EC}/2/2", {"paid_fen": 1}, "PAID_SUM"),
        ("credential", EC, {"paid_fen": 1}, "CREDIT_LINE"),
    ],
)
def test_a_ledger_that_was_tampered_with_is_found(
    world: World, record: str, key: str, fields: dict[str, Any], kind: str
) -> None:
    world.issue()
    world.to_tier_three()
    events = WorldNet(world, "pbc").past_events()
    assert breaks_between(journal_of(events), recount(ask(world))) == []
    world.force("receivable", record, key, **fields)
    found = {each.kind for each in breaks_between(journal_of(events), recount(ask(world)))}
    assert kind in found


@pytest.mark.parametrize(
    ("dropped", "kind"),
    [
        ("EC.Transferred", "LEAF"),
        ("EC.Split", "UNKNOWN_LEAF"),
        ("Dcep.PaymentVerified", "PAID_WITHOUT_PAYMENT"),
        ("EC.Accepted", "UNKNOWN_LEAF"),
        ("Fin.PartRepaid", "BALANCE"),
    ],
)
def test_an_event_that_is_missing_is_a_break(settled: World, dropped: str, kind: str) -> None:
    events = [e for e in WorldNet(settled, "pbc").past_events() if e.name != dropped]
    found = breaks_between(journal_of(events), recount(ask(settled)))
    assert kind in {each.kind for each in found}


def test_breaks_have_an_exit_status_of_their_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.issue()
    world.force("receivable", "piece", EC, holder="HL")
    city = commands_over(world, monkeypatch)
    found = city("pbc", "audit", "breaks", status=audit.BREAKS_FOUND)
    assert {row["kind"] for row in found} == {"BALANCE", "LEAF"}


def test_the_groups_are_made_only_when_asked_for() -> None:
    assert all(isinstance(made, typer.Typer) for made in trade_group.trade_apps().values())


def test_an_authority_opens_a_screen_against_its_receipt(world: World, city: City) -> None:
    world.issue()
    city("pbc", "regulator", "open-view", "screen=stock", f"purpose={digest('file note')}")
    assert city("pbc", "regulator", "stock", "PBC-SZ/1")["total_fen"] == 600_000_000
    assert city("pbc", "regulator", "stock", "PBC-SZ/1", "--after", EC)["leaves"] == 0
    assert city("lg", "regulator", "looks", "LG") == {"PBC-SZ": 1}
