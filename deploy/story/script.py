"""The storyboard: what each of the 28 steps says (steps.toml), and which function plays it."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.demo import credential, delivery, evidence, fork, lending, opening, outage
from deploy.demo.play import Play, Terms
from deploy.story import (
    abroad,
    balance,
    court,
    faults,
    forfaiting,
    letter,
    receivables,
    rediscount,
    registry,
    stablecoin,
)
from deploy.story import opening as first_steps
from deploy.story.channels import ChannelPlan, settle_in

FOLDER = Path(__file__).parent
EVIDENCE, FORK = "EC.evidence", "fork.case"
LAST = 27


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the storyboard, for people."""

    number: int
    date: str
    what: str
    calls: str
    expected: str
    proof: str


@dataclass(slots=True)
class Telling:
    """What one step leaves for a later one. plays: by channel; number: of the step that is told."""

    plays: dict[str, Play]
    plans: tuple[ChannelPlan, ...]
    with_faults: bool = True
    number: int = 0
    settled: set[str] = field(default_factory=set)
    terms: dict[int, Terms] = field(default_factory=dict)

    @property
    def play(self) -> Play:
        """Of the channel on which the step is played."""
        plan = self.plan
        return self.plays[plan.name]

    @property
    def plan(self) -> ChannelPlan:
        return next(plan for plan in self.plans if self.number in plan.steps)

    async def tell(self, number: int) -> None:
        """Plays a step. A channel that has not been used yet learns its parties and money first."""
        self.number = number
        play, plan = self.play, self.plan
        play.report.number = number
        if number and plan.also and plan.name not in self.settled:
            await play.on(play.story[f"step{number}"]["date"], f"{plan.name} is settled in")
            await settle_in(play, plan)
            self.settled.add(plan.name)
        await PLAYED[number](self)


Player = Callable[[Telling], Awaitable[None]]


def load_steps() -> tuple[Step, ...]:
    """The 28 steps in their order."""
    found = tomllib.loads((FOLDER / "steps.toml").read_text(encoding="utf-8"))
    rows: list[Mapping[str, Any]] = found["steps"]
    return tuple(Step(**row) for row in rows)


def alone(play_step: Callable[[Play], Awaitable[object]]) -> Player:
    """A step that needs nothing but the play."""

    async def told(telling: Telling) -> None:
        await play_step(telling.play)

    return told


async def release_goods(telling: Telling) -> None:
    await first_steps.release_goods(telling.play)


async def finance_invoice(telling: Telling) -> None:
    telling.terms[4] = await registry.finance(telling.play)


async def pay_invoice(telling: Telling) -> None:
    await registry.pay(telling.play, telling.terms[4])


async def finance_leaf(telling: Telling) -> None:
    telling.terms[10] = await lending.finance_tier_three(telling.play)


async def deliver_leaf(telling: Telling) -> None:
    """The city that leads is killed before the money moves, and comes back afterwards."""
    play = telling.play
    lost = await outage.kill_leader(play) if telling.with_faults else None
    await delivery.deliver_tier_three(play, telling.terms[10])
    if lost is not None:
        await outage.restart(play, lost)


async def split(telling: Telling) -> None:
    await credential.split_and_transfer(telling.play, 8)


async def equivocate(telling: Telling) -> None:
    play = telling.play
    await play.on(play.story["step23"]["date"], "the center signs two histories")
    await fork.convict(play, play.stage.layout.root / FORK)


async def export(telling: Telling) -> None:
    play = telling.play
    await play.on(play.story["step27"]["date"], "evidence")
    file = play.stage.layout.root / EVIDENCE
    await evidence.write_evidence(play, file)
    await evidence.verify_offline(play, file)
    await balance.check(play)


PLAYED: Mapping[int, Player] = {
    0: alone(first_steps.start),
    1: alone(opening.register_parties),
    2: alone(first_steps.issue_invoice),
    3: release_goods,
    4: finance_invoice,
    5: pay_invoice,
    6: alone(registry.second_bank),
    7: alone(credential.issue),
    8: split,
    9: alone(receivables.to_tier_three),
    10: finance_leaf,
    11: deliver_leaf,
    12: alone(lending.attack_payments),
    13: alone(receivables.first_supplier),
    14: alone(letter.open_credit),
    15: alone(letter.present),
    16: alone(letter.answer),
    17: alone(forfaiting.sell),
    18: alone(abroad.pay_fee),
    19: alone(abroad.buyer_pays),
    20: alone(credential.mature),
    21: alone(credential.give_back),
    22: alone(rediscount.rediscount),
    23: equivocate,
    24: alone(stablecoin.restrict),
    25: alone(court.freeze),
    26: alone(faults.withstand),
    LAST: export,
}
SEVEN_NODES = 26
