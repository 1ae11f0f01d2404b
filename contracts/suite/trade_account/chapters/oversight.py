"""What waits too long is explained, what is suspect is judged. Table ACCOUNT."""

from rules.calendar import is_date, parse_date
from rules.codes import is_digest
from rules.instrument import arrive, enter, keep, today
from rules.trade_account_machine import ACCOUNT
from rules.trade_account_records import (
    Cleared,
    Closed,
    Explained,
    Overdue,
    OverdueReported,
    Suspected,
    accounts,
    overdue_from,
    state_now,
)
from sdk import call, export, require


@export
def mark_overdue(id: str) -> str:
    account = enter(ACCOUNT, accounts, id, "mark_overdue")
    require(today() >= overdue_from(account), "E_TOO_EARLY", "the days after the date are not over")
    return keep(accounts, account, Overdue)


@export
def report_overdue(id: str, report: str, until: str, expected_version: int = 0) -> str:
    """The enterprise explains, and says when the rest will come. report: digest. Codes: E_DIGEST, E_DATE."""
    account = enter(ACCOUNT, accounts, id, "report_overdue", expected_version)
    require(is_digest(report), "E_DIGEST", "a report is a digest: 64 hex digits")
    ahead = is_date(until) and parse_date(until) > today()
    require(ahead, "E_DATE", "the new date lies ahead")
    account.report = (report, until)
    return keep(accounts, account, OverdueReported)


@export
def accept_report(id: str, expected_version: int = 0) -> str:
    account = enter(ACCOUNT, accounts, id, "accept_report", expected_version)
    require(account.report != (), "E_NO_REPORT", "the enterprise has not reported")
    account.extended_to = account.report[1]
    account.report = ()
    return keep(accounts, account, Explained)


def judge(account, decision: str, is_suspect: bool):
    require(is_digest(decision), "E_DIGEST", "a decision is a digest: 64 hex digits")
    account.decision = decision
    for number in account.declarations:
        call("declared_goods", "set_suspect", number, is_suspect)


@export
def suspect(id: str, decision: str, expected_version: int = 0) -> str:
    """SAFE suspects the trade: nothing is fixed, no bank finances on its declarations until it is cleared."""
    account = enter(ACCOUNT, accounts, id, "suspect", expected_version)
    judge(account, decision, True)
    return keep(accounts, account, Suspected)


@export
def clear(id: str, decision: str, expected_version: int = 0) -> str:
    account = enter(ACCOUNT, accounts, id, "clear", expected_version)
    judge(account, decision, False)
    account.state = ""
    arrive(ACCOUNT, account, "clear", state_now(account))
    return keep(accounts, account, Cleared)


@export
def close(id: str, expected_version: int = 0) -> str:
    account = enter(ACCOUNT, accounts, id, "close", expected_version)
    idle = account.waiting_fen == 0 and account.refund is None and account.financings == ()
    require(idle, "E_PREPARED", "a payment waits for its proof, or a bank for its money")
    return keep(accounts, account, Closed)
