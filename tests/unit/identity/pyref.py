"""SM2 in big integers, from GB/T 32918.2, sharing no code with the product: the judge in tests."""

import hashlib

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)


def plus(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    if a == b:
        m = (3 * a[0] ** 2 + A) * pow(2 * a[1], -1, P) % P
    else:
        m = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (m * m - a[0] - b[0]) % P
    return x, (m * (a[0] - x) - a[1]) % P


def times(*pairs):
    """The sum of k·Q over the pairs (k, Q), all in one pass over the bits."""
    total = None
    for bit in range(255, -1, -1):
        total = plus(total, total)
        for k, point in pairs:
            if k >> bit & 1:
                total = plus(total, point)
    return total


def encode(point):
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def decode(key):
    if len(key) != 65 or key[0] != 4:
        return None
    x, y = int.from_bytes(key[1:33], "big"), int.from_bytes(key[33:], "big")
    if x >= P or y >= P or (y * y - x**3 - A * x - B) % P:
        return None
    return x, y


def digest(key, message, id):
    numbers = b"".join(v.to_bytes(32, "big") for v in (A, B, *G))
    za = hashlib.new("sm3", (8 * len(id)).to_bytes(2, "big") + id + numbers + key[1:]).digest()
    return hashlib.new("sm3", za + message).digest()


def verify_digest(key, e, signature):
    point = decode(key)
    if point is None or len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N) or (r + s) % N == 0:
        return False
    total = times((s, G), ((r + s) % N, point))
    return total is not None and (int.from_bytes(e, "big") + total[0] - r) % N == 0


def verify(key, message, signature, id=b"1234567812345678"):
    if len(id) > 8191 or decode(key) is None:
        return False
    return verify_digest(key, digest(key, message, id), signature)
