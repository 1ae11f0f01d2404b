"""A channel's configuration and its genesis file: who takes part, under which rules, with which contracts.

`channel_id = H(genesis tag | canonical config)`. The file also carries the contract bundles; the config holds
their digests. Configuration changes by pure functions of this module, never by a contract.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from consensus.certificate import KIND_PBFT, KIND_RAFT
from consensus.encoding import Hash, decode, encode
from consensus.header import identity_digest
from consensus.merkle import HashFunction
from consensus.tags import Tag, preimage
from consensus.validators import Validator, ValidatorSet

GENESIS_VERSION = 3
ZONES = ("mainland", "international")
RESIDENT_MAX = 256
RESIDENT_NAME = re.compile(r"[a-z_][A-Za-z0-9_]{0,63}\.[A-Za-z_][A-Za-z0-9_.]{0,63}(\(\))?")
JURISDICTION = re.compile(r"[A-Z]{2}")
VALIDATOR = "validator"
# Nodes without a vote: who follows and verifies, who follows for an authority, who only serves clients.
FOLLOWERS = ("observer", "regulator", "gateway")


@dataclass(frozen=True, slots=True)
class ConsensusParams:
    """Ordering. `kind`: pbft, or raft where the members trust each other not to lie. `window` is W;
    `leader_period` is K and must be 0. Times in milliseconds."""

    kind: str = KIND_PBFT
    window: int = 1
    leader_period: int = 0
    base_timeout_ms: int = 2_000
    timeout_cap: int = 4
    status_interval_ms: int = 1_000
    drift_ms: int = 10_000
    forward_after_ms: int = 2_000
    suspect_after_ms: int = 6_000
    block_wait_ms: int = 50
    checkpoint_interval: int = 64


@dataclass(frozen=True, slots=True)
class Limits:
    block_txs_max: int = 1_000
    block_bytes_max: int = 4 * 1024 * 1024
    block_gas_max: int = 200_000_000
    tx_gas_max: int = 20_000_000
    tx_bytes_max: int = 320 * 1024
    args_bytes_max: int = 256 * 1024
    valid_until_window: int = 1_000


@dataclass(frozen=True, slots=True)
class EngineRef:
    """The contract engine every node must run: digest of the artifact with the channel's hash."""

    version: str
    digest: Hash
    size: int


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation. `admin_key` signs grants for nodes that genesis does not name; `peer_ca` (DER)
    issues its nodes' transport certificates."""

    member_id: str
    name: str
    city: str
    admin_key: bytes
    peer_ca: bytes
    region: str = ""
    zone: str = ZONES[0]
    jurisdiction: str = ""  # ISO 3166


@dataclass(frozen=True, slots=True)
class Identity:
    """A key that may send transactions, the member it belongs to, and its roles."""

    name: str
    member_id: str
    public_key: bytes
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """A city node. `transport_cert` (DER) is pinned by its peers. role: validator, or one of FOLLOWERS, which
    need no vote key."""

    name: str
    city: str
    member_id: str
    identity_key: bytes
    vote_key: bytes
    transport_cert: bytes
    region: str = ""
    zone: str = ZONES[0]
    jurisdiction: str = ""
    role: str = VALIDATOR


@dataclass(frozen=True, slots=True)
class ContractEntry:
    name: str
    version: int
    bundle_digest: Hash


@dataclass(frozen=True)
class ChannelConfig:
    version: int
    suite: int
    name: str
    created_ms: int
    clock: str  # "real" or "development"
    consensus: ConsensusParams
    limits: Limits
    engine: EngineRef
    members: tuple[Member, ...]
    identities: tuple[Identity, ...]
    nodes: tuple[NodeEntry, ...]
    contracts: tuple[ContractEntry, ...]
    followers: tuple[NodeEntry, ...] = ()  # that genesis names; those in force are governance's
    zone: str = ""  # of ZONES: its nodes stand there; "": it is shared between them
    jurisdiction: str = ""  # ISO 3166: whose law it is under
    resident: tuple[str, ...] = ()  # what never leaves the zone, see node/residency.py

    @cached_property
    def validators(self) -> ValidatorSet:
        return ValidatorSet(0, tuple(Validator(n.name, n.vote_key) for n in self.nodes))

    def member(self, member_id: str) -> Member | None:
        return next((m for m in self.members if m.member_id == member_id), None)

    def active_version(self, contract: str) -> int | None:
        versions = [c.version for c in self.contracts if c.name == contract]
        return max(versions, default=None)

    def identities_by_digest(self, hash_: HashFunction) -> dict[Hash, Identity]:
        return {identity_digest(hash_, self.suite, i.public_key): i for i in self.identities}


