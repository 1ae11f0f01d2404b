"""How fast a member may read, by all its identities together."""

from __future__ import annotations

import pytest

from node.api import pace
from node.api.pace import Pace
from node.errors import CityError


class Hand:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def reads(paced: Pace, member: str, count: int) -> int:
    """How many of `count` at once are taken."""
    taken = 0
    for _ in range(count):
        try:
            paced.take("main", member)
        except CityError as error:
            assert error.code == "CITY-1030"
        else:
            taken += 1
    return taken


def test_a_member_that_asks_too_fast_is_told_how_long_to_wait_and_no_other_notices():
    clock = Hand()
    paced = Pace(10, clock)
    assert reads(paced, "A", 50) == 20
    with pytest.raises(CityError) as caught:
        paced.take("main", "A")
    assert caught.value.variables["retry_ms"] == 101
    assert reads(paced, "B", 5) == 5
    clock.now += 0.101
    paced.take("main", "A")
    clock.now += 3_600
    assert reads(paced, "A", 50) == 20


def test_a_refused_read_costs_nothing_and_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(pace, "BUCKETS_KEPT", 3)
    clock = Hand()
    paced = Pace(1, clock)
    assert reads(paced, "A", 9) == 2
    clock.now += 1
    assert reads(paced, "A", 9) == 1
    for member in "BCDEF":
        paced.take("main", member)
    assert len(paced._buckets) == 3
