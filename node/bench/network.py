"""One benchmark run: a network of its own or one that is there, the load, and what it cost each node."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from node.bench.load import Bench, Load, Outcome, Say, percentile
from node.bench.machine import cpu_name
from node.client import find_context
from node.network import processes
from node.network.control import network_stop, network_up
from node.network.create import create_network
from node.network.layout import Layout
from node.network.plan import load_plan

USER = "ops"


def bench_network(
    load: Load, *, nodes: int, window: int, root: Path | None, say: Say = lambda text: None
) -> dict[str, Any]:
    """The report of decisions section 5. root: a network to join; None: one is made and removed.

    say: takes a line of progress now and then."""
    if root is not None:
        return _measured(Layout(root.resolve()), load, say)
    folder = Path(tempfile.mkdtemp(prefix="city-bench-"))
    try:
        plan = load_plan().with_nodes(nodes)
        channel = plan.channel.model_copy(update={"window": window})
        create_network(plan.model_copy(update={"channel": channel}), folder)
        say(f"starting {nodes} nodes")
        network_up(folder)
        try:
            return _measured(Layout(folder), load, say) | {"window": window}
        finally:
            network_stop(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(layout: Layout, load: Load, say: Say) -> dict[str, Any]:
    return asyncio.run(_measure(layout, load, say))


async def _measure(layout: Layout, load: Load, say: Say) -> dict[str, Any]:
    pids = {s: process.pid for s in layout.slugs() if (process := processes.find(layout, s))}
    async with Bench(find_context(str(layout.root)), USER, say) as bench:
        status = await bench.warm_up()
        say(f"signing {load.transactions} transfers")
        started = time.monotonic()
        signed = await bench.sign(load.transactions)
        signing_s = time.monotonic() - started
        cpu, disk = {s: cpu_seconds(p) for s, p in pids.items()}, _disk_bytes(layout, pids)
        view = await bench.view()
        outcome = await bench.measure(signed, load)
        cpu = {s: round(cpu_seconds(p) - cpu[s], 2) for s, p in pids.items()}
        grown = _disk_bytes(layout, pids) - disk
        view_changes = await bench.view() - view
    committed = max(1, len(outcome.latencies_ms))
    return _report(load, outcome) | {
        "cpu_s_per_node": cpu,
        "cpu_us_per_tx": round(sum(cpu.values()) * 1e6 / max(1, len(pids)) / committed),
        "rss_mb_per_node": {s: round(rss_bytes(p) / 2**20, 1) for s, p in pids.items()},
        "disk_bytes_per_tx": round(grown / max(1, len(pids)) / committed),
        "cpu": cpu_name(),
        "nodes": len(pids),
        "suite": status["crypto"].partition(" ")[0],
        "crypto": status["crypto"],
        "view_changes": view_changes,
        "signing_s": round(signing_s, 2),
    }


def _report(load: Load, outcome: Outcome) -> dict[str, Any]:
    committed = len(outcome.latencies_ms)
    return {
        "tps": round(committed / outcome.duration_s, 1),
        "latency_ms": {
            f"p{share}": round(percentile(outcome.latencies_ms, share / 100), 1)
            for share in (50, 95, 99)
        },
        "committed": committed,
        "failed": load.transactions - committed,
        "blocks": len(outcome.heights),
        "mode": f"open loop, {load.rate}/s"
        if load.rate
        else f"closed loop, {load.in_flight} in flight, {load.batch} a message",
    }


def _tree(pid: int) -> list[int]:
    """A process and its descendants: a node and its engine workers."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _tree(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a node and its workers."""
    total = 0
    for each in _tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid: int) -> int:
    pages = sum(int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in _tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE")


def _disk_bytes(layout: Layout, slugs: Iterable[str]) -> int:
    return sum(
        file.stat().st_size
        for slug in slugs
        for file in (layout.node(slug) / "channels").rglob("*")
        if file.is_file()
    )
