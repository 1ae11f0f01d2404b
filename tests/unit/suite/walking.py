"""Walks a table whose `who` is data: every call in every state, by everybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from contracts.tables import Table
from tests.unit.suite.world import World


@dataclass(frozen=True)
class Walk:
    """How to call each move of a table on one stored record.

    calls: move → (a user who may, arguments); `needs`: fields of the record that a state or a move needs to get
    past its guards far enough to be judged by state."""

    table: Table
    key: str
    calls: dict[str, tuple[str, dict[str, Any]]]
    needs: dict[str, Any] = field(default_factory=dict)

    def moves(self) -> list[str]:
        return [call for call in self.table.calls if ("-", call) not in self._births()]

    def _births(self) -> set[tuple[str, str]]:
        return {("-", row[1]) for row in self.table.rows if row[0] == "-"}

    def check_state(self, world: World, state: str, move: str) -> None:
        """E_STATE exactly where the table has no row, and a refusal changes nothing."""
        self._force(world, state)
        before = dict(world.state)
        who, args = self.calls[move]
        result = world.run(who, f"{self.table.contract}.{move}", id=self.key, **args)
        found = (state, move, result.outcome, result.code, result.message)
        assert (result.code == "E_STATE") is not self.table.allows(state, move), found
        assert result.outcome in ("ok", "revert"), found  # never a fault of the contract
        assert result.outcome == "ok" or (result.code.startswith("E_") and not result.writes), found
        assert world.state == before

    def check_persons(self, world: World, state: str, move: str) -> None:
        """Where the table names somebody, everybody else is refused."""
        self._force(world, state)
        (row,) = [r for r in self.table.rows if r[1] == move and state in r[0].split("|")]
        users = world.users
        chosen = self.calls[move][0]
        for who in users:
            result = world.run(who, f"{self.table.contract}.{move}", id=self.key,
                               **self.calls[move][1])  # fmt: skip
            if who == chosen or row[2] == "anyone":
                assert result.code != "E_NOT_PARTY", (state, move, who)
            elif row[2].startswith("any:"):
                has_role = row[2].removeprefix("any:") in users[who][1]
                assert (result.code == "E_NOT_PARTY") is not has_role, (state, move, who)
            elif users[who][0] != users[chosen][0]:
                assert result.code == "E_NOT_PARTY", (state, move, who, result.code)

    def _force(self, world: World, state: str) -> None:
        world.force(self.table.contract, self.table.record, self.key, state=state, **self.needs)


def cases(walk: Walk) -> list[tuple[str, str]]:
    return [(state, move) for state in walk.table.states for move in walk.moves()]


def allowed(walk: Walk) -> list[tuple[str, str]]:
    return [case for case in cases(walk) if walk.table.allows(*case)]
