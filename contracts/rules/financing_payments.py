"""Money of a financing: the payout against delivery, the repayment, and what was given back.

Delivery against payment has two ways. A final payment: proof in, leaf out. Or a conditional coin: the bank
locks the money under a hash whose preimage it alone knows, and the borrower signs its RELEASE in advance. The
transaction that shows lock and preimage moves the leaf and makes the preimage public, so that anyone can
complete the release. The lock must outlive that moment by RELEASE_MARGIN_MS; should the money go back all the
same, the proof of that brings the leaf back. Where the bank never shows it, the leaf is free again at the
time-out and the money goes back at the lock's end. Nobody is left with nothing.
"""

from rules.calendar import CLOCK_DRIFT_MS, day_at, day_end_ms, parse_date
from rules.day_count import simple_interest
from rules.financing_machine import OVERDUE_RATE_BPS, RELEASE_MARGIN_MS
from rules.financing_records import Repayment, financings, is_bought, repayments
from rules.lock_terms import HASH
from rules.money import BPS_UNIT, half_up
from sdk import call, ctx, require, sm3

PREIMAGE_BYTES = 32


def claim_of(financing) -> tuple:
    return (financing.fingerprint, financing.bank, financing.claim)


def payout_expected(financing) -> dict:
    """What the bank's payment must look like: now, or again after a reversal (then without a time limit)."""
    again = financing.owed_fen > 0
    return {
        "ref_commit": financing.pay_reference,
        "payee_member": financing.borrower,
        "amount_fen": financing.owed_fen if again else financing.payout_fen,
        "ccy": "CNY",
        "not_before_ms": (financing.owed_since_ms if again else financing.accepted_ms)
        - CLOCK_DRIFT_MS,
        "not_after_ms": 0 if again else financing.pay_until_ms,
        "payer_members": [financing.bank],
    }


def take_payout(financing, proof: bytes):
    paid = call("dcep", "verify_payment", proof, payout_expected(financing))
    financing.pay_nullifier = paid["nullifier"]
    financing.owed_fen = 0
    financings[financing.request_id] = financing


def deliver(financing):
    """The other half of the bargain: the claim is the bank's from here on, or pledged to it."""
    call("invoice_registry", "activate", *claim_of(financing))
    if financing.pledge:
        call("receivable", "pledge", financing.leaf_id, financing.request_id)
    elif financing.leaf_id:
        leaf, lien = financing.leaf_id, financing.request_id
        call("receivable", "assign_to_financier", leaf, lien, financing.bank, financing.recourse)


def hand_over(financing):
    """The leaf is the bank's while the released money is on its way, and goes nowhere else meanwhile."""
    if financing.leaf_id:
        lien = financing.request_id
        call("receivable", "hand_over", financing.leaf_id, lien, financing.bank, financing.recourse)


def take_lock(financing, proof: bytes, terms: bytes, preimage: bytes):
    lock = call("dcep", "verify_lock", proof, payout_expected(financing), terms)
    require(lock["condition"] == HASH, "E_LOCK_TERMS", "the money must wait for a preimage")
    opens = len(preimage) == PREIMAGE_BYTES and sm3(preimage) == lock["program_hash"]
    require(opens, "E_PREIMAGE", "it is not the preimage of the lock's hash")
    ends = lock["expires_ms"]
    in_time = ctx.time + RELEASE_MARGIN_MS <= ends < day_end_ms(parse_date(financing.due_date) - 2)
    require(in_time, "E_LOCK_LATE", "the lock ends too soon, or after the due date")
    financing.pay_nullifier = lock["nullifier"]
    financing.preimage = preimage
    financings[financing.request_id] = financing


def take_refund(financing, proof: bytes):
    call("dcep", "verify_refund", proof, financing.pay_nullifier)
    financing.preimage = b""
    financings[financing.request_id] = financing


def take_release(financing, proof: bytes):
    """The released money has its own output: what a reversal would have to refer to."""
    wanted = payout_expected(financing)
    wanted["not_after_ms"] = 0
    paid = call("dcep", "verify_payment", proof, wanted)
    financing.pay_nullifier = paid["nullifier"]
    financing.preimage = b""
    financings[financing.request_id] = financing


