"""Keys in hardware, behind PKCS#11: made in the token, used there, never outside. P-256.

The standard knows no signature with SM2: makers define mechanisms of their own, and none is offered here. A
token that is pulled, or a module that lost its session, is opened again; a PIN that was refused is never tried
again by this process, as a few wrong ones lock a token. Every signature is verified before it is used.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from consensus.encoding import Sig
from node.errors import CityError
from node.identity.asn1 import low_s
from node.identity.errors import BadKey
from node.identity.keys import INTL_ID
from node.identity.signers import FileSigner, MemorySigner, SignerAway
from node.identity.suite import DEFAULT_ID, Suite, get_suite
from node.signing.held import HeldKeys, NamedSigner
from node.signing.purposes import IDENTITY, VOTE, purpose_of
from node.signing.token_place import TokenPlace, is_token, read_pin, read_place

PATIENCE_S, PAUSE_S = 1.0, 0.1
P256_PARAMETERS = bytes.fromhex("06082a8648ce3d030107")
_POINT_HEAD = bytes((0x04, 65))  # DER: an OCTET STRING of 65 bytes
NAME_CHARS_MAX = 64
T = TypeVar("T")

_modules: dict[str, threading.RLock] = {}  # a module is one state machine for the process
_modules_lock = threading.Lock()


def library() -> Any:
    """The binding. Raises CITY-2057 where it is not installed."""
    try:
        import pkcs11
    except ImportError:
        raise CityError(
            "CITY-2057",
            token="pkcs11",
            reason="python-pkcs11 is missing: pip install 'citychain[pkcs11]'",
        ) from None
    return pkcs11


class Token:
    """One login to one token; calls from any thread, one at a time."""

    def __init__(self, place: TokenPlace, pin: Callable[[], str]) -> None:
        """pin: asked once, when it is first needed."""
        self.place, self._ask_pin = place, pin
        self._pkcs11 = library()
        with _modules_lock:
            self._lock = _modules.setdefault(str(place.module), threading.RLock())
        self._session: Any = None
        self._pin: str | None = None
        self._refused = ""

    def __repr__(self) -> str:
        return f"<Token {self.place.token}>"

    def close(self) -> None:
        with self._lock:
            self._forget()

    def names(self) -> dict[str, bytes]:
        """The P-256 keys that it holds and may sign with: public key by name. Raises SignerAway, CITY-2058."""
        return self._with(lambda session: dict(self._keys(session)))

    def generate(self, name: str) -> bytes:
        """Makes a key in the token, which it cannot leave, and returns the public one. Raises CITY-2059 where
        the name is taken, SignerAway, CITY-2058."""
        if not 0 < len(name) <= NAME_CHARS_MAX or not (name.isascii() and name.isprintable()):
            raise CityError("CITY-2059", key=name[:64], token=self.place.token, reason="no name")
        return self._with(lambda session: self._generate(session, name), is_writing=True)

    def sign_digest(self, name: str, digest: bytes) -> bytes:
        """64 bytes r‖s, s the lower of the two. Raises SignerAway, CITY-2050, CITY-2058."""
        return self._with(lambda session: self._sign(session, name, digest))

    def signer(self, name: str, *, is_bound: bool = False) -> TokenSigner:
        """is_bound: it signs only what a node's key of that name is for. Raises CITY-2050 and as `names`."""
        key = self.names().get(name)
        if key is None:
            raise CityError("CITY-2050", key=f"{name} (P-256) in the token {self.place.token}")
        return TokenSigner(self, name, key, is_bound)

    # ---- inside a session ----------------------------------------------------------------------------

    def _keys(self, session: Any) -> Iterator[tuple[str, bytes]]:
        kind, attribute = self._pkcs11.ObjectClass, self._pkcs11.Attribute
        wanted = {attribute.KEY_TYPE: self._pkcs11.KeyType.EC}
        private = {
            bytes(k[attribute.ID]): k.label
            for k in session.get_objects(wanted | {attribute.CLASS: kind.PRIVATE_KEY})
            if k[attribute.SIGN]
        }
        for key in session.get_objects(wanted | {attribute.CLASS: kind.PUBLIC_KEY}):
            name = private.get(bytes(key[attribute.ID]))
            if name is None or bytes(key[attribute.EC_PARAMS]) != P256_PARAMETERS:
                continue
            point = bytes(key[attribute.EC_POINT])
            if len(point) == 67 and point.startswith(_POINT_HEAD):
                yield name, point[2:]

    def _private(self, session: Any, name: str) -> Any:
        errors = self._pkcs11.exceptions
        try:
            return session.get_key(
                object_class=self._pkcs11.ObjectClass.PRIVATE_KEY,
                key_type=self._pkcs11.KeyType.EC,
                label=name,
            )
        except errors.NoSuchKey:
            raise CityError("CITY-2050", key=f"{name} in the token {self.place.token}") from None
        except errors.MultipleObjectsReturned:
            reason = "two keys have this name"
            raise CityError("CITY-2059", key=name, token=self.place.token, reason=reason) from None

    def _sign(self, session: Any, name: str, digest: bytes) -> bytes:
        key = self._private(session, name)
        return low_s(bytes(key.sign(digest, mechanism=self._pkcs11.Mechanism.ECDSA)))

    def _generate(self, session: Any, name: str) -> bytes:
        attribute, capability = self._pkcs11.Attribute, self._pkcs11.MechanismFlag
        if list(session.get_objects({attribute.LABEL: name})):
            reason = "there is an object of this name already"
            raise CityError("CITY-2059", key=name, token=self.place.token, reason=reason)
        parameters = session.create_domain_parameters(
            self._pkcs11.KeyType.EC, {attribute.EC_PARAMS: P256_PARAMETERS}, local=True
        )
        public, private = parameters.generate_keypair(
            store=True,
            label=name,
            id=secrets.token_bytes(16),
            mechanism=self._pkcs11.Mechanism.EC_KEY_PAIR_GEN,
            capabilities=capability.SIGN | capability.VERIFY,
            private_template={
                attribute.SENSITIVE: True,
                attribute.EXTRACTABLE: False,
                attribute.PRIVATE: True,
            },
        )
        if private[attribute.EXTRACTABLE] or not private[attribute.SENSITIVE]:
            private.destroy()
            public.destroy()
            reason = "this token would let the key out"
            raise CityError("CITY-2059", key=name, token=self.place.token, reason=reason)
        return bytes(public[attribute.EC_POINT])[2:]

    # ---- the session ---------------------------------------------------------------------------------

    def _with(self, work: Callable[[Any], T], is_writing: bool = False) -> T:
        """Opens the token anew where its session is gone, once at least and then for a while: whoever pulled it
        may put it back."""
        until, is_first = time.monotonic() + PATIENCE_S, True
        while True:
            try:
                with self._lock:
                    return self._once(work, is_writing)
            except self._pkcs11.exceptions.PKCS11Error as error:
                with self._lock:
                    self._forget()
                reason = f"{type(error).__name__} {error}".strip()
            if not is_first:
                if time.monotonic() >= until:
                    raise SignerAway("CITY-2057", token=self.place.token, reason=reason)
                threading.Event().wait(PAUSE_S)
            is_first = False
            with self._lock:
                self._look_again()

    def _once(self, work: Callable[[Any], T], is_writing: bool) -> T:
        if self._session is None or is_writing:
            self._forget()
            self._session = self._open(is_writing)
        try:
            return work(self._session)
        finally:
            if is_writing:
                self._forget()

    def _open(self, is_writing: bool) -> Any:
        if self._refused:
            raise SignerAway("CITY-2058", token=self.place.token, reason=self._refused)
        errors = self._pkcs11.exceptions
        token = self._pkcs11.lib(str(self.place.module)).get_token(token_label=self.place.token)
        if self._pin is None:
            self._pin = self._ask_pin()
        try:
            return token.open(user_pin=self._pin, rw=is_writing)
        except errors.UserAlreadyLoggedIn:
            return token.open(rw=is_writing)  # by another login of this process
        except (errors.PinIncorrect, errors.PinLenRange, errors.PinInvalid, errors.PinLocked) as e:
            self._refused = type(e).__name__
            raise SignerAway("CITY-2058", token=self.place.token, reason=self._refused) from None

    def _forget(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            try:
                session.close()
            except self._pkcs11.exceptions.PKCS11Error:
                return  # it was gone already

    def _look_again(self) -> None:
        """A module shows the tokens that were there when it began; so it begins again."""
        try:
            self._pkcs11.lib(str(self.place.module)).reinitialize()
        except self._pkcs11.exceptions.PKCS11Error:
            return  # the next attempt says what is wrong


@dataclass(slots=True)
class TokenSigner:
    """Implements `Signer` with a key of a token."""

    token: Token
    name: str
    public_key: bytes
    is_bound: bool = False
    suite_id: int = INTL_ID

    def __repr__(self) -> str:
        return f"<TokenSigner {self.public_key.hex()[:16]}…>"

    def sign(self, message: bytes, id: bytes = DEFAULT_ID) -> Sig:
        """64 bytes. Raises SignerAway; CITY-2051 for what a bound key is not for."""
        self._check(message, False)
        return self._signed(hashlib.sha256(message).digest())

    def sign_hashed(self, preimage: bytes) -> Sig:
        """Over H(preimage), of a transaction. Raises as `sign`."""
        self._check(preimage, True)
        return self._signed(hashlib.sha256(_suite().hash(preimage)).digest())

    def _check(self, message: bytes, hashed: bool) -> None:
        if self.is_bound:
            try:
                purpose_of(self.name, self.suite_id, self.public_key, message, hashed)
            except CityError as error:
                raise SignerAway(error.code, **error.variables) from None

    def _signed(self, digest: bytes) -> Sig:
        found = self.token.sign_digest(self.name, digest)
        if not _suite().verify_digest(self.public_key, digest, found):
            raise SignerAway("CITY-2055", address=self.token.place.token)
        return Sig(found)


@lru_cache(maxsize=16)
def _shared(module: Path, token: str) -> Token:
    return Token(TokenPlace(module, token), read_pin)


def shared_token(place: TokenPlace) -> Token:
    """One login for the process, whoever uses the token."""
    return _shared(place.module, place.token)


def open_signer(
    where: str | Path, password: bytes | None, *, dev: bool = False, suite: Suite | None = None
) -> MemorySigner | TokenSigner:
    """The key of a file, or `pkcs11:…&object=NAME`. Raises as FileSigner and as Token."""
    if not is_token(where):
        return FileSigner(where, password, dev=dev, suite=suite)
    place = read_place(where, needs_object=True)
    if suite is not None:
        require_p256(place, suite)
    return shared_token(place).signer(place.object)


def token_keys(token: Token, suite: Suite) -> HeldKeys:
    """A node's keys. Raises CITY-2056 for the suite `sm`, SignerAway, CITY-2058."""
    require_p256(token.place, suite)

    def find() -> Sequence[NamedSigner]:
        named = token.names().items()
        return [
            TokenSigner(token, name, key, is_bound=True)
            for name, key in named
            if name.startswith((IDENTITY, VOTE)) and _is_key(key)
        ]

    return HeldKeys(str(token.place), find, suite)


def require_p256(place: TokenPlace, suite: Suite) -> None:
    """Raises CITY-2056."""
    if suite.id != INTL_ID:
        reason = (
            "the standard has no SM2 signature, and each maker its own; on a channel of the suite "
            "sm use a signing service (city signer serve)"
        )
        raise CityError("CITY-2056", setting=str(place), reason=reason)


def _suite() -> Suite:
    return get_suite("intl")


def _is_key(key: bytes) -> bool:
    try:
        _suite().check_public_key(key)
    except BadKey:
        return False
    return True
