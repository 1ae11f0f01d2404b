"""Plays faults one after the other and checks after each; a table says what came of it."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import checks
from tests.faults.changing import Changing, add_channel
from tests.faults.checks import Broken, Ledger
from tests.faults.city_network import Network, network
from tests.faults.faults import FAULTS, Fault, Scene
from tests.faults.load import Load

CLIENTS = 4
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Played:
    """One fault. recovery_s: from its end to the next acknowledged call; all_s: until every node had applied
    that. acknowledged: while it lasted."""

    fault: str
    lasted_s: float
    acknowledged: int
    recovery_s: float
    all_s: float
    notes: str = ""


@dataclass(slots=True)
class Report:
    engine: str
    nodes: int
    seed: int
    played: list[Played] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    acknowledged: int = 0
    lost: int = 0
    unknown: int = 0
    effective: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    stale_reads: int = 0
    blocks: int = 0
    worst_gap_s: float = 0.0
    linearizable: str = ""
    broken: str = ""
    changes: dict[str, int] = field(default_factory=dict)
    finality_ms: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def is_whole(self) -> bool:
        return not (self.broken or self.lost or self.stale_reads)

    def table(self) -> str:
        head = ("fault", "lasted s", "acknowledged", "recovery s", "all nodes s", "")
        rows = [
            (
                p.fault,
                f"{p.lasted_s:.1f}",
                str(p.acknowledged),
                f"{p.recovery_s:.1f}",
                f"{p.all_s:.1f}",
                p.notes,
            )
            for p in self.played
        ]
        lines = columns([head, *rows])
        lines += [f"not played: {name}: {why}" for name, why in self.skipped.items()]
        p50, p95, p99 = self.finality_ms
        lines += [
            "",
            f"{self.engine}, {self.nodes} nodes, seed {self.seed}: {len(self.played)} faults, "
            f"{self.acknowledged} transactions acknowledged, {self.lost} lost, "
            f"worst gap {self.worst_gap_s:.1f} s",
            f"{self.blocks} blocks alike everywhere, {self.stale_reads} stale reads, "
            f"linearizable: {self.linearizable}",
            f"{self.unknown} calls refused or of unknown fate, {self.effective} of them in the chain: "
            + (", ".join(f"{code} {n}" for code, n in sorted(self.errors.items())) or "no error"),
            f"committed after {p50:.0f} ms (p50), {p95:.0f} ms (p95), {p99:.0f} ms (p99), faults included",
        ]
        if self.changes:
            told = ", ".join(f"{what} {n}" for what, n in self.changes.items())
            lines.append(f"changes meanwhile: {told}")
        if self.broken:
            lines.append(f"BROKEN: {self.broken}")
        return "\n".join(lines)


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows under each other, the first cell to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i in (0, len(row) - 1) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def percentiles(seconds: list[float]) -> tuple[float, float, float]:
    """p50, p95 and p99 in milliseconds; zeros for fewer than two."""
    if len(seconds) < 2:
        return 0.0, 0.0, 0.0
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return cuts[49] * 1000, cuts[94] * 1000, cuts[98] * 1000


def order(engine: str, rng: random.Random, names: Iterable[str] = ()) -> Iterable[Fault]:
    """Faults without end: all of them in a random order, then again in another one; or those named, once."""
    wanted = list(names)
    if wanted:
        by_name = {fault.name: fault for fault in FAULTS}
        yield from (by_name[name] for name in wanted)
        return
    while True:
        some = [fault for fault in FAULTS if engine in fault.engines]
        yield from rng.sample(some, len(some))


@dataclass(frozen=True, slots=True)
class Side:
    """One channel of the network: its clients, and what its chain is known to be."""

    network: Network
    load: Load
    ledger: Ledger

    @property
    def height(self) -> int:
        """The highest block that a client was told of."""
        return max((o.block for o in self.load.acknowledged), default=0)

    async def whole(self) -> int:
        """One chain and one state at all nodes; the number of acknowledged calls that are not there."""
        order = self.network.order
        tip = await checks.one_state(self.network, self.height, order)
        await self.ledger.read_to(tip, order)
        return len(self.ledger.lost(self.load.acknowledged))

    def linearizable(self) -> str:
        return checks.linearizable(self.load)


def _acknowledged(sides: Sequence[Side]) -> int:
    return sum(len(side.load.acknowledged) for side in sides)


async def play(fault: Fault, scene: Scene, sides: Sequence[Side]) -> Played:
    """One fault under load: injected, held, healed; then waits until everybody has what came after."""
    scene.notes.clear()
    before, began = _acknowledged(sides), time.monotonic()
    found = await fault.inject(scene)
    await asyncio.sleep(fault.hold_s)
    await fault.heal(scene, found)
    healed = time.monotonic()
    during = _acknowledged(sides) - before
    try:
        told = await asyncio.gather(
            *(side.load.acknowledgement(healed, checks.RECOVERY_SECONDS) for side in sides)
        )
    except TimeoutError:
        raise Broken(
            f"{fault.name}: nothing was acknowledged for {checks.RECOVERY_SECONDS:.0f} s"
        ) from None
    await asyncio.gather(
        *(checks.reached(side.network, side.height, side.network.order) for side in sides)
    )
    all_s = time.monotonic() - healed
    notes = "; ".join(scene.notes)
    return Played(fault.name, healed - began, during, max(told) - healed, all_s, notes)


async def check(sides: Sequence[Side]) -> int:
    """One chain, one state, nothing lost, after a pause of the load. The number of lost calls."""
    await asyncio.gather(*(side.load.pause() for side in sides))
    try:
        return sum(await asyncio.gather(*(side.whole() for side in sides)))
    finally:
        for side in sides:
            side.load.go_on()


async def run(
    root: Path,
    engine: str,
    nodes: int,
    seed: int,
    seconds: float,
    say: Say,
    names: Iterable[str] = (),
    channels: int = 1,
    changes: bool = False,
) -> Report:
    """A network, a load, and faults until the time is over (or those named, each once).

    channels: on the same nodes, each with clients of its own. changes: members, validators and channels change
    meanwhile."""
    rng = random.Random(seed)
    report = Report(engine, nodes, seed)
    async with network(root, nodes, engine, rng) as made:
        beside = [await add_channel(made, f"beside-{n}", engine) for n in range(1, channels)]
        sides = [Side(on, Load(on, CLIENTS, rng), Ledger(on)) for on in (made, *beside)]
        scene = Scene(made, rng)
        changing = Changing(made, engine, say) if changes else None
        for side in sides:
            side.load.start()
        try:
            for side in sides:
                await side.load.more(CLIENTS, checks.RECOVERY_SECONDS)
            if changing is not None:
                changing.start()
            await _faults(scene, sides, report, seconds, say, names, changing)
        except Broken as error:
            report.broken = str(error)
        finally:
            if changing is not None:
                report.changes = await changing.stop()
            for side in sides:
                await side.load.stop()
        await _judge(sides, report)
    return report


async def _faults(
    scene: Scene,
    sides: Sequence[Side],
    report: Report,
    seconds: float,
    say: Say,
    names: Iterable[str],
    changing: Changing | None,
) -> None:
    ends = time.monotonic() + seconds
    for fault in order(report.engine, scene.rng, names):
        if not names and time.monotonic() > ends:
            return
        why = fault.why_not(scene) or (
            "" if report.engine in fault.engines else "its engine forbids it"
        )
        if not why and changing is not None and not fault.among_changes:
            why = "it needs a node that certainly votes, and validators change"
        if why:
            if fault.name not in report.skipped:
                say(f"SKIPPED {fault.name}: {why}")
            report.skipped[fault.name] = why
            continue
        played = await play(fault, scene, sides)
        report.played.append(played)
        if changing is not None:
            await changing.pause()
        report.lost = await check(sides)
        if changing is not None:
            changing.go_on()
        say(f"{played.fault:30} recovery {played.recovery_s:5.1f} s  all nodes {played.all_s:5.1f} s  "
            f"acknowledged {_acknowledged(sides)}  lost {report.lost}")  # fmt: skip


async def _judge(sides: Sequence[Side], report: Report) -> None:
    """The whole history, at the end."""
    loads = [side.load for side in sides]
    report.acknowledged = _acknowledged(sides)
    report.stale_reads = sum(load.stale_reads for load in loads)
    report.worst_gap_s = max(load.worst_gap_s for load in loads)
    report.finality_ms = percentiles([s for load in loads for s in load.latencies])
    report.errors = dict(sum((Counter(load.errors) for load in loads), Counter()))
    report.blocks = sum(side.ledger.height for side in sides)
    if report.broken:
        return
    try:
        report.lost = sum([await side.whole() for side in sides])
        report.blocks = sum(side.ledger.height for side in sides)
        unknown = [o for load in loads for o in load.operations if o.balance is None]
        report.unknown = len(unknown)
        for side in sides:
            await checks.settle_unknown(side.network, side.load, side.ledger)
        report.effective = sum(o.balance is not None for o in unknown)
        told = {side.linearizable() for side in sides}
        report.linearizable = told.pop() if len(told) == 1 else "; ".join(sorted(told))
    except Broken as error:
        report.broken = str(error)
