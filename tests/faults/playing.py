"""Plays faults one after the other and checks after each; a table says what came of it."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import checks
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


async def play(fault: Fault, scene: Scene) -> Played:
    """One fault under load: injected, held, healed; then waits until everybody has what came after."""
    scene.notes.clear()
    before, began = len(scene.load.acknowledged), time.monotonic()
    found = await fault.inject(scene)
    await asyncio.sleep(fault.hold_s)
    await fault.heal(scene, found)
    healed = time.monotonic()
    during = len(scene.load.acknowledged) - before
    try:
        told = await scene.load.acknowledgement(healed, checks.RECOVERY_SECONDS)
    except TimeoutError:
        raise Broken(
            f"{fault.name}: nothing was acknowledged for {checks.RECOVERY_SECONDS:.0f} s"
        ) from None
    height = max(o.block for o in scene.load.acknowledged)
    await checks.reached(scene.network, height, scene.network.order)
    all_s = time.monotonic() - healed
    return Played(fault.name, healed - began, during, told - healed, all_s, "; ".join(scene.notes))


async def check(scene: Scene, ledger: Ledger) -> int:
    """One chain, one state, nothing lost, after a pause of the load. The number of lost calls."""
    await scene.load.pause()
    try:
        height = max((o.block for o in scene.load.acknowledged), default=0)
        tip = await checks.one_state(scene.network, height, scene.network.order)
        await ledger.read_to(tip, scene.network.order)
    finally:
        scene.load.go_on()
    return len(ledger.lost(scene.load.acknowledged))


async def run(
    root: Path,
    engine: str,
    nodes: int,
    seed: int,
    seconds: float,
    say: Say,
    names: Iterable[str] = (),
) -> Report:
    """A network, a load, and faults until the time is over (or those named, each once)."""
    rng = random.Random(seed)
    report = Report(engine, nodes, seed)
    async with network(root, nodes, engine, rng) as made:
        load = Load(made, CLIENTS, rng)
        scene, ledger = Scene(made, load, rng), Ledger(made)
        load.start()
        try:
            await load.more(CLIENTS, checks.RECOVERY_SECONDS)
            await _faults(scene, ledger, report, seconds, say, names)
        except Broken as error:
            report.broken = str(error)
        finally:
            await load.stop()
        await _judge(made, load, ledger, report)
    return report


async def _faults(
    scene: Scene, ledger: Ledger, report: Report, seconds: float, say: Say, names: Iterable[str]
) -> None:
    ends = time.monotonic() + seconds
    for fault in order(report.engine, scene.rng, names):
        if not names and time.monotonic() > ends:
            return
        why = fault.why_not(scene) or (
            "" if report.engine in fault.engines else "its engine forbids it"
        )
        if why:
            if fault.name not in report.skipped:
                say(f"SKIPPED {fault.name}: {why}")
            report.skipped[fault.name] = why
            continue
        played = await play(fault, scene)
        report.played.append(played)
        report.lost = await check(scene, ledger)
        say(f"{played.fault:30} recovery {played.recovery_s:5.1f} s  all nodes {played.all_s:5.1f} s  "
            f"acknowledged {len(scene.load.acknowledged)}  lost {report.lost}")  # fmt: skip


async def _judge(made: Network, load: Load, ledger: Ledger, report: Report) -> None:
    """The whole history, at the end."""
    report.acknowledged, report.stale_reads = len(load.acknowledged), load.stale_reads
    report.worst_gap_s, report.blocks = load.worst_gap_s, ledger.height
    report.finality_ms, report.errors = percentiles(load.latencies), load.errors
    if report.broken:
        return
    try:
        height = max((o.block for o in load.acknowledged), default=0)
        await ledger.read_to(await checks.one_state(made, height, made.order), made.order)
        report.lost, report.blocks = len(ledger.lost(load.acknowledged)), ledger.height
        report.unknown = sum(1 for o in load.operations if o.balance is None)
        await checks.settle_unknown(made, load, ledger)
        report.effective = report.unknown - sum(1 for o in load.operations if o.balance is None)
        report.linearizable = checks.linearizable(load)
    except Broken as error:
        report.broken = str(error)
