"""Amounts of documents as integers of minor units: decimal text in, no rounding, no float."""

from __future__ import annotations

import re
from decimal import Context, Decimal

from node.documents.currencies import MINOR_UNITS
from node.documents.strict import invalid

AMOUNT_MAX = 2**63 - 1
_DECIMAL = re.compile(r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})", re.ASCII)
_EXACT = Context(prec=100)


def decimal_text(field: str, text: str) -> Decimal:
    """An xs:decimal as an exact number: no exponent, no grouping. Raises CITY-1105."""
    if not _DECIMAL.fullmatch(text):
        invalid(field, text, "a decimal number")
    return Decimal(text)


def minor_units(field: str, text: str, currency: str) -> int:
    """The amount in minor units. Raises CITY-1105 for fractions of a minor unit and for overflow."""
    scale = MINOR_UNITS.get(currency, 2)
    scaled = _EXACT.scaleb(decimal_text(field, text), scale)
    if scaled != scaled.to_integral_value(context=_EXACT):
        invalid(field, text, f"an amount with at most {scale} decimals")
    if abs(scaled) > AMOUNT_MAX:
        invalid(field, text, "an amount within 2^63 minor units")
    return int(scaled)
