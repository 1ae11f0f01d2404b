"""Seven cities under load: one is byzantine, one joins from a snapshot, one is killed and comes back.

Seven tolerate two faulty members. The liar lies from beginning to end; the seventh city is missing first
and joins, and only when it votes another is killed: so never more than two are wrong at a time.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.runtime import values
from node.network.plan import load_plan
from node.sdk.errors import CityError
from tests.faults import checks
from tests.faults.checks import Broken, Ledger
from tests.faults.city_network import SNAPSHOT_EVERY, Network, network
from tests.faults.load import GAS, Load
from tests.faults.playing import CLIENTS, columns, percentiles

NODES, BATCH = 7, 200
FILLED = 2_000  # accounts beside those of the load, so that a snapshot holds something
STEP_SECONDS = 240.0


@dataclass(slots=True)
class Result:
    """times: seconds by what they measure. finality_ms: of a committed call, p50, p95, p99, faults included."""

    engine: str
    seed: int
    times: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    finality_ms: tuple[float, float, float] = (0.0, 0.0, 0.0)
    calm_ms: tuple[float, float, float] = (0.0, 0.0, 0.0)  # before the first fault but the liar's
    acknowledged: int = 0
    lost: int = 0
    stale_reads: int = 0
    worst_gap_s: float = 0.0
    linearizable: str = ""
    broken: str = ""

    @property
    def is_whole(self) -> bool:
        return not (self.broken or self.lost or self.stale_reads)

    def table(self) -> str:
        rows: list[tuple[str, ...]] = [
            (name, f"{seconds:.1f} s") for name, seconds in self.times.items()
        ]
        rows += list(self.facts.items())
        for what, (p50, p95, p99) in (("in calm", self.calm_ms), ("in all", self.finality_ms)):
            rows.append(
                (
                    f"committed after, {what}",
                    f"{p50:.0f} / {p95:.0f} / {p99:.0f} ms (p50, p95, p99)",
                )
            )
        rows += [
            ("acknowledged", str(self.acknowledged)),
            ("lost", str(self.lost)),
            ("stale reads", str(self.stale_reads)),
            ("worst gap", f"{self.worst_gap_s:.1f} s"),
            ("linearizable", self.linearizable or "not asked"),
        ]
        lines = [f"seven cities, {self.engine}, seed {self.seed}", *columns(rows)]
        return "\n".join([*lines, f"BROKEN: {self.broken}"] if self.broken else lines)


async def run(
    root: Path,
    engine: str = "pbft",
    seed: int = 0,
    say: Callable[[str], None] = print,
    filled: int = FILLED,
) -> Result:
    """Makes the network, plays, checks, and cleans up."""
    result, rng = Result(engine, seed), random.Random(seed)
    began = time.monotonic()
    cities = [city.slug for city in load_plan().with_nodes(NODES).cities]
    liar = rng.choice(cities[1:-1]) if engine == "pbft" else ""
    options = {"snapshots": True, "absent": 1, "lying": liar}
    async with network(root, NODES, engine, rng, **options) as made:
        result.times["six cities start"] = time.monotonic() - began
        load = Load(made, CLIENTS, rng)
        try:
            await _fill(made, filled)
            load.start()
            await load.more(4 * CLIENTS, STEP_SECONDS)
            await _play(made, load, result, liar, say)
        except (Broken, TimeoutError) as error:
            result.broken = str(error) or "a step took too long"
        finally:
            await load.stop()
        if not result.broken:
            await _judge(made, load, result)
    return result


async def _fill(made: Network, accounts: int) -> None:
    async with made.net(made.order[0]) as net:
        for first in range(0, accounts, BATCH):
            built = [
                await net.build(
                    "transfer", "open_account", {"owner": f"filled-{n}", "amount": 1}, gas_limit=GAS
                )
                for n in range(first, min(first + BATCH, accounts))
            ]
            refused = [answer.code for answer in await net.batch(built) if answer.code]
            if refused:
                raise Broken(f"accounts cannot be opened: {refused[0]}")
            await net.wait(built[-1], "committed", STEP_SECONDS)


async def _play(
    made: Network, load: Load, result: Result, liar: str, say: Callable[[str], None]
) -> None:
    newcomer = made.order[-1]
    say(f"{liar} lies" if liar else "NO BYZANTINE MEMBER: raft trusts its members not to lie")
    await load.more(10 * CLIENTS, STEP_SECONDS)
    result.calm_ms = percentiles(load.latencies)

    height = await _snapshot_of(made, made.order[0])
    began = time.monotonic()
    await made.begin(newcomer, words=("--from-snapshot",))
    await checks.reached(made, max(o.block for o in load.acknowledged), [newcomer])
    result.times["the newcomer has everything"] = time.monotonic() - began
    _told_of_snapshot(made, newcomer, result)
    say(f"{newcomer} began with the snapshot of block {height} or later")
    await _until(made, newcomer, "role", "validator")
    result.times["the newcomer votes"] = time.monotonic() - began

    victim = await made.leader()
    victim = made.order[0] if victim == liar else victim
    await _kill_and_return(made, load, result, victim)
    say(f"{victim} led, was killed and is back")
    if liar:
        began = time.monotonic()
        while not await _is_convicted(made, load):
            if time.monotonic() - began > STEP_SECONDS:
                raise Broken(f"{liar} was not convicted")
            # Alone in a later view it says nothing. The next change of view takes it along again.
            leader = await made.leader()
            if leader != liar:
                await _kill_and_return(made, load, Result(made.engine, result.seed), leader)
        result.facts["the liar"] = f"{liar}, convicted on the chain by its own signatures"


async def _kill_and_return(made: Network, load: Load, result: Result, victim: str) -> None:
    await made.kill_all(victim)
    began = time.monotonic()
    told = await load.acknowledgement(began, STEP_SECONDS)
    result.times["first call acknowledged after the kill"] = told - began
    await load.more(5 * CLIENTS, STEP_SECONDS)
    began = time.monotonic()
    await made.begin(victim)
    await checks.reached(made, max(o.block for o in load.acknowledged), [victim])
    result.times["the killed one is back with everything"] = time.monotonic() - began
    await load.more(CLIENTS, STEP_SECONDS)


async def _is_convicted(made: Network, load: Load) -> bool:
    """Whether the liar's signatures stand on the chain; whoever hears it accuses it, by a transaction."""
    await load.more(2 * CLIENTS, STEP_SECONDS)
    async with made.net() as net:
        return bool(values.to_json((await net.query("_config", "evidence")).value))


