"""The channels of the story (channels.toml): who holds them, and what is played on them."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.demo.desk import Desk
from deploy.demo.opening import admit, know_money
from deploy.demo.play import Play
from deploy.demo.story import expect
from node.sdk.channels import ChannelOrder

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """also: bank → parties that it attests on this channel, which the first channel has already."""

    name: str
    nodes: list[str]
    steps: list[int]
    contracts: list[str]
    also: Mapping[str, list[str]] = field(default_factory=dict)

    def order(self, engine: str | None) -> ChannelOrder:
        return ChannelOrder(
            self.name, tuple(self.nodes), tuple(self.contracts), engine=str(engine or "pbft")
        )


def load_channels() -> tuple[ChannelPlan, ...]:
    found = tomllib.loads((FOLDER / "channels.toml").read_text(encoding="utf-8"))
    return tuple(ChannelPlan(**row) for row in found["channels"])


def plays_of(first: Play) -> dict[str, Play]:
    """A play for each channel: money, invoices and sales are one, people and contracts are the channel's."""
    plays = {first.stage.channel: first}
    for stage in first.stage.others:
        desk = Desk(stage, first.story, first.report)
        plays[stage.channel] = replace(first, stage=stage, desk=desk)
    return plays


async def settle_in(play: Play, plan: ChannelPlan) -> None:
    """What the channel must know before anything is played on it: its parties, and money's log and wallets."""
    await know_money(play)
    pairs = [(party, bank) for bank, parties in plan.also.items() for party in parties]
    states = await asyncio.gather(
        *(admit(play, play.story.parties[party], bank) for party, bank in pairs)
    )
    expect(f"parties ACTIVE on {plan.name}", len(pairs), states.count("ACTIVE"))


async def absent(play: Play) -> str:
    """The first city that does not hold the play's channel: no byte of it lies there, and it answers nothing of
    it. Returns its name."""
    holds = {node.name for node in play.stage.context().nodes}
    city = next(city for city in play.story.plan.cities if city.name not in holds)
    folders = [path.name for path in (play.stage.layout.node(city.slug) / "channels").iterdir()]
    expect(f"{play.stage.channel} on the disk of {city.name}", False, play.stage.channel in folders)
    told = await play.stage.asks_for(city.name)
    expect(f"{play.stage.channel} at the port of {city.name}", None, told)
    return city.name
