"""Parties and declarations from CSV and JSON: strict forms, real identifiers, codes for everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.documents import parse_declarations, parse_parties
from node.documents.customs import COLUMNS as DECLARATION
from node.documents.parties import COLUMNS as PARTY
from node.errors import CityError
from node.identity.suite import get_suite

DEMO = Path(__file__).parents[3] / "deploy" / "demo"
SUITE = get_suite("sm")
CSV = (DEMO / "parties.csv").read_bytes()
JSON = (DEMO / "customs" / "declaration.json").read_bytes()


def party_code(data: bytes, media: str = "csv") -> str:
    with pytest.raises(CityError) as caught:
        parse_parties(data, media)
    return caught.value.code


def declaration_code(data: bytes, media: str = "json") -> str:
    with pytest.raises(CityError) as caught:
        parse_declarations(data, media, SUITE)
    return caught.value.code


def record(**changes: Any) -> bytes:
    found = json.loads(JSON)[0]
    return json.dumps([{**found, **changes}]).encode()


def test_the_cast_of_the_story_is_read() -> None:
    parties = parse_parties(CSV, "csv")
    assert [p.party_id for p in parties] == [
        "PX",
        "HB",
        "LG",
        "HL",
        "XY",
        "QB",
        "NB",
        "VB",
        "PBC-SZ",
    ]
    as_json = json.dumps([{c: getattr(p, c) for c in PARTY} for p in parties]).encode()
    assert parse_parties(as_json, "json") == parties


def test_the_declaration_of_the_story_is_read_from_json_and_csv() -> None:
    (found,) = parse_declarations(JSON, "json", SUITE)
    assert (found.declaration_no, found.amount_minor) == ("530120260001234567", 1_200_000_000)
    assert found.document == SUITE.hash(JSON).hex()
    row = json.loads(JSON)[0]
    table = ",".join(DECLARATION) + "\r\n" + ",".join(str(row[c]) for c in DECLARATION) + "\r\n"
    (again,) = parse_declarations(table.encode(), "csv", SUITE)
    assert again.declaration_no == found.declaration_no and again.document != found.document


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("91440300MA5DEM00A5", "91440300MA5DEM00A6", "CITY-1107"),
        ("3003DEM0HKHARBOURB66", "3003DEM0HKHARBOURB65", "CITY-1107"),
        ("91441900MA5DEMT2CC", "", "CITY-1104"),
        ("91441900MA5DEMT2CC", "91440300MA5DEMT1BW", "CITY-1102"),
        ("HL,东莞", "LG,东莞", "CITY-1102"),
        ("HL,东莞", "hl,东莞", "CITY-1105"),
        (",bank,", ",friend,", "CITY-1105"),
        (",DG,", ",XX,", "CITY-1105"),
        ("party_id,legal_name", "legal_name,party_id", "CITY-1102"),
        ("tier 2 supplier", "tier 2 supplier,more", "CITY-1102"),
        ("tier 2 supplier", 'tier "2', "CITY-1102"),
        ("东莞恒立塑胶有限公司", "x" * 1001, "CITY-1102"),
    ],
)
def test_a_wrong_party_file_is_refused(old: str, new: str, code: str) -> None:
    assert old.encode() in CSV
    changed = CSV.replace(old.encode(), new.encode())
    if code == "CITY-1102" and '"' in new:
        changed = CSV.replace(old.encode(), b'"tier" 2')
    assert party_code(changed) == code


def test_files_that_are_no_text_or_too_large_are_refused() -> None:
    assert party_code(b"\xff") == "CITY-1102"
    assert party_code(CSV + b"\x00") == "CITY-1102"
    assert party_code(b" " * (1024 * 1024 + 1)) == "CITY-1003"
    assert party_code(CSV, "xlsx") == "CITY-1103"
    assert party_code(b"") == "CITY-1102"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"declaration_no": "53012026000123456"}, "CITY-1107"),
        ({"direction": "import"}, "CITY-1105"),
        ({"declared_on": "2025-11-17"}, "CITY-1105"),
        ({"declared_on": "2026-11-31"}, "CITY-1105"),
        ({"released_on": "2026-11-16"}, "CITY-1105"),
        ({"declarant_uscc": "91440300MA5DEM00A6"}, "CITY-1107"),
        ({"counterparty_lei": "X"}, "CITY-1107"),
        ({"hs_code": "8517.13"}, "CITY-1105"),
        ({"incoterm": "FOR"}, "CITY-1105"),
        ({"port": "Shenzhen"}, "CITY-1105"),
        ({"currency": "cny"}, "CITY-1105"),
        ({"amount_minor": 0}, "CITY-1105"),
        ({"amount_minor": -1}, "CITY-1105"),
        ({"amount_minor": 2**63}, "CITY-1105"),
        ({"amount_minor": 1.5}, "CITY-1102"),
        ({"amount_minor": True}, "CITY-1105"),
        ({"amount_minor": None}, "CITY-1105"),
        ({"note": "x"}, "CITY-1102"),
        ({"invoice_no": ""}, "CITY-1104"),
    ],
)
def test_a_wrong_declaration_is_refused(change: dict[str, Any], code: str) -> None:
    assert declaration_code(record(**change)) == code


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"[1]", b"[NaN]", b"[" * 100_000, b'[{"a": 1, "a": 2}]', b"[1e3]", b"[Infinity]",
        b"[" + b"9" * 5000 + b"]", b'["\\', b"[{}] []", JSON.replace(b"}", b"}}"),
    ],
)  # fmt: skip
def test_json_that_two_readers_might_read_differently_is_refused(data: bytes) -> None:
    assert declaration_code(data) == "CITY-1102"


def test_a_missing_field_is_named() -> None:
    found = json.loads(JSON)[0]
    del found["port"]
    assert declaration_code(json.dumps([found]).encode()) == "CITY-1104"
    twice = json.dumps(json.loads(JSON) * 2).encode()
    assert declaration_code(twice) == "CITY-1102"
