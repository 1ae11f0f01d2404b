"""The registration centers' logs: whose keys, which heads, and the end of one that forks."""

from rules.dcep_state import (
    Log,
    announced,
    check_anchor,
    check_announced,
    forks,
    keep_head,
    load_log,
    logs,
    require_authority,
    revoked,
)
from rules.fork_evidence import is_fork, read_fork
from rules.payment_proof import (
    attempt,
    check_age,
    check_chain,
    check_keys,
    is_signed,
    key_id_of,
    log_id_of,
    read_certified,
    read_key,
)
from sdk import Event, ctx, export, require

STALE_MS_MIN = 1000
STALE_MS_MAX = 86400000
KEYS_MAX = 64

LogRegistered = Event("Dcep.LogRegistered")
ReportsAllowed = Event("Dcep.ReportsAllowed")
KeyAnnounced = Event("Dcep.KeyAnnounced")
KeyRevoked = Event("Dcep.KeyRevoked")
LogHalted = Event("Dcep.LogHalted")


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
