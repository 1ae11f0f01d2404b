"""Money's own ledger: coins, their transactions, the log of payments, and the payment proof.

The registration center writes these structures, the contract `dcep` and every offline verifier read them.
Money always speaks the `sm` suite, whatever the channel does: every digest here has suite id 1 and the hash
passed in is SM3.

    coin transaction --txid--> one log entry an OUTPUT --leaf--> Merkle log --root--> signed tree head
    log entry's leaf_commit = Merkle root over salted commitments of that output's ten fields

Source: the domain page dcep.md sections 3.2, 3.4 and 3.5. Checks of a proof: consensus/payment_proof.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from consensus import merkle
from consensus.encoding import ZERO_HASH, EncodingError, Hash, Sig, encode
from consensus.header import identity_digest
from consensus.merkle import HashFunction
from consensus.tags import SUITE_SM, Tag, preimage

VERSION = 1
CCY = "CNY"
VALUE_FEN_MAX = (1 << 53) - 1  # whole fen that every JSON reader holds exactly
OUTPUTS_MAX = 256
SALT_BYTES_MIN, SALT_BYTES_MAX = 16, 32
KEY_CHAIN_MAX = 4
NO_REFERENCE = ZERO_HASH
STATUS_FINAL = "FINAL"


class Kind(IntEnum):
    """Kinds of coin transactions. The first five of this list's life cycle are in use; the numbers of all
    are fixed so that a log never changes its meaning."""

    ISSUE = 1
    EXCHANGE = 2
    TRANSFER = 3
    REDEEM = 4
    DESTROY = 5
    MERGE = 6
    SPLIT = 7
    LOCK = 8
    RELEASE = 9
    REFUND_LOCK = 10
    REVERSE = 11
    OFFLINE_SETTLE = 12
    FREEZE = 13
    UNFREEZE = 14
    COURT_TRANSFER = 15


class OwnerKind(IntEnum):
    SM2 = 1
    SM9 = 2
    MULTI = 3
    CONTRACT = 4


class CoinState(IntEnum):
    UNSPENT = 1
    SPENT = 2
    LOCKED = 3
    FROZEN = 4
    VOID = 5


@dataclass(frozen=True, slots=True)
class Regime:
    """The rules money in wallets is under, as dated data: which is in force follows from the payment's time.

    Times in milliseconds; `until_ms` 0: still in force. Ratios in percent."""

    regime_id: str
    from_ms: int
    until_ms: int
    bears_interest: bool
    balance_sheet: str  # "CB" or "bank"
    reserve_ratio_nonbank: int
    insured: bool


# 2020-01-01 and 2026-01-01, 00:00 in Beijing.
REGIMES = (
    Regime("2020", 1_577_808_000_000, 1_767_196_800_000, False, "CB", 100, False),
    Regime("2026", 1_767_196_800_000, 0, True, "bank", 100, True),
)


def regime_at(time_ms: int) -> Regime | None:
    """The regime in force at a time, None before the first."""
    for regime in REGIMES:
        if regime.from_ms <= time_ms and (not regime.until_ms or time_ms < regime.until_ms):
            return regime
    return None


def _check_salt(salt: bytes) -> None:
    if not SALT_BYTES_MIN <= len(salt) <= SALT_BYTES_MAX:
        raise EncodingError("a salt has 16 to 32 bytes")


# ---- addresses, coins and their transactions -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class WalletKey:
    """What an address is the hash of."""

    kind: int
    public_key: bytes


def wallet_address(hash_: HashFunction, public_key: bytes) -> Hash:
    """Address of an SM2 wallet key."""
    key = encode(WalletKey(int(OwnerKind.SM2), public_key))
    return Hash(hash_(preimage(Tag.ADDRESS, SUITE_SM, key)))


@dataclass(frozen=True, slots=True)
class WalletBinding:
    """A wallet key's word that it belongs to a member of a channel: the key signs the digest."""

    channel_id: Hash
    member: str
    address: Hash


