"""What a node does beside its core: transactions and certified blocks, asked for and handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consensus.api import (
    Block,
    Have,
    PeerConnected,
    ProtocolViolation,
    Synced,
    TxRef,
    TxWaiting,
)
from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import leaves_root
from tests.simulation.ghost import hash_

if TYPE_CHECKING:
    from tests.simulation.node import SimNode

SYNC_BLOCKS_MAX = 8
ASK_AGAIN_MS = 300


class Supply:
    """`behind_to`: the height up to which certificates are known to this life of the node."""

    def __init__(self, node: SimNode) -> None:
        self._node = node
        self.behind_to = 0
        self._fetch_number = 0  # of the last question for blocks: only that one is asked again

    def add_bodies(self, refs: tuple[TxRef, ...]) -> None:
        refs = self._node.world.heard_bodies(self._node.id, refs)
        new = tuple(ref for ref in refs if ref.tx_id not in self._node.pool)
        self._node.pool.update({ref.tx_id: ref for ref in new})
        waiting = tuple(ref for ref in new if ref.tx_id not in self._node.committed)
        if waiting:
            self._node.step(TxWaiting(self._node.now_ms, waiting))

    def need(self, tx_ids: tuple[Hash, ...], from_: int) -> None:
        unknown = []
        for tx_id in tx_ids:
            if tx_id in self._node.committed:
                self._answer(tx_id, False)
            elif tx_id in self._node.pool:
                self._answer(tx_id, True)
            else:
                unknown.append(tx_id)
        if unknown:
            self._node.world.send_other(self._node.id, from_, "ask_bodies", tuple(unknown))
            other = self._node.world.any_peer(self._node.id)
            self._node.world.send_other(self._node.id, other, "ask_bodies", tuple(unknown))

    def _answer(self, tx_id: Hash, is_valid: bool) -> None:
        def have() -> None:
            ref = self._node.pool.get(tx_id) if is_valid else None
            self._node.step(Have(self._node.now_ms, tx_id, is_valid, ref))

        self._node.later(0.1, have)

    def fetch(self, from_: int) -> None:
        """Ask for blocks until those are here that certificates speak of."""
        height = len(self._node.disk.blocks)
        if not self._node.is_up or height >= self.behind_to:
            return
        self._node.world.send_other(self._node.id, from_, "ask_blocks", height + 1)
        self._fetch_number += 1
        number = self._fetch_number

        def again() -> None:
            if number == self._fetch_number and len(self._node.disk.blocks) == height:
                self.fetch(self._node.world.any_peer(self._node.id))

        self._node.later(ASK_AGAIN_MS, again)

    def receive(self, sender: int, kind: str, content: Any) -> None:
        if not self._node.is_up:
            return
        match kind:
            case "bodies":
                self.add_bodies(content)
            case "ask_bodies":
                known = tuple(self._node.pool[i] for i in content if i in self._node.pool)
                if known:
                    self._node.world.send_other(self._node.id, sender, "bodies", known)
            case "ask_blocks":
                blocks = self._node.disk.blocks[content - 1 : content - 1 + SYNC_BLOCKS_MAX]
                if blocks:
                    self._node.world.send_other(
                        self._node.id, sender, "blocks", self._with_bodies(blocks)
                    )
            case "blocks":
                self._add_blocks(sender, content)
            case "connected":
                index = self._node.electorate.index_of(sender)
                if index is not None:
                    self._node.step(PeerConnected(self._node.now_ms, index))

    def _with_bodies(self, blocks: list[tuple[Block, CommitCert]]) -> list[Any]:
        return [(pair, tuple(self._node.pool[i] for i in pair[0].tx_ids)) for pair in blocks]

    def _add_blocks(self, sender: int, content: list[Any]) -> None:
        for (block, cert), refs in content:
            if block.header.height != len(self._node.disk.blocks) + 1 or not self._node.is_up:
                continue
            if self._node.is_config_above(self._node.disk.executed_height):
                break  # the next block is of a configuration that is not known yet
            leaves = [ref.leaf for ref in refs]
            ids = tuple(ref.tx_id for ref in refs)
            if (ids, leaves_root(hash_, leaves)) != (block.tx_ids, block.header.tx_root):
                self._node.world.on_blame(
                    self._node.id, sender, "bodies that do not fit their block"
                )
                return
            self._node.pool.update({ref.tx_id: ref for ref in refs})
            try:
                self._node.step(Synced(self._node.now_ms, block, cert, self._node.is_config(block)))
            except ProtocolViolation as violation:
                self._node.world.on_blame(self._node.id, sender, str(violation))
                return
        self.fetch(sender)
