"""Checks of a payment proof, in the order of dcep.md section 3.5, each with its own code.

The contract `dcep` decides with the same checks; this is what relays, auditors and `city proof verify` run
without a network. `check_proof` covers checks 1 to 10 (what the log says), `check_payment` 11 to 14 and 16
(whether this payment is the expected one). The nullifier (15) and freezes (17) are state of a channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from consensus import merkle
from consensus.encoding import EncodingError, Hash, decode
from consensus.merkle import HashFunction
from consensus.payment import (
    KEY_CHAIN_MAX,
    REGIMES,
    STATUS_FINAL,
    VERSION,
    CertifiedTreeHead,
    Disclosure,
    KeyChainEntry,
    Kind,
    PaymentProof,
    TreeHead,
    entry_bytes,
    field_commitment,
    fields_root,
    grant_digest,
    key_id,
    log_id,
    log_key_digest,
    parse_field,
    tree_head_digest,
)

PROOF_BYTES_MAX = 32 * 1024
PATH_STEPS_MAX = 64
SKEW_MS = 5_000
STALE_MS = 60_000
STALE_MS_MAX = 24 * 3_600_000
KINDS_ALLOWED = (Kind.TRANSFER.name, Kind.RELEASE.name, Kind.REDEEM.name)

Verify = Callable[[bytes, bytes, bytes], bool]
"""(public key, message, signature) -> holds, under SM2 with the default id."""


class ProofRefused(ValueError):
    """A proof that does not hold. `code` is the contract's own code for the check that failed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def _require(condition: bool, code: str, detail: str) -> None:
    if not condition:
        raise ProofRefused(code, detail)


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """What a verifier knows of a log. anchor: the last head it accepted."""

    root_key: bytes
    anchor: TreeHead | None = None
    halted: bool = False
    revoked: frozenset[Hash] = frozenset()
    stale_ms: int = STALE_MS


