"""Proofs that a coin is unspent, or that no such coin is, under a signed tree head of money's log.

The log says what was paid; a second tree says what is left. It maps the id of every coin that is not spent
(free, locked or frozen) to the coin's canonical bytes, in the tree of `consensus/state_proof.py` under the
sm suite. Its root stands in the head's `ext`, with the size of the log that it belongs to; a center brings it
up to date when a proof is asked for, and every two seconds while money moves.

A coin in the map with its state is unspent at that size; a coin id that is not in the map was spent, or never
was. The coin's bytes hold its id and transaction, so that a neighbour's hash in a path tells nobody what it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.merkle import HashFunction
from consensus.payment import KEY_CHAIN_MAX, CertifiedTreeHead, Coin
from consensus.payment_proof import SKEW_MS, ProofRefused, TrustedLog, Verify, check_head
from consensus.state_proof import PATH_BITS, StateProof, verify_state_proof
from consensus.tags import SUITE_SM

UNSPENT_VERSION = 1
UNSPENT_BYTES_MAX = 32 * 1024


@dataclass(frozen=True, slots=True)
class HeadExtension:
    """`ext` of a tree head. unspent_size: leaves of the log whose coins the map holds, at most the head's."""

    unspent_root: Hash
    unspent_size: int


@dataclass(frozen=True, slots=True)
class UnspentProof:
    """coin: as the map holds it; None proves that the map holds no such coin."""

    version: int
    coin_id: Hash
    coin: Coin | None
    head: CertifiedTreeHead
    path: StateProof


@dataclass(frozen=True, slots=True)
class Unspent:
    """What a proof that holds says: the coin, or that there is none, in a log of `size` leaves."""

    coin_id: Hash
    coin: Coin | None
    size: int
    time_ms: int


def check_unspent(
    hash_: HashFunction, verify: Verify, data: bytes, trusted: TrustedLog, now_ms: int | None
) -> Unspent:
    """What a proof says, if it holds. Raises ProofRefused with the codes of payment proofs.

    now_ms None: offline, whether the head is fresh is not asked."""
    proof, extension = _decoded(data)
    if trusted.halted:
        raise ProofRefused("E_PROOF_LOG_HALTED", "the log is halted: it signed a fork")
    check_head(hash_, verify, proof.head, trusted)
    head = proof.head.signed.head
    if now_ms is not None and head.timestamp_ms > now_ms + SKEW_MS:
        raise ProofRefused("E_PROOF_FUTURE", "the tree head is of the future")
    if now_ms is not None and head.timestamp_ms + trusted.stale_ms < now_ms:
        raise ProofRefused("E_PROOF_STALE", "the tree head is stale")
    if extension.unspent_size > head.tree_size:
        raise ProofRefused("E_PROOF_INCLUSION", "the map is ahead of its log")
    value = None if proof.coin is None else encode(proof.coin)
    if proof.coin is not None and proof.coin.coin_id != proof.coin_id:
        raise ProofRefused("E_PROOF_INCLUSION", "it shows another coin")
    root, coin_id = extension.unspent_root, proof.coin_id
    if not verify_state_proof(hash_, SUITE_SM, root, coin_id, value, proof.path):
        raise ProofRefused("E_PROOF_INCLUSION", "the map of unspent coins says something else")
    return Unspent(coin_id, proof.coin, extension.unspent_size, head.timestamp_ms)


def _decoded(data: bytes) -> tuple[UnspentProof, HeadExtension]:
    if len(data) > UNSPENT_BYTES_MAX:
        raise ProofRefused("E_PROOF_SIZE", "the proof is larger than 32 KiB")
    if data[:12] != bytes((0, 0, 0, 8)) + UNSPENT_VERSION.to_bytes(8, "big"):
        raise ProofRefused("E_PROOF_VERSION", "unknown version")
    try:
        proof = decode(UnspentProof, data)
        extension = decode(HeadExtension, proof.head.signed.head.ext)
    except EncodingError as error:
        raise ProofRefused("E_PROOF_ENCODING", str(error)) from error
    if len(proof.path.siblings) > PATH_BITS or not 1 <= len(proof.head.key_chain) <= KEY_CHAIN_MAX:
        raise ProofRefused("E_PROOF_SIZE", "a path or a key chain is too long")
    return proof, extension
