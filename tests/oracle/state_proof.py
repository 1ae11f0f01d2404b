"""A key's value, or its absence, under a state root: the definition at the top of consensus/state_proof.py."""

from types import SimpleNamespace

from tests.oracle.hashes import tagged
from tests.oracle.structures import require

EMPTY = bytes(32)


def _bit(path: bytes, i: int) -> int:
    return path[i // 8] >> (7 - i % 8) & 1


def value_hash(suite: int, value: bytes) -> bytes:
    return tagged("state-leaf", suite, b"\x00", value)


def leaf(suite: int, path: bytes, hashed: bytes) -> bytes:
    return tagged("state-leaf", suite, b"\x01", path, hashed)


def node(suite: int, left: bytes, right: bytes) -> bytes:
    return tagged("state-node", suite, left, right)


def check_state(
    suite: int, root: bytes, key: bytes, value: bytes | None, proof: SimpleNamespace
) -> None:
    """Presence of `value`, or absence if it is None. Siblings stand from the root down."""
    path = tagged("state-key", suite, key)
    depth, other = len(proof.siblings), proof.other
    require(depth <= 256, "state proof: longer than the tree is deep")
    if value is not None:
        require(other is None, "state proof: shows a value and another leaf in its place")
        result = leaf(suite, path, value_hash(suite, value))
    elif other is not None:
        require(other.path != path, "state proof: of absence shows the key's own leaf")
        same = all(_bit(path, i) == _bit(other.path, i) for i in range(depth))
        require(same, "state proof: the other leaf does not stand where the key would be")
        result = leaf(suite, other.path, other.value_hash)
    else:
        result = EMPTY
    for i in range(depth - 1, -1, -1):
        sibling = proof.siblings[i]
        left, right = (sibling, result) if _bit(path, i) else (result, sibling)
        result = node(suite, left, right)
    require(result == root, "state proof: does not lead to the state root")
