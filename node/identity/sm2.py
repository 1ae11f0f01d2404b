"""The `sm` suite: SM2 signatures behind the frozen rule, SM3, SM4-GCM.

Verification is consensus. All parsing is here, in bytes, before any library is called, so that
every node accepts exactly the same signatures whatever library it has (crypto.md §3).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from node.identity import aead
from node.identity.backend import Backend
from node.identity.curve import SM2
from node.identity.errors import BadKey
from node.identity.keys import SM_ID, PrivateKey, check_public_point, check_scalar
from node.identity.suite import KEY_CACHE_MAX, Hasher, Item, Signer
from node.identity.za import DEFAULT_ID, ID_LEN_MAX, za

_N = SM2.n
_N_BYTES = _N.to_bytes(32)
_ZERO = bytes(32)


class _PublicKey:
    """A key that passed step 1: the library's handle, and ZA for the default id."""

    __slots__ = ("handle", "xy", "za")

    def __init__(self, backend: Backend, key: bytes) -> None:
        check_public_point(SM2, key)
        self.xy = key[1:]
        self.za = za(self.xy)
        self.handle = backend.load_public_key(self.xy)


class SmSuite:
    """SM2 with SM3 and ZA, SM3, SM4-GCM over one backend. Safe to use from many threads."""

    name = "sm"
    id = SM_ID

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.library = f"{backend.name}: {backend.version}"
        self.can_sign = backend.can_sign
        self.is_fallback = backend.name == "gmssl"
        # Copied, a context is ready: looking SM3 up by its name costs as much as hashing 100 bytes.
        self._fresh = hashlib.new("sm3").copy
        # Bad keys raise and are not remembered, so they cannot push good ones out.
        self._key: Any = lru_cache(KEY_CACHE_MAX)(lambda key: _PublicKey(backend, key))

    def __repr__(self) -> str:
        return f"<suite sm, {self.library}>"

    def hash(self, data: bytes) -> bytes:
        digest = self._fresh()
        digest.update(data)
        return digest.digest()

    def hasher(self) -> Hasher:
        return self._fresh()

    def hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, "sm3")

    def check_public_key(self, key: bytes) -> None:
        """Raise BadKey unless the key is 04‖x‖y on the curve."""
        check_public_point(SM2, key)

    def verify(self, key: bytes, message: bytes, signature: bytes, id: bytes = DEFAULT_ID) -> bool:
        """Whether the 64 bytes are a signature of the message under key and id. Total."""
        _require_bytes(key, message, signature, id)
        if not _in_range(signature) or len(id) > ID_LEN_MAX:
            return False
        try:
            public: _PublicKey = self._key(key)
        except BadKey:
            return False
        digest = self._fresh()
        digest.update(public.za if id == DEFAULT_ID else za(public.xy, id))
        digest.update(message)
        return self.backend.verify_digest(
            public.handle, digest.digest(), signature[:32], signature[32:]
        )

    def verify_digest(self, key: bytes, e: bytes, signature: bytes) -> bool:
        """The same rule from step 4 on, with e (32 bytes) given: vectors and tests."""
        _require_bytes(key, e, signature)
        if len(e) != 32 or not _in_range(signature):
            return False
        try:
            handle = self._key(key).handle
        except BadKey:
            return False
        return self.backend.verify_digest(handle, e, signature[:32], signature[32:])

    def verify_many(self, items: Iterable[Item]) -> list[bool]:
        """One answer an item, in order. Call it from several threads for several cores."""
        verify = self.verify
        return [verify(*item) for item in items]

    def generate_key(self) -> PrivateKey:
        return self.private_key(self.backend.generate())

    def private_key(self, scalar: bytes) -> PrivateKey:
        """The key of a 32-byte scalar. Raises BadKey unless 1 ≤ d ≤ n−2."""
        check_scalar(SM_ID, scalar)
        return PrivateKey(SM_ID, b"\4" + self.backend.public_point(scalar), scalar)

    def signer(self, key: PrivateKey) -> Signer:
        """A signer over a key in memory. Raises BadKey if the two halves do not belong together,
        SigningRefused on a backend that only verifies."""
        if key.suite_id != SM_ID:
            raise BadKey("this key belongs to another suite")
        handle = self.backend.load_private_key(key.scalar, key.public_key[1:])
        if self.backend.public_point(key.scalar) != key.public_key[1:]:
            raise BadKey("the public key does not belong to the private key")
        return _Sm2Signer(self.backend, handle, key.public_key)

    def seal(self, key: bytes, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes:
        return aead.seal(SM_ID, key, nonce, data, aad)

    def open(self, key: bytes, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes:
        return aead.open_sealed(SM_ID, key, nonce, data, aad)


class _Sm2Signer:
    """Signs with a key that the library holds; nothing secret is kept on this side."""

    __slots__ = ("_backend", "_handle", "_za", "public_key")

    def __init__(self, backend: Backend, handle: object, public_key: bytes) -> None:
        self._backend, self._handle, self.public_key = backend, handle, public_key
        self._za = za(public_key[1:])

    def __repr__(self) -> str:
        return f"<SM2 signer {self.public_key.hex()[:16]}…>"

    def sign(self, message: bytes, id: bytes = DEFAULT_ID) -> bytes:
        """64 bytes r‖s. Raises ValueError for an id longer than 8,191 bytes."""
        _require_bytes(message, id)
        digest = hashlib.new("sm3", self._za if id == DEFAULT_ID else za(self.public_key[1:], id))
        digest.update(message)
        return self._backend.sign_digest(self._handle, digest.digest())


def _require_bytes(*values: object) -> None:
    for value in values:
        if not isinstance(value, bytes):
            raise TypeError(f"bytes expected, not {type(value).__name__}")


def _in_range(signature: bytes) -> bool:
    """Steps 2 and 4: 64 bytes, both halves in 1..n−1, r + s ≠ n."""
    if len(signature) != 64:
        return False
    r, s = signature[:32], signature[32:]
    # Bytes of equal length compare as the numbers do.
    if not (_ZERO < r < _N_BYTES and _ZERO < s < _N_BYTES):
        return False
    return int.from_bytes(r) + int.from_bytes(s) != _N
