"""Values and state keys against the tables of the pages."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.structures import Invalid
from tests.oracle.values import Record, decode_key, decode_value
from tests.unit.oracle_checker.forge import encode_value

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(st.text(), inner).map(lambda d: Record("Row", tuple(d.items())))
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("00", None),
        ("01", False),
        ("02", True),
        ("030100", 0),
        ("03017f", 127),
        ("03020080", 128),
        ("0301ff", -1),
        ("030180", -128),
        ("0302ff7f", -129),
        ("0402" + "c3a9", "é"),
        ("050100", b"\x00"),
        ("0604" + b"1.50".hex(), Decimal("1.50")),
        ("0702" + "0002", [None, True]),
        ("0801" + "030105", (5,)),
        ("0902" + "040162" + "030101" + "040161" + "030102", {"b": 1, "a": 2}),
        ("0a" + "0152" + "01" + "0161" + "00", Record("R", (("a", None),))),
    ],
)
def test_a_value_of_the_table_reads_as_the_table_says(data, value):
    read = decode_value(bytes.fromhex(data))
    assert (type(read), str(read)) == (type(value), str(value))
    assert encode_value(value).hex() == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "end too early"),
        ("0b", "tag 0b is unknown"),
        ("ff", "tag ff is unknown"),
        ("0000", "left over"),
        ("0300", "an integer without bytes"),
        ("03020001", "shortest form"),
        ("0302ff80", "shortest form"),
        ("03810000", "shortest form"),
        ("0402c328", "not UTF-8"),
        ("0405", "end too early"),
        ("06034e614e", "not a Decimal's own text"),
        ("0608496e66696e697479", "not a Decimal's own text"),
        ("06022b31", "not a Decimal's own text"),
        ("0600", "no number"),
        ("07ffffffff0f", "more items than bytes"),
        ("07ffffffffffffffffffffff0f", "too many bytes"),
        ("0902040161000401610" + "0", "a key stands twice"),
        ("09010700" + "00", "a list or dict is the key"),
        ("0a01520201610001610" + "0", "a field stands twice"),
        ("0701" * 300 + "00", "nested too deep"),
    ],
)
def test_what_the_table_would_not_write_is_refused_with_its_reason(data, reason):
    with pytest.raises(Invalid, match=reason):
        decode_value(bytes.fromhex(data))


@given(VALUES)
def test_every_value_comes_back_with_its_types_and_order(value):
    data = encode_value(value)
    read = decode_value(data)
    assert repr(read) == repr(value)
    assert encode_value(read) == data


@given(st.binary(max_size=64))
def test_any_bytes_are_the_one_encoding_of_a_value_or_are_refused(data):
    try:
        value = decode_value(data)
    except Invalid:
        return
    assert encode_value(value) == data


NAMES = b"\x0areceivable\x00\x0aitems\x00"


@pytest.mark.parametrize(
    ("item", "key"),
    [
        ("01", None),
        ("02", False),
        ("03", True),
        ("08" + "00ff" + "ff" + "00", b"\x00\xff"),
        ("0a" + "522d31" + "00", "R-1"),
        ("80", 0),
        ("8101", 1),
        ("820100", 256),
        ("7ffe", -1),
        ("7efeff", -256),
        ("0c" + "8105" + "0a6100" + "00", (5, "a")),
        ("0c" + "0c00" + "00", ((),)),
    ],
)
def test_a_state_key_of_the_table_reads_as_the_table_says(item, key):
    assert decode_key(NAMES + bytes.fromhex(item)) == ("receivable", "items", key)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (NAMES, "end too early"),
        (NAMES + b"\x01\x01", "left over"),
        (NAMES + b"\x00", "tag 00 is unknown"),
        (NAMES + b"\xc1" + bytes(65), "tag c1 is unknown"),
        (NAMES + b"\x81\x00", "shortest form"),
        (NAMES + b"\x7f\xff", "shortest form"),
        (NAMES + b"\x08abc", "end too early"),
        (NAMES + b"\x0a\xff\x00", "not UTF-8"),
        (NAMES + b"\x0c\x81", "end too early"),
        (NAMES + b"\x0c" * 300, "nested too deep"),
        (b"\x80\x80\x80", "its names are no text"),
    ],
)
def test_what_is_no_state_key_is_refused_with_its_reason(data, reason):
    with pytest.raises(Invalid, match=reason):
        decode_key(data)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_state_key_or_are_refused(data):
    try:
        decode_key(data)
    except Invalid:
        return
