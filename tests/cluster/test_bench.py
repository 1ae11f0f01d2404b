"""`city bench` as a user runs it: a small network of its own, figures as JSON, progress beside them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from node.bench.load import percentile

pytestmark = pytest.mark.cluster
FIGURES = {
    "tps", "latency_ms", "committed", "failed", "cpu_s_per_node", "rss_mb_per_node",
    "disk_bytes_per_tx", "cpu", "command",
}  # fmt: skip


def bench(*options: str) -> tuple[dict[str, Any], str]:
    command = [sys.executable, "-m", "node.cli.main", "bench", "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report, done.stderr


def check_figures(report: dict[str, Any], transactions: int, nodes: int) -> None:
    assert set(report) >= FIGURES
    assert (report["committed"], report["failed"]) == (transactions, 0)
    assert report["tps"] > 0 and report["disk_bytes_per_tx"] > 0
    latency = report["latency_ms"]
    assert set(latency) == {"p50", "p95", "p99"}
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    for figure in ("cpu_s_per_node", "rss_mb_per_node"):
        assert len(report[figure]) == nodes
        assert all(value > 0 for value in report[figure].values())
    assert report["cpu"] and report["suite"] == "sm" and "openssl" in report["crypto"]
    assert report["view_changes"] >= 0 and report["blocks"] >= 1
    assert report["command"].startswith("city bench --json")


def test_a_closed_loop_commits_every_transfer_and_gives_all_figures() -> None:
    report, progress = bench("--transactions", "600", "--nodes", "4", "--batch", "100")
    check_figures(report, 600, 4)
    assert report["mode"].startswith("closed loop")
    assert "signing 600 transfers" in progress


def test_an_open_loop_keeps_its_rate_on_a_single_node_with_four_blocks_in_flight() -> None:
    report, _ = bench("--transactions", "300", "--nodes", "1", "--rate", "100", "--window", "4")
    check_figures(report, 300, 1)
    assert report["mode"] == "open loop, 100/s" and report["window"] == 4
    assert report["tps"] <= 110, "sent faster than asked for"


def test_a_steady_run_too_long_for_its_signatures_is_refused_before_anything_starts() -> None:
    command = [sys.executable, "-m", "node.cli.main", "bench", "run", "--rate", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert "45 s" in done.stderr


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [((), 0.5, 0.0), ((3.0,), 0.99, 3.0), ((4.0, 1.0, 3.0, 2.0), 0.5, 3.0), ((1.0, 2.0), 1.0, 2.0)],
)
def test_a_percentile_is_one_of_the_values(
    values: tuple[float, ...], share: float, expected: float
) -> None:
    assert percentile(values, share) == expected
