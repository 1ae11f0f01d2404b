"""Strict DER for signatures at the borders: certificates, files, the `openssl` tool.

Inside the product a signature is 64 bytes, r‖s. Here those become SEQUENCE { INTEGER, INTEGER }
and back. The reader accepts exactly the bytes the writer makes: definite short lengths, minimal
positive integers in 1..n−1, nothing after the end. So a signature has one encoding here too.
"""

from __future__ import annotations

from node.identity.curve import P256, SM2
from node.identity.errors import BadSignatureEncoding

SIGNATURE_LEN = 64
_ORDERS = {1: SM2.n, 2: P256.n}


def _integer(value: bytes) -> bytes:
    body = value.lstrip(b"\0") or b"\0"
    if body[0] & 0x80:
        body = b"\0" + body
    return b"\x02" + bytes((len(body),)) + body


def encode_unchecked(r: bytes, s: bytes) -> bytes:
    """DER of two 32-byte big-endian numbers that the caller has already checked."""
    body = _integer(r) + _integer(s)
    return b"\x30" + bytes((len(body),)) + body


def raw_to_der(signature: bytes, suite_id: int = 1) -> bytes:
    """DER of r‖s. Raises BadSignatureEncoding unless 64 bytes with both values in 1..n−1."""
    if len(signature) != SIGNATURE_LEN:
        raise BadSignatureEncoding(f"a signature is 64 bytes, not {len(signature)}")
    _check_range(signature, suite_id)
    return encode_unchecked(signature[:32], signature[32:])


def der_to_raw(encoded: bytes, suite_id: int = 1) -> bytes:
    """The 64 bytes r‖s of a strict DER signature. Raises BadSignatureEncoding otherwise."""
    if len(encoded) < 8 or encoded[0] != 0x30:
        raise BadSignatureEncoding("not a DER sequence")
    if encoded[1] >= 0x80 or encoded[1] != len(encoded) - 2:
        raise BadSignatureEncoding("the length is not the definite short form of what follows")
    r, rest = _read_integer(encoded[2:])
    s, rest = _read_integer(rest)
    if rest:
        raise BadSignatureEncoding("bytes after the second integer")
    signature = r + s
    _check_range(signature, suite_id)
    return signature


def _read_integer(data: bytes) -> tuple[bytes, bytes]:
    if len(data) < 3 or data[0] != 0x02:
        raise BadSignatureEncoding("not a DER integer")
    length = data[1]
    if length == 0 or length > 33 or len(data) < 2 + length:
        raise BadSignatureEncoding("an integer's length does not fit")
    body, rest = data[2 : 2 + length], data[2 + length :]
    if body[0] & 0x80:
        raise BadSignatureEncoding("a negative integer")
    if body[0] == 0 and length > 1 and not body[1] & 0x80:
        raise BadSignatureEncoding("an integer that is not minimal")
    value = body[1:] if body[0] == 0 else body
    if len(value) > 32:
        raise BadSignatureEncoding("an integer out of range")
    return value.rjust(32, b"\0"), rest


def _check_range(signature: bytes, suite_id: int) -> None:
    order = _ORDERS[suite_id]
    for half in (signature[:32], signature[32:]):
        if not 0 < int.from_bytes(half) < order:
            raise BadSignatureEncoding("r or s is out of range")
