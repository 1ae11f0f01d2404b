"""The world every suite test starts from, opened once and copied: registering the cast takes a while."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from tests.unit.suite.world import World, open_world


def fresh(world: World) -> World:
    """The same world again: state and time are copied, the engine keeps no state between blocks."""
    again = copy.copy(world)
    again.state = type(world.state)(world.state)
    again.past = list(world.past)
    again.engine = copy.copy(world.engine)
    again.engine.state = again.state
    return again


@pytest.fixture(scope="session")
def opened() -> World:
    return open_world()


@pytest.fixture
def world(opened: World) -> World:
    """Parties active, invoices lodged, limit set; no registration center."""
    return fresh(opened)


@pytest.fixture
def paying_world(opened: World, tmp_path: Path) -> World:
    """The same with a registration center and a wallet a member."""
    again = fresh(opened)
    again.open_center(tmp_path / "center")
    return again
