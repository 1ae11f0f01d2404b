"""Check digits and forms of identifiers in documents, with the contracts' own rules."""

from __future__ import annotations

from contracts.rules import calendar, check_digits
from node.documents.strict import invalid
from node.errors import CityError

_CHECKS = {
    "USCC": check_digits.is_uscc,
    "LEI": check_digits.is_lei,
    "customs declaration number": check_digits.is_customs_declaration,
    "e-invoice number": check_digits.is_e_invoice,
    "container number": check_digits.is_container,
}


def require_identifier(kind: str, identifier: str) -> str:
    """The identifier, if its check digit or build fits. Raises CITY-1107."""
    if not _CHECKS[kind](identifier):
        raise CityError("CITY-1107", kind=kind, identifier=repr(identifier)[:40])
    return identifier


def require_date(field: str, text: str) -> str:
    """The date as it stands, `YYYY-MM-DD`. Raises CITY-1105."""
    if not calendar.is_date(text):
        invalid(field, text, "a date YYYY-MM-DD")
    return text


def require_text(field: str, text: str, size_max: int = 200) -> str:
    """Text of 1 to `size_max` printable characters. Raises CITY-1104, CITY-1105."""
    if not text:
        raise CityError("CITY-1104", field=field)
    if len(text) > size_max or not text.isprintable():
        invalid(field, text, f"1 to {size_max} printable characters")
    return text
