"""One cluster for the tests that only talk to it; tests that kill, cut or damage nodes make their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.network.layout import Layout
from node.network.observer import choose_city, write_observer
from tests.cluster.cluster import Cluster

FIFTH = "Shanghai"

# Clusters of two test processes never draw the same ports, also while their nodes are down. What a test starts
# (scripts, commands) draws from the same range.
PORTS_EACH, WORKERS = 1_500, 8
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
_first = 20_000 + _worker * PORTS_EACH
os.environ["CITY_PORTS"] = f"{_first}-{_first + PORTS_EACH - 1}"
ENGINES = ("pbft", "raft")

# What is about ordering, crashes, catching up or what clients see runs over both engines. ONCE stands where the
# engine makes no difference, and keeps such tests with those that share their cluster.
BOTH_ENGINES = pytest.mark.parametrize("engine", ENGINES, scope="session")
ONCE = pytest.mark.parametrize("engine", ENGINES[:1], scope="session")


@pytest.fixture(scope="session")
def engine() -> str:
    """How the nodes agree, for a test that does not care."""
    return ENGINES[0]


@pytest.fixture(scope="session")
def shared(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Four cities that nobody harms."""
    cluster = Cluster.create(tmp_path_factory.mktemp("shared") / "net", 4, engine)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def four(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Four cities of a test's own."""
    cluster = Cluster.create(tmp_path_factory.mktemp("four") / "net", 4, engine)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One city of a test's own, not started."""
    cluster = Cluster.create(tmp_path_factory.mktemp("lone") / "net", 1)
    yield cluster
    cluster.stop()


@pytest.fixture
def fifth(shared: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """The shared network's folder without its data, and a fifth city in it with good papers: an observer
    that links to the four and whom their own cluster knows nothing of."""
    root = tmp_path / "net"
    shutil.copytree(
        shared.layout.root, root, ignore=shutil.ignore_patterns("channels", "logs", "run")
    )
    layout = Layout(root)
    write_observer(layout, choose_city(layout, FIFTH))
    cluster = Cluster(root)
    yield cluster
    cluster.stop_one(FIFTH.lower())
