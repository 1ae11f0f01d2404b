from __future__ import annotations

import pytest

from consensus.encoding import encode
from node.ledger.blocks import BlockStore
from node.ledger.check import LedgerInconsistent, check_consistency
from node.ledger.state import StateStore
from node.ledger.store import MemoryStore
from tests.unit.ledger.chain import certificate, header
from tests.unit.ledger.model import SUITE, sha256

WINDOW = 2


@pytest.fixture
def ledger():
    """Ten blocks, eight of them applied, roots in the headers two blocks later."""
    block_store, state_store = MemoryStore(), MemoryStore()
    blocks = BlockStore(block_store, sha256)
    state = StateStore(state_store, sha256, SUITE, WINDOW)
    roots = [state.apply_block(0, {b"k": b"0"}, [])]
    for height in range(10):
        carried = roots[max(0, height - WINDOW)]
        made = header(height, blocks.tip, 0, carried.state_root, carried.receipts_root)
        blocks.put(made, (), (), certificate(made) if height else None)
        if 0 < height < 8:
            roots.append(state.apply_block(height, {b"k": b"%d" % height}, []))
        elif height:
            roots.append(roots[-1])
    return block_store, blocks, state


def check(blocks: BlockStore, state: StateStore) -> None:
    check_consistency(blocks, state, sha256, WINDOW)


def test_a_whole_ledger_and_an_empty_one_pass(ledger):
    _, blocks, state = ledger
    check(blocks, state)
    check(BlockStore(MemoryStore(), sha256), StateStore(MemoryStore(), sha256, SUITE, WINDOW))


def test_state_ahead_of_the_blocks_is_refused(ledger):
    _, _, state = ledger
    with pytest.raises(LedgerInconsistent) as caught:
        check(BlockStore(MemoryStore(), sha256), state)
    assert caught.value.code == "CITY-5006" and "ahead" in caught.value.message


def test_a_missing_header_or_another_parent_is_refused(ledger):
    store, blocks, state = ledger
    key = b"H" + (5).to_bytes(8, "big")
    good = store.get(key)
    other = encode(header(5, blocks.header(3)))
    for value, word in ((None, "missing"), (other, "parent")):
        store.write([(key, value)])
        with pytest.raises(LedgerInconsistent, match=word):
            check(blocks, state)
    store.write([(key, good)])
    check(blocks, state)


def test_own_roots_that_differ_from_the_headers_are_refused(ledger):
    _, blocks, _ = ledger
    state = StateStore(MemoryStore(), sha256, SUITE, WINDOW)
    state.apply_block(0, {b"k": b"0"}, [])
    for height in range(1, 4):
        state.apply_block(height, {b"k": b"%d" % height if height != 2 else b"other"}, [])
    with pytest.raises(LedgerInconsistent, match="own roots differ") as caught:
        check(blocks, state)
    assert caught.value.variables["height"] == 2
