"""What a pre-check looks at, read strictly: unknown names, decimals and double names are refused.

Amounts are integers of minor units, dates text YYYY-MM-DD, ports UN/LOCODE. An empty text or 0 means that the
credit does not ask for it, or that a document does not show it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.rules import calendar, hong_kong_days, mainland_days
from node.documents.strict import invalid, load_json, malformed, read_text
from node.errors import CityError

SIZE_MAX = 1024 * 1024
FORMAT = "citychain-precheck/1"
TRANSPORT = ("bill-of-lading", "multimodal", "sea-waybill", "air-waybill", "road", "rail")
MARINE = ("bill-of-lading", "multimodal", "sea-waybill")
BANKING_DAYS: dict[str, Callable[[str, int], bool]] = {
    "": lambda _, weekday: weekday < 5,
    "CN": mainland_days.is_open,
    "HK": hong_kong_days.is_open,
}

Kind = Literal[
    "draft", "invoice", "bill-of-lading", "multimodal", "sea-waybill", "air-waybill", "road", "rail",
    "insurance", "packing-list", "certificate-of-origin", "inspection", "certificate", "other",
]  # fmt: skip
Tenor = Literal["sight", "shipment", "presentation", "draft"]


class _Read(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Party(_Read):
    name: str
    country: str


class Requirement(_Read):
    """A document that the credit asks for. issuer "": anybody. originals: as many at least."""

    kind: Kind
    originals: int = 1
    issuer: str = ""


class Instalment(_Read):
    """A drawing within a given period (UCP 600 art. 32)."""

    until: str
    amount: int


class Credit(_Read):
    """is_about: "about" or "approximately" stands before the amount. insured_bps 0: the rule's 110 %."""

    number: str
    issued_on: str
    expiry: str
    applicant: Party
    beneficiary: Party
    currency: str
    amount: int
    tolerance_bps: int = 0
    is_about: bool = False
    quantity: int = 0
    unit: str = ""
    is_counted: bool = False
    unit_price: int = 0
    method: Literal["sight", "acceptance", "deferred", "negotiation"] = "sight"
    tenor_days: int = 0
    tenor_from: Tenor = "sight"
    drawee: str = ""
    is_partial_allowed: bool = True
    is_transhipment_allowed: bool = True
    instalments: list[Instalment] = Field(default_factory=list)
    loading: str = ""
    discharge: str = ""
    latest_shipment: str = ""
    presentation_days: int = 21
    goods: str
    incoterm: str = ""
    freight: Literal["", "prepaid", "collect"] = ""
    consignee: str = ""
    notify: str = ""
    origin: str = ""
    insured_bps: int = 0
    risks: list[str] = Field(default_factory=list)
    documents: list[Requirement]
    conditions: list[str] = Field(default_factory=list)  # that name no document
    formats: list[str] = Field(default_factory=list)  # of electronic records


class Presented(_Read):
    """place: whose bundled banking days count; "" knows weekends only. closed_days, open_days: where the bank
    at the place differs from that (UCP 600 art. 2)."""

    presented_on: str
    place: Literal["", "CN", "HK"] = ""
    amount: int
    drawn_before: int = 0
    shipments_before: int = 0
    is_complete_noticed: bool = False
    closed_days: list[str] = Field(default_factory=list)
    open_days: list[str] = Field(default_factory=list)


class Line(_Read):
    quantity: int
    unit_price: int
    amount: int


class Correction(_Read):
    text: str
    is_authenticated: bool


