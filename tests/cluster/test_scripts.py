"""deploy/cluster.sh as an operator uses it: up, submit, stop, up again, add, down."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from node.network.control import UP
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import BOTH_ENGINES

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]


def script(*arguments: str) -> Any:
    """Runs the script and returns its JSON. The nodes it starts must not hold our pipes."""
    command = [str(ROOT / "deploy" / "cluster.sh"), *arguments, "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@BOTH_ENGINES
async def test_up_submit_stop_up_again_gives_the_same_state_root(
    engine: str, tmp_path: Path
) -> None:
    where = ("--dir", str(tmp_path / "net"))
    rows = script("up", "--nodes", "4", "--engine", engine, *where)
    cluster = Cluster(tmp_path / "net")
    try:
        assert len(rows) == 4 and {row["state"] for row in rows} <= set(UP)
        done = await cluster.call("open_account", {"owner": "a", "amount": 5})
        before = await cluster.roots(done.block)
        assert sorted(script("stop", *where)["stopped"]) == cluster.slugs
        assert {row["state"] for row in script("status", *where)} == {"stopped"}
        script("up", "--nodes", "4", "--engine", engine, *where)
        assert await cluster.roots(done.block) == before
        async with cluster.net() as net:
            status = await net.node_status()
        assert status["consensus"] == engine and engine in status["trust"]
        assert (engine == "raft") == ("not to lie" in status["trust"])
        rows = script("add", "--city", "Shanghai", *where)
        assert [r["role"] for r in rows if r["city"] == "Shanghai"] == ["observer"]
        later = await cluster.call("open_account", {"owner": "b", "amount": 5})
        assert len(await cluster.roots(later.block)) == 1
    finally:
        script("down", *where)
    assert not (tmp_path / "net").exists()


def test_a_folder_without_a_network_is_refused_with_its_code(tmp_path: Path) -> None:
    command = [str(ROOT / "deploy" / "cluster.sh"), "status", "--dir", str(tmp_path), "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 6
    assert json.loads(done.stdout)["error"]["code"] == "CITY-8026"


def test_bundles_carry_everything_a_host_needs(tmp_path: Path) -> None:
    from node.config import load_config

    cluster = Cluster.create(tmp_path / "net", 4)
    command = [str(ROOT / ".venv" / "bin" / "city"), "network", "bundle"]
    options = ["--dir", str(cluster.layout.root), "--out", str(tmp_path / "carry")]
    subprocess.run([*command, *options, "--host", "Shenzhen=sz.example.org"], check=True)
    folder = tmp_path / "carry" / "guangzhou"
    config = load_config(folder / "node.toml")
    assert config.peers["Shenzhen"] == "sz.example.org:7051"
    assert (
        folder / "channels" / "main" / "genesis.bin"
    ).read_bytes() == cluster.layout.genesis.read_bytes()
    assert {p.name for p in (folder / "keys").iterdir()} == {
        "identity.pem",
        "vote.pem",
        "transport.pem",
        "transport.crt",
    }
    assert "ExecStart=" in (folder / "citychain-guangzhou.service").read_text()
