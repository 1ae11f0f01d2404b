"""The authenticated state tree on disk: what `consensus/state_proof.py` defines, in pages.

A page holds four levels of the binary tree: heap positions 1 (its top) to 31, of which 16..31 are its
bottom slots. A node is bytes, and its length says what it is:

    0    an empty subtree
    32   the hash of an inner node (positions 1..15)
    40   the hash of an inner node that heads a page of its own, and that page's height (slots 16..31)
    64   a subtree of a single leaf: path | value hash (kept once, in its slot; above it is derived)
    32 + 64 n, n = 2..BUNCH_MAX
         a bunch: the hash of an inner node with n leaves below it, and these leaves by path (slots): too
         few for a page of their own, which would cost more to read and write than hashing them anew

Pages are never changed: block h writes new versions of the pages on its changed paths under
`prefix | depth (1) | path so far | height (8)`, and the root slot of each height leads to all of it. So the
tree of an older height stays whole until the pages that block made stale are deleted, and what a block adds
goes into the one atomic batch of that block. A page on disk is 30 bytes with the lengths of positions 2..31
in units of 8 (0 where derived), and the nodes of these lengths. How leaves are spread over pages and bunches
never changes a hash.

The top pages (depth 0..CACHED_DEPTH) are held in memory. Costs per changed key: one path hash, one value
hash, one or two leaf hashes, and the inner hashes of the levels it does not share with another changed key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from consensus.encoding import Hash
from consensus.merkle import HashFunction
from consensus.state_proof import (
    EMPTY,
    OtherLeaf,
    StateProof,
    key_prefix,
    leaf_prefix,
    node_prefix,
    value_prefix,
)

PAGE_PREFIX = b"p"
CACHED_DEPTH = 3  # in pages: 1 + 16 + 256 + 4096 of them at most
EMPTY_SLOT = b""
INNER, PAGED, LEAF = 32, 40, 64
BUNCH_MAX = 4

# Length of a node to the byte that says it: units of 8, so that a bunch of four fits.
_UNITS = {size: size >> 3 for size in (0, INNER, PAGED, *range(LEAF, 320, 32))}.__getitem__

Read = Callable[[bytes], bytes | None]
Item = tuple[bytes, bytes]  # path, leaf (empty: delete)


class TreeDamaged(Exception):
    """A page is missing or is none: the store below lies."""


@dataclass(slots=True)
class TreeUpdate:
    """What a block does to the tree. `pages` to put and `stale` keys that this height no longer uses."""

    height: int
    slot: bytes = EMPTY_SLOT
    root: Hash = EMPTY
    pages: list[Item] = field(default_factory=list)
    stale: list[bytes] = field(default_factory=list)
    fresh: dict[bytes, tuple[bytes, list[bytes]]] = field(default_factory=dict)


def page_stem(depth: int, path: bytes) -> bytes:
    """A page's key without its height: depth in pages, and as many nibbles of the path."""
    stem = PAGE_PREFIX + bytes((depth,)) + path[: depth >> 1]
    return stem + bytes((path[depth >> 1] & 0xF0,)) if depth & 1 else stem


def encode_page(nodes: list[bytes]) -> bytes:
    parts = [node if len(node) == INNER else EMPTY_SLOT for node in nodes[2:16]]
    parts += nodes[16:]
    return bytes(map(_UNITS, map(len, parts))) + b"".join(parts)


def decode_page(data: bytes, top: bytes) -> list[bytes]:
    """Positions 0..31 (0 unused) of a page whose top node has the hash `top`. Raises TreeDamaged."""
    nodes = [EMPTY_SLOT, top]
    at = 30
    for units in data[:30]:
        end = at + (units << 3)
        nodes.append(data[at:end])
        at = end
    if len(nodes) != 32 or at != len(data):
        raise TreeDamaged("a page has another length than it says")
    for i in range(15, 1, -1):
        if not nodes[i]:
            nodes[i] = nodes[2 * i] or nodes[2 * i + 1]
    return nodes


def bunch_leaves(slot: bytes) -> list[bytes]:
    """The leaves that a slot without a page holds."""
    start = 0 if len(slot) == LEAF else 32
    return [slot[at : at + LEAF] for at in range(start, len(slot), LEAF)]


def _split(leaves: list[bytes], bit: int) -> tuple[list[bytes], list[bytes]]:
    byte, mask, count = bit >> 3, 128 >> (bit & 7), 0
    for leaf in leaves:
        if leaf[byte] & mask:
            break
        count += 1
    return leaves[:count], leaves[count:]


def _merge(slot: bytes, items: list[Item]) -> list[Item]:
    """The leaves below a slot without a page after `items`, by path; deletions are gone."""
    if not slot:
        return [item for item in items if item[1]]
    merged = {leaf[:32]: leaf for leaf in bunch_leaves(slot)}
    merged.update(items)
    return sorted(item for item in merged.items() if item[1])


