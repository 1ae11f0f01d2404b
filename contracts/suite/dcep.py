"""DC/EP anchor: a debt ends here by a payment proof, not by anyone's word.

A registered log is the registration center's Merkle log, known by its pinned root key. A proof is
checked in the order of domain/dcep.md 3.5, each check with its own code, and its nullifier is kept, so one
payment output serves one obligation once. Relays carry bytes; nobody is believed. Two heads that
one log cannot both sign honestly halt it for good. Contracts call `payment_reference` before the payment and
`verify_payment` after it.
"""

from rules.payment_proof import (
    REGIMES,
    SKEW_MS,
    address_of,
    attempt,
    binding_digest,
    check_age,
    check_contents,
    check_keys,
    check_signatures,
    is_fork,
    is_signed,
    key_id_of,
    log_id_of,
    nullifier_of,
    read_certified,
    read_fork,
    read_proof,
    reference_of,
)
from sdk import (
    Event,
    Map,
    bytes_from_hex,
    ctx,
    dataclass,
    export,
    merkle_consistency,
    require,
    sm2_verify,
    view,
)

STALE_MS_MIN = 1000
STALE_MS_MAX = 86400000
BINDINGS_MAX = 64
WALLET_GRACE_MS = 86400000  # a replaced wallet is still paid for a day
CCY = "CNY"
EXPECTED_NAMES = (
    "ref_commit", "payee_member", "amount_fen", "ccy", "not_before_ms", "not_after_ms",
    "payer_members", "allow_partial",
)  # fmt: skip


@dataclass
class Log:
    """A registered log and the last head this channel accepted (size 0: none yet)."""

    root_key: bytes
    stale_ms: int
    halted: bool
    size: int
    time_ms: int
    root: bytes


logs = Map("log", None)
anchored = Map("anchored", b"")
revoked: Map[bytes, tuple[bytes, ...]] = Map("revoked", ())
wallets: Map[str, tuple[tuple[int, bytes], ...]] = Map("wallet", ())
proposed: Map[str, tuple] = Map("proposed_wallet", ())  # member → (address, who proposed it)
wallet_owner = Map("wallet_owner", "")
frozen = Map("frozen", "")
used = Map("nullifier", b"")

LogRegistered = Event("Dcep.LogRegistered")
KeyRevoked = Event("Dcep.KeyRevoked")
LogHalted = Event("Dcep.LogHalted")
HeadAnchored = Event("Dcep.HeadAnchored")
WalletProposed = Event("Dcep.WalletProposed")
WalletBound = Event("Dcep.WalletBound")
WalletFrozen = Event("Dcep.WalletFrozen")
WalletReleased = Event("Dcep.WalletReleased")
PaymentVerified = Event("Dcep.PaymentVerified")


def require_authority():
    """An administrator of one member is none: who pins a log of his own pays every debt with it."""
    require("regulator" in ctx.roles, "E_ROLE", "only a regulator may do this")


def load_log(log_id: bytes):
    """Check 3."""
    log = logs[log_id]
    require(log is not None, "E_PROOF_LOG", "the proof is of a log that is not registered here")
    require(not log.halted, "E_PROOF_LOG_HALTED", "the log is halted: it signed a fork")
    return log


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
def revoke_key(log_id: bytes, public_key: bytes) -> bool:
    """A key of a log counts no more, for any head. Codes: E_ROLE, E_PROOF_LOG, E_LIMIT."""
    require_authority()
    require(log_id in logs, "E_PROOF_LOG", "no such log")
    ids = revoked[log_id]
    require(len(ids) < BINDINGS_MAX, "E_LIMIT", "too many revoked keys")
    key_id = key_id_of(public_key)
    if key_id not in ids:
        revoked[log_id] = (*ids, key_id)
        KeyRevoked(log_id=log_id, key_id=key_id, by=ctx.member)
    return True


def keep_head(log_id: bytes, log, head):
    """The newest head becomes the one that later proofs must continue."""
    anchored[(log_id, head.size)] = head.root
    if head.size > log.size:
        log.size = head.size
        log.time_ms = head.time_ms
        log.root = head.root
        logs[log_id] = log
        HeadAnchored(log_id=log_id, size=head.size, root=head.root, time_ms=head.time_ms)


