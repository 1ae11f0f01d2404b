from __future__ import annotations

import pytest

from tests.unit.consensus.raft.group import Group


def run(seed: int, steps: int = 1500) -> Group:
    group = Group(seed)
    for _ in range(steps):
        group.happen()
    group.heal()
    return group


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_a_group_under_every_fault_agrees_and_recovers(first: int) -> None:
    groups = [run(seed) for seed in range(first, first + 10)]
    # The run is worth something: things were committed, read, and leaders changed.
    assert sum(group.highest for group in groups) > 100
    assert sum(group.answered for group in groups) > 0
    assert sum(len(group.leaders) for group in groups) > 20


def test_the_same_seed_gives_the_same_history() -> None:
    first, second = run(7), run(7)
    assert first.committed == second.committed
    assert first.leaders == second.leaders