async def _until(made: Network, slug: str, name: str, wanted: Any) -> None:
    async with asyncio.timeout(STEP_SECONDS), made.net(slug) as net:
        while (await net.node_status())[name] != wanted:
            await asyncio.sleep(0.2)


async def _snapshot_of(made: Network, slug: str) -> int:
    async with asyncio.timeout(STEP_SECONDS), made.net(slug) as net:
        while not (height := (await net.node_status())["snapshot"]):
            await asyncio.sleep(0.2)
        return int(height)


def _told_of_snapshot(made: Network, slug: str, result: Result) -> None:
    """How fast the newcomer fetched, verified and loaded it, by its own log."""
    said = [json.loads(line) for line in made.log(slug).splitlines() if line.startswith("{")]
    at = next((n for n, row in enumerate(said) if row["event"] == "snapshot.joining"), None)
    if at is None:
        raise Broken(f"{slug} did not begin with a snapshot")
    joining = said[at]
    after = next((r for r in said[at + 1 :] if not r["event"].startswith("snapshot.")), said[-1])
    seconds = (
        datetime.fromisoformat(after["ts"]) - datetime.fromisoformat(joining["ts"])
    ).total_seconds()
    size = sum(path.stat().st_size for path in _parts(made, made.order[0]))
    result.times["snapshot fetched, verified and loaded"] = seconds
    rate = joining["values"] / seconds if seconds else 0.0
    result.facts["snapshot"] = (
        f"block {joining['height']}, {joining['values']:,} values, {size / 2**20:.1f} MiB on a peer's disk, "
        f"{rate:,.0f} values/s"
    )


def _parts(made: Network, slug: str) -> list[Path]:
    folders = (made.layout.node(slug) / "channels").glob("*/snapshot*")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


async def _judge(made: Network, load: Load, result: Result) -> None:
    result.acknowledged, result.stale_reads = len(load.acknowledged), load.stale_reads
    result.worst_gap_s, result.finality_ms = load.worst_gap_s, percentiles(load.latencies)
    ledger = Ledger(made)
    try:
        height = max(o.block for o in load.acknowledged)
        await checks.one_state(made, height, made.order)
        await ledger.read_to(height, made.order[:-1])
        chains = await checks.chain_of(made, made.order[-1], height - SNAPSHOT_EVERY, height)
        first = await checks.chain_of(made, made.order[0], height - SNAPSHOT_EVERY, height)
        if chains != first:
            raise Broken("the newcomer tells other blocks")
        result.lost = len(ledger.lost(load.acknowledged))
        await checks.settle_unknown(made, load, ledger)
        result.linearizable = checks.linearizable(load)
    except (Broken, CityError) as error:
        result.broken = str(error)
