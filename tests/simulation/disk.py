"""The simulated disk of one node: a WAL with a write cache, a block store, kept bodies, applied state.

A crash keeps the synced records and a random prefix of the rest; the record behind that prefix is torn
and a reader drops it. Block store and state use synchronous atomic batches, as LevelDB is used.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from consensus.api import Block, TxRef
from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import Header


@dataclass
class Disk:
    """`is_lying` models a missing fsync (mutant no_fsync): records stay in the cache."""

    genesis: Header
    genesis_roots: tuple[Hash, Hash]
    is_lying: bool = False
    synced: list[bytes] = field(default_factory=list)
    cached: list[bytes] = field(default_factory=list)
    bodies: dict[Hash, TxRef] = field(default_factory=dict)
    blocks: list[tuple[Block, CommitCert]] = field(default_factory=list)
    roots: list[tuple[Hash, Hash]] = field(default_factory=list)
    was_wal_lost: bool = False

    def append(self, records: tuple[bytes, ...]) -> None:
        self.cached.extend(records)

    def sync(self) -> None:
        if not self.is_lying:
            self.synced.extend(self.cached)
            self.cached.clear()

    def crash(self, rng: random.Random) -> None:
        """Lose unsynced writes: any prefix of them may have reached the platter."""
        kept = rng.randint(0, len(self.cached))
        self.synced.extend(self.cached[:kept])
        self.cached.clear()

    def lose_wal(self) -> None:
        self.synced.clear()
        self.cached.clear()
        self.was_wal_lost = True

    @property
    def tip(self) -> Header:
        return self.blocks[-1][0].header if self.blocks else self.genesis

    @property
    def tip_cert(self) -> CommitCert | None:
        return self.blocks[-1][1] if self.blocks else None

    @property
    def executed_height(self) -> int:
        return len(self.roots)

    def roots_after(self, height: int) -> tuple[Hash, Hash]:
        return self.roots[height - 1] if height else self.genesis_roots

    def executed_from(self, height: int) -> tuple[tuple[int, Hash, Hash], ...]:
        return tuple((h, *self.roots_after(h)) for h in range(height, self.executed_height + 1))
