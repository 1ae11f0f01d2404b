"""SM2 through libcrypto 3.x. The default backend.

Signatures are checked at digest level (EVP_PKEY_verify over e): the front layer computes ZA and
e once, and a context prepared for a key is used again. `verify` is the message level, where the
library hashes by itself; the gate and the tests hold both against each other.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import byref, c_char_p, c_size_t, c_void_p
from typing import Any

from node.identity.der import der_to_raw, encode_unchecked
from node.identity.errors import BackendFailure
from node.identity.libcrypto import LibCrypto, OsslParam

_NID_SM2 = 1172
_UNCOMPRESSED = 4
_PUBLIC_KEY, _KEYPAIR = 0x86, 0x87  # EVP_PKEY_PUBLIC_KEY, EVP_PKEY_KEYPAIR
_UNSIGNED_INTEGER, _UTF8_STRING, _OCTET_STRING = 2, 4, 5
_BN_FLG_CONSTTIME = 4
_DER_MAX = 80
_CIPHERTEXT_ROOM = 128  # what C1, C3 and their DER add to a text


class _KeyHandle:
    """An EVP_PKEY and its idle contexts; freed when the last user drops it.

    A context serves one call at a time. list.pop and list.append are atomic, so threads take
    one each and no lock is held while libcrypto works.
    """

    __slots__ = ("_idle", "_init", "_lib", "pkey")

    def __init__(self, lib: Any, pkey: int, init: Any) -> None:
        self._lib, self.pkey, self._init = lib, pkey, init
        self._idle: list[int] = []

    def take(self) -> int:
        try:
            return self._idle.pop()
        except IndexError:
            context: int = self._lib.EVP_PKEY_CTX_new_from_pkey(None, self.pkey, None)
            if not context or self._init(context) != 1:
                self._lib.EVP_PKEY_CTX_free(context)
                self._lib.ERR_clear_error()
                raise BackendFailure("libcrypto cannot prepare an SM2 context") from None
            return context

    def give_back(self, context: int) -> None:
        self._idle.append(context)

    def __del__(self) -> None:
        for context in self._idle:
            self._lib.EVP_PKEY_CTX_free(context)
        self._lib.EVP_PKEY_free(self.pkey)


class OpensslBackend:
    """Implements `Backend`. One object a library; safe to use from many threads."""

    name = "openssl"
    can_sign = True

    def __init__(self, lib: LibCrypto) -> None:
        self._lib: Any = lib
        self.version = lib.version
        self.source = lib.source
        self._verify_call = self._lib.EVP_PKEY_verify
        self._clear = self._lib.ERR_clear_error
        self._sm3 = self._lib.EVP_MD_fetch(None, b"SM3", None)
        if not self._sm3:
            self._clear()
            raise BackendFailure("SM3 is not built in")

    def sm3(self, data: bytes) -> bytes:
        """SM3 by this library; the product hashes with hashlib, the gate compares."""
        out = ctypes.create_string_buffer(32)
        if self._lib.EVP_Digest(data, len(data), out, None, self._sm3, None) != 1:
            self._clear()
            raise BackendFailure("SM3 failed")
        return out.raw

    def load_public_key(self, xy: bytes) -> _KeyHandle:
        return _KeyHandle(
            self._lib, self._from_data(_PUBLIC_KEY, xy), self._lib.EVP_PKEY_verify_init
        )

    def verify_digest(self, handle: Any, e: bytes, r: bytes, s: bytes) -> bool:
        signature = encode_unchecked(r, s)
        context = handle.take()
        answer: int = self._verify_call(context, signature, len(signature), e, 32)
        self._clear()
        handle.give_back(context)
        return answer == 1  # 0 and negative values both refuse

    def verify(self, handle: Any, id: bytes, message: bytes, r: bytes, s: bytes) -> bool:
        lib = self._lib
        signature = encode_unchecked(r, s)
        key_context = lib.EVP_PKEY_CTX_new_from_pkey(None, handle.pkey, None)
        digest_context = lib.EVP_MD_CTX_new()
        try:
            if not key_context or not digest_context:
                raise BackendFailure("libcrypto cannot make a context")
            # The id goes in before the digest is started: ZA is the first thing it absorbs.
            lib.EVP_MD_CTX_set_pkey_ctx(digest_context, key_context)
            started = (
                lib.EVP_DigestVerifyInit(digest_context, None, self._sm3, None, handle.pkey) == 1
                and lib.EVP_PKEY_CTX_set1_id(key_context, id, len(id)) == 1
            )
            if not started:
                raise BackendFailure("libcrypto cannot start an SM2 verification")
            answer = lib.EVP_DigestVerify(
                digest_context, signature, len(signature), message, len(message)
            )
            return bool(answer == 1)
        finally:
            lib.EVP_MD_CTX_free(digest_context)
            lib.EVP_PKEY_CTX_free(key_context)
            self._clear()

    def generate(self) -> bytes:
        lib = self._lib
        context = lib.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        pkey, number = c_void_p(), c_void_p()
        try:
            if not context or lib.EVP_PKEY_keygen_init(context) != 1:
                raise BackendFailure("SM2 key generation is not built in")
            if lib.EVP_PKEY_generate(context, byref(pkey)) != 1:
                raise BackendFailure("SM2 key generation failed")
            if lib.EVP_PKEY_get_bn_param(pkey, b"priv", byref(number)) != 1:
                raise BackendFailure("a generated key cannot be read")
            out = ctypes.create_string_buffer(32)
            if lib.BN_bn2binpad(number, out, 32) != 32:
                raise BackendFailure("a generated key cannot be read")
            return out.raw
        finally:
            lib.BN_clear_free(number)
            lib.EVP_PKEY_free(pkey)
            lib.EVP_PKEY_CTX_free(context)
            self._clear()

    def public_point(self, scalar: bytes) -> bytes:
        lib = self._lib
        group = lib.EC_GROUP_new_by_curve_name(_NID_SM2)
        point = lib.EC_POINT_new(group) if group else None
        number = lib.BN_bin2bn(scalar, len(scalar), None)
        try:
            if not point or not number:
                raise BackendFailure("the SM2 curve is not built in")
            lib.BN_set_flags(number, _BN_FLG_CONSTTIME)
            out = ctypes.create_string_buffer(65)
            if (
                lib.EC_POINT_mul(group, point, number, None, None, None) != 1
                or lib.EC_POINT_point2oct(group, point, _UNCOMPRESSED, out, 65, None) != 65
            ):
                raise BackendFailure("a public key cannot be computed")
            return out.raw[1:]
        finally:
            lib.BN_clear_free(number)
            lib.EC_POINT_free(point)
            lib.EC_GROUP_free(group)
            self._clear()

    def load_private_key(self, scalar: bytes, xy: bytes) -> _KeyHandle:
        return _KeyHandle(
            self._lib, self._from_data(_KEYPAIR, xy, scalar), self._lib.EVP_PKEY_sign_init
        )

    def sign_digest(self, handle: Any, e: bytes) -> bytes:
        context = handle.take()
        out = ctypes.create_string_buffer(_DER_MAX)
        length = c_size_t(_DER_MAX)
        answer = self._lib.EVP_PKEY_sign(context, out, byref(length), e, len(e))
        self._clear()
        handle.give_back(context)
        if answer != 1:
            raise BackendFailure("libcrypto cannot sign")
        return der_to_raw(out.raw[: length.value])

    def encrypt(self, xy: bytes, text: bytes) -> bytes:
        """SM2 encryption to a key; the form of GM/T 0009."""
        handle = _KeyHandle(
            self._lib, self._from_data(_PUBLIC_KEY, xy), self._lib.EVP_PKEY_encrypt_init
        )
        found = self._transform(handle, self._lib.EVP_PKEY_encrypt, text)
        if found is None:
            raise BackendFailure("libcrypto cannot encrypt")
        return found

    def decrypt(self, scalar: bytes, xy: bytes, encoded: bytes) -> bytes | None:
        """What was encrypted to this key; None where the ciphertext is not whole or another key's."""
        handle = _KeyHandle(
            self._lib, self._from_data(_KEYPAIR, xy, scalar), self._lib.EVP_PKEY_decrypt_init
        )
        return self._transform(handle, self._lib.EVP_PKEY_decrypt, encoded)

    def _transform(self, handle: _KeyHandle, call: Any, data: bytes) -> bytes | None:
        context = handle.take()
        room = len(data) + _CIPHERTEXT_ROOM
        out = ctypes.create_string_buffer(room)
        length = c_size_t(room)
        answer = call(context, out, byref(length), data, len(data))
        self._clear()
        handle.give_back(context)
        return out.raw[: length.value] if answer == 1 else None

    def _from_data(self, selection: int, xy: bytes, scalar: bytes | None = None) -> int:
        lib = self._lib
        keep: list[Any] = []

        def param(key: bytes, kind: int, data: bytes) -> OsslParam:
            buffer = ctypes.create_string_buffer(data, len(data))
            keep.append(buffer)
            return OsslParam(key, kind, ctypes.cast(buffer, c_void_p), len(data), 0)

        params = [param(b"group", _UTF8_STRING, b"SM2"), param(b"pub", _OCTET_STRING, b"\4" + xy)]
        if scalar is not None:
            native = scalar[::-1] if sys.byteorder == "little" else scalar
            params.append(param(b"priv", _UNSIGNED_INTEGER, native))
        params.append(OsslParam(c_char_p(None), 0, None, 0, 0))
        array = (OsslParam * len(params))(*params)
        context = lib.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        pkey = c_void_p()
        try:
            if not context or lib.EVP_PKEY_fromdata_init(context) != 1:
                raise BackendFailure("SM2 is not built in")
            if lib.EVP_PKEY_fromdata(context, byref(pkey), selection, array) != 1:
                raise BackendFailure("libcrypto does not take a key that lies on the curve")
            assert pkey.value is not None
            return pkey.value
        finally:
            lib.EVP_PKEY_CTX_free(context)
            if scalar is not None:
                for buffer in keep:
                    ctypes.memset(buffer, 0, len(buffer))
            self._clear()
