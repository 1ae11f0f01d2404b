"""Proofs that contracts ask to be checked, each check with its own code (domain/dcep.md 3.5)."""

from rules.dcep_state import received, used, wallet_owner, wallet_then
from rules.lock_terms import lock_address_of, read_terms
from rules.payment_admission import keep_used, read_checked, taken_back, use_once
from rules.payment_policy import (
    CCY,
    check_amount_and_time,
    check_orders,
    check_payee,
    check_payer,
    check_reference,
    read_expected,
)
from rules.payment_proof import KINDS_ALLOWED, attempt, coin_id_of, reference_of
from sdk import Event, bytes_from_hex, ctx, export, require, view

PaymentVerified = Event("Dcep.PaymentVerified")
LockVerified = Event("Dcep.LockVerified")
ReversalVerified = Event("Dcep.ReversalVerified")
RefundVerified = Event("Dcep.RefundVerified")


@view
def payment_reference(
    contract: str,
    obligation_id: str,
    instalment: int,
    amount_fen: int,
    ccy: str,
    payee_member: str,
    salt: bytes,
) -> bytes:
    """What the payer must write into its payment: bound to channel, contract, obligation and payee's wallet.

    Codes: E_REFERENCE, E_CURRENCY, E_AMOUNT, E_SALT, E_WALLET (the payee has bound none).
    """
    require(not ctx.caller or ctx.caller == contract, "E_REFERENCE", "another contract's reference")
    require(ccy == CCY, "E_CURRENCY", "only CNY is paid this way")
    require(0 < amount_fen < 2**53, "E_AMOUNT", "1 to 2^53 - 1 fen")
    require(16 <= len(salt) <= 32, "E_SALT", "a salt is 16 to 32 bytes")
    address = wallet_then(payee_member, ctx.time)
    require(address != b"", "E_WALLET", "the payee has bound no wallet")
    channel = bytes_from_hex(ctx.channel)
    return reference_of(
        salt, channel, contract, obligation_id, instalment, amount_fen, ccy, address
    )


@export
def verify_payment(proof: bytes, expected: dict) -> dict:
    """Accept a payment for an obligation of the calling contract, once. Only contracts may call.

    expected: ref_commit, payee_member, amount_fen; optional ccy, not_before_ms, not_after_ms (0: open),
    payer_members (empty: anyone may pay), allow_partial.
    Returns amount_fen, over_fen, time_ms, txid, output_index, payer, payee, nullifier.
    Codes: E_CALLER, E_EXPECTED, and E_PROOF_… in the order of domain/dcep.md 3.5.
    """
    # A stranger who could spend a proof's nullifier would rob the obligation it pays.
    require(ctx.caller, "E_CALLER", "only a contract verifies payments, for its own obligations")
    wanted = read_expected(expected)
    found = read_checked(proof, KINDS_ALLOWED)
    opened = found.opened
    check_reference(opened, wanted["ref_commit"])
    check_payee(wanted["payee_member"], opened.get("payee", b""), opened["time_ms"])
    check_amount_and_time(opened, wanted)
    nullifier = use_once(found)
    payer = check_payer(opened, wanted["payer_members"])
    check_orders((payer, opened["payee"]))
    keep_used(found, nullifier, wanted["ref_commit"])
    received[wanted["payee_member"]] += opened["amount_fen"]
    over = max(opened["amount_fen"] - wanted["amount_fen"], 0)
    PaymentVerified(
        contract=ctx.caller,
        ref_commit=wanted["ref_commit"],
        payee=wanted["payee_member"],
        amount_fen=opened["amount_fen"],
        over_fen=over,
        time_ms=opened["time_ms"],
        log_id=found.log_id,
        txid=found.txid,
        output_index=found.output_index,
        nullifier=nullifier,
    )
    return {
        "amount_fen": opened["amount_fen"],
        "over_fen": over,
        "time_ms": opened["time_ms"],
        "txid": found.txid,
        "output_index": found.output_index,
        "payer": payer,
        "payee": opened["payee"],
        "nullifier": nullifier,
    }


@export
def verify_lock(proof: bytes, expected: dict, terms: bytes) -> dict:
    """Accept money that waits under terms for an obligation of the calling contract, once.

    expected: as of verify_payment; terms: canonical LockTerms from payer_members to payee_member, of exactly
    this amount. Returns condition, program_hash, after_ms, arbiters, threshold, expires_ms, amount_fen,
    nullifier. Codes: those of verify_payment, and E_LOCK_TERMS.
    """
    require(ctx.caller, "E_CALLER", "only a contract verifies locks, for its own obligations")
    wanted = read_expected(expected)
    found = read_checked(proof, ("LOCK",))
    opened = found.opened
    check_reference(opened, wanted["ref_commit"])
    bargain = attempt(read_terms, terms)
    require(bargain is not None, "E_LOCK_TERMS", "not the canonical bytes of lock terms")
    locked = opened.get("payee", b"") == lock_address_of(terms)
    require(locked, "E_PROOF_PAYEE", "the money is under other terms")
    check_payee(wanted["payee_member"], bargain.payee, opened["time_ms"])
    check_amount_and_time(opened, wanted)
    same = bargain.amount_fen == opened["amount_fen"]
    require(same, "E_LOCK_TERMS", "the terms are of another amount")
    nullifier = use_once(found)
    payer = check_payer(opened, wanted["payer_members"])
    require(payer == bargain.payer, "E_LOCK_TERMS", "the terms are of another payer")
    check_orders((payer, bargain.payee))
    keep_used(found, nullifier, wanted["ref_commit"])
    LockVerified(contract=ctx.caller, ref_commit=wanted["ref_commit"], terms=terms)
    return {
        "condition": bargain.condition,
        "program_hash": bargain.program_hash,
        "after_ms": bargain.after_ms,
        "arbiters": list(bargain.arbiters),
        "threshold": bargain.threshold,
        "expires_ms": bargain.expires_ms,
        "amount_fen": bargain.amount_fen,
        "nullifier": nullifier,
    }


@export
def verify_reversal(proof: bytes, nullifier: bytes) -> dict:
    """The payee of a payment that this contract used gave some of it back, once for each proof.

    nullifier: of the payment. Returns amount_fen (of this proof), reversed_fen (of all), paid_fen.
    Codes: E_CALLER, E_NOT_FOUND, and E_PROOF_…
    """
    found, paid, own = taken_back(proof, nullifier, "REVERSE")
    payer = check_payer(found.opened, [])
    require(payer == paid.payee, "E_PROOF_PAYER", "only who was paid gives it back")
    check_orders((payer, paid.payer))
    amount = found.opened["amount_fen"]
    paid.reversed_fen += amount
    used[nullifier] = paid
    received[wallet_owner[paid.payee]] -= amount
    keep_used(found, own, coin_id_of(paid.point))
    reversed_fen = paid.reversed_fen
    ReversalVerified(contract=ctx.caller, nullifier=nullifier, reversed_fen=reversed_fen)
    return {"amount_fen": amount, "reversed_fen": reversed_fen, "paid_fen": paid.amount_fen}


@export
def verify_refund(proof: bytes, nullifier: bytes) -> bool:
    """The money of a lock that this contract used went back to its payer. Codes: as verify_reversal."""
    found, paid, own = taken_back(proof, nullifier, "REFUND_LOCK")
    paid.reversed_fen = paid.amount_fen
    check_payer(found.opened, [])
    used[nullifier] = paid
    keep_used(found, own, coin_id_of(paid.point))
    RefundVerified(contract=ctx.caller, nullifier=nullifier)
    return True
