"""Mistakes in remembering: what a node has said must be on its disk before it leaves, and be known again."""

from __future__ import annotations

from typing import Any

from consensus.api import Action, Persist
from consensus.encoding import Hash
from consensus.pbft import admission, restart
from consensus.pbft.records import Recovered
from node.ledger.state import StateStore
from tests.mutants.directed import dying_between_two_writes, prepared_survives_a_restart
from tests.mutants.focus import crashing, forgetting, rough
from tests.mutants.mutant import Mutant, around, instead
from tests.simulation.disk import Wal
from tests.simulation.ghost import hash_
from tests.simulation.node import SimNode


def _amnesiac(original: Any) -> Any:
    def recovering(*args: Any) -> Recovered:
        found: Recovered = original(*args)
        found.view, found.is_active, found.new_view, found.view_change = 0, True, None, None
        found.proposals.clear()
        found.prepares.clear()
        found.commits.clear()
        return found

    return recovering


def _without(*names: str) -> Any:
    """Recovery that forgets some of what it read."""

    def make(original: Any) -> Any:
        def recovering(*args: Any) -> Recovered:
            found: Recovered = original(*args)
            for name in names:
                getattr(found, name).clear()
            return found

        return recovering

    return make


def _hasty(self: SimNode, actions: list[Action]) -> list[Action]:
    """Messages first, records after: the same step, in the wrong order."""
    later = [a for a in actions if isinstance(a, Persist)]
    for action in actions:
        if not isinstance(action, Persist):
            self._do(action)
    self._write(tuple(record for action in later for record in action.records))
    return []


def _losing_tip(original: Any) -> Any:
    """The block store answers before its batch is synced."""

    def crashing(self: SimNode) -> None:
        if len(self.disk.blocks) > self.disk.executed_height:
            self.disk.blocks.pop()
        original(self)

    return crashing


def _applying_twice(original: Any) -> Any:
    """The state is written, then the applied marker: a crash between them repeats the last block."""

    def starting(self: SimNode) -> None:
        if self.disk.roots and self.life > 0:
            _, receipts_root = self.disk.roots[-1]
            block, _ = self.disk.blocks[len(self.disk.roots) - 1]
            if block.tx_ids:
                again = self.disk.roots_after(len(self.disk.roots))[0] + b"".join(block.tx_ids)
                self.disk.roots[-1] = (Hash(hash_(again)), receipts_root)
        original(self)

    return starting


def _apart(self: StateStore, prepared: Any) -> None:
    """State, marker and roots in one batch, receipts in the next."""
    receipts = [item for item in prepared.batch if item[0][:1] == b"r"]
    self._store.write([item for item in prepared.batch if item[0][:1] != b"r"])
    self._tree.adopt(prepared.update)
    self._slot, self._applied = prepared.update.slot, prepared.height
    if receipts:
        self._store.write(receipts)


def _voting_anyway(state: Any, *_: Any) -> str | None:
    return admission.OBSERVER_NO_KEY if state.own_index is None else None


MEMORY = (
    Mutant(
        "no_fsync", "durability", "what was written stays in the cache (etcd#14370)",
        instead(Wal, "sync", lambda self: None), rough,
    ),
    Mutant(
        "ack_before_durable", "durability", "messages leave before their records are durable",
        instead(SimNode, "_persist_together", _hasty), crashing,
    ),
    Mutant(
        "block_not_synced", "S6", "a block is acknowledged that a crash takes back (etcd#14143)",
        around(SimNode, "crash", _losing_tip), crashing,
    ),
    Mutant(
        "applied_not_atomic", "S8", "state and applied marker in two writes (etcd#13766)",
        around(SimNode, "start", _applying_twice), rough,
    ),
    Mutant(
        "receipts_apart", "S8", "receipts are written outside the block's batch (etcd#13766)",
        instead(StateStore, "commit", _apart), directed=dying_between_two_writes,
    ),
    Mutant(
        "forgotten_view", "durability", "after a restart the node is back in view 0 (SmartBFT#149)",
        around(restart, "recover", _amnesiac), rough,
    ),
    Mutant(
        "forgotten_proposal", "durability",
        "a leader that restarts proposes again what it proposed (FISCO PR#2160)",
        around(restart, "recover", _without("proposals", "prepares", "commits")), crashing,
    ),
    Mutant(
        "forgotten_prepared", "R7", "prepared certificates do not survive a restart",
        around(restart, "recover", _without("prepared", "commits")),
        directed=prepared_survives_a_restart,
    ),
    Mutant(
        "wal_loss_ignored", "durability", "a node without its WAL votes at once (fabric#3639)",
        instead(admission, "why_observe", _voting_anyway), forgetting,
    ),
)  # fmt: skip
