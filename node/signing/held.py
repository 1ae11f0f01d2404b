"""Keys that a service or a device holds: the node's identity, and vote keys among which the set decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from consensus.encoding import Sig
from consensus.validators import ValidatorSet
from node.errors import CityError
from node.identity.suite import DEFAULT_ID, Suite
from node.identity.transport import NEXT
from node.signing.purposes import IDENTITY, VOTE


def vote_name(channel: str = "", is_next: bool = False) -> str:
    """How a vote key is called where it is held. channel: empty for the node's own. Each channel has one of its
    own, so that what one asks of its validators binds nobody in another. Names of channels have no dots."""
    stem = VOTE + (NEXT if is_next else "")
    return f"{stem}.{channel}" if channel else stem


class NamedSigner(Protocol):
    """A signer that its holder calls by a name: identity…, vote…"""

    name: str
    suite_id: int
    public_key: bytes

    def sign(self, message: bytes, id: bytes = DEFAULT_ID) -> Sig: ...


class HeldKeys:
    """Of one suite. A vote key that follows another is simply there before the block that names it; the former
    one may be taken away after it."""

    def __init__(self, place: str, find: Callable[[], Sequence[NamedSigner]], suite: Suite) -> None:
        """place: for messages. find: all that is held, blocking. Raises what `find` raises."""
        self._place, self._find, self._suite = place, find, suite
        self._known = self._look()

    def _look(self) -> list[NamedSigner]:
        return [signer for signer in self._find() if signer.suite_id == self._suite.id]

    def identity(self) -> NamedSigner:
        """`identity-SUITE`, else `identity`. Raises CITY-2050."""
        return self._named(f"{IDENTITY}-{self._suite.name}", IDENTITY)

    def identities(self) -> Sequence[NamedSigner]:
        """`identity`, and one that is to follow it. Raises CITY-2050."""
        now = self.identity()
        return (now, *(s for s in self._known if s.name == now.name + NEXT))

    def vote_key(self, name: str = VOTE) -> bytes:
        """The public key by which the node is to vote in a channel (`vote_name`), for its card. Raises
        CITY-2050."""
        try:
            return self._named(name).public_key
        except CityError:
            self._known = self._look()  # it may have been made for this very channel
            return self._named(name).public_key

    def _named(self, *names: str) -> NamedSigner:
        for name in names:
            for signer in self._known:
                if signer.name == name:
                    return signer
        raise CityError("CITY-2050", key=f"{names[-1]} ({self._suite.name}) at {self._place}")

    def __call__(self, validators: ValidatorSet) -> NamedSigner | None:
        """The signer that votes in this set, None where none does. Raises SignerAway."""
        found = self._voting(validators)
        if found is None:
            self._known = self._look()  # a key may have come since
            found = self._voting(validators)
        return found

    def has_vote(self, validators: ValidatorSet) -> bool:
        return self(validators) is not None

    def _voting(self, validators: ValidatorSet) -> NamedSigner | None:
        for signer in self._known:
            if signer.name.startswith(VOTE) and validators.index_of(signer.public_key) is not None:
                return signer
        return None
