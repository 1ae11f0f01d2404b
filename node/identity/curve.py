"""The two curves as numbers, and slow textbook arithmetic over public values.

Used for three things: checking that a public key lies on its curve, deciding what the `gmssl`
package cannot decide (crypto.md §4), and checking known answers. Never used with secrets: Python
integers are not constant-time.
"""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[int, int]  # affine; None stands for the point at infinity


@dataclass(frozen=True, slots=True)
class Curve:
    """y² = x³ + a·x + b over p, generator (gx, gy) of prime order n, cofactor 1."""

    name: str
    oid: str
    p: int
    a: int
    b: int
    n: int
    gx: int
    gy: int

    @property
    def generator(self) -> Point:
        return (self.gx, self.gy)

    def contains(self, x: int, y: int) -> bool:
        """Whether (x, y) is an affine point; coordinates that are not reduced are refused."""
        p = self.p
        if not (0 <= x < p and 0 <= y < p):
            return False
        return (y * y - (x * x + self.a) * x - self.b) % p == 0


SM2 = Curve(  # GB/T 32918.5-2017
    name="sm2p256v1",
    oid="1.2.156.10197.1.301",
    p=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF,
    a=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC,
    b=0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
    n=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
    gx=0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    gy=0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
P256 = Curve(  # SEC 2, secp256r1
    name="secp256r1",
    oid="1.2.840.10045.3.1.7",
    p=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    a=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    gx=0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    gy=0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(curve: Curve, left: Point | None, right: Point | None) -> Point | None:
    """The sum of two points, every case included: infinity, opposite, equal."""
    if left is None:
        return right
    if right is None:
        return left
    p = curve.p
    (x1, y1), (x2, y2) = left, right
    if x1 == x2:
        if (y1 + y2) % p == 0:
            return None
        slope = (3 * x1 * x1 + curve.a) * pow(2 * y1, -1, p)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, p)
    x3 = (slope * slope - x1 - x2) % p
    return x3, (slope * (x1 - x3) - y1) % p


def multiply(curve: Curve, scalar: int, point: Point | None) -> Point | None:
    """scalar·point by double-and-add; scalar is reduced modulo n. Public values only."""
    result: Point | None = None
    for bit in bin(scalar % curve.n)[2:]:
        result = add(curve, result, result)
        if bit == "1":
            result = add(curve, result, point)
    return result


def sm2_verify_digest(public_key: Point, e: int, r: int, s: int) -> bool:
    """Steps 4 to 6 of the frozen rule (crypto.md §3) for values that passed steps 1 and 2."""
    n = SM2.n
    t = (r + s) % n
    if t == 0:
        return False
    total = add(SM2, multiply(SM2, s, SM2.generator), multiply(SM2, t, public_key))
    return total is not None and (e + total[0]) % n == r
