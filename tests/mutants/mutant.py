"""What a mutant is: one planted mistake, the rule it breaks, and what must find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from tests.simulation.shape import Shape

Plant = Callable[[], AbstractContextManager[Any]]
Focus = Callable[[int], Shape]
Directed = Callable[[], None]


@dataclass(frozen=True)
class Mutant:
    """`hunt` draws the shape of each seed, `most` bounds the seeds.
    `directed` is a schedule instead: it raises AssertionError when the mistake shows, and passes without it.
    `told_in` is the title of a scenario that goes otherwise with the mistake, for one that seeds find rarely.
    `reason` says where the mistake was made before, or what it leads to."""

    name: str
    rule: str
    reason: str
    plant: Plant
    hunt: Focus | None = None
    most: int = 3_000
    directed: Directed | None = None
    told_in: str = ""
    engine: str = "pbft"


def instead(owner: Any, name: str, value: Any) -> Plant:
    """A plant that replaces one attribute."""

    @contextmanager
    def plant() -> Iterator[None]:
        with patch.object(owner, name, value):
            yield

    return plant


def around(owner: Any, name: str, make: Callable[[Any], Any]) -> Plant:
    """A plant that replaces a function by what `make` builds from the original."""
    return instead(owner, name, make(getattr(owner, name)))
