"""A pledge that is not repaid: the bank takes the leaf, and owes its borrower what that is worth more.

The value is what is open of the leaf, without discount: its due date is days away. A repayment that arrives
after the step is the borrower's money, which the bank gives back (REVERSE). From the leaf's own due date on
anyone may take the step, because a held leaf cannot be paid: its debtor must not become late by it.
"""

from rules.calendar import day_at, day_end_ms, parse_date
from rules.financing_machine import PROOF_MARGIN_MS
from rules.financing_payments import claim_of, owed_today
from rules.financing_pledge import owe_surplus, release_leaf, take_surplus, tell_surplus
from rules.financing_records import (
    claim_on_borrower,
    describe,
    enter,
    financings,
    load,
    require_bank,
)
from sdk import Event, call, ctx, export, require

Enforced = Event("Fin.Enforced")
SurplusPaid = Event("Fin.SurplusPaid")
ClaimReleased = Event("Fin.ClaimReleased")
ClaimReopened = Event("Fin.ClaimReopened")


@export
def enforce(request_id: str, salt: bytes, expected_version: int = 0) -> dict:
    """The leaf is the bank's, against what is owed today. Returns the financing: state and surplus.

    ENFORCED while a surplus is owed, RECOURSE where the leaf is worth less and the quote was with recourse,
    otherwise REPAID. A repayment made in time may be proven for one day more. salt: 16 to 32 random bytes.
    Codes: E_STATE, E_PLEDGE, E_NOT_PARTY, E_ROLE, E_TOO_EARLY, E_SALT.
    """
    financing = load(request_id)
    before, state = claim_on_borrower(financing), financing.state
    enter(financing, "enforce", expected_version)
    pledged = financing.pledge and not financing.enforced
    require(pledged, "E_PLEDGE", "no leaf is pledged for this financing")
    if day_at(ctx.time) < parse_date(financing.leaf_due_date):
        require_bank(financing.bank)
    over = day_end_ms(parse_date(financing.due_date)) + PROOF_MARGIN_MS
    require(ctx.time > over, "E_TOO_EARLY", "the borrower may still prove its payment")
    require(16 <= len(salt) <= 32, "E_SALT", "a salt is 16 to 32 bytes")
    # of a payout that came back nothing is owed any more
    financing.repaid_fen += financing.owed_fen
    financing.owed_fen = 0
    principal, interest = owed_today(financing)
    if principal == 0:
        release_leaf(financing, state)
        call("invoice_registry", "repay", *claim_of(financing))
        enter(financing, "even_out")
    else:
        take_leaf(financing, principal, interest, salt)
    financings[request_id] = financing
    Enforced(
        request_id=request_id,
        bank=financing.bank,
        borrower=financing.borrower,
        claim_fen=claim_on_borrower(financing) - before,
        surplus_fen=financing.surplus_fen,
        version=financing.version,
    )
    return describe(financing)


def take_leaf(financing, principal: int, interest: int, salt: bytes):
    """Interest is covered first, then principal; what is left over is the borrower's."""
    leaf, lien, bank = financing.leaf_id, financing.request_id, financing.bank
    worth = call("receivable", "assign_to_financier", leaf, lien, bank, financing.recourse)
    financing.enforced = True
    financing.claim_kept = True
    surplus = worth - principal - interest
    if surplus < 0 and financing.recourse:
        financing.repaid_fen += worth - interest
        financing.paid_to_day = day_at(ctx.time)
        enter(financing, "fall_short")
        return
    financing.repaid_fen += principal
    if surplus > 0:
        owe_surplus(financing, surplus, salt)
    else:
        enter(financing, "even_out")


@export
def prove_surplus(request_id: str, proof: bytes) -> str:
    """Anyone brings the proof that the bank paid the borrower what the leaf was worth more."""
    financing = load(request_id)
    enter(financing, "prove_surplus")
    tell_surplus(SurplusPaid, financing, 0, -take_surplus(financing, proof))
    return financing.state


@export
def release_claim(request_id: str) -> bool:
    """The leaf that the bank took is paid: the registry's claim on the invoice beneath ends, not before."""
    financing = load(request_id)
    enter(financing, "release_claim")
    require(financing.claim_kept, "E_PLEDGE", "no leaf was taken, or its claim has ended")
    settled = call("receivable", "is_settled", financing.leaf_id, financing.bank)
    require(settled, "E_UNPAID", "the leaf is not paid yet")
    financing.claim_kept = False
    financings[request_id] = financing
    call("invoice_registry", "repay", *claim_of(financing))
    ClaimReleased(request_id=request_id, version=financing.version)
    return True


@export
def reopen_claim(request_id: str) -> bool:
    """The payment of the leaf that the bank took was given back: the registry's claim counts again."""
    financing = load(request_id)
    enter(financing, "reopen_claim")
    ended = financing.enforced and not financing.claim_kept
    require(ended, "E_PLEDGE", "no leaf was taken, or its claim stands")
    settled = call("receivable", "is_settled", financing.leaf_id, financing.bank)
    require(not settled, "E_STATE", "the leaf is paid")
    financing.claim_kept = True
    financings[request_id] = financing
    call("invoice_registry", "reopen", *claim_of(financing))
    ClaimReopened(request_id=request_id, version=financing.version)
    return True
