"""The append-only Merkle log: perfect subtrees are stored once, so that appending a leaf costs O(1) hashes on
average and a proof O(log^2 n) reads at most, at any size the log ever had.

A node (level, index) is the root of the perfect subtree over leaves index*2^level to (index+1)*2^level - 1.
"""

from __future__ import annotations

from collections.abc import Callable

from consensus.merkle import HashFunction, leaf_hash, node_hash
from deploy.regcenter.errors import CenterError

Get = Callable[[bytes], bytes | None]
Put = Callable[[bytes, bytes], None]


def node_key(level: int, index: int) -> bytes:
    return b"n" + bytes((level,)) + index.to_bytes(8, "big")


def leaf_key(leaf: bytes) -> bytes:
    return b"l" + leaf


def before(leaf: int) -> bytes:
    """The key after which `leaf` is the first, where leaves are counted in keys."""
    return (leaf - 1).to_bytes(8, "big") if leaf else b""


class Frontier:
    """The perfect subtrees of a tree, largest first: all that appending needs to remember."""

    def __init__(self, size: int, peaks: list[bytes]) -> None:
        assert len(peaks) == size.bit_count()
        self.size = size
        self.peaks = peaks

    @classmethod
    def load(cls, get: Get, size: int) -> Frontier:
        peaks, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                peaks.append(_node(get, level, start >> level))
                start += 1 << level
        return cls(size, peaks)

    def append(self, hash_: HashFunction, put: Put, entry: bytes) -> int:
        """Adds a leaf over `entry`; returns its index."""
        index, running, level = self.size, leaf_hash(hash_, entry), 0
        put(leaf_key(running), index.to_bytes(8, "big"))
        put(node_key(0, index), running)
        while self.size >> level & 1:
            running = node_hash(hash_, self.peaks.pop(), running)
            level += 1
            put(node_key(level, index >> level), running)
        self.peaks.append(running)
        self.size += 1
        return index

    def root(self, hash_: HashFunction) -> bytes:
        if not self.peaks:
            return hash_(b"")
        running = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            running = node_hash(hash_, peak, running)
        return running


def _node(get: Get, level: int, index: int) -> bytes:
    found = get(node_key(level, index))
    if found is None or len(found) != 32:
        raise CenterError("RC_DAMAGED", f"node {level}/{index} of the log is missing")
    return found


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def _range_root(hash_: HashFunction, get: Get, start: int, size: int) -> bytes:
    """Root over leaves start .. start+size-1; start is a multiple of the power of two above size - 1."""
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return _node(get, level, start >> level)
    k = _split(size)
    return node_hash(
        hash_, _range_root(hash_, get, start, k), _range_root(hash_, get, start + k, size - k)
    )


def root_at(hash_: HashFunction, get: Get, size: int) -> bytes:
    return hash_(b"") if size == 0 else _range_root(hash_, get, 0, size)


def inclusion_path(hash_: HashFunction, get: Get, index: int, size: int) -> list[bytes]:
    """Audit path of a leaf in the tree of `size` leaves, from the bottom up."""
    if not 0 <= index < size:
        raise CenterError("RC_RANGE", f"leaf {index} in a tree of {size}")
    start, path = 0, []
    while size > 1:
        k = _split(size)
        if index - start < k:
            path.append(_range_root(hash_, get, start + k, size - k))
            size = k
        else:
            path.append(_range_root(hash_, get, start, k))
            start, size = start + k, size - k
    return path[::-1]


def consistency_path(hash_: HashFunction, get: Get, first: int, second: int) -> list[bytes]:
    """Proof that the tree of `first` leaves is a prefix of that of `second`."""
    if not 0 < first <= second:
        raise CenterError("RC_RANGE", f"from {first} to {second} leaves")
    start, size, path, whole = 0, second, [], True
    while first != size:
        k = _split(size)
        if first <= k:
            path.append(_range_root(hash_, get, start + k, size - k))
            size = k
        else:
            path.append(_range_root(hash_, get, start, k))
            start, size, first, whole = start + k, size - k, first - k, False
    if not whole:
        path.append(_range_root(hash_, get, start, size))
    return path[::-1]
