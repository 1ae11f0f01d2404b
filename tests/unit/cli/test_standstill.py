"""Who proposes a change that would stop the channel is told before."""

from __future__ import annotations

from typing import Any

import pytest

from node.cli.standstill import after_change, judge
from node.governance.state import ADD, REMOVE, REPLACE_KEY

FOUR = ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    ("engine", "kind", "name", "voting", "up", "needed", "why"),
    [
        ("pbft", ADD, "E", "ABCD", "ABCDE", None, "all are up"),
        ("pbft", ADD, "E", "ABCD", "ABCD", None, "four of five is a quorum without the new one"),
        ("pbft", ADD, "E", "ABC", "ABC", 4, "three of five are none"),
        ("pbft", ADD, "E", "ABC", "ABCE", None, "the new one is up and makes the fourth"),
        ("pbft", REMOVE, "A", "ABC", "ABC", None, "two of three are left"),
        ("pbft", REMOVE, "A", "AB", "AB", 2, "one of three is left"),
        ("pbft", REPLACE_KEY, "A", "ABC", "ABC", None, "its node is up and votes soon"),
        ("pbft", REPLACE_KEY, "D", "AB", "AB", 3, "two of four were too few already"),
        ("raft", REMOVE, "A", "ABC", "ABC", None, "two of three are a majority"),
        ("raft", ADD, "E", "AB", "AB", 3, "two of five are none"),
    ],
)
def test_a_change_that_leaves_too_few_voters_is_told(
    engine: str, kind: str, name: str, voting: str, up: str, needed: int | None, why: str
) -> None:
    found = after_change(engine, FOUR, kind, name, voting, up)
    assert (found.needed if found else None) == needed, why
    if found is not None:
        assert name in found.silent or name in found.voting or kind == REMOVE
        assert set(found.voting) <= set(up) and not set(found.silent) & set(found.voting)


@pytest.mark.parametrize(
    ("roles", "peers", "is_told"),
    [
        ({"A": "validator", "B": "validator", "C": "validator"}, [], False),
        ({"A": "validator", "B": "validator", "C": "observer (its log is gone)"}, [], True),
        ({"A": "validator"}, ["B", "C"], False),  # others of the context's network, seen by A
        ({"A": "validator"}, ["B"], True),
        ({}, [], False),  # nobody answers: nothing is known
    ],
)
def test_what_the_nodes_say_decides_and_a_peer_that_is_linked_counts(
    roles: dict[str, str], peers: list[str], is_told: bool
) -> None:
    def ask(name: str) -> dict[str, Any] | None:
        linked = [{"name": each, "validator": True} for each in peers]
        return {"role": roles[name], "peers": linked} if name in roles else None

    shown = {"engine": "pbft", "validators": [{"name": each} for each in FOUR]}
    found = judge(ask, shown, REPLACE_KEY, "A")
    assert (found is not None) == is_told
    if found is not None:
        assert "D" in found.silent and str(found).endswith("D.")
