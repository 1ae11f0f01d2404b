"""Which contracts a channel has, and where that stands in the state tree.

    ("_contract", "terms", (name, version))       Terms: what was proposed; never changes
    ("_contract", "stages", (name, version))      Stage: how far it has come
    ("_contract", "heads", name)                  Head: what runs under a name
    ("_contract", "bundles", digest hex)          a bundle's canonical bytes
    ("_contract", "transcripts", digest hex)      what the examples of a version gave, as somebody attested

The first three are value-encoded bytes of these structures, a bundle value-encoded bytes, a transcript a text.
Genesis writes none of them: its contracts are version 1, active since block 0, until something changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from consensus.encoding import ZERO_HASH, Hash, decode, encode
from contracts.runtime import values
from contracts.runtime.keys import object_prefix, split_state_key, state_key
from node.genesis import ChannelConfig
from node.lifecycle.calls import CONTRACT

PROPOSED, APPROVED, SCHEDULED = "proposed", "approved", "scheduled"
ACTIVE, ARCHIVED, WITHDRAWN, REJECTED = "active", "archived", "withdrawn", "rejected"
STATUSES = (PROPOSED, APPROVED, SCHEDULED, ACTIVE, ARCHIVED, WITHDRAWN, REJECTED)
BILLING = "billing"  # of the suite; its `arrears` are read here
OPEN = (PROPOSED, APPROVED, SCHEDULED)  # may still become active
RAN = (ACTIVE, ARCHIVED)
Place = tuple[str, int]  # a contract's name, a version of it


@dataclass(frozen=True, slots=True)
class Law:
    """What makes code answerable: which law governs it, the hash of the clause that it carries out, the member
    that answers for it, and under which licence its source may be read (an SPDX expression)."""

    governing_law: str
    clause_hash: Hash
    operator: str
    licence: str


@dataclass(frozen=True, slots=True)
class Terms:
    """A version as it was proposed. Its digest is what members approve."""

    name: str
    version: int
    bundle_digest: Hash
    notes: str
    law: Law | None  # none in genesis, where the members agreed on everything at once
    examples: str
    proposed_by: str
    proposed_height: int


@dataclass(frozen=True, slots=True)
class Attestation:
    """A validator's word: the examples gave this transcript, on its machine."""

    node: str
    member_id: str
    result: Hash
    height: int


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a version has come.

    digest: of its terms. approvals: member ids in the order they came. height: where it becomes, or became,
    active; 0 without one. failure: why its last scheduled activation did not happen. rejections: members that
    are against it."""

    status: str
    digest: Hash
    approvals: tuple[str, ...]
    attestations: tuple[Attestation, ...]
    height: int
    failure: str
    rejections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What runs under a name. active: version, 0 before the first one; it stays for readers when the contract
    is paused or retired. resume, retire: members that asked for it so far."""

    active: int
    is_paused: bool
    is_retired: bool
    resume: tuple[str, ...]
    retire: tuple[str, ...]

    @property
    def running(self) -> int:
        """The version that transactions may call; 0 for none."""
        return 0 if self.is_paused or self.is_retired else self.active


NO_HEAD = Head(0, False, False, (), ())


@dataclass(frozen=True, slots=True)
class LifecycleState:
    """All contracts of a channel, archived versions too."""

    terms: Mapping[Place, Terms]
    stages: Mapping[Place, Stage]
    heads: Mapping[str, Head]

    def head(self, name: str) -> Head:
        return self.heads.get(name, NO_HEAD)

    @property
    def running(self) -> dict[str, int]:
        """The version that transactions may call, by name; 0 where there is none. Every name is in it, so that
        nothing depends on what a node happens to have loaded."""
        return {name: self.head(name).running for name, _ in self.terms}

    def newest(self, name: str) -> int:
        return max((version for known, version in self.terms if known == name), default=0)

    def versions(self, name: str) -> list[int]:
        return sorted(version for known, version in self.terms if known == name)

    def with_stage(self, place: Place, stage: Stage) -> LifecycleState:
        return replace(self, stages=MappingProxyType({**self.stages, place: stage}))

    def with_head(self, name: str, head: Head) -> LifecycleState:
        return replace(self, heads=MappingProxyType({**self.heads, name: head}))

    def with_terms(self, terms: Terms, stage: Stage) -> LifecycleState:
        place = (terms.name, terms.version)
        added = replace(self, terms=MappingProxyType({**self.terms, place: terms}))
        return added.with_stage(place, stage)


def genesis_state(config: ChannelConfig) -> LifecycleState:
    """The contracts of genesis: the highest version of each is active."""
    terms: dict[Place, Terms] = {}
    stages: dict[Place, Stage] = {}
    heads: dict[str, Head] = {}
    for entry in config.contracts:
        place, active = (entry.name, entry.version), config.active_version(entry.name)
        assert active is not None
        terms[place] = Terms(*place, entry.bundle_digest, "", None, "", "", 0)
        status = ACTIVE if entry.version == active else ARCHIVED
        stages[place] = Stage(status, ZERO_HASH, (), (), 0, "")
        heads[entry.name] = Head(active, False, False, (), ())
    return LifecycleState(*map(MappingProxyType, (terms, stages, heads)))  # type: ignore[arg-type]


# ---- in the state tree -------------------------------------------------------------------------------


def bundle_key(digest: Hash) -> bytes:
    return state_key(CONTRACT, "bundles", digest.hex())


def transcript_key(digest: Hash) -> bytes:
    return state_key(CONTRACT, "transcripts", digest.hex())


def arrears_key(member: str) -> bytes:
    """Of the suite's contract `billing`: when the oldest invoice that a member has not paid is overdue."""
    return state_key(BILLING, "arrears", member)


def head_key(name: str) -> bytes:
    return state_key(CONTRACT, "heads", name)


def _entries(state: LifecycleState) -> dict[bytes, Terms | Stage | Head]:
    entries: dict[bytes, Terms | Stage | Head] = {}
    entries |= {state_key(CONTRACT, "terms", place): found for place, found in state.terms.items()}
    entries |= {state_key(CONTRACT, "stages", place): s for place, s in state.stages.items()}
    return entries | {head_key(name): head for name, head in state.heads.items()}


def state_writes(before: LifecycleState, after: LifecycleState) -> dict[bytes, bytes | None]:
    """What leads from one to the other. Nothing is ever removed."""
    if before is after:
        return {}
    old = _entries(before)
    return {
        key: values.encode(encode(entry))
        for key, entry in _entries(after).items()
        if old.get(key) != entry
    }


Scan = Callable[[bytes], Iterable[tuple[bytes, bytes]]]


def load_state(config: ChannelConfig, scan: Scan) -> LifecycleState:
    """The state under its keys, over what genesis says. Raises ValueError for damaged bytes."""
    state = genesis_state(config)

    def read(kind: str, structure: type) -> dict[Any, Any]:
        return {
            split_state_key(key)[2]: decode(structure, values.decode(value))
            for key, value in scan(object_prefix(CONTRACT, kind))
        }

    return LifecycleState(
        MappingProxyType({**state.terms, **read("terms", Terms)}),
        MappingProxyType({**state.stages, **read("stages", Stage)}),
        MappingProxyType({**state.heads, **read("heads", Head)}),
    )
