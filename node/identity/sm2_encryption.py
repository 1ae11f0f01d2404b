"""SM2 public-key encryption (GB/T 32918.4): a short secret, such as a data key, for whoever holds a key.

    raw   C1 ‖ C3 ‖ C2 with C1 uncompressed: 65 + 32 + n bytes; what ledgers and files of ours hold
    DER   SEQUENCE { x INTEGER, y INTEGER, hash OCTET STRING, text OCTET STRING } of GM/T 0009, as the
          `openssl` tool and other products exchange it

C3 = SM3(x2 ‖ text ‖ y2) makes it authenticated: a changed ciphertext does not open. C1 is checked to lie on the
curve before any library sees it. Keys for encryption are not keys for signing.
"""

from __future__ import annotations

from typing import Any, ClassVar

from asn1crypto import core

from node.identity.curve import SM2
from node.identity.errors import BadKey, BadSeal
from node.identity.keys import SM_ID, PrivateKey, check_public_point
from node.identity.suite import get_suite

TEXT_MAX = 1024  # bytes of one secret
OVERHEAD = 65 + 32  # bytes of C1 and C3


class _Ciphertext(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("x", core.Integer),
        ("y", core.Integer),
        ("hash", core.OctetString),
        ("text", core.OctetString),
    ]


def encrypt(public_key: bytes, text: bytes) -> bytes:
    """The raw form, another one each time. Raises BadKey for a key off the curve, ValueError for no text or
    one of more than 1,024 bytes."""
    check_public_point(SM2, public_key)
    if not 0 < len(text) <= TEXT_MAX:
        raise ValueError(f"1 to {TEXT_MAX} bytes are encrypted under a key")
    return der_to_raw(_library().encrypt(public_key[1:], text))


def decrypt(key: PrivateKey, sealed: bytes) -> bytes:
    """What `encrypt` was given. Raises BadSeal when it was changed or is for another key, BadKey for a key
    of another suite."""
    if key.suite_id != SM_ID:
        raise BadKey("SM2 encryption takes a key on the SM2 curve")
    encoded = raw_to_der(sealed)
    text: bytes | None = _library().decrypt(key.scalar, key.public_key[1:], encoded)
    if text is None:
        raise BadSeal("the secret was changed, or is sealed to another key")
    return text


def raw_to_der(sealed: bytes) -> bytes:
    """GM/T 0009 form of C1 ‖ C3 ‖ C2. Raises BadSeal for anything else."""
    if not OVERHEAD < len(sealed) <= OVERHEAD + TEXT_MAX:
        raise BadSeal("a ciphertext is C1, C3 and 1 to 1,024 bytes")
    _check_point(sealed[:65])
    found = _Ciphertext(
        {
            "x": int.from_bytes(sealed[1:33]),
            "y": int.from_bytes(sealed[33:65]),
            "hash": sealed[65:97],
            "text": sealed[97:],
        }
    )
    return bytes(found.dump())


def der_to_raw(encoded: bytes) -> bytes:
    """C1 ‖ C3 ‖ C2 of the GM/T 0009 form, which has one encoding. Raises BadSeal for anything else."""
    try:
        found = _Ciphertext.load(encoded, strict=True)
        x, y = found["x"].native, found["y"].native
        digest, text = found["hash"].native, found["text"].native
        raw: bytes = b"\x04" + x.to_bytes(32) + y.to_bytes(32) + digest + text
    except (ValueError, TypeError, OverflowError) as error:
        raise BadSeal("this is no SM2 ciphertext") from error
    if len(digest) != 32 or raw_to_der(raw) != encoded:
        raise BadSeal("this is no SM2 ciphertext")
    return raw


def _check_point(point: bytes) -> None:
    try:
        check_public_point(SM2, point)
    except BadKey as error:
        raise BadSeal("a ciphertext begins with a point of the curve") from error


def _library() -> Any:
    """libcrypto: the pure fallback verifies only."""
    return get_suite("sm").backend  # type: ignore[attr-defined]
