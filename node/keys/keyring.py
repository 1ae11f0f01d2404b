"""A node's own keys, checked against what the configuration in force says of it: files of its folder, or keys
that a signing service or a device holds ([keys] signer).

A vote key is replaced in three steps: the new one is put beside the old as `keys/vote-next.pem`, the
member's admin sends the change, and at the block that brings it in force the running node takes the new key
up and the file becomes `keys/vote.pem`. Identity and transport keys serve several channels: the running node
uses whichever its channel names (own_keys.py), and `city node rotate` ends the round on the disk.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from consensus.api import Signer
from consensus.encoding import EncodingError, decode
from consensus.validators import ValidatorSet
from node.config import NodeConfig, Place, split_address
from node.errors import CityError
from node.governance import ConfigState
from node.identity.keyfile import write_key
from node.identity.signers import FileSigner
from node.identity.suite import Suite, get_suite
from node.identity.transport import TransportIdentity, certificate_der
from node.keys.files import finish, next_path, supersede
from node.keys.own import Held, OwnIdentity, OwnTransports
from node.opening import peek_configuration, read_genesis
from node.peers.roster import Self
from node.peers.statement import SignedGrant
from node.signing.held import HeldKeys, NamedSigner, vote_name
from node.signing.pkcs11 import shared_token, token_keys
from node.signing.remote import SigningClient, remote_keys
from node.signing.token_place import read_place

GRANT_BYTES_MAX = 64 * 1024
VOTE_FILE, NEXT_VOTE_FILE = "vote.pem", "vote-next.pem"
GRANT_FILE, NEXT_GRANT_FILE = "grant.bin", "grant-next.bin"

log = structlog.get_logger("node")


class Votes(Protocol):
    """Vote keys, wherever they are. Blocking; the pipeline asks in a thread."""

    def __call__(self, validators: ValidatorSet) -> Signer | None:
        """The signer that votes in this set, None where this node has no vote in it."""
        ...

    def has_vote(self, validators: ValidatorSet) -> bool:
        """Whether a key for this set is here; nothing is taken up."""
        ...


class VoteFiles:
    """The vote key in use, and the one prepared to follow it."""

    def __init__(self, folder: Path, password: bytes | None, dev: bool, suite: Suite) -> None:
        """Raises CITY-2005 to 2009 for a file that is there and cannot be used."""
        self._folder, self._password, self._dev, self._suite = folder, password, dev, suite
        finish(folder / VOTE_FILE)
        self._current = self._read(VOTE_FILE)

    def _read(self, name: str) -> FileSigner | None:
        path = self._folder / name
        if not path.exists():
            return None
        return FileSigner(path, self._password, dev=self._dev, suite=self._suite)

    def __call__(self, validators: ValidatorSet) -> FileSigner | None:
        """The signer that votes in this set, None where this node has no vote in it."""
        if self._votes(self._current, validators):
            return self._current
        following = self._read(NEXT_VOTE_FILE)
        if not self._votes(following, validators):
            return None
        # The block that names it is certified, so the former key never votes again.
        supersede(self._folder / VOTE_FILE)
        log.info("node.vote_key_taken_up", epoch=validators.epoch)
        self._current = following
        return following

    def has_vote(self, validators: ValidatorSet) -> bool:
        """Whether a key for this set is here; nothing is taken up. Raises CITY-2005 where there is no key."""
        following = self._read(NEXT_VOTE_FILE)
        if self._current is None and following is None:
            FileSigner(self._folder / VOTE_FILE, self._password, dev=self._dev, suite=self._suite)
        held = (self._current, following)
        return any(self._votes(signer, validators) for signer in held)

    @staticmethod
    def _votes(signer: FileSigner | None, validators: ValidatorSet) -> bool:
        return signer is not None and validators.index_of(signer.public_key) is not None


@dataclass(frozen=True, slots=True)
class Keyring:
    """Of one channel. `votes` gives no signer where this node is no validator: it observes. grants: of a node
    that the configuration does not name."""

    place: Place
    name: str
    identity: OwnIdentity
    votes: Votes
    transports: OwnTransports
    grants: tuple[bytes, ...]
    _selves: list[Self]

    @property
    def me(self) -> Self:
        """As the configuration in force says."""
        return self._selves[0]

    @property
    def transport(self) -> TransportIdentity:
        return self.me.transport

    def selves(self) -> tuple[Self, ...]:
        """All that this node can show, first as what it is in force: while a key is replaced, peers that are
        some blocks ahead or behind know it by another."""
        return tuple(self._selves)

    def take_up(self, state: ConfigState) -> None:
        """Blocks. Uses the keys that `state` names; where they are not here, the log says so and the present
        ones stay."""
        entry = state.named(self.name)
        first = self._selves[0].transport if self._selves else self.transports.held[0]
        if entry is not None:
            if not self.identity.take_up(entry.identity_key):
                self._say_missing("identity")
            named = self.transports.named(entry.transport_cert)
            if named is None:
                self._say_missing("transport")
            first = named or first
        transports = (first, *(t for t in self.transports.held if t is not first))
        grants = () if entry is not None else self.grants
        pairs = [(s, t) for s in self.identity.in_order for t in transports]
        found = [Self(self.name, s, t, g) for s, t in pairs for g in grants if _introduces(g, s, t)]
        # Without a grant that fits, its peers say what is wrong with the one that there is.
        self._selves[:] = found or [Self(self.name, s, t, *grants[:1]) for s, t in pairs]

    def _say_missing(self, use: str) -> None:
        error = CityError("CITY-8008", use=use, path=self.place.keys, name=self.name)
        log.error("node.key_missing", code=error.code, reason=error.message)


def _introduces(grant: bytes, signer: Held, transport: TransportIdentity) -> bool:
    try:
        said = decode(SignedGrant, grant).grant
    except EncodingError:
        return False
    return (said.identity_key, said.transport_fingerprint) == (
        signer.public_key,
        transport.fingerprint,
    )


def identity_path(config: NodeConfig, suite: Suite) -> Path:
    """The node's identity key for channels of this suite: a second suite has a file of its own."""
    path = config.keys_dir / f"identity-{suite.name}.pem"
    is_own = path.exists() or next_path(path).exists()
    return path if is_own else config.keys_dir / "identity.pem"


