"""contracts/runtime/keys.py: order-preserving, never colliding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.runtime.keys import (
    VAR,
    StateKeyError,
    scan_prefix,
    split_state_key,
    state_key,
)

names = st.text(alphabet="ab/\x00é", max_size=3)
texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=6)
numbers = st.integers(-(1 << 256), 1 << 256)
flat = texts | numbers | st.binary(max_size=5) | st.booleans()
keys = flat | st.lists(flat, max_size=3).map(tuple) | st.just(VAR)


@given(names, names, keys)
def test_a_key_can_be_split_again(contract, name, key):
    again = split_state_key(state_key(contract, name, key))
    assert again == (contract, name, key)
    assert type(again[2]) is type(key)


@given(*[st.tuples(names, names, keys)] * 2)
def test_no_two_keys_share_bytes(one, other):
    same = one == other and str(one) == str(other)
    assert (state_key(*one) == state_key(*other)) == same


@pytest.mark.parametrize("kind", [texts, numbers, st.binary(max_size=5), st.tuples(texts, numbers)])
def test_the_order_of_bytes_is_the_order_of_keys(kind):
    @given(kind, kind)
    def check(a, b):
        assert (a < b) == (state_key("c", "m", a) < state_key("c", "m", b))

    check()


@given(texts, texts)
def test_a_text_prefix_finds_exactly_the_keys_that_begin_with_it(prefix, key):
    found = state_key("c", "m", key).startswith(scan_prefix("c", "m", prefix))
    assert found == key.startswith(prefix)


@given(st.lists(flat, max_size=2).map(tuple), st.lists(flat, max_size=3).map(tuple))
def test_a_tuple_prefix_finds_exactly_the_keys_that_begin_with_its_items(prefix, key):
    found = state_key("c", "m", key).startswith(scan_prefix("c", "m", prefix))
    want = key[: len(prefix)] == prefix and str(key[: len(prefix)]) == str(prefix)
    assert found == want


@pytest.mark.parametrize("key", [None, 1.5, [1], {1: 1}, "x" * 1100, (((((1,),),),),)])
def test_other_keys_are_refused(key):
    with pytest.raises(StateKeyError):
        state_key("c", "m", key)


@pytest.mark.parametrize("data", [b"", b"\x0ac\x00", b"\x0ac\x00\x0am\x00\x82\x00\x01", b"\x01"])
def test_bytes_that_are_no_key_are_refused(data):
    with pytest.raises(StateKeyError):
        split_state_key(data)
