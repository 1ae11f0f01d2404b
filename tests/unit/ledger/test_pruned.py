"""Pruning: what is kept is answered as before, what went is refused, wherever it was interrupted."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.ledger.state import HeightNotHeld, StateStore
from node.ledger.store import MemoryStore
from tests.unit.ledger.test_snapshot import Blocks
from tests.unit.node.network import SUITE

WINDOW = 1
KEYS = [b"a", b"b", b"c"]
HISTORIES = st.lists(
    st.dictionaries(st.sampled_from(KEYS), st.one_of(st.none(), st.binary(max_size=4))),
    min_size=15,
    max_size=30,
)


def grown(store: MemoryStore, blocks: Blocks) -> StateStore:
    state = StateStore(store, SUITE.hash, SUITE.id, WINDOW)
    state.apply_block(0, {}, ())
    for height, writes in enumerate(blocks, 1):
        state.apply_block(height, writes, [b"receipt %d" % height])
    return state


@given(HISTORIES, st.data())
def test_every_height_from_the_base_on_is_answered_as_before(
    blocks: Blocks, data: st.DataObject
) -> None:
    store = MemoryStore()
    state, whole = grown(store, blocks), grown(MemoryStore(), blocks)
    applied = len(blocks)
    base = data.draw(st.integers(0, applied - state.retained - 1))
    steps = data.draw(st.integers(1, 5))
    for _, _ in zip(state.prune(base), range(steps), strict=False):
        pass  # it may be interrupted between any two steps
    for opened in (state, StateStore(store, SUITE.hash, SUITE.id, WINDOW)):
        assert opened.base == base
        for height in range(base, applied + 1):
            for key in KEYS:
                assert opened.get(key, as_of=height) == whole.get(key, as_of=height)
        for height in range(base + 1, applied + 1):
            assert opened.receipts(height) == whole.receipts(height)
        for height in range(base):
            with pytest.raises(HeightNotHeld):
                opened.get(b"a", as_of=height)
        for key in KEYS:
            assert opened.prove(key) == whole.prove(key)
        for height in (base, (base + applied) // 2):
            with closing(opened.view_at(height)) as then, closing(whole.view_at(height)) as before:
                assert list(then.scan_all(b"")) == list(before.scan_all(b""))
        opened.verify()
    for height in range(applied + 1, applied + 15):
        assert state.apply_block(height, {b"a": b"%d" % height}, ()) == whole.apply_block(
            height, {b"a": b"%d" % height}, ()
        )


def test_what_is_gone_takes_no_room() -> None:
    store = MemoryStore()
    state = grown(store, [{b"a": b"%d" % n} for n in range(40)])
    before = len(list(store.iterate(b"h"))), len(list(store.iterate(b"r")))
    list(state.prune(20))
    assert before == (40, 40)
    assert (len(list(store.iterate(b"h"))), len(list(store.iterate(b"r")))) == (21, 20)
    with pytest.raises(ValueError, match="nothing to let go"):
        list(state.prune(19))
    with pytest.raises(ValueError, match="nothing to let go"):
        list(state.prune(40 - state.retained))


def test_what_was_deleted_long_ago_leaves_no_trace() -> None:
    gone = [b"gone %d" % n for n in range(50)]
    blocks: Blocks = [dict.fromkeys(gone, b"v"), dict.fromkeys(gone)]
    blocks += [{b"a": b"%d" % n} for n in range(38)]
    store = MemoryStore()
    state = grown(store, blocks)
    assert len(list(store.iterate(b"d"))) == len(gone)
    list(state.prune(20))
    assert list(store.iterate(b"d")) == []
    # The value that the base shows, and those of the blocks behind it.
    assert len(list(store.iterate(b"h"))) == 1 + len(blocks) - 20
    state.verify()


def test_a_mark_that_a_block_renews_while_marks_go_stays() -> None:
    blocks: Blocks = [{b"a": b"1", b"b": b"1"}, {b"a": None, b"b": None}]
    blocks += [{b"c": b"%d" % n} for n in range(38)]
    store = MemoryStore()
    state = grown(store, blocks)
    state.apply_block(41, {b"a": b"2"}, ())
    stale, read = [], store.iterate

    def iterate(prefix: bytes, *rest: object) -> object:
        if prefix != b"d" or stale:
            return read(prefix, *rest)
        stale.extend(read(prefix))  # read before the block that follows
        state.apply_block(42, {b"a": None}, ())
        return iter(stale)

    store.iterate = iterate  # type: ignore[method-assign, assignment]
    list(state.prune(20))
    assert [key for key, _ in read(b"d")] == [b"da"]
    with closing(state.view_at(41)) as then:
        assert dict(then.scan_all(b""))[b"a"] == b"2"
