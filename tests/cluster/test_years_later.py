"""A network whose clock stands two years later still makes links and orders: no certificate's date stops it."""

from __future__ import annotations

import glob
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.network.create import create_network
from node.network.plan import load_plan
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import ONCE

pytestmark = [pytest.mark.cluster, ONCE]
LIBRARIES = sorted(glob.glob("/usr/lib/*/faketime/libfaketime.so.1"))


def city(root: Path, *words: str) -> Any:
    """A command of the same late day: what it signs is good for minutes."""
    command = [sys.executable, "-m", "node.cli.main", "--context", str(root), "--as", "ops", *words]
    done = subprocess.run([*command, "-o", "json"], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not LIBRARIES, reason="Debian's libfaketime is not installed")
def test_certificates_stop_no_validator_two_years_on(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "net"
    create_network(load_plan().with_nodes(2).with_consensus(engine).with_contracts(), root)
    cluster = Cluster(root)
    monkeypatch.setenv(
        "LD_PRELOAD", LIBRARIES[0]
    )  # of what is started: this process keeps its time
    monkeypatch.setenv("FAKETIME", "+730d")
    try:
        cluster.up()  # two of two validators: neither is ready without the other
        done = city(root, "call", "transfer", "open_account", "owner=a", "amount:=5")
        at_ms = [
            city(root, "block", "show", str(height))["header"]["timestamp_ms"]
            for height in (0, done["block"])
        ]
        assert at_ms[1] - at_ms[0] > 700 * 24 * 3_600_000
    finally:
        cluster.stop()
