"""Block headers: what certificates sign (decisions section 1.5).

Neither the view nor signatures stand in a header: a block prepared in one view may be proposed again in
a later one and must keep its hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consensus import merkle
from consensus.encoding import Hash, Sig, encode
from consensus.merkle import HashFunction
from consensus.tags import Tag, preimage

HEADER_VERSION = 1


@dataclass(frozen=True, slots=True)
class Header:
    """`state_root` and `receipts_root` are those after block `height - W` (genesis values below 1).

    proposer: identity digest of the ORIGINAL proposer's vote key; timestamp_ms: set by it."""

    version: int
    suite: int
    channel_id: Hash
    epoch: int
    height: int
    parent_hash: Hash
    proposer: Hash
    tx_root: Hash
    tx_count: int
    state_root: Hash
    receipts_root: Hash
    timestamp_ms: int
    validators_hash: Hash
    next_validators_hash: Hash
    config_hash: Hash
    evidence_root: Hash

    def __post_init__(self) -> None:
        # A tag carries the suite in one byte: a stranger's header must not fail only when it is hashed.
        if not 0 <= self.suite <= 255:
            raise ValueError("a suite id has one byte")


def block_hash(hash_: HashFunction, header: Header) -> Hash:
    return Hash(hash_(preimage(Tag.HEADER, header.suite, encode(header))))


def identity_digest(hash_: HashFunction, suite_id: int, public_key: bytes) -> Hash:
    """An identity's name on the chain: `sender` of a transaction, `proposer` of a header."""
    return Hash(hash_(preimage(Tag.IDENTITY, suite_id, public_key)))


def tx_id(hash_: HashFunction, suite_id: int, body: bytes) -> Hash:
    return Hash(hash_(preimage(Tag.TX_ID, suite_id, body)))


def tx_sign_digest(hash_: HashFunction, suite_id: int, channel_id: Hash, body: bytes) -> Hash:
    """The 32 bytes a client signs: they bind the body to one channel."""
    return Hash(hash_(tx_sign_preimage(suite_id, channel_id, body)))


def tx_sign_preimage(suite_id: int, channel_id: Hash, body: bytes) -> bytes:
    """What that digest is of."""
    return preimage(Tag.TX_SIGN, suite_id, channel_id, body)


def tx_leaf(hash_: HashFunction, suite_id: int, id_: Hash, signature: Sig) -> Hash:
    """A transaction's leaf covers its signature, so that every node stores the same envelope."""
    return Hash(hash_(preimage(Tag.TX_LEAF, suite_id, id_, signature)))


def receipt_leaf(hash_: HashFunction, suite_id: int, receipt: bytes) -> Hash:
    return Hash(hash_(preimage(Tag.RECEIPT_LEAF, suite_id, receipt)))


def leaves_root(hash_: HashFunction, leaves: Sequence[bytes]) -> Hash:
    return Hash(merkle.root(hash_, leaves))