def fix_repayment(financing, salt: bytes, amount_fen: int, principal_fen: int, until_ms: int):
    """The next payment of an advance to the bank; the instalment 2 is the one fixed with the price."""
    if financing.repay_instalment:
        financing.instalments += 1
    number = financing.instalments
    financing.repay_instalment = number
    financing.repay_reference = call(
        "dcep", "payment_reference", "financing", financing.request_id, number, amount_fen, "CNY",
        financing.bank, salt,
    )  # fmt: skip
    of = financing.principal_fen - financing.repaid_fen
    repayments[(financing.request_id, number)] = Repayment(
        financing.repay_reference, amount_fen, principal_fen, of, ctx.time, until_ms
    )
    return number


def owed_today(financing) -> tuple:
    """(principal, interest) of an advance as of today; after the due date the rate is half as much again."""
    principal = financing.principal_fen - financing.repaid_fen
    today, due_day = day_at(ctx.time), parse_date(financing.due_date)
    since = financing.paid_to_day or day_at(financing.accepted_ms)
    usual = max(0, min(today, due_day) - since)
    late = max(0, today - max(since, due_day))
    weighed = usual * BPS_UNIT + late * OVERDUE_RATE_BPS
    numerator, denominator = simple_interest(principal, financing.rate_ppm, weighed)
    return (principal, half_up(numerator, denominator * BPS_UNIT))


def take_repayment(financing, proof: bytes, instalment: int) -> bool:
    """Principal and interest, a part of them, or what of them was given back. Whether nothing is owed now."""
    again = financing.owed_fen > 0
    number = instalment or financing.repay_instalment
    due = repayments[(financing.request_id, number)]
    if not again:
        require(due is not None, "E_NO_REFERENCE", "no repayment of this number was prepared")
        left = financing.principal_fen - financing.repaid_fen
        require(due.of_fen == left, "E_NO_REFERENCE", "another amount is owed since: prepare anew")
    paid = call(
        "dcep",
        "verify_payment",
        proof,
        {
            "ref_commit": financing.repay_reference if again else due.reference,
            "payee_member": financing.bank,
            "amount_fen": financing.owed_fen if again else due.amount_fen,
            "ccy": "CNY",
            "not_before_ms": (financing.owed_since_ms if again else due.since_ms) - CLOCK_DRIFT_MS,
            "not_after_ms": 0 if again else due.until_ms,
        },
    )
    financing.repay_nullifier = paid["nullifier"]
    whole = again or due.principal_fen == due.of_fen
    if not again:
        financing.repaid_fen += due.principal_fen
        financing.paid_to_day = day_at(due.since_ms)
    financing.owed_fen = 0
    financings[financing.request_id] = financing
    return whole


def owe_again(financing, proof: bytes, salt: bytes, paid_back: bool) -> int:
    """What was given back is owed again. For a leaf's repayment the leaf itself knows: no proof is read."""
    if paid_back and is_bought(financing):
        require(proof == b"", "E_PROOF_UNUSED", "a leaf's reversal is recorded on the leaf")
        settled = call("receivable", "is_settled", financing.leaf_id, financing.bank)
        require(not settled, "E_STATE", "the leaf is paid")
        return 0
    nullifier = financing.repay_nullifier if paid_back else financing.pay_nullifier
    back = call("dcep", "verify_reversal", proof, nullifier)
    payee = financing.bank if paid_back else financing.borrower
    financing.instalments += 1
    reference = call(
        "dcep", "payment_reference", "financing", financing.request_id, financing.instalments,
        back["amount_fen"], "CNY", payee, salt,
    )  # fmt: skip
    financing.owed_fen = back["amount_fen"]
    financing.owed_since_ms = ctx.time
    if paid_back:
        financing.repay_reference = reference
    else:
        financing.pay_reference = reference
    financings[financing.request_id] = financing
    return financing.owed_fen
