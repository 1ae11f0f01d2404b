"""Tags and hashes: proto/README.md section 2."""

import hashlib

from tests.oracle.structures import Invalid, encode

SM, INTL = 1, 2
SUITE_NAMES = {SM: "sm", INTL: "intl"}


def H(suite: int, data: bytes) -> bytes:
    """SM3 in suite sm, SHA-256 in suite intl."""
    if suite not in SUITE_NAMES:
        raise Invalid(f"suite {suite} is unknown")
    return hashlib.new("sm3" if suite == SM else "sha256", data).digest()


def P(tag: str, suite: int, *parts: bytes) -> bytes:
    """What is hashed or signed: tag length, tag, suite id, parts. `tag` without "citychain/" and "/v1"."""
    text = f"citychain/{tag}/v1".encode()
    return bytes([len(text)]) + text + bytes([suite]) + b"".join(parts)


def tagged(tag: str, suite: int, *parts: bytes) -> bytes:
    return H(suite, P(tag, suite, *parts))


def tagged_structure(tag: str, suite: int, kind: str, value: object) -> bytes:
    return tagged(tag, suite, encode(kind, value))


def identity(suite: int, public_key: bytes) -> bytes:
    return tagged("identity", suite, public_key)
