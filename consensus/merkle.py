"""RFC 6962 / RFC 9162 Merkle trees, the hash passed in. The only Merkle code of the project.

`leaf = H(00 | entry)`, `node = H(01 | left | right)`, the empty tree is `H("")`, and a tree of n leaves is
split at the largest power of two below n. Verifiers are total: a malformed proof is False, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

HashFunction = Callable[[bytes], bytes]

PATH_LENGTH_MAX = 64


def leaf_hash(hash_: HashFunction, entry: bytes) -> bytes:
    return hash_(b"\x00" + entry)


def node_hash(hash_: HashFunction, left: bytes, right: bytes) -> bytes:
    return hash_(b"\x01" + left + right)


def root(hash_: HashFunction, leaves: Sequence[bytes]) -> bytes:
    """Root over leaf *hashes*. Level by level: an odd last node moves up unchanged (same tree)."""
    if not leaves:
        return hash_(b"")
    level = list(leaves)
    while len(level) > 1:
        paired = [
            hash_(b"\x01" + left + right)
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        if len(level) & 1:
            paired.append(level[-1])
        level = paired
    return level[0]


def _split_point(size: int) -> int:
    """Largest power of two smaller than size (RFC 9162 section 2.1.1)."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_path(hash_: HashFunction, leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path of leaf `index`, from the bottom up (RFC 9162 section 2.1.3.1)."""
    if not 0 <= index < len(leaves):
        raise IndexError("leaf index outside the tree")
    if len(leaves) == 1:
        return []
    k = _split_point(len(leaves))
    if index < k:
        return [*inclusion_path(hash_, leaves[:k], index), root(hash_, leaves[k:])]
    return [*inclusion_path(hash_, leaves[k:], index - k), root(hash_, leaves[:k])]


def consistency_path(hash_: HashFunction, leaves: Sequence[bytes], first: int) -> list[bytes]:
    """Proof that the tree of the first `first` leaves is a prefix (RFC 9162 section 2.1.4.1)."""
    if not 0 < first <= len(leaves):
        raise IndexError("first size outside the tree")

    def subproof(size: int, part: Sequence[bytes], whole: bool) -> list[bytes]:
        if size == len(part):
            return [] if whole else [root(hash_, part)]
        k = _split_point(len(part))
        if size <= k:
            return [*subproof(size, part[:k], whole), root(hash_, part[k:])]
        return [*subproof(size - k, part[k:], False), root(hash_, part[:k])]

    return subproof(first, leaves, True)


def verify_inclusion(
    hash_: HashFunction, leaf: bytes, index: int, size: int, path: Sequence[bytes], root_: bytes
) -> bool:
    """Whether `leaf` (a leaf hash) stands at `index` in the tree (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or len(path) > PATH_LENGTH_MAX or len(leaf) != 32:
        return False
    fn, sn, running = index, size - 1, leaf
    for step in path:
        if len(step) != 32 or sn == 0:
            return False
        if fn & 1 or fn == sn:
            running = node_hash(hash_, step, running)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            running = node_hash(hash_, running, step)
        fn >>= 1
        sn >>= 1
    return sn == 0 and running == root_


def verify_consistency(
    hash_: HashFunction,
    first: int,
    second: int,
    first_root: bytes,
    second_root: bytes,
    path: Sequence[bytes],
) -> bool:
    """Whether the tree of size `second` extends that of size `first` (RFC 9162 section 2.1.4.2).

    Consistency from the empty tree says nothing and is refused."""
    if first < 1 or first > second or len(path) > 2 * PATH_LENGTH_MAX:
        return False
    if any(len(step) != 32 for step in path):
        return False
    if first == second:
        return not path and first_root == second_root
    steps = list(path)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)
    if not steps:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    first_running = second_running = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first_running = node_hash(hash_, step, first_running)
            second_running = node_hash(hash_, step, second_running)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            second_running = node_hash(hash_, second_running, step)
        fn >>= 1
        sn >>= 1
    return sn == 0 and first_running == first_root and second_running == second_root