@dataclass(frozen=True, slots=True)
class BundleSource:
    """A deployment's canonical bytes, as contracts/runtime defines them."""

    name: str
    version: int
    bundle: bytes


@dataclass(frozen=True, slots=True)
class Genesis:
    config: ChannelConfig
    bundles: tuple[BundleSource, ...]


def channel_id(hash_: HashFunction, config: ChannelConfig) -> Hash:
    return Hash(hash_(preimage(Tag.GENESIS, config.suite, encode(config))))


def config_hash(hash_: HashFunction, config: ChannelConfig) -> Hash:
    return Hash(hash_(preimage(Tag.CONFIG, config.suite, encode(config))))


def check(config: ChannelConfig) -> None:
    """Raises ValueError with a plain reason where a genesis configuration cannot run."""
    if config.version != GENESIS_VERSION:
        raise ValueError(f"genesis version {config.version} is not {GENESIS_VERSION}")
    if config.consensus.kind not in (KIND_PBFT, KIND_RAFT):
        raise ValueError(f"unknown consensus engine {config.consensus.kind!r}; use pbft or raft")
    if config.consensus.leader_period != 0:
        raise ValueError("a rotating leader (leader_period > 0) is not offered yet")
    if not 1 <= config.consensus.window <= 4:
        raise ValueError("the window is 1 to 4")
    if config.clock not in ("real", "development"):
        raise ValueError("clock is real or development")
    if any(node.role != VALIDATOR for node in config.nodes):
        raise ValueError(f"a node that votes has the role {VALIDATOR}")
    if any(node.role not in FOLLOWERS for node in config.followers):
        raise ValueError(f"a node that does not vote has a role of {', '.join(FOLLOWERS)}")
    placed: list[Member | NodeEntry] = [*config.members, *config.nodes, *config.followers]
    if any(each.zone not in ZONES for each in placed):
        raise ValueError(f"a zone is one of {', '.join(ZONES)}")
    check_zone(config)
    if any(c.name.startswith("_") for c in config.contracts):
        raise ValueError("contract names that begin with _ are reserved")
    members = {m.member_id for m in config.members}
    if len(members) != len(config.members):
        raise ValueError("two members share an id")
    owners: list[Identity | NodeEntry] = [*config.identities, *config.nodes, *config.followers]
    for owned in owners:
        if owned.member_id not in members:
            raise ValueError(f"{owned.name} belongs to {owned.member_id!r}, which is no member")
    for kind, keys in (
        ("identities", [i.public_key for i in config.identities]),
        ("nodes", [n.identity_key for n in (*config.nodes, *config.followers)]),
        ("node names", [n.name for n in (*config.nodes, *config.followers)]),
        ("contracts", [(c.name, c.version) for c in config.contracts]),
    ):
        if len(set(keys)) != len(keys):
            raise ValueError(f"two {kind} are the same")
    assert config.validators.quorum >= 1


def check_zone(config: ChannelConfig) -> None:
    """A channel of a zone begins with members and nodes of that zone; what is resident needs one. Raises
    ValueError."""
    if config.zone and config.zone not in ZONES:
        raise ValueError(f"a channel's zone is one of {', '.join(ZONES)}, or none")
    if config.jurisdiction and not JURISDICTION.fullmatch(config.jurisdiction):
        raise ValueError("a jurisdiction is two letters (ISO 3166)")
    outside = [m.member_id for m in config.members if m.zone != config.zone]
    outside += [n.name for n in (*config.nodes, *config.followers) if n.zone != config.zone]
    if config.zone and outside:
        raise ValueError(
            f"the channel is of zone {config.zone}, and outside it: {', '.join(outside)}"
        )
    if config.resident and not config.zone:
        raise ValueError("what is resident needs a channel of one zone")
    if len(config.resident) > RESIDENT_MAX or len(set(config.resident)) != len(config.resident):
        raise ValueError(f"at most {RESIDENT_MAX} resident names, each once")
    wrong = [name for name in config.resident if not RESIDENT_NAME.fullmatch(name)]
    if wrong:
        raise ValueError(
            f"resident: {wrong[0]!r} is not contract.object, contract.Event.Name or contract.method()"
        )


def encode_genesis(genesis: Genesis) -> bytes:
    return encode(genesis)


def decode_genesis(data: bytes) -> Genesis:
    genesis = decode(Genesis, data)
    check(genesis.config)
    return genesis
