"""Errors of the identity package: the catalogue's entries 2001 to 2012 as exception classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from node.errors import CityError

# What asn1crypto raises for bytes that are no DER of what was asked for; its pages name the first only.
BAD_ASN1 = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip


class CryptoError(CityError):
    """Base of everything this package raises on purpose; `CryptoError` itself is not raised."""

    CODE: ClassVar[str]

    def __init__(self, detail: str, **variables: Any) -> None:
        """detail: what was wrong with this input, in one line. Never key material."""
        self.detail = detail
        super().__init__(self.CODE, detail=detail, **variables)


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

    CODE = "CITY-2001"

    def __init__(self, suite: str, attempts: Sequence[Attempt]) -> None:
        self.suite = suite
        self.attempts = tuple(attempts)
        tried = "\n".join(f"  - {attempt}" for attempt in self.attempts)
        super().__init__(tried, suite=suite, tried=tried)


class BadKey(CryptoError):
    """A public key that is not 04‖x‖y of a point on the curve, or a scalar out of range."""

    CODE = "CITY-2002"


class BadSeal(CryptoError):
    """A sealed text that does not open: wrong key, nonce, associated data, or damage."""

    CODE = "CITY-2003"


class BadSignatureEncoding(CryptoError):
    """A DER signature that is not the one strict encoding of values in range."""

    CODE = "CITY-2004"


class KeyFileError(CryptoError):
    """A key file that cannot be used."""

    CODE = "CITY-2005"


class WrongPassword(KeyFileError):
    """The password does not open the key file, or the file is damaged: nobody can tell which."""

    CODE = "CITY-2006"


class UnsafeKeyFile(KeyFileError):
    """A key file that others can read, that is not ours, or that is not encrypted."""

    CODE = "CITY-2007"


class SigningRefused(CryptoError):
    """This backend verifies only."""

    CODE = "CITY-2008"


class BadCertificate(CryptoError):
    """A transport certificate or authority that cannot be used."""

    CODE = "CITY-2009"


class BadCaseFile(CryptoError):
    """A file of test vectors in a format that is not known here."""

    CODE = "CITY-2010"


class BackendFailure(CryptoError):
    """The library failed at something that cannot fail on checked input (memory, a bug).

    Never an answer about a signature: treating it as "invalid" would let one node disagree.
    """

    CODE = "CITY-2011"


class BadSm2Certificate(CryptoError):
    """A certificate, request or revocation list that does not hold."""

    CODE = "CITY-2012"
