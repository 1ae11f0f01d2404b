"""UBL 2.1 invoices and credit notes: read strictly, totals checked by the rules of EN 16931.

The file is hostile: bounded, UTF-8, no DOCTYPE, no entity, nothing fetched. Amounts become minor units of the
document's currency; credit notes keep the sign they are written with. `document` is the suite's hash of the
file's own bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree

from node.documents.amounts import decimal_text, minor_units
from node.documents.currencies import MINOR_UNITS, is_currency
from node.documents.identifiers import require_date, require_identifier, require_text
from node.documents.strict import invalid, malformed, read_text
from node.documents.totals import (
    TAX_CATEGORIES,
    Adjustment,
    Subtotal,
    TaxCategory,
    check_categories,
    check_line,
    check_totals,
)
from node.errors import CityError
from node.identity.suite import Suite

SIZE_MAX = 4 * 1024 * 1024
LINES_MAX = 10_000
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CAC, CBC = f"{_UBL}CommonAggregateComponents-2", f"{_UBL}CommonBasicComponents-2"
_PREFIXES = {"cac": CAC, "cbc": CBC}
KINDS = {  # root element → kind, element of a line, of its quantity, of the type code
    f"{{{_UBL}Invoice-2}}Invoice": (
        "invoice", "cac:InvoiceLine", "cbc:InvoicedQuantity", "cbc:InvoiceTypeCode",
    ),
    f"{{{_UBL}CreditNote-2}}CreditNote": (
        "credit-note", "cac:CreditNoteLine", "cbc:CreditedQuantity", "cbc:CreditNoteTypeCode",
    ),
}  # fmt: skip
_ENCODING = re.compile(r"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)", re.IGNORECASE)
_FORBIDDEN = re.compile(r"<!\s*(DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)
_LEI_SCHEME = "0199"  # ISO 6523 register number of the LEI


@dataclass(frozen=True, slots=True)
class InvoiceParty:
    """`identifier`: the legal registration (USCC in China), else the LEI, else the VAT number."""

    name: str
    identifier: str
    country: str


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """`net`: the line's amount in minor units after its allowances and charges."""

    number: str
    item: str
    quantity: Decimal
    net: int
    tax: TaxCategory


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice or credit note. net, tax, gross and payable are minor units of `currency`.

    gross is the amount with tax; payable is what is left after prepayments and rounding.
    """

    kind: str
    type_code: str
    number: str
    issued_on: str
    due_on: str
    currency: str
    seller: InvoiceParty
    buyer: InvoiceParty
    lines: tuple[InvoiceLine, ...]
    net: int
    tax: int
    gross: int
    payable: int
    document: str
    size: int


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",  # whatever the file claims
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        remove_comments=True,
        remove_pis=True,
    )


def _root(data: bytes) -> etree._Element:
    text = read_text(data, "an invoice", SIZE_MAX)
    if found := _FORBIDDEN.search(text):
        raise CityError("CITY-1101", reason=f"it declares a {found[1].upper()}")
    claimed = _ENCODING.match(text.lstrip())
    if claimed and claimed[1].upper() not in ("UTF-8", "US-ASCII"):
        raise CityError("CITY-1101", reason=f"it claims the encoding {claimed[1][:40]!r}")
    try:
        return etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        malformed(f"line {line} is not well-formed XML" if line else "it is not well-formed XML")


class _Node:
    """An element with a path for messages; every access checks how often a child stands there."""

    def __init__(self, element: etree._Element, path: str, currency: str = "") -> None:
        self.element, self.path, self.currency = element, path, currency

    def all(self, name: str) -> Iterator[_Node]:
        for child in self.element.findall(name, _PREFIXES):
            yield _Node(child, f"{self.path}/{name}", self.currency)

    def maybe(self, name: str) -> _Node | None:
        found = list(self.all(name))
        if len(found) > 1:
            malformed(f"{self.path}/{name} stands {len(found)} times")
        return found[0] if found else None

    def need(self, name: str) -> _Node:
        found = self.maybe(name)
        if found is None:
            raise CityError("CITY-1104", field=f"{self.path}/{name}")
        return found

    @property
    def text(self) -> str:
        if len(self.element):
            malformed(f"{self.path} holds elements where text belongs")
        # white space of any kind is one space, as XML Schema's collapse has it
        return " ".join((self.element.text or "").split())

    def text_of(self, name: str, default: str | None = None) -> str:
        found = self.need(name) if default is None else self.maybe(name)
        return (default or "") if found is None else require_text(found.path, found.text, 500)

    def amount(self) -> int:
        stated = self.element.get("currencyID")
        if stated != self.currency:
            invalid(f"{self.path}/@currencyID", stated, f"the document's currency {self.currency}")
        return minor_units(self.path, self.text, self.currency)

    def amount_of(self, name: str, default: int | None = None) -> int:
        found = self.need(name) if default is None else self.maybe(name)
        return (default or 0) if found is None else found.amount()

    def decimal_of(self, name: str, default: Decimal) -> Decimal:
        found = self.maybe(name)
        return default if found is None else decimal_text(found.path, found.text)


def _party(document: _Node, role: str) -> InvoiceParty:
    party = document.need(role).need("cac:Party")
    entity = party.need("cac:PartyLegalEntity")
    country = party.need("cac:PostalAddress").need("cac:Country").text_of("cbc:IdentificationCode")
    tax_numbers = [
        scheme.text_of("cbc:CompanyID", "") for scheme in party.all("cac:PartyTaxScheme")
    ]
    lei = ""
    for identification in party.all("cac:PartyIdentification"):
        number = identification.need("cbc:ID")
        if number.element.get("schemeID") == _LEI_SCHEME:
            lei = require_identifier("LEI", number.text)
    registration = entity.maybe("cbc:CompanyID")
    legal = registration.text if registration else ""
    if country == "CN":
        require_identifier("USCC", legal)
    if registration and registration.element.get("schemeID") == _LEI_SCHEME:
        require_identifier("LEI", legal)
    identifier = legal or lei or next((number for number in tax_numbers if number), "")
    return InvoiceParty(entity.text_of("cbc:RegistrationName"), identifier, country)


def _category(node: _Node | None) -> TaxCategory:
    """Code and rate of a tax category; both empty where none is stated."""
    if node is None:
        return TaxCategory("", None)
    code, percent = node.text_of("cbc:ID", ""), node.maybe("cbc:Percent")
    if code and code not in TAX_CATEGORIES:
        invalid(f"{node.path}/cbc:ID", code, "one of " + ", ".join(TAX_CATEGORIES))
    return TaxCategory(code, None if percent is None else decimal_text(percent.path, percent.text))


def _adjustments(parent: _Node) -> list[Adjustment]:
    """Allowances and charges of a document or a line."""
    found = []
    for entry in parent.all("cac:AllowanceCharge"):
        indicator = entry.text_of("cbc:ChargeIndicator")
        if indicator not in ("false", "true"):
            invalid(f"{entry.path}/cbc:ChargeIndicator", indicator, "true or false")
        tax = _category(next(iter(entry.all("cac:TaxCategory")), None))
        found.append(Adjustment(indicator == "true", entry.amount_of("cbc:Amount"), tax))
    return found


def _line(node: _Node, quantity_name: str) -> InvoiceLine:
    net = node.amount_of("cbc:LineExtensionAmount")
    quantity = node.decimal_of(quantity_name, Decimal(1))
    surcharge = sum(one.signed for one in _adjustments(node))
    price = node.maybe("cac:Price")
    if price is not None:
        unit = price.need("cbc:PriceAmount")
        per = price.decimal_of("cbc:BaseQuantity", Decimal(1)) or Decimal(1)
        check_line(
            node.path,
            net,
            (quantity, decimal_text(unit.path, unit.text), per),
            surcharge,
            10 ** MINOR_UNITS.get(node.currency, 2),
        )
    number = node.text_of("cbc:ID")
    item = node.need("cac:Item")
    tax = _category(item.maybe("cac:ClassifiedTaxCategory"))
    return InvoiceLine(number, item.text_of("cbc:Name", ""), quantity, net, tax)


def _tax(document: _Node) -> tuple[int, list[Subtotal]]:
    """Tax in the document's currency, and its subtotals, one a category and rate."""
    tax, subtotals, found = 0, [], False
    for total in document.all("cac:TaxTotal"):
        stated = total.need("cbc:TaxAmount")
        if stated.element.get("currencyID") != document.currency:
            continue  # the same tax once more, in the currency it is accounted in
        if found:
            malformed(f"{total.path} stands twice in {document.currency}")
        found, tax = True, stated.amount()
        subtotals = [
            Subtotal(
                part.amount_of("cbc:TaxableAmount"),
                part.amount_of("cbc:TaxAmount"),
                _category(part.need("cac:TaxCategory")),
            )
            for part in total.all("cac:TaxSubtotal")
        ]
    return tax, subtotals


