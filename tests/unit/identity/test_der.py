"""Strict DER at the borders: one encoding a signature, everything else refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.identity.curve import P256, SM2
from node.identity.der import der_to_raw, raw_to_der
from node.identity.errors import BadSignatureEncoding


def integer(body):
    return b"\x02" + bytes((len(body),)) + body


def sequence(body):
    return b"\x30" + bytes((len(body),)) + body


ONE, BIG = integer(b"\1"), integer(b"\0" + b"\xf0" + b"\x11" * 31)
GOOD = sequence(ONE + BIG)

BAD = [
    ("empty", b""),
    ("trailing byte", GOOD + b"\0"),
    ("trailing byte inside", sequence(ONE + BIG + b"\0")),
    ("third integer", sequence(ONE + BIG + ONE)),
    ("one integer", sequence(ONE)),
    ("truncated", GOOD[:-1]),
    ("long-form length", b"\x30\x81" + GOOD[1:]),
    ("indefinite length", b"\x30\x80" + GOOD[2:] + b"\0\0"),
    ("long-form integer length", sequence(b"\x02\x81\x01\x01" + BIG)),
    ("not minimal", sequence(integer(b"\0\1") + BIG)),
    ("two leading zeros", sequence(integer(b"\0\0\xff") + BIG)),
    ("negative", sequence(integer(b"\xff") + BIG)),
    ("empty integer", sequence(b"\x02\x00" + BIG)),
    ("zero r", sequence(integer(b"\0") + BIG)),
    ("zero s", sequence(BIG + integer(b"\0"))),
    ("r = n", sequence(integer(b"\0" + SM2.n.to_bytes(32)) + ONE)),
    ("s = n", sequence(ONE + integer(b"\0" + SM2.n.to_bytes(32)))),
    ("33 bytes of value", sequence(integer(b"\1" + b"\0" * 32) + ONE)),
    ("a set", b"\x31" + GOOD[1:]),
    ("octet strings", sequence(b"\x04\x01\x01" + BIG)),
    ("an enumerated", sequence(b"\x0a\x01\x01" + BIG)),
]


def test_a_good_encoding_is_read():
    assert der_to_raw(GOOD) == bytes(31) + b"\1" + b"\xf0" + b"\x11" * 31


@pytest.mark.parametrize(("why", "encoded"), BAD, ids=[why for why, _ in BAD])
def test_any_other_encoding_is_refused(why, encoded):
    with pytest.raises(BadSignatureEncoding) as caught:
        der_to_raw(encoded)
    assert caught.value.code == "CITY-2004"


@given(r=st.integers(1, SM2.n - 1), s=st.integers(1, SM2.n - 1))
def test_raw_and_der_are_each_others_inverse(r, s):
    raw = r.to_bytes(32) + s.to_bytes(32)
    assert der_to_raw(raw_to_der(raw)) == raw


@given(st.binary(max_size=80))
def test_whatever_is_accepted_is_the_only_encoding_of_its_value(data):
    try:
        raw = der_to_raw(data)
    except BadSignatureEncoding:
        return
    assert raw_to_der(raw) == data


@given(st.integers(0, 600), st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1), st.booleans())
def test_a_changed_bit_is_refused_or_is_another_signature(position, r, s, grow):
    raw = (r % (SM2.n - 1) + 1).to_bytes(32) + (s % (SM2.n - 1) + 1).to_bytes(32)
    good = raw_to_der(raw)
    changed = bytearray(good + b"\0" if grow else good)
    changed[position // 8 % len(changed)] ^= 1 << position % 8
    with contextlib.suppress(BadSignatureEncoding):
        assert der_to_raw(bytes(changed)) != raw


def test_each_suite_has_its_own_range():
    raw = SM2.n.to_bytes(32) + b"\1".rjust(32, b"\0")
    assert SM2.n < P256.n
    assert der_to_raw(raw_to_der(raw, 2), 2) == raw
    for bad in (lambda: raw_to_der(raw, 1), lambda: der_to_raw(raw_to_der(raw, 2), 1)):
        with pytest.raises(BadSignatureEncoding):
            bad()


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_only_64_bytes_are_written(length):
    with pytest.raises(BadSignatureEncoding):
        raw_to_der(b"\1" * length)
