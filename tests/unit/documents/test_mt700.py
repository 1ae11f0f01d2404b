"""A credit in the fields of an MT 700."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.documents.mt700 import amount, mt700
from node.documents.precheck import read_case
from node.documents.precheck.case import Credit
from node.errors import CityError

LEDGER: dict[str, Any] = {
    "id": "LC-2026-HK-1", "amount_fen": 800_000_000, "tolerance_bps": 500, "expiry": "2027-01-31",
    "place": "CN", "latest_shipment": "2027-01-05", "presentation_days": 21, "method": "acceptance",
    "tenor_days": 90, "tenor_from": "shipment", "is_transferable": False,
    "is_partial_allowed": False, "terms": "ab" * 32,
    "parties": {"issuing": "VB", "applicant": "HB", "beneficiary": "PX", "advising": "QB",
                "confirming": "", "nominated": "QB", "paying": "VB", "examining": "QB"},
}  # fmt: skip
NAMES = {
    "VB": "Sample Bank HK",
    "HB": "Harbour Bright",
    "PX": "Pengxu",
    "QB": "Sample Bank A",
    "": "",
}


def terms(**changes: Any) -> Credit:
    case = json.loads((Path(__file__).parent / "presentation.json").read_text(encoding="utf-8"))
    case["credit"].update(changes)
    return read_case(json.dumps(case).encode()).credit


def shown(credit: dict[str, Any], texts: Credit | None = None) -> dict[str, str]:
    return {field.tag: field.value for field in mt700(credit, NAMES, texts)}


def test_a_credit_of_the_ledger_reads_as_an_mt_700() -> None:
    found = shown(LEDGER)
    assert {tag: found[tag] for tag in ("20", "31D", "32B", "39A", "44C", "48", "49", "57A")} == {
        "20": "LC-2026-HK-1", "31D": "270131CHINA", "32B": "CNY8000000,00", "39A": "05/05",
        "44C": "270105", "48": "021", "49": "WITHOUT", "57A": "Sample Bank A",
    }  # fmt: skip
    assert found["40A"] == "IRREVOCABLE" and found["40E"] == "EUCP LATEST VERSION"
    assert found["41A"] == "Sample Bank A BY ACCEPTANCE"
    assert (found["42C"], found["42A"]) == ("90 DAYS AFTER DATE OF SHIPMENT", "Sample Bank HK")
    assert LEDGER["terms"] in found["45A"] and "46A" not in found


def test_its_texts_come_from_a_file_of_the_same_credit_only() -> None:
    found = shown(LEDGER, terms())
    assert found["31C"] == "261211" and found["44E"] == "CNSZX" and found["43T"] == "NOT ALLOWED"
    assert found["45A"].endswith("CIF HKHKG") and "+BILL OF LADING, 1 ORIGINAL" in found["46A"]
    for change in ({"number": "LC-2"}, {"amount": 1}, {"expiry": "2027-02-28"}):
        with pytest.raises(CityError, match="CITY-1105"):
            shown(LEDGER, terms(**change))


def test_sight_deferred_confirmed_and_transferable_credits_say_so() -> None:
    sight = shown({**LEDGER, "method": "sight", "tenor_days": 0, "is_transferable": True})
    assert sight["41A"].endswith("BY PAYMENT") and not {"42C", "42A", "42P"} & set(sight)
    assert sight["40A"] == "IRREVOCABLE TRANSFERABLE"
    parts = {**LEDGER["parties"], "confirming": "QB"}
    deferred = shown({**LEDGER, "method": "deferred", "parties": parts, "tolerance_bps": 0})
    assert deferred["42P"] == "90 DAYS AFTER DATE OF SHIPMENT" and deferred["49"] == "CONFIRM"
    assert "39A" not in deferred


def test_amounts_have_their_currencys_decimals_and_a_comma() -> None:
    assert [amount(5, "CNY"), amount(5, "JPY"), amount(1_234_567, "KWD")] == [
        "CNY0,05", "JPY5,", "KWD1234,567",
    ]  # fmt: skip
