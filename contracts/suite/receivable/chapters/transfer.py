"""Cutting a leaf into parts and passing it on as payment for goods: ACTIVE, SPLIT, TRANSFER_PENDING.

Table PIECE of `rules.receivable_machine`.
"""

from rules.calendar import day_at, day_end_ms, parse_date
from rules.dated_rules import add_business_days
from rules.money import is_amount
from rules.oversight import supervise
from rules.persons import require_trader
from rules.receivable_issue import require_active, require_wallet
from rules.receivable_machine import (
    CUT_OFF_BUSINESS_DAYS,
    PIECE,
    PIECES_MAX,
    TRANSFER_BUSINESS_DAYS,
    TRANSFER_KYC_LEVEL,
)
from rules.receivable_records import (
    Piece,
    advance,
    change_holder,
    has_lien,
    held,
    load_credential,
    load_piece,
    pieces,
    principal_due,
    store_leaf,
    take_title,
)
from sdk import Event, call, ctx, export, require

Split = Event("EC.Split")
TransferOffered = Event("EC.TransferOffered")
Transferred = Event("EC.Transferred")
TransferDeclined = Event("EC.TransferDeclined")


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
    cut_off_ms = check_transferable(piece, to, taker["kyc_level"])
    call("invoice_registry", "draw", basis, principal_due(piece), to, piece.holder)
    window_ms = day_end_ms(add_business_days(day_at(ctx.time), TRANSFER_BUSINESS_DAYS))
    piece.offered_to = to
    piece.basis = basis
    piece.offer_until_ms = min(window_ms, cut_off_ms)
    pieces[leaf_id] = piece
    TransferOffered(leaf_id=leaf_id, to=to, version=piece.version)
    return piece.offer_until_ms


def check_transferable(piece, to: str, kyc_level: int) -> int:
    """What every transfer must keep, and until when one is possible (ms). Codes: E_KYC_LEVEL, E_TERMS,
    E_CUT_OFF, E_RULE_BLOCK, E_RULE_HOLD."""
    known = kyc_level >= TRANSFER_KYC_LEVEL
    require(known, "E_KYC_LEVEL", "the new holder's customer check is too light for a transfer")
    ec = load_credential(piece.ec_id)
    require(ec.transferable, "E_TERMS", "the terms do not let it be transferred")
    due_day = parse_date(ec.due_date)
    cut_off_ms = day_end_ms(add_business_days(due_day, -CUT_OFF_BUSINESS_DAYS))
    require(ctx.time < cut_off_ms, "E_CUT_OFF", "too close to the due date")
    supervise("receivable.transfer", piece.leaf_id, piece.holder, to, principal_due(piece))
    return cut_off_ms


def end_offer(piece):
    """The offer came to nothing: the invoice behind it is free again, the holder stays."""
    if piece.basis:
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
