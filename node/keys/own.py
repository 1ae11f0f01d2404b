"""A node's own identity and transport keys while they are replaced: the one in use, and the one to follow it.

Beside `identity.pem` lies `identity-next.pem`, beside `transport.pem` and its certificate `transport-next.pem`
and `transport-next.crt`, from before the change is proposed until the former file is destroyed (rotation.py).
Which key counts is said by each channel's configuration, block by block; a node that sleeps through the block,
or starts anew between two steps, therefore holds both and uses whichever its peers know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from consensus.encoding import Sig
from node.identity.signers import sign_hashed
from node.identity.suite import DEFAULT_ID, Suite
from node.identity.transport import TransportIdentity, certificate_der, load_transports

log = structlog.get_logger("node")


class Held(Protocol):
    """A key that this node can sign with, wherever it is."""

    public_key: bytes

    def sign(self, message: bytes, id: bytes = DEFAULT_ID) -> Sig: ...


class OwnIdentity:
    """Implements `Signer` with the identity key that one channel's configuration names."""

    def __init__(self, find: Callable[[], Sequence[Held]], suite: Suite) -> None:
        """find: all that are held, the one in use first; blocking, raises CityError where there is none."""
        self._find, self._suite = find, suite
        self.held = tuple(find())
        self._now = self.held[0]

    def __repr__(self) -> str:
        return f"<OwnIdentity {self.public_key.hex()[:16]}…>"

    @property
    def public_key(self) -> bytes:
        return self._now.public_key

    @property
    def in_order(self) -> tuple[Held, ...]:
        """The one in force first."""
        return (self._now, *(each for each in self.held if each is not self._now))

    def sign(self, message: bytes, id: bytes = DEFAULT_ID) -> Sig:
        return self._now.sign(message, id)

    def sign_hashed(self, preimage: bytes) -> Sig:
        return sign_hashed(self._suite, self._now, preimage)

    def holds(self, public_key: bytes) -> bool:
        """Blocks."""
        return self._named(public_key) is not None

    def take_up(self, public_key: bytes) -> bool:
        """Blocks. From here on this key is the node's; False where it is not held, and nothing changes then."""
        found = self._named(public_key)
        if found is None:
            return False
        if found is not self._now:
            self._now = found
            log.info("node.identity_key_taken_up", key=public_key.hex()[:16])
        return True

    def _named(self, public_key: bytes) -> Held | None:
        found = self._look(public_key)
        if found is None:  # it may have come since
            known = {each.public_key for each in self.held}
            fresh = [each for each in self._find() if each.public_key not in known]
            self.held = (*self.held, *fresh)
            found = self._look(public_key)
        return found

    def _look(self, public_key: bytes) -> Held | None:
        return next((each for each in self.held if each.public_key == public_key), None)


class OwnTransports:
    """The node's certificates with their keys, shared by all its channels. One that was in use is shown until
    the process ends, to who asks for it: a peer that has not seen the block yet still pins it."""

    def __init__(self, folder: Path) -> None:
        """Blocks. Raises CITY-2005 to 2009 where there is none."""
        self._folder = folder
        self.held = load_transports(folder)

    def named(self, der: bytes) -> TransportIdentity | None:
        """Blocks. The one with this certificate, None where it is not held."""
        found = self._find(der)
        if found is None:
            known = {each.certificate_pem for each in self.held}
            fresh = [t for t in load_transports(self._folder) if t.certificate_pem not in known]
            self.held = (*self.held, *fresh)
            found = self._find(der)
        return found

    def _find(self, der: bytes) -> TransportIdentity | None:
        return next((t for t in self.held if certificate_der(t) == der), None)
