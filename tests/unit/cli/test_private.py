"""`city private` over the real contracts, without a network: from a draft to its payment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.cli import private, sealed, trade_group
from node.cli.main import app
from tests.unit.cli.world_net import WorldNet
from tests.unit.suite.world import World, at

RUNNER = CliRunner()
City = Callable[..., Any]
PR = "PR-000001"


@pytest.fixture
def city(paying_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> City:
    """Runs a command as a user; each member keeps its keys in a folder of its own."""
    world = paying_world

    def run(who: str, *words: str, group: str = "private", status: int = 0) -> Any:
        for module in (trade_group, sealed, private):
            monkeypatch.setattr(module, "open_network", lambda: WorldNet(world, who))
        env = {"COLUMNS": "160", "CITY_SEALING_KEYS": str(tmp_path / world.users[who][0])}
        result = RUNNER.invoke(app, [group, *words, "-o", "json"], env=env)
        assert result.exit_code == status, (words, result.output, result.exception)
        told = result.stdout.splitlines()
        return json.loads(told[-1]) if told and status == 0 else result.output

    world.now_ms = at("2026-11-23")
    for who in ("px-maker", "lg", "hl", "pbc"):
        run(who, "key", "new", group="sealed")
    run("pbc", "demand-copies", "HIDDEN-AMOUNTS", group="sealed")
    return run


def test_a_note_is_drawn_split_moved_and_paid_and_others_read_no_amount(
    city: City, paying_world: World
) -> None:
    world = paying_world
    draft = ("draft", "LG", "600000007", "2027-05-20", "--field", "purpose=moulds")
    assert city("px-maker", *draft, "--record", "PR-T-1")["id"] == PR
    city("px-checker", "sign", PR)
    assert city("lg", "accept", PR)["amount_fen"] == 600_000_007
    made = city("lg", "split", PR, "400000003", "200000004", "--record", "PR-P-1")
    assert [row["amount_fen"] for row in made] == [400_000_003, 200_000_004]
    city("lg", "offer", f"{PR}/2", "HL", "--record", "PR-O-1")
    assert city("hl", "open", f"{PR}/2")["amount_fen"] == 200_000_004
    assert city("hl", "accept-transfer", f"{PR}/2")["state"] == "ACTIVE"
    assert city("hl", "open", "PR-T-1", group="sealed")["purpose"] == "moulds"
    assert [row["id"] for row in city("hl", "list")] == [f"{PR}/2"]
    assert city("xy", "adds-up", PR) is True
    assert "E_NOT_PARTY" in city("xy", "open", f"{PR}/2", status=4)
    assert set(city("xy", "status", f"{PR}/2")) == {"id", "commitment", "state"}
    seen = city("pbc", "open", "PR-P-1", "--purpose", "review", group="sealed")
    assert {"400000003", "200000004"} <= set(seen.values())
    world.now_ms = at("2027-05-20")
    assert city("hl", "due", f"{PR}/2")["due_date"] == "2027-05-20"
    wanted = city("hl", "present", f"{PR}/2")
    assert (wanted["amount_fen"], wanted["payee"]) == (200_000_004, "HL")
    proof = world.pay("PX", "HL", wanted["amount_fen"], bytes.fromhex(wanted["reference"]))
    world.ok("nobody", "private_receivable.record_payment", id=f"{PR}/2", proof=proof)
    assert city("xy", "status", f"{PR}/2")["state"] == "PAID"


def test_what_does_not_add_up_or_is_out_of_range_is_refused_before_anything_is_sent(
    city: City, paying_world: World
) -> None:
    before = dict(paying_world.state)
    for amount in ("0", str(2**41 + 1)):
        city("px-maker", "draft", "LG", amount, "2027-05-20", "--record", "PR-T-1", status=2)
    assert paying_world.state == before
    city("px-maker", "draft", "LG", "1000", "2027-05-20", "--record", "PR-T-1")
    city("px-checker", "sign", PR)
    city("lg", "accept", PR)
    before = dict(paying_world.state)
    for amounts in (("1", "1000"), ("1000",), ("0", "1000")):
        city("lg", "split", PR, *amounts, "--record", "PR-P-1", status=2)
    assert paying_world.state == before
