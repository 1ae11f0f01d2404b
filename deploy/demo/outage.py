"""One city is killed in the middle. The other three go on; it comes back and knows everything again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from deploy.demo.play import Play
from deploy.demo.story import StepFailed, expect


@dataclass(frozen=True, slots=True)
class Outage:
    city: str
    height: int


async def kill_leader(play: Play) -> Outage:
    """SIGKILL to the city that leads, which is the hardest one to lose."""
    play.report.working("killing a city")
    before = await play.stage.settled()
    leader = str(next(iter(before.nodes.values()))["leader"])
    pid = await asyncio.to_thread(play.stage.kill, leader)
    quorum = before.nodes[leader]["quorum"]
    play.report.outage(
        f"kill -9 {pid}: {leader}, the leader, is gone at height {before.height}; "
        f"{len(before.nodes) - 1} cities go on (quorum {quorum})"
    )
    return Outage(leader, before.height)


async def restart(play: Play, outage: Outage) -> None:
    """Starts the city again and waits until it has caught up to the same state root."""
    play.report.working(f"{outage.city} comes back")
    three = await play.stage.settled()
    if three.height <= outage.height or outage.city in three.nodes:
        raise StepFailed("progress with three cities", f"above {outage.height}", three.height)
    leader = next(iter(three.nodes.values()))["leader"]
    if leader == outage.city:
        raise StepFailed("a new leader", "another city", leader)
    started = time.monotonic()
    await asyncio.to_thread(play.stage.start)
    await asyncio.to_thread(play.stage.wait_ready)
    four = await play.stage.settled(three.height)
    expect("cities that run", len(play.stage.context().nodes), len(four.nodes))
    expect(f"state root of {outage.city}", three.root, four.nodes[outage.city]["state_root"])
    play.report.outage(
        f"{outage.city} is back: from height {outage.height} to {four.height} in "
        f"{time.monotonic() - started:.1f} s, same state root {four.root[:8]}… · {leader} led meanwhile"
    )
