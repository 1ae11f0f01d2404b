"""The state as it was after an earlier block: values and scans, against a list of dicts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import CityError
from node.ledger import past
from node.ledger.store import MemoryStore
from tests.unit.ledger.test_state import few_keys, open_state, write_sets


def apply_all(state, blocks) -> list[dict[bytes, bytes]]:
    """What the state was after each block."""
    model: dict[bytes, bytes] = {}
    found = []
    for height, writes in enumerate(blocks):
        state.apply_block(height, writes, [])
        model = {k: v for k, v in (model | writes).items() if v is not None}
        found.append(dict(model))
    return found


@given(st.lists(write_sets, min_size=1, max_size=14), few_keys, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_every_earlier_state_is_read_and_scanned_as_it_was(blocks, after, limit):
    state = open_state(MemoryStore())
    was = apply_all(state, blocks)
    for height, expected in enumerate(was):
        view = state.view_at(height)
        keys = [b"k%d" % n for n in range(14)]
        assert view.height == height
        assert view.state_get(keys) == [expected.get(key) for key in keys]
        assert list(view.scan_all(b"k")) == sorted(expected.items())
        above = [pair for pair in sorted(expected.items()) if pair[0] > after]
        assert view.state_scan(b"k", after, limit) == above[:limit]
        ones = [pair for pair in sorted(expected.items()) if pair[0].startswith(b"k1")]
        assert view.state_scan(b"k1", None, 100) == ones
        view.close()


def test_a_view_of_the_past_stays_while_blocks_are_applied():
    state = open_state(MemoryStore())
    apply_all(state, [{b"a": b"1", b"b": b"2"}, {b"a": b"3"}])
    view = state.view_at(0)
    state.apply_block(2, {b"a": None, b"b": None, b"c": b"4"}, [])
    assert list(view.scan_all(b"")) == [(b"a", b"1"), (b"b", b"2")]
    assert list(state.view_at(1).scan_all(b"")) == [(b"a", b"3"), (b"b", b"2")]
    assert list(state.view_at(2).scan_all(b"")) == [(b"c", b"4")]


@pytest.mark.parametrize("height", [2, 3, 1 << 70])
def test_a_height_that_is_not_executed_is_refused_with_those_that_are(height):
    state = open_state(MemoryStore())
    apply_all(state, [{b"a": b"1"}, {}])
    with pytest.raises(CityError, match=r"CITY-5010 .*blocks 0 to 1"):
        state.view_at(height)


def test_what_was_let_go_is_refused_and_what_stayed_is_read():
    state = open_state(MemoryStore())
    was = apply_all(state, [{b"a": bytes([n]), b"b%d" % n: b"x"} for n in range(30)])
    for _ in state.prune(10):
        pass
    with pytest.raises(CityError, match=r"CITY-5010 .*blocks 10 to 29"):
        state.view_at(9)
    for height in range(10, 30):
        assert list(state.view_at(height).scan_all(b"")) == sorted(was[height].items())


def test_a_scan_passes_over_no_more_keys_than_it_may(monkeypatch):
    monkeypatch.setattr(past, "KEYS_PASSED_MAX", 20)
    state = open_state(MemoryStore())
    apply_all(state, [{b"z": b"1"}, {b"k%d" % n: b"x" for n in range(40)}])
    view = state.view_at(0)
    assert view.state_scan(b"", None, 5) == [] and view.failure is not None
    assert view.failure.code == "CITY-5011"
    with pytest.raises(CityError, match="CITY-5011"):
        list(state.view_at(0).scan_all(b""))
    narrow = state.view_at(0)
    assert narrow.state_scan(b"z", None, 5) == [(b"z", b"1")] and narrow.failure is None
