"""A node's card: what a genesis has to say of it, made by the node with the keys that the channel needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.serialization import Encoding

from consensus.encoding import Hash, decode
from contracts.runtime.artifact import ENGINE_VERSION, open_artifact
from node.config import NodeConfig, Place
from node.errors import CityError
from node.genesis import EngineRef, Identity, Member, NodeEntry
from node.governance.policies import ADMIN_ROLE
from node.governance.state import ConfigState
from node.identity.keyfile import write_key
from node.identity.signers import FileSigner
from node.identity.suite import Suite
from node.identity.transport import load_certificate
from node.keys.keyring import VOTE_FILE, Keyring, held_keys, held_vote_name, open_identity
from node.peers.artifact import ArtifactFile
from node.peers.statement import SignedGrant


@dataclass(frozen=True, slots=True)
class NodeCard:
    """suite: in whose keys it is. member: who operates the node, with no key where the operator's key in this
    suite is not known here. address: host:port of the peer port, empty where the node cannot know it."""

    suite: int
    node: NodeEntry
    member: Member
    admins: tuple[Identity, ...]
    engine: EngineRef
    address: str


def own_member(keyring: Keyring, state: ConfigState, name: str) -> Member | None:
    """The member that operates this node: that genesis names, or whose grant introduced it."""
    entry = state.named(name)
    if entry is not None:
        return state.config.member(entry.member_id)
    grant = decode(SignedGrant, keyring.me.grant).grant
    return state.config.member(grant.member_id)


def admins_of(member: Member, state: ConfigState) -> tuple[Identity, ...]:
    return tuple(
        identity
        for identity in state.config.identities
        if identity.member_id == member.member_id and ADMIN_ROLE in identity.roles
    )


def make_keys(config: NodeConfig, place: Place, suite: Suite, own: Suite) -> None:
    """Blocks. The channel's vote key, and an identity in a suite that has none yet; what is there stays, and a
    node whose keys are held elsewhere makes none.

    own: the suite of keys/identity.pem."""
    if config.keys.signer != "file":
        return
    password, dev = config.key_password(), config.keys.development
    place.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = [place.keys / VOTE_FILE]
    if suite.id != own.id:
        wanted.append(config.keys_dir / f"identity-{suite.name}.pem")
    for path in wanted:
        if not path.exists():
            write_key(path, suite.generate_key(), password, dev=dev)


def own_card(
    config: NodeConfig,
    place: Place,
    suite: Suite,
    keyring: Keyring,
    state: ConfigState,
    artifact: ArtifactFile | None,
    address: str,
) -> NodeCard:
    """Blocks. keyring, state, artifact: of the channel that node.toml names.

    Raises CITY-8011 on a node that runs no contracts, CITY-8061 on one that belongs to no member."""
    member = own_member(keyring, state, config.name)
    if member is None:
        raise CityError("CITY-8061", channel=state.config.name, node=config.name)
    if artifact is None:
        raise CityError("CITY-8011", backend=suite.library, what="take part in another channel")
    is_own_suite = suite.id == state.config.suite
    certificate = load_certificate(keyring.transport.certificate_pem)
    entry = state.named(config.name)
    placed = entry or member
    held, password = held_keys(config, suite), config.key_password()
    if held is None:
        path, dev = place.keys / VOTE_FILE, config.keys.development
        vote_key = FileSigner(path, password, dev=dev, suite=suite).public_key
    else:
        vote_key = held.vote_key(held_vote_name(config, place))
    node = NodeEntry(
        config.name,
        config.name if entry is None else entry.city,
        member.member_id,
        keyring.identity.public_key if is_own_suite else open_identity(config, suite).public_key,
        vote_key,
        certificate.public_bytes(Encoding.DER),
        placed.region,
        placed.zone,
        placed.jurisdiction,
    )
    if is_own_suite:
        digest, admins = artifact.digest, admins_of(member, state)
    else:
        digest = Hash(open_artifact(artifact.path).digest_for(suite.hash))
        admins = tuple(replace(i, public_key=b"") for i in admins_of(member, state))
        member = replace(member, admin_key=b"")
    engine = EngineRef(str(ENGINE_VERSION), digest, artifact.size)
    return NodeCard(suite.id, node, member, admins, engine, address)
