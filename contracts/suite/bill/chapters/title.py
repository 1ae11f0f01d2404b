"""Drawing and accepting a bill, and how its title moves: split, endorsed, pledged. Table BILL."""

from rules.bill_machine import BILL, ENDORSEMENTS_MAX, PIECES_MAX
from rules.bill_records import (
    Accepted,
    Bill,
    Drawn,
    Endorsed,
    EndorsementOffered,
    EndorsementRecalled,
    Pledged,
    PledgeReleased,
    Split,
    Voided,
    bills,
    hand_over,
)
from rules.calendar import date_of, date_text, day_end_ms, is_date, parse_date
from rules.codes import is_code, is_digest
from rules.dated_rules import is_business_day, rule_on
from rules.instrument import enter, keep, require_step, today
from rules.money import PAYMENT_MAX, is_amount
from rules.settlement import fix
from sdk import call, ctx, export, require

PROOF_MARGIN_MS = 86400000  # a payment made in time may be proven one day later


def is_within_tenor(issued: int, due: str) -> bool:
    """The due date is at most the same day as many months on as the rule of the day of issue says."""
    year, month, day = date_of(issued)
    months = month - 1 + rule_on("tenor:bill", issued)["months"]
    latest = (year + months // 12, months % 12 + 1, day)
    return date_of(parse_date(due)) <= latest


def require_nothing_waits(bill):
    """A reference holds for its day; for one more day a payment made in time may still be proven."""
    waits = bill.due is not None and ctx.time <= bill.due.until_ms + PROOF_MARGIN_MS
    require(not waits, "E_PREPARED", "a payment is fixed and may still be proven")


def fix_payment(bill, payer: str, payee: str, amount_fen: int, salt: bytes) -> bytes:
    """The one payment the bill waits for, today. Codes: E_PREPARED, E_SALT, E_WALLET."""
    require_nothing_waits(bill)
    bill.round += 1
    bill.due = fix(bill.id, bill.round, payer, payee, amount_fen, salt, day_end_ms(today()))
    return bill.due.reference


def require_before_due(bill):
    require(today() < parse_date(bill.due_date), "E_TOO_LATE", "the due date has come")


def require_transferable(bill):
    require(bill.is_transferable, "E_NOT_TRANSFERABLE", "the drawer marked it not transferable")
    require(len(bill.chain) < ENDORSEMENTS_MAX, "E_TITLES", "the chain of endorsements is full")
    require_before_due(bill)


@export
def draw(
    id: str, acceptor: str, payee: str, face_fen: int, due_date: str, is_transferable: bool = True
) -> str:
    """A bill on an acceptor in favour of a payee. Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE, E_SELF, E_AMOUNT,
    E_DATE, E_BUSINESS_DAY, E_TENOR, E_PARTY."""
    parts = {"drawer": ctx.member, "acceptor": acceptor, "payee": payee, "holder": "",
             "endorsee": "", "debtor": ""}  # fmt: skip
    require_step(BILL, "-", "draw", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(bills[id] is None, "E_DUPLICATE", "this number is taken")
    require(payee != ctx.member, "E_SELF", "drawer and payee differ")
    require(is_amount(face_fen) and face_fen <= PAYMENT_MAX, "E_AMOUNT", "1 to 2^53 - 1 fen")
    require(is_date(due_date) and parse_date(due_date) > today(), "E_DATE", "due lies ahead")
    open_day = is_business_day(parse_date(due_date))
    require(open_day, "E_BUSINESS_DAY", "a bill falls due on a business day")
    issued = date_text(today())
    in_time = is_within_tenor(today(), due_date)
    require(in_time, "E_TENOR", "longer than the tenor that the rulebook allows a bill")
    for other in (ctx.member, acceptor, payee):
        call("party", "check_new_business", other)
    chain = (ctx.member,)
    bill = Bill(id, parts, face_fen, issued, due_date, is_transferable, chain, state="DRAWN")
    return keep(bills, bill, Drawn)


@export
def cancel(id: str, expected_version: int = 0) -> str:
    return keep(bills, enter(BILL, bills, id, "cancel", expected_version), Voided)


@export
def accept(id: str, expected_version: int = 0) -> str:
    """The acceptor binds itself, without a condition; the payee holds the bill from now on."""
    bill = enter(BILL, bills, id, "accept", expected_version)
    require_before_due(bill)
    bill.chain = (*bill.chain, bill.parties["payee"])
    bill.parties["holder"] = bill.parties["payee"]
    return keep(bills, bill, Accepted)


@export
def split(id: str, amounts: list, expected_version: int = 0) -> list:
    """Pieces BILL/1, BILL/2 … that are bills themselves. Returns their numbers. Codes: E_SPLIT_SUM,
    E_SPLIT_COUNT."""
    bill = enter(BILL, bills, id, "split", expected_version)
    require_before_due(bill)
    require(2 <= len(amounts) <= PIECES_MAX, "E_SPLIT_COUNT", "2 to 16 pieces")
    whole = all(is_amount(amount) for amount in amounts) and sum(amounts) == bill.face_fen
    require(whole, "E_SPLIT_SUM", "the pieces add up to the face")
    numbers = []
    for number, amount in enumerate(amounts, 1):
        piece = Bill(
            f"{id}/{number}", dict(bill.parties), amount, bill.issued, bill.due_date,
            bill.is_transferable, bill.chain, parent=id, state="ACCEPTED",
        )  # fmt: skip
        bills[piece.id] = piece
        numbers.append(piece.id)
    bill.pieces = len(amounts)
    keep(bills, bill, Split)
    return numbers


@export
def offer_endorsement(id: str, to: str, basis: str, expected_version: int = 0) -> str:
    """Hand the bill on, whole. `basis`: digest of the trade beneath. Codes: E_NOT_TRANSFERABLE, E_TITLES,
    E_TOO_LATE, E_SELF, E_TRADE_BASIS, E_PARTY."""
    bill = enter(BILL, bills, id, "offer_endorsement", expected_version)
    require_transferable(bill)
    require(to != ctx.member, "E_SELF", "nobody endorses to himself")
    require(is_digest(basis), "E_TRADE_BASIS", "the trade beneath as a digest")
    call("party", "check_new_business", to)
    bill.parties["endorsee"] = to
    bill.basis = basis
    return keep(bills, bill, EndorsementOffered)


@export
def sign_endorsement(id: str, expected_version: int = 0) -> str:
    bill = enter(BILL, bills, id, "sign_endorsement", expected_version)
    require_before_due(bill)
    hand_over(bill, ctx.member)
    return keep(bills, bill, Endorsed)


@export
def recall_endorsement(id: str, expected_version: int = 0) -> str:
    return recalled(enter(BILL, bills, id, "recall_endorsement", expected_version))


def recalled(bill) -> str:
    bill.parties["endorsee"] = ""
    return keep(bills, bill, EndorsementRecalled)


@export
def pledge(id: str, to: str, expected_version: int = 0) -> str:
    """The bill secures a debt to `to`, who alone lets it go. Codes: E_NOT_TRANSFERABLE, E_SELF, E_PARTY."""
    bill = enter(BILL, bills, id, "pledge", expected_version)
    require_transferable(bill)
    require(to != ctx.member, "E_SELF", "nobody pledges to himself")
    call("party", "check_new_business", to)
    bill.parties["endorsee"] = to
    return keep(bills, bill, Pledged)


@export
def release_pledge(id: str, expected_version: int = 0) -> str:
    bill = enter(BILL, bills, id, "release_pledge", expected_version)
    bill.parties["endorsee"] = ""
    return keep(bills, bill, PledgeReleased)
