"""Real UBL files are read to the minor unit; hostile or wrong ones are refused with their code."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.documents import Invoice, invoice_fingerprint, parse_invoice
from node.documents.fingerprint import fingerprint
from node.documents.ubl import SIZE_MAX
from node.errors import CityError
from node.identity.suite import get_suite

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "deploy" / "demo"
SHARED = ROOT.parent / "shared" / "data" / "invoices"
SUITE = get_suite("sm")
EXPORT = (DEMO / "invoices" / "1-export.xml").read_bytes()
KEY = bytes(range(32))

# file → kind, currency, net, tax, gross, payable, lines
PUBLISHED = {
    "Allowance-example.xml": ("invoice", "EUR", 590000, 122500, 712500, 612500, 3),
    "Norwegian-example-1.xml": ("invoice", "NOK", 143650, 36528, 180178, 80200, 5),
    "Vat-category-S.xml": ("invoice", "EUR", 700000, 155000, 855000, 855000, 3),
    "base-creditnote-correction.xml": ("credit-note", "EUR", 132500, 33125, 165625, 165625, 2),
    "base-example.xml": ("invoice", "EUR", 132500, 33125, 165625, 165625, 2),
    "base-negative-inv-correction.xml": ("invoice", "EUR", -132500, -33125, -165625, -165625, 2),
    "sales-order-example.xml": ("invoice", "EUR", 132500, 33125, 165625, 165625, 2),
    "vat-category-E.xml": ("invoice", "GBP", 120000, 0, 120000, 120000, 1),
    "vat-category-O.xml": ("invoice", "SEK", 320000, 0, 320000, 320000, 1),
    "vat-category-Z.xml": ("invoice", "GBP", 120000, 0, 120000, 120000, 1),
}


def read(data: bytes) -> Invoice:
    return parse_invoice(data, SUITE)


def refusal(data: bytes) -> CityError:
    with pytest.raises(CityError) as caught:
        read(data)
    return caught.value


def changed(old: str, new: str, count: int = -1) -> bytes:
    assert old.encode() in EXPORT, old
    return EXPORT.replace(old.encode(), new.encode(), count)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not here: published files not read")
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_invoices_are_read_to_the_minor_unit(name: str) -> None:
    data = (SHARED / name).read_bytes()
    found = read(data)
    assert (found.kind, found.currency, found.net, found.tax, found.gross, found.payable,
            len(found.lines)) == PUBLISHED[name]  # fmt: skip
    assert found.document == SUITE.hash(data).hex() and found.size == len(data)
    assert sum(line.net for line in found.lines) != 0 and found.seller.name and found.buyer.name


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not here: published files not read")
def test_every_published_file_is_known_to_this_test() -> None:
    assert {path.name for path in SHARED.glob("*.xml")} >= set(PUBLISHED)
    for path in SHARED.glob("*.xml"):
        assert read(path.read_bytes()).number


def test_the_demo_invoices_carry_the_figures_of_the_story() -> None:
    amounts = {
        path.name: (found.number, found.gross, found.issued_on, found.currency)
        for path in sorted((DEMO / "invoices").glob("*.xml"))
        for found in [read(path.read_bytes())]
    }
    assert amounts["1-export.xml"] == ("26442000000123456789", 1_200_000_000, "2026-11-16", "CNY")
    assert amounts["2-moulds.xml"][1] == 600_000_000
    assert amounts["3-plastics.xml"][1] == 200_000_000
    assert amounts["4-resin.xml"][1] == 50_000_000
    export = read(EXPORT)
    assert export.seller.identifier == "91440300MA5DEM00A5"
    assert (export.buyer.identifier, export.buyer.country) == ("3003DEM0HKHARBOURB66", "HK")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("totals-disagree.xml", "CITY-1106"),
        ("external-entity.xml", "CITY-1101"),
        ("wrong-check-digit.xml", "CITY-1107"),
    ],
)
def test_the_demo_files_to_refuse_are_refused(name: str, code: str) -> None:
    assert refusal((DEMO / "refused" / name).read_bytes()).code == code


def bomb(levels: int) -> bytes:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(levels))
    return (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "lol">{entities}]><x>&e{levels};</x>'
    ).encode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bomb(9), "CITY-1101"),
        (b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><x/>', "CITY-1101"),
        (b"<!doctype x><x/>", "CITY-1101"),
        (b'<?xml version="1.0" encoding="UTF-7"?><x/>', "CITY-1101"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><x/>', "CITY-1101"),
        ('<?xml version="1.0" encoding="UTF-16"?><x/>'.encode("utf-16"), "CITY-1102"),
        (b"", "CITY-1102"),
        (b"not xml", "CITY-1102"),
        (b"<x>", "CITY-1102"),
        (b"\xff\xfe<x/>", "CITY-1102"),
        (b"<x>\x00</x>", "CITY-1102"),
        (b"<x>&undeclared;</x>", "CITY-1102"),
        (b"<x>" * 5000 + b"</x>" * 5000, "CITY-1102"),
        (b"<x>" + b" " * SIZE_MAX + b"</x>", "CITY-1003"),
        (b"<Invoice/>", "CITY-1103"),
        (b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>', "CITY-1103"),
        (EXPORT[:-30], "CITY-1102"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_before_anything_in_them_counts(data: bytes, code: str) -> None:
    assert refusal(data).code == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("xsd:Invoice-2", "xsd:Invoice-1", "CITY-1103"),
        ("xsd:CommonBasicComponents-2", "xsd:CommonBasicComponents-1", "CITY-1104"),
        ("<cbc:ID>26442000000123456789</cbc:ID>", "", "CITY-1104"),
        ("<cbc:ID>26442000000123456789</cbc:ID>", "<cbc:ID> </cbc:ID>", "CITY-1104"),
        ("<cbc:IssueDate>2026-11-16</cbc:IssueDate>", "", "CITY-1104"),
        ("2026-11-16", "2026-11-31", "CITY-1105"),
        ("2026-11-16", "16.11.2026", "CITY-1105"),
        (">CNY<", ">cny<", "CITY-1105"),
        ("CNY", "CNX", "CITY-1105"),  # of three letters, and no currency
        ('currencyID="CNY"', 'currencyID="USD"', "CITY-1105"),
        (">12000000.00</cbc:PayableAmount>", ">12000000.01</cbc:PayableAmount>", "CITY-1106"),
        (">12000000.00</cbc:TaxInclusive", ">11999999.99</cbc:TaxInclusive", "CITY-1106"),
        (">12000000.00</cbc:TaxExclusive", ">1.00</cbc:TaxExclusive", "CITY-1106"),
        (">9000000.00<", ">9000001.00<", "CITY-1106"),
        (">1200.00<", ">1200.01<", "CITY-1106"),
        (">7500<", ">7501<", "CITY-1106"),
        (">12000000.00</cbc:Payable", ">1.2e7</cbc:Payable", "CITY-1105"),
        (">12000000.00</cbc:Payable", ">12,000,000.00</cbc:Payable", "CITY-1105"),
        (">12000000.00</cbc:Payable", ">12000000.001</cbc:Payable", "CITY-1105"),
        (">12000000.00</cbc:Payable", ">１２０００</cbc:Payable", "CITY-1105"),
        (">12000000.00</cbc:Payable", ">NaN</cbc:Payable", "CITY-1105"),
        (">12000000.00</cbc:Payable", "></cbc:Payable", "CITY-1105"),
        (">12000000.00</cbc:Payable", ">99999999999999999999</cbc:Payable", "CITY-1105"),
        ("91440300MA5DEM00A5", "91440300MA5DEM00A6", "CITY-1107"),
        ("91440300MA5DEM00A5", "", "CITY-1107"),
        ("3003DEM0HKHARBOURB66", "3003DEM0HKHARBOURB67", "CITY-1107"),
        ("<cbc:DueDate>2027-02-16</cbc:DueDate>",
         "<cbc:DueDate>2027-02-16</cbc:DueDate><cbc:DueDate>2027-02-16</cbc:DueDate>", "CITY-1102"),
        ("<cbc:DueDate>2027-02-16</cbc:DueDate>",
         "<cbc:DueDate><cbc:ID>2027-02-16</cbc:ID></cbc:DueDate>", "CITY-1102"),
        ("<cbc:RegistrationName>", "<cbc:RegistrationName>\u202e", "CITY-1105"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_and_named(old: str, new: str, code: str) -> None:
    error = refusal(changed(old, new))
    assert error.code == code, error.message
    assert error.message and error.why and error.do


@pytest.mark.parametrize(
    ("old", "new", "code", "why"),
    [
        ("<cbc:ID>G</cbc:ID>", "<cbc:ID>X</cbc:ID>", "CITY-1105", "one of S, Z"),
        ("<cbc:Percent>0</cbc:Percent>", "<cbc:Percent>13</cbc:Percent>", "CITY-1106", "BR-CO-17"),
        ("<cbc:Percent>0</cbc:Percent>", "<cbc:Percent>-1</cbc:Percent>", "CITY-1106", "BR-CO-17"),
        ("<cbc:ID>G</cbc:ID>", "<cbc:ID>S</cbc:ID>", "CITY-1105", "BR-S-05"),
    ],
)
def test_a_tax_category_that_does_not_fit_is_refused(
    old: str, new: str, code: str, why: str
) -> None:
    error = refusal(changed(old, new))
    assert error.code == code and why in error.message + error.why, (error.message, error.why)


def test_a_line_in_another_category_than_its_subtotal_is_refused_by_rule() -> None:
    place = EXPORT.rindex(b"<cbc:ID>G</cbc:ID>")
    wrong = EXPORT[:place] + b"<cbc:ID>Z</cbc:ID>" + EXPORT[place + 18 :]
    error = refusal(wrong)
    assert error.code == "CITY-1106" and "BR-G-08" in error.message + error.why


def test_tax_in_a_category_without_tax_is_refused_by_rule() -> None:
    taxed = EXPORT.replace(b">0.00</cbc:TaxAmount>", b">0.50</cbc:TaxAmount>").replace(
        b">12000000.00</cbc:TaxInclusive", b">12000000.50</cbc:TaxInclusive"
    ).replace(b">12000000.00</cbc:Payable", b">12000000.50</cbc:Payable")  # fmt: skip
    error = refusal(taxed)
    assert error.code == "CITY-1106" and "BR-G-09" in error.message + error.why


def test_plain_ubl_without_categories_on_its_lines_is_read() -> None:
    start = EXPORT.index(b"<cac:ClassifiedTaxCategory>")
    end = EXPORT.index(b"</cac:ClassifiedTaxCategory>") + len(b"</cac:ClassifiedTaxCategory>")
    assert read(EXPORT[:start] + EXPORT[end:]).gross == 1_200_000_000


def test_a_comment_or_white_space_changes_the_hash_and_not_the_figures() -> None:
    plain, commented = read(EXPORT), read(changed("<cbc:Note>", "<!-- x -->\n  <cbc:Note>"))
    assert (plain.gross, plain.number) == (commented.gross, commented.number)
    assert plain.document != commented.document
    assert invoice_fingerprint(SUITE, KEY, plain) == invoice_fingerprint(SUITE, KEY, commented)


def test_the_fingerprint_is_keyed_and_blind_to_typing_tricks() -> None:
    invoice = read(EXPORT)
    own = invoice_fingerprint(SUITE, KEY, invoice)
    typed = fingerprint(
        SUITE, KEY, seller=" 91440300ma5dem00a5", number="０2644 2O00 0001 2345 6789",
        date="2026-11-16", gross=1_200_000_000, currency="cny",
    )  # fmt: skip
    assert typed == own and len(own) == 64
    assert invoice_fingerprint(SUITE, bytes(32), invoice) != own
    with pytest.raises(ValueError):
        invoice_fingerprint(SUITE, bytes(31), invoice)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(EXPORT) - 1), st.binary(min_size=0, max_size=4), st.integers(0, 4))
def test_a_damaged_file_is_read_or_refused_with_a_code_and_never_crashes(
    at: int, insert: bytes, cut: int
) -> None:
    try:
        read(EXPORT[:at] + insert + EXPORT[at + cut :])
    except CityError as error:
        assert error.code in {"CITY-1003", *(f"CITY-110{n}" for n in range(1, 8))}
