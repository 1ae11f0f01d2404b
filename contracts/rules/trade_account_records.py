"""What the trade account contract stores, tells and shows, and how the figures decide its state."""

from rules.calendar import date_text, day_at, parse_date
from rules.dated_rules import rule_on
from rules.instrument import today
from rules.settlement import Due
from rules.trade_checks import is_within, most_of, three_flow_score
from sdk import Event, Map, dataclass

KEPT = ("OVERDUE", "EXPLAINED")  # while money or goods are still missing
DIRECTIONS = ("export", "import")


@dataclass
class Account:
    """What one contract of foreign trade expects and what came. Amounts are fen.

    invoices, transports: digests. financings: (number, fen owed) that banks gave on the invoices. alerts:
    (code, date, what). waiting: fen of receipts that are fixed and not proven. extended_to: date of an
    accepted report. enterprise, safe: as in `parties`, for lists.
    """

    id: str
    parties: dict
    enterprise: str
    safe: str
    direction: str
    incoterm: str
    contract: str
    expected_fen: int
    expected_date: str
    tolerance_bps: int
    declared_fen: int = 0
    invoiced_fen: int = 0
    received_fen: int = 0
    refunded_fen: int = 0
    netted_fen: int = 0
    waiting_fen: int = 0
    receipts: int = 0
    declarations: tuple = ()
    invoices: tuple = ()
    transports: tuple = ()
    routes: tuple = ()
    financings: tuple = ()
    alerts: tuple = ()
    mismatches: int = 0
    report: tuple = ()
    extended_to: str = ""
    decision: str = ""
    netting: tuple = ()
    refund: Due | None = None
    refunds: int = 0
    state: str = ""
    version: int = 1


@dataclass
class Receipt:
    """One payment in parts: financings first (number, bank, fen), then the rest to the seller."""

    id: str
    account: str
    parties: dict
    amount_fen: int
    parts: tuple
    rest_fen: int
    until_ms: int
    due: Due | None = None
    state: str = ""
    version: int = 1


@dataclass
class Totals:
    accounts: int = 0
    declared_fen: int = 0
    received_fen: int = 0


accounts = Map("account", None, indexes=("enterprise", ("safe", "state")))
receipts = Map("receipt", None)
account_of = Map("account_of", "")  # (enterprise, digest of a contract) → its account
totals = Map("totals", None)  # (authority, direction)

Opened = Event("Trade.Opened")
Declared = Event("Trade.Declared")
DocumentAdded = Event("Trade.DocumentAdded")
FinancingLinked = Event("Trade.FinancingLinked")
ReceiptPrepared = Event("Trade.ReceiptPrepared")
ReceiptRecorded = Event("Trade.ReceiptRecorded")
ReceiptLapsed = Event("Trade.ReceiptLapsed")
Overdue = Event("Trade.Overdue")
OverdueReported = Event("Trade.OverdueReported")
Explained = Event("Trade.Explained")
Suspected = Event("Trade.Suspected")
Cleared = Event("Trade.Cleared")
NettingProposed = Event("Trade.NettingProposed")
Netted = Event("Trade.Netted")
RefundPrepared = Event("Trade.RefundPrepared")
Refunded = Event("Trade.Refunded")
Closed = Event("Trade.Closed")
Alerted = Event("Trade.Alerted")


def money_of(account) -> int:
    """What came, less what went back, with what was set off."""
    return account.received_fen - account.refunded_fen + account.netted_fen


def room_of(account) -> int:
    """How much may still come: up to the expected amount and its tolerance."""
    most = most_of(account.expected_fen, account.tolerance_bps)
    return max(most - money_of(account) - account.waiting_fen, 0)


def standing(account) -> str:
    """The state that the figures show."""
    money, tolerance = money_of(account), account.tolerance_bps
    if money == 0 and account.refunded_fen > 0:
        return "REFUNDED"
    if money == 0:
        return "DECLARED" if account.declared_fen else "OPENED"
    if account.declared_fen and is_within(money, account.declared_fen, tolerance):
        if account.refunded_fen > 0:
            return "REFUNDED"
        return "NETTED" if account.netted_fen > 0 else "SETTLED"
    complete = is_within(account.declared_fen, account.expected_fen, tolerance)
    most = account.declared_fen if complete else account.expected_fen
    return "OVERPAID" if money > most_of(most, tolerance) else "PARTIALLY_SETTLED"


def state_now(account) -> str:
    """What a step leads to: a suspicion stays, and so does lateness until everything has come."""
    found = standing(account)
    missing = found in ("OPENED", "DECLARED", "PARTIALLY_SETTLED")
    stays = account.state == "SUSPECT" or (account.state in KEPT and missing)
    return account.state if stays else found


def overdue_from(account) -> int:
    """The first day on which the account is overdue."""
    if account.extended_to:
        return parse_date(account.extended_to) + 1
    return parse_date(account.expected_date) + rule_on("window:trade-account", today())["days"] + 1


def alert(account, code: str, what: str):
    """Note what the supervisor should look at."""
    if len(account.alerts) < 64:
        account.alerts = (*account.alerts, (code, date_text(today()), what))
    if code in ("NAME", "ROUTE"):
        account.mismatches += 1
    Alerted(id=account.id, code=code)


def count(account, accounts_more: int, declared: int, received: int):
    """Book a change for the authority that watches the account."""
    key = (account.safe, account.direction)
    sums = totals[key] or Totals()
    sums.accounts += accounts_more
    sums.declared_fen += declared
    sums.received_fen += received
    totals[key] = sums


def describe(account) -> dict:
    return {
        "id": account.id,
        "parties": account.parties,
        "state": account.state,
        "direction": account.direction,
        "incoterm": account.incoterm,
        "contract": account.contract,
        "expected_fen": account.expected_fen,
        "expected_date": account.extended_to or account.expected_date,
        "extended": account.extended_to != "",
        "tolerance_bps": account.tolerance_bps,
        "declared_fen": account.declared_fen,
        "invoiced_fen": account.invoiced_fen,
        "received_fen": account.received_fen,
        "refunded_fen": account.refunded_fen,
        "netted_fen": account.netted_fen,
        "waiting_fen": account.waiting_fen,
        "room_fen": room_of(account),
        "score_bps": three_flow_score(
            account.declared_fen, account.invoiced_fen, money_of(account), account.mismatches
        ),
        "declarations": list(account.declarations),
        "invoices": list(account.invoices),
        "transports": list(account.transports),
        "financings": [list(financing) for financing in account.financings],
        "alerts": [list(one) for one in account.alerts],
        "receipts": account.receipts,
        "report": list(account.report),
        "decision": account.decision,
        "netting": list(account.netting),
        "refund_reference": account.refund.reference if account.refund else b"",
        "version": account.version,
    }


def describe_receipt(receipt) -> dict:
    legs = [
        {"financing": number, "payee": bank, "amount_fen": part, "reference": reference}
        for number, bank, part, reference in receipt.parts
    ]
    if receipt.due:
        legs.append(
            {
                "financing": "",
                "payee": receipt.due.payee,
                "amount_fen": receipt.rest_fen,
                "reference": receipt.due.reference,
            }
        )
    return {
        "id": receipt.id,
        "account": receipt.account,
        "state": receipt.state,
        "amount_fen": receipt.amount_fen,
        "parts": legs,
        "pay_until": date_text(day_at(receipt.until_ms - 1)),
        "version": receipt.version,
    }
