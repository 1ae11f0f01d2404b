"""Steps that only the contract `financing` takes: liens, locks, and leaves that go to the bank."""

from rules.calendar import day_end_ms, parse_date
from rules.persons import require_contract
from rules.receivable_machine import PIECE
from rules.receivable_records import (
    advance,
    change_holder,
    has_lien,
    load_credential,
    load_piece,
    pieces,
    principal_due,
    take_title,
)
from sdk import Event, export, require

LeafReserved = Event("EC.Reserved")
Freed = Event("EC.Freed")
Locked = Event("EC.Locked")
Unlocked = Event("EC.Unlocked")
Assigned = Event("EC.Assigned")
Pledged = Event("EC.Pledged")
NO_END_MS = 253402271999999  # a lien without end: the last millisecond of the year 9999


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
def pledge(leaf_id: str, lien: str) -> bool:
    """The money has been lent: the leaf stays its holder's, and is held without end for this financing."""
    piece = financed_piece(leaf_id, "pledge", lien)
    piece.lien_until_ms = NO_END_MS
    pieces[leaf_id] = piece
    Pledged(leaf_id=leaf_id, version=piece.version)
    return True


@export
def assign_to_financier(leaf_id: str, lien: str, bank: str, recourse: bool = False) -> int:
    """The money has been paid, or a pledge was not repaid: the leaf is the bank's. recourse: the borrower
    answers for it. Returns what the leaf is good for (fen)."""
    piece = financed_piece(leaf_id, "assign_to_financier", lien)
    previous = piece.holder
    piece.lien = ""
    piece.financed = True
    if previous != bank:
        take_title(piece, recourse)
    change_holder(piece, bank)
    Assigned(leaf_id=leaf_id, previous=previous, holder=bank, version=piece.version)
    return principal_due(piece)
