"""A node's own keys, read from its folder and checked against what genesis says of it."""

from __future__ import annotations

from dataclasses import dataclass

from node.config import NodeConfig
from node.errors import CityError
from node.genesis import ChannelConfig, NodeEntry
from node.identity.signers import FileSigner
from node.identity.suite import Suite
from node.identity.transport import TransportIdentity, load_transport
from node.peers.roster import Self, der_to_pem

GRANT_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Keyring:
    """`vote` is None for a node that genesis does not name: it observes."""

    me: Self
    identity: FileSigner
    vote: FileSigner | None

    @property
    def transport(self) -> TransportIdentity:
        return self.me.transport


def open_keyring(config: NodeConfig, channel: ChannelConfig, suite: Suite) -> Keyring:
    """Raises CityError: unsafe or unreadable files (CITY-2005 to 2009), keys of another node (CITY-8008),
    no grant (CITY-8012)."""
    entry = next((node for node in channel.nodes if node.name == config.name), None)
    password, dev = config.key_password(), config.keys.development
    folder = config.keys_dir
    identity = FileSigner(folder / "identity.pem", password, dev=dev, suite=suite)
    vote = None
    if entry is not None:
        vote = FileSigner(folder / "vote.pem", password, dev=dev, suite=suite)
    try:
        transport = load_transport(folder / "transport.crt", folder / "transport.pem")
        grant = b"" if entry is not None else _read_grant(config)
    except OSError as error:
        raise CityError("CITY-2005", detail=f"{error.filename}: {error.strerror}") from None
    if entry is not None and vote is not None:
        _check(entry, identity, vote, transport, config)
    return Keyring(Self(config.name, identity, transport, grant), identity, vote)


def _read_grant(config: NodeConfig) -> bytes:
    path = config.keys_dir / "grant.bin"
    try:
        with path.open("rb") as file:
            return file.read(GRANT_BYTES_MAX)
    except FileNotFoundError:
        raise CityError(
            "CITY-8012", name=config.name, channel=config.channel.name, path=path
        ) from None


def _check(
    entry: NodeEntry,
    identity: FileSigner,
    vote: FileSigner,
    transport: TransportIdentity,
    config: NodeConfig,
) -> None:
    pinned = der_to_pem(entry.transport_cert).strip()
    for use, holds in (
        ("identity", identity.public_key == entry.identity_key),
        ("vote", vote.public_key == entry.vote_key),
        ("transport", transport.certificate_pem.strip() == pinned),
    ):
        if not holds:
            raise CityError("CITY-8008", use=use, path=config.keys_dir, name=entry.name)
