"""The `intl` suite: ECDSA P-256 with low s, SHA-256, AES-128-GCM, through `cryptography`.

Same shapes as the `sm` suite, same strictness: 65-byte keys on the curve, 64-byte signatures with
both halves in range, and s ≤ (n−1)/2 because (r, n−s) would be a second signature.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import cryptography
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from node.identity import aead
from node.identity.curve import P256
from node.identity.der import der_to_raw, encode_unchecked
from node.identity.errors import BadKey
from node.identity.keys import INTL_ID, PrivateKey, check_public_point, check_scalar
from node.identity.suite import KEY_CACHE_MAX, Hasher, Item, Signer
from node.identity.za import DEFAULT_ID, ID_LEN_MAX

_N = P256.n
_N_BYTES = _N.to_bytes(32)
_S_MAX = ((_N - 1) // 2).to_bytes(32)
_ZERO = bytes(32)
_PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
# ECPrivateKey { version 1, privateKey, [0] namedCurve secp256r1 } of RFC 5915, the scalar between.
_SEC1_HEAD = bytes.fromhex("30310201010420")
_SEC1_TAIL = bytes.fromhex("a00a06082a8648ce3d030107")


def _load_public(key: bytes) -> ec.EllipticCurvePublicKey:
    check_public_point(P256, key)
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)


def _load_private(scalar: bytes) -> Any:
    # Through DER rather than an integer: the scalar never becomes a Python number.
    return serialization.load_der_private_key(_SEC1_HEAD + scalar + _SEC1_TAIL, password=None)


class IntlSuite:
    """Implements `Suite`. Safe to use from many threads."""

    name = "intl"
    id = INTL_ID
    library = f"cryptography: {cryptography.__version__}"
    can_sign = True
    is_fallback = False

    def __init__(self) -> None:
        self._key = lru_cache(KEY_CACHE_MAX)(_load_public)

    def __repr__(self) -> str:
        return f"<suite intl, {self.library}>"

    def hash(self, data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    def hasher(self) -> Hasher:
        return hashlib.sha256()

    def hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, "sha256")

    def check_public_key(self, key: bytes) -> None:
        """Raise BadKey unless the key is 04‖x‖y on the curve."""
        check_public_point(P256, key)

    def verify(self, key: bytes, message: bytes, signature: bytes, id: bytes = DEFAULT_ID) -> bool:
        """Total, as in the `sm` suite. ECDSA has no id; one that is too long is still refused."""
        if not isinstance(message, bytes) or not isinstance(id, bytes):
            raise TypeError("message and id are bytes")
        if len(id) > ID_LEN_MAX:
            return False
        return self.verify_digest(key, hashlib.sha256(message).digest(), signature)

    def verify_digest(self, key: bytes, e: bytes, signature: bytes) -> bool:
        """The same from the hash on."""
        if not (isinstance(key, bytes) and isinstance(e, bytes) and isinstance(signature, bytes)):
            raise TypeError("key, digest and signature are bytes")
        if len(e) != 32 or len(signature) != 64:
            return False
        r, s = signature[:32], signature[32:]
        if not (_ZERO < r < _N_BYTES and _ZERO < s <= _S_MAX):
            return False
        try:
            self._key(key).verify(encode_unchecked(r, s), e, _PREHASHED)
        except (BadKey, InvalidSignature):
            return False
        return True

    def verify_many(self, items: Iterable[Item]) -> list[bool]:
        """One answer an item, in order."""
        verify = self.verify
        return [verify(*item) for item in items]

    def generate_key(self) -> PrivateKey:
        while True:
            private = ec.generate_private_key(ec.SECP256R1())
            encoded = private.private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
            try:  # n−1 is a P-256 key and not one of ours: the range is that of both suites
                return self.private_key(encoded[7:39])
            except BadKey:
                continue

    def private_key(self, scalar: bytes) -> PrivateKey:
        """The key of a 32-byte scalar. Raises BadKey unless 1 ≤ d ≤ n−2."""
        check_scalar(INTL_ID, scalar)
        return PrivateKey(INTL_ID, _public_bytes(_load_private(scalar)), scalar)

    def signer(self, key: PrivateKey) -> Signer:
        """A signer over a key in memory. Raises BadKey if the two halves do not belong together."""
        if key.suite_id != INTL_ID:
            raise BadKey("this key belongs to another suite")
        private = _load_private(key.scalar)
        if _public_bytes(private) != key.public_key:
            raise BadKey("the public key does not belong to the private key")
        return _P256Signer(private, key.public_key)

    def seal(self, key: bytes, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes:
        return aead.seal(INTL_ID, key, nonce, data, aad)

    def open(self, key: bytes, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes:
        return aead.open_sealed(INTL_ID, key, nonce, data, aad)


class _P256Signer:
    __slots__ = ("_private", "public_key")

    def __init__(self, private: Any, public_key: bytes) -> None:
        self._private, self.public_key = private, public_key

    def __repr__(self) -> str:
        return f"<P-256 signer {self.public_key.hex()[:16]}…>"

    def sign(self, message: bytes, id: bytes = DEFAULT_ID) -> bytes:
        """64 bytes r‖s with s ≤ (n−1)/2."""
        if not isinstance(message, bytes) or not isinstance(id, bytes):
            raise TypeError("message and id are bytes")
        digest = hashlib.sha256(message).digest()
        signature = der_to_raw(self._private.sign(digest, _PREHASHED), INTL_ID)
        r, s = signature[:32], signature[32:]
        if s > _S_MAX:  # the twin n−s is equally valid; only the low one is ours
            s = (_N - int.from_bytes(s)).to_bytes(32)
        return r + s


def _public_bytes(private: Any) -> bytes:
    encoded: bytes = private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return encoded
