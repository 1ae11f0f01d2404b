"""Paid out and paid back, each by proof, and the ways out before that. Table CROSS."""

from chapters.request import DIGEST, days_end, give_reason
from rules.codes import is_digest
from rules.cross_border_machine import CROSS, PAY_BUSINESS_DAYS, PROOF_MARGIN_MS, product_of
from rules.cross_border_records import (
    Declined,
    Disbursed,
    Lapsed,
    PayoutPrepared,
    QuotaReleased,
    Repaid,
    RepaymentPrepared,
    SaleReported,
    Withdrawn,
    claims,
    financings,
)
from rules.day_rate import to_fen
from rules.instrument import enter, keep
from rules.settlement import fix, prove
from sdk import call, ctx, export, require


@export
def prepare_payout(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Fix the lender's payment in fen by the day's rate. Codes: E_PREPARED, E_TOO_LATE, E_HOLD, E_WALLET…"""
    cross = enter(CROSS, financings, id, "prepare_payout", expected_version)
    require(cross.payout is None, "E_PREPARED", "the reference is fixed already")
    require(ctx.time < cross.pay_until_ms, "E_TOO_LATE", "the days to pay are over")
    fen = to_fen(cross.principal, cross.currency)
    parts = cross.parties
    cross.payments += 1
    cross.payout = fix(
        id, cross.payments, parts["lender"], parts["borrower"], fen, salt, cross.pay_until_ms
    )
    keep(financings, cross, PayoutPrepared)
    return cross.payout.reference


@export
def disburse(id: str, proof: bytes) -> str:
    """Anyone brings the proof of the payout: the quota is used from now on."""
    cross = enter(CROSS, financings, id, "disburse")
    prove(cross.payout, proof)
    call("quota", "use", id)
    return keep(financings, cross, Disbursed)


def let_go(cross):
    """The basis is free for another financing."""
    kind = product_of(cross.product)[1]
    claims.delete((kind, cross.basis))
    if cross.used_fen:
        call("declared_goods", "free", cross.basis, cross.parties["lender"], cross.used_fen)
        cross.used_fen = 0


@export
def timeout(id: str) -> str:
    cross = enter(CROSS, financings, id, "timeout")
    over = cross.pay_until_ms + PROOF_MARGIN_MS
    require(ctx.time > over, "E_TOO_EARLY", "the lender may still prove its payment")
    call("quota", "release", id)
    let_go(cross)
    return keep(financings, cross, Lapsed)


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    cross = enter(CROSS, financings, id, "withdraw", expected_version)
    let_go(cross)
    return keep(financings, cross, Withdrawn)


@export
def decline(id: str, reason: str, expected_version: int = 0) -> str:
    cross = enter(CROSS, financings, id, "decline", expected_version)
    give_reason(cross, reason)
    let_go(cross)
    return keep(financings, cross, Declined)


@export
def report_sale(id: str, document: str, expected_version: int = 0) -> str:
    """Trust receipt: the goods were the lender's until sold, so the borrower accounts for the sale."""
    cross = enter(CROSS, financings, id, "report_sale", expected_version)
    require(cross.product == "trust-receipt", "E_METHOD", "only goods under a trust receipt")
    require(is_digest(document), "E_DIGEST", DIGEST)
    cross.sale = document
    return keep(financings, cross, SaleReported)


@export
def prepare_repayment(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Fix what is owed to the lender, in fen by the day's rate; good for five business days, then anew.

    Once the cover is called the import factor owes it, otherwise anybody may pay. Codes: E_PREPARED, E_HOLD…
    """
    cross = enter(CROSS, financings, id, "prepare_repayment", expected_version)
    require_no_repayment(cross)
    fen = to_fen(cross.principal + cross.interest, cross.currency)
    payer = cross.parties["factor"] if cross.state == "COVER_CALLED" else ""
    cross.payments += 1
    until = days_end(PAY_BUSINESS_DAYS)
    cross.repayment = fix(
        id, cross.payments, payer, cross.parties["lender"], fen, salt, until
    )  # fmt: skip
    keep(financings, cross, RepaymentPrepared)
    return cross.repayment.reference


def require_no_repayment(cross):
    """A fixed repayment may be on its way: nothing else is decided until it can no longer be proven."""
    waits = cross.repayment is not None
    waits = waits and ctx.time <= cross.repayment.until_ms + PROOF_MARGIN_MS
    require(not waits, "E_PREPARED", "a repayment is fixed and may still be proven")


@export
def repay(id: str, proof: bytes) -> str:
    """Anyone brings the proof that principal and interest came back. Codes: E_UNPREPARED, E_PROOF_…"""
    cross = enter(CROSS, financings, id, "repay")
    prove(cross.repayment, proof)
    return keep(financings, cross, Repaid)


@export
def release_quota(id: str) -> str:
    """Nothing is owed any more: quota and basis are free."""
    cross = enter(CROSS, financings, id, "release_quota")
    call("quota", "release", id)
    let_go(cross)
    return keep(financings, cross, QuotaReleased)