class Document(_Read):
    """One document; fields that its kind has no use for stay empty. `medium`: paper or an electronic record."""

    kind: Kind
    id: str
    title: str = ""
    medium: Literal["paper", "record"] = "paper"
    format: str = ""
    credit: str = ""
    is_readable: bool = True
    is_authenticated: bool = True
    originals: int = 1
    originals_issued: int = 1
    issued_by: str = ""
    issuer_country: str = ""
    made_out_to: str = ""
    addressee_country: str = ""
    dated: str = ""
    is_signed: bool = False
    signed_as: str = ""
    corrections: list[Correction] = Field(default_factory=list)
    currency: str = ""
    amount: int = 0
    amount_in_words: int = 0
    drawee: str = ""
    tenor_days: int = 0
    tenor_from: Tenor | Literal[""] = ""
    maturity: str = ""
    goods: str = ""
    extra_goods: list[str] = Field(default_factory=list)
    quantity: int = 0
    unit: str = ""
    unit_price: int = 0
    lines: list[Line] = Field(default_factory=list)
    incoterm: str = ""
    carrier: str = ""
    vessel: str = ""
    vessel_imo: str = ""
    on_board: str = ""
    loading: str = ""
    discharge: str = ""
    consignee: str = ""
    is_endorsed: bool = False
    notify: str = ""
    freight: Literal["", "prepaid", "collect"] = ""
    clauses: list[str] = Field(default_factory=list)
    is_on_deck: bool = False
    is_charter_party: bool = False
    is_transhipped: bool = False
    containers: list[str] = Field(default_factory=list)
    packages: int = 0
    gross_kg: int = 0
    net_kg: int = 0
    marks: str = ""
    origin: str = ""
    is_cover_note: bool = False
    assured: str = ""
    effective_on: str = ""
    risks: list[str] = Field(default_factory=list)
    is_pre_shipment: bool = False

    @property
    def label(self) -> str:
        return f"{self.kind} {self.id}"


class Case(_Read):
    format: Literal["citychain-precheck/1"]
    credit: Credit
    presentation: Presented
    documents: list[Document]

    def of(self, *kinds: str) -> list[Document]:
        return [document for document in self.documents if document.kind in kinds]

    @property
    def shipped_on(self) -> str:
        """The latest on-board or taking-in-charge date of the transport documents, "" where none is dated."""
        return max((d.on_board for d in self.of(*TRANSPORT)), default="")

    @property
    def tolerance_bps(self) -> int:
        """Of the amount and quantity: stated, or the 10 % of "about" (UCP 600 art. 30(a))."""
        return max(self.credit.tolerance_bps, 1_000 if self.credit.is_about else 0)

    def is_banking_day(self, day: int) -> bool:
        text, weekday = calendar.date_text(day), calendar.weekday(day)
        if text in self.presentation.closed_days or text in self.presentation.open_days:
            return text in self.presentation.open_days
        return BANKING_DAYS[self.presentation.place](text, weekday)

    def open_day(self, day: int) -> int:
        while not self.is_banking_day(day):
            day += 1
        return day


DATES = ("issued_on", "expiry", "latest_shipment", "presented_on", "until", "dated", "on_board",
         "maturity", "effective_on")  # fmt: skip
NUMBER_MAX = 2**63 - 1


def _check_values(value: Any, path: str) -> None:
    """Dates exist, numbers are within 2^63 and not negative, lists are short."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in DATES and inner and not calendar.is_date(inner):
                invalid(f"{path}{name}", inner, "a date YYYY-MM-DD")
            _check_values(inner, f"{path}{name}.")
    elif isinstance(value, list):
        if len(value) > 400:
            malformed(f"{path[:-1]} has more than 400 items")
        for place, inner in enumerate(value):
            _check_values(inner, f"{path}{place}.")
            if "_days" in path and isinstance(inner, str) and not calendar.is_date(inner):
                invalid(f"{path}{place}", inner, "a date YYYY-MM-DD")
    elif isinstance(value, int) and not 0 <= value <= NUMBER_MAX:
        invalid(path[:-1], value, "0 to 2^63 - 1")


def read_case(data: bytes) -> Case:
    """The case of a JSON file. Raises CITY-1003 (size), CITY-1102 (form), CITY-1104, CITY-1105."""
    document = load_json(read_text(data, "a pre-check", SIZE_MAX))
    try:
        case = Case.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        if first["type"] == "missing":
            raise CityError("CITY-1104", field=field) from error
        invalid(field, first["input"], first["msg"].lower())
    _check_values(document, "")
    for name in ("issued_on", "expiry"):
        if not getattr(case.credit, name):
            raise CityError("CITY-1104", field=f"credit.{name}")
    if not case.presentation.presented_on:
        raise CityError("CITY-1104", field="presentation.presented_on")
    return case
