from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.tags import Tag, preimage
from contracts.runtime import values
from node.errors import CATALOGUE
from node.model import (
    OUTCOMES,
    EventRecord,
    Receipt,
    StoredEvent,
    decode_receipt,
    encode_receipt,
    writes_digest,
)
from tests.unit.ledger.model import SUITE, sha256

digests = st.binary(min_size=32, max_size=32)
texts = st.text(st.characters(codec="utf-8"), max_size=8)
events = st.builds(EventRecord, texts, texts, st.binary(max_size=8))
receipts = st.builds(
    Receipt,
    digests,
    st.sampled_from(OUTCOMES),
    texts,
    texts,
    st.integers(0, 1 << 40),
    st.integers(0, 1 << 40),
    st.binary(max_size=8),
    st.lists(events, max_size=3).map(tuple),
    digests,
)
RECEIPT = Receipt(
    bytes(32), "ok", "", "", 5, 9, b"\x00", (EventRecord("c", "N", b"\x09\x00"),), bytes(32)
)


@given(receipts)
def test_a_receipt_has_one_encoding_and_comes_back_from_it(receipt):
    data = encode_receipt(receipt)
    assert decode_receipt(data) == receipt
    assert list(values.decode(data)) == (
        [
            "tx_id",
            "outcome",
            "code",
            "message",
            "gas_used",
            "gas_limit",
            "result",
            "events",
            "writes_digest",
        ]
    )


SIZES = st.sampled_from((0, 1, 127, 128, 129, 300, 16_384))


@given(
    SIZES, SIZES, st.sampled_from((0, 1, 2, 127, 128, 130)), st.sampled_from((0, 127, 128, 1 << 63))
)
def test_receipts_are_written_as_the_general_encoder_writes_them_whatever_their_sizes(
    text_size, data_size, count, gas
):
    events = (EventRecord("c", "é" * text_size, bytes(data_size)),) * (
        count if data_size < 300 else 1
    )
    receipt = Receipt(
        bytes(32),
        "ok",
        "c" * text_size,
        "汉" * text_size,
        gas,
        gas,
        bytes(data_size),
        events,
        bytes(32),
    )
    fields = {name: getattr(receipt, name) for name in Receipt.__slots__}
    fields["events"] = [(e.contract, e.name, e.data) for e in events]
    assert encode_receipt(receipt) == values.encode(fields)


@given(st.dictionaries(st.binary(max_size=200), st.none() | st.binary(max_size=200), max_size=200))
def test_write_sets_are_hashed_as_the_general_encoder_writes_them(writes):
    listed = values.encode([(key, writes[key]) for key in sorted(writes)])
    assert writes_digest(sha256, SUITE, writes) == sha256(preimage(Tag.WRITES, SUITE, listed))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tx_id", b"short"),
        ("outcome", "fine"),
        ("code", b""),
        ("gas_used", -1),
        ("gas_limit", True),
        ("result", None),
        ("events", ()),
        ("events", [("c", "N")]),
        ("events", [["c", "N", b""]]),
        ("events", [("c", "N", "text")]),
        ("writes_digest", bytes(31)),
        ("extra", 1),
    ],
)
def test_bytes_that_are_no_receipt_are_refused(field, value):
    fields = values.decode(encode_receipt(RECEIPT))
    with pytest.raises(ValueError):
        decode_receipt(values.encode(fields | {field: value}))
    for cut in (values.encode([]), b"", encode_receipt(RECEIPT)[:-1]):
        with pytest.raises(ValueError):
            decode_receipt(cut)


def test_fields_of_a_receipt_in_another_order_are_refused():
    fields = values.decode(encode_receipt(RECEIPT))
    with pytest.raises(ValueError):
        decode_receipt(values.encode(dict(reversed(fields.items()))))


def test_the_digest_of_writes_depends_on_what_was_written_and_not_on_the_order():
    one = writes_digest(sha256, SUITE, {b"b": b"2", b"a": None})
    assert one == writes_digest(sha256, SUITE, {b"a": None, b"b": b"2"})
    listed = values.encode([(b"a", None), (b"b", b"2")])
    assert one == sha256(preimage(Tag.WRITES, SUITE, listed))
    others = [{b"b": b"2", b"a": b""}, {b"b": b"2"}, {}, {b"a": b"2", b"b": None}]
    assert len({writes_digest(sha256, SUITE, w) for w in others} | {one}) == 5


def test_an_events_id_names_its_place():
    stored = StoredEvent(7, 2, 1, bytes(32), EventRecord("c", "N", b""))
    assert stored.id == "7/2/1"


def test_every_storage_error_has_a_cause_and_a_next_step_in_both_languages():
    found = [entry for code, entry in CATALOGUE.items() if code.startswith("CITY-5")]
    assert len(found) >= 12
    for entry in found:
        texts = (entry.message, entry.why, entry.do)
        assert all(len(t) > 10 for t in (*texts, entry.message_zh, entry.why_zh, entry.do_zh))
