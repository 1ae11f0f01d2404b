"""contracts/runtime/values.py: one value, one encoding."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.runtime import values
from contracts.runtime.values import Record, ValueEncodingError, decode, encode, to_json

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 300), 1 << 300)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.decimals(allow_nan=False, allow_infinity=False, places=None)
)
keys = st.integers() | st.text(alphabet="abc") | st.binary(max_size=3)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.builds(Record, st.just("Invoice"), st.dictionaries(st.text("ab"), inner, max_size=3))
    ),
    max_leaves=12,
)


def same(a: object, b: object) -> bool:
    return type(a) is type(b) and encode(a) == encode(b) and str(a) == str(b)


@given(anything)
def test_a_value_read_back_is_the_value_written(value):
    data = encode(value)
    again = decode(data)
    assert same(again, value)
    assert encode(again) == data


@given(st.binary(max_size=40))
def test_bytes_that_decode_are_the_encoding_of_what_they_decode_to(data):
    try:
        value = decode(data)
    except ValueEncodingError:
        return
    assert encode(value) == data


@given(anything, st.data())
def test_a_flipped_or_cut_encoding_is_refused_or_is_another_value(value, data):
    good = encode(value)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes((good[at] ^ data.draw(st.integers(1, 255)),)) + good[at + 1 :]
    for other in (bad, good[:at], good + b"\x00"):
        with contextlib.suppress(ValueEncodingError):
            assert encode(decode(other)) == other != good


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "nothing"),
        (b"\x03\x00", "integer of no bytes"),
        (b"\x03\x02\x00\x01", "integer with a leading zero"),
        (b"\x03\x02\xff\xff", "negative integer with a leading ff"),
        (b"\x04\x81\x00a", "length not in its shortest form"),
        (b"\x04\x05a", "length past the end"),
        (b"\x04\x01\xff", "not UTF-8"),
        (b"\x06\x041.0", "cut"),
        (b"\x06\x04+1.0", "Decimal not in its own text"),
        (b"\x06\x03NaN", "not a number"),
        (b"\x09\x02\x03\x01\x01\x00\x02\x00", "equal keys of two types"),
        (b"\x09\x01\x07\x00\x00", "a list as a key"),
        (b"\x0b", "unknown tag"),
        (b"\x00\x00", "trailing bytes"),
        (b"\x07\xff\xff\xff\xff\x0f", "a count nobody can hold"),
        (b"\x07\x01" * 40 + b"\x00", "too deep"),
    ],
)
def test_other_bytes_are_refused(data, why):
    with pytest.raises(ValueEncodingError):
        decode(data)


@pytest.mark.parametrize("value", [1.5, {1, 2}, object(), Decimal("NaN"), "\ud800", [1.0], int])
def test_what_differs_between_machines_has_no_encoding(value):
    with pytest.raises(ValueEncodingError):
        encode(value)


def test_types_that_json_mixes_up_stay_apart():
    several = [1, True, "1", b"1", Decimal("1"), Decimal("1.0"), (1,), [1], {1: 1}, {"1": 1}, None]
    assert len({encode(v) for v in several}) == len(several)


def test_the_json_view_is_for_people():
    record = Record("Invoice", {"amount": Decimal("1.50"), "digest": b"\x01", "big": 1 << 60})
    assert to_json({"a": (1, record)}) == {
        "a": [1, {"amount": "1.50", "digest": "AQ==", "big": str(1 << 60)}]
    }
    assert record.amount == Decimal("1.50")
    with pytest.raises(AttributeError):
        _ = record.missing


def test_limits_are_the_caller_s():
    with pytest.raises(ValueEncodingError):
        encode([[[1]]], depth_max=2)
    with pytest.raises(ValueEncodingError):
        decode(encode("long text"), bytes_max=4)
    assert values.INT_BYTES_MAX * 8 > 256
