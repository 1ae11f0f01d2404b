"""What a movement of money means in the books, by the regime in force: the same movement, two postings. Pure.

Under the rules of 2020 money in wallets is the central bank's: the bank only hands it out (dcep.md section
3.1 and finding 4 of seeds.md). Under those of 2026 money in the wallets of a bank's customers is that bank's
liability: it bears interest that the bank sets, counts for its reserve requirement and is insured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from consensus.payment import Kind, Regime
from deploy.regcenter.errors import CenterError

CENTRAL, BANK, OTHER_BANK = "central bank", "bank", "the other bank"
DAYS_OF_YEAR = 365
_RATE_UNITS = 10_000  # a rate is in hundredths of a percent

Lines = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a double entry: in whose book, which account is debited, which credited."""

    book: str
    debit: str
    credit: str
    amount_fen: int


_RESERVES, _VAULT = "reserves of banks", "e-CNY in vaults"
_PUBLIC, _DEPOSITS, _WALLETS = "e-CNY with the public", "deposits of customers", "wallet balances"
_AT_CENTRAL, _OWN = "reserves at the central bank", "e-CNY in the vault"

# Of the kinds that cross a border between issuer, bank and public; all others move money inside one of them.
_CENTRAL_BANK: Mapping[int, Lines] = MappingProxyType(
    {
        Kind.ISSUE: ((CENTRAL, _RESERVES, _VAULT), (BANK, _OWN, _AT_CENTRAL)),
        Kind.EXCHANGE: ((CENTRAL, _VAULT, _PUBLIC), (BANK, _DEPOSITS, _OWN)),
        Kind.REDEEM: ((CENTRAL, _PUBLIC, _VAULT), (BANK, _OWN, _DEPOSITS)),
        Kind.DESTROY: ((CENTRAL, _VAULT, _RESERVES), (BANK, _AT_CENTRAL, _OWN)),
    }
)
_COMMERCIAL_BANK: Mapping[int, Lines] = MappingProxyType(
    {
        Kind.ISSUE: ((CENTRAL, _RESERVES, _VAULT), (BANK, _OWN, _AT_CENTRAL)),
        Kind.EXCHANGE: ((BANK, _DEPOSITS, _WALLETS),),
        Kind.REDEEM: ((BANK, _WALLETS, _DEPOSITS),),
        Kind.DESTROY: ((CENTRAL, _VAULT, _RESERVES), (BANK, _AT_CENTRAL, _OWN)),
    }
)
_BETWEEN_BANKS: Lines = (
    (BANK, "claims on banks", _OWN),
    (OTHER_BANK, _OWN, "owed to banks"),
)
_BY_SHEET: Mapping[str, Mapping[int, Lines]] = MappingProxyType(
    {"CB": _CENTRAL_BANK, "bank": _COMMERCIAL_BANK}
)


def postings(kind: int, amount_fen: int, regime: Regime, to_banks_fen: int = 0) -> tuple[Line, ...]:
    """The lines of a movement under a regime; none where money only changes hands in public.

    to_banks_fen: what an exchange moved into vaults of other banks, beside amount_fen into wallets. It stays
    money of the central bank whatever the regime, and the banks owe it to each other."""
    parts = [(_BY_SHEET[regime.balance_sheet].get(kind, ()), amount_fen)]
    if kind == Kind.EXCHANGE:
        parts.append((_BETWEEN_BANKS, to_banks_fen))
    return tuple(
        Line(book, debit, credit, fen)
        for lines, fen in parts
        if fen
        for book, debit, credit in lines
    )


def interest_fen(balance_fen: int, days: int, rate: int, regime: Regime) -> int:
    """What a bank credits on a wallet's balance, whole fen, rounded down. rate: hundredths of a percent a year.

    Raises CenterError RC_REGIME where the regime pays none."""
    if not regime.bears_interest:
        raise CenterError("RC_REGIME", f"under the rules of {regime.regime_id} money bears none")
    return balance_fen * days * rate // (DAYS_OF_YEAR * _RATE_UNITS)
