from __future__ import annotations

import pytest

from consensus.quorum import faults, quorum, weak_quorum
from tests.simulation.engine_pbft import smallest_safe_quorum

TABLE = [  # n, f, q: consensus.md section 1
    (1, 0, 1), (2, 0, 2), (3, 0, 2), (4, 1, 3), (5, 1, 4), (6, 1, 4),
    (7, 2, 5), (8, 2, 6), (9, 2, 6), (10, 3, 7), (13, 4, 9),
]  # fmt: skip


@pytest.mark.parametrize(("n", "f", "q"), TABLE)
def test_the_quorum_is_that_of_the_published_table(n: int, f: int, q: int) -> None:
    assert (faults(n), quorum(n), weak_quorum(n)) == (f, q, f + 1)


def test_two_quorums_share_an_honest_member_and_the_silent_cannot_block_one() -> None:
    for n in range(1, 200):
        assert 2 * quorum(n) - n > faults(n)
        assert quorum(n) <= n - faults(n)
        assert quorum(n) == -(-2 * n // 3) == smallest_safe_quorum(n)


def test_a_channel_without_validators_has_no_quorum() -> None:
    with pytest.raises(ValueError, match="at least one"):
        faults(0)