def binding_digest(hash_: HashFunction, binding: WalletBinding) -> Hash:
    return Hash(hash_(preimage(Tag.WALLET_BINDING, SUITE_SM, encode(binding))))


@dataclass(frozen=True, slots=True)
class CoinOutput:
    """reference: the payment reference this output pays, zeros for none (change, own wallet)."""

    value_fen: int
    owner: Hash
    reference: Hash


@dataclass(frozen=True, slots=True)
class CoinTransaction:
    """Inputs are coin ids of one owner, who signs. time_ms: the owner's clock; the center's is in the log."""

    version: int
    kind: int
    ccy: str
    inputs: tuple[Hash, ...]
    outputs: tuple[CoinOutput, ...]
    purpose: str
    time_ms: int
    salt: bytes

    def __post_init__(self) -> None:
        _check_salt(self.salt)


@dataclass(frozen=True, slots=True)
class SignedCoinTransaction:
    tx: CoinTransaction
    public_key: bytes
    signature: Sig


@dataclass(frozen=True, slots=True)
class CoinPoint:
    """One output of one transaction; what a coin id and a nullifier are made of."""

    txid: Hash
    output_index: int


@dataclass(frozen=True, slots=True)
class Coin:
    """serial: numbers the coins of ISSUE, 0 otherwise. issuer: key id under which the money was issued.
    spent_by: the transaction that spent it, zeros while unspent."""

    version: int
    coin_id: Hash
    point: CoinPoint
    value_fen: int
    ccy: str
    owner: Hash
    owner_kind: int
    issuer: Hash
    serial: int
    state: int
    spent_by: Hash


def coin_txid(hash_: HashFunction, tx: CoinTransaction) -> Hash:
    return Hash(hash_(preimage(Tag.COIN_TX, SUITE_SM, encode(tx))))


def coin_tx_digest(hash_: HashFunction, log_id: Hash, tx: CoinTransaction) -> Hash:
    """The 32 bytes an owner signs: they bind the transaction to one center."""
    return Hash(hash_(preimage(Tag.COIN_TX_SIGN, SUITE_SM, log_id, encode(tx))))


def coin_tx_digests(hash_: HashFunction, log_id: Hash, tx: CoinTransaction) -> tuple[Hash, Hash]:
    """`coin_txid` and `coin_tx_digest` over one encoding of the transaction."""
    body = encode(tx)
    return (
        Hash(hash_(preimage(Tag.COIN_TX, SUITE_SM, body))),
        Hash(hash_(preimage(Tag.COIN_TX_SIGN, SUITE_SM, log_id, body))),
    )


def coin_id(hash_: HashFunction, point: CoinPoint) -> Hash:
    return Hash(hash_(preimage(Tag.COIN, SUITE_SM, encode(point))))


# ---- the log -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One leaf of the log: one output of one accepted transaction.

    A transaction without outputs (DESTROY) has one entry without an index, over its own id."""

    version: int
    txid: Hash
    output_index: int | None
    leaf_commit: Hash


@dataclass(frozen=True, slots=True)
class TreeHead:
    version: int
    log_id: Hash
    tree_size: int
    timestamp_ms: int
    root: Hash
    key_id: Hash
    ext: bytes


@dataclass(frozen=True, slots=True)
class SignedTreeHead:
    head: TreeHead
    signature: Sig


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key of the log. issues: it may sign further keys; otherwise it signs tree heads and grants.
    Valid for tree heads with not_before_ms <= timestamp < not_after_ms."""

    version: int
    log_id: Hash
    public_key: bytes
    issues: bool
    not_before_ms: int
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class KeyChainEntry:
    """`signature` is by the key of the entry before, by the pinned root key for the first."""

    key: LogKey
    signature: Sig


def key_id(hash_: HashFunction, public_key: bytes) -> Hash:
    return identity_digest(hash_, SUITE_SM, public_key)


def log_id(hash_: HashFunction, root_key: bytes) -> Hash:
    """A log is named by its root key (65 bytes)."""
    return Hash(hash_(preimage(Tag.LOG_ID, SUITE_SM, root_key)))


