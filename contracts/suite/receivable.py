"""Receivable e-credential (M1): a debtor's promise to pay, accepted, split, transferred and settled.

A credential (EC) has a tree of pieces: `EC-2026-SZ-000001` is the root, `EC-2026-SZ-000001/2/1` the first
part of its second part. What may happen when stands in `rules.receivable_machine`; the guards are here.
Disputes, prepayment, guarantee calls and recourse are the contract `remedy`, which moves pieces by this table.

Invariants, held by every method: I1 leaf amounts add up to the face. I2 a leaf has exactly one holder.
I3 an issuer's debt stays within its credit line. I4 a piece with a lien neither splits nor moves.
I5 credentials never exceed the invoices beneath them. I6 a PAID leaf stays PAID, and I8 nothing moves
after CLOSED, unless the payee gives money back (`on_reverse`). I7 depth is bounded.
Amounts are fen; dates are text `2027-05-20` in China Standard Time.
"""

from rules.calendar import date_of, date_text, day_at, day_end_ms, is_date, parse_date
from rules.codes import is_digest
from rules.dated_rules import add_business_days, is_business_day, rule_on
from rules.machine import moves_from, row_for
from rules.money import PAYMENT_MAX, is_amount
from rules.oversight import supervise
from rules.persons import require_contract, require_trader
from rules.receivable_issue import (
    back_with_invoices,
    release_backing,
    require_active,
    require_wallet,
)
from rules.receivable_machine import (
    ACCEPT_BUSINESS_DAYS,
    CREDENTIAL,
    CUT_OFF_BUSINESS_DAYS,
    DEPTH_MAX,
    PIECE,
    PIECES_MAX,
    TRANSFER_BUSINESS_DAYS,
    TRANSFER_KYC_LEVEL,
)
from rules.receivable_payments import (
    amount_due,
    apply_payment,
    fix_payment,
    owe_again,
    reinstate,
    settle,
)
from rules.receivable_records import (
    Credential,
    Piece,
    advance,
    book,
    change_holder,
    credentials,
    describe,
    facts_of,
    has_lien,
    held,
    load_credential,
    load_piece,
    may_see,
    own_branches,
    page_of_pieces,
    payments,
    pieces,
    principal_due,
    serials,
    settled_for,
    store_leaf,
    take_title,
    terms,
    whole_tree,
)
from sdk import Event, call, ctx, export, require, view

Drafted = Event("EC.Drafted")
Offered = Event("EC.Offered")
TenorWarned = Event("EC.TenorWarned")
Voided = Event("EC.Voided")
Accepted = Event("EC.Accepted")
Rejected = Event("EC.Rejected")
OfferExpired = Event("EC.OfferExpired")
Split = Event("EC.Split")
TransferOffered = Event("EC.TransferOffered")
Transferred = Event("EC.Transferred")
TransferDeclined = Event("EC.TransferDeclined")
LeafReserved = Event("EC.Reserved")
Freed = Event("EC.Freed")
Locked = Event("EC.Locked")
Unlocked = Event("EC.Unlocked")
Assigned = Event("EC.Assigned")
Due = Event("EC.Due")
Overdue = Event("EC.Overdue")
Closed = Event("EC.Closed")
Guaranteed = Event("EC.Guaranteed")
Frozen = Event("Reg.Frozen")
Released = Event("Reg.Released")


# ---- drawing up, offering, accepting -------------------------------------------------------------


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


# ---- splitting and transferring ------------------------------------------------------------------


@export
def split(leaf_id: str, amounts: list[int], expected_version: int = 0) -> list:
    """Cut a leaf into parts that stay with its holder. Returns their ids: leaf_id/1, leaf_id/2, …"""
    piece = load_piece(leaf_id)
    require_trader(piece.holder, "the holder")
    advance(PIECE, piece, "split", expected_version)
    require_active()
    require(not has_lien(piece), "E_LIEN", "a piece under a lien cannot be split")
    require(2 <= len(amounts) <= PIECES_MAX, "E_SPLIT_COUNT", "a split makes 2 to 16 parts")
    require(all(is_amount(a) for a in amounts), "E_AMOUNT", "a part is a positive number of fen")
    require(sum(amounts) == piece.amount_fen, "E_SPLIT_SUM", "the parts do not add up to the piece")
    ec = load_credential(piece.ec_id)
    splittable = ec.splittable and piece.reduced_fen == 0
    require(splittable, "E_TERMS", "terms, or a decision on this leaf, do not let it be split")
    require(min(amounts) >= ec.min_piece_fen, "E_PIECE_MIN", "smaller than the terms allow")
    require(piece.depth < ec.depth_max, "E_DEPTH", "the tree is as deep as it may be")
    ids = []
    for number, amount in enumerate(amounts):
        part = Piece(f"{leaf_id}/{number + 1}", piece.ec_id, leaf_id, piece.holder, amount,
                     piece.depth + 1)  # fmt: skip
        part.financed = piece.financed
        part.titles = piece.titles
        store_leaf(part)
        ids.append(part.leaf_id)
    piece.children = len(ids)
    held.delete((piece.holder, leaf_id))
    pieces[leaf_id] = piece
    Split(leaf_id=leaf_id, parts=ids, amounts=amounts, version=piece.version)
    return ids


