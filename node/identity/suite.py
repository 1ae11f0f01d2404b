"""The crypto provider's front door: `get_suite`, and what a suite and a signer are.

Nothing outside this package knows which algorithms a channel uses: hashes are 32 bytes, public
keys 65, signatures 64 in both suites. `sm` (1) is SM2, SM3, SM4-GCM; `intl` (2) is P-256,
SHA-256, AES-128-GCM.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from consensus.tags import Tag, preimage
from node.identity.errors import Attempt, NoCryptoBackend
from node.identity.keys import INTL_ID, SM_ID, PrivateKey
from node.identity.za import DEFAULT_ID

__all__ = [
    "DEFAULT_ID",
    "HASH_LEN",
    "INTL_ID",
    "KEY_CACHE_MAX",
    "PUBLIC_KEY_LEN",
    "SIGNATURE_LEN",
    "SM_ID",
    "Hasher",
    "Item",
    "Signer",
    "Suite",
    "generate_key",
    "get_suite",
    "identity_digest",
]

HASH_LEN, PUBLIC_KEY_LEN, SIGNATURE_LEN = 32, 65, 64
KEY_CACHE_MAX = 4096  # parsed public keys a suite keeps

BackendName = Literal["openssl", "gmssl", "auto"]
_NAMES: dict[str | int, str] = {"sm": "sm", SM_ID: "sm", "intl": "intl", INTL_ID: "intl"}


class Hasher(Protocol):
    """An incremental hash, as hashlib's."""

    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class Item(NamedTuple):
    """One signature to check; a plain tuple of three or four works as well."""

    key: bytes
    message: bytes
    signature: bytes
    id: bytes = DEFAULT_ID


class Signer(Protocol):
    """Whatever can sign: a key file, a device, a signing service."""

    public_key: bytes

    def sign(self, message: bytes, id: bytes = DEFAULT_ID) -> bytes: ...


class Suite(Protocol):
    """Algorithms of a channel, fixed in its genesis (crypto.md §1, §2)."""

    name: str
    id: int
    library: str  # "name: version" of what serves it, for logs, status and benchmarks
    can_sign: bool
    is_fallback: bool  # pure Python only: such a node verifies and executes no contracts

    def hash(self, data: bytes) -> bytes: ...
    def hasher(self) -> Hasher: ...
    def hmac(self, key: bytes, data: bytes) -> bytes: ...
    def check_public_key(self, key: bytes) -> None:
        """Raises BadKey."""
        ...

    def verify(self, key: bytes, message: bytes, signature: bytes, id: bytes = DEFAULT_ID) -> bool:
        """Total: bad lengths, keys and signatures give False; only a non-bytes argument raises."""
        ...

    def verify_digest(self, key: bytes, e: bytes, signature: bytes) -> bool: ...
    def verify_many(self, items: Iterable[Item]) -> list[bool]: ...
    def generate_key(self) -> PrivateKey: ...
    def private_key(self, scalar: bytes) -> PrivateKey: ...
    def signer(self, key: PrivateKey) -> Signer: ...
    def seal(self, key: bytes, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes: ...
    def open(self, key: bytes, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes:
        """Raises BadSeal."""
        ...


_made: dict[tuple[object, ...], Any] = {}
_making = threading.Lock()


def get_suite(
    name_or_id: str | int = "sm",
    backend: BackendName = "openssl",
    *,
    libcrypto: Sequence[str] = (),
    allow_gmssl_signing: bool = False,
) -> Suite:
    """The suite, made once a set of arguments and shared; its known answers were checked.

    backend: which library serves SM2 (the `intl` suite has one). "auto" takes gmssl, which only
    verifies, when no libcrypto can serve; the caller logs `suite.library` and shows `suite.is_fallback`.
    libcrypto: paths to try after the interpreter's own library.
    Raises ValueError for an unknown suite or backend, NoCryptoBackend when nothing here can serve.
    """
    name = _NAMES.get(name_or_id)
    if name is None:
        raise ValueError(f"unknown crypto suite {name_or_id!r}: known are 'sm' (1), 'intl' (2)")
    if backend not in ("openssl", "gmssl", "auto"):
        raise ValueError(f"unknown crypto backend {backend!r}: openssl, gmssl or auto")
    which = (name,) if name == "intl" else (name, backend, tuple(libcrypto), allow_gmssl_signing)
    with _making:
        suite = _made.get(which)
        if suite is None:
            suite = _made[which] = _make(name, backend, libcrypto, allow_gmssl_signing)
    return suite  # type: ignore[no-any-return]


def _make(name: str, backend: str, paths: Sequence[str], allow_gmssl_signing: bool) -> Any:
    from node.identity.load import load_gmssl, load_openssl
    from node.identity.p256 import IntlSuite
    from node.identity.sm2 import SmSuite

    if name == "intl":
        return IntlSuite()
    if backend == "gmssl":
        return SmSuite(load_gmssl(allow_gmssl_signing))
    try:
        return SmSuite(load_openssl(paths))
    except NoCryptoBackend as error:
        if backend != "auto":
            raise
        tried: list[Attempt] = list(error.attempts)
    try:
        return SmSuite(load_gmssl(allow_gmssl_signing))
    except NoCryptoBackend as error:
        raise NoCryptoBackend("sm", [*tried, *error.attempts]) from error


def generate_key(suite: Suite) -> PrivateKey:
    """A fresh private key from the operating system's randomness."""
    return suite.generate_key()


def identity_digest(suite: Suite, public_key: bytes) -> bytes:
    """The 32 bytes that name an identity: H(identity tag ‖ public key). The `sender` of a body."""
    suite.check_public_key(public_key)
    return suite.hash(preimage(Tag.IDENTITY, suite.id, public_key))
