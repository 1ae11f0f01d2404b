"""`city billing draw` over the real contract, without a network: interrupted, it is simply run again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from consensus.encoding import ZERO_HASH, encode
from consensus.header import Header
from node.cli import billing
from node.cli.main import app
from node.wire import stubs
from tests.unit.cli.world_net import WorldNet
from tests.unit.suite.test_billing import operating, shown
from tests.unit.suite.world import World, at

USED = {"LG": (3, 900, 30_000), "PX": (1, 300, 10_000), "QB": (7, 2_100, 70_000)}
MEMBERS = ("HL", "LG", "PX", "QB", "XY")


class Killed(Exception):
    """The command ends where it is, whatever it was about to do."""


class MeteredNet(WorldNet):
    """A node that has counted one block of December. killed: (call, whether it was committed)."""

    def __init__(self, world: World, killed: tuple[int, bool] | None) -> None:
        super().__init__(world, "qb-ops")
        self._killed, self._calls = killed, 0

    def node_status(self, name: str | None = None) -> dict[str, int]:
        return {"block_time_ms": self.world.now_ms, "time_ms": self.world.now_ms}

    def usage(self, node: str | None = None, **asked: Any) -> Any:
        rows = [
            stubs.Usage(member=member, application="transfer", accepted=n, bytes=size, gas=gas)
            for member, (n, size, gas) in USED.items()
        ]
        return stubs.UsageReply(first_height=1, last_height=1, rows=rows)

    def whole_header(self, height: int, node: str | None = None) -> bytes:
        hashes = [ZERO_HASH] * 5
        return encode(
            Header(1, 1, ZERO_HASH, 0, height, ZERO_HASH, ZERO_HASH, ZERO_HASH, 0, ZERO_HASH,
                   ZERO_HASH, at("2026-12-10"), *hashes[:4])
        )  # fmt: skip

    def query(self, contract: str, method: str, args: Any = None, **options: Any) -> Any:
        if contract == "_config":
            return SimpleNamespace(value=[{"member_id": member} for member in MEMBERS])
        return super().query(contract, method, args or {}, **options)

    def call(self, contract: str, method: str, args: Any, **options: Any) -> Any:
        self._calls += 1
        is_here = self._killed is not None and self._killed[0] == self._calls
        if is_here and self._killed is not None and not self._killed[1]:
            raise Killed
        done = super().call(contract, method, args, **options)
        if is_here:
            raise Killed
        return done


def draw(world: World, monkeypatch: pytest.MonkeyPatch, killed: tuple[int, bool] | None) -> Any:
    monkeypatch.setattr(billing, "open_network", lambda: MeteredNet(world, killed))
    result = CliRunner().invoke(app, ["billing", "draw", "2026-12", "-o", "json"])
    assert result.exit_code == (70 if killed else 0), result.output
    return None if killed else json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("killed", [(1, False), (1, True), (2, False), (2, True)])
def test_a_run_that_was_killed_anywhere_leaves_nothing_out_and_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch, killed: tuple[int, bool]
) -> None:
    operating(world)
    world.now_ms = at("2027-01-04")
    draw(world, monkeypatch, killed)
    rows = draw(world, monkeypatch, None)
    # The operator owes itself nothing; HL and XY used nothing and were never billed.
    assert [row["id"] for row in rows] == ["QB/LG/2026-12", "QB/PX/2026-12"]
    already = killed[0] if killed[1] else killed[0] - 1
    assert sum(row["drawn"] == "before" for row in rows) == already
    for member, (transactions, size, gas) in list(USED.items())[:2]:
        invoice = shown(world, f"QB/{member}/2026-12")
        assert (invoice["transactions"], invoice["bytes"], invoice["gas"], invoice["blocks"]) == (
            transactions, size, gas, [1, 1],
        )  # fmt: skip
    assert draw(world, monkeypatch, None) == [{"id": row["id"], "drawn": "before"} for row in rows]


def test_a_month_that_is_not_over_is_not_drawn_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    operating(world)
    world.now_ms = at("2026-12-31", 23)
    monkeypatch.setattr(billing, "open_network", lambda: MeteredNet(world, None))
    result = CliRunner().invoke(app, ["billing", "draw", "2026-12", "-o", "json"])
    assert result.exit_code == 4 and "CITY-1024" in result.output
