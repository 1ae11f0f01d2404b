"""OpenSSL's libcrypto 3.x through ctypes: finding it and declaring what we call.

Order (crypto.md §4): the library the running interpreter already uses, through the handle of its
own `_hashlib` extension; explicit paths; the platform's usual names.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Sequence
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_ulong, c_void_p
from typing import Any

_PLATFORM_NAMES = {
    "linux": ("libcrypto.so.3",),
    "darwin": ("libcrypto.3.dylib",),
    "win32": ("libcrypto-3-x64.dll", "libcrypto-3.dll"),
}
_OUT = POINTER(c_void_p)
_SIZE = POINTER(c_size_t)

# name: (result, arguments). Heavy calls release the interpreter lock, light ones keep it.
_HEAVY: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "EVP_PKEY_verify": (c_int, (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t)),
    "EVP_DigestVerify": (c_int, (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t)),
    "EVP_PKEY_sign": (c_int, (c_void_p, c_char_p, _SIZE, c_char_p, c_size_t)),
    "EVP_PKEY_encrypt": (c_int, (c_void_p, c_char_p, _SIZE, c_char_p, c_size_t)),
    "EVP_PKEY_decrypt": (c_int, (c_void_p, c_char_p, _SIZE, c_char_p, c_size_t)),
    "EVP_PKEY_generate": (c_int, (c_void_p, _OUT)),
    "EC_POINT_mul": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
}
_LIGHT: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "OpenSSL_version_num": (c_ulong, ()),
    "OpenSSL_version": (c_char_p, (c_int,)),
    "ERR_clear_error": (None, ()),
    "EVP_MD_fetch": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "EVP_Digest": (c_int, (c_char_p, c_size_t, c_char_p, c_void_p, c_void_p, c_void_p)),
    "EVP_MD_CTX_new": (c_void_p, ()),
    "EVP_MD_CTX_free": (None, (c_void_p,)),
    "EVP_MD_CTX_set_pkey_ctx": (None, (c_void_p, c_void_p)),
    "EVP_DigestVerifyInit": (c_int, (c_void_p, _OUT, c_void_p, c_void_p, c_void_p)),
    "EVP_PKEY_CTX_new_from_name": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "EVP_PKEY_CTX_new_from_pkey": (c_void_p, (c_void_p, c_void_p, c_char_p)),
    "EVP_PKEY_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_set1_id": (c_int, (c_void_p, c_char_p, c_int)),
    "EVP_PKEY_fromdata_init": (c_int, (c_void_p,)),
    "EVP_PKEY_fromdata": (c_int, (c_void_p, _OUT, c_int, c_void_p)),
    "EVP_PKEY_keygen_init": (c_int, (c_void_p,)),
    "EVP_PKEY_verify_init": (c_int, (c_void_p,)),
    "EVP_PKEY_sign_init": (c_int, (c_void_p,)),
    "EVP_PKEY_encrypt_init": (c_int, (c_void_p,)),
    "EVP_PKEY_decrypt_init": (c_int, (c_void_p,)),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_PKEY_get_bn_param": (c_int, (c_void_p, c_char_p, _OUT)),
    "BN_bin2bn": (c_void_p, (c_char_p, c_int, c_void_p)),
    "BN_bn2binpad": (c_int, (c_void_p, c_char_p, c_int)),
    "BN_set_flags": (None, (c_void_p, c_int)),
    "BN_clear_free": (None, (c_void_p,)),
    "EC_GROUP_new_by_curve_name": (c_void_p, (c_int,)),
    "EC_GROUP_free": (None, (c_void_p,)),
    "EC_POINT_new": (c_void_p, (c_void_p,)),
    "EC_POINT_free": (None, (c_void_p,)),
    "EC_POINT_oct2point": (c_int, (c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)),
    "EC_POINT_point2oct": (
        c_size_t,
        (c_void_p, c_void_p, c_int, c_char_p, c_size_t, c_void_p),
    ),
}


class OsslParam(ctypes.Structure):
    """OSSL_PARAM of openssl/core.h; an array of them ends with one whose key is NULL."""

    _fields_ = (
        ("key", c_char_p),
        ("data_type", c_uint),
        ("data", c_void_p),
        ("data_size", c_size_t),
        ("return_size", c_size_t),
    )


class MissingSymbols(Exception):
    """The library was opened and does not have what we call."""

    def __init__(self, version: str, names: Sequence[str]) -> None:
        self.version = version
        rest = f" and {len(names) - 4} more" if len(names) > 4 else ""
        super().__init__(f"symbols not found: {', '.join(names[:4])}{rest}")


class LibCrypto:
    """The functions we use, as attributes, with their types declared."""

    def __init__(self, source: str, path: str) -> None:
        """Open the library at `path`. Raises OSError, or MissingSymbols naming what is absent."""
        self.source = source
        heavy = ctypes.CDLL(path)
        light = ctypes.PyDLL(path)
        missing: list[str] = []
        for library, table in ((heavy, _HEAVY), (light, _LIGHT)):
            for name, (result, arguments) in table.items():
                try:
                    function = getattr(library, name)
                except AttributeError:
                    missing.append(name)
                    continue
                function.restype, function.argtypes = result, arguments
                setattr(self, name, function)
        self.version = self._version()
        if missing:
            raise MissingSymbols(self.version, missing)

    def __getattr__(self, name: str) -> Any:
        # Declared for readers and type checkers: the functions above are set in the constructor.
        raise AttributeError(name)

    def _version(self) -> str:
        read = self.__dict__.get("OpenSSL_version")
        return read(0).decode("ascii", "replace") if read else "version unknown"


def candidates(paths: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """(what to call it in messages, what to open) in the order to try."""
    try:
        import _hashlib

        extension = getattr(_hashlib, "__file__", None)
    except ImportError:
        extension = None
    if extension:
        yield f"the interpreter's own library, through {extension}", extension
    for path in paths:
        yield path, path
    for name in _PLATFORM_NAMES.get(sys.platform, ("libcrypto.so.3",)):
        yield name, name
