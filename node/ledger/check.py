"""Whether the blocks and the state of one channel tell one story: looked at before a node serves from them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from consensus.encoding import Hash, Sig
from consensus.header import Header, block_hash, leaves_root, tx_id, tx_leaf
from consensus.merkle import HashFunction
from node.errors import CityError
from node.ledger.blocks import BlockStore
from node.ledger.state import StateStore
from node.model import Envelope

HEADERS_CHECKED = 64


class LedgerInconsistent(CityError):
    """Two stored facts contradict each other: the channel must not run on this ledger."""

    def __init__(self, height: int, detail: str) -> None:
        super().__init__("CITY-5006", height=height, detail=detail)


def covered_ids(
    hash_: HashFunction, suite_id: int, header: Header, envelopes: Sequence[Envelope]
) -> tuple[Hash, ...] | None:
    """Ids of a block's transactions; None where they are not those that its header covers."""
    ids = tuple(tx_id(hash_, suite_id, envelope.body) for envelope in envelopes)
    leaves = [
        tx_leaf(hash_, suite_id, id_, Sig(envelope.signature))
        for id_, envelope in zip(ids, envelopes, strict=True)
    ]
    is_whole = len(ids) == header.tx_count and leaves_root(hash_, leaves) == header.tx_root
    return ids if is_whole else None


def check_consistency(
    blocks: BlockStore, state: StateStore, hash_: HashFunction, window: int
) -> None:
    """Raises LedgerInconsistent for state ahead of the blocks, a broken chain of the last headers, a
    block that is not whole at the tip, or own roots other than those the headers carry."""
    tip, applied = blocks.tip_height, state.applied_height
    if applied is not None and (tip is None or applied > tip):
        raise LedgerInconsistent(applied, f"the state is ahead of the blocks (tip {tip})")
    if tip is None:
        return
    blocks.block(tip)
    first = max(0, tip - HEADERS_CHECKED)
    headers = blocks.headers(first, tip - first + 1)
    if [header.height for header in headers] != list(range(first, tip + 1)):
        raise LedgerInconsistent(tip, "a header is missing")
    for parent, header in itertools.pairwise(headers):
        if header.parent_hash != block_hash(hash_, parent):
            raise LedgerInconsistent(header.height, "its parent is another block")
    for header in headers:
        height = header.height - window
        if applied is None or not max(1, state.base) <= height <= applied:
            continue
        roots = state.roots(height)
        if roots is None:
            raise LedgerInconsistent(height, "its roots are missing")
        if (roots.state_root, roots.receipts_root) != (header.state_root, header.receipts_root):
            raise LedgerInconsistent(height, f"own roots differ from header {header.height}")
