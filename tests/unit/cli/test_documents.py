"""`city invoice` and `city credit`: files are read without a network; what is lodged reaches real contracts."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import pytest
from typer.testing import CliRunner

import node.cli.credit
import node.cli.invoice
from node.cli.main import app
from tests.unit.suite.conftest import fresh, opened  # noqa: F401
from tests.unit.suite.world import World, digest

ROOT = Path(__file__).parents[3]
INVOICES, REFUSED = ROOT / "deploy" / "demo" / "invoices", ROOT / "deploy" / "demo" / "refused"
CASE = ROOT / "tests" / "unit" / "documents" / "presentation.json"
RUNNER = CliRunner()


class Connected:
    """The two calls that these commands make, answered by the contracts of a world."""

    def __init__(self, world: World, who: str) -> None:
        self.world, self.who = world, who

    def __enter__(self) -> Connected:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        return None

    def query(self, contract: str, method: str, args: dict[str, Any]) -> SimpleNamespace:
        return SimpleNamespace(value=self.world.ok(self.who, f"{contract}.{method}", **args))

    def call(self, contract: str, method: str, args: dict[str, Any]) -> SimpleNamespace:
        value = self.world.ok(self.who, f"{contract}.{method}", **args)
        return SimpleNamespace(value=value, tx_id="00" * 32)


@pytest.fixture
def world(opened: World) -> World:  # noqa: F811
    return fresh(opened)


def connect(monkeypatch: pytest.MonkeyPatch, world: World, who: str) -> None:
    for module in (node.cli.invoice, node.cli.credit):
        monkeypatch.setattr(module, "open_network", lambda: Connected(world, who))


def run(*words: str | Path) -> Any:
    return RUNNER.invoke(app, [str(word) for word in words])


def test_a_folder_of_invoices_is_checked_line_by_line(tmp_path: Path) -> None:
    good = run("invoice", "check", INVOICES, "-o", "json")
    assert good.exit_code == 0
    rows = json.loads(good.stdout)
    assert {row["result"] for row in rows} == {"ok"} and len(rows) == 5
    assert rows[0]["number"] == "26442000000123456789" and rows[0]["gross"] == 1_200_000_000
    bad = run("invoice", "check", REFUSED, "-o", "json")
    assert bad.exit_code == 1
    assert [row["result"].split()[0] for row in json.loads(bad.stdout)] == [
        "CITY-1101", "CITY-1106", "CITY-1107",
    ]  # fmt: skip
    assert run("invoice", "check", REFUSED / "totals-disagree.xml").exit_code not in (0, 70)
    assert "CITY-1106" in run("invoice", "check", REFUSED).output
    assert run("invoice", "check", tmp_path).exit_code not in (0, 70)


def test_an_invoice_is_lodged_under_its_digest_by_its_seller_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, world, "px-maker")
    file = INVOICES / "1-export.xml"
    done = run("invoice", "register", file, "--seller", "PX", "--buyer", "HB", "-o", "json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)["document"]
    args = {"document": document, "seller": "PX"}
    found = world.ok("pbc", "invoice_registry.get_document", **args)
    assert (found["buyer"], found["amount_fen"]) == ("HB", 1_200_000_000)
    for seller, buyer in (("LG", "HB"), ("PX", "LG")):
        wrong = run("invoice", "register", file, "--seller", seller, "--buyer", buyer)
        assert wrong.exit_code not in (0, 70)


def test_the_pre_check_names_the_description_conflict_of_the_story(tmp_path: Path) -> None:
    clean = run("credit", "precheck", CASE, "-o", "json")
    assert clean.exit_code == 0
    assert json.loads(clean.stdout)["findings"] == [] and json.loads(clean.stdout)["checks"] >= 40
    case = json.loads(CASE.read_text(encoding="utf-8"))
    case["documents"][1]["goods"] = "Smart watches, model X1 (HS 8517.13)"
    file = tmp_path / "presentation.json"
    file.write_text(json.dumps(case), encoding="utf-8")
    (finding,) = json.loads(run("credit", "precheck", file, "-o", "json").stdout)["findings"]
    assert finding["check"] == "invoice-goods" and "18(c)" in finding["article"]
    assert "description conflict" in finding["finding"]
    shown = run("credit", "precheck", file).output
    assert "description conflict" in shown and "Advice only" in shown
    file.write_text("{}", encoding="utf-8")
    assert run("credit", "precheck", file).exit_code not in (0, 70)


def test_every_check_is_listed_with_its_article() -> None:
    rows = json.loads(run("credit", "checks", "-o", "json").stdout)
    assert len(rows) >= 40 and all(row["article"] and row["what"] for row in rows)


def test_a_credit_is_shown_as_the_ledger_has_it_and_as_an_mt_700(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ok("px-maker", "credit.apply", id="LC-2026-HK-1", issuing="QB", beneficiary="LG",
             amount_fen=800_000_000, expiry="2027-01-31", latest_shipment="2027-01-05",
             terms=digest("MT 700"), advising="NB")  # fmt: skip
    connect(monkeypatch, world, "qb-ops")
    ledger = run("credit", "show", "LC-2026-HK-1", "-o", "json")
    assert json.loads(ledger.stdout)["state"] == "APPLIED"
    message = run("credit", "show", "LC-2026-HK-1", "--view", "mt700")
    assert ":32B:" in message.output and "CNY8000000,00" in message.output
    texts = run("credit", "show", "LC-2026-HK-1", "--view", "mt700", "--terms", CASE, "-o", "json")
    fields = {row["tag"]: row["value"] for row in json.loads(texts.stdout)}
    assert fields["44F"] == "HKHKG" and fields["59"] == "LG Co., Ltd"
