"""Snapshots: two stores write the same bytes, what is loaded is the same state, and nothing false is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import Hash
from consensus.header import leaves_root
from node.ledger import loading
from node.ledger.loading import load_state
from node.ledger.records import StateRoots
from node.ledger.snapshot import (
    BadSnapshot,
    first_receipts,
    in_order,
    parts,
    read_part,
    records,
)
from node.ledger.state import HeightNotHeld, StateStore
from node.ledger.store import MemoryStore
from node.model import SnapshotIndex
from tests.unit.node.network import SUITE

WINDOW = 2
Blocks = list[dict[bytes, bytes | None]]


def grown(blocks: Blocks) -> StateStore:
    """A state after these blocks, each with a receipt, and a request id in every second one."""
    state = StateStore(MemoryStore(), SUITE.hash, SUITE.id, WINDOW)
    state.apply_block(0, {}, ())
    for height, writes in enumerate(blocks, 1):
        requests = [(bytes(32), f"r{height}", Hash(bytes(31) + bytes((height,))))]
        state.apply_block(height, writes, [b"receipt %d" % height], (), requests[height % 2 :])
    return state


def index_of(state: StateStore, held: list[bytes]) -> SnapshotIndex:
    height = state.applied_height
    assert height is not None
    roots = state.roots(height)
    assert roots is not None
    count = len(list(state.scan_all(b"")))
    hashes = tuple(Hash(SUITE.hash(part)) for part in held)
    nothing = Hash(bytes(32))
    return SnapshotIndex(
        1,
        nothing,
        SUITE.id,
        height,
        nothing,
        roots.state_root,
        first_receipts(height),
        count,
        hashes,
    )


def taken(state: StateStore) -> tuple[SnapshotIndex, list[bytes], dict[int, StateRoots]]:
    height = state.applied_height
    assert height is not None
    with state.view() as view:
        held = list(parts(records(view, height)))
    roots = {h: state.roots(h) for h in range(first_receipts(height), height + 1)}
    return index_of(state, held), held, roots  # type: ignore[return-value]


def loaded(index: SnapshotIndex, held: Iterable[bytes], roots: dict[int, StateRoots]) -> StateStore:
    store = MemoryStore()
    found = (record for part in held for record in read_part(part))
    load_state(store, index, found, roots, SUITE.hash, WINDOW)
    return StateStore(store, SUITE.hash, SUITE.id, WINDOW)


HISTORIES = st.lists(
    st.dictionaries(
        st.binary(min_size=1, max_size=3), st.one_of(st.none(), st.binary(max_size=8)), max_size=8
    ),
    min_size=1,
    max_size=6,
)


@given(HISTORIES, st.integers(1, 5))
def test_what_is_loaded_is_the_same_state_and_goes_on_the_same_way(
    blocks: Blocks, per_batch: int
) -> None:
    state = grown(blocks)
    index, held, roots = taken(state)
    assert taken(grown(blocks)) == (index, held, roots)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "VALUES_PER_BATCH", per_batch)
        copy = loaded(index, held, roots)
    assert copy.applied_height == state.applied_height == copy.base
    assert list(copy.scan_all(b"")) == list(state.scan_all(b""))
    assert list(copy.requests()) == list(state.requests())
    assert copy.verify() == state.verify()
    for height in range(index.height + 1, index.height + 30):
        writes = {b"k": b"%d" % height, b"x%d" % (height % 3): None if height % 2 else b"v"}
        assert copy.apply_block(height, writes, ()) == state.apply_block(height, writes, ())
    assert copy.verify() == state.verify()
    for key in (b"k", b"x1", b"absent"):
        assert copy.prove(key) == state.prove(key)


def test_heights_below_the_snapshot_are_refused_and_not_answered_wrongly() -> None:
    state = grown([{b"a": b"1"}, {b"a": b"2"}, {b"b": b"3"}])
    copy = loaded(*taken(state))
    assert copy.get(b"a", as_of=3) == b"2"
    for height in (0, 1, 2):
        with pytest.raises(HeightNotHeld):
            copy.prove(b"a", height)
        with pytest.raises(HeightNotHeld):
            copy.get(b"a", as_of=height)


@pytest.fixture(scope="module")
def whole() -> tuple[SnapshotIndex, bytes, dict[int, StateRoots]]:
    index, held, roots = taken(grown([{b"a": b"1", b"b": b"2"}, {b"c": b"3"}]))
    (part,) = held
    return index, part, roots


def test_every_single_bit_of_values_and_receipts_counts(
    whole: tuple[SnapshotIndex, bytes, dict[int, StateRoots]],
) -> None:
    """The hashes of the parts would find any flip; they are passed over here, and the roots find it. Request
    ids alone rest on the index."""
    index, part, roots = whole
    loaded(index, [part], roots)
    requests = [
        (at, at + len(record))
        for record in (b"q" + bytes((0, 0, 0, 34)) + bytes(32) + b"r2",)
        if (at := part.find(record)) >= 0
    ]
    assert requests
    skipped = range(requests[0][0], requests[0][1] + 4 + 40)
    for bit in range(8 * len(part)):
        if bit // 8 in skipped:
            continue
        spoilt = bytearray(part)
        spoilt[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(ValueError):
            loaded(index, [bytes(spoilt)], roots)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_part_that_was_cut_is_none(
    whole: tuple[SnapshotIndex, bytes, dict[int, StateRoots]], cut: int
) -> None:
    index, part, roots = whole
    with pytest.raises(BadSnapshot):
        loaded(index, [part[:-cut]], roots)


def test_an_index_that_names_another_number_of_values_is_refused(
    whole: tuple[SnapshotIndex, bytes, dict[int, StateRoots]],
) -> None:
    index, part, roots = whole
    for wrong in (index.values - 1, index.values + 1):
        with pytest.raises(BadSnapshot):
            loaded(replace(index, values=wrong), [part], roots)


def test_missing_receipts_are_noticed() -> None:
    index, held, roots = taken(grown([{b"a": b"1"}, {}, {}]))
    found = [record for part in held for record in read_part(part) if record[0] != b"r"]
    with pytest.raises(BadSnapshot, match="receipts of block 1"):
        load_state(MemoryStore(), index, found, roots, SUITE.hash, WINDOW)
    assert leaves_root(SUITE.hash, []) != roots[1].receipts_root


def test_a_key_that_stands_twice_or_too_early_is_refused() -> None:
    one, two = (b"s", b"a", b"1"), (b"s", b"b", b"2")
    assert list(in_order([one, two])) == [one, two]
    for wrong in ([two, one], [one, one], [(b"q", b"a", b""), one]):
        with pytest.raises(BadSnapshot):
            list(in_order(wrong))


@given(st.binary(max_size=60))
def test_any_bytes_are_records_or_refused(data: bytes) -> None:
    try:
        found = list(read_part(data))
    except BadSnapshot:
        return
    assert b"".join(parts(found)) == data


def test_parts_are_cut_at_whole_records() -> None:
    found = [(b"s", b"%06d" % i, bytes(1000)) for i in range(3000)]
    held = list(parts(found))
    assert len(held) > 2
    assert [record for part in held for record in read_part(part)] == found
