"""From the accepted quote to the money: the duplicate check, the payment and its release, and the ways back."""

from rules.financing_machine import PROOF_MARGIN_MS
from rules.financing_payments import (
    claim_of,
    deliver,
    hand_over,
    owe_again,
    take_lock,
    take_payout,
    take_refund,
    take_release,
)
from rules.financing_pledge import owe_surplus_again, tell_surplus
from rules.financing_records import enter, financings, let_go, load, require_bank, tell
from rules.money import BPS_UNIT, share_of
from rules.persons import require_trader
from sdk import Event, call, ctx, export, require

Cleared = Event("Fin.Cleared")
DuplicateFound = Event("Fin.DuplicateFound")
Disbursed = Event("Fin.Disbursed")
Lapsed = Event("Fin.Lapsed")
Withdrawn = Event("Fin.Withdrawn")
Declined = Event("Fin.Declined")
Settled = Event("Fin.Settled")
Released = Event("Fin.Released")
Reinstated = Event("Fin.Reinstated")
SurplusReinstated = Event("Fin.SurplusReinstated")


@export
def duplicate_check(
    request_id: str, fingerprint: str, share_bps: int = 10000, expected_version: int = 0
) -> str:
    """The bank asks the invoice registry, with the gateway's fingerprint of the invoice beneath.

    Returns CLEARED, and then the leaf is locked; or REJECTED_DUP, and then everything is free again.
    """
    financing = load(request_id)
    require_bank(financing.bank or ctx.member)
    own = call("invoice_registry", "my_claim", fingerprint)
    reserved = own["state"] == "RESERVED"
    share = own["share_bps"] if reserved else share_bps
    require(0 < share <= BPS_UNIT, "E_SHARE", "a share is 1 to 10,000 basis points")
    if not reserved and call("invoice_registry", "available_bps", fingerprint) < share:
        return reject_duplicate(financing, fingerprint, expected_version)
    enter(financing, "duplicate_check", expected_version)
    covered = financing.leaf_id or share_of(financing.gross_fen, share) >= financing.principal_fen
    require(covered, "E_SHARE", "the registered share is smaller than the advance")
    call("party", "check_member", ctx.member)
    call("party", "check_member", financing.borrower)
    if not reserved:
        call("invoice_registry", "register", fingerprint, share)
    financing.claim = call("invoice_registry", "hold", fingerprint)
    if financing.leaf_id:
        call("receivable", "lock", financing.leaf_id, request_id)
    financing.fingerprint = fingerprint
    financings[request_id] = financing
    Cleared(request_id=request_id, version=financing.version)
    return financing.state


def reject_duplicate(financing, fingerprint: str, expected_version: int) -> str:
    """Both banks learn that there was a conflict; neither learns who the other is."""
    held = load(financing.request_id)
    enter(financing, "reject_duplicate", expected_version)
    let_go(held)
    call("invoice_registry", "note_conflict", fingerprint)
    DuplicateFound(request_id=financing.request_id, version=financing.version)
    return financing.state


@export
def disburse(request_id: str, proof: bytes) -> str:
    """Anyone brings the proof that the bank paid: the leaf moves, or the advance stands."""
    financing = load(request_id)
    again = financing.state == "PAYOUT_OWED"
    enter(financing, "disburse")
    lent = financing.owed_fen if again else financing.principal_fen
    take_payout(financing, proof)
    if not again:
        deliver(financing)
    tell(Disbursed, financing, lent)
    return financing.state


@export
def settle(request_id: str, proof: bytes, terms: bytes, preimage: bytes) -> str:
    """Delivery against a conditional coin: the bank shows its locked money and what opens it; the leaf moves.

    proof: of the LOCK under the payout's reference; terms: canonical LockTerms with a hash; preimage: known to
    the bank alone until now, public from here on, so that whoever carries the borrower's signed RELEASE can
    complete it. The leaf is the bank's, and stays held until release or refund is proven. Codes: E_STATE,
    E_NOT_PARTY, E_ROLE, E_PLEDGE, E_LOCK_TERMS, E_PREIMAGE, E_LOCK_LATE, E_PROOF_….
    """
    financing = load(request_id)
    require_bank(financing.bank)
    enter(financing, "settle")
    # released money has an end in time, a pledge has not: it is paid out first, then it stands
    require(not financing.pledge, "E_PLEDGE", "a pledge is paid out by a final payment")
    take_lock(financing, proof, terms, preimage)
    hand_over(financing)
    Settled(request_id=request_id, preimage=preimage, version=financing.version)
    return financing.state


@export
def confirm_release(request_id: str, proof: bytes) -> str:
    """Anyone brings the proof that the borrower took the locked money: the leaf is free for the bank."""
    financing = load(request_id)
    enter(financing, "confirm_release")
    take_release(financing, proof)
    deliver(financing)
    tell(Released, financing, financing.principal_fen)
    return financing.state


@export
def unwind(request_id: str, proof: bytes) -> str:
    """Anyone brings the proof that the locked money went back to the bank: so does the leaf to the borrower."""
    financing = load(request_id)
    held = load(request_id)
    enter(financing, "unwind")
    take_refund(financing, proof)
    let_go(held)
    Lapsed(request_id=request_id, version=financing.version)
    return financing.state


@export
def on_reverse(request_id: str, proof: bytes, salt: bytes) -> int:
    """Anyone brings the proof that a payout, the repayment of an advance or a surplus was given back.

    What was given back is owed again under a new reference (`get`). Returns how much (fen).
    """
    financing = load(request_id)
    paid_back = financing.state == "REPAID"
    if paid_back and financing.surplus_nullifier:
        enter(financing, "on_reverse_surplus")
        surplus = owe_surplus_again(financing, proof, salt)
        tell_surplus(SurplusReinstated, financing, 0, surplus)
        return surplus
    enter(financing, "on_reverse_repayment" if paid_back else "on_reverse_payout")
    owed = owe_again(financing, proof, salt, paid_back)
    if paid_back and not financing.enforced:
        call("invoice_registry", "reopen", *claim_of(financing))
    tell(Reinstated, financing, owed if paid_back else -owed)
    return owed


@export
def timeout(request_id: str) -> str:
    """Nobody paid in time: the leaf or invoice is free again. A day's margin lets a late proof arrive."""
    financing = load(request_id)
    held = load(request_id)
    enter(financing, "timeout")
    over = financing.pay_until_ms + PROOF_MARGIN_MS
    require(ctx.time > over, "E_TOO_EARLY", "the bank may still prove its payment")
    let_go(held)
    Lapsed(request_id=request_id, version=financing.version)
    return financing.state


@export
def withdraw(request_id: str, expected_version: int = 0) -> str:
    financing = load(request_id)
    held = load(request_id)
    require_trader(financing.borrower, "the borrower")
    enter(financing, "withdraw", expected_version)
    let_go(held)
    Withdrawn(request_id=request_id, version=financing.version)
    return financing.state


@export
def decline(request_id: str, reason: str, expected_version: int = 0) -> str:
    """The bank that was asked alone, or whose quote was accepted, steps back before it has paid."""
    financing = load(request_id)
    held = load(request_id)
    require_bank(financing.bank or financing.to_bank)
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    enter(financing, "decline", expected_version)
    let_go(held)
    Declined(request_id=request_id, reason=reason, version=financing.version)
    return financing.state
