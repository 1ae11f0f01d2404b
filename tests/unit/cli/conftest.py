"""The suite's worlds for commands too."""

from tests.unit.suite.conftest import opened, paying_world, world

__all__ = ["opened", "paying_world", "world"]
