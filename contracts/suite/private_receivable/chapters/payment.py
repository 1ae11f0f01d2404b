"""At the due date: the amount is opened to those concerned, and its payment is proven. Table LEAF."""

from chapters.leaves import end_offer
from rules.calendar import day_at, day_end_ms, is_date, parse_date
from rules.codes import HEX
from rules.disclosure import opens
from rules.instrument import enter, keep, today
from rules.private_receivable_machine import DUE_FIELD, LEAF
from rules.private_receivable_records import DueCame, Paid, Presented, held, leaves, notes
from rules.settlement import fix, prove
from sdk import bytes_from_hex, commitment_opens, ctx, export, require


@export
def due(id: str, due_date: str, salt: str, hidden: list[bytes]) -> str:
    """The due date of the terms is opened, and has come. salt: hex; hidden: commitments of the other fields.

    Codes: E_OPENING, E_DATE, E_TOO_EARLY."""
    leaf = enter(LEAF, leaves, id, "due")
    note = notes[leaf.note]
    readable = len(salt) % 2 == 0 and all(digit in HEX for digit in salt)
    whole = readable and len(hidden) + 1 == note.fields
    opened = whole and opens(note.root, [(DUE_FIELD, due_date, bytes_from_hex(salt))], hidden)
    require(opened, "E_OPENING", "this is not the due date of the terms")
    fits = is_date(due_date) and due_date[:7] == note.due_month
    require(fits, "E_DATE", "the terms name no day of the note's month")
    require(today() >= parse_date(due_date), "E_TOO_EARLY", "the due date has not come")
    note.due_date = due_date
    notes[leaf.note] = note
    if leaf.offered:
        end_offer(leaf)
    return keep(leaves, leaf, DueCame)


@export
def present(
    id: str, amount_fen: int, blinding: bytes, salt: bytes, expected_version: int = 0
) -> dict:
    """The holder opens its leaf for payment. Returns what the issuer pays: payee, amount, reference, end.

    Codes: E_PREPARED, E_OPENING, E_SALT, E_WALLET, E_RULE_BLOCK, E_RULE_HOLD."""
    leaf = enter(LEAF, leaves, id, "present", expected_version)
    stands = leaf.due is not None and ctx.time < leaf.until_ms
    require(not stands, "E_PREPARED", "a reference for today is fixed already")
    opened = len(blinding) == 32 and commitment_opens(leaf.commitment, amount_fen, blinding)
    require(opened, "E_OPENING", "this does not open the leaf's commitment")
    leaf.presented += 1
    leaf.until_ms = day_end_ms(day_at(ctx.time))
    leaf.due = fix(
        id, leaf.presented, leaf.parties["issuer"], ctx.member, amount_fen, salt, leaf.until_ms
    )
    leaf.amount_fen = amount_fen
    keep(leaves, leaf, Presented)
    return {"reference": leaf.due.reference, "payee": ctx.member, "amount_fen": amount_fen,
            "not_after_ms": leaf.until_ms}  # fmt: skip


@export
def record_payment(id: str, proof: bytes) -> str:
    """Codes: E_PROOF_… of the dcep contract."""
    leaf = enter(LEAF, leaves, id, "record_payment")
    prove(leaf.due, proof)
    held.delete((leaf.parties["holder"], id))
    note = notes[leaf.note]
    note.leaves -= 1
    note.paid_fen += leaf.amount_fen
    notes[leaf.note] = note
    return keep(leaves, leaf, Paid)
