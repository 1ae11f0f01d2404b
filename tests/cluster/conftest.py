"""One cluster for the tests that only talk to it; tests that kill, cut or damage nodes make their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.cluster import Cluster


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Four cities that nobody harms."""
    cluster = Cluster.create(tmp_path_factory.mktemp("shared") / "net", 4)
    cluster.up()
    yield cluster
    cluster.stop()


@pytest.fixture
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Four cities of a test's own."""
    cluster = Cluster.create(tmp_path_factory.mktemp("four") / "net", 4)
    cluster.up()
    yield cluster
    cluster.stop()


@pytest.fixture
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One city of a test's own, not started."""
    cluster = Cluster.create(tmp_path_factory.mktemp("lone") / "net", 1)
    yield cluster
    cluster.stop()
