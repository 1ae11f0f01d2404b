"""The known-answer gate: no backend serves before it has shown right answers (crypto.md §4)."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm

from node.identity.aead import seal
from node.identity.backend import Backend
from node.identity.curve import SM2
from node.identity.keys import SM_ID
from node.identity.za import DEFAULT_ID, za

_SM3_ABC = bytes.fromhex("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
# GB/T 32918.5-2017 Annex A: key, message, signature with the default id.
_XY = bytes.fromhex(
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
_SCALAR = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
_MESSAGE = b"message digest"
_ZA = bytes.fromhex("b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3")
_E = bytes.fromhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640")
_R = bytes.fromhex("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3")
_S = bytes.fromhex("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa")
_TWO_G = bytes.fromhex(
    "56cefd60d7c87c000d58ef57fa73ba4d9c0dfa08c08a7331495c2e1da3f2bd52"
    "31b7e7e6cc8189f668535ce0f8eaf1bd6de84c182f6c8e716f780d3a970a23c3"
)
_TWENTY_G_X = 0x08314765E44847EB7575E3CB2FA9092DABBB1EA1417F958D0588FDD88ABDEE94
# RFC 8998 appendix A.1.
_SM4_KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
_SM4_NONCE = bytes.fromhex("00001234567800000000abcd")
_SM4_AAD = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
_SM4_TEXT = b"".join(bytes((byte,)) * 8 for byte in b"\xaa\xbb\xcc\xdd\xee\xff\xee\xaa")
_SM4_SEALED = bytes.fromhex(
    "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
    "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    "83de3541e4c2b58177e065a9bf7b62ec"
)
_OTHER_ID = b"ALICE123@YAHOO.COM"


class GateFailed(Exception):
    """The library gave a wrong answer or cannot do what is needed; the text says which."""


def check_hashlib() -> None:
    """SM3 comes from hashlib alone. Raises GateFailed where this build of Python has none."""
    try:
        digest = hashlib.new("sm3", b"abc").digest()
    except ValueError as error:
        raise GateFailed("hashlib has no SM3 (OpenSSL built without it)") from error
    if digest != _SM3_ABC:
        raise GateFailed("hashlib computes SM3 of 'abc' wrongly")


def check_sm4() -> None:
    """SM4-GCM comes from `cryptography`. Raises GateFailed where that was built without it."""
    try:
        sealed = seal(SM_ID, _SM4_KEY, _SM4_NONCE, _SM4_TEXT, _SM4_AAD)
    except UnsupportedAlgorithm as error:
        raise GateFailed("no SM4-GCM (its OpenSSL was built without SM4)") from error
    if sealed != _SM4_SEALED:
        raise GateFailed("SM4-GCM of the RFC 8998 example is wrong")


def check_backend(backend: Backend) -> None:
    """Known answers on both levels, doubling, and a signature made and verified again."""
    if za(_XY) != _ZA or hashlib.new("sm3", _ZA + _MESSAGE).digest() != _E:
        raise GateFailed("ZA or e of the GB/T 32918.5 example is wrong")
    library_sm3 = getattr(backend, "sm3", None)
    if library_sm3 is not None and library_sm3(b"abc") != _SM3_ABC:
        raise GateFailed("SM3 of 'abc' is wrong")
    _check_known_signature(backend)
    _check_doubling(backend)
    if backend.can_sign:
        _check_signing(backend)


def _flip(value: bytes) -> bytes:
    return value[:-1] + bytes((value[-1] ^ 1,))


def _check_known_signature(backend: Backend) -> None:
    handle = backend.load_public_key(_XY)
    if not backend.verify_digest(handle, _E, _R, _S):
        raise GateFailed("the GB/T 32918.5 signature is refused at digest level")
    if not backend.verify(handle, DEFAULT_ID, _MESSAGE, _R, _S):
        raise GateFailed("the GB/T 32918.5 signature is refused at message level")
    changed = (
        backend.verify_digest(handle, _E, _flip(_R), _S),
        backend.verify_digest(handle, _E, _R, _flip(_S)),
        backend.verify_digest(handle, _flip(_E), _R, _S),
        backend.verify(handle, DEFAULT_ID, _MESSAGE, _R, _flip(_S)),
        backend.verify(handle, _OTHER_ID, _MESSAGE, _R, _S),
    )
    if any(changed):
        raise GateFailed("a signature with one bit changed is accepted")


def _check_doubling(backend: Backend) -> None:
    # With P = 2·G the case s·G = t·P is s = 2·t, hence r = t − s = −t, and the sum is 4·t·G.
    n = SM2.n
    handle = backend.load_public_key(_TWO_G)
    t = 5
    r, s = n - t, 2 * t
    e = ((r - _TWENTY_G_X) % n).to_bytes(32)
    if not backend.verify_digest(handle, e, r.to_bytes(32), s.to_bytes(32)):
        raise GateFailed("a valid signature with s·G = t·P is refused")


def _check_signing(backend: Any) -> None:
    if backend.public_point(_SCALAR) != _XY:
        raise GateFailed("the public key of the GB/T 32918.5 scalar is wrong")
    handle = backend.load_private_key(_SCALAR, _XY)
    public = backend.load_public_key(_XY)
    e = hashlib.new("sm3", za(_XY, _OTHER_ID) + _MESSAGE).digest()
    signature = backend.sign_digest(handle, e)
    r, s = signature[:32], signature[32:]
    # The library hashes here by itself: this also proves our ZA for another id.
    if not backend.verify(public, _OTHER_ID, _MESSAGE, r, s):
        raise GateFailed("a signature with another id does not verify")
    if backend.verify(public, DEFAULT_ID, _MESSAGE, r, s):
        raise GateFailed("a signature verifies under the wrong id")
