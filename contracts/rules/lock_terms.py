"""Terms of a conditional coin in canonical bytes (consensus/payment_lock.py): who, how much, under what.

The owner of a locked coin is the hash of its terms, so a proof of a LOCK and the terms together show the
whole bargain.
"""

from sdk import dataclass, struct_decode, struct_encode, tagged_hash

LOCK_VERSION = 1
OWNER_CONTRACT = 4
TIME = 2
MULTISIG = 3
MILESTONE = 4
HASH = 5
KINDS = (
    "int", "hash", "hash", "int", "int", "hash", "int", "list:hash", "int", "int", "bytes",
)  # fmt: skip


@dataclass
class LockTerms:
    payer: bytes
    payee: bytes
    amount_fen: int
    condition: int
    program_hash: bytes
    after_ms: int
    arbiters: tuple
    threshold: int
    expires_ms: int


def read_terms(data: bytes) -> LockTerms:
    """Raises ValueError for anything but the canonical bytes of known terms."""
    parts = struct_decode(list(KINDS), data)
    if parts[0] != LOCK_VERSION or not 16 <= len(parts[10]) <= 32:
        raise ValueError("terms of another version, or with a bad salt")
    return LockTerms(
        parts[1], parts[2], parts[3], parts[4], parts[5], parts[6], tuple(parts[7]), parts[8],
        parts[9],
    )  # fmt: skip


def lock_address_of(data: bytes) -> bytes:
    """The owner of the coin that these terms lock."""
    key = struct_encode([("int", OWNER_CONTRACT), ("bytes", data)])
    return tagged_hash("citychain/address/v1", "sm", key)
