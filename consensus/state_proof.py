"""Proofs that a key has a value, or has none, under a state root.

The state tree is a binary tree over 256-bit paths. With `|` for concatenation, `K(tag)` for the bytes
that `consensus.tags.preimage` puts in front (tag and suite), and bit 0 the highest bit of byte 0:

    path(key)          = H(K(state-key)  | key)
    value_hash(value)  = H(K(state-leaf) | 00 | value)
    leaf(path, vh)     = H(K(state-leaf) | 01 | path | vh)
    node(left, right)  = H(K(state-node) | left | right)

The hash of the subtree that holds the keys whose paths begin with some bits is

    32 zero bytes            if it holds no key,
    leaf(path, value_hash)   if it holds exactly one (whatever its depth: the leaf binds the whole path),
    node(left, right)        otherwise, left and right being the subtrees of bit 0 and bit 1.

So the shape depends on the set of keys only, never on the order in which they came, and the state root
is the subtree of no bits: 32 zero bytes for the empty state.

A proof lists the siblings on the way from the root down to where the descent ends (top first; entry i is
the subtree beside bit i of the path). It ends at the key's own leaf (presence), at an empty subtree, or at
a single other leaf that stands where the key would have to be (absence; `other` is that leaf). Verifying is
hashing back up. The verifier is total: a malformed proof is False, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import ZERO_HASH, Hash
from consensus.merkle import HashFunction
from consensus.tags import Tag, preimage

EMPTY = ZERO_HASH
PATH_BITS = 256


@dataclass(frozen=True, slots=True)
class OtherLeaf:
    """The only leaf of the subtree in which the absent key would have to be."""

    path: Hash
    value_hash: Hash


@dataclass(frozen=True, slots=True)
class StateProof:
    """siblings: top first, at most 256. other: only in proofs of absence that end at another leaf."""

    siblings: tuple[Hash, ...]
    other: OtherLeaf | None


def key_prefix(suite_id: int) -> bytes:
    return preimage(Tag.STATE_KEY, suite_id)


def value_prefix(suite_id: int) -> bytes:
    return preimage(Tag.STATE_LEAF, suite_id, b"\x00")


def leaf_prefix(suite_id: int) -> bytes:
    return preimage(Tag.STATE_LEAF, suite_id, b"\x01")


def node_prefix(suite_id: int) -> bytes:
    return preimage(Tag.STATE_NODE, suite_id)


def state_path(hash_: HashFunction, suite_id: int, key: bytes) -> Hash:
    """Where a key stands in the tree: its name there."""
    return Hash(hash_(key_prefix(suite_id) + key))


def value_hash(hash_: HashFunction, suite_id: int, value: bytes) -> Hash:
    return Hash(hash_(value_prefix(suite_id) + value))


def _shares_bits(one: bytes, other: bytes, count: int) -> bool:
    shift = PATH_BITS - count
    return int.from_bytes(one, "big") >> shift == int.from_bytes(other, "big") >> shift


def verify_state_proof(
    hash_: HashFunction,
    suite_id: int,
    root: bytes,
    key: bytes,
    value: bytes | None,
    proof: StateProof,
) -> bool:
    """Whether `key` has `value` under `root` (None: whether it has none)."""
    depth, other = len(proof.siblings), proof.other
    if depth > PATH_BITS or len(root) != 32 or any(len(s) != 32 for s in proof.siblings):
        return False
    path = state_path(hash_, suite_id, key)
    if value is not None:
        if other is not None:
            return False
        node = hash_(leaf_prefix(suite_id) + path + value_hash(hash_, suite_id, value))
    elif other is None:
        node = EMPTY
    else:
        if len(other.path) != 32 or len(other.value_hash) != 32:
            return False
        if other.path == path or not _shares_bits(path, other.path, depth):
            return False
        node = hash_(leaf_prefix(suite_id) + other.path + other.value_hash)
    for i in range(depth - 1, -1, -1):
        sibling = proof.siblings[i]
        is_right = path[i >> 3] >> (7 - (i & 7)) & 1
        pair = sibling + node if is_right else node + sibling
        node = hash_(node_prefix(suite_id) + pair)
    return node == root