@export
def offer_transfer(leaf_id: str, to: str, basis: str, expected_version: int = 0) -> int:
    """Offer a leaf as payment for goods. `basis`: digest of the new holder's invoice to the old one.

    Returns until when the offer stands (ms).
    """
    piece = load_piece(leaf_id)
    require_trader(piece.holder, "the holder")
    advance(PIECE, piece, "offer_transfer", expected_version)
    require_active()
    require(not has_lien(piece), "E_LIEN", "a piece under a lien cannot be transferred")
    require(to != piece.holder, "E_SELF", "the new holder is another party")
    taker = call("party", "check_new_business", to)
    known = taker["kyc_level"] >= TRANSFER_KYC_LEVEL
    require(known, "E_KYC_LEVEL", "the new holder's customer check is too light for a transfer")
    ec = load_credential(piece.ec_id)
    require(ec.transferable, "E_TERMS", "the terms do not let it be transferred")
    due_day = parse_date(ec.due_date)
    cut_off_ms = day_end_ms(add_business_days(due_day, -CUT_OFF_BUSINESS_DAYS))
    require(ctx.time < cut_off_ms, "E_CUT_OFF", "too close to the due date")
    supervise("receivable.transfer", leaf_id, piece.holder, to, principal_due(piece))
    call("invoice_registry", "draw", basis, principal_due(piece), to, piece.holder)
    window_ms = day_end_ms(add_business_days(day_at(ctx.time), TRANSFER_BUSINESS_DAYS))
    piece.offered_to = to
    piece.basis = basis
    piece.offer_until_ms = min(window_ms, cut_off_ms)
    pieces[leaf_id] = piece
    TransferOffered(leaf_id=leaf_id, to=to, version=piece.version)
    return piece.offer_until_ms


def end_offer(piece):
    """The offer came to nothing: the invoice behind it is free again, the holder stays."""
    call("invoice_registry", "restore", piece.basis, principal_due(piece), piece.offered_to)
    TransferDeclined(leaf_id=piece.leaf_id, by=ctx.member, version=piece.version)
    piece.offered_to = ""
    piece.basis = ""
    pieces[piece.leaf_id] = piece


@export
def accept_transfer(leaf_id: str, expected_version: int = 0) -> str:
    piece = load_piece(leaf_id)
    if piece.state == "TRANSFER_PENDING":
        require_trader(piece.offered_to, "the party it is offered to")
    advance(PIECE, piece, "accept_transfer", expected_version)
    require_active()
    call("party", "check_member", piece.holder)
    require_wallet()
    require(ctx.time < piece.offer_until_ms, "E_EXPIRED", "the offer has run out")
    previous = piece.holder
    piece.offered_to = ""
    take_title(piece, load_credential(piece.ec_id).recourse)
    change_holder(piece, ctx.member)
    Transferred(leaf_id=leaf_id, previous=previous, holder=ctx.member, version=piece.version)
    return piece.holder


@export
def decline_transfer(leaf_id: str, expected_version: int = 0) -> str:
    piece = load_piece(leaf_id)
    if piece.state == "TRANSFER_PENDING":
        require_trader(piece.offered_to, "the party it is offered to")
    advance(PIECE, piece, "decline_transfer", expected_version)
    end_offer(piece)
    return piece.holder


@export
def recall_transfer(leaf_id: str, expected_version: int = 0) -> str:
    piece = load_piece(leaf_id)
    require_trader(piece.holder, "the holder")
    advance(PIECE, piece, "recall_transfer", expected_version)
    end_offer(piece)
    return piece.holder


@export
def expire_transfer(leaf_id: str) -> str:
    piece = load_piece(leaf_id)
    advance(PIECE, piece, "expire_transfer")
    require(ctx.time >= piece.offer_until_ms, "E_TOO_EARLY", "the offer still stands")
    end_offer(piece)
    return piece.holder


