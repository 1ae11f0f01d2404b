"""How many validators may lie, and how many must agree (consensus.md section 1)."""

from __future__ import annotations


def faults(n: int) -> int:
    """f: Byzantine validators tolerated among n."""
    if n < 1:
        raise ValueError("a channel has at least one validator")
    return (n - 1) // 3


def quorum(n: int) -> int:
    """q: two sets of q share at least f + 1 members, for every n and not only for n = 3f + 1."""
    return (n + faults(n) + 2) // 2  # the ceiling of (n + f + 1) / 2


def majority(n: int) -> int:
    """Two majorities share a member: enough where nobody lies (Raft)."""
    return n // 2 + 1


def weak_quorum(n: int) -> int:
    """f + 1: at least one honest validator."""
    return faults(n) + 1
