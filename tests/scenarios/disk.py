"""What one node finds again after a crash. Every sync is honest here: lying disks are the simulator's."""

from __future__ import annotations

from dataclasses import dataclass, field

from consensus.api import Block, TxRef
from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import Header


@dataclass
class Disk:
    """`wal` holds records as written; block h is blocks[h - 1], its roots are roots[h - 1]. `has_begun`: a log
    was written here, whatever became of it."""

    genesis: Header
    wal: list[bytes] = field(default_factory=list)
    bodies: dict[Hash, TxRef] = field(default_factory=dict)
    blocks: list[tuple[Block, CommitCert]] = field(default_factory=list)
    roots: list[tuple[Hash, Hash]] = field(default_factory=list)
    has_begun: bool = False

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
        genesis = (self.genesis.state_root, self.genesis.receipts_root)
        return self.roots[height - 1] if height else genesis

    def executed_from(self, height: int) -> tuple[tuple[int, Hash, Hash], ...]:
        return tuple((h, *self.roots_after(h)) for h in range(height, self.executed_height + 1))
