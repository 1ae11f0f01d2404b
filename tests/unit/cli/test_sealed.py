"""`city sealed` over the real contracts, without a network: from a document to its erasure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.cli import sealed, trade_group
from node.cli.main import app
from tests.damage import flipped
from tests.unit.cli.world_net import WorldNet
from tests.unit.suite.world import World, at

RUNNER = CliRunner()
City = Callable[..., Any]
BODY = b"%PDF invoice of 12,000,000.00"


@pytest.fixture
def city(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> City:
    """Runs a command as a user; each member keeps its keys in a folder of its own."""

    def run(who: str, *words: str, status: int = 0) -> Any:
        for module in (trade_group, sealed):
            monkeypatch.setattr(module, "open_network", lambda: WorldNet(world, who))
        folder = tmp_path / "keys" / world.users[who][0]
        env = {"COLUMNS": "160", "CITY_SEALING_KEYS": str(folder)}
        result = RUNNER.invoke(app, ["sealed", *words, "-o", "json"], env=env)
        assert result.exit_code == status, (words, result.output, result.exception)
        told = result.stdout.splitlines()
        return json.loads(told[-1]) if told and status == 0 else result.output

    for who in ("px-maker", "qb-ops", "nb-ops", "hkma"):
        run(who, "key", "new")
    return run


@pytest.fixture
def invoice(city: City, tmp_path: Path) -> str:
    """A document that PX has sealed to QB and the supervisor. Returns its root."""
    (tmp_path / "invoice.pdf").write_bytes(BODY)
    done = city(
        "px-maker", "put", "INV-1", str(tmp_path / "invoice.pdf"), "--to", "QB", "--to", "HKMA",
        "--field", "price=12000000.00", "--schema", "PRESENTATION",
    )  # fmt: skip
    assert done["sealed_to"] == "PX/1, QB/1, HKMA/1"
    return str(done["root"])


def test_a_document_is_sealed_opened_and_passed_on(
    city: City, invoice: str, tmp_path: Path
) -> None:
    out = tmp_path / "copy.pdf"
    shown = city("qb-ops", "open", "INV-1", "--out", str(out))
    assert out.read_bytes() == BODY and out.stat().st_mode & 0o077 == 0
    assert (shown["price"], shown["root"], shown["owner"]) == ("12000000.00", invoice, "PX")
    assert "E_NOT_PARTY" in str(city("nb-ops", "open", "INV-1", status=4))
    assert city("qb-ops", "grant", "INV-1", "NB")["sealed_to"] == "NB/1"
    assert city("nb-ops", "open", "INV-1")["price"] == "12000000.00"
    assert city("px-maker", "show", "INV-1")["recipients"] == ["PX", "QB", "HKMA", "NB"]
    assert [row["id"] for row in city("nb-ops", "list")] == ["INV-1"]


def test_an_authority_names_a_purpose_and_is_counted(
    world: World, city: City, invoice: str
) -> None:
    assert "E_NO_RECEIPT" in str(city("hkma", "open", "INV-1", status=4))
    assert city("hkma", "open", "INV-1", "--purpose", "review 17")["price"] == "12000000.00"
    assert world.ok("px-maker", "regulator.looks", subject="PX") == {"HKMA": 1}


def test_without_the_private_key_nothing_opens(city: City, invoice: str, tmp_path: Path) -> None:
    empty = str(tmp_path / "empty")
    for words in (("open", "INV-1"), ("grant", "INV-1", "NB")):
        told = city("qb-ops", *words, "--keys", empty, status=4)
        assert "CITY-1110" in told and "no private key of" in told


def test_a_larger_document_goes_to_a_place_and_comes_back_from_a_file(
    city: City, tmp_path: Path
) -> None:
    large, away, back = (tmp_path / name for name in ("large.tif", "away", "back.tif"))
    large.write_bytes(b"x" * 40_000)
    put = ("put", "SCAN-1", str(large), "--to", "QB")
    city("px-maker", *put, status=2)
    city("px-maker", *put, "--place", "sftp://papers.example/SCAN-1", "--out", str(away))
    assert "sftp://papers" in str(city("qb-ops", "open", "SCAN-1", status=4))
    city("qb-ops", "open", "SCAN-1", "--file", str(away), "--out", str(back))
    assert back.read_bytes() == large.read_bytes()
    away.write_bytes(flipped(away.read_bytes()))
    city("qb-ops", "open", "SCAN-1", "--file", str(away), status=4)


def test_a_rotated_key_still_opens_and_a_scope_without_one_is_not_rotated(
    city: City, invoice: str
) -> None:
    assert city("qb-ops", "key", "rotate") == {
        "key": "QB/2", "scope": "GENERAL", "instead_of": "QB/1",
    }  # fmt: skip
    city("qb-ops", "key", "rotate", "--scope", "LC-1", status=2)
    assert city("qb-ops", "open", "INV-1")["price"] == "12000000.00"
    assert [row["state"] for row in city("lg", "key", "list", "QB")] == ["RETIRED", "ACTIVE"]


def test_a_case_is_erased_by_destroying_its_keys(world: World, city: City, tmp_path: Path) -> None:
    protocol = tmp_path / "protocol.txt"
    protocol.write_text("shredded in the presence of two")
    for who in ("px-maker", "qb-ops"):
        city(who, "key", "new", "--scope", "CASE-7")
    city("px-maker", "put", "CASE-7-A", "--to", "QB", "--field", "a=b", "--scope", "CASE-7")
    destroy = ("key", "destroy", "PX/2", "--protocol", str(protocol))
    assert "E_RETENTION" in str(city("px-checker", *destroy, status=4))
    assert len(list((tmp_path / "keys" / "PX").iterdir())) == 2
    world.now_ms = at("2031-11-18")
    assert city("px-checker", *destroy)["file"] == "destroyed"
    assert city("px-checker", *destroy)["file"] == "not here"
    assert len(list((tmp_path / "keys" / "PX").iterdir())) == 1
    city("px-maker", "open", "CASE-7-A", status=4)
    assert city("qb-ops", "open", "CASE-7-A")["a"] == "b"
    city("qb-checker", "key", "destroy", "QB/2", "--protocol", str(protocol))
    city("lg", "certify-erasure", "CASE-7-A")
    told = city("lg", "erasure", "CASE-7-A")
    assert told["state"] == "ERASED" and told["rule"].startswith("retention:OTHER")


@pytest.mark.parametrize("words", [["--field", "a"], ["--field", "a=1", "--field", "a=2"], []])
def test_fields_that_are_none_are_refused_before_anything_is_sent(
    world: World, city: City, words: list[str]
) -> None:
    before = dict(world.state)
    city("px-maker", "put", "R-1", *words, status=2 if words else 4)
    assert world.state == before
