"""The pre-check: a clean presentation passes, and each planted discrepancy is found by exactly its check."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.rules.calendar import parse_date
from node.documents.precheck import CHECKS, examine, read_case
from node.errors import CityError

CLEAN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "presentation.json").read_text(encoding="utf-8")
)
Plant = Callable[[dict[str, Any]], None]


def found_in(case: dict[str, Any]) -> list[str]:
    return [finding.check.id for finding in examine(read_case(json.dumps(case).encode()))]


def credit(**fields: Any) -> Plant:
    return lambda case: case["credit"].update(fields)


def presented(**fields: Any) -> Plant:
    return lambda case: case["presentation"].update(fields)


def paper(kind: str, /, **fields: Any) -> Plant:
    def plant(case: dict[str, Any]) -> None:
        (document,) = [d for d in case["documents"] if d["kind"] == kind]
        document.update(fields)

    return plant


def both(*plants: Plant) -> Plant:
    def plant(case: dict[str, Any]) -> None:
        for one in plants:
            one(case)

    return plant


def asked(**requirement: Any) -> Plant:
    return lambda case: case["credit"]["documents"].append(requirement)


def requires(kind: str, **fields: Any) -> Plant:
    def plant(case: dict[str, Any]) -> None:
        (requirement,) = [d for d in case["credit"]["documents"] if d["kind"] == kind]
        requirement.update(fields)

    return plant


def added(kind: str, **fields: Any) -> Plant:
    """One more document, like the one of its kind that is there."""

    def plant(case: dict[str, Any]) -> None:
        like = next((d for d in case["documents"] if d["kind"] == kind), {"kind": kind})
        case["documents"].append({**like, **fields})

    return plant


BL, INVOICE, POLICY, LIST = "bill-of-lading", "invoice", "insurance", "packing-list"
ORIGIN = "certificate-of-origin"
PLANTED: dict[str, Plant] = {
    # the presentation
    "credit-dates": credit(latest_shipment="2027-02-10"),
    "expired": both(presented(presented_on="2027-02-02"), credit(presentation_days=60)),
    "late-presentation": presented(presented_on="2027-01-27"),
    "late-shipment": credit(latest_shipment="2027-01-03"),
    "dated-later": paper(LIST, dated="2027-01-06"),
    "closed-day": presented(closed_days=["2027-01-05"]),
    "partial-drawing": presented(shipments_before=1),
    "several-vessels": added(BL, id="BL-2", vessel="STAR 7"),
    "overdrawn": presented(drawn_before=1),
    "instalment-missed": credit(instalments=[{"until": "2026-12-31", "amount": 1}]),
    "condition-without-document": credit(conditions=["the vessel is not older than 15 years"]),
    "document-missing": asked(kind="certificate"),
    "document-not-asked": added("other", id="1"),
    "originals": requires(LIST, originals=2),
    "wrong-issuer": paper("inspection", issued_by="Delta Survey"),
    "notice-of-completeness": presented(is_complete_noticed=False),
    "record-format": paper(INVOICE, format="DOCX"),
    "record-identifies-credit": paper(INVOICE, credit="LC-2026-HK-2"),
    "record-authentic": paper(BL, is_authenticated=False),
    "record-corrupted": paper(BL, is_readable=False),
    # drafts
    "draft-on-applicant": paper("draft", drawee="Harbour Bright Trading (HK) Ltd"),
    "draft-drawee": paper("draft", drawee="Sample Bank B"),
    "draft-drawer": paper("draft", issued_by="Somebody Else Ltd"),
    "draft-amount": paper("draft", amount=799_999_999, amount_in_words=799_999_999),
    "draft-words": paper("draft", amount_in_words=80_000_000),
    "draft-tenor": paper("draft", tenor_days=60, maturity="2027-03-05"),
    "draft-maturity": paper("draft", maturity="2027-04-05"),
    # invoices
    "invoice-issuer": paper(INVOICE, issued_by="Longgang Moulds"),
    "invoice-addressee": paper(INVOICE, made_out_to="Harbour Dim Trading"),
    "invoice-currency": paper(INVOICE, currency="USD"),
    "invoice-amount": paper(INVOICE, amount=799_999_999, lines=[]),
    "invoice-arithmetic": paper(
        INVOICE, lines=[{"quantity": 1000, "unit_price": 800_000, "amount": 799_999_999}]
    ),
    "invoice-goods": paper(INVOICE, goods="Smart watches, model X1 (HS 8517.13)"),
    "invoice-extra-goods": paper(INVOICE, extra_goods=["10 power banks, free of charge"]),
    "invoice-quantity": both(paper(INVOICE, quantity=1001), paper(LIST, quantity=1001)),
    "invoice-unit": paper(INVOICE, unit="PCS"),
    "invoice-unit-price": paper(INVOICE, unit_price=810_000),
    "invoice-incoterm": paper(INVOICE, incoterm="FOB CNSZX"),
    "invoice-provisional": paper(INVOICE, title="Pro-forma invoice"),
    # transport
    "transport-signature": paper(BL, signed_as=""),
    "transport-carrier": paper(BL, carrier=""),
    "on-board": paper(BL, on_board=""),
    "port-of-loading": paper(BL, loading="CNCAN"),
    "port-of-discharge": paper(BL, discharge="MOMFM"),
    "full-set": paper(BL, medium="paper", originals=2, originals_issued=3),
    "charter-party": paper(BL, is_charter_party=True),
    "transhipment": paper(BL, is_transhipped=True, containers=[]),
    "unclean": paper(BL, clauses=["three cartons torn"]),
    "on-deck": paper(BL, is_on_deck=True),
    "consignee": paper(BL, consignee="To order of Harbour Bright"),
    "endorsement": both(credit(consignee=""), paper(BL, consignee="To order")),
    "notify-party": paper(BL, notify=""),
    "freight": paper(BL, freight="collect"),
    "freight-against-term": both(credit(freight=""), paper(BL, freight="collect")),
    "container-number": paper(BL, containers=["CSQU3054384"]),
    "ship-number": paper(BL, vessel_imo="9074728"),
    # insurance
    "insurance-signature": paper(POLICY, signed_as="broker"),
    "insurance-originals": paper(POLICY, originals=1),
    "cover-note": paper(POLICY, is_cover_note=True),
    "insurance-date": paper(POLICY, effective_on="2027-01-05"),
    "insurance-currency": paper(POLICY, currency="HKD"),
    "insurance-amount": paper(POLICY, amount=879_999_999),
    "insurance-route": paper(POLICY, discharge="MOMFM"),
    "insurance-risks": paper(POLICY, risks=["ICC (A)"]),
    "insurance-endorsement": paper(POLICY, is_endorsed=False),
    # others
    "not-signed": paper(ORIGIN, is_signed=False),
    "not-dated": paper("draft", dated=""),
    "correction": paper(LIST, corrections=[{"text": "51 for 50", "is_authenticated": False}]),
    "goods-conflict": paper(LIST, goods="bicycles"),
    "issuer-country": paper(LIST, issuer_country="VN"),
    "addressee-country": paper(INVOICE, addressee_country="CN"),
    "packages": paper(LIST, packages=51),
    "gross-weight": paper(LIST, gross_kg=1001),
    "net-weight": paper(LIST, net_kg=1001),
    "shipping-marks": paper(LIST, marks="HB/1-51"),
    "vessel": paper(POLICY, vessel="STAR 7"),
    "packed-quantity": paper(LIST, quantity=999),
    "origin": paper(ORIGIN, origin="VN"),
    "origin-elsewhere": paper(INVOICE, origin="VN"),
    "origin-consignee": paper(ORIGIN, consignee="Somebody Else Ltd"),
    "inspection-date": paper("inspection", dated="2027-01-05"),
}


def test_a_clean_presentation_has_no_findings() -> None:
    assert found_in(CLEAN) == []


def test_every_check_has_a_planted_discrepancy_and_cites_an_article() -> None:
    assert [one.id for one in CHECKS] == list(dict.fromkeys(c.id for c in CHECKS))
    assert set(PLANTED) == {one.id for one in CHECKS} and len(CHECKS) >= 40
    sources = ("UCP 600 art", "eUCP 2.1 art", "ISBP 821 ", "ISO 6346", "IMO A.")
    assert all(one.article.startswith(sources) and one.title for one in CHECKS)


@pytest.mark.parametrize("id", PLANTED)
def test_a_planted_discrepancy_is_found_by_exactly_its_check(id: str) -> None:
    case = copy.deepcopy(CLEAN)
    PLANTED[id](case)
    assert set(found_in(case)) == {id}


def test_the_expiry_on_a_sunday_moves_to_monday_and_the_latest_shipment_does_not() -> None:
    case = copy.deepcopy(CLEAN)
    both(presented(presented_on="2027-02-01"), credit(presentation_days=60))(case)
    assert found_in(case) == []
    credit(latest_shipment="2027-01-03")(case)  # a Sunday too
    assert found_in(case) == ["late-shipment"]


@pytest.mark.parametrize(
    ("place", "day", "is_open"),
    [
        ("", "2027-02-08", True),
        ("CN", "2027-02-08", False),  # spring festival
        ("HK", "2027-02-09", False),
        ("CN", "2026-02-14", True),  # a Saturday worked instead
        ("HK", "2026-02-14", False),
    ],
)
def test_banks_are_open_as_their_place_has_it(place: str, day: str, is_open: bool) -> None:
    case = copy.deepcopy(CLEAN)
    presented(place=place)(case)
    assert read_case(json.dumps(case).encode()).is_banking_day(parse_date(day)) is is_open


def test_about_allows_a_tenth_and_uncounted_goods_a_twentieth() -> None:
    case = copy.deepcopy(CLEAN)
    credit(is_about=True)(case)
    presented(drawn_before=80_000_000)(case)
    assert found_in(case) == []
    presented(drawn_before=80_000_001)(case)
    assert found_in(case) == ["overdrawn"]
    case = copy.deepcopy(CLEAN)
    both(paper(INVOICE, quantity=1050), paper(LIST, quantity=1050), credit(is_counted=False))(case)
    assert found_in(case) == []
    both(paper(INVOICE, quantity=1051), paper(LIST, quantity=1051))(case)
    assert found_in(case) == ["invoice-quantity"]


def test_a_transhipped_container_is_no_discrepancy() -> None:
    case = copy.deepcopy(CLEAN)
    paper(BL, is_transhipped=True)(case)
    assert found_in(case) == []


@given(names=st.lists(st.sampled_from(sorted(PLANTED)), min_size=2, max_size=4, unique=True))
@settings(max_examples=60, deadline=None)
def test_whatever_is_planted_together_reading_never_fails(names: list[str]) -> None:
    case = copy.deepcopy(CLEAN)
    for name in names:
        PLANTED[name](case)
    for finding in examine(read_case(json.dumps(case).encode())):
        assert finding.text and finding.document and finding.to_dict()["article"]


@pytest.mark.parametrize(
    ("code", "plant"),
    [
        ("CITY-1104", lambda case: case["credit"].pop("expiry")),
        ("CITY-1104", credit(expiry="")),
        ("CITY-1104", presented(presented_on="")),
        ("CITY-1105", credit(expiry="2027-02-30")),
        ("CITY-1105", credit(amount="800000000")),
        ("CITY-1105", credit(amount=-1)),
        ("CITY-1105", credit(amount=2**63)),
        ("CITY-1105", credit(unknown=1)),
        ("CITY-1105", presented(closed_days=["Sunday"])),
        ("CITY-1105", paper(BL, kind="letter")),
        ("CITY-1105", lambda case: case.update(format="citychain-precheck/2")),
        ("CITY-1102", lambda case: case.update(documents=[case["documents"][0]] * 401)),
    ],
)
def test_a_case_that_cannot_be_read_is_refused_with_its_code(code: str, plant: Plant) -> None:
    case = copy.deepcopy(CLEAN)
    plant(case)
    with pytest.raises(CityError, match=code):
        read_case(json.dumps(case).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b'{"format": 1.5}', b'{"a": 1, "a": 2}', b"\xff"])
def test_a_file_that_is_no_case_is_refused(data: bytes) -> None:
    with pytest.raises(CityError, match="CITY-110"):
        read_case(data)
