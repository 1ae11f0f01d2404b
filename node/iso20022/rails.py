"""Which rail a payment takes, as dated data: by border first, then by amount.

The domestic profiles are modelled in the manner of CNAPS2: high-value by RTGS, low-value in batches. They
are no
implementation of it. DC/EP needs no rail: its proof settles on the chain.
"""

from __future__ import annotations

from dataclasses import dataclass

MAINLAND = "CN"
HIGH_VALUE_FEN = 5_000_000  # CNY 50,000


@dataclass(frozen=True, slots=True)
class Rail:
    """service: the business service of its messages. modelled: a profile of ours, not a network's."""

    name: str
    service: str
    settlement: str
    modelled: bool


CROSS_BORDER = Rail("cbpr+", "swift.cbprplus.03", "INDA", False)
HIGH_VALUE = Rail("cnaps2-hvps (modelled)", "swift.cbprplus.03", "CLRG", True)
LOW_VALUE = Rail("cnaps2-beps (modelled)", "swift.cbprplus.03", "CLRG", True)


def choose_rail(payer_country: str, payee_country: str, ccy: str, amount_minor: int) -> Rail:
    """Across a border, or in a foreign currency: correspondent banking. At home: by the amount."""
    if payer_country != MAINLAND or payee_country != MAINLAND or ccy != "CNY":
        return CROSS_BORDER
    return HIGH_VALUE if amount_minor >= HIGH_VALUE_FEN else LOW_VALUE
