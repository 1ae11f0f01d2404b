"""Invariants I1, I2 and I7 over random trees of splits and transfers."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.suite.world import EC, World

FACE = 600_000_000
Step = tuple[int, list[int]]


def parts_of(amount: int, weights: list[int]) -> list[int]:
    """The amount in parts by weights, each at least 1; the last takes the rest."""
    parts = [max(1, amount * weight // (sum(weights) + 1)) for weight in weights]
    return [*parts, amount - sum(parts)]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 50), st.lists(st.integers(0, 1000), min_size=1, max_size=4)),
        min_size=1,
        max_size=8,
    ),
    off_by=st.sampled_from([-1, 1]),
)
def test_leaves_always_add_up_to_the_face(opened: World, steps: list[Step], off_by: int) -> None:
    world = copy.copy(opened)
    world.state = type(opened.state)(opened.state)
    world.engine = copy.copy(opened.engine)
    world.engine.state = world.state
    world.issue()
    leaves: dict[str, dict[str, Any]] = {EC: world.piece(EC)}
    for pick, weights in steps:
        leaf_id = sorted(leaves)[pick % len(leaves)]
        amount = leaves[leaf_id]["amount_fen"]
        amounts = parts_of(amount, weights)
        if min(amounts) < 1 or leaves[leaf_id]["depth"] == 8:
            continue
        wrong = [*amounts[:-1], amounts[-1] + off_by]
        if wrong[-1] > 0:
            world.refused("E_SPLIT_SUM", "lg", "receivable.split", leaf_id=leaf_id, amounts=wrong)
        ids = world.ok("lg", "receivable.split", leaf_id=leaf_id, amounts=amounts)
        del leaves[leaf_id]
        leaves |= {part: world.piece(part) for part in ids}
        facts = world.ok("pbc", "receivable.invariants", ec_id=EC)
        assert facts["leaves_fen"] == facts["face_fen"] == FACE
        assert facts["leaves"] == len(leaves)
        assert facts["every_leaf_has_a_holder"] and facts["depth"] <= 8
    mine = world.ok("lg", "receivable.my_leaves", limit=200)
    assert {leaf["leaf_id"] for leaf in mine} == set(leaves)
    assert sum(leaf["amount_fen"] for leaf in mine) == FACE
