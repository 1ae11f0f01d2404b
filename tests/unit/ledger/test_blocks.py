from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.ledger.blocks import BlockStore, BodyNotHeld, TxPlace, pack_envelopes, unpack_envelopes
from node.ledger.store import LevelStore, MemoryStore, StoreDamaged, StoreFormat
from node.model import Envelope, StoredBlock
from tests.unit.ledger.chain import certificate, envelopes, header, ids
from tests.unit.ledger.model import sha256


def grow(blocks: BlockStore, count: int, txs: int = 3) -> None:
    for _ in range(count):
        parent = blocks.tip
        height = 0 if parent is None else parent.height + 1
        n = 0 if height == 0 else txs
        made = header(height, parent, n)
        cert = certificate(made) if height else None
        blocks.put(made, envelopes(height, n), ids(height, n), cert)


@given(st.lists(st.builds(Envelope, st.binary(), st.binary(), st.binary()), max_size=5))
def test_packed_envelopes_unpack_to_themselves_and_cut_ones_are_refused(found):
    data = pack_envelopes(found)
    assert unpack_envelopes(data) == tuple(found)
    for cut in range(len(data)):
        with pytest.raises(ValueError):
            unpack_envelopes(data[:cut])
    with pytest.raises(ValueError):
        unpack_envelopes(data + b"\0")


def test_blocks_come_back_as_they_were_put_also_after_reopening(tmp_path):
    blocks = BlockStore(LevelStore(tmp_path), sha256)
    assert blocks.tip is None and blocks.tip_height is None and blocks.block(0) is None
    grow(blocks, 5)
    blocks.close()
    blocks = BlockStore(LevelStore(tmp_path), sha256)
    assert blocks.tip_height == 4
    found = blocks.block(3)
    assert found == StoredBlock(
        blocks.header(3), tuple(envelopes(3, 3)), certificate(blocks.header(3))
    )
    assert blocks.block(0).certificate is None and blocks.certificate(0) is None
    assert [b.header.height for b in blocks.blocks(2)] == [2, 3, 4]
    assert [b.header.height for b in blocks.blocks(1, 2)] == [1, 2]
    assert [h.height for h in blocks.headers(0, 2)] == [0, 1]
    assert [h.height for h in blocks.headers(3, 10)] == [3, 4]
    assert blocks.header(5) is None and list(blocks.blocks(5)) == []
    blocks.close()


def test_a_transaction_is_found_by_its_id():
    blocks = BlockStore(MemoryStore(), sha256)
    grow(blocks, 4)
    place = blocks.place(ids(2, 3)[1])
    assert place == TxPlace(2, 1)
    assert blocks.envelope(place) == envelopes(2, 3)[1]
    assert blocks.place(sha256(b"unknown")) is None
    assert blocks.places([sha256(b"unknown"), ids(3, 1)[0]]) == [None, TxPlace(3, 0)]
    for nowhere in (TxPlace(9, 0), TxPlace(2, 3), TxPlace(2, -1)):
        assert blocks.envelope(nowhere) is None


def test_a_block_that_does_not_continue_the_chain_is_refused_and_nothing_changes():
    blocks = BlockStore(MemoryStore(), sha256)
    with pytest.raises(ValueError, match="does not follow"):
        blocks.put(header(1, None), (), (), None)
    grow(blocks, 3, txs=1)
    tip = blocks.tip
    good = header(3, tip, 1)
    cert = certificate(good)
    txs, names = envelopes(3, 1), ids(3, 1)
    wrong = [
        (header(2, tip, 1), txs, names, cert),
        (header(4, tip, 1), txs, names, cert),
        (header(3, blocks.header(1), 1), txs, names, cert),
        (good, txs, names, None),
        (good, txs, names, certificate(tip)),
        (good, [], names, cert),
        (good, txs, [], cert),
        (header(3, tip, 2), txs * 2, names * 2, certificate(header(3, tip, 2))),
    ]
    for case in wrong:
        with pytest.raises(ValueError):
            blocks.put(*case)
        assert blocks.tip is tip and blocks.header(3) is None
    blocks.put(good, txs, names, cert)
    assert blocks.tip_height == 3


def test_headers_are_filled_in_any_order_and_answered_once_all_are(tmp_path):
    whole = BlockStore(MemoryStore(), sha256)
    grow(whole, 7)
    found = list(whole.blocks(1))
    blocks = BlockStore(LevelStore(tmp_path), sha256)
    grow(blocks, 1)
    blocks.put_headers([(b.header, b.certificate, None) for b in found])
    with pytest.raises(ValueError, match="transactions"):
        blocks.fill(5, envelopes(5, 2), ids(5, 2))
    for height in (6, 4, 5):
        with pytest.raises(ValueError, match="filled"):
            blocks.begin(4)
        blocks.fill(height, envelopes(height, 3), ids(height, 3))
        with pytest.raises(BodyNotHeld):
            blocks.block(height)
    blocks.begin(4)
    blocks.close()
    blocks = BlockStore(LevelStore(tmp_path), sha256)
    assert list(blocks.blocks(4)) == found[3:] and blocks.base == 4
    assert blocks.place(ids(6, 3)[1]) == TxPlace(6, 1)
    with pytest.raises(BodyNotHeld):
        blocks.block(3)
    blocks.close()


def test_marks_are_remembered(tmp_path):
    blocks = BlockStore(LevelStore(tmp_path), sha256)
    assert not blocks.is_marked("wal")
    blocks.mark("wal")
    blocks.close()
    blocks = BlockStore(LevelStore(tmp_path), sha256)
    assert blocks.is_marked("wal") and not blocks.is_marked("other") and blocks.tip is None
    blocks.close()


def test_a_foreign_store_is_refused():
    store = MemoryStore()
    store.write([(b"something", b"else")])
    with pytest.raises(StoreFormat) as caught:
        BlockStore(store, sha256)
    assert caught.value.code == "CITY-5005"


def test_parts_of_a_block_that_are_missing_or_wrong_are_damage():
    for key in (b"B", b"C", b"H"):
        store = MemoryStore()
        blocks = BlockStore(store, sha256)
        grow(blocks, 3)
        at = (1).to_bytes(8, "big")
        for value in (b"", store.get(key + at)[:-1], None):
            store.write([(key + at, value)])
            if key == b"H" and value is None:
                assert blocks.block(1) is None
                continue
            with pytest.raises(StoreDamaged):
                blocks.block(1)
    grown = dataclasses.replace(blocks.tip, height=9)
    assert grown != blocks.tip
    store.write([(b"mtip", (9).to_bytes(8, "big"))])
    with pytest.raises(StoreDamaged):
        BlockStore(store, sha256)


def test_bytes_between_the_table_and_the_first_envelope_are_refused():
    packed = pack_envelopes([Envelope(b"a", b"b", b"c")])
    offsets = [int.from_bytes(packed[at : at + 4], "big") + 1 for at in (4, 8)]
    moved = b"".join(offset.to_bytes(4, "big") for offset in offsets)
    with pytest.raises(ValueError):
        unpack_envelopes(packed[:4] + moved + b"?" + packed[12:])
