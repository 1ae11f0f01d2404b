"""Private keys in memory, and the rules for public keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from node.identity.curve import P256, SM2, Curve
from node.identity.errors import BadKey

PUBLIC_KEY_LEN = 65
SCALAR_LEN = 32
SM_ID, INTL_ID = 1, 2
CURVES: dict[int, Curve] = {SM_ID: SM2, INTL_ID: P256}


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private scalar with its public key. The scalar never shows in repr, str or pickles."""

    suite_id: int
    public_key: bytes  # 65 bytes, 04‖x‖y
    scalar: bytes = field(repr=False)  # 32 bytes big-endian, 1 ≤ d ≤ n−2

    def __post_init__(self) -> None:
        check_scalar(self.suite_id, self.scalar)
        check_public_point(CURVES[self.suite_id], self.public_key)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not serialised; write a key file instead")


def check_scalar(suite_id: int, scalar: bytes) -> None:
    """Raise BadKey unless 1 ≤ d ≤ n−2 in 32 bytes (d = n−1 has no SM2 signatures)."""
    if suite_id not in CURVES:
        raise BadKey(f"unknown suite {suite_id}")
    highest = (CURVES[suite_id].n - 2).to_bytes(SCALAR_LEN)
    # Bytes of equal length compare as the numbers do, without turning the secret into an integer.
    if len(scalar) != SCALAR_LEN or not bytes(SCALAR_LEN) < scalar <= highest:
        raise BadKey("a private scalar is out of range")


def check_public_point(curve: Curve, key: bytes) -> None:
    """Step 1 of the frozen rule (crypto.md §3). Raises BadKey; a non-bytes key is a TypeError."""
    if not isinstance(key, bytes):
        raise TypeError(f"a public key is bytes, not {type(key).__name__}")
    if len(key) != PUBLIC_KEY_LEN:
        raise BadKey(f"a public key is 65 bytes, not {len(key)}")
    if key[0] != 4:
        raise BadKey("a public key starts with 04; compressed and hybrid forms are refused")
    if not curve.contains(int.from_bytes(key[1:33]), int.from_bytes(key[33:])):
        raise BadKey(f"the public key is not a point of {curve.name}")


# SEQUENCE { SEQUENCE { id-ecPublicKey, named curve }, BIT STRING } of RFC 5480, up to the 65 bytes.
_SPKI_HEADS = {
    SM_ID: bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200"),
    INTL_ID: bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"),
}


def subject_public_key_info(suite_id: int, public_key: bytes) -> bytes:
    """DER of a public key as certificates and the `openssl` tool have it, 91 bytes."""
    check_public_point(CURVES[suite_id], public_key)
    return _SPKI_HEADS[suite_id] + public_key
