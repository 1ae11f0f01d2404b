"""Customs declarations from CSV or JSON: what crossed the border, for whom, and for how much."""

from __future__ import annotations

import re
from dataclasses import dataclass

from node.documents.amounts import AMOUNT_MAX
from node.documents.identifiers import require_date, require_identifier, require_text
from node.documents.strict import invalid, load_records, malformed, read_text
from node.identity.suite import Suite

SIZE_MAX = 1024 * 1024
COLUMNS = (
    "declaration_no", "direction", "declared_on", "released_on", "declarant_uscc", "counterparty_lei",
    "invoice_no", "hs_code", "incoterm", "port", "currency", "amount_minor",
)  # fmt: skip
INCOTERMS = ("EXW", "FCA", "FAS", "FOB", "CPT", "CIP", "CFR", "CIF", "DAP", "DPU", "DDP")
DIRECTIONS = {"export": "0", "import": "1"}


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declaration. `amount_minor`: value in minor units of the currency; `document`: hash of the file."""

    declaration_no: str
    direction: str
    declared_on: str
    released_on: str
    declarant_uscc: str
    counterparty_lei: str
    invoice_no: str
    hs_code: str
    incoterm: str
    port: str
    currency: str
    amount_minor: int
    document: str


def _matching(field: str, text: str, pattern: str, rule: str) -> str:
    if not re.fullmatch(pattern, text, re.ASCII):
        invalid(field, text, rule)
    return text


def _declaration(row: dict[str, str], document: str) -> Declaration:
    number = require_identifier("customs declaration number", row["declaration_no"])
    if DIRECTIONS.get(row["direction"]) != number[8]:
        invalid("direction", row["direction"], "import or export, as the number's ninth digit says")
    require_date("declared_on", row["declared_on"])
    require_date("released_on", row["released_on"])
    if number[4:8] != row["declared_on"][:4]:
        invalid("declared_on", row["declared_on"], "in the year of the declaration number")
    if row["released_on"] < row["declared_on"]:
        invalid("released_on", row["released_on"], "a day on or after the declaration")
    require_identifier("USCC", row["declarant_uscc"])
    require_identifier("LEI", row["counterparty_lei"])
    require_text("invoice_no", row["invoice_no"], 64)
    _matching("hs_code", row["hs_code"], r"[0-9]{6}([0-9]{2}){0,2}", "6, 8 or 10 digits")
    if row["incoterm"] not in INCOTERMS:
        invalid("incoterm", row["incoterm"], "one of the Incoterms 2020")
    _matching("port", row["port"], r"[A-Z]{2}[A-Z2-9]{3}", "a UN/LOCODE")
    _matching("currency", row["currency"], r"[A-Z]{3}", "a currency code of three letters")
    _matching("amount_minor", row["amount_minor"], r"[0-9]{1,19}", "an integer of minor units")
    if not 0 < int(row["amount_minor"]) <= AMOUNT_MAX:
        invalid("amount_minor", row["amount_minor"], "a positive amount below 2^63")
    texts = {name: value for name, value in row.items() if name != "amount_minor"}
    return Declaration(**texts, amount_minor=int(row["amount_minor"]), document=document)


def parse_declarations(data: bytes, media: str, suite: Suite) -> tuple[Declaration, ...]:
    """The declarations of a file; media is `csv` or `json`.

    Raises CITY-1003 (size), CITY-1102 (form, a number twice), CITY-1104, CITY-1105, CITY-1107.
    """
    rows = load_records(read_text(data, "a declaration file", SIZE_MAX), media, COLUMNS)
    document = suite.hash(data).hex()
    found = tuple(_declaration(row, document) for row in rows)
    if len({one.declaration_no for one in found}) != len(found):
        malformed("a declaration number stands twice")
    return found
