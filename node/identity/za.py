"""ZA, the hash that binds an SM2 signature to its signer's id and key (GB/T 32918.2 §5.5)."""

from __future__ import annotations

import hashlib

from node.identity.curve import SM2

DEFAULT_ID = b"1234567812345678"
ID_LEN_MAX = 8191  # bytes: the length in bits has to fit in two bytes
_CURVE = b"".join(value.to_bytes(32) for value in (SM2.a, SM2.b, SM2.gx, SM2.gy))


def za(xy: bytes, id: bytes = DEFAULT_ID) -> bytes:
    """ZA = SM3(bits of id as 2 bytes ‖ id ‖ a ‖ b ‖ xG ‖ yG ‖ x ‖ y); xy is 64 bytes."""
    if len(id) > ID_LEN_MAX:
        raise ValueError(f"an SM2 id has at most {ID_LEN_MAX} bytes, not {len(id)}")
    return hashlib.new("sm3", (len(id) * 8).to_bytes(2) + id + _CURVE + xy).digest()
