"""Signers over software keys. Devices and services (node/signing) implement the same `Signer` protocol."""

from __future__ import annotations

from pathlib import Path

from consensus.api import Signer
from consensus.encoding import Sig
from node.errors import CityError
from node.identity.keyfile import read_key
from node.identity.keys import PrivateKey
from node.identity.suite import DEFAULT_ID, Suite, get_suite


class SignerAway(CityError):
    """A service or device gives no signature now: it does not answer, or refuses. One may ask again later."""


def sign_hashed(suite: Suite, signer: Signer, preimage: bytes) -> Sig:
    """A signature over H(preimage), as transactions are signed. A service is shown the preimage, so that it
    knows what it signs. Raises SignerAway."""
    service = getattr(signer, "sign_hashed", None)
    if service is not None:
        signature: Sig = service(preimage)
        return signature
    return signer.sign(suite.hash(preimage))


class MemorySigner:
    """Signs with a key that was just made or read: tests, the development network, clients."""

    def __init__(self, key: PrivateKey, suite: Suite | None = None) -> None:
        """suite: the one of the key, by default. Raises BadKey, SigningRefused."""
        self._signer = (suite or get_suite(key.suite_id)).signer(key)
        self.suite_id = key.suite_id
        self.public_key = key.public_key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.public_key.hex()[:16]}…>"

    def sign(self, message: bytes, id: bytes = DEFAULT_ID) -> Sig:
        """64 bytes r‖s."""
        return Sig(self._signer.sign(message, id))


class FileSigner(MemorySigner):
    """Signs with the key of a PKCS#8 file, read once; only the library's handle is kept."""

    def __init__(
        self,
        path: str | Path,
        password: bytes | None = None,
        *,
        dev: bool = False,
        suite: Suite | None = None,
    ) -> None:
        """Raises KeyFileError (wrong password, unsafe mode, damage), BadKey, SigningRefused."""
        self.path = Path(path)
        super().__init__(read_key(self.path, password, dev=dev), suite)
