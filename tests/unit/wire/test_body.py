"""TxBody: strict to the byte, so that no two nodes can read one signed body differently."""

from __future__ import annotations

import dataclasses
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import Hash
from node.errors import CityError
from node.wire.body import ARGS_BYTES_MAX, BODY_BYTES_MAX, TxBody, build_body, parse_body
from node.wire.stubs import TxBody as PbBody

BODY = TxBody(
    suite=1,
    channel_id=Hash(b"c" * 32),
    sender=Hash(b"s" * 32),
    contract="receivable",
    version=1,
    method="issue",
    args='{"amount":120000}',
    nonce=bytes(16),
    valid_until_height=100,
    gas_limit=1_000_000,
    request_id="invoice-1",
)


def code_of(data: bytes) -> str:
    with pytest.raises(CityError) as caught:
        parse_body(data)
    return caught.value.code


def test_a_body_survives_the_wire() -> None:
    assert parse_body(build_body(BODY)) == BODY


@given(
    st.integers(1, 2**32 - 1),
    st.integers(1, 2**64 - 1),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
)
def test_every_body_that_is_built_is_parsed_as_it_was(version: int, number: int, args: str) -> None:
    body = dataclasses.replace(BODY, version=version, gas_limit=number, args=args)
    assert parse_body(build_body(body)) == body


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        (b"\x62\x01x", "field 12 does not exist"),
        (b"\xf8\x07\x01", "field 127 does not exist"),
        (b"\x08\x01", "suite twice: the last would win on some libraries"),
        (b"\x6a\x00", "an empty unknown field"),
        (b"\x0d\x00\x00\x00\x00", "suite with another wire type"),
    ],
)
def test_a_body_with_anything_more_is_refused(extra: bytes, why: str) -> None:
    assert code_of(build_body(BODY) + extra) == "CITY-1001", why


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"\x0a", b"\x22\x02\xff\xff", b"\x0a\xff\xff\xff\xff\x0f", secrets.token_bytes(200)],
)
def test_bytes_that_are_no_body_are_refused(data: bytes) -> None:
    assert code_of(data) in ("CITY-1001", "CITY-1002")


def test_a_number_written_longer_than_needed_is_refused() -> None:
    data = build_body(BODY)
    assert data[:2] == b"\x08\x01"
    assert code_of(b"\x08\x81\x00" + data[2:]) == "CITY-1001"


def test_a_zero_written_out_is_refused() -> None:
    assert code_of(PbBody().SerializeToString() + b"\x08\x00") == "CITY-1001"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("suite", 0),
        ("suite", 3),
        ("channel_id", b"c" * 31),
        ("sender", b"s" * 33),
        ("contract", ""),
        ("contract", "receivable@1"),
        ("contract", "x" * 65),
        ("contract", "发票"),
        ("version", 0),
        ("method", "issue()"),
        ("args", ""),
        ("nonce", bytes(15)),
        ("valid_until_height", 0),
        ("gas_limit", 0),
        ("request_id", ""),
        ("request_id", "x" * 129),
        ("request_id", "a\nb"),
    ],
)
def test_a_field_of_the_wrong_form_is_named(field: str, value: object) -> None:
    message = PbBody(**{**{s: getattr(BODY, s) for s in TxBody.__slots__}, field: value})
    with pytest.raises(CityError) as caught:
        parse_body(message.SerializeToString())
    assert caught.value.code == "CITY-1002"
    assert caught.value.variables["field"] == field
    with pytest.raises(CityError):
        build_body(dataclasses.replace(BODY, **{field: value}))


def test_arguments_are_limited_in_bytes_not_characters() -> None:
    at_limit = dataclasses.replace(BODY, args="发" * (ARGS_BYTES_MAX // 3))
    assert parse_body(build_body(at_limit)) == at_limit
    with pytest.raises(CityError) as caught:
        build_body(dataclasses.replace(BODY, args="发" * (ARGS_BYTES_MAX // 3 + 1)))
    assert caught.value.code == "CITY-1003"


def test_an_oversize_body_is_refused_unread() -> None:
    assert code_of(bytes(BODY_BYTES_MAX + 1)) == "CITY-1003"


def test_a_number_out_of_range_cannot_be_built() -> None:
    with pytest.raises(CityError) as caught:
        build_body(dataclasses.replace(BODY, gas_limit=2**64))
    assert caught.value.code == "CITY-1002"
