"""The state tree as its definition reads, over a plain dict: slow and obvious. And a hash that lets a test
choose paths: a state key of 32 bytes is its own path."""

from __future__ import annotations

import hashlib

from consensus.tags import SUITE_SM, Tag, preimage

SUITE = SUITE_SM
KEY_PREFIX = preimage(Tag.STATE_KEY, SUITE)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def steered(data: bytes) -> bytes:
    """SHA-256, except that the path of a 32-byte key is the key."""
    if data.startswith(KEY_PREFIX) and len(data) == len(KEY_PREFIX) + 32:
        return data[-32:]
    return sha256(data)


def _bit(path: bytes, at: int) -> int:
    return int.from_bytes(path, "big") >> (255 - at) & 1


def subtree(leaves: dict[bytes, bytes], depth: int) -> bytes:
    """leaves: path to value."""
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        ((path, value),) = leaves.items()
        hashed = sha256(preimage(Tag.STATE_LEAF, SUITE, b"\x00" + value))
        return sha256(preimage(Tag.STATE_LEAF, SUITE, b"\x01" + path + hashed))
    sides = [{p: v for p, v in leaves.items() if _bit(p, depth) == b} for b in (0, 1)]
    left, right = (subtree(side, depth + 1) for side in sides)
    return sha256(preimage(Tag.STATE_NODE, SUITE, left + right))


def state_root(values: dict[bytes, bytes], hash_=sha256) -> bytes:
    return subtree({hash_(KEY_PREFIX + key): value for key, value in values.items()}, 0)
