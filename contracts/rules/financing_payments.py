"""Money of a financing: the payout against delivery, the repayment, and what was given back.

Delivery against payment has two ways. A final payment: proof in, leaf out. Or a conditional coin: the bank
locks the money under a hash whose preimage it alone knows, and the borrower signs its RELEASE in advance. The
transaction that shows lock and preimage moves the leaf and makes the preimage public, so that anyone can
complete the release. The lock must outlive that moment by RELEASE_MARGIN_MS; should the money go back all the
same, the proof of that brings the leaf back. Where the bank never shows it, the leaf is free again at the
time-out and the money goes back at the lock's end. Nobody is left with nothing.
"""

from rules.calendar import CLOCK_DRIFT_MS, day_end_ms, parse_date
from rules.financing_machine import RELEASE_MARGIN_MS
from rules.financing_records import financings
from rules.lock_terms import HASH
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
    """The other half of the bargain: the claim is the bank's from here on."""
    call("invoice_registry", "activate", *claim_of(financing))
    if financing.leaf_id:
        leaf, lien = financing.leaf_id, financing.request_id
        call("receivable", "assign_to_financier", leaf, lien, financing.bank)


def hand_over(financing):
    """The leaf is the bank's while the released money is on its way, and goes nowhere else meanwhile."""
    if financing.leaf_id:
        lien = financing.request_id
        call("receivable", "hand_over", financing.leaf_id, lien, financing.bank)


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


def take_repayment(financing, proof: bytes):
    """Principal and interest, or what of them was given back."""
    again = financing.owed_fen > 0
    whole = financing.principal_fen + financing.interest_fen
    paid = call(
        "dcep",
        "verify_payment",
        proof,
        {
            "ref_commit": financing.repay_reference,
            "payee_member": financing.bank,
            "amount_fen": financing.owed_fen if again else whole,
            "ccy": "CNY",
            "not_before_ms": (financing.owed_since_ms if again else financing.accepted_ms)
            - CLOCK_DRIFT_MS,
            "not_after_ms": ctx.time,
        },
    )
    financing.repay_nullifier = paid["nullifier"]
    financing.owed_fen = 0
    financings[financing.request_id] = financing


def owe_again(financing, proof: bytes, salt: bytes, paid_back: bool) -> int:
    """What was given back is owed again. For a leaf's repayment the leaf itself knows: no proof is read."""
    if paid_back and financing.leaf_id:
        require(proof == b"", "E_PROOF_UNUSED", "a leaf's reversal is recorded on the leaf")
        settled = call("receivable", "is_settled", financing.leaf_id)
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