class StateTree:
    """Updates and proofs over a page reader. Holds no roots: a root slot is handed in each time."""

    def __init__(self, read: Read, hash_: HashFunction, suite_id: int) -> None:
        self._read, self._hash = read, hash_
        self._key, self._value = key_prefix(suite_id), value_prefix(suite_id)
        self._leaf, self._node = leaf_prefix(suite_id), node_prefix(suite_id)
        self._top: dict[bytes, tuple[bytes, list[bytes]]] = {}

    def path(self, key: bytes) -> bytes:
        return self._hash(self._key + key)

    def value_hash(self, value: bytes) -> bytes:
        return self._hash(self._value + value)

    def slot_hash(self, slot: bytes) -> Hash:
        """The hash of the subtree a node stands for."""
        if len(slot) == LEAF:
            return Hash(self._hash(self._leaf + slot))
        return Hash(slot[:32]) if slot else EMPTY

    def update(
        self, slot: bytes, height: int, writes: Mapping[bytes, bytes | None]
    ) -> tuple[TreeUpdate, list[Item]]:
        """The tree below `slot` after `writes` (key to value, None deletes), and (path, key) by path.

        Pure but for page reads: the caller writes `pages` and, once they are durable, calls `adopt`."""
        hash_, key_prefix_, value_prefix_ = self._hash, self._key, self._value
        items: list[Item] = []
        paths: list[Item] = []
        for key, value in writes.items():
            path = hash_(key_prefix_ + key)
            paths.append((path, key))
            leaf = EMPTY_SLOT if value is None else path + hash_(value_prefix_ + value)
            items.append((path, leaf))
        items.sort()
        out = TreeUpdate(height)
        out.slot = self._descend(slot, 0, items, out) if items else slot
        out.root = self.slot_hash(out.slot)
        return out, paths

    def adopt(self, update: TreeUpdate) -> None:
        """Keep the new top pages in memory. Call after their write is durable."""
        self._top.update(update.fresh)

    def _page(self, slot: bytes, depth: int, stem: bytes, read: Read) -> list[bytes]:
        version = slot[32:]
        if depth <= CACHED_DEPTH:
            held = self._top.get(stem)
            if held is not None and held[0] == version:
                return held[1]
        data = read(stem + version)
        if data is None:
            raise TreeDamaged(f"page {(stem + version).hex()} is missing")
        return decode_page(data, slot[:32])

    def _descend(self, slot: bytes, depth: int, items: list[Item], out: TreeUpdate) -> bytes:
        """The node that replaces `slot` when `items` (sorted, all below it) are applied."""
        if len(slot) == PAGED:
            stem = page_stem(depth, items[0][0])
            nodes = self._page(slot, depth, stem, self._read).copy()
            out.stale.append(stem + slot[32:])
        else:
            items = _merge(slot, items)
            if len(items) < 2:
                return items[0][1] if items else EMPTY_SLOT
            if len(items) <= BUNCH_MAX:
                leaves = [leaf for _, leaf in items]
                return self._hash_leaves(leaves, 4 * depth) + b"".join(leaves)
            stem = page_stem(depth, items[0][0])
            nodes = [EMPTY_SLOT] * 32
        self._fill(nodes, depth, items, out)
        top = nodes[1]
        if len(top) != INNER:
            return top  # no leaf or one is left: a slot above holds that without a page
        version = out.height.to_bytes(8, "big")
        out.pages.append((stem + version, encode_page(nodes)))
        if depth <= CACHED_DEPTH:
            out.fresh[stem] = (version, nodes)
        return top + version

    def _hash_leaves(self, leaves: list[bytes], bit: int) -> bytes:
        """Hash of the subtree that holds these leaves (sorted), whose paths agree in the first `bit` bits."""
        hash_ = self._hash
        if len(leaves) < 2:
            return hash_(self._leaf + leaves[0]) if leaves else EMPTY
        first, last = leaves[0], leaves[-1]
        at = bit  # the first bit in which two of them differ: sorted, so the outermost two do
        while not (first[at >> 3] ^ last[at >> 3]) & (128 >> (at & 7)):
            at += 1
        zeros, ones = _split(leaves, at)
        left = hash_(self._leaf + first) if len(zeros) == 1 else self._hash_leaves(zeros, at + 1)
        right = hash_(self._leaf + last) if len(ones) == 1 else self._hash_leaves(ones, at + 1)
        node = hash_(self._node + left + right)
        while at > bit:  # the levels above, where all of them are on one side
            at -= 1
            is_one = first[at >> 3] & (128 >> (at & 7))
            node = hash_(self._node + (EMPTY + node if is_one else node + EMPTY))
        return node

    def _fill(self, nodes: list[bytes], depth: int, items: list[Item], out: TreeUpdate) -> None:
        """Apply items to the slots of one page and hash what changed, level by level."""
        touched: list[int] = []
        at, end, byte, high = 0, len(items), depth >> 1, not depth & 1
        while at < end:
            first = items[at]
            nibble = first[0][byte] >> 4 if high else first[0][byte] & 15
            start = at
            at += 1
            while at < end:
                octet = items[at][0][byte]
                if (octet >> 4 if high else octet & 15) != nibble:
                    break
                at += 1
            i = 16 + nibble
            old = nodes[i]
            if at - start == 1 and (not old or (len(old) == LEAF and old[:32] == first[0])):
                nodes[i] = first[1]
            else:
                nodes[i] = self._descend(old, depth + 1, items[start:at], out)
            touched.append(i)
        if len(touched) == 1:
            self._rehash_one(nodes, touched[0])
        else:
            self._rehash(nodes, touched)

    def _rehash_one(self, nodes: list[bytes], i: int) -> None:
        """Derive the nodes above slot i: the most frequent case, deep in the tree."""
        hash_, leaf_prefix_, node_prefix_ = self._hash, self._leaf, self._node
        node = nodes[i]
        while i > 1:
            beside = nodes[i ^ 1]
            if not node and (not beside or len(beside) == LEAF):
                node = beside
            elif beside or len(node) != LEAF:
                node = hash_(leaf_prefix_ + node) if len(node) == LEAF else node[:32] or EMPTY
                beside = (
                    hash_(leaf_prefix_ + beside) if len(beside) == LEAF else beside[:32] or EMPTY
                )
                node = hash_(node_prefix_ + (beside + node if i & 1 else node + beside))
            i >>= 1
            nodes[i] = node

    def _rehash(self, nodes: list[bytes], touched: list[int]) -> None:
        """Derive the nodes above the touched slots (ascending), level by level."""
        hash_, leaf_prefix_, node_prefix_ = self._hash, self._leaf, self._node
        while touched[0] > 1:
            above: list[int] = []
            last = 0
            for i in touched:
                parent = i >> 1
                if parent == last:
                    continue
                above.append(parent)
                last = parent
                left, right = nodes[2 * parent], nodes[2 * parent + 1]
                if not left and (not right or len(right) == LEAF):
                    nodes[parent] = right
                elif not right and len(left) == LEAF:
                    nodes[parent] = left
                else:
                    left = hash_(leaf_prefix_ + left) if len(left) == LEAF else left[:32] or EMPTY
                    right = (
                        hash_(leaf_prefix_ + right) if len(right) == LEAF else right[:32] or EMPTY
                    )
                    nodes[parent] = hash_(node_prefix_ + left + right)
            touched = above

    def prove(self, slot: bytes, key: bytes, read: Read | None = None) -> StateProof:
        """Proof that `key` has its value, or none, in the tree below root slot `slot`."""
        path = self.path(key)
        siblings: list[Hash] = []
        depth = 0
        while len(slot) == PAGED:
            nodes = self._page(slot, depth, page_stem(depth, path), read or self._read)
            nibble = path[depth >> 1] >> 4 if not depth & 1 else path[depth >> 1] & 15
            for level in range(1, 5):
                i = (16 + nibble) >> (4 - level)
                siblings.append(self.slot_hash(nodes[i ^ 1]))
                slot = nodes[i]
                if len(slot) != INNER:
                    break
            depth += 1
        leaves, bit = bunch_leaves(slot), 4 * depth
        while len(leaves) > 1:
            sides = _split(leaves, bit)
            is_one = path[bit >> 3] >> (7 - (bit & 7)) & 1
            bit += 1
            siblings.append(Hash(self._hash_leaves(sides[1 - is_one], bit)))
            leaves = sides[is_one]
            slot = leaves[0] if leaves else EMPTY_SLOT
        is_other = bool(slot) and slot[:32] != path
        other = OtherLeaf(Hash(slot[:32]), Hash(slot[32:])) if is_other else None
        return StateProof(tuple(siblings), other)

    def leaves(self, slot: bytes, read: Read | None = None) -> list[Item]:
        """Every leaf (path, value hash) below `slot` by walking all pages, each node's hash checked.

        Raises TreeDamaged where a page does not hash to what its parent says."""
        found: list[Item] = []
        self._walk(slot, 0, b"", read or self._read, found)
        return found

    def _walk(self, slot: bytes, depth: int, stem: bytes, read: Read, found: list[Item]) -> None:
        if len(slot) != PAGED:
            leaves = bunch_leaves(slot)
            found.extend((leaf[:32], leaf[32:]) for leaf in leaves)
            if len(leaves) > 1 and self._hash_leaves(leaves, 4 * depth) != slot[:32]:
                raise TreeDamaged(f"a bunch below {stem.decode()} does not add up")
            return
        path = bytes.fromhex(stem.decode().ljust(64, "0"))
        data = read(page_stem(depth, path) + slot[32:])
        if data is None:
            raise TreeDamaged(f"page {page_stem(depth, path).hex()} is missing")
        nodes = decode_page(data, slot[:32])
        for i in range(15, 0, -1):
            left, right = nodes[2 * i], nodes[2 * i + 1]
            if len(nodes[i]) == INNER:
                pair = self.slot_hash(left) + self.slot_hash(right)
                if nodes[i] != self._hash(self._node + pair):
                    raise TreeDamaged(f"page {page_stem(depth, path).hex()} does not add up")
        for nibble in range(16):
            self._walk(nodes[16 + nibble], depth + 1, stem + b"%x" % nibble, read, found)
