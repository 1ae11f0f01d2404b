"""Choosing a library: try, check by known answers, and say everything when none can serve."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import cryptography

from node.identity.errors import Attempt, BackendFailure, NoCryptoBackend
from node.identity.gate import GateFailed, check_backend, check_hashlib, check_sm4
from node.identity.gmssl_backend import GmsslBackend
from node.identity.libcrypto import LibCrypto, MissingSymbols, candidates
from node.identity.openssl_backend import OpensslBackend

_VERSION_MIN = 0x30000000


def load_openssl(paths: Sequence[str] = ()) -> OpensslBackend:
    """The first libcrypto that passes the gate. Raises NoCryptoBackend listing every attempt."""
    _require_symmetric()
    attempts: list[Attempt] = []
    for label, path in candidates(paths):
        version = "not opened"
        try:
            lib = LibCrypto(label, path)
            version = lib.version
            return _checked(lib)
        except OSError as error:
            attempts.append(Attempt(label, version, f"cannot be opened: {error}"))
        except MissingSymbols as error:
            attempts.append(Attempt(label, error.version, str(error)))
        except BackendFailure as error:
            attempts.append(Attempt(label, version, error.detail))
        except GateFailed as error:
            attempts.append(Attempt(label, version, str(error)))
    raise NoCryptoBackend("sm", attempts)


def load_gmssl(allow_signing: bool = False) -> GmsslBackend:
    """The pure-Python fallback after the same gate. Raises NoCryptoBackend."""
    _require_symmetric()
    backend = GmsslBackend(allow_signing)
    try:
        check_backend(backend)
    except GateFailed as error:
        raise NoCryptoBackend("sm", [Attempt("gmssl", backend.version, str(error))]) from error
    return backend


def _checked(lib: LibCrypto) -> OpensslBackend:
    number = lib.OpenSSL_version_num()
    if number < _VERSION_MIN:
        raise GateFailed(f"version {number:#x} is older than 3.0")
    backend = OpensslBackend(lib)
    check_backend(backend)
    return backend


def _require_symmetric() -> None:
    """SM3 and SM4, which do not come from the backend. Raises NoCryptoBackend."""
    checks = (
        ("hashlib", ssl.OPENSSL_VERSION, check_hashlib),
        ("cryptography", cryptography.__version__, check_sm4),
    )
    for library, version, check in checks:
        try:
            check()
        except GateFailed as error:
            raise NoCryptoBackend("sm", [Attempt(library, version, str(error))]) from error
