"""`city quota show`: rows of a channel's quotas for people and for programs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from node.cli import quota
from node.governance.state import Quota
from node.quotas.counting import Rules, Use, Used, rows

MEMBERS = ("LG", "PX")
NOON_MS = 1_700_000_000_000 // 3_600_000 * 3_600_000


class Views:
    """A network that answers what the command asks, from the accounting itself."""

    def __init__(self, *quotas: Quota) -> None:
        self._rules = Rules(quotas)
        self._used = {("PX", ""): Used(3_600, NOON_MS // 3_600_000, Use(812, 9_000, 5), 7)}

    def __enter__(self) -> Views:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def node_status(self) -> dict[str, Any]:
        return {"time_ms": NOON_MS + 60_000}

    def query(self, contract: str, view: str, args: dict[str, Any]) -> Any:
        if (contract, view) == ("_config", "show"):
            return SimpleNamespace(value={"members": [{"member": name} for name in MEMBERS]})
        assert (contract, view) == ("_quota", "show")
        return SimpleNamespace(value=rows(self._rules, self._used, MEMBERS, args["time_ms"]))


QUOTAS = (
    Quota("", "receivable", 60, 0, 10_000, 0),
    Quota("*", "", 3_600, 5, 0, 0),
    Quota("PX", "", 3_600, 1_000, 0, 0),
)


def shown(patch: pytest.MonkeyPatch, *words: str, quotas: tuple[Quota, ...] = QUOTAS) -> Any:
    patch.setattr(quota, "open_network", lambda: Views(*quotas))
    patch.setattr("node.cli.output.stdout.width", 200)
    return CliRunner().invoke(quota.app, list(words))  # one command alone needs no name


def test_each_quota_says_what_is_used_left_and_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads(shown(monkeypatch, "--json").stdout)
    assert [(r["member"], r["application"]) for r in found] == [
        ("", "receivable"),
        ("LG", ""),
        ("PX", ""),
    ]
    assert found[2]["transactions"] == {"used": 812, "most": 1_000, "left": 188}
    assert (found[2]["refused"], found[2]["free_at_ms"]) == (7, NOON_MS + 3_600_000)
    assert found[0]["bytes"] == {"used": 0, "most": 10_000, "left": 10_000}
    assert found[0]["gas"]["left"] is None and found[0]["free_at_ms"] == NOON_MS + 120_000


def test_a_member_sees_its_own_and_those_that_it_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, "PX").stdout
    assert "812 of 1,000, 188 left" in text and "receivable" in text and "LG" not in text
    assert "LG" in shown(monkeypatch, "LG").stdout


def test_a_stranger_and_a_channel_without_quotas_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, "ZZ").exit_code == 2
    assert "no quota" in shown(monkeypatch, quotas=()).stdout
