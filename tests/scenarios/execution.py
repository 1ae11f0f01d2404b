"""What a node of a scenario does with a committed block: roots that stand for its state, and who votes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.api import Block, EpochBase, Executed
from consensus.encoding import Hash
from consensus.header import block_hash, leaves_root
from tests.simulation.ghost import hash_

if TYPE_CHECKING:
    from tests.scenarios.cluster import Cluster
    from tests.scenarios.node import Node


def execute(cluster: Cluster, node: Node) -> None:
    """The next block that is stored and not executed."""
    height = node.disk.executed_height + 1
    block, _ = node.disk.blocks[height - 1]
    state_root, _ = node.disk.roots_after(height - 1)
    if block.tx_ids:
        state_root = Hash(hash_(state_root + b"".join(block.tx_ids)))
    if node.is_wrong:
        state_root = Hash(hash_(b"a flipped bit" + state_root))
    receipts = leaves_root(hash_, [hash_(b"receipt" + each) for each in block.tx_ids])
    node.disk.roots.append((state_root, receipts))
    if not node.is_wrong:
        cluster.invariants.on_executed(node.index, height, (state_root, receipts))
    _note_config(cluster, node, block)
    cluster.step(node, Executed(cluster.now_of(node), height, state_root, receipts))


def _note_config(cluster: Cluster, node: Node, block: Block) -> None:
    members, base = node.configs[-1]
    for tx_id in block.tx_ids:
        if tx_id not in cluster.changes:
            continue
        after = members.after(cluster.changes[tx_id])
        if after.epoch != members.epoch:
            cert = node.disk.blocks[block.header.height - 1][1]
            digest = block_hash(hash_, block.header)
            base = EpochBase(block.header.height, digest, members.validators(), cert)
            cluster.epochs.setdefault(after.epoch, after)
            cluster.bases.setdefault(after.epoch, base)
        node.configs.append((after, base))