def check_anchor(log_id: bytes, log, head, anchor_size: int, path):
    """Check 7: the head and the last one accepted here are of one history."""
    if log.size == 0:
        return
    known = anchored[(log_id, head.size)]
    if known != b"":
        require(known == head.root, "E_PROOF_FORK", "two trees of one size: report the fork")
        return
    grows = head.size > log.size
    small_size, large_size = (log.size, head.size) if grows else (head.size, log.size)
    small_root, large_root = (log.root, head.root) if grows else (head.root, log.root)
    ordered = log.time_ms <= head.time_ms if grows else head.time_ms <= log.time_ms
    require(ordered, "E_PROOF_CONSISTENCY", "the log shrank: a later head has a smaller tree")
    require(
        anchor_size == log.size
        and small_size > 0
        and large_size < 2**63
        and merkle_consistency(small_size, large_size, small_root, large_root, path),
        "E_PROOF_CONSISTENCY",
        "the tree head does not continue the last one accepted here",
    )


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

    evidence: canonical ForkEvidence. Codes: E_PROOF_ENCODING, E_PROOF_LOG, E_PROOF_LOG_HALTED, E_PROOF_KEY,
    E_PROOF_SIGNATURE, E_NO_FORK.
    """
    sides = attempt(read_fork, evidence)
    require(sides is not None, "E_PROOF_ENCODING", "not the canonical bytes of fork evidence")
    heads = [side[0] for side in sides]
    log_id = heads[0].log_id
    require(heads[1].log_id == log_id, "E_NO_FORK", "the heads are of two logs")
    log = load_log(log_id)
    for head, chain in sides:
        # A revoked key's signature still convicts: revocation must not hide a fork.
        signer = check_keys(head, chain, log.root_key, ())
        require(is_signed(head, signer), "E_PROOF_SIGNATURE", "not signed by the log's key")
    require(is_fork(heads[0], heads[1]), "E_NO_FORK", "both heads can be honest")
    log.halted = True
    logs[log_id] = log
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


def wallet_then(member: str, time_ms: int) -> bytes:
    """The member's wallet at a time, b"" when it had none."""
    found = b""
    for from_ms, address in wallets[member]:
        if from_ms <= time_ms:
            found = address
    return found


def is_wallet_then(member: str, address: bytes, time_ms: int) -> bool:
    """Whether a payment at that time reached the member: its wallet then, or within the last day.

    A creditor who changes its wallet while the payer is paying must not have the money and the debt too.
    """
    if address == wallet_then(member, time_ms):
        return address != b""
    bindings = wallets[member]
    for i in range(len(bindings) - 1):
        replaced_ms = bindings[i + 1][0]
        if bindings[i][1] == address and replaced_ms <= time_ms < replaced_ms + WALLET_GRACE_MS:
            return True
    return False


@export
def freeze_wallet(address: bytes, order: str) -> bool:
    """A regulator's order: payments to or from this wallet discharge nothing. Codes: E_ROLE, E_ORDER."""
    require("regulator" in ctx.roles, "E_ROLE", "only a regulator may freeze")
    require(0 < len(order) <= 64, "E_ORDER", "a freeze needs the order's number")
    frozen[address] = order
    WalletFrozen(address=address, order=order, by=ctx.member)
    return True


@export
def release_wallet(address: bytes, order: str) -> bool:
    """Ends a freeze. Codes: E_ROLE, E_ORDER."""
    require("regulator" in ctx.roles, "E_ROLE", "only a regulator may release")
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


