"""The bench counts what it says, and an undisturbed height costs the messages of the protocol, no more."""

from __future__ import annotations

import pytest

from tests.bench.core import Workload, measure

HEIGHTS = 4


@pytest.mark.parametrize("nodes", [4, 7])
@pytest.mark.parametrize("window", [1, 4])
def test_a_height_of_pbft_costs_one_proposal_and_two_rounds_of_votes(
    nodes: int, window: int
) -> None:
    outcome = measure(Workload("pbft", nodes, 1, window, HEIGHTS))
    assert outcome.messages == {
        "Commit": HEIGHTS * nodes * (nodes - 1),
        "Prepare": HEIGHTS * (nodes - 1) ** 2,
        "Proposal": HEIGHTS * (nodes - 1),
    }
    assert outcome.signed == HEIGHTS * 2 * nodes