def open_identities(config: NodeConfig, suite: Suite) -> Sequence[FileSigner | NamedSigner]:
    """The identity key in use, and the one prepared to follow it. Raises CITY-2005 to 2009, and where its keys
    are held elsewhere 2050 to 2056."""
    held = held_keys(config, suite)
    if held is not None:
        return held.identities()
    path, password = identity_path(config, suite), config.key_password()
    paths = [each for each in (path, next_path(path)) if each.exists()] or [path]
    return [FileSigner(p, password, dev=config.keys.development, suite=suite) for p in paths]


def open_identity(config: NodeConfig, suite: Suite) -> FileSigner | NamedSigner:
    """The one in use. Raises as `open_identities`."""
    return open_identities(config, suite)[0]


def held_keys(config: NodeConfig, suite: Suite) -> HeldKeys | None:
    """Keys that are no files of this node; None where they are. Raises CITY-2009, 2050 to 2056."""
    setting = config.keys.signer
    kind, _, place = setting.partition(":")
    if setting == "file":
        return None
    if kind == "remote":
        try:
            split_address(place)
            pinned = config.path(config.keys.signer_certificate or "signer.crt").read_bytes()
        except ValueError as error:
            raise CityError("CITY-2056", setting=setting, reason=error) from None
        except OSError as error:
            reason = f"its certificate {error.filename}: {error.strerror}"
            raise CityError("CITY-2056", setting=setting, reason=reason) from None
        return remote_keys(SigningClient(place, open_transport(config), pinned), suite)
    if kind == "pkcs11":
        return token_keys(shared_token(read_place(setting)), suite)
    raise CityError("CITY-2056", setting=setting, reason=f"there is no signer {kind!r}")


def open_transports(config: NodeConfig) -> OwnTransports:
    """Raises CITY-2005 to 2009."""
    return OwnTransports(config.keys_dir)


def open_transport(config: NodeConfig) -> TransportIdentity:
    """The one in use. Raises CITY-2005 to 2009."""
    return open_transports(config).held[0]


def open_keyring(
    config: NodeConfig,
    state: ConfigState,
    suite: Suite,
    place: Place | None = None,
    transports: OwnTransports | None = None,
    are_keys_newer: bool = False,
) -> Keyring:
    """place: of the channel, of node.toml's where there is none. transports: those of the node where it runs.
    are_keys_newer: the operator's word that `state` is older than the keys.

    Raises CityError: unsafe or unreadable files (CITY-2005 to 2009), keys of another node (CITY-8008), no grant
    (CITY-8012)."""
    place = place or config.place()
    entry = state.named(config.name)
    identity = OwnIdentity(lambda: open_identities(config, suite), suite)
    votes: Votes | None = held_keys(config, suite)
    if votes is None:
        votes = VoteFiles(place.keys, config.key_password(), config.keys.development, suite)
    transports = transports or open_transports(config)
    try:
        grants = () if entry is not None else _read_grants(config, place)
    except OSError as error:
        raise CityError("CITY-2005", detail=f"{error.filename}: {error.strerror}") from None
    keyring = Keyring(place, config.name, identity, votes, transports, grants, [])
    if not are_keys_newer:
        check_keyring(keyring, state, config)
    keyring.take_up(state)
    return keyring


