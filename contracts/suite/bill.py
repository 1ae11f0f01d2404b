"""Commercial bill (M6): drawn, accepted, endorsed without a gap, discounted, presented, paid or claimed back.

A bill moves whole; who wants to hand on a part splits it first (Negotiable Instruments Act, BA, art. 33). When
what may happen: `rules.bill_machine`. Amounts are fen; dates are text in China Standard Time.

Invariants: the pieces of a split add up; the chain of signatures has no gap and ends at the holder; a bill is
paid once; a recourse goes back along the chain only.
"""

from rules.bill_machine import (
    BILL,
    ENDORSEMENTS_MAX,
    PAY_BUSINESS_DAYS,
    PIECES_MAX,
)
from rules.bill_records import (
    Accepted,
    Bill,
    DiscountAsked,
    Discounted,
    DiscountEnded,
    DiscountOffered,
    DiscountTaken,
    Dishonoured,
    Drawn,
    Endorsed,
    EndorsementOffered,
    EndorsementRecalled,
    Paid,
    PaymentPrepared,
    Pledged,
    PledgeReleased,
    Pooled,
    Presented,
    RecourseClaimed,
    RecourseDropped,
    RecoursePaid,
    RecoursePrepared,
    Rediscounted,
    Split,
    Unpooled,
    Voided,
    bills,
    describe,
    hand_over,
    require_sight,
)
from rules.calendar import (
    date_of,
    date_text,
    day_at,
    day_end_ms,
    is_date,
    parse_date,
)
from rules.codes import is_code, is_digest
from rules.dated_rules import add_business_days, is_business_day, rule_on
from rules.day_count import simple_interest
from rules.instrument import enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.money import PAYMENT_MAX, half_up, is_amount
from rules.settlement import fix, prove
from sdk import call, ctx, export, require, view

RATE_PPM_MAX = 240000  # 24 % a year
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


# ---- drawing and accepting -----------------------------------------------------------------------


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


# ---- splitting, endorsing, pledging --------------------------------------------------------------


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
    bill = enter(BILL, bills, id, "recall_endorsement", expected_version)
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


# ---- discount ------------------------------------------------------------------------------------


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


# ---- for the rediscount contract -----------------------------------------------------------------


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


# ---- payment and recourse ------------------------------------------------------------------------


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


# ---- views ---------------------------------------------------------------------------------------


@view
def get(id: str) -> dict:
    """Everybody who signed, whoever it is offered to and the regulator see a bill."""
    bill = load(bills, id)
    require_sight(bill)
    return describe(bill)


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(BILL, load(bills, id).state)
