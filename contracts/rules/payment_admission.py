"""How what pays is admitted: checks 1 to 10 of dcep.md 3.5 by proof or by report, its one use, its traces.

Shared by payments, locks, reversals and refunds; what each of them is for is checked by the dcep contract.
"""

from rules.dcep_state import (
    Used,
    check_anchor,
    check_announced,
    keep_head,
    load_log,
    logs,
    revoked,
    used,
)
from rules.payment_policy import CCY, check_reference
from rules.payment_proof import (
    SKEW_MS,
    check_age,
    check_contents,
    check_final,
    check_keys,
    check_signatures,
    coin_id_of,
    nullifier_of,
    read_proof,
)
from rules.payment_report import check_report, is_report, read_report
from sdk import ctx, require


def read_checked(proof: bytes, kinds):
    """Checks 1 to 10: what the log says, or a quorum of oracles, whatever it is for."""
    if is_report(proof):
        told = read_report(proof)
        check_report(told)
        check_final(told.opened, kinds)
        return told
    found = read_proof(proof)
    log = load_log(found.log_id)
    require(found.head.log_id == found.log_id, "E_PROOF_LOG", "the tree head is of another log")
    signer = check_keys(found.head, found.chain, log.root_key, revoked[found.log_id])
    check_announced(found.head, signer)
    check_signatures(found, signer)
    check_age(found.head, ctx.time, log.stale_ms)
    check_anchor(found.log_id, log, found.head, found.anchor_size, found.anchor_path)
    check_contents(found)
    check_final(found.opened, kinds)
    return found


def use_once(found) -> bytes:
    """The end of check 14, and check 15. Returns the nullifier."""
    require(ctx.time <= found.not_after_ms, "E_PROOF_EXPIRED", "the proof may not be used any more")
    nullifier = nullifier_of(found.log_id, found.point)
    require(used[nullifier] is None, "E_PROOF_NULLIFIER", "this payment was used before")
    return nullifier


def keep_used(found, nullifier: bytes, reference: bytes):
    """Check 18: from here on the payment is spent, and its head is the one that others continue."""
    opened = found.opened
    used[nullifier] = Used(
        ctx.caller, reference, found.log_id, found.point, opened["payer"], opened["payee"],
        opened["amount_fen"],
    )  # fmt: skip
    if found.head is not None:
        keep_head(found.log_id, logs[found.log_id], found.head)


def taken_back(proof: bytes, nullifier: bytes, kind: str):
    """What REVERSE and REFUND_LOCK have in common: they refer to one coin, and go to its payer."""
    paid = used[nullifier]
    require(paid is not None, "E_NOT_FOUND", "no payment was used under this nullifier")
    require(ctx.caller == paid.contract, "E_CALLER", "another contract's payment")
    found = read_checked(proof, (kind,))
    opened = found.opened
    require(found.log_id == paid.log_id, "E_PROOF_LOG", "it stands in the payment's own log")
    check_reference(opened, coin_id_of(paid.point))
    require(opened.get("payee", b"") == paid.payer, "E_PROOF_PAYEE", "it did not go back")
    require(opened.get("ccy", "") == CCY, "E_PROOF_CURRENCY", "another currency")
    fits = 0 < opened.get("amount_fen", 0) <= paid.amount_fen - paid.reversed_fen
    require(fits, "E_PROOF_AMOUNT", "more than is left of the payment")
    require(opened["time_ms"] <= ctx.time + SKEW_MS, "E_PROOF_TIME", "given back in the future")
    return found, paid, use_once(found)
