"""A bank buys the bill before it is due, and may sell it on to the central bank. Table BILL."""

from chapters.title import (
    fix_payment,
    require_before_due,
    require_nothing_waits,
    require_transferable,
)
from rules.bill_machine import BILL
from rules.bill_records import (
    DiscountAsked,
    Discounted,
    DiscountEnded,
    DiscountOffered,
    DiscountTaken,
    Pooled,
    Rediscounted,
    Unpooled,
    bills,
    describe,
    hand_over,
)
from rules.calendar import day_end_ms, parse_date
from rules.day_count import simple_interest
from rules.instrument import enter, keep, today
from rules.money import half_up
from rules.settlement import prove
from sdk import call, ctx, export, require

RATE_PPM_MAX = 240000  # 24 % a year


@export
def ask_discount(id: str, bank: str, expected_version: int = 0) -> str:
    """The holder asks a bank to buy the bill. Codes: E_NOT_TRANSFERABLE, E_SELF, E_ROLE, E_PARTY."""
    bill = enter(BILL, bills, id, "ask_discount", expected_version)
    require_transferable(bill)
    require(bank != ctx.member, "E_SELF", "nobody discounts his own bill")
    kind = call("party", "check_new_business", bank)["kind"]
    require(kind == "bank", "E_ROLE", "a bank discounts bills")
    bill.parties["endorsee"] = bank
    bill.net_fen = 0
    bill.due = None
    return keep(bills, bill, DiscountAsked)


@export
def offer_discount(id: str, rate_ppm: int, expected_version: int = 0) -> int:
    """The bank's price, for today. Returns the net amount, fen. Codes: E_RATE, E_PREPARED, E_TOO_LATE."""
    bill = enter(BILL, bills, id, "offer_discount", expected_version)
    require_before_due(bill)
    require_nothing_waits(bill)
    require(0 < rate_ppm <= RATE_PPM_MAX, "E_RATE", "above 0 and at most 24 % a year")
    days = parse_date(bill.due_date) - today()
    bill.rate_ppm = rate_ppm
    bill.net_fen = bill.face_fen - half_up(*simple_interest(bill.face_fen, rate_ppm, days))
    require(bill.net_fen > 0, "E_AMOUNT", "nothing would be paid out")
    bill.offer_until_ms = day_end_ms(today())
    keep(bills, bill, DiscountOffered)
    return bill.net_fen


@export
def take_discount(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """The holder agrees and fixes the bank's payment. Codes: E_PREPARED, E_TOO_LATE, E_SALT, E_WALLET."""
    bill = enter(BILL, bills, id, "take_discount", expected_version)
    offered = bill.net_fen > 0 and ctx.time < bill.offer_until_ms
    require(offered, "E_TOO_LATE", "the bank has made no offer today")
    reference = fix_payment(bill, bill.parties["endorsee"], ctx.member, bill.net_fen, salt)
    keep(bills, bill, DiscountTaken)
    return reference


@export
def end_discount(id: str, expected_version: int = 0) -> str:
    bill = enter(BILL, bills, id, "end_discount", expected_version)
    require_nothing_waits(bill)
    bill.parties["endorsee"] = ""
    bill.due = None
    return keep(bills, bill, DiscountEnded)


@export
def settle_discount(id: str, proof: bytes) -> str:
    """Money against the bill, in one step. Codes: E_UNPREPARED, E_PROOF_…"""
    bill = enter(BILL, bills, id, "settle_discount")
    prove(bill.due, proof)
    bill.due = None
    hand_over(bill, bill.parties["endorsee"])
    return keep(bills, bill, Discounted)


@export
def pool(id: str, bank: str) -> dict:
    """Take a discounted bill of this bank into its pool. Codes: E_NOT_PARTY, E_STATE."""
    bill = enter(BILL, bills, id, "pool")
    require(bill.parties["holder"] == bank, "E_NOT_PARTY", "another bank holds this bill")
    keep(bills, bill, Pooled)
    return describe(bill)


@export
def unpool(id: str) -> str:
    return keep(bills, enter(BILL, bills, id, "unpool"), Unpooled)


@export
def rediscounted(id: str) -> str:
    return keep(bills, enter(BILL, bills, id, "rediscounted"), Rediscounted)
