"""One payment that an obligation waits for: what it must look like is fixed before anybody pays.

The reference binds channel, contract, obligation, instalment, amount and payee's wallet (domain/dcep.md 3.5):
a proof of another payment, or of this one to somebody else, does not end the obligation.
"""

from rules.calendar import CLOCK_DRIFT_MS
from rules.oversight import supervise
from sdk import call, ctx, dataclass, require


@dataclass
class Due:
    """payer "": anyone may pay. until_ms 0: no end."""

    reference: bytes
    payer: str
    payee: str
    amount_fen: int
    since_ms: int
    until_ms: int = 0


def fix(
    obligation: str, instalment: int, payer: str, payee: str, amount_fen: int, salt: bytes,
    until_ms: int = 0,
):  # fmt: skip
    """The payment due, bound to the calling contract. Codes: E_SALT, E_AMOUNT, E_WALLET, E_RULE_BLOCK,
    E_RULE_HOLD."""
    supervise("payment", obligation, payer, payee, amount_fen)
    terms = (ctx.contract, obligation, instalment, amount_fen, "CNY", payee, salt)
    reference = call("dcep", "payment_reference", *terms)
    return Due(reference, payer, payee, amount_fen, ctx.time, until_ms)


def prove(due, proof: bytes) -> dict:
    """Accept the proof of this payment, once. Codes: E_UNPREPARED, and E_PROOF_… of the dcep contract."""
    require(due is not None, "E_UNPREPARED", "the payment's reference is not fixed yet")
    return call(
        "dcep",
        "verify_payment",
        proof,
        {
            "ref_commit": due.reference,
            "payee_member": due.payee,
            "amount_fen": due.amount_fen,
            "ccy": "CNY",
            "not_before_ms": due.since_ms - CLOCK_DRIFT_MS,
            "not_after_ms": due.until_ms,
            "payer_members": [due.payer] if due.payer else [],
        },
    )
