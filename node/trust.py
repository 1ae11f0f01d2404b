"""What a channel believes of its validators, in the words that every place shows."""

from __future__ import annotations

from consensus.certificate import KIND_RAFT
from consensus.quorum import faults

RAFT_TRUST = "raft: trusts its members not to lie; it survives crashes of a minority, and no liar"


def trust(kind: str, n: int) -> str:
    """One sentence about a channel of this kind with n validators."""
    if kind == KIND_RAFT:
        return RAFT_TRUST
    return f"{kind}: up to {faults(n)} of {n} validators may lie or be down"


def lies_tolerated(kind: str, n: int) -> int:
    """How many validators may lie without harm."""
    return 0 if kind == KIND_RAFT else faults(n)
