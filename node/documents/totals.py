"""The arithmetic every invoice must pass: the calculation rules of EN 16931, in minor units.

Rule names are those of the standard's published validation artefacts (BR-CO-10 … BR-CO-17; BR-S-05 and the like
for each tax category) and of Peppol BIS Billing 3 (R120 for a line).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

from node.documents.strict import invalid
from node.errors import CityError

LINE_TOLERANCE = 2  # minor units: a unit price may have more decimals than an amount
# UNCL 5305: standard, zero, exempt, reverse charge, intra-community, export, outside, Canaries, Ceuta
TAX_CATEGORIES = ("S", "Z", "E", "AE", "K", "G", "O", "L", "M")
RATED = ("S", "L", "M")  # the others carry no tax
PERCENT_MAX = 100


@dataclass(frozen=True, slots=True)
class TaxCategory:
    """code "": none stated. percent None: no rate stated."""

    code: str
    percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An allowance or a charge; corrections carry amounts below zero. Minor units."""

    is_charge: bool
    amount: int
    tax: TaxCategory

    @property
    def signed(self) -> int:
        return self.amount if self.is_charge else -self.amount


@dataclass(frozen=True, slots=True)
class Subtotal:
    taxable: int
    tax: int
    category: TaxCategory


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
    adjustments: Sequence[Adjustment],
    tax: int,
    subtotals: Sequence[Subtotal],
    stated: Mapping[str, int | None],
    unit: int,
) -> tuple[int, int, int]:
    """(net, gross, payable) after every rule held. Raises CITY-1104, CITY-1106.

    adjustments: of the document, not of its lines. stated: amounts of LegalMonetaryTotal, None where absent.
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
    allowances = sum(one.amount for one in adjustments if not one.is_charge)
    charges = sum(one.amount for one in adjustments if one.is_charge)
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
               sum(part.tax for part in subtotals))  # fmt: skip
    for part in subtotals:
        if part.category.percent is not None:
            expected = _product(Decimal(part.taxable), part.category.percent, Decimal(100))
            _equal(
                "BR-CO-17", "a subtotal's TaxAmount", part.tax, "taxable × rate", expected, unit - 1
            )
    gross = net + tax
    _equal("BR-CO-15", "TaxInclusiveAmount", amounts["TaxInclusiveAmount"], "net + tax", gross)
    payable = gross - amounts["PrepaidAmount"] + amounts["PayableRoundingAmount"]
    _equal("BR-CO-16", "PayableAmount", amounts["PayableAmount"],
           "gross − prepaid + rounding", payable)  # fmt: skip
    return net, gross, payable


def check_categories(
    lines: Sequence[tuple[TaxCategory, int]],
    adjustments: Sequence[Adjustment],
    subtotals: Sequence[Subtotal],
    unit: int,
) -> None:
    """Rates fit their categories, and each subtotal is the sum of what stands in its category and rate.

    lines: category and net of each. Plain UBL need not state categories or rates: where one is missing, nothing
    can be summed. Raises CITY-1105, CITY-1106.
    """
    stated = [*lines, *((one.tax, one.signed) for one in adjustments)]
    categories = [*(tax for tax, _ in stated), *(part.category for part in subtotals)]
    for tax in categories:
        _check_rate(tax)
    for part in subtotals:
        if part.category.code and part.category.code not in RATED:
            _equal(f"BR-{part.category.code}-09", "a subtotal's TaxAmount", part.tax, "no tax", 0)
    if not subtotals or not all(_is_whole(tax) for tax in categories):
        return
    expected: dict[tuple[str, Decimal], int] = defaultdict(int)
    found: dict[tuple[str, Decimal], int] = defaultdict(int)
    for tax, amount in stated:
        expected[_key(tax)] += amount
    for part in subtotals:
        found[_key(part.category)] += part.taxable
    for key in sorted({*expected, *found}):
        left = f"the TaxableAmount of {key[0]} at {key[1].normalize():f} %"
        _equal(f"BR-{key[0]}-08", left, found[key], "its lines, allowances and charges",
               expected[key], unit - 1)  # fmt: skip


def _is_whole(tax: TaxCategory) -> bool:
    return tax.code != "" and (tax.percent is not None or tax.code not in RATED)


def _key(tax: TaxCategory) -> tuple[str, Decimal]:
    return tax.code, Decimal(0) if tax.percent is None else tax.percent


def _check_rate(tax: TaxCategory) -> None:
    percent = Decimal(0) if tax.percent is None else tax.percent
    if not 0 <= percent <= PERCENT_MAX:
        invalid("cbc:Percent", str(percent), "a rate of 0 to 100 %")
    if tax.code == "S" and tax.percent is not None and percent == 0:
        invalid("cbc:Percent", str(tax.percent), "a rate above zero in category S (BR-S-05)")
    if tax.code and tax.code not in RATED and percent != 0:
        invalid("cbc:Percent", str(percent), f"no rate in category {tax.code} (BR-{tax.code}-05)")