def log_key_digest(hash_: HashFunction, key: LogKey) -> Hash:
    return Hash(hash_(preimage(Tag.LOG_KEY, SUITE_SM, encode(key))))


def tree_head_digest(hash_: HashFunction, head: TreeHead) -> Hash:
    return Hash(hash_(preimage(Tag.TREE_HEAD, SUITE_SM, encode(head))))


def entry_bytes(entry: LogEntry) -> bytes:
    """What the log's leaf is the hash of: `leaf = H(00 | entry_bytes)`."""
    return preimage(Tag.LOG_ENTRY, SUITE_SM, encode(entry))


@dataclass(frozen=True, slots=True)
class CertifiedTreeHead:
    """A signed head with the keys that lead from the pinned root key to its signer."""

    signed: SignedTreeHead
    key_chain: tuple[KeyChainEntry, ...]


@dataclass(frozen=True, slots=True)
class ForkEvidence:
    """Two heads that one log signed and that cannot both be honest. It convicts by itself."""

    version: int
    first: CertifiedTreeHead
    second: CertifiedTreeHead


@dataclass(frozen=True, slots=True)
class HistoryEvidence:
    """Two heads of different size, and one leaf that stands differently in their trees: the larger tree does
    not continue the smaller one. Version 2 of fork evidence."""

    version: int
    first: CertifiedTreeHead
    second: CertifiedTreeHead
    leaf_index: int
    first_leaf: Hash
    first_path: tuple[Hash, ...]
    second_leaf: Hash
    second_path: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class ForkCase:
    """A file that convicts a log by itself: the log's id is the hash of root_key. evidence: canonical bytes of
    ForkEvidence or HistoryEvidence."""

    version: int
    root_key: bytes
    evidence: bytes


# ---- salted fields -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Disclosure:
    """An opened field. Its commitment is the tagged hash of this structure."""

    name: str
    value: bytes
    salt: bytes

    def __post_init__(self) -> None:
        _check_salt(self.salt)
        if self.name not in FIELDS:
            raise EncodingError(f"a payment has no field {self.name!r}")
        parse_field(self.name, self.value)


_FIELD_KINDS = {
    "amount_fen": int,
    "ccy": str,
    "kind": str,
    "payee": Hash,
    "payer": Hash,
    "purpose": str,
    "ref_commit": Hash,
    "regime": str,
    "status": str,
    "time_ms": int,
}
FIELDS = tuple(_FIELD_KINDS)  # sorted by name; every payment has all ten
assert list(FIELDS) == sorted(FIELDS)


def field_bytes(name: str, value: int | str | bytes) -> bytes:
    """A field's value as bytes: integers 8 bytes big-endian, text ASCII, hashes as they are."""
    if isinstance(value, bool) or (_FIELD_KINDS[name] is int) is not isinstance(value, int):
        raise EncodingError(f"field {name} has another type")
    if isinstance(value, int):
        if not 0 <= value < 1 << 64:
            raise EncodingError(f"field {name} is no unsigned 64-bit integer")
        return value.to_bytes(8, "big")
    if isinstance(value, str):
        if not value.isascii():
            raise EncodingError(f"field {name} is ASCII text")
        return value.encode("ascii")
    parse_field(name, value)
    return value


def parse_field(name: str, data: bytes) -> int | str | bytes:
    """The value of a field's bytes. Raises EncodingError."""
    kind = _FIELD_KINDS[name]
    if kind is int:
        if len(data) != 8:
            raise EncodingError(f"field {name} has 8 bytes")
        return int.from_bytes(data, "big")
    if kind is Hash:
        if len(data) != 32:
            raise EncodingError(f"field {name} has 32 bytes")
        return data
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise EncodingError(f"field {name} is ASCII text") from error


def field_commitment(hash_: HashFunction, opened: Disclosure) -> Hash:
    return Hash(hash_(preimage(Tag.PAYMENT_FIELD, SUITE_SM, encode(opened))))


