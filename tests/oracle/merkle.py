"""Merkle trees of RFC 9162 section 2.1: roots, inclusion and consistency, over hashed leaves."""

from collections.abc import Callable, Sequence

from tests.oracle.structures import require

Hash = Callable[[bytes], bytes]


def leaf_hash(h: Hash, entry: bytes) -> bytes:
    return h(b"\x00" + entry)


def node_hash(h: Hash, left: bytes, right: bytes) -> bytes:
    return h(b"\x01" + left + right)


def root(h: Hash, leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return h(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(h, root(h, leaves[:split]), root(h, leaves[split:]))


def check_inclusion(
    h: Hash, leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes, what: str
) -> None:
    """RFC 9162 section 2.1.3.2."""
    require(len(leaf) == 32, f"{what}: the leaf is no hash")
    require(index < size, f"{what}: index {index} in a tree of {size}")
    at, last, result = index, size - 1, leaf
    for sibling in path:
        require(last != 0, f"{what}: the path is longer than the tree is deep")
        if at & 1 or at == last:
            result = node_hash(h, sibling, result)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            result = node_hash(h, result, sibling)
        at, last = at >> 1, last >> 1
    require(last == 0, f"{what}: the path is shorter than the tree is deep")
    require(result == expected, f"{what}: the path does not lead to the root")


def check_consistency(
    h: Hash, first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    """RFC 9162 section 2.1.4.2; sizes may also be equal (empty path); 0 proves nothing, so it is refused."""
    require(0 < first <= second, "consistency: the sizes are in no order that can be proven")
    if first == second:
        require(not path and first_root == second_root, "consistency: one size with two roots")
        return
    require(len(path) > 0, "consistency: the path is empty")
    steps = list(path)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = steps[0]
    for sibling in steps[1:]:
        require(last != 0, "consistency: the path is too long")
        if at & 1 or at == last:
            old, new = node_hash(h, sibling, old), node_hash(h, sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(h, new, sibling)
        at, last = at >> 1, last >> 1
    require(last == 0, "consistency: the path is too short")
    require(old == first_root, "consistency: the path does not lead to the older root")
    require(new == second_root, "consistency: the path does not lead to the newer root")
