"""`city billing draw` over the real contract, without a network: interrupted, it is simply run again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from consensus.encoding import ZERO_HASH, Hash, encode
from consensus.header import Header
from contracts.rules.calendar import parse_date
from node.cli import billing
from node.cli.main import app
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite
from node.metering.statements import (
    MemberServed,
    ServiceStatement,
    SignedStatement,
    digest_of,
    message_of,
)
from node.wire import stubs
from tests.unit.cli.world_net import WorldNet
from tests.unit.suite.center_world import CHANNEL
from tests.unit.suite.test_billing import operating, shown
from tests.unit.suite.world import World, at

SUITE = get_suite("sm")
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


# ---- statements ----------------------------------------------------------------------------------

OPERATOR = {"qb-boss": ("QB", ("admin", "maker"))}


class ServingNet(WorldNet):
    """A node that hands out these statements."""

    def __init__(self, world: World, told: list[bytes]) -> None:
        super().__init__(world, "qb-boss")
        self._told = told

    def info(self) -> Any:
        return SimpleNamespace(suite=SUITE.id, channel_id=bytes(CHANNEL))

    def statements(self, node: str, first: int = 1) -> list[bytes]:
        return self._told


def chained(*days: tuple[str, list[str]]) -> list[bytes]:
    """A node's chain from its first statement on: day, members."""
    signer, previous, found = MemorySigner(SUITE.generate_key()), ZERO_HASH, []
    for number, (day, members) in enumerate(days, 1):
        rows = tuple(MemberServed(member, 1) for member in members)
        said = ServiceStatement(
            1, Hash(bytes(CHANNEL)), "Shenzhen", signer.public_key, number, parse_date(day), previous, rows
        )  # fmt: skip
        previous = digest_of(SUITE, said)
        found.append(encode(SignedStatement(said, signer.sign(message_of(SUITE, said)))))
    return found


def test_a_node_that_lost_its_statements_goes_on_when_its_operator_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "users", world.users | OPERATOR)
    operating(world)
    world.now_ms = at("2027-01-05")

    def anchored(told: list[bytes], *options: str, status: int = 0) -> Any:
        monkeypatch.setattr(billing, "open_network", lambda: ServingNet(world, told))
        asked = ["billing", "anchor", "Shenzhen", *options, "-o", "json"]
        result = CliRunner().invoke(app, asked)
        assert (result.exit_code == 0) == (status == 0), result.output
        return result.output if status else json.loads(result.stdout.splitlines()[-1])

    def queries() -> int:
        args = {"operator": "QB", "payer": "PX", "month": "2026-12"}
        return int(world.ok("nobody", "billing.served", **args))

    assert anchored([]) == "nothing new"
    lost = chained(("2026-12-28", ["LG", "PX"]), ("2026-12-29", ["PX"]))
    assert [row["number"] for row in anchored(lost)] == [1, 2]
    assert anchored(lost) == "nothing new" and queries() == 2
    # Its folder is gone: nothing is anchored in silence, nor skipped.
    fresh = chained(("2026-12-29", ["LG", "PX"]), ("2026-12-30", ["PX"]), ("2026-12-31", ["PX"]))
    for told in ([], fresh):
        assert "--anew" in anchored(told, status=1)
    assert "CITY-1025" in anchored([], "--anew", status=1)
    assert "CITY-1025" in anchored(lost, "--anew", status=1) and queries() == 2
    assert [row["day"] for row in anchored(fresh, "--anew")] == ["2026-12-30", "2026-12-31"]
    assert queries() == 4
    assert anchored(fresh) == "nothing new"
    # An older node wrote more members than one statement may name: it is left out, and so is nothing behind it.
    many = [f"M{number:03}" for number in range(201)]
    stuck = chained(
        ("2026-12-31", ["PX"]), ("2027-01-01", many), ("2027-01-02", ["PX"]), ("2027-01-03", ["PX"])
    )
    assert [row["day"] for row in anchored(stuck, "--anew")] == ["2027-01-02", "2027-01-03"]
    assert queries() == 4
