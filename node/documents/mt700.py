"""A credit of the ledger as a banker reads it: the fields of an MT 700, where the ledger knows them.

Texts that the ledger holds only as a digest (goods, documents, conditions) come from a pre-check file of the
same credit, if one is given; without it their fields name the digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from node.documents.currencies import MINOR_UNITS
from node.documents.precheck.case import Credit
from node.documents.strict import invalid

AVAILABLE = {"sight": "BY PAYMENT", "acceptance": "BY ACCEPTANCE", "deferred": "BY DEF PAYMENT"}
PLACES = {"CN": "CHINA", "HK": "HONG KONG"}
FROM = {"presentation": "AFTER PRESENTATION", "shipment": "AFTER DATE OF SHIPMENT"}


class Field(NamedTuple):
    tag: str
    name: str
    value: str


def date(text: str) -> str:
    """YYMMDD."""
    return text[2:4] + text[5:7] + text[8:10]


def amount(minor: int, currency: str) -> str:
    """Currency and amount with a comma, as 32B has them: CNY8000000,00."""
    decimals = MINOR_UNITS.get(currency, 2)
    whole, rest = divmod(minor, 10**decimals)
    return f"{currency}{whole},{rest:0{decimals}d}" if decimals else f"{currency}{whole},"


def _tolerance(bps: int) -> str:
    return f"{bps // 100:02d}/{bps // 100:02d}"


def check_same(credit: Mapping[str, Any], terms: Credit) -> None:
    """The file is about this credit. Raises CITY-1105 naming the first field that differs."""
    pairs = {
        "number": (terms.number, credit["id"]),
        "amount": (terms.amount, credit["amount_fen"]),
        "expiry": (terms.expiry, credit["expiry"]),
        "latest_shipment": (terms.latest_shipment, credit["latest_shipment"]),
    }
    for name, (stated, known) in pairs.items():
        if stated != known:
            invalid(f"credit.{name}", stated, f"{known}, as the ledger has it")


def mt700(
    credit: Mapping[str, Any], names: Mapping[str, str], terms: Credit | None = None
) -> list[Field]:
    """credit: what `credit.get` answers; names: member → legal name; terms: its texts, if known."""
    if terms is not None:
        check_same(credit, terms)
    parts: Mapping[str, str] = credit["parties"]
    form = "IRREVOCABLE TRANSFERABLE" if credit["is_transferable"] else "IRREVOCABLE"
    fields = [
        Field("27", "Sequence of total", "1/1"),
        Field("40A", "Form of documentary credit", form),
        Field("20", "Documentary credit number", credit["id"]),
        *([Field("31C", "Date of issue", date(terms.issued_on))] if terms else []),
        Field("40E", "Applicable rules", "EUCP LATEST VERSION"),
        Field("31D", "Date and place of expiry",
              date(credit["expiry"]) + PLACES.get(credit["place"], credit["place"])),
        Field("51A", "Applicant bank", names[parts["issuing"]]),
        Field("50", "Applicant", names[parts["applicant"]]),
        Field("59", "Beneficiary", names[parts["beneficiary"]]),
        Field("32B", "Currency code, amount", amount(credit["amount_fen"], "CNY")),
    ]  # fmt: skip
    if credit["tolerance_bps"]:
        fields.append(
            Field("39A", "Percentage amount tolerance", _tolerance(credit["tolerance_bps"]))
        )
    by = names[parts["nominated"]]
    fields.append(Field("41A", "Available with … by …", f"{by} {AVAILABLE[credit['method']]}"))
    fields += _tenor(credit, names[parts["issuing"]])
    fields += [
        Field(
            "43P", "Partial shipments", "ALLOWED" if credit["is_partial_allowed"] else "NOT ALLOWED"
        ),
        *_shipment(credit, terms),
        *_texts(credit["terms"], terms),
        Field("48", "Period for presentation in days", f"{credit['presentation_days']:03d}"),
        Field("49", "Confirmation instructions", "CONFIRM" if parts["confirming"] else "WITHOUT"),
        Field("57A", "Advise through bank", names[parts["advising"]]),
    ]
    return fields


def _tenor(credit: Mapping[str, Any], drawee: str) -> list[Field]:
    if credit["method"] == "sight":
        return []
    tenor = f"{credit['tenor_days']} DAYS {FROM[credit['tenor_from']]}"
    if credit["method"] == "deferred":
        return [Field("42P", "Deferred payment details", tenor)]
    return [Field("42C", "Drafts at", tenor), Field("42A", "Drawee", drawee)]


def _shipment(credit: Mapping[str, Any], terms: Credit | None) -> list[Field]:
    fields = []
    if terms is not None:
        allowed = "ALLOWED" if terms.is_transhipment_allowed else "NOT ALLOWED"
        fields = [
            Field("43T", "Transhipment", allowed),
            Field("44E", "Port of loading", terms.loading),
            Field("44F", "Port of discharge", terms.discharge),
        ]
    return [*fields, Field("44C", "Latest date of shipment", date(credit["latest_shipment"]))]


def _texts(digest: str, terms: Credit | None) -> list[Field]:
    if terms is None:
        return [Field("45A", "Description of goods", f"TEXT WITH DIGEST {digest}")]
    documents = [
        f"{asked.kind.replace('-', ' ').upper()}, {asked.originals} ORIGINAL"
        + (f", ISSUED BY {asked.issuer}" if asked.issuer else "")
        for asked in terms.documents
    ]
    goods = f"{terms.goods} {terms.incoterm}".strip()
    return [
        Field("45A", "Description of goods", goods),
        Field("46A", "Documents required", _list(documents)),
        *(
            [Field("47A", "Additional conditions", _list(terms.conditions))]
            if terms.conditions
            else []
        ),
    ]


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"+{item}" for item in items)
