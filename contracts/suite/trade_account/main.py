"""Trade account (M8): goods declared, documents and money of one foreign trade contract, matched under
supervision.

Customs says what goods there were, the invoice registry what was invoiced, money's own ledger what was paid.
An account that waits too long must be explained, goods that come back for the same money are suspect. What a
payer sends goes first to the banks that financed the trade. What may happen stands in
`rules.trade_account_machine`.

Invariants: a declaration counts in one account; no receipt is fixed above what may still come; what came, less
what went back, is the sum of the proofs.

    goods      the account, its goods and papers
    money      receipts, refunds, netting
    oversight  overdue, suspect, cleared, closed
"""

from chapters.goods import open, declare, add_invoice, add_transport, link_financing
from chapters.money import (
    prepare_receipt,
    record_receipt,
    lapse_receipt,
    prepare_refund,
    record_refund,
    propose_netting,
    approve_netting,
)
from chapters.oversight import mark_overdue, report_overdue, accept_report, suspect, clear, close

from rules.instrument import load
from rules.machine import moves_from
from rules.trade_account_machine import ACCOUNT, RECEIPT
from rules.trade_account_records import accounts, describe, describe_receipt, receipts, totals
from sdk import ctx, require, view


def require_view(account):
    """The enterprise, its bank and the SAFE branch that supervises it."""
    own = ctx.member != "" and ctx.member in (account.enterprise, account.parties["bank"])
    watches = ctx.member == account.safe and "regulator" in ctx.roles
    require(own or watches, "E_NOT_PARTY", "it belongs to other members")


@view
def get(id: str) -> dict:
    account = load(accounts, id)
    require_view(account)
    return describe(account)


@view
def get_receipt(id: str, number: int) -> dict:
    """Who pays may see how to pay."""
    receipt = load(receipts, f"{id}/{number}")
    if ctx.member == "" or ctx.member != receipt.parties["counterparty"]:
        require_view(load(accounts, id))
    return describe_receipt(receipt)


@view
def list_accounts(state: str = "", after: str = "", limit: int = 50) -> list:
    """SAFE's accounts, all of a state or none named; an enterprise's own. `after`: the last number shown."""
    require(1 <= limit <= 200, "E_LIMIT", "1 to 200 a page")
    last = after or None
    if "regulator" not in ctx.roles:
        rows = accounts.by("enterprise", ctx.member, after=last, limit=limit)
        return [describe(account) for _, account in rows]
    if state:
        rows = accounts.by(("safe", "state"), ctx.member, state, after=last, limit=limit)
    else:
        start = (accounts[after].state, after) if after else None
        rows = accounts.by(("safe", "state"), ctx.member, after=start, limit=limit)
    return [describe(account) for _, account in rows]


@view
def figures() -> list:
    """Declared against received, by direction, in the asking SAFE branch's accounts."""
    require("regulator" in ctx.roles, "E_ROLE", "the authority's figures")
    return [
        {"direction": key[1], "accounts": row.accounts, "declared_fen": row.declared_fen,
         "received_fen": row.received_fen}
        for key, row in totals.scan(prefix=(ctx.member,))
    ]  # fmt: skip


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    if "/" in id:
        return moves_from(RECEIPT, load(receipts, id).state)
    return moves_from(ACCOUNT, load(accounts, id).state)
