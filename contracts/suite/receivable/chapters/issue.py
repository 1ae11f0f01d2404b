"""Drawing a credential up, offering it, and taking it: from DRAFT to ACCEPTED, or to VOID.

Table CREDENTIAL of `rules.receivable_machine`.
"""

from rules.calendar import date_of, date_text, day_at, day_end_ms, is_date, parse_date
from rules.codes import is_digest
from rules.dated_rules import add_business_days, is_business_day, rule_on
from rules.money import PAYMENT_MAX, is_amount
from rules.oversight import supervise
from rules.persons import require_trader
from rules.receivable_issue import (
    back_with_invoices,
    release_backing,
    require_active,
    require_wallet,
)
from rules.receivable_machine import ACCEPT_BUSINESS_DAYS, CREDENTIAL, DEPTH_MAX
from rules.receivable_records import (
    Credential,
    Piece,
    advance,
    credentials,
    load_credential,
    serials,
    store_leaf,
)
from sdk import Event, call, ctx, export, require

Drafted = Event("EC.Drafted")
Offered = Event("EC.Offered")
TenorWarned = Event("EC.TenorWarned")
Voided = Event("EC.Voided")
Accepted = Event("EC.Accepted")
Rejected = Event("EC.Rejected")
OfferExpired = Event("EC.OfferExpired")
Guaranteed = Event("EC.Guaranteed")


@export
def draft(
    first_holder: str, paying_bank: str, face_fen: int, due_date: str, invoices: list[str],
    clause_hash: str, min_piece_fen: int = 1, penalty_daily_bps: int = 5, recourse: bool = False,
    guarantor: str = "", transferable: bool = True, splittable: bool = True,
    depth_max: int = 8, purpose: str = "",
) -> str:  # fmt: skip
    """Draw a credential up. Returns its number, EC-2026-SZ-000001.

    invoices: digests of invoices that the first holder lodged against the issuer. recourse: who transfers a
    leaf answers for its payment. guarantor: must sign before the first holder accepts. Codes: E_ROLE,
    E_PARTY, E_KYC_EXPIRED, E_SELF, E_AMOUNT, E_DATE, E_DIGEST, E_LIMIT, E_NOT_FOUND, E_TRADE_BASIS,
    E_UNDERLYING, E_DEPTH, E_TEXT.
    """
    require("maker" in ctx.roles, "E_ROLE", "a maker of the issuer draws up")
    issuer = call("party", "check_new_business", ctx.member)
    require(first_holder != ctx.member, "E_SELF", "nobody promises to pay himself")
    call("party", "check_new_business", first_holder)
    call("party", "check_member", paying_bank)
    # twice the face is the room for penalties: a debt that no payment can carry would never end
    payable = is_amount(face_fen) and 2 * face_fen <= PAYMENT_MAX
    require(payable, "E_AMOUNT", "a face amount is positive and can be paid with its penalties")
    require(0 < min_piece_fen <= face_fen, "E_AMOUNT", "the smallest piece is within the face")
    require(0 <= penalty_daily_bps <= 100, "E_AMOUNT", "a daily penalty is 0 to 100 basis points")
    require(is_date(due_date), "E_DATE", "a date is written YYYY-MM-DD")
    require(is_digest(clause_hash), "E_DIGEST", "a digest is 64 lower-case hex digits")
    require(1 <= depth_max <= DEPTH_MAX, "E_DEPTH", "a tree is 1 to 8 levels deep")
    require(len(purpose) <= 100, "E_TEXT", "a purpose is at most 100 characters")
    if guarantor:
        require(guarantor not in (ctx.member, first_holder), "E_SELF", "another party guarantees")
        call("party", "check_new_business", guarantor)
    call("credit_line", "draw", ctx.member, paying_bank, face_fen)
    backing = back_with_invoices(first_holder, face_fen, invoices)
    year = date_of(day_at(ctx.time))[0]
    serials[(year, issuer["city"])] += 1
    ec_id = f"EC-{year}-{issuer['city']}-{serials[(year, issuer['city'])]:06d}"
    credentials[ec_id] = Credential(
        ec_id, ctx.member, first_holder, paying_bank, face_fen, due_date, min_piece_fen,
        penalty_daily_bps, clause_hash, backing, ctx.sender, recourse=recourse,
        guarantor=guarantor, transferable=transferable, splittable=splittable,
        depth_max=depth_max, purpose=purpose,
    )  # fmt: skip
    Drafted(ec_id=ec_id, issuer=ctx.member, version=1)
    return ec_id


