"""Presented, paid or dishonoured, and the way back along the chain. Table BILL."""

from chapters.title import fix_payment, require_nothing_waits
from rules.bill_machine import BILL, PAY_BUSINESS_DAYS
from rules.bill_records import (
    Dishonoured,
    Paid,
    PaymentPrepared,
    Presented,
    RecourseClaimed,
    RecourseDropped,
    RecoursePaid,
    RecoursePrepared,
    bills,
)
from rules.calendar import day_at, parse_date
from rules.dated_rules import add_business_days
from rules.instrument import enter, keep, today
from rules.settlement import prove
from sdk import ctx, export, require


@export
def present(id: str, expected_version: int = 0) -> str:
    bill = enter(BILL, bills, id, "present", expected_version)
    require(today() >= parse_date(bill.due_date), "E_TOO_EARLY", "the due date has not come")
    bill.presented_ms = ctx.time
    return keep(bills, bill, Presented)


@export
def prepare_payment(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """The acceptor fixes its payment, in time or late. Codes: E_PREPARED, E_SALT, E_WALLET."""
    bill = enter(BILL, bills, id, "prepare_payment", expected_version)
    reference = fix_payment(bill, ctx.member, bill.parties["holder"], bill.face_fen, salt)
    keep(bills, bill, PaymentPrepared)
    return reference


@export
def record_payment(id: str, proof: bytes) -> str:
    bill = enter(BILL, bills, id, "record_payment")
    prove(bill.due, proof)
    return keep(bills, bill, Paid)


@export
def dishonour(id: str, reason: str, expected_version: int = 0) -> str:
    """The acceptor says that it will not pay, or the holder that it has not paid in time. Codes: E_TEXT,
    E_TOO_EARLY."""
    bill = enter(BILL, bills, id, "dishonour", expected_version)
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    days = add_business_days(day_at(bill.presented_ms), PAY_BUSINESS_DAYS)
    refused = ctx.member == bill.parties["acceptor"]
    require(refused or today() > days, "E_TOO_EARLY", "the acceptor has three business days")
    bill.reason = reason
    return keep(bills, bill, Dishonoured)


@export
def claim_recourse(id: str, debtor: str, expected_version: int = 0) -> str:
    """Against the drawer or an endorser before the holder, in any order [BA 68]. Codes: E_CHAIN, E_PREPARED."""
    bill = enter(BILL, bills, id, "claim_recourse", expected_version)
    before = bill.chain[: bill.chain.index(ctx.member)]
    require(debtor in before, "E_CHAIN", "only who signed before the holder is liable to it")
    require_nothing_waits(bill)
    bill.parties["debtor"] = debtor
    bill.due = None
    return keep(bills, bill, RecourseClaimed)


@export
def drop_recourse(id: str, expected_version: int = 0) -> str:
    bill = enter(BILL, bills, id, "drop_recourse", expected_version)
    require_nothing_waits(bill)
    bill.parties["debtor"] = ""
    bill.due = None
    return keep(bills, bill, RecourseDropped)


@export
def prepare_recourse(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    bill = enter(BILL, bills, id, "prepare_recourse", expected_version)
    reference = fix_payment(bill, ctx.member, bill.parties["holder"], bill.face_fen, salt)
    keep(bills, bill, RecoursePrepared)
    return reference


@export
def record_recourse(id: str, proof: bytes) -> str:
    """Who paid has the holder's rights against those before it [BA 71]; the drawer's payment ends the bill."""
    bill = enter(BILL, bills, id, "record_recourse")
    prove(bill.due, proof)
    payer = bill.parties["debtor"]
    bill.chain = bill.chain[: bill.chain.index(payer) + 1]
    bill.parties["holder"] = payer
    bill.parties["debtor"] = ""
    bill.due = None
    return keep(bills, bill, RecoursePaid)
