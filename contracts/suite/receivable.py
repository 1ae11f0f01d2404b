"""Receivable e-credential (M1): a debtor's promise to pay, accepted, split, transferred and settled.

A credential (EC) has a tree of pieces: `EC-2026-SZ-000001` is the root, `EC-2026-SZ-000001/2/1` the first
part of its second part. What may happen when stands in `rules.receivable_machine`; the guards are here.

Invariants, held by every method: I1 leaf amounts add up to the face. I2 a leaf has exactly one holder.
I3 an issuer's outstanding debt stays within its limit. I4 a piece with a lien neither splits nor moves.
I5 credentials never exceed the invoices beneath them. I6 a PAID leaf stays PAID, and
I8 nothing moves after CLOSED, unless the payee gives money back (`on_reverse`). I7 depth is bounded.
Amounts are fen; dates are text `2027-05-20` in China Standard Time.
"""

from rules.calendar import (
    add_business_days,
    date_of,
    date_text,
    day_at,
    day_end_ms,
    is_business_day,
    is_date,
    parse_date,
)
from rules.codes import is_digest
from rules.instrument import require_trader
from rules.machine import moves_from, row_for
from rules.money import PAYMENT_MAX, is_amount
from rules.receivable_issue import (
    back_with_invoices,
    release_backing,
    require_active,
    require_contract,
    require_wallet,
)
from rules.receivable_machine import (
    ACCEPT_BUSINESS_DAYS,
    CREDENTIAL,
    CUT_OFF_BUSINESS_DAYS,
    DEPTH_MAX,
    PIECE,
    PIECES_MAX,
    TENOR_HARD_DAYS,
    TENOR_WARN_DAYS,
    TRANSFER_BUSINESS_DAYS,
)
from rules.receivable_payments import fix_payment, reinstate, settle
from rules.receivable_records import (
    Credential,
    Piece,
    advance,
    change_holder,
    credentials,
    describe,
    facts_of,
    has_lien,
    held,
    limit_proposals,
    limits,
    load_credential,
    load_piece,
    may_see,
    outstanding,
    own_branches,
    pieces,
    serials,
    store_leaf,
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
LimitApproved = Event("EC.LimitApproved")


# ---- credit limits -------------------------------------------------------------------------------


@export
def propose_limit(issuer: str, limit_fen: int) -> bool:
    """A maker of the paying bank puts a credit limit for an issuer forward."""
    require("maker" in ctx.roles, "E_ROLE", "a maker of the bank proposes")
    bank = call("party", "check_member", ctx.member)
    require(bank["kind"] == "bank", "E_ROLE", "only a bank gives credit limits")
    require(is_amount(limit_fen), "E_AMOUNT", "a limit is a positive number of fen")
    limit_proposals[(issuer, ctx.member)] = (limit_fen, ctx.sender)
    return True


@export
def approve_limit(issuer: str, limit_fen: int) -> bool:
    """A checker of the same bank, another person, makes exactly this limit count."""
    require("checker" in ctx.roles, "E_ROLE", "a checker of the bank approves")
    require_active()
    key = (issuer, ctx.member)
    proposal = limit_proposals[key]
    require(proposal is not None and proposal[0] == limit_fen, "E_NOT_FOUND", "no such proposal")
    require(proposal[1] != ctx.sender, "E_FOUR_EYES", "the maker cannot approve")
    require(outstanding[key] <= limit_fen, "E_LIMIT", "more than that is outstanding")
    limits[key] = limit_fen
    limit_proposals.delete(key)
    LimitApproved(issuer=issuer, bank=ctx.member)
    return True


# ---- drawing up, offering, accepting -------------------------------------------------------------


@export
def draft(
    first_holder: str, paying_bank: str, face_fen: int, due_date: str, invoices: list[str],
    clause_hash: str, min_piece_fen: int = 1, penalty_daily_bps: int = 5,
) -> str:  # fmt: skip
    """Draw a credential up. Returns its number, EC-2026-SZ-000001.

    invoices: digests of invoices that the first holder lodged against the issuer. Codes: E_ROLE, E_PARTY,
    E_KYC_EXPIRED, E_SELF, E_AMOUNT, E_DATE, E_DIGEST, E_LIMIT, E_NOT_FOUND, E_TRADE_BASIS, E_UNDERLYING.
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
    key = (ctx.member, paying_bank)
    require(outstanding[key] + face_fen <= limits[key], "E_LIMIT", "the credit limit is too small")
    outstanding[key] += face_fen
    backing = back_with_invoices(first_holder, face_fen, invoices)
    year = date_of(day_at(ctx.time))[0]
    serials[(year, issuer["city"])] += 1
    ec_id = f"EC-{year}-{issuer['city']}-{serials[(year, issuer['city'])]:06d}"
    credentials[ec_id] = Credential(
        ec_id, ctx.member, first_holder, paying_bank, face_fen, due_date, min_piece_fen,
        penalty_daily_bps, clause_hash, backing, ctx.sender,
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
    require(due_day - today <= TENOR_HARD_DAYS, "E_TENOR_HARD", "a tenor is at most 366 days")
    require(is_business_day(due_day), "E_BUSINESS_DAY", "the due date is a business day")
    ec.issue_date = date_text(today)
    window = add_business_days(today, ACCEPT_BUSINESS_DAYS)
    ec.offer_until_ms = day_end_ms(min(window, due_day))  # taken later it would be overdue at once
    credentials[ec_id] = ec
    Offered(ec_id=ec_id, to=ec.first_holder, version=ec.version)
    if due_day - today <= TENOR_WARN_DAYS:
        return []
    TenorWarned(ec_id=ec_id, code="E_TENOR_WARN", days=due_day - today)
    return ["E_TENOR_WARN"]


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
    credentials[ec_id] = ec
    store_leaf(Piece(ec_id, ec_id, "", ec.first_holder, ec.face_fen, 1))
    Accepted(ec_id=ec_id, holder=ec.first_holder, version=ec.version)
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
    smallest = load_credential(piece.ec_id).min_piece_fen
    require(min(amounts) >= smallest, "E_PIECE_MIN", "a part is smaller than the terms allow")
    require(piece.depth < DEPTH_MAX, "E_DEPTH", "the tree is as deep as it may be")
    ids = []
    for number, amount in enumerate(amounts):
        part = Piece(f"{leaf_id}/{number + 1}", piece.ec_id, leaf_id, piece.holder, amount,
                     piece.depth + 1)  # fmt: skip
        part.financed = piece.financed
        store_leaf(part)
        ids.append(part.leaf_id)
    piece.children = len(ids)
    held.delete((piece.holder, leaf_id))
    pieces[leaf_id] = piece
    Split(leaf_id=leaf_id, parts=ids, version=piece.version)
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
    call("party", "check_new_business", to)
    due_day = parse_date(load_credential(piece.ec_id).due_date)
    cut_off_ms = day_end_ms(add_business_days(due_day, -CUT_OFF_BUSINESS_DAYS))
    require(ctx.time < cut_off_ms, "E_CUT_OFF", "too close to the due date")
    call("invoice_registry", "draw", basis, piece.amount_fen, to, piece.holder)
    window_ms = day_end_ms(add_business_days(day_at(ctx.time), TRANSFER_BUSINESS_DAYS))
    piece.offered_to = to
    piece.basis = basis
    piece.offer_until_ms = min(window_ms, cut_off_ms)
    pieces[leaf_id] = piece
    TransferOffered(leaf_id=leaf_id, to=to, version=piece.version)
    return piece.offer_until_ms


def end_offer(piece):
    """The offer came to nothing: the invoice behind it is free again, the holder stays."""
    call("invoice_registry", "restore", piece.basis, piece.amount_fen, piece.offered_to)
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
    return {"amount_fen": piece.amount_fen, "due_date": ec.due_date, "debtor": ec.issuer}


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
def hand_over(leaf_id: str, lien: str, holder: str) -> bool:
    """The leaf changes hands and stays held: to the bank against a preimage, or back with its money."""
    piece = financed_piece(leaf_id, "hand_over", lien)
    previous = piece.holder
    change_holder(piece, holder)
    Assigned(leaf_id=leaf_id, previous=previous, holder=holder, version=piece.version)
    return True


@export
def assign_to_financier(leaf_id: str, lien: str, bank: str) -> bool:
    """The money has been paid: the leaf is the bank's."""
    piece = financed_piece(leaf_id, "assign_to_financier", lien)
    previous = piece.holder
    piece.lien = ""
    piece.financed = True
    change_holder(piece, bank)
    Assigned(leaf_id=leaf_id, previous=previous, holder=bank, version=piece.version)
    return True


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
def prepare_payment(leaf_id: str, salt: bytes, expected_version: int = 0) -> dict:
    """The issuer fixes what it will pay, to whom and under which reference, before it pays.

    Stands until the end of the day, because the amount grows by the penalty. `salt`: 16 to 32 random bytes.
    """
    piece = load_piece(leaf_id)
    ec = load_credential(piece.ec_id)
    require_trader(ec.issuer, "the issuer")
    advance(PIECE, piece, "prepare_payment", expected_version)
    return fix_payment(piece, ec, salt)


@export
def record_payment(leaf_id: str, proof: bytes, instalment: int = 0) -> str:
    """Anyone brings the proof that the money's own ledger paid the leaf's holder: the debt is discharged."""
    piece = load_piece(leaf_id)
    advance(PIECE, piece, "record_payment")
    settle(piece, instalment, proof)
    return piece.state


@export
def on_reverse(leaf_id: str, instalment: int, proof: bytes) -> int:
    """Anyone brings the proof that the payee gave a payment back. Returns what is owed again (fen)."""
    piece = load_piece(leaf_id)
    row = row_for(PIECE, piece.state, "on_reverse")
    require(row is not None, "E_STATE", f"on_reverse is not possible in state {piece.state}")
    return reinstate(piece, instalment, proof)


@export
def close(ec_id: str) -> str:
    ec = load_credential(ec_id)
    advance(CREDENTIAL, ec, "close")
    require(ec.paid_fen == ec.face_fen, "E_UNPAID", "a leaf is not paid yet")
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
def is_settled(leaf_id: str) -> bool:
    """Whether this piece is paid, itself or through all its parts."""
    found = load_piece(leaf_id)
    return found.paid_fen == found.amount_fen


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
    start = (ctx.member, after) if after else None
    found = held.scan((ctx.member,), start, min(max(limit, 1), 200))
    return [describe(load_piece(key[1])) for key, _ in found]


@view
def headroom(issuer: str, bank: str) -> dict:
    """An issuer's credit limit at a bank and what of it is used (fen)."""
    return {"limit_fen": limits[(issuer, bank)], "outstanding_fen": outstanding[(issuer, bank)]}


@view
def next_steps(identifier: str) -> list:
    """What may happen to a credential or a piece now: call, who, guard, to."""
    found = pieces[identifier]
    steps = [] if found is None else moves_from(PIECE, found.state)
    ec = credentials[identifier]
    return steps if ec is None else moves_from(CREDENTIAL, ec.state) + steps
