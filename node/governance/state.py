"""The configuration in force, and where it stands in the state tree.

    ("_config", "channel")               Record: epoch, configuration, observers, former keys
    ("_config", "proposals", id)         Proposal
    ("_config", "evidence", digest hex)  Accepted

Values are value-encoded bytes of these structures. Genesis writes none of them: without a record the genesis
configuration stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from consensus.encoding import Hash, decode, encode
from consensus.header import identity_digest
from consensus.merkle import HashFunction
from consensus.validators import Validator, ValidatorSet
from contracts.runtime import values
from contracts.runtime.keys import object_prefix, state_key
from node.genesis import ChannelConfig, Identity, NodeEntry
from node.governance.calls import CONTRACT

NODE_ROLE = "node"


@dataclass(frozen=True, slots=True)
class Change:
    """One member or key. kind: add-validator (with `node`), remove-validator, replace-key (with `vote_key`).

    name: of the node that it is about."""

    kind: str
    name: str
    node: NodeEntry | None
    vote_key: bytes


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that waits for approvals. Heights; `approvals` are member ids in the order they came."""

    proposal_id: str
    change: Change
    proposed_by: str
    proposed_height: int
    expires_height: int
    approvals: tuple[str, ...]


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


@dataclass(frozen=True)
class ConfigState:
    """`record.base_height`: the last block of the epoch before, sealed by `base_validators`; in the first epoch
    0 and none."""

    record: Record
    proposals: tuple[Proposal, ...] = ()
    evidence: tuple[Accepted, ...] = ()

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


def genesis_state(config: ChannelConfig) -> ConfigState:
    return ConfigState(Record(0, 0, None, config, config.followers, ()))


CHANNEL_KEY = state_key(CONTRACT, "channel")


def _proposal_key(proposal_id: str) -> bytes:
    return state_key(CONTRACT, "proposals", proposal_id)


def _evidence_key(digest: Hash) -> bytes:
    return state_key(CONTRACT, "evidence", digest.hex())


def _entries(state: ConfigState) -> dict[bytes, Record | Proposal | Accepted]:
    entries: dict[bytes, Record | Proposal | Accepted] = {CHANNEL_KEY: state.record}
    entries |= {_proposal_key(p.proposal_id): p for p in state.proposals}
    entries |= {_evidence_key(e.digest): e for e in state.evidence}
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
    proposals = [
        decode(Proposal, values.decode(value))
        for _, value in scan(object_prefix(CONTRACT, "proposals"))
    ]
    evidence = [
        decode(Accepted, values.decode(value))
        for _, value in scan(object_prefix(CONTRACT, "evidence"))
    ]
    # A config transaction is alone in its block, so heights order them as they came.
    return ConfigState(
        load_record(config, get(CHANNEL_KEY)),
        tuple(sorted(proposals, key=lambda p: p.proposed_height)),
        tuple(sorted(evidence, key=lambda e: e.height)),
    )
