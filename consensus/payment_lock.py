"""Conditional coins: money that waits for a condition, and what opens it (dcep.md section 3.7).

The owner of a locked coin is no key but the hash of its terms. A proof of a LOCK therefore shows the whole
bargain to whoever holds the terms, and the bytes of transactions, log and proof stay as they are:

    LockTerms --lock_address--> owner of output 0 of LOCK --RELEASE--> terms.payee
                                                          --REFUND_LOCK--> terms.payer

What opens a coin (a preimage, signatures of arbiters) stands beside the transaction, as its signature does,
and is no part of its id. Released money carries no condition any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from consensus.encoding import EncodingError, Hash, Sig, encode
from consensus.merkle import HashFunction
from consensus.payment import (
    SALT_BYTES_MAX,
    SALT_BYTES_MIN,
    OwnerKind,
    SignedCoinTransaction,
    WalletKey,
)
from consensus.tags import SUITE_SM, Tag, preimage

LOCK_VERSION = 1
PREIMAGE_BYTES = 32
ARBITERS_MAX = 16


class Condition(IntEnum):
    """PROOF, a condition that the center itself reads off a chain, has a number and is not offered: an agent
    who reads the chain is an arbiter of MULTISIG."""

    PROOF = 1
    TIME = 2
    MULTISIG = 3
    MILESTONE = 4
    HASH = 5


@dataclass(frozen=True, slots=True)
class LockTerms:
    """The bargain. Before `expires_ms` the payee may take the money when the condition holds; from then on
    only the payer may, so the two never race.

    HASH: program_hash = hash of a preimage of 32 bytes. TIME: the payee may take from after_ms on.
    MULTISIG: `threshold` of `arbiters` (wallet addresses) sign the release. MILESTONE: as MULTISIG, and a
    release may leave a rest under the same terms. Fields a condition does not use are zero or empty.
    """

    version: int
    payer: Hash
    payee: Hash
    amount_fen: int
    condition: int
    program_hash: Hash
    after_ms: int
    arbiters: tuple[Hash, ...]
    threshold: int
    expires_ms: int
    salt: bytes

    def __post_init__(self) -> None:
        if not SALT_BYTES_MIN <= len(self.salt) <= SALT_BYTES_MAX:
            raise EncodingError("a salt has 16 to 32 bytes")


@dataclass(frozen=True, slots=True)
class Approval:
    """A further signature over the digest that the owner signs (`coin_tx_digest`)."""

    public_key: bytes
    signature: Sig


@dataclass(frozen=True, slots=True)
class Witness:
    """terms: with LOCK only. preimage: empty when the condition is no hash."""

    terms: LockTerms | None = None
    preimage: bytes = b""
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True)
class WitnessedTransaction:
    signed: SignedCoinTransaction
    witness: Witness


def lock_address(hash_: HashFunction, terms: LockTerms) -> Hash:
    """The owner of the coin that these terms lock: an address of owner kind CONTRACT."""
    key = encode(WalletKey(int(OwnerKind.CONTRACT), encode(terms)))
    return Hash(hash_(preimage(Tag.ADDRESS, SUITE_SM, key)))