@dataclass(frozen=True, slots=True)
class Payment:
    """The opened facts of a proof that holds; None: the field stayed hidden."""

    proof: PaymentProof
    kind: str | None
    status: str | None
    time_ms: int | None
    payer: bytes | None
    payee: bytes | None
    amount_fen: int | None
    ccy: str | None
    purpose: str | None
    ref_commit: bytes | None
    regime: str | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What an obligation wants. payee, payers: wallet addresses; no payers: anyone may pay."""

    reference: Hash
    payee: Hash
    amount_fen: int
    ccy: str = "CNY"
    not_before_ms: int = 0
    payers: tuple[Hash, ...] = ()
    partial: bool = False


def decode_proof(data: bytes) -> PaymentProof:
    """Checks 1 and 2 without the regime. Raises ProofRefused: E_PROOF_SIZE, _VERSION, _ENCODING."""
    _require(len(data) <= PROOF_BYTES_MAX, "E_PROOF_SIZE", "the proof is larger than 32 KiB")
    version = data[:12]
    _require(
        version == bytes((0, 0, 0, 8)) + VERSION.to_bytes(8, "big"),
        "E_PROOF_VERSION",
        "unknown version",
    )
    try:
        proof = decode(PaymentProof, data)
    except EncodingError as error:
        raise ProofRefused("E_PROOF_ENCODING", str(error)) from error
    for path in (proof.audit_path, proof.anchor_path):
        _require(len(path) <= PATH_STEPS_MAX, "E_PROOF_SIZE", "a path has more than 64 steps")
    chain = len(proof.key_chain)
    _require(1 <= chain <= KEY_CHAIN_MAX, "E_PROOF_SIZE", "the key chain has 1 to 4 keys")
    return proof


def check_proof(
    hash_: HashFunction,
    verify: Verify,
    data: bytes,
    trusted: TrustedLog,
    now_ms: int | None,
    kinds: tuple[str, ...] = KINDS_ALLOWED,
) -> Payment:
    """The payment of a proof that holds (checks 1 to 10). Raises ProofRefused.

    now_ms None: offline, freshness (check 6) and the grant's end (check 14) are not asked for. kinds: those
    that do what is asked; by default those that pay a debt.
    """
    proof = decode_proof(data)
    payment = _payment(proof)
    _check_regime(payment)
    _require(
        proof.log_id == log_id(hash_, trusted.root_key),
        "E_PROOF_LOG",
        "the proof is of another log",
    )
    _require(not trusted.halted, "E_PROOF_LOG_HALTED", "the log is halted: it signed a fork")
    head = proof.head.head
    _check_keys(hash_, verify, proof, trusted)
    signer = proof.key_chain[-1].key.public_key
    _require(
        verify(signer, tree_head_digest(hash_, head), proof.head.signature)
        and verify(signer, grant_digest(hash_, proof.grant), proof.grant_signature),
        "E_PROOF_SIGNATURE",
        "the tree head or the grant is not signed by the log's key",
    )
    if now_ms is not None:
        _require(
            head.timestamp_ms <= now_ms + SKEW_MS,
            "E_PROOF_FUTURE",
            "the tree head is of the future",
        )
        _require(
            head.timestamp_ms + trusted.stale_ms >= now_ms,
            "E_PROOF_STALE",
            "the tree head is stale",
        )
    _check_anchor(hash_, proof, trusted.anchor)
    commitments = [field_commitment(hash_, d) for d in proof.disclosures]
    _require(
        fields_root(hash_, (*commitments, *proof.hidden)) == proof.fields_root,
        "E_PROOF_DISCLOSURE",
        "the opened fields are not those of the log",
    )
    leaf = merkle.leaf_hash(hash_, entry_bytes(proof.entry))
    _require(
        merkle.verify_inclusion(
            hash_, leaf, proof.leaf_index, head.tree_size, proof.audit_path, head.root
        ),
        "E_PROOF_INCLUSION",
        "the payment is not in the tree",
    )
    _require(payment.status == STATUS_FINAL, "E_PROOF_STATUS", "the payment is not final")
    _require(payment.kind in kinds, "E_PROOF_KIND", "this kind of payment does not do it")
    if now_ms is not None:
        _require(
            now_ms <= proof.not_after_ms, "E_PROOF_EXPIRED", "the proof may not be used any more"
        )
    return payment


def check_payment(payment: Payment, expected: Expected, now_ms: int) -> None:
    """Checks 11 to 14 and 16: is this the expected payment? Raises ProofRefused."""
    _require(
        payment.ref_commit == expected.reference, "E_PROOF_REF", "the payment has another reference"
    )
    _require(payment.payee == expected.payee, "E_PROOF_PAYEE", "another wallet was paid")
    _require(payment.ccy == expected.ccy, "E_PROOF_CURRENCY", "paid in another currency")
    amount = payment.amount_fen or 0
    _require(
        amount >= expected.amount_fen or (expected.partial and amount > 0),
        "E_PROOF_AMOUNT",
        "less than the amount due was paid",
    )
    time_ms = payment.time_ms or 0
    _require(
        expected.not_before_ms <= time_ms <= now_ms + SKEW_MS,
        "E_PROOF_TIME",
        "paid before the obligation began, or in the future",
    )
    _require(
        not expected.payers or payment.payer in expected.payers,
        "E_PROOF_PAYER",
        "somebody else paid",
    )


def redact(hash_: HashFunction, proof: PaymentProof, keep: tuple[str, ...]) -> PaymentProof:
    """The same proof with only the fields `keep` opened: the holder decides what a reader sees."""
    closed = [field_commitment(hash_, d) for d in proof.disclosures if d.name not in keep]
    return replace(
        proof,
        disclosures=tuple(d for d in proof.disclosures if d.name in keep),
        hidden=tuple(sorted((*proof.hidden, *closed))),
    )


def is_fork(first: TreeHead, second: TreeHead) -> bool:
    """Whether two heads that one log signed cannot both be honest: one size with two roots, or a tree that
    shrank with time. Signatures are checked by the caller."""
    if first.tree_size == second.tree_size:
        return first.root != second.root
    small, large = sorted((first, second), key=lambda head: head.tree_size)
    return small.timestamp_ms > large.timestamp_ms


def check_head(
    hash_: HashFunction, verify: Verify, certified: CertifiedTreeHead, trusted: TrustedLog
) -> None:
    """Checks 3 to 5 for a head that comes by itself. Raises ProofRefused."""
    signed, chain = certified.signed, certified.key_chain
    _require(
        signed.head.log_id == log_id(hash_, trusted.root_key),
        "E_PROOF_LOG",
        "a head of another log",
    )
    _check_chain(hash_, verify, signed.head, chain, trusted)
    _require(
        verify(chain[-1].key.public_key, tree_head_digest(hash_, signed.head), signed.signature),
        "E_PROOF_SIGNATURE",
        "the tree head is not signed by the log's key",
    )


def _payment(proof: PaymentProof) -> Payment:
    opened: dict[str, Disclosure] = {d.name: d for d in proof.disclosures}

    def text(name: str) -> str | None:
        value = parse_field(name, opened[name].value) if name in opened else None
        assert value is None or isinstance(value, str)
        return value

    def number(name: str) -> int | None:
        value = parse_field(name, opened[name].value) if name in opened else None
        assert value is None or isinstance(value, int)
        return value

    def digest(name: str) -> bytes | None:
        return opened[name].value if name in opened else None

    return Payment(
        proof=proof,
        kind=text("kind"),
        status=text("status"),
        time_ms=number("time_ms"),
        payer=digest("payer"),
        payee=digest("payee"),
        amount_fen=number("amount_fen"),
        ccy=text("ccy"),
        purpose=text("purpose"),
        ref_commit=digest("ref_commit"),
        regime=text("regime"),
    )


def _check_regime(payment: Payment) -> None:
    regime = next((r for r in REGIMES if r.regime_id == payment.regime), None)
    _require(regime is not None, "E_PROOF_REGIME", "the payment's regime is not known")
    assert regime is not None
    time_ms = payment.time_ms or 0
    _require(
        regime.from_ms <= time_ms and (regime.until_ms == 0 or time_ms < regime.until_ms),
        "E_PROOF_REGIME",
        "the regime was not in force when the payment was made",
    )


def _check_keys(
    hash_: HashFunction, verify: Verify, proof: PaymentProof, trusted: TrustedLog
) -> None:
    _require(
        proof.head.head.log_id == proof.log_id, "E_PROOF_LOG", "the tree head is of another log"
    )
    _check_chain(hash_, verify, proof.head.head, proof.key_chain, trusted)


def _check_chain(
    hash_: HashFunction,
    verify: Verify,
    head: TreeHead,
    chain: tuple[KeyChainEntry, ...],
    trusted: TrustedLog,
) -> None:
    """Check 4: the pinned root signs the first key, each key the next, the last one signs the head."""
    signer = trusted.root_key
    _require(1 <= len(chain) <= KEY_CHAIN_MAX, "E_PROOF_SIZE", "the key chain has 1 to 4 keys")
    for position, entry in enumerate(chain):
        key = entry.key
        last = position == len(chain) - 1
        _require(
            key.version == VERSION and key.log_id == head.log_id and key.issues is not last,
            "E_PROOF_KEY",
            "a key of the chain is for something else",
        )
        _require(
            key.not_before_ms <= head.timestamp_ms < key.not_after_ms,
            "E_PROOF_KEY",
            "a key was not valid when the tree head was signed",
        )
        _require(
            key_id(hash_, key.public_key) not in trusted.revoked, "E_PROOF_KEY", "a key is revoked"
        )
        _require(
            verify(signer, log_key_digest(hash_, key), entry.signature),
            "E_PROOF_KEY",
            "the chain does not lead to the pinned root key",
        )
        signer = key.public_key
    _require(
        head.version == VERSION and key_id(hash_, signer) == head.key_id,
        "E_PROOF_KEY",
        "the tree head names another key",
    )


def _check_anchor(hash_: HashFunction, proof: PaymentProof, anchor: TreeHead | None) -> None:
    """Check 7: the proof's head and the last one accepted are of one history."""
    head = proof.head.head
    if anchor is None:
        return
    if head.tree_size == anchor.tree_size:
        _require(
            head.root == anchor.root, "E_PROOF_FORK", "two trees of one size: the log has forked"
        )
        return
    small, large = sorted((head, anchor), key=lambda h: h.tree_size)
    _require(
        small.timestamp_ms <= large.timestamp_ms,
        "E_PROOF_CONSISTENCY",
        "the log shrank: a later head has a smaller tree",
    )
    _require(
        proof.anchor_size == anchor.tree_size
        and merkle.verify_consistency(
            hash_, small.tree_size, large.tree_size, small.root, large.root, proof.anchor_path
        ),
        "E_PROOF_CONSISTENCY",
        "the tree head does not continue the last accepted one",
    )
