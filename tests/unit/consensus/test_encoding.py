from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import EncodingError, Hash, Sig, decode, encode


@dataclass(frozen=True, slots=True)
class Inner:
    number: int
    digest: Hash


@dataclass(frozen=True, slots=True)
class Outer:
    number: int
    flag: bool
    data: bytes
    text: str
    digest: Hash
    signature: Sig
    inner: Inner
    maybe: Inner | None
    several: tuple[Inner, ...]
    ids: tuple[Hash, ...]


hashes = st.binary(min_size=32, max_size=32).map(Hash)
numbers = st.integers(0, 2**64 - 1)
inners = st.builds(Inner, numbers, hashes)
outers = st.builds(
    Outer,
    numbers,
    st.booleans(),
    st.binary(max_size=40),
    st.text(max_size=20),
    hashes,
    st.binary(min_size=64, max_size=64).map(Sig),
    inners,
    st.none() | inners,
    st.lists(inners, max_size=3).map(tuple),
    st.lists(hashes, max_size=3).map(tuple),
)


@given(outers)
def test_what_was_encoded_decodes_to_itself(value: Outer) -> None:
    assert decode(Outer, encode(value)) == value


@given(outers, st.data())
def test_a_changed_encoding_is_refused_or_another_value_with_that_very_encoding(
    value: Outer, data: st.DataObject
) -> None:
    encoded = bytearray(encode(value))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode(Outer, bytes(encoded))
    except EncodingError:
        return
    assert decoded != value
    assert encode(decoded) == bytes(encoded)


@given(outers, st.data())
def test_a_cut_or_lengthened_encoding_is_refused(value: Outer, data: st.DataObject) -> None:
    encoded = encode(value)
    with pytest.raises(EncodingError):
        decode(Outer, encoded[: data.draw(st.integers(0, len(encoded) - 1))])
    with pytest.raises(EncodingError):
        decode(Outer, encoded + data.draw(st.binary(min_size=1, max_size=4)))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise_anything_but_an_encoding_error(data: bytes) -> None:
    with contextlib.suppress(EncodingError):
        decode(Outer, data)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Inner(-1, Hash(bytes(32))), "negative"),
        (Inner(2**64, Hash(bytes(32))), "too large"),
        (Inner(True, Hash(bytes(32))), "a truth value is no integer"),
        (Inner(1, Hash(bytes(31))), "a hash has 32 bytes"),
        (Inner(1, bytearray(32)), "not bytes"),  # type: ignore[arg-type]
    ],
)
def test_a_field_out_of_range_is_never_written(value: Inner, why: str) -> None:
    with pytest.raises(EncodingError):
        encode(value)
        pytest.fail(why)


@dataclass(frozen=True, slots=True)
class Flag:
    flag: bool


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Ids:
    ids: tuple[Hash, ...]


@pytest.mark.parametrize(
    ("cls", "data", "why"),
    [
        (Flag, b"\0\0\0\1\2", "a truth value other than 00 and 01"),
        (Text, b"\0\0\0\1\xff", "not UTF-8"),
        (Text, b"\0\0\0\3\xed\xa0\x80", "a lone surrogate"),
        (Ids, b"\0\0\0\4\xff\xff\xff\xff", "a count that cannot fit is refused unread"),
        (Ids, b"\0\0\0\5\0\0\0\0\0", "bytes behind an empty list"),
        (Ids, b"\0\0\0\3\0\0\0", "a list without its count"),
    ],
)
def test_a_second_form_of_a_value_is_refused(cls: type, data: bytes, why: str) -> None:
    with pytest.raises(EncodingError):
        decode(cls, data)
        pytest.fail(why)
