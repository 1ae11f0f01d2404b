"""DC/EP anchor: a debt ends here by a payment proof, not by anyone's word.

A registered log is the registration center's Merkle log, known by its pinned root key. A proof is
checked in the order of domain/dcep.md 3.5, each check with its own code, and its nullifier is kept, so one
payment output serves one obligation once. Relays carry bytes; nobody is believed. Two heads that
one log cannot both sign honestly halt it for good. Contracts call `payment_reference` before the payment and
`verify_payment` after it; `verify_lock` reads money under terms, `verify_reversal` money that was given back.

    logs      logs, keys, heads, forks
    wallets   wallets and orders on them
    payments  proofs of payments, locks, reversals, refunds
"""

from chapters.logs import (
    register_log,
    allow_reports,
    announce_key,
    revoke_key,
    anchor_head,
    report_fork,
)
from chapters.wallets import bind_wallet, freeze_wallet, release_wallet
from chapters.payments import (
    payment_reference,
    verify_payment,
    verify_lock,
    verify_reversal,
    verify_refund,
)

from rules.dcep_state import announced, forks, logs, received, revoked, used, wallet_then
from rules.payment_proof import REGIMES
from sdk import ctx, require, view


@view
def get_log(log_id: bytes) -> dict:
    log = logs[log_id]
    require(log is not None, "E_NOT_FOUND", "no such log")
    return {
        "root_key": log.root_key,
        "stale_ms": log.stale_ms,
        "halted": log.halted,
        "reported": log.reported,
        "size": log.size,
        "time_ms": log.time_ms,
        "root": log.root,
        "announced": [{"from_ms": row[0], "key_id": row[1]} for row in announced[log_id]],
        "revoked": list(revoked[log_id]),
    }


@view
def fork_evidence(log_id: bytes) -> bytes:
    """What halted a log, for anyone to check without this chain. Code: E_NOT_FOUND."""
    found = forks[log_id]
    require(found != b"", "E_NOT_FOUND", "the log is not halted")
    return found


@view
def anchor(log_id: bytes) -> int:
    """Size of the last accepted head, 0 for none: what a proof must be consistent with."""
    log = logs[log_id]
    require(log is not None, "E_NOT_FOUND", "no such log")
    return log.size


@view
def wallet_of(member: str, time_ms: int = 0) -> bytes:
    """A member's wallet now, or at a time; b"" for none."""
    return wallet_then(member, time_ms or ctx.time)


@view
def is_used(nullifier: bytes) -> bool:
    return used[nullifier] is not None


@view
def money_received(after: str = "", limit: int = 100) -> list:
    """What payments brought each member for its obligations, by member; for regulators."""
    require("regulator" in ctx.roles, "E_ROLE", "only a regulator may see this")
    found = received.scan(None, after or None, min(max(limit, 1), 1000))
    return [{"payee": member, "amount_fen": amount} for member, amount in found]


@view
def regimes() -> list:
    """The dated table of regimes: id, from, until, bears interest, whose debt, reserve, insured."""
    return [list(row) for row in REGIMES]