# ---- financing: only the financing contract may call these ---------------------------------------


def financed_piece(leaf_id: str, move: str, lien: str):
    """The piece for a step of the financing that holds its lien."""
    require_contract("financing")
    piece = load_piece(leaf_id)
    advance(PIECE, piece, move)
    require(piece.lien == lien, "E_LIEN", "another financing holds this piece")
    return piece


@export
def reserve(leaf_id: str, holder: str, lien: str, until_ms: int) -> dict:
    """Put a lien on a leaf while its holder looks for money. Returns what a bank must know to quote."""
    require_contract("financing")
    piece = load_piece(leaf_id)
    advance(PIECE, piece, "reserve")
    require(piece.holder == holder, "E_NOT_PARTY", "only the holder may ask for financing")
    require(
        not has_lien(piece) or piece.lien == lien, "E_LIEN", "another financing holds this piece"
    )
    require(not piece.financed, "E_FINANCED", "this piece is financed already")
    ec = load_credential(piece.ec_id)
    free_by_ms = day_end_ms(parse_date(ec.due_date) - 1)
    # a piece still locked on its due date could not be paid, and would become overdue
    require(until_ms < free_by_ms, "E_CUT_OFF", "too close to the due date")
    piece.lien = lien
    piece.lien_until_ms = until_ms
    pieces[leaf_id] = piece
    LeafReserved(leaf_id=leaf_id, version=piece.version)
    return {"amount_fen": principal_due(piece), "due_date": ec.due_date, "debtor": ec.issuer}


@export
def free(leaf_id: str, lien: str) -> bool:
    """Take the lien off again. False when it has run out and the leaf went another way meanwhile."""
    require_contract("financing")
    piece = load_piece(leaf_id)
    if piece.lien != lien or piece.state != "ACTIVE":
        return False
    piece.version += 1
    piece.lien = ""
    pieces[leaf_id] = piece
    Freed(leaf_id=leaf_id, version=piece.version)
    return True


@export
def lock(leaf_id: str, lien: str) -> bool:
    """Hold the leaf while the bank pays: from here it moves to the bank or back, nowhere else."""
    piece = financed_piece(leaf_id, "lock", lien)
    require(has_lien(piece), "E_LIEN", "the lien has run out")
    pieces[leaf_id] = piece
    Locked(leaf_id=leaf_id, version=piece.version)
    return True


@export
def unlock(leaf_id: str, lien: str) -> bool:
    piece = financed_piece(leaf_id, "unlock", lien)
    piece.lien = ""
    pieces[leaf_id] = piece
    Unlocked(leaf_id=leaf_id, version=piece.version)
    return True


@export
def hand_over(leaf_id: str, lien: str, holder: str, recourse: bool = False) -> bool:
    """The leaf changes hands and stays held: to the bank against a preimage, or back with its money."""
    piece = financed_piece(leaf_id, "hand_over", lien)
    previous = piece.holder
    if piece.titles and piece.titles[-1][0] == holder:
        piece.titles = piece.titles[:-1]
    else:
        take_title(piece, recourse)
    change_holder(piece, holder)
    Assigned(leaf_id=leaf_id, previous=previous, holder=holder, version=piece.version)
    return True


@export
def assign_to_financier(leaf_id: str, lien: str, bank: str, recourse: bool = False) -> bool:
    """The money has been paid: the leaf is the bank's. recourse: the borrower answers for it."""
    piece = financed_piece(leaf_id, "assign_to_financier", lien)
    previous = piece.holder
    piece.lien = ""
    piece.financed = True
    if previous != bank:
        take_title(piece, recourse)
    change_holder(piece, bank)
    Assigned(leaf_id=leaf_id, previous=previous, holder=bank, version=piece.version)
    return True


# ---- remedies: only the contract `remedy` may call these -----------------------------------------


