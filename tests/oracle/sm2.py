"""Verification of SM2 (GB/T 32918) and, for suite intl, of ECDSA over P-256 with low s.

Plain big integers; only public data. The rule is crypto.md section 3; every function is total: False for
whatever is not a valid signature by a valid key.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from tests.oracle.hashes import SM

DEFAULT_ID = b"1234567812345678"
Point = tuple[int, int] | None  # None is the point at infinity


@dataclass(frozen=True)
class Curve:
    """y² = x³ − 3x + b over p, with a base point of prime order n."""

    p: int
    b: int
    n: int
    g: tuple[int, int]

    def add(self, one: Point, two: Point) -> Point:
        if one is None or two is None:
            return two if one is None else one
        (x1, y1), (x2, y2), p = one, two, self.p
        if x1 == x2 and (y1 + y2) % p == 0:
            return None
        if x1 == x2:
            slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, p)
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, p)
        x = (slope * slope - x1 - x2) % p
        return x, (slope * (x1 - x) - y1) % p

    def combine(self, u: int, v: int, key: Point) -> Point:
        """u·G + v·key."""
        table, result = (None, self.g, key, self.add(self.g, key)), None
        for bit in range(max(u.bit_length(), v.bit_length()) - 1, -1, -1):
            result = self.add(result, result)
            result = self.add(result, table[(u >> bit & 1) | (v >> bit & 1) << 1])
        return result

    def read(self, key: bytes, signature: bytes) -> tuple[tuple[int, int], int, int] | None:
        """The point of a key `04 ‖ x ‖ y`, and r and s: None unless all are in range."""
        if len(key) != 65 or key[0] != 4 or len(signature) != 64:
            return None
        halves = key[1:33], key[33:], signature[:32], signature[32:]
        x, y, r, s = (int.from_bytes(half, "big") for half in halves)
        if x >= self.p or y >= self.p or (y * y - x * x * x + 3 * x - self.b) % self.p:
            return None
        return ((x, y), r, s) if 0 < r < self.n and 0 < s < self.n else None


SM2 = Curve(
    p=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF,
    b=0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
    n=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
    g=(
        0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
        0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
    ),
)
P256 = Curve(
    p=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    g=(
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
)


def sm2_za(key: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    curve = (SM2.p - 3, SM2.b, *SM2.g)
    data = (len(user_id) * 8).to_bytes(2, "big") + user_id
    data += b"".join(number.to_bytes(32, "big") for number in curve) + key[1:]
    return hashlib.new("sm3", data).digest()


def sm2_verify_digest(key: bytes, e: bytes, signature: bytes) -> bool:
    parts = SM2.read(key, signature)
    if parts is None:
        return False
    point, r, s = parts
    t = (r + s) % SM2.n
    if t == 0:
        return False
    result = SM2.combine(s, t, point)
    return result is not None and (int.from_bytes(e, "big") + result[0]) % SM2.n == r


def sm2_verify(key: bytes, message: bytes, signature: bytes, user_id: bytes = DEFAULT_ID) -> bool:
    if len(user_id) > 8191:
        return False
    e = hashlib.new("sm3", sm2_za(key, user_id) + message).digest()
    return sm2_verify_digest(key, e, signature)


def p256_verify(key: bytes, message: bytes, signature: bytes) -> bool:
    parts = P256.read(key, signature)
    if parts is None or parts[2] > (P256.n - 1) // 2:
        return False
    point, r, s = parts
    e, inverse = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, P256.n)
    result = P256.combine(e * inverse % P256.n, r * inverse % P256.n, point)
    return result is not None and result[0] % P256.n == r


@lru_cache(maxsize=65536)  # the same certified headers stand in many proofs of one bundle
def verify(suite: int, key: bytes, message: bytes, signature: bytes) -> bool:
    return (sm2_verify if suite == SM else p256_verify)(key, message, signature)
