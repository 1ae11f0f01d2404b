"""The due date and after: DUE, OVERDUE, the payment that the money's own ledger proves, and the end."""

from rules.calendar import day_at, parse_date
from rules.machine import row_for
from rules.persons import require_trader
from rules.receivable_machine import CREDENTIAL, PIECE
from rules.receivable_payments import fix_payment, reinstate, settle
from rules.receivable_records import advance, credentials, load_credential, load_piece, pieces
from sdk import Event, ctx, export, require

Due = Event("EC.Due")
Overdue = Event("EC.Overdue")
Closed = Event("EC.Closed")


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
