"""Step 26: seven cities, of which one is killed and one lies. Blocks go on, and the liar is convicted."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from typing import Any

from contracts.runtime import values
from deploy.demo.play import Play
from deploy.demo.stage import CALL_S, READY_S, Settled, Stage
from deploy.demo.story import StepFailed, expect
from node.client import AsyncNet, connect, find_context
from node.network import processes
from node.network.plan import load_plan

CONTRACT = "transfer"
SHARES = (50, 95, 99)
BAR_MAX = 40


async def withstand(play: Play) -> None:
    """A network of its own, for this step alone."""
    step = play.story["step26"]
    play.report.working("seven cities, one killed, one lying")
    plan = load_plan().with_nodes(step["cities"]).with_contracts()  # the plan adds transfer
    stage = Stage(play.stage.layout.root / "seven", plan)
    names = [city.name for city in plan.cities]
    liar, killed = names[1], names[2]
    try:
        await asyncio.to_thread(start, stage, liar)
        pid = await asyncio.to_thread(stage.kill, killed)
        took = await transact(stage, liar, step["calls"])
        honest = await agree(stage, liar)
        expect("honest cities that run", len(names) - 2, len(honest.nodes))
        convicted = await evidence(stage, honest)
        expect("liars convicted on every honest chain", 1, convicted)
    finally:
        await stage.close()
        await asyncio.to_thread(stage.stop)
    play.report.step(
        26, play.today, f"{len(names)} cities: {killed} is killed (-9 {pid}), {liar} lies; "
        f"{len(took)} transactions final, blocks to {honest.height}",
    )  # fmt: skip
    play.report.proof(
        f"{liar} prepared two blocks at a height: convicted by its own signatures on "
        f"{len(honest.nodes)} chains, state root {honest.root[:16]}…"
    )
    chart(play, took)


def start(stage: Stage, liar: str) -> None:
    stage.create(time.time_ns() // 1_000_000)
    for name, slug in stage.slugs.items():
        if name == liar:
            config = str(stage.layout.node_config(slug))
            words = ["-m", "deploy.story.lying_node", "node", "run", "--config", config]
            processes.start(stage.layout, slug, [sys.executable, *words])
        else:
            processes.start_node(stage.layout, slug)
    stage.wait_ready()


def client(stage: Stage, cities: list[str]) -> Any:
    """A connection that uses these cities only."""
    context = find_context(str(stage.layout.root))
    nodes = tuple(node for node in context.nodes if node.name in cities)
    return connect.aio(replace(context, nodes=nodes), user="ops", timeout=CALL_S)


async def transact(stage: Stage, liar: str, count: int) -> list[float]:
    """One after another, each final before the next. Returns how long each took, in seconds, sorted."""
    honest = [name for name in stage.slugs if name not in (liar, *stage.down)]
    took = []
    async with client(stage, honest) as net:
        for number in range(count):
            began = time.monotonic()
            await open_account(net, f"a{number}", number + 1)
            took.append(time.monotonic() - began)
    return sorted(took)


async def open_account(net: AsyncNet, owner: str, amount: int) -> None:
    await net.call(CONTRACT, "open_account", {"owner": owner, "amount": amount})


async def agree(stage: Stage, liar: str) -> Settled:
    """What all honest cities that run agree on; the liar is not asked."""
    stage.down.add(liar)
    return await stage.settled()


async def evidence(stage: Stage, honest: Settled) -> int:
    """How many are convicted on the chain; each honest city is asked by itself."""
    deadline = time.monotonic() + READY_S
    number = 0
    while True:
        counts = []
        for city in honest.nodes:
            async with client(stage, [city]) as net:
                rows = list(values.to_json((await net.query("_config", "evidence")).value))
                counts.append(len({row["vote_key"] for row in rows}))
        if set(counts) == {1}:
            return 1
        if time.monotonic() > deadline:
            raise StepFailed("the liar convicted on every honest chain", 1, counts)
        async with client(stage, list(honest.nodes)) as net:
            number += 1
            await open_account(net, f"b{number}", number)


def chart(play: Play, took: list[float]) -> None:
    """Finality at the shares that matter, as bars."""
    figures = {share: took[min(len(took) - 1, len(took) * share // 100)] for share in SHARES}
    longest = max(figures.values())
    for share, seconds in figures.items():
        bar = "█" * max(1, round(BAR_MAX * seconds / longest))
        play.report.proof(f"finality p{share:<3} {seconds * 1000:>7,.0f} ms  {bar}")