def read_expected(expected: dict) -> dict:
    """The caller's expectation with defaults. Code: E_EXPECTED."""
    for name in expected:
        require(name in EXPECTED_NAMES, "E_EXPECTED", "an unknown expectation")
    for name in ("ref_commit", "payee_member", "amount_fen"):
        require(name in expected, "E_EXPECTED", "reference, payee and amount are needed")
    reference = expected["ref_commit"]
    require(
        isinstance(reference, bytes) and len(reference) == 32 and reference != bytes(32),
        "E_EXPECTED",
        "a reference is 32 bytes, not all zero",
    )
    require(expected["amount_fen"] > 0, "E_EXPECTED", "an amount is above zero")
    wanted = {
        "ccy": CCY,
        "not_before_ms": 0,
        "not_after_ms": 0,
        "payer_members": [],
        "allow_partial": False,
    }
    wanted.update(expected)
    return wanted


def check_policy(opened: dict, wanted: dict):
    """Checks 11 to 14: this payment, to this creditor, for this much, in time."""
    time_ms = opened["time_ms"]
    require(
        opened.get("ref_commit", b"") == wanted["ref_commit"],
        "E_PROOF_REF",
        "the payment has another reference",
    )
    require(
        is_wallet_then(wanted["payee_member"], opened.get("payee", b""), time_ms),
        "E_PROOF_PAYEE",
        "the payment went to another wallet than the creditor's at that time",
    )
    require(opened.get("ccy", "") == wanted["ccy"], "E_PROOF_CURRENCY", "another currency")
    amount = opened.get("amount_fen", 0)
    require(
        amount >= wanted["amount_fen"] or (wanted["allow_partial"] and amount > 0),
        "E_PROOF_AMOUNT",
        "less than the amount due",
    )
    require(
        wanted["not_before_ms"] <= time_ms <= ctx.time + SKEW_MS,
        "E_PROOF_TIME",
        "paid before the obligation began, or in the future",
    )
    require(
        wanted["not_after_ms"] == 0 or time_ms <= wanted["not_after_ms"],
        "E_PROOF_TIME",
        "paid too late",
    )


def check_payer(opened: dict, wanted: dict):
    """Checks 16 and 17: who paid, and whether an order stands against either wallet."""
    payer = opened.get("payer", b"")
    require(
        payer != b"", "E_PROOF_PAYER", "the payer must be opened: an order may stand against it"
    )
    if wanted["payer_members"]:
        owner = wallet_owner[payer]
        allowed = owner in wanted["payer_members"] and is_wallet_then(
            owner, payer, opened["time_ms"]
        )
        require(allowed, "E_PROOF_PAYER", "somebody else paid")
    require(
        frozen[opened["payee"]] == "" and frozen[payer] == "",
        "E_PROOF_FROZEN",
        "a wallet is frozen by order",
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
    found = read_proof(proof)
    log = load_log(found.log_id)
    require(found.head.log_id == found.log_id, "E_PROOF_LOG", "the tree head is of another log")
    signer = check_keys(found.head, found.chain, log.root_key, revoked[found.log_id])
    check_signatures(found, signer)
    check_age(found.head, ctx.time, log.stale_ms)
    check_anchor(found.log_id, log, found.head, found.anchor_size, found.anchor_path)
    check_contents(found)
    opened = found.opened
    check_policy(opened, wanted)
    require(ctx.time <= found.not_after_ms, "E_PROOF_EXPIRED", "the proof may not be used any more")
    nullifier = nullifier_of(found)
    require(used[nullifier] == b"", "E_PROOF_NULLIFIER", "this payment was used before")
    check_payer(opened, wanted)
    used[nullifier] = wanted["ref_commit"]
    keep_head(found.log_id, log, found.head)
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
        "payer": opened["payer"],
        "payee": opened["payee"],
        "nullifier": nullifier,
    }


# ---- views ---------------------------------------------------------------------------------------


@view
def get_log(log_id: bytes) -> dict:
    log = logs[log_id]
    require(log is not None, "E_NOT_FOUND", "no such log")
    return {
        "root_key": log.root_key,
        "stale_ms": log.stale_ms,
        "halted": log.halted,
        "size": log.size,
        "time_ms": log.time_ms,
        "root": log.root,
        "revoked": list(revoked[log_id]),
    }


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
    return used[nullifier] != b""


@view
def regimes() -> list:
    """The dated table of regimes: id, from, until, bears interest, whose debt, reserve, insured."""
    return [list(row) for row in REGIMES]
