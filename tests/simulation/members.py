"""Who votes in which epoch, and what a configuration transaction does: the simulator's stand-in for
governance. Nodes have a number for life; an epoch's validator set lists keys, so indexes move.

Pure: `Members.after(change)` is the same on every node that executed the same chain.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from consensus.encoding import Hash
from consensus.validators import Validator, ValidatorSet
from tests.simulation.ghost import hash_, vote_key


@dataclass(frozen=True)
class Change:
    """`kind` is add, remove or rotate; one member a change."""

    kind: str
    node: int
    tx_id: Hash


@dataclass(frozen=True)
class Members:
    """`voters` are (node, generation of its key), in the order of indexes."""

    epoch: int
    voters: tuple[tuple[int, int], ...]
    generations: tuple[int, ...]
    config_hash: Hash

    @staticmethod
    def at_genesis(n: int, nodes: int) -> Members:
        voters = tuple((node, 0) for node in range(n))
        return Members(0, voters, (0,) * nodes, Hash(hash_(b"config")))

    def validators(self) -> ValidatorSet:
        listed = (Validator(f"node{node}", vote_key(node, made)) for node, made in self.voters)
        return ValidatorSet(self.epoch, tuple(listed))

    @functools.cached_property
    def nodes(self) -> tuple[int, ...]:
        return tuple(node for node, _ in self.voters)

    @functools.cached_property
    def _indexes(self) -> dict[int, int]:
        return {node: index for index, node in enumerate(self.nodes)}

    def index_of(self, node: int) -> int | None:
        return self._indexes.get(node)

    def after(self, change: Change) -> Members:
        """One that does not fit (a member added twice) changes the configuration's hash only."""
        config_hash = Hash(hash_(self.config_hash + change.tx_id))
        voters = self._voters_after(change)
        if voters == self.voters:
            return replace(self, config_hash=config_hash)
        generations = list(self.generations)
        for node, made in voters:
            generations[node] = max(generations[node], made)
        return Members(self.epoch + 1, voters, tuple(generations), config_hash)

    def _voters_after(self, change: Change) -> tuple[tuple[int, int], ...]:
        node, is_in = change.node, self.index_of(change.node) is not None
        fresh = (node, self.generations[node] + 1)
        match change.kind:
            case "add" if not is_in:
                # A key that voted before is never used again: its old votes are out there.
                return (*self.voters, fresh)
            case "remove" if is_in and len(self.voters) > 1:
                return tuple(voter for voter in self.voters if voter[0] != node)
            case "rotate" if is_in:
                return tuple(fresh if voter[0] == node else voter for voter in self.voters)
        return self.voters