@export
def remedy_move(
    leaf_id: str, move: str, expected_version: int = 0, to: str = "", owed_fen: int = -1
) -> dict:
    """Take a step of the table for a remedy. Returns what the remedy must know of the leaf.

    to: who paid for the debtor and takes the leaf. owed_fen: what stays owed, where a step decides that.
    """
    require_contract("remedy")
    piece = load_piece(leaf_id)
    came_from = piece.state
    advance(PIECE, piece, f"remedy.{move}", expected_version)
    if piece.state == "DISPUTED" and came_from == "DISPUTED":
        piece.state = piece.before
    piece.before = came_from if piece.state == "DISPUTED" else ""
    pieces[leaf_id] = piece
    if to:
        piece.satisfied = (*piece.satisfied, piece.holder)[-DEPTH_MAX:]
        if move == "record_recourse_payment":
            piece.titles = piece.titles[:-1]
        change_holder(piece, to)
    if piece.state in ("PAID", "VOID"):
        held.delete((piece.holder, leaf_id))
    if owed_fen >= 0:
        off = principal_due(piece) - owed_fen
        require(off >= 0, "E_AMOUNT", "a decision takes off, it adds nothing")
        book(piece, *((off, 0) if piece.state == "PAID" else (0, off)))
    return remedy_facts(leaf_id)


@export
def reopen_prepaid(leaf_id: str, owed_fen: int) -> bool:
    """A prepayment was given back, and the remedy contract has seen the proof."""
    require_contract("remedy")
    owe_again(load_piece(leaf_id), owed_fen)
    return True


@view
def remedy_facts(leaf_id: str) -> dict:
    """What the remedy contract must know of a leaf; nobody else may ask."""
    require_contract("remedy")
    piece = load_piece(leaf_id)
    ec = load_credential(piece.ec_id)
    former, answers = piece.titles[-1] if piece.titles else ("", False)
    return {
        "state": piece.state,
        "holder": piece.holder,
        "issuer": ec.issuer,
        "guarantor": ec.guarantor if ec.guaranteed else "",
        "former": former if answers else "",
        "has_lien": has_lien(piece),
        "principal_fen": principal_due(piece),
        "due_fen": amount_due(piece, ec),
        "due_date": ec.due_date,
        "version": piece.version,
    }


# ---- orders: only the regulator contract may call these ------------------------------------------


@export
def freeze(leaf_id: str, order: str) -> int:
    """An order holds the leaf where it is. A payment proven meanwhile is recorded and waits."""
    require_contract("regulator")
    piece = load_piece(leaf_id)
    piece.frozen_from = piece.state
    advance(PIECE, piece, "freeze")
    pieces[leaf_id] = piece
    Frozen(leaf_id=leaf_id, order=order, version=piece.version)
    return piece.version


@export
def unfreeze(leaf_id: str, order: str) -> int:
    """The state before returns; a payment received meanwhile now counts."""
    require_contract("regulator")
    piece = load_piece(leaf_id)
    advance(PIECE, piece, "unfreeze")
    piece.state = piece.frozen_from
    piece.frozen_from = ""
    number = piece.held_payment
    piece.held_payment = 0
    pieces[leaf_id] = piece
    Released(leaf_id=leaf_id, order=order, version=piece.version)
    if number:
        apply_payment(piece, payments[(leaf_id, number)])
    return piece.version


@view
def leaves_of(member: str, after: str, limit: int) -> list:
    """Leaves that a member holds after an id, with their states: what an order on it reaches."""
    require_contract("regulator")
    start = (member, after) if after else None
    return [(key[1], load_piece(key[1]).state) for key, _ in held.scan((member,), start, limit)]


# ---- maturity ------------------------------------------------------------------------------------


@export
def due(leaf_id: str) -> str:
    piece = load_piece(leaf_id)
    advance(PIECE, piece, "due")
    due_day = parse_date(load_credential(piece.ec_id).due_date)
    require(day_at(ctx.time) >= due_day, "E_TOO_EARLY", "the due date has not come")
    pieces[leaf_id] = piece
    Due(leaf_id=leaf_id, version=piece.version)
    return piece.state


@export
def mark_overdue(leaf_id: str) -> str:
    piece = load_piece(leaf_id)
    advance(PIECE, piece, "mark_overdue")
    due_day = parse_date(load_credential(piece.ec_id).due_date)
    require(day_at(ctx.time) > due_day, "E_TOO_EARLY", "the due date has not passed")
    pieces[leaf_id] = piece
    Overdue(leaf_id=leaf_id, version=piece.version)
    return piece.state


@export
def prepare_payment(
    leaf_id: str, salt: bytes, expected_version: int = 0, amount_fen: int = 0
) -> dict:
    """The issuer fixes what it will pay, to whom and under which reference, before it pays.

    Stands until the end of the day, because the amount grows by the penalty. `salt`: 16 to 32 random bytes.
    amount_fen: a part of what is due, penalty first; 0 for all.
    """
    piece = load_piece(leaf_id)
    ec = load_credential(piece.ec_id)
    require_trader(ec.issuer, "the issuer")
    advance(PIECE, piece, "prepare_payment", expected_version)
    return fix_payment(piece, ec, salt, amount_fen)


