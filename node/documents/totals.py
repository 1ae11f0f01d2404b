"""The arithmetic every invoice must pass: the calculation rules of EN 16931, in minor units.

Rule names are those of the standard's published validation artefacts (BR-CO-10 … BR-CO-17) and of Peppol BIS
Billing 3 (R120 for a line).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext

from node.errors import CityError

LINE_TOLERANCE = 2  # minor units: a unit price may have more decimals than an amount


def _equal(rule: str, left: str, found: int, right: str, expected: int, tolerance: int = 0) -> None:
    if abs(found - expected) > tolerance:
        raise CityError(
            "CITY-1106", rule=rule, left=left, found=found, right=right, expected=expected
        )


def _product(left: Decimal, right: Decimal, divisor: Decimal) -> int:
    """left × right ÷ divisor, rounded half-up once."""
    with localcontext() as exact:
        exact.prec = 150
        return int((left * right / divisor).to_integral_value(rounding=ROUND_HALF_UP))


def check_line(
    path: str, net: int, terms: tuple[Decimal, Decimal, Decimal], surcharge: int, unit: int
) -> None:
    """R120: a line's amount is quantity × price, with its charges and without its allowances.

    terms: quantity, price, base quantity; surcharge: charges − allowances in minor units; unit: minor units
    of one whole unit.
    """
    quantity, price, per = terms
    expected = _product(quantity, price * unit, per) + surcharge
    _equal(
        "R120", f"{path}/LineExtensionAmount", net, "quantity and price", expected, LINE_TOLERANCE
    )


def check_totals(
    *,
    lines_net: int,
    allowances_charges: tuple[int, int],
    tax: int,
    subtotals: Sequence[tuple[int, int, Decimal | None]],
    stated: Mapping[str, int | None],
    unit: int,
) -> tuple[int, int, int]:
    """(net, gross, payable) after every rule held. Raises CITY-1104, CITY-1106.

    subtotals: (taxable, tax, percent) a tax category. stated: amounts of LegalMonetaryTotal, None where absent.
    unit: minor units of one whole unit; the standard allows a subtotal's tax to be off by less than that.
    """
    for needed in (
        "LineExtensionAmount",
        "TaxExclusiveAmount",
        "TaxInclusiveAmount",
        "PayableAmount",
    ):
        if stated[needed] is None:
            raise CityError("CITY-1104", field=f"LegalMonetaryTotal/{needed}")
    amounts = {name: amount or 0 for name, amount in stated.items()}
    allowances, charges = allowances_charges
    _equal("BR-CO-10", "LineExtensionAmount", amounts["LineExtensionAmount"], "the sum of lines",
           lines_net)  # fmt: skip
    _equal("BR-CO-11", "AllowanceTotalAmount", amounts["AllowanceTotalAmount"],
           "the sum of allowances", allowances)  # fmt: skip
    _equal("BR-CO-12", "ChargeTotalAmount", amounts["ChargeTotalAmount"], "the sum of charges",
           charges)  # fmt: skip
    net = lines_net - allowances + charges
    _equal("BR-CO-13", "TaxExclusiveAmount", amounts["TaxExclusiveAmount"],
           "lines − allowances + charges", net)  # fmt: skip
    if subtotals:
        _equal("BR-CO-14", "TaxAmount", tax, "the sum of its subtotals",
               sum(part for _, part, _ in subtotals))  # fmt: skip
    for taxable, part, percent in subtotals:
        if percent is not None:
            expected = _product(Decimal(taxable), percent, Decimal(100))
            _equal("BR-CO-17", "a subtotal's TaxAmount", part, "taxable × rate", expected, unit - 1)
    gross = net + tax
    _equal("BR-CO-15", "TaxInclusiveAmount", amounts["TaxInclusiveAmount"], "net + tax", gross)
    payable = gross - amounts["PrepaidAmount"] + amounts["PayableRoundingAmount"]
    _equal("BR-CO-16", "PayableAmount", amounts["PayableAmount"],
           "gross − prepaid + rounding", payable)  # fmt: skip
    return net, gross, payable
