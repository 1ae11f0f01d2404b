"""DC/EP anchor: a debt ends here by a payment proof, not by anyone's word.

A registered log is the registration center's Merkle log, known by its pinned root key. A proof is
checked in the order of domain/dcep.md 3.5, each check with its own code, and its nullifier is kept, so one
payment output serves one obligation once. Relays carry bytes; nobody is believed. Two heads that
one log cannot both sign honestly halt it for good. Contracts call `payment_reference` before the payment and
`verify_payment` after it; `verify_lock` reads money under terms, `verify_reversal` money that was given back.
"""

from rules.dcep_state import (
    Log,
    announced,
    check_anchor,
    check_announced,
    forks,
    frozen,
    keep_head,
    load_log,
    logs,
    proposed,
    received,
    require_authority,
    revoked,
    used,
    wallet_owner,
    wallet_then,
    wallets,
)
from rules.fork_evidence import is_fork, read_fork
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
from rules.payment_proof import (
    KINDS_ALLOWED,
    REGIMES,
    address_of,
    attempt,
    binding_digest,
    check_age,
    check_chain,
    check_keys,
    coin_id_of,
    is_signed,
    key_id_of,
    log_id_of,
    read_certified,
    read_key,
    reference_of,
)
from sdk import Event, bytes_from_hex, ctx, export, require, sm2_verify, view

STALE_MS_MIN = 1000
STALE_MS_MAX = 86400000
BINDINGS_MAX = 64
KEYS_MAX = 64

LogRegistered = Event("Dcep.LogRegistered")
ReportsAllowed = Event("Dcep.ReportsAllowed")
KeyAnnounced = Event("Dcep.KeyAnnounced")
KeyRevoked = Event("Dcep.KeyRevoked")
LogHalted = Event("Dcep.LogHalted")
WalletProposed = Event("Dcep.WalletProposed")
WalletBound = Event("Dcep.WalletBound")
WalletFrozen = Event("Dcep.WalletFrozen")
WalletReleased = Event("Dcep.WalletReleased")
PaymentVerified = Event("Dcep.PaymentVerified")
LockVerified = Event("Dcep.LockVerified")
ReversalVerified = Event("Dcep.ReversalVerified")
RefundVerified = Event("Dcep.RefundVerified")


# ---- logs and heads ------------------------------------------------------------------------------


@export
def register_log(root_key: bytes, stale_ms: int = 60000) -> bytes:
    """Pin a center's root key. Returns the log's id. Codes: E_ROLE, E_KEY, E_DUPLICATE, E_STALE."""
    require_authority()
    require(len(root_key) == 65 and root_key[0] == 4, "E_KEY", "a root key has 65 bytes")
    require(STALE_MS_MIN <= stale_ms <= STALE_MS_MAX, "E_STALE", "1 second to 24 hours")
    log_id = log_id_of(root_key)
    require(log_id not in logs, "E_DUPLICATE", "the log is registered already")
    logs[log_id] = Log(root_key, stale_ms, False, 0, 0, b"")
    LogRegistered(log_id=log_id, by=ctx.member)
    return log_id


@export
def allow_reports(log_id: bytes, allowed: bool) -> bool:
    """Payments of this operator may be told by the oracle committee, because it gives no proofs.

    Codes: E_ROLE, E_PROOF_LOG.
    """
    require_authority()
    log = logs[log_id]
    require(log is not None, "E_PROOF_LOG", "no such log")
    log.reported = allowed
    logs[log_id] = log
    ReportsAllowed(log_id=log_id, allowed=allowed, by=ctx.member)
    return allowed


@export
def announce_key(log_id: bytes, chain: list[bytes]) -> bytes:
    """Anyone brings the key chain of the log's next head key: from its beginning on only that key signs.

    chain: canonical KeyChainEntry each, from the root. Returns the key's id. Codes: E_PROOF_LOG,
    E_PROOF_LOG_HALTED, E_PROOF_ENCODING, E_PROOF_SIZE, E_PROOF_KEY, E_DUPLICATE, E_LIMIT.
    """
    log = load_log(log_id)
    require(1 <= len(chain) <= 4, "E_PROOF_SIZE", "the key chain has 1 to 4 keys")
    keys = [attempt(read_key, entry) for entry in chain]
    require(None not in keys, "E_PROOF_ENCODING", "not the canonical bytes of a log's key")
    from_ms = keys[-1].not_before_ms
    signer = check_chain(log_id, from_ms, keys, log.root_key, revoked[log_id])
    known = announced[log_id]
    require(len(known) < KEYS_MAX, "E_LIMIT", "too many keys")
    later = not known or known[-1][0] < from_ms
    require(later, "E_DUPLICATE", "a key that begins then, or later, is announced already")
    key_id = key_id_of(signer)
    announced[log_id] = (*known, (from_ms, key_id))
    KeyAnnounced(log_id=log_id, key_id=key_id, from_ms=from_ms)
    return key_id


@export
def revoke_key(log_id: bytes, public_key: bytes) -> bool:
    """A key of a log counts no more, for any head. Codes: E_ROLE, E_PROOF_LOG, E_LIMIT."""
    require_authority()
    require(log_id in logs, "E_PROOF_LOG", "no such log")
    ids = revoked[log_id]
    require(len(ids) < KEYS_MAX, "E_LIMIT", "too many revoked keys")
    key_id = key_id_of(public_key)
    if key_id not in ids:
        revoked[log_id] = (*ids, key_id)
        KeyRevoked(log_id=log_id, key_id=key_id, by=ctx.member)
    return True