@export
def record_payment(leaf_id: str, proof: bytes, instalment: int = 0) -> str:
    """Anyone brings the proof that the money's own ledger paid the leaf's holder. Returns the state."""
    piece = load_piece(leaf_id)
    settle(piece, instalment, proof)
    return piece.state


@export
def on_reverse(leaf_id: str, instalment: int, proof: bytes) -> int:
    """Anyone brings the proof that the payee gave a payment back. Returns what is owed again (fen)."""
    piece = load_piece(leaf_id)
    row = row_for(PIECE, piece.state, "on_reverse")
    if piece.paid_fen > 0:
        row = row or row_for(PIECE, piece.state, "on_reverse_part")
    require(row is not None, "E_STATE", f"on_reverse is not possible in state {piece.state}")
    return reinstate(piece, instalment, proof)


@export
def close(ec_id: str) -> str:
    ec = load_credential(ec_id)
    advance(CREDENTIAL, ec, "close")
    settled = ec.paid_fen + ec.reduced_fen == ec.face_fen
    require(settled, "E_UNPAID", "a leaf is not paid yet")
    credentials[ec_id] = ec
    Closed(ec_id=ec_id, version=ec.version)
    return ec.state


# ---- views ---------------------------------------------------------------------------------------


@view
def get(ec_id: str) -> dict:
    """The terms: what everyone who takes a piece must know."""
    return terms(load_credential(ec_id))


@view
def get_piece(leaf_id: str) -> dict:
    """One piece, for those whom it concerns: its branch, the debtor once it is due, a regulator."""
    found = load_piece(leaf_id)
    require(may_see(found), "E_NOT_PARTY", "this piece is not yours to see")
    return describe(found)


@view
def is_settled(leaf_id: str, member: str = "") -> bool:
    """Whether this piece is paid, itself or through its parts; or somebody paid this member for it."""
    return settled_for(load_piece(leaf_id), member)


@view
def tree(ec_id: str) -> list:
    """The pieces the asking member may see: a regulator all, others their own branches.

    A branch: pieces you hold or held, the path from the root to them, and the parts you made.
    """
    everything = whole_tree(ec_id)
    if "regulator" not in ctx.roles:
        everything = own_branches(everything, ctx.member)
    return [describe(found) for found in everything]


@view
def invariants(ec_id: str) -> dict:
    """Facts about the whole tree that hold in every state, counted anew (I1, I2, I3, I7)."""
    return facts_of(load_credential(ec_id), whole_tree(ec_id))


@view
def my_leaves(after: str = "", limit: int = 100) -> list:
    """Leaves the asking member holds, in order, after the given id."""
    return list_pieces(ctx.member, "", after, limit)


@view
def list_pieces(holder: str = "", state: str = "", after: str = "", limit: int = 50) -> list:
    """Pieces by index, in the order of their ids, after the given id: of a holder, of a state, or both.

    A member lists its own, a regulator anybody's. Without a state a holder's leaves that are not paid.
    """
    supervises = "regulator" in ctx.roles
    who = holder if supervises else holder or ctx.member
    allowed = supervises or (who != "" and who == ctx.member)
    require(allowed, "E_NOT_PARTY", "list your own pieces")
    found = page_of_pieces(who, state, after, min(max(limit, 1), 200))
    return [describe(piece) for piece in found]


@view
def list_credentials(state: str = "", first_holder: bool = False, after: str = "") -> list:
    """Credentials of a state that the asking member issued, or is the first holder of; 50 at a time. A
    regulator lists everybody's."""
    if "regulator" in ctx.roles:
        at = after or None
        if state:
            found = credentials.by("state", state, after=at, limit=50)
        else:
            found = credentials.scan(None, at, 50)
        return [terms(ec) for _, ec in found]
    part = "first_holder" if first_holder else "issuer"
    place = (credentials[after].state, after) if after and not state else after or None
    fixed = (ctx.member, state) if state else (ctx.member,)
    return [terms(ec) for _, ec in credentials.by((part, "state"), *fixed, after=place, limit=50)]


@view
def next_steps(identifier: str) -> list:
    """What may happen to a credential or a piece now: call, who, guard, to."""
    found = pieces[identifier]
    steps = [] if found is None else moves_from(PIECE, found.state)
    ec = credentials[identifier]
    return steps if ec is None else moves_from(CREDENTIAL, ec.state) + steps
