"""How a leaf is paid: what is due, the reference fixed beforehand, the proof, and money that was given back.

A payment is final at the center; only its payee can give it back. Then the debt lives again to that amount
(REINSTATED): principal as it was, penalties counted from the day of the reversal.
"""

from rules.calendar import CLOCK_DRIFT_MS, day_at, day_end_ms, parse_date
from rules.machine import row_for
from rules.money import half_up
from rules.oversight import supervise
from rules.penalty import overdue_penalty
from rules.receivable_machine import CREDENTIAL, PIECE
from rules.receivable_records import (
    Payment,
    advance,
    book,
    credentials,
    held,
    load_credential,
    payments,
    pieces,
    principal_due,
)
from sdk import Event, call, ctx, require

PaymentPrepared = Event("EC.PaymentPrepared")
Paid = Event("EC.Paid")
PartPaid = Event("EC.PartPaid")
PaymentHeld = Event("EC.PaymentHeld")
Reinstated = Event("EC.Reinstated")


def amount_due(piece, ec) -> int:
    """Principal, and the penalty for each day after the due date, a part payment or a reversal."""
    since = max(parse_date(ec.due_date), day_at(piece.owed_since_ms))
    late_days = max(0, day_at(ctx.time) - since)
    principal = principal_due(piece)
    return principal + half_up(*overdue_penalty(principal, ec.penalty_daily_bps, late_days))


def fix_payment(piece, ec, salt: bytes, amount_fen: int) -> dict:
    """The next instalment of a leaf: amount, payee and reference, standing until the end of the day.

    amount_fen: 0 for all that is due; a part pays the penalty first and then principal.
    """
    owed = principal_due(piece)
    standing = payments[(piece.leaf_id, piece.payments)]
    stands = (
        standing is not None
        and standing.nullifier == b""
        and standing.of_fen == owed
        and ctx.time < standing.not_after_ms
    )
    require(not stands, "E_PREPARED", "a reference for today is fixed already")
    require(16 <= len(salt) <= 32, "E_SALT", "a salt is 16 to 32 bytes")
    whole = amount_due(piece, ec)
    amount = amount_fen or whole
    require(whole - owed < amount <= whole, "E_AMOUNT", "more than the penalty, at most all")
    piece.payments += 1
    supervise("payment", piece.leaf_id, ec.issuer, piece.holder, amount)
    reference = call(
        "dcep", "payment_reference", "receivable", piece.leaf_id, piece.payments, amount, "CNY",
        piece.holder, salt,
    )  # fmt: skip
    until = day_end_ms(day_at(ctx.time))
    payments[(piece.leaf_id, piece.payments)] = Payment(
        reference, piece.holder, amount, ctx.time, until, amount - (whole - owed), owed
    )
    pieces[piece.leaf_id] = piece
    PaymentPrepared(leaf_id=piece.leaf_id, instalment=piece.payments, version=piece.version)
    return {
        "instalment": piece.payments,
        "reference": reference,
        "payee": piece.holder,
        "amount_fen": amount,
        "currency": "CNY",
        "not_after_ms": until,
    }


def settle(piece, instalment: int, proof: bytes):
    """The proof that the money's own ledger paid the leaf's holder. The whole discharges the debt, a part
    lowers it, and while an order freezes the leaf the payment is on record and waits."""
    number = instalment or piece.payments
    payment = payments[(piece.leaf_id, number)]
    row = row_for(PIECE, piece.state, "record_payment")
    require(row is not None, "E_STATE", f"record_payment is not possible in state {piece.state}")
    require(payment is not None, "E_NO_REFERENCE", "no payment was prepared for this leaf")
    require(payment.payee == piece.holder, "E_PAYEE", "prepared for another holder")
    enough = payment.of_fen == principal_due(piece) and piece.held_payment == 0
    require(enough, "E_NO_REFERENCE", "another amount is owed since: prepare the payment again")
    paid = call(
        "dcep",
        "verify_payment",
        proof,
        {
            "ref_commit": payment.reference,
            "payee_member": payment.payee,
            "amount_fen": payment.amount_fen,
            "ccy": "CNY",
            "not_before_ms": payment.not_before_ms - CLOCK_DRIFT_MS,
            "not_after_ms": payment.not_after_ms,
        },
    )
    payment.nullifier = paid["nullifier"]
    payment.received_fen = paid["amount_fen"]
    payments[(piece.leaf_id, number)] = payment
    if piece.state == "FROZEN":
        advance(PIECE, piece, "record_payment")
        piece.held_payment = number
        pieces[piece.leaf_id] = piece
        PaymentHeld(leaf_id=piece.leaf_id, instalment=number, version=piece.version)
    else:
        apply_payment(piece, payment)


def apply_payment(piece, payment):
    """A proven payment counts: the leaf is PAID, or less is owed."""
    whole = payment.principal_fen == payment.of_fen
    advance(PIECE, piece, "record_payment" if whole else "record_part")
    if whole:
        held.delete((piece.holder, piece.leaf_id))
    else:
        piece.owed_since_ms = payment.not_before_ms
    book(piece, payment.principal_fen)
    told = Paid if whole else PartPaid
    told(
        leaf_id=piece.leaf_id, holder=piece.holder, principal_fen=payment.principal_fen,
        amount_fen=payment.amount_fen, version=piece.version,
    )  # fmt: skip


def reinstate(piece, instalment: int, proof: bytes) -> int:
    """What of a payment was given back is owed again, unless more had been paid than was due."""
    payment = payments[(piece.leaf_id, instalment)]
    known = payment is not None and payment.nullifier != b""
    require(known, "E_NO_REFERENCE", "no payment of this number was proven")
    back = call("dcep", "verify_reversal", proof, payment.nullifier)
    before = max(0, payment.amount_fen - payment.received_fen)
    payment.received_fen -= back["amount_fen"]
    after = max(0, payment.amount_fen - payment.received_fen)
    payments[(piece.leaf_id, instalment)] = payment
    owed = min(after, payment.principal_fen) - min(before, payment.principal_fen)
    if owed == 0:  # an over-payment went back
        return 0
    owe_again(piece, owed)
    return owed


def owe_again(piece, owed: int):
    was_part = row_for(PIECE, piece.state, "on_reverse_part") is not None
    advance(PIECE, piece, "on_reverse_part" if was_part else "on_reverse")
    ec = load_credential(piece.ec_id)
    advance(CREDENTIAL, ec, "reopen")
    credentials[ec.ec_id] = ec
    if not was_part:
        piece.owed_since_ms = ctx.time
        held[(piece.holder, piece.leaf_id)] = True
    book(piece, -owed)
    Reinstated(leaf_id=piece.leaf_id, holder=piece.holder, owed_fen=owed, version=piece.version)