def check_keyring(keyring: Keyring, state: ConfigState, config: NodeConfig) -> None:
    """Blocks. Raises CITY-8008 where a key that `state` has for this node is not held."""
    for use, path in _not_held(keyring, state, config):
        raise CityError("CITY-8008", use=use, path=path, name=config.name)


def are_keys_of(keyring: Keyring, state: ConfigState, config: NodeConfig) -> bool:
    """Blocks. Whether every key that `state` has for this node is held."""
    return next(_not_held(keyring, state, config), None) is None


def _not_held(
    keyring: Keyring, state: ConfigState, config: NodeConfig
) -> Iterator[tuple[str, Path]]:
    """For what a key is that is missing, and where it should be."""
    entry = state.named(config.name)
    if entry is None:
        return
    is_voting = state.node(config.name) is not None
    for use, holds, path in (
        ("identity", keyring.identity.holds(entry.identity_key), config.keys_dir),
        ("transport", keyring.transports.named(entry.transport_cert), config.keys_dir),
        ("vote", not is_voting or keyring.votes.has_vote(state.validators), keyring.place.keys),
    ):
        if not holds:
            yield use, path


def held_vote_name(config: NodeConfig, place: Place, is_next: bool = False) -> str:
    """Of the key by which this node votes in a channel, where its keys are held elsewhere."""
    return vote_name("" if place.name == config.channel.name else place.name, is_next)


def node_card(config: NodeConfig, channel: str = "") -> dict[str, str]:
    """What the channel must know of this node so that it may vote; nothing secret. Raises as `open_keyring`.

    channel: empty for the node's own. The member is the one whose grant brought it in, or that the channel's
    configuration names."""
    place = config.place(channel)
    genesis = read_genesis(place.folder)
    suite = get_suite(genesis.config.suite)
    identity, held = open_identity(config, suite), held_keys(config, suite)
    if held is not None:
        vote_key = held.vote_key(held_vote_name(config, place))
    else:
        password, dev = config.key_password(), config.keys.development
        path = place.keys / VOTE_FILE
        vote_key = FileSigner(path, password, dev=dev, suite=suite).public_key
    transport = open_transport(config)
    entry = peek_configuration(place.folder, genesis).named(config.name)
    if entry is None:
        grant = decode(SignedGrant, _read_grant(config, place)).grant
        member, city = grant.member_id, config.name
    else:
        member, city = entry.member_id, entry.city
    certificate = certificate_der(transport)
    return {
        "name": config.name,
        "city": city,
        "member_id": member,
        "identity_key": b64encode(identity.public_key).decode(),
        "vote_key": b64encode(vote_key).decode(),
        "transport_cert": b64encode(certificate).decode(),
    }


def prepare_vote_key(config: NodeConfig, channel: str = "") -> dict[str, str]:
    """Writes vote-next.pem beside the channel's vote key; channel: empty for the node's own.

    Raises CITY-8041 where there is one, 2056 where keys are held elsewhere."""
    if config.keys.signer != "file":
        raise CityError(
            "CITY-2056",
            setting=config.keys.signer,
            reason="make the next key where the keys are held",
        )
    place = config.place(channel)
    suite = get_suite(read_genesis(place.folder).config.suite)
    path = place.keys / NEXT_VOTE_FILE
    if path.exists():
        raise CityError("CITY-8041", path=path)
    key = suite.generate_key()
    write_key(path, key, config.key_password(), dev=config.keys.development)
    facts = {"node": config.name, "channel": place.name}
    return {**facts, "file": str(path), "vote_key": key.public_key.hex()}


def _read_grant(config: NodeConfig, place: Place) -> bytes:
    return _read_grants(config, place)[0]


def _read_grants(config: NodeConfig, place: Place) -> tuple[bytes, ...]:
    """The paper in use, and the one for keys that are to follow."""
    paths = [place.keys / name for name in (GRANT_FILE, NEXT_GRANT_FILE)]
    found = []
    for path in paths:
        if path.exists():
            with path.open("rb") as file:
                found.append(file.read(GRANT_BYTES_MAX))
    if not found:
        raise CityError("CITY-8012", name=config.name, channel=place.name, path=paths[0])
    return tuple(found)
