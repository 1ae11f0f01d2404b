"""Checks a proof that a hidden amount is 1 to 2^41, from the description of the proof alone. Standard library.

Slow textbook arithmetic; shares no code with the product.
"""

from __future__ import annotations

import hashlib

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
TAGS = b"citychain/hidden-amount/base/v1", b"citychain/hidden-amount/range/v1"


def sm3(data):
    return hashlib.new("sm3", data).digest()


def plus(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] + A) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def minus(point):
    return None if point is None else (point[0], -point[1] % P)


def two_times(m, k, point):
    """m·G + k·point, both scalars walked together."""
    both, found = plus(G, point), None
    for i in reversed(range(256)):
        found = plus(found, found)
        choice = (m >> i & 1, k >> i & 1)
        found = plus(found, {(0, 0): None, (1, 0): G, (0, 1): point, (1, 1): both}[choice])
    return found


def second_base():
    for n in range(1000):
        x = int.from_bytes(sm3(bytes([len(TAGS[0])]) + TAGS[0] + n.to_bytes(4, "big")), "big")
        y = pow((x**3 + A * x + B) % P, (P + 1) // 4, P)
        if x < P and (y * y - x**3 - A * x - B) % P == 0:
            return x, y if y % 2 == 0 else P - y
    raise ValueError("no base")


def point_of(data):
    x, y = int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")
    if x >= P or y >= P or (y * y - x**3 - A * x - B) % P:
        raise ValueError("not on the curve")
    return x, y


def encoded(point):
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def holds(commitment: bytes, context: bytes, proof: bytes) -> bool:
    try:
        return _holds(commitment, context, proof)
    except (ValueError, TypeError):
        return False


def _holds(commitment, context, proof):
    if len(commitment) != 65 or commitment[0] != 4 or len(context) != 32 or len(proof) != 6592:
        return False
    base = second_base()
    whole = point_of(commitment[1:])
    e = int.from_bytes(proof[:32], "big")
    rows = [proof[32 + 160 * i : 192 + 160 * i] for i in range(41)]
    bits = [point_of(row[:64]) for row in rows]
    total = None
    for i, bit in enumerate(bits):
        weighed = bit
        for _ in range(i):
            weighed = plus(weighed, weighed)
        total = plus(total, weighed)
    if total is None or total != plus(whole, minus(base)):
        return False
    told = b""
    for row, bit in zip(rows, bits, strict=True):
        e0, s0, s1 = (int.from_bytes(row[at : at + 32], "big") for at in (64, 96, 128))
        if max(e, e0, s0, s1) >= N:
            return False
        one = plus(bit, minus(base))
        told += encoded(two_times(s0, -e0 % N, bit))
        told += encoded(two_times(s1, (e0 - e) % N, one))
    head = bytes([len(TAGS[1])]) + TAGS[1] + context + encoded(base) + commitment
    digest = sm3(head + b"".join(encoded(bit) for bit in bits) + told)
    return e == int.from_bytes(digest, "big") % N