@export
def sign(ec_id: str, expected_version: int = 0) -> list:
    """A checker of the issuer, not the maker, offers it. Returns warnings, E_TENOR_WARN or none."""
    ec = load_credential(ec_id)
    require(ctx.member == ec.issuer, "E_NOT_PARTY", "only the issuer may sign")
    require("checker" in ctx.roles, "E_ROLE", "a checker of the issuer signs")
    require(ctx.sender != ec.maker, "E_FOUR_EYES", "the maker cannot sign")
    require_active()
    advance(CREDENTIAL, ec, "sign", expected_version)
    today, due_day = day_at(ctx.time), parse_date(ec.due_date)
    require(due_day > today, "E_DATE", "the due date lies ahead")
    cap = rule_on("tenor:receivable", today)
    longest = cap["hard_days"]
    require(due_day - today <= longest, "E_TENOR_HARD", f"a tenor is at most {longest} days")
    require(is_business_day(due_day), "E_BUSINESS_DAY", "the due date is a business day")
    tenor = due_day - today
    supervise("receivable.sign", ec_id, ec.issuer, ec.first_holder, ec.face_fen, tenor)
    ec.issue_date = date_text(today)
    window = add_business_days(today, ACCEPT_BUSINESS_DAYS)
    ec.offer_until_ms = day_end_ms(min(window, due_day))  # taken later it would be overdue at once
    credentials[ec_id] = ec
    Offered(ec_id=ec_id, to=ec.first_holder, version=ec.version)
    if due_day - today <= cap["warn_days"]:
        return []
    TenorWarned(ec_id=ec_id, code="E_TENOR_WARN", days=due_day - today)
    return ["E_TENOR_WARN"]


@export
def guarantee(ec_id: str, expected_version: int = 0) -> bool:
    """The guarantor named in the terms promises to pay each leaf that becomes overdue."""
    ec = load_credential(ec_id)
    require(ctx.member == ec.guarantor, "E_NOT_PARTY", "only the guarantor may do this")
    require("checker" in ctx.roles, "E_ROLE", "a checker of the guarantor signs")
    advance(CREDENTIAL, ec, "guarantee", expected_version)
    call("party", "check_new_business", ctx.member)
    require(not ec.guaranteed, "E_CONSENTED", "signed already")
    ec.guaranteed = True
    credentials[ec_id] = ec
    Guaranteed(ec_id=ec_id, by=ctx.member, version=ec.version)
    return True


@export
def cancel(ec_id: str, expected_version: int = 0) -> str:
    ec = load_credential(ec_id)
    require_trader(ec.issuer, "the issuer")
    advance(CREDENTIAL, ec, "cancel", expected_version)
    release_backing(ec)
    credentials[ec_id] = ec
    Voided(ec_id=ec_id, version=ec.version)
    return ec.state


@export
def accept(ec_id: str, expected_version: int = 0) -> str:
    """The first holder takes it: the root becomes a leaf of his. Returns the leaf's id."""
    ec = load_credential(ec_id)
    require_trader(ec.first_holder, "the first holder")
    advance(CREDENTIAL, ec, "accept", expected_version)
    require_active()
    call("party", "check_member", ec.issuer)
    require_wallet()
    require(ctx.time < ec.offer_until_ms, "E_EXPIRED", "the offer has run out")
    signed = ec.guaranteed or ec.guarantor == ""
    require(signed, "E_GUARANTEE", "the guarantor has not signed yet")
    credentials[ec_id] = ec
    store_leaf(Piece(ec_id, ec_id, "", ec.first_holder, ec.face_fen, 1))
    Accepted(
        ec_id=ec_id, issuer=ec.issuer, holder=ec.first_holder, amount_fen=ec.face_fen,
        version=ec.version,
    )  # fmt: skip
    return ec_id


@export
def reject(ec_id: str, reason: str, expected_version: int = 0) -> str:
    """No one is forced to take a credential instead of money."""
    ec = load_credential(ec_id)
    require_trader(ec.first_holder, "the first holder")
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    advance(CREDENTIAL, ec, "reject", expected_version)
    release_backing(ec)
    credentials[ec_id] = ec
    Rejected(ec_id=ec_id, reason=reason, version=ec.version)
    return ec.state


@export
def expire(ec_id: str) -> str:
    ec = load_credential(ec_id)
    advance(CREDENTIAL, ec, "expire")
    require(ctx.time >= ec.offer_until_ms, "E_TOO_EARLY", "the offer still stands")
    release_backing(ec)
    credentials[ec_id] = ec
    OfferExpired(ec_id=ec_id, version=ec.version)
    return ec.state
