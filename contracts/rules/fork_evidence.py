"""What convicts a log: two signed heads that one honest log cannot both have signed.

Version 1 holds two heads: one size with two roots, or a tree that shrank with time. Version 2 adds one leaf
that stands differently in the two trees, so that sizes that differ convict too: the larger tree does not
continue the smaller one. The bytes are those of consensus/payment.py; consensus/fork.py agrees.
"""

from rules.payment_proof import PATH_STEPS_MAX, Head, check, read_certified
from sdk import dataclass, merkle_verify, struct_decode, struct_encode

HEADS = 1
HISTORY = 2


@dataclass
class Fork:
    """heads, chains: of the first and the second side. leaves, paths: empty in version 1."""

    heads: list
    chains: list
    leaf_index: int
    leaves: list
    paths: list


def read_fork(data: bytes) -> Fork:
    """Raises ValueError for anything but the canonical bytes."""
    if data.startswith(struct_encode([("int", HISTORY)])):
        parts = struct_decode(
            ["int", "bytes", "bytes", "int", "hash", "list:hash", "hash", "list:hash"], data
        )
        leaves, paths = [parts[4], parts[6]], [list(parts[5]), list(parts[7])]
        check(max(len(path) for path in paths) <= PATH_STEPS_MAX, "a path of at most 64 steps")
    else:
        parts = struct_decode(["int", "bytes", "bytes"], data)
        check(parts[0] == HEADS, "evidence of a known version")
        leaves, paths = [], []
    sides = [read_certified(parts[1]), read_certified(parts[2])]
    index = parts[3] if leaves else 0
    return Fork([side[0] for side in sides], [side[1] for side in sides], index, leaves, paths)


def heads_conflict(first: Head, second: Head) -> bool:
    """One size with two roots, or a tree that shrank with time."""
    if first.size == second.size:
        return first.root != second.root
    if first.size < second.size:
        return first.time_ms > second.time_ms
    return second.time_ms > first.time_ms


def is_fork(fork: Fork) -> bool:
    """Whether one honest log can not have signed both heads."""
    if not fork.leaves:
        return heads_conflict(fork.heads[0], fork.heads[1])
    if fork.leaves[0] == fork.leaves[1]:
        return False
    for side in range(2):
        head = fork.heads[side]
        inside = fork.leaf_index < head.size < 2**63
        leaf, path = fork.leaves[side], fork.paths[side]
        if not inside or not merkle_verify(head.root, leaf, fork.leaf_index, head.size, path):
            return False
    return True