@export
def anchor_head(certified: bytes, path: list[bytes]) -> int:
    """Accept a head by itself, so that many proofs under it need no path. Anyone may bring it.

    certified: canonical CertifiedTreeHead; path: consistency with the last anchored head. Returns its size.
    Codes: E_PROOF_ENCODING, and those of checks 3 to 7.
    """
    found = attempt(read_certified, certified)
    require(found is not None, "E_PROOF_ENCODING", "not the canonical bytes of a tree head")
    head, chain = found
    log = load_log(head.log_id)
    signer = check_keys(head, chain, log.root_key, revoked[head.log_id])
    check_announced(head, signer)
    require(is_signed(head, signer), "E_PROOF_SIGNATURE", "not signed by the log's key")
    check_age(head, ctx.time, log.stale_ms)
    require(
        len(path) <= 64 and all(len(step) == 32 for step in path),
        "E_PROOF_SIZE",
        "a path is at most 64 hashes",
    )
    check_anchor(head.log_id, log, head, log.size, path)
    keep_head(head.log_id, log, head)
    return head.size


@export
def report_fork(evidence: bytes) -> bytes:
    """Anyone halts a log by two heads it cannot both have signed honestly. Returns the log's id.

    evidence: canonical ForkEvidence or HistoryEvidence; it is kept. Codes: E_PROOF_ENCODING, E_PROOF_LOG,
    E_PROOF_LOG_HALTED, E_PROOF_KEY, E_PROOF_SIGNATURE, E_NO_FORK.
    """
    fork = attempt(read_fork, evidence)
    require(fork is not None, "E_PROOF_ENCODING", "not the canonical bytes of fork evidence")
    log_id = fork.heads[0].log_id
    require(fork.heads[1].log_id == log_id, "E_NO_FORK", "the heads are of two logs")
    log = load_log(log_id)
    for i in range(2):
        # A revoked or replaced key's signature still convicts: neither may hide a fork.
        signer = check_keys(fork.heads[i], fork.chains[i], log.root_key, ())
        signed = is_signed(fork.heads[i], signer)
        require(signed, "E_PROOF_SIGNATURE", "not signed by the log's key")
    require(is_fork(fork), "E_NO_FORK", "both heads can be honest")
    log.halted = True
    logs[log_id] = log
    forks[log_id] = evidence
    LogHalted(log_id=log_id, by=ctx.member, evidence=evidence)
    return log_id


# ---- wallets -------------------------------------------------------------------------------------


@export
def bind_wallet(public_key: bytes, signature: bytes) -> bytes:
    """The member itself names its wallet; the wallet's key agrees by signing the binding.

    The first counts from now on. A change leads all money elsewhere, so it counts when a second person of the
    member calls with the same key. Earlier payments keep the wallet of their own time. Returns the address.
    Codes: E_ROLE, E_WALLET_SIGNATURE, E_WALLET_TAKEN, E_FOUR_EYES, E_LIMIT.
    """
    allowed = any(role in ctx.roles for role in ("maker", "checker", "admin"))
    require(
        ctx.member != "" and allowed, "E_ROLE", "a maker, checker or administrator names the wallet"
    )
    address = address_of(public_key)
    digest = binding_digest(bytes_from_hex(ctx.channel), ctx.member, address)
    require(
        sm2_verify(public_key, digest, signature),
        "E_WALLET_SIGNATURE",
        "the wallet's key has not signed this binding",
    )
    require(
        wallet_owner[address] in ("", ctx.member), "E_WALLET_TAKEN", "it is another member's wallet"
    )
    bindings = wallets[ctx.member]
    require(len(bindings) < BINDINGS_MAX, "E_LIMIT", "too many changes of wallet")
    if bindings:
        proposal = proposed[ctx.member]
        if proposal == () or proposal[0] != address:
            proposed[ctx.member] = (address, ctx.sender)
            WalletProposed(member=ctx.member, address=address)
            return address
        require(proposal[1] != ctx.sender, "E_FOUR_EYES", "a second person confirms the change")
        proposed.delete(ctx.member)
    kept = [binding for binding in bindings if binding[0] < ctx.time]
    wallets[ctx.member] = (*kept, (ctx.time, address))
    wallet_owner[address] = ctx.member
    WalletBound(member=ctx.member, address=address, from_ms=ctx.time)
    return address


@export
def freeze_wallet(address: bytes, order: str) -> bool:
    """A regulator's order: payments to or from this wallet discharge nothing. Codes: E_ROLE, E_ORDER."""
    require_authority()
    require(0 < len(order) <= 64, "E_ORDER", "a freeze needs the order's number")
    frozen[address] = order
    WalletFrozen(address=address, order=order, by=ctx.member)
    return True


@export
def release_wallet(address: bytes, order: str) -> bool:
    """Ends a freeze. Codes: E_ROLE, E_ORDER."""
    require_authority()
    require(frozen[address] == order, "E_ORDER", "not frozen under this order")
    frozen.delete(address)
    WalletReleased(address=address, order=order, by=ctx.member)
    return True


# ---- payments ------------------------------------------------------------------------------------


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


# ---- views ---------------------------------------------------------------------------------------


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
