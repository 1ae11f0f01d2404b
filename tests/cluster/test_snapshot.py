"""A city whose disk is gone begins with its peers' snapshot, over real links; first it is killed on the way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.client import find_context
from node.network import processes
from node.opening import GENESIS_FILE
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import BOTH_ENGINES
from tests.cluster.test_reconfiguration import city, status_when

pytestmark = [pytest.mark.cluster, BOTH_ENGINES]
EVERY = 4


@pytest.fixture
def taking(engine: str, tmp_path: Path) -> Iterator[Cluster]:
    """Four cities that take a snapshot every few blocks."""
    cluster = Cluster.create(tmp_path / "net", 4, engine)
    for slug in cluster.slugs:
        config = cluster.layout.node_config(slug)
        config.write_text(f"{config.read_text('utf-8')}\n[snapshot]\nevery = {EVERY}\n", "utf-8")
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.stop()


async def test_a_city_without_a_disk_comes_back_from_a_snapshot(taking: Cluster) -> None:
    victim, witness = taking.slugs[1], taking.slugs[2]
    for number in range(2 * EVERY):
        done = await taking.call("open_account", {"owner": f"a{number}", "amount": 1}, witness)
    for slug in taking.slugs:
        await status_when(taking, slug, snapshot=lambda height: height >= EVERY)
    taking.kill(victim)
    channel = taking.layout.node(victim) / "channels" / "main"
    for path in channel.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != GENESIS_FILE:
            path.unlink()
    # Killed at once: whatever it had fetched by then must not be taken for a ledger.
    processes.start_node(taking.layout, victim, "--from-snapshot")
    taking.kill(victim)
    taking.start(victim, "--from-snapshot")
    assert len(await taking.roots(done.block)) == 1
    assert (await taking.applied(victim, done.block))["history_from"] >= EVERY
    later = await taking.call("open_account", {"owner": "later", "amount": 1}, victim)
    assert len(await taking.roots(later.block)) == 1
    assert not (channel / "import").exists()
    await _an_old_backup_comes_back(taking, victim)


async def _an_old_backup_comes_back(taking: Cluster, victim: str) -> None:
    """Taken while the node runs; then it votes on, loses its disk, log included, and gets the old one back."""
    nodes = find_context(str(taking.layout.root)).nodes
    name = next(node.name for node in nodes if taking.slug_of(node.name) == victim)
    # The operator's key is the node's own.
    taken = city(taking, "node", "backup", "--node", name, "-o", "json")
    file = Path(taken["file"])
    assert city(taking, "node", "backup", "verify", str(file), "-o", "json")["height"] > 0
    drilled = city(taking, "node", "restore", str(file), "--drill", "-o", "json")
    assert drilled["height"] == taken["height"] and drilled["certified"] > 0
    for number in range(3):
        await taking.call("open_account", {"owner": f"b{number}", "amount": 1}, victim)
    taking.kill(victim)
    channel = taking.layout.node(victim) / "channels" / "main"
    for lost in ("blocks", "state", "wal"):
        shutil.rmtree(channel / lost)
    config = str(taking.layout.node_config(victim))
    found = city(taking, "node", "restore", str(file), "--config", config, "-o", "json")
    assert found["height"] == taken["height"]
    taking.start(victim)
    after = await taking.call("open_account", {"owner": "after", "amount": 1}, victim)
    assert len(await taking.roots(after.block)) == 1
    assert city(taking, "channel", "evidence", "-o", "json") == []