def fields_root(hash_: HashFunction, commitments: Iterable[Hash]) -> Hash:
    """Merkle root over the sorted commitments: their order tells nothing about the hidden ones."""
    leaves = [merkle.leaf_hash(hash_, commitment) for commitment in sorted(commitments)]
    return Hash(merkle.root(hash_, leaves))


@dataclass(frozen=True, slots=True)
class SaltSource:
    seed: bytes
    output_index: int
    name: str


def field_salt(hash_: HashFunction, source: SaltSource) -> bytes:
    """A field's salt, drawn from its transaction's secret seed (32 random bytes that never leave the
    center), so that only the seed is stored."""
    return hash_(preimage(Tag.PAYMENT_SALT, SUITE_SM, encode(source)))[:SALT_BYTES_MIN]


# ---- the proof -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProofGrant:
    """What the center signs when it hands a proof out: until when it may be used."""

    log_id: Hash
    point: CoinPoint
    nonce: bytes
    not_after_ms: int


def grant_digest(hash_: HashFunction, grant: ProofGrant) -> Hash:
    return Hash(hash_(preimage(Tag.PAYMENT_GRANT, SUITE_SM, encode(grant))))


@dataclass(frozen=True, slots=True)
class PaymentProof:
    """One output of one final payment, provable offline. No byte of it is free: each is under a signature,
    a commitment or a Merkle root.

    disclosures: opened fields, sorted by name. hidden: commitments of the others, sorted.
    anchor_size: size of the verifier's last known head, 0 for none; anchor_path: consistency between that
    size and the head's (from the smaller to the larger), empty when they are equal or there is none.
    """

    version: int
    log_id: Hash
    point: CoinPoint
    fields_root: Hash
    disclosures: tuple[Disclosure, ...]
    hidden: tuple[Hash, ...]
    leaf_index: int
    audit_path: tuple[Hash, ...]
    head: SignedTreeHead
    key_chain: tuple[KeyChainEntry, ...]
    anchor_size: int
    anchor_path: tuple[Hash, ...]
    nonce: bytes
    not_after_ms: int
    grant_signature: Sig

    def __post_init__(self) -> None:
        names = [d.name for d in self.disclosures]
        if any(a >= b for a, b in pairwise(names)):
            raise EncodingError("disclosures are sorted by name, each once")
        if any(a >= b for a, b in pairwise(self.hidden)):
            raise EncodingError("hidden commitments are sorted, each once")
        if len(names) + len(self.hidden) != len(FIELDS):
            raise EncodingError(f"a payment has {len(FIELDS)} fields")
        if self.anchor_size in (0, self.head.head.tree_size) and self.anchor_path:
            raise EncodingError("an anchor path where nothing is to be shown")
        _check_salt(self.nonce)

    @property
    def grant(self) -> ProofGrant:
        return ProofGrant(self.log_id, self.point, self.nonce, self.not_after_ms)

    @property
    def entry(self) -> LogEntry:
        return LogEntry(VERSION, self.point.txid, self.point.output_index, self.fields_root)


@dataclass(frozen=True, slots=True)
class PaymentReference:
    """What a payment is for, fixed before paying. Its hash stands in the coin output and in the obligation,
    so the payment serves one obligation of one contract on one channel. payee: wallet address."""

    salt: bytes
    channel_id: Hash
    contract: str
    obligation_id: str
    instalment: int
    amount_fen: int
    ccy: str
    payee: Hash

    def __post_init__(self) -> None:
        _check_salt(self.salt)


def payment_reference(hash_: HashFunction, reference: PaymentReference) -> Hash:
    """`ref_commit` of dcep.md section 3.5."""
    return Hash(hash_(preimage(Tag.PAYREF, SUITE_SM, encode(reference))))


@dataclass(frozen=True, slots=True)
class _NullifierSource:
    log_id: Hash
    point: CoinPoint


def nullifier(hash_: HashFunction, log: Hash, point: CoinPoint) -> Hash:
    """What a channel remembers of a used payment."""
    return Hash(hash_(preimage(Tag.NULLIFIER, SUITE_SM, encode(_NullifierSource(log, point)))))
