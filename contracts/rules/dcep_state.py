"""What the anchor contract stores of logs, wallets and used payments, and how it is read.

A log is known by its pinned root key. `announced` holds the keys that sign its heads, one after the other: who
brings a key chain rotates the log's key here, and from its beginning on only the new key counts.
"""

from rules.payment_proof import key_id_of
from sdk import Event, Map, ctx, dataclass, merkle_consistency, require

WALLET_GRACE_MS = 86400000  # a replaced wallet is still paid for a day


@dataclass
class Log:
    """A registered log and the last head this channel accepted (size 0: none yet).

    reported: whether the oracle committee may tell of its payments instead of proofs."""

    root_key: bytes
    stale_ms: int
    halted: bool
    size: int
    time_ms: int
    root: bytes
    reported: bool = False


@dataclass
class Used:
    """A payment that served an obligation of `contract`, and how much of it was given back since."""

    contract: str
    ref_commit: bytes
    log_id: bytes
    point: bytes
    payer: bytes
    payee: bytes
    amount_fen: int
    reversed_fen: int = 0


logs = Map("log", None)
anchored = Map("anchored", b"")
revoked: Map[bytes, tuple[bytes, ...]] = Map("revoked", ())
announced: Map[bytes, tuple[tuple[int, bytes], ...]] = Map("announced", ())  # from when, key id
forks = Map("fork", b"")  # log id → the evidence that halted it
wallets: Map[str, tuple[tuple[int, bytes], ...]] = Map("wallet", ())
proposed: Map[str, tuple] = Map("proposed_wallet", ())  # member → (address, who proposed it)
wallet_owner = Map("wallet_owner", "")
frozen = Map("frozen", "")
used = Map("nullifier", None)
received = Map(
    "received", 0
)  # member → fen that its obligations brought it, less what it gave back

HeadAnchored = Event("Dcep.HeadAnchored")


def load_log(log_id: bytes):
    """Check 3."""
    log = logs[log_id]
    require(log is not None, "E_PROOF_LOG", "the proof is of a log that is not registered here")
    require(not log.halted, "E_PROOF_LOG_HALTED", "the log is halted: it signed a fork")
    return log


def check_announced(head, signer: bytes):
    """The end of check 4: once keys are announced, a head is signed by the one of its time."""
    key_id = b""
    for from_ms, announced_id in announced[head.log_id]:
        if from_ms <= head.time_ms:
            key_id = announced_id
    require(
        key_id in (b"", key_id_of(signer)), "E_PROOF_KEY", "another key signed the log at that time"
    )


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


def require_authority():
    """An administrator of one member is none: who pins a log of his own pays every debt with it."""
    require("regulator" in ctx.roles, "E_ROLE", "only a regulator may do this")
