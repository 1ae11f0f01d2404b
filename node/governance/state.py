"""The configuration in force, and where it stands in the state tree.

    ("_config", "channel")                    Record: epoch, configuration, observers, former keys
    ("_config", "statutes")                   Statutes: policies, flags, roles of members
    ("_config", "proposals", id)              Proposal
    ("_config", "evidence", digest hex)       Accepted
    ("_config", "former", (digest, height))   FormerIdentity: until that block
    ("_config", "revoked", (member, serial))  Revoked: a certificate of that member's authority
    ("_config", "certificates", digest)       Certificate: of an identity in force
    ("_config", "authorities", member)        Authority: by whose certificates its identities come in
    ("_config", "quotas", (member, app))      Quota: what of the channel may be used in a window

Values are value-encoded bytes of these structures. Genesis writes none of them: without a record the genesis
configuration stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeVar

from consensus.encoding import Hash, decode, encode
from consensus.header import identity_digest
from consensus.merkle import HashFunction
from consensus.validators import Validator, ValidatorSet
from contracts.runtime import values
from contracts.runtime.keys import object_prefix, state_key
from node.genesis import ChannelConfig, Identity, NodeEntry
from node.governance.calls import CONTRACT

NODE_ROLE = "node"
PROPOSAL_LIFE = 10_000  # blocks
T = TypeVar("T")


ADD, REMOVE, REPLACE_KEY = "add-validator", "remove-validator", "replace-key"
REPLACE_TRANSPORT, REPLACE_NODE_IDENTITY = "replace-transport", "replace-node-identity"


@dataclass(frozen=True, slots=True)
class Change:
    """What shall be. kind: a row of `kinds.KINDS`; name: of what it is about, for people; data: its arguments,
    value-encoded."""

    kind: str
    name: str
    data: bytes

    @property
    def args(self) -> dict[str, Any]:
        found: dict[str, Any] = values.decode(self.data)
        return found

    @property
    def node(self) -> NodeEntry:
        """Of a change that brings one."""
        args, names = self.args, [f.name for f in fields(NodeEntry)]
        return NodeEntry(**{name: args[name] for name in names if name in args})


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that waits for approvals, or for its height. Heights; members in the order they spoke.

    expires_ms: by the time of blocks, 0 for never. execute_at: the first block that may bring it in force, 0:
    the one with the last approval. approved_height: where enough had approved a change that waits for its
    height; 0 before."""

    proposal_id: str
    change: Change
    proposed_by: str
    proposed_height: int
    expires_height: int
    expires_ms: int
    execute_at: int
    approved_height: int
    approvals: tuple[str, ...]
    rejections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FormerKey:
    """A vote key that no longer votes: evidence of its epochs still names its node and member."""

    vote_key: bytes
    name: str
    member_id: str
    last_epoch: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """Evidence that the chain accepted. evidence: canonical bytes of consensus.pbft.evidence.Evidence."""

    digest: Hash
    evidence: bytes
    vote_key: bytes
    name: str
    member_id: str
    epoch: int
    reported_by: str
    height: int


