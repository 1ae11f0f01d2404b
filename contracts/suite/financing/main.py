"""Financing (M2): a holder turns a leaf or an invoice into money, and pays for the time only.

request → quote (many) → accept_quote → duplicate_check → disburse with a DC/EP proof. The price is computed
here, once, when a quote is accepted; the payment's reference is fixed in the same step, before anybody pays.
Delivery against payment: a leaf is locked, then paid for, then one transaction verifies the proof and moves
it; if nobody pays in time both sides are free again. Source: domain/trade-finance.md 2.2 and 2.5.

    quotes     request, offers, the choice           repayment  repaid, overdue, recourse, written off
    payout     duplicate check, money, ways back     notice     register, notice: who comes first
    pledge     a leaf that secures an advance is taken, and its surplus paid
"""

from chapters.quotes import request_receivable, request_invoice, quote, accept_quote
from chapters.payout import (
    duplicate_check,
    disburse,
    settle,
    confirm_release,
    unwind,
    on_reverse,
    timeout,
    withdraw,
    decline,
)
from chapters.repayment import prepare_repayment, repay, mark_overdue, recourse, write_off
from chapters.pledge import enforce, prove_surplus, release_claim, reopen_claim
from chapters.notice import file_registration, notify_debtor, acknowledge_notice, payment_waterfall

from rules.financing_machine import FINANCING
from rules.financing_records import describe, financings, load, quotes
from rules.machine import moves_from
from rules.official_sight import is_official, require_look
from sdk import ctx, require, view


@view
def get(request_id: str) -> dict:
    """Borrower, bank and regulator see a financing; before acceptance every bank does."""
    financing = load(request_id)
    concerned = (financing.borrower, financing.bank, financing.to_bank)
    party = ctx.member != "" and ctx.member in concerned
    asked = financing.bank == "" and financing.to_bank == "" and "financier" in ctx.roles
    if not (party or asked):
        require(is_official(), "E_NOT_PARTY", "not your financing")
        require_look(list(concerned))
    return describe(financing)


@view
def list_quotes(request_id: str) -> list:
    """The borrower sees every quote, a bank its own."""
    financing = load(request_id)
    everything = ctx.member == financing.borrower or is_official()
    if is_official():
        require_look([financing.borrower, financing.bank])
    offers = [quotes[(request_id, number)] for number in range(1, financing.quotes + 1)]
    return [
        {
            "number": offer.number,
            "bank": offer.bank,
            "rate_ppm": offer.rate_ppm,
            "principal_fen": offer.principal_fen,
            "recourse": offer.recourse,
            "until_ms": offer.until_ms,
            "state": offer.state,
            "pledge": offer.pledge,
        }
        for offer in offers
        if everything or offer.bank == ctx.member
    ]


@view
def next_steps(request_id: str) -> list:
    """What may happen to a financing now: call, who, guard, to."""
    return moves_from(FINANCING, load(request_id).state)


@view
def list_financings(state: str = "", as_bank: bool = False, after: str = "") -> list:
    """What the asking member borrows, or as a bank has accepted, by state and number; 50 at a time. A regulator
    lists everybody's by number."""
    if is_official():
        require_look([])
        at = after or None
        if state:
            every = financings.by("state", state, after=at, limit=50)
        else:
            every = financings.scan(None, at, 50)
        return [describe(financing) for _, financing in every]
    part = "bank" if as_bank else "borrower"
    known = financings[after] if after else None
    if state:
        found = financings.by((part, "state"), ctx.member, state, after=after or None, limit=50)
    else:
        start = None if known is None else (known.state, after)
        found = financings.by((part, "state"), ctx.member, after=start, limit=50)
    return [describe(financing) for _, financing in found]
