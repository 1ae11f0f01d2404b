"""What the tax-return contract stores, tells and shows."""

from rules.settlement import Due
from sdk import Event, Map, dataclass


@dataclass
class TaxReturn:
    """A member's month. payable = output − reversed − input − credit brought in; below zero it is carried on as
    `credit_fen`. Fen."""

    id: str
    parties: dict
    month: str
    net_fen: int
    output_tax_fen: int
    input_tax_fen: int
    brought_fen: int
    payable_fen: int
    credit_fen: int
    declared_on: str
    is_late: bool
    due: Due | None = None
    state: str = ""
    version: int = 1


tax_returns = Map("tax_return", None)

Declared = Event("TaxReturn.Declared")
Assessed = Event("TaxReturn.Assessed")
PaymentPrepared = Event("TaxReturn.PaymentPrepared")
Paid = Event("TaxReturn.Paid")


def describe(found) -> dict:
    return {
        "id": found.id,
        "parties": found.parties,
        "state": found.state,
        "month": found.month,
        "net_fen": found.net_fen,
        "output_tax_fen": found.output_tax_fen,
        "input_tax_fen": found.input_tax_fen,
        "brought_fen": found.brought_fen,
        "payable_fen": found.payable_fen,
        "credit_fen": found.credit_fen,
        "declared_on": found.declared_on,
        "is_late": found.is_late,
        "reference": found.due.reference if found.due else b"",
        "version": found.version,
    }
