"""Register and notice: who comes first (Civil Code arts. 546, 768)."""

from rules.assignment_priority import waterfall
from rules.calendar import date_text, day_at, is_date, parse_date
from rules.codes import is_digest
from rules.financing_payments import owed_today
from rules.financing_records import enter, financings, load, require_bank
from rules.parts import split_by_weights
from rules.persons import require_trader
from sdk import Event, ctx, export, require, view

Filed = Event("Fin.Filed")
DebtorNotified = Event("Fin.DebtorNotified")
NoticeAcknowledged = Event("Fin.NoticeAcknowledged")


@export
def file_registration(request_id: str, number: str, until: str) -> bool:
    """The bank has filed the assignment in the unified register (PBoC 2021 Order 7), until a date."""
    financing = load(request_id)
    require_bank(financing.bank)
    enter(financing, "file_registration")
    require(0 < len(number) <= 40, "E_TEXT", "a filing's number is 1 to 40 characters")
    require(
        is_date(until) and parse_date(until) > day_at(ctx.time), "E_DATE", "it ends in the future"
    )
    if financing.filing != number:
        financing.filed_ms = ctx.time
    financing.filing = number
    financing.filed_until = until
    financings[request_id] = financing
    Filed(request_id=request_id, version=financing.version)
    return True


@export
def notify_debtor(request_id: str, notice: str) -> bool:
    """The bank tells the debtor of the assignment. `notice`: digest of the notice."""
    financing = load(request_id)
    require_bank(financing.bank)
    enter(financing, "notify_debtor")
    require(is_digest(notice), "E_DIGEST", "a notice is a digest: 64 hex digits")
    require(financing.notice == "", "E_CONSENTED", "the debtor was notified already")
    financing.notice = notice
    financing.noticed_ms = ctx.time
    financings[request_id] = financing
    DebtorNotified(request_id=request_id, debtor=financing.debtor, version=financing.version)
    return True


@export
def acknowledge_notice(request_id: str) -> bool:
    """The debtor has the notice: from here on it pays the bank, and has nothing to say against that."""
    financing = load(request_id)
    require_trader(financing.debtor, "the debtor")
    enter(financing, "acknowledge_notice")
    require(financing.notice != "", "E_STATE", "there is no notice yet")
    financing.acknowledged_ms = ctx.time
    financings[request_id] = financing
    NoticeAcknowledged(request_id=request_id, version=financing.version)
    return True


@view
def payment_waterfall(seller: str, document: str, received_fen: int) -> list:
    """How a payment of an invoice runs down: the banks that advanced on it in the order of the law, then its
    seller. Each with its reference and what it gets. Interest counts to today."""
    found = financings.by(("borrower", "document"), seller, document, limit=60)
    open_states = ("DISBURSED", "OVERDUE", "RECOURSE", "WRITTEN_OFF")
    owed = [financing for _, financing in found if financing.state in open_states]
    banks = [financing.bank for financing in owed]
    sees = "regulator" in ctx.roles or ctx.member in (seller, *banks)
    require(document != "" and sees, "E_NOT_PARTY", "not your invoice")
    today = date_text(day_at(ctx.time))
    claims = []
    for financing in owed:
        filed = financing.filed_ms if financing.filed_until >= today else 0
        claims.append((sum(owed_today(financing)), filed, financing.noticed_ms))
    parts, rest = waterfall(received_fen, claims, split_by_weights)
    rows = [
        {"payee": financing.bank, "request_id": financing.request_id, "owed_fen": claims[i][0],
         "amount_fen": parts[i], "reference": financing.repay_reference}
        for i, financing in enumerate(owed)
    ]  # fmt: skip
    rows.append(
        {"payee": seller, "request_id": "", "owed_fen": 0, "amount_fen": rest, "reference": b""}
    )
    return rows
