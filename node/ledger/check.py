"""Whether the blocks and the state of one channel tell one story: looked at before a node serves from them."""

from __future__ import annotations

import itertools

from consensus.header import block_hash
from consensus.merkle import HashFunction
from node.errors import CityError
from node.ledger.blocks import BlockStore
from node.ledger.state import StateStore

HEADERS_CHECKED = 64


class LedgerInconsistent(CityError):
    """Two stored facts contradict each other: the channel must not run on this ledger."""

    def __init__(self, height: int, detail: str) -> None:
        super().__init__("CITY-5006", height=height, detail=detail)


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
