"""Every state table of the suite: for documentation, for tests that walk them, for whoever wants the whole.

    python -m contracts.tables > docs/instruments.md

TABLES      (contract, record, title, rows) in the order of the documentation
markdown()  the tables with a diagram each
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from contracts.rules.bill_machine import BILL, POOL
from contracts.rules.billing_machine import INVOICE, TARIFF
from contracts.rules.credit_machine import CREDIT, PRESENTATION
from contracts.rules.cross_border_machine import CAPITAL, CONSENT, CROSS, POSITION
from contracts.rules.directory_machine import CHANNEL, CITY, NODE, ORGANISATION, RELAY
from contracts.rules.dispute_machine import CASE
from contracts.rules.einvoice_machine import EINVOICE, QUOTA, TAX_RETURN
from contracts.rules.exchange_machine import FIRST, SECOND
from contracts.rules.financing_machine import FINANCING
from contracts.rules.forfaiting_machine import DEAL, SALE
from contracts.rules.guarantee_machine import DEMAND, GUARANTEE
from contracts.rules.invoice_registry_machine import CLAIM
from contracts.rules.key_recovery_machine import GUARDIANS, RESET
from contracts.rules.party_machine import PARTY
from contracts.rules.private_receivable_machine import LEAF as PRIVATE_LEAF
from contracts.rules.private_receivable_machine import NOTE as PRIVATE_NOTE
from contracts.rules.receivable_machine import CREDENTIAL, PIECE
from contracts.rules.regulator_machine import ACCESS, ORDER, REGULATION
from contracts.rules.rulebook_machine import RULE
from contracts.rules.sealed_record_machine import DEMAND as COPIES
from contracts.rules.sealed_record_machine import SEALED_RECORD, SEALING_KEY
from contracts.rules.stablecoin_machine import COIN, ESCROW, PLEDGE, REDEMPTION
from contracts.rules.tax_form_machine import FORM, REVIEW, USE
from contracts.rules.trade_account_machine import ACCOUNT, GOODS, RECEIPT
from contracts.rules.trade_document_machine import DECLARATION, DOCUMENT, QUERY, RECORD
from contracts.rules.trusted_credential_machine import ACCREDITATION
from contracts.rules.trusted_credential_machine import CREDENTIAL as TRUSTED_CREDENTIAL

Row = tuple[str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """rows: (from, call, who, guard, to, event); `from` and `to` may name several states, "-" is none yet."""

    contract: str
    record: str
    title: str
    rows: tuple[Row, ...]

    @property
    def states(self) -> list[str]:
        """In the order in which the rows reach them."""
        named = [n for row in self.rows for n in (*row[0].split("|"), *row[4].split("|"))]
        return [name for name in dict.fromkeys(named) if name not in ("-", "=", "")]

    @property
    def calls(self) -> list[str]:
        return list(dict.fromkeys(row[1] for row in self.rows))

    def allows(self, state: str, call: str) -> bool:
        return any(row[1] == call and state in row[0].split("|") for row in self.rows)


TABLES = (
    Table("party", "party", "Party", PARTY),
    Table("key_recovery", "guardians", "Guardians of a party", GUARDIANS),
    Table("key_recovery", "reset", "New key for a party that lost one", RESET),
    Table("receivable", "credential", "Receivable e-credential", CREDENTIAL),
    Table("receivable", "piece", "Piece of a credential", PIECE),
    Table("private_receivable", "note", "Receivable with hidden amounts", PRIVATE_NOTE),
    Table("private_receivable", "leaf", "Leaf with a hidden amount", PRIVATE_LEAF),
    Table("financing", "financing", "Financing", FINANCING),
    Table("invoice_registry", "claim", "Claim on an invoice", CLAIM),
    Table("forfaiting", "deal", "Forfaiting deal", DEAL),
    Table("forfaiting", "sale", "Sale in the secondary market", SALE),
    Table("credit", "credit", "Documentary credit", CREDIT),
    Table("presentation", "presentation", "Presentation under a credit", PRESENTATION),
    Table("bill", "bill", "Commercial bill", BILL),
    Table("rediscount", "pool", "Rediscount pool", POOL),
    Table("guarantee", "guarantee", "Demand guarantee", GUARANTEE),
    Table("guarantee", "demand", "Demand under a guarantee", DEMAND),
    Table("tax_form", "form", "Tax filing form", FORM),
    Table("tax_form", "use", "Payment under a tax filing form", USE),
    Table("tax_review", "review", "Review of a tax filing form", REVIEW),
    Table("trade_account", "account", "Supervised trade account", ACCOUNT),
    Table("trade_account", "receipt", "Receipt on a trade account", RECEIPT),
    Table("declared_goods", "goods", "Declared goods", GOODS),
    Table("cross_border", "cross", "Cross-border financing", CROSS),
    Table("quota", "capital", "Capital behind a quota", CAPITAL),
    Table("quota", "position", "Place in the quota", POSITION),
    Table("zone_bridge", "consent", "Consent to the bridge between zones", CONSENT),
    Table("exchange", "exchange here", "Exchange, on the channel of the first asset", FIRST),
    Table("exchange", "exchange there", "Exchange, on the channel that decides", SECOND),
    Table("directory", "city", "City of the directory", CITY),
    Table("directory", "member", "Organisation of the directory", ORGANISATION),
    Table("directory", "node", "City node of the directory", NODE),
    Table("directory", "channel", "Channel of the directory", CHANNEL),
    Table("directory", "relay", "Relay of the directory", RELAY),
    Table("rulebook", "rule", "Dated rule of an authority", RULE),
    Table("regulation", "regulation", "Rule that runs inside contracts", REGULATION),
    Table("regulator", "order", "Order that freezes", ORDER),
    Table("regulator", "access", "Receipt of a look", ACCESS),
    Table("sealed_record", "sealed_record", "Sealed record", SEALED_RECORD),
    Table("sealed_record", "sealing_key", "Key that records are sealed to", SEALING_KEY),
    Table("sealed_record", "demand", "Demand for copies", COPIES),
    Table("stablecoin", "coin", "Reserve-backed stablecoin", COIN),
    Table("stablecoin", "redemption", "Redemption of a stablecoin", REDEMPTION),
    Table("stablecoin", "pledge", "Pledge of a node", PLEDGE),
    Table("stablecoin", "escrow", "Coins in an exchange", ESCROW),
    Table("dispute", "case", "Dispute", CASE),
    Table("einvoice", "quota", "Quota of e-invoices", QUOTA),
    Table("einvoice", "einvoice", "E-invoice", EINVOICE),
    Table("tax_return", "tax_return", "Tax return of a month", TAX_RETURN),
    Table("trade_document", "declaration", "Customs declaration", DECLARATION),
    Table("trade_document", "trade_document", "Filed trade document", DOCUMENT),
    Table("transferable_record", "record", "Electronic transferable record", RECORD),
    Table("data_catalogue", "query", "Query between administrations", QUERY),
    Table("trusted_credential", "trusted_credential", "Trusted e-credential", TRUSTED_CREDENTIAL),
    Table("billing", "tariff", "Tariff of an operator", TARIFF),
    Table("billing", "invoice", "Invoice for what was used", INVOICE),
    Table("trusted_credential", "accreditation", "Accredited key of an issuer", ACCREDITATION),
)


def diagram(table: Table) -> str:
    """The moves as a Mermaid state diagram; calls that keep the state stand in the table only."""
    lines = ["```mermaid", "stateDiagram-v2"]
    moves = [
        ("[*]" if state == "-" else state, end, row[1])
        for row in table.rows
        if row[4] not in ("=", "")
        for state in row[0].split("|")
        for end in row[4].split("|")
        if state != end
    ]
    for (start, end), group in groupby(sorted(moves), key=lambda move: move[:2]):
        lines.append(f"    {start} --> {end}: {', '.join(move[2] for move in group)}")
    return "\n".join([*lines, "```"])


def cells(row: Row) -> list[str]:
    start, call, who, guard, end, event = row
    return [start.replace("|", ", "), f"`{call}`", who, guard, end.replace("|", ", "), event]


def section(table: Table) -> str:
    head = ["| From | Call | Who | Guard | To | Event |", "|---|---|---|---|---|---|"]
    rows = ["| " + " | ".join(cells(row)) + " |" for row in table.rows]
    return "\n".join([f"## {table.title}", "", diagram(table), "", *head, *rows])


def markdown() -> str:
    intro = (
        "# Instruments and their states\n\n"
        "Written by `python -m contracts.tables` from the tables that the contracts themselves obey.\n"
        "`=` keeps the state; `-` is a record that does not exist yet."
    )
    return "\n\n".join([intro, *(section(table) for table in TABLES)]) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
