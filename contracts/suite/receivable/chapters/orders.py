"""Steps that only the contracts `remedy` and `regulator` take: decisions, and orders that hold a leaf."""

from rules.persons import require_contract
from rules.receivable_machine import DEPTH_MAX, PIECE
from rules.receivable_payments import amount_due, apply_payment, owe_again
from rules.receivable_records import (
    advance,
    book,
    change_holder,
    has_lien,
    held,
    load_credential,
    load_piece,
    payments,
    pieces,
    principal_due,
)
from sdk import Event, export, require, view

Frozen = Event("Reg.Frozen")
Released = Event("Reg.Released")


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