def parse_invoice(data: bytes, suite: Suite) -> Invoice:
    """An invoice or credit note of UBL 2.1.

    Raises CITY-1003 (size), 1101 (DOCTYPE, entities, encoding), 1102 (not XML, an element twice), 1103 (another
    kind of document), 1104 (a field missing), 1105 (a field wrong), 1106 (totals disagree), 1107 (check digit).
    """
    root = _root(data)
    if root.tag not in KINDS:
        raise CityError(
            "CITY-1103", found=repr(root.tag)[:120], known="UBL 2.1 Invoice and CreditNote"
        )
    kind, line_name, quantity_name, type_name = KINDS[root.tag]
    plain = _Node(root, etree.QName(root).localname)
    currency = plain.text_of("cbc:DocumentCurrencyCode")
    if not is_currency(currency):
        invalid("cbc:DocumentCurrencyCode", currency, "a currency code of ISO 4217")
    document = _Node(root, plain.path, currency)
    line_nodes = list(document.all(line_name))
    if not 0 < len(line_nodes) <= LINES_MAX:
        raise CityError("CITY-1104", field=f"1 to {LINES_MAX} of {line_name}")
    lines = tuple(_line(node, quantity_name) for node in line_nodes)
    tax, subtotals = _tax(document)
    adjustments = _adjustments(document)
    unit = 10 ** MINOR_UNITS.get(currency, 2)
    money = document.need("cac:LegalMonetaryTotal")
    net, gross, payable = check_totals(
        lines_net=sum(line.net for line in lines),
        adjustments=adjustments,
        tax=tax,
        subtotals=subtotals,
        stated={
            name: None if money.maybe(f"cbc:{name}") is None else money.amount_of(f"cbc:{name}")
            for name in STATED
        },
        unit=unit,
    )
    check_categories([(line.tax, line.net) for line in lines], adjustments, subtotals, unit)
    due = document.text_of("cbc:DueDate", "")
    return Invoice(
        kind=kind,
        type_code=document.text_of(type_name),
        number=document.text_of("cbc:ID"),
        issued_on=require_date("cbc:IssueDate", document.text_of("cbc:IssueDate")),
        due_on=require_date("cbc:DueDate", due) if due else "",
        currency=currency,
        seller=_party(document, "cac:AccountingSupplierParty"),
        buyer=_party(document, "cac:AccountingCustomerParty"),
        lines=lines,
        net=net,
        tax=tax,
        gross=gross,
        payable=payable,
        document=suite.hash(data).hex(),
        size=len(data),
    )


STATED = (
    "LineExtensionAmount", "TaxExclusiveAmount", "TaxInclusiveAmount", "AllowanceTotalAmount",
    "ChargeTotalAmount", "PrepaidAmount", "PayableRoundingAmount", "PayableAmount",
)  # fmt: skip
