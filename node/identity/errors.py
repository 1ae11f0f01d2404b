"""Errors of the identity package. Each carries the stable code that the catalogue explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class CryptoError(Exception):
    """Base of everything this package raises on purpose."""

    code = "CITY-2000"
    name = "CRYPTO"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One library that was tried: where, which version it reported, why it was not taken."""

    library: str
    version: str
    missing: str

    def __str__(self) -> str:
        return f"{self.library} ({self.version}): {self.missing}"


class NoCryptoBackend(CryptoError):
    """No library on this machine can serve the suite. The node must not start."""

    code = "CITY-2001"
    name = "NO_CRYPTO_BACKEND"

    def __init__(self, suite: str, attempts: Sequence[Attempt]) -> None:
        self.suite = suite
        self.attempts = tuple(attempts)
        tried = "\n".join(f"  - {attempt}" for attempt in self.attempts) or "  - nothing"
        super().__init__(
            f"{self.code} {self.name}: no library here can serve the {suite!r} suite.\n"
            f"Tried:\n{tried}\n"
            "Do: install OpenSSL 3 built with SM2, SM3 and SM4 (Debian: apt install libssl3) and "
            'name it in node.toml, crypto.libcrypto = ["/path/to/libcrypto.so.3"]; or use a '
            'CPython linked with such a library; or set crypto.backend = "auto" to verify with '
            "the slow pure-Python gmssl, which cannot sign and runs no contracts."
        )


class BadKey(CryptoError):
    """A public key that is not 04‖x‖y of a point on the curve, or a scalar out of range."""

    code = "CITY-2002"
    name = "BAD_KEY"


class BadSeal(CryptoError):
    """A sealed text that does not open: wrong key, nonce, associated data, or damage."""

    code = "CITY-2003"
    name = "BAD_SEAL"


class BadSignatureEncoding(CryptoError):
    """A DER signature that is not the one strict encoding of values in range."""

    code = "CITY-2004"
    name = "BAD_SIGNATURE_ENCODING"


class KeyFileError(CryptoError):
    """A key file that cannot be used. The text says what to do; it never holds key material."""

    code = "CITY-2005"
    name = "KEY_FILE"


class WrongPassword(KeyFileError):
    """The password does not open the key file, or the file is damaged: nobody can tell which."""

    code = "CITY-2006"
    name = "KEY_FILE_PASSWORD"


class UnsafeKeyFile(KeyFileError):
    """A key file that others can read, that is not ours, or that is not encrypted."""

    code = "CITY-2007"
    name = "KEY_FILE_UNSAFE"


class SigningRefused(CryptoError):
    """This backend verifies only."""

    code = "CITY-2008"
    name = "SIGNING_REFUSED"


class BadCertificate(CryptoError):
    """A transport certificate or authority that cannot be used."""

    code = "CITY-2009"
    name = "BAD_TRANSPORT_CERTIFICATE"


class BadCaseFile(CryptoError):
    """A file of test vectors in a format that is not known here."""

    code = "CITY-2010"
    name = "BAD_CASE_FILE"


class BackendFailure(CryptoError):
    """The library failed at something that cannot fail on checked input (memory, a bug).

    Never an answer about a signature: treating it as "invalid" would let one node disagree.
    """

    code = "CITY-2011"
    name = "CRYPTO_BACKEND_FAILURE"