@dataclass(frozen=True, slots=True)
class Record:
    """What changes rarely, under one key."""

    epoch: int
    base_height: int
    base_validators: ValidatorSet | None
    config: ChannelConfig
    observers: tuple[NodeEntry, ...]
    former: tuple[FormerKey, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Who decides on a kind of change (policies.py), where it is not the default."""

    kind: str
    policy: str


@dataclass(frozen=True, slots=True)
class FlagAt:
    """A feature flag: in force from the block of `height` on."""

    flag: str
    height: int


@dataclass(frozen=True, slots=True)
class Roles:
    """What the identities of a member may be."""

    member_id: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statutes:
    """What the members agreed on beside the configuration of genesis; each list by name."""

    policies: tuple[Rule, ...] = ()
    flags: tuple[FlagAt, ...] = ()
    members: tuple[Roles, ...] = ()
    zones: tuple[str, ...] = ()  # beside the channel's own, where its nodes may stand


@dataclass(frozen=True, slots=True)
class FormerIdentity:
    """An identity as it was in force up to and including block `until_height`; reason: revoked, replaced (its
    key), changed (its roles) or renamed."""

    identity: Identity
    until_height: int
    reason: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate of a member's authority that is worth nothing from the block above `height`."""

    member_id: str
    serial: str
    height: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """Of an identity in force, by its key. serial: as its issuer counts, der: the certificate itself."""

    public_key: bytes
    serial: str
    der: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """certificate: DER, of the authority over a member's identities."""

    member_id: str
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Quota:
    """What may be used in each window of `seconds`, by the time of blocks; 0: as much as there is.

    member: empty for all of them together, `*` for each that has no quota of its own. application: a contract;
    empty for all of them together. Never both empty."""

    member: str
    application: str
    seconds: int
    transactions: int
    bytes: int
    gas: int

    @property
    def subject(self) -> tuple[str, str]:
        return self.member, self.application


REVOKED, REPLACED, CHANGED = "revoked", "replaced", "changed"


@dataclass(frozen=True)
class ConfigState:
    """`record.base_height`: the last block of the epoch before, sealed by `base_validators`; in the first epoch
    0 and none."""

    record: Record
    proposals: tuple[Proposal, ...] = ()
    evidence: tuple[Accepted, ...] = ()
    statutes: Statutes = Statutes()
    former: tuple[FormerIdentity, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    authorities: tuple[Authority, ...] = ()
    quotas: tuple[Quota, ...] = ()

    @property
    def epoch(self) -> int:
        return self.record.epoch

    @property
    def config(self) -> ChannelConfig:
        return self.record.config

    @property
    def observers(self) -> tuple[NodeEntry, ...]:
        return self.record.observers

    @cached_property
    def validators(self) -> ValidatorSet:
        nodes = self.config.nodes
        return ValidatorSet(self.epoch, tuple(Validator(n.name, n.vote_key) for n in nodes))

    @property
    def owners(self) -> tuple[str, ...]:
        """Members that own validators: those whose approval counts. By the order of their first one."""
        return tuple(dict.fromkeys(node.member_id for node in self.config.nodes))

    def node(self, name: str) -> NodeEntry | None:
        """A validator by name."""
        return next((n for n in self.config.nodes if n.name == name), None)

    def proposal(self, proposal_id: str) -> Proposal | None:
        return next((p for p in self.proposals if p.proposal_id == proposal_id), None)

    def named(self, name: str) -> NodeEntry | None:
        """A validator or observer that the configuration names."""
        known = (*self.config.nodes, *self.observers)
        return next((n for n in known if n.name == name), None)

    def identity(self, hash_: HashFunction, digest: bytes) -> Identity | None:
        """In force, by the digest of its key."""
        return self.config.identities_by_digest(hash_).get(Hash(bytes(digest)))

    @cached_property
    def _revoked(self) -> frozenset[tuple[str, str]]:
        return frozenset((each.member_id, each.serial) for each in self.revoked)

    def is_revoked(self, member_id: str, serial: str | int) -> bool:
        """Whether a certificate of this member's authority is revoked."""
        return (member_id, str(serial)) in self._revoked

    def flag_height(self, flag: str) -> int | None:
        """From which block on a feature flag is in force; None where it was not activated."""
        return next((f.height for f in self.statutes.flags if f.flag == flag), None)

    def has_flag(self, flag: str, height: int) -> bool:
        """Whether it is in force in the block of `height`."""
        since = self.flag_height(flag)
        return since is not None and since <= height

    def senders(self, hash_: HashFunction) -> dict[Hash, Identity]:
        """Who may send config transactions: the channel's identities, and nodes, which report evidence."""
        suite = self.config.suite
        nodes = {
            identity_digest(hash_, suite, n.identity_key): Identity(
                n.name, n.member_id, n.identity_key, (NODE_ROLE,)
            )
            for n in (*self.observers, *self.config.nodes)
        }
        return nodes | self.config.identities_by_digest(hash_)

    def former_senders(self, hash_: HashFunction) -> dict[Hash, Identity]:
        """Who was an identity once: what they signed before that is still theirs. The newest of each key."""
        suite = self.config.suite
        return {
            identity_digest(hash_, suite, each.identity.public_key): each.identity
            for each in self.former
        }


def genesis_state(config: ChannelConfig) -> ConfigState:
    return ConfigState(Record(0, 0, None, config, config.followers, ()))


CHANNEL_KEY = state_key(CONTRACT, "channel")
STATUTES_KEY = state_key(CONTRACT, "statutes")
Entry = (
    Record
    | Statutes
    | Proposal
    | Accepted
    | FormerIdentity
    | Revoked
    | Certificate
    | Authority
    | Quota
)


def _evidence_key(digest: Hash) -> bytes:
    return state_key(CONTRACT, "evidence", digest.hex())


def _entries(state: ConfigState) -> dict[bytes, Entry]:
    entries: dict[bytes, Entry] = {CHANNEL_KEY: state.record}
    if state.statutes != Statutes():
        entries[STATUTES_KEY] = state.statutes
    entries |= {state_key(CONTRACT, "proposals", p.proposal_id): p for p in state.proposals}
    entries |= {_evidence_key(e.digest): e for e in state.evidence}
    entries |= {
        state_key(CONTRACT, "former", (f.identity.public_key.hex(), f.until_height)): f
        for f in state.former
    }
    entries |= {state_key(CONTRACT, "revoked", (r.member_id, r.serial)): r for r in state.revoked}
    entries |= {
        state_key(CONTRACT, "certificates", c.public_key.hex()): c for c in state.certificates
    }
    entries |= {state_key(CONTRACT, "authorities", a.member_id): a for a in state.authorities}
    entries |= {state_key(CONTRACT, "quotas", q.subject): q for q in state.quotas}
    return entries


def state_writes(before: ConfigState, after: ConfigState) -> dict[bytes, bytes | None]:
    """What a config transaction writes: entries that changed, None for those that went."""
    old, new = _entries(before), _entries(after)
    changed: dict[bytes, bytes | None] = {
        key: values.encode(encode(entry))
        for key, entry in new.items()
        if old.get(key) is not entry and old.get(key) != entry
    }
    return changed | {key: None for key in old if key not in new}


Get = Callable[[bytes], bytes | None]
Scan = Callable[[bytes], Iterable[tuple[bytes, bytes]]]


def load_record(config: ChannelConfig, stored: bytes | None) -> Record:
    """config: of genesis, which stands where nothing is stored. Raises ValueError for damaged bytes."""
    if stored is None:
        return genesis_state(config).record
    return decode(Record, values.decode(stored))


def load_state(config: ChannelConfig, get: Get, scan: Scan) -> ConfigState:
    """The state under its keys. config: of genesis. Raises ValueError for damaged bytes."""

    def read(kind: str, structure: type[T]) -> list[T]:
        found = scan(object_prefix(CONTRACT, kind))
        return [decode(structure, values.decode(value)) for _, value in found]

    statutes = get(STATUTES_KEY)
    # A config transaction is alone in its block, so heights order them as they came.
    return ConfigState(
        load_record(config, get(CHANNEL_KEY)),
        tuple(sorted(read("proposals", Proposal), key=lambda p: p.proposed_height)),
        tuple(sorted(read("evidence", Accepted), key=lambda e: e.height)),
        Statutes() if statutes is None else decode(Statutes, values.decode(statutes)),
        tuple(sorted(read("former", FormerIdentity), key=lambda f: f.until_height)),
        tuple(sorted(read("revoked", Revoked), key=lambda r: r.height)),
        tuple(sorted(read("certificates", Certificate), key=lambda c: c.public_key)),
        tuple(sorted(read("authorities", Authority), key=lambda a: a.member_id)),
        tuple(sorted(read("quotas", Quota), key=lambda q: q.subject)),
    )
