"""One node of a scenario: its disk, its core, what it has heard of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from consensus.api import ConfigEffect, Core, EpochBase, Have, TxRef
from consensus.encoding import Hash
from consensus.header import leaves_root
from tests.scenarios.disk import Disk
from tests.simulation.ghost import hash_
from tests.simulation.members import Members

if TYPE_CHECKING:
    from tests.scenarios.cluster import Cluster


@dataclass
class Node:
    """`core` is None while the node is down or a liar's. `fails_before` is an armed failpoint. `configs`:
    who votes, and on which block that epoch stands, as executed block after block. `leads`: the term it was
    last seen to lead, where the engine has terms."""

    index: int
    disk: Disk
    configs: list[tuple[Members, EpochBase]]
    core: Core | None = None
    pool: dict[Hash, TxRef] = field(default_factory=dict)
    timer_ms: int | None = None
    is_executing: bool = True
    is_wrong: bool = False
    is_frozen: bool = False
    is_halted: bool = False
    fails_before: tuple[str, str] | None = None
    answers: list[Have] = field(default_factory=list)
    clock_offset_ms: int = 0
    leads: int = 0

    @property
    def members(self) -> Members:
        return self.configs[-1][0]

    def has(self, tx_id: Hash) -> bool:
        return tx_id in self.pool or tx_id in self.disk.bodies

    def body(self, tx_id: Hash) -> TxRef:
        return self.pool.get(tx_id) or self.disk.bodies[tx_id]


class Effects:
    """`consensus.api.Configuration` of one node."""

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self._cluster = cluster
        self._node = node

    def effect(self, tx_id: Hash) -> ConfigEffect | None:
        change = self._cluster.changes.get(tx_id)
        if change is None or not self._node.has(tx_id):
            return None
        after = self._node.members.after(change)
        return ConfigEffect(after.config_hash, after.validators(), leaves_root(hash_, ()))
