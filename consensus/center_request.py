"""Signed requests to the registration center: who may see what is decided by keys, not by sessions.

Only payer, payee or their delegate may ask for the proof of a payment (dcep.md section 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import EncodingError, Hash, Sig, encode
from consensus.merkle import HashFunction
from consensus.payment import CoinPoint
from consensus.tags import SUITE_SM, Tag, preimage

NONCE_BYTES = 16
REQUEST_AGE_MAX_MS = 60_000
ACTION_PAYMENT = "payment"
ACTION_ENTRY = "entry"
ACTION_COINS = "coins"
ACTION_OPERATOR = "operator"
ACTION_AUTHORITY = "authority"
ACTION_WALLET = "wallet"
ACTION_IDENTIFY = "identify"
ACTION_FEED = "feed"


@dataclass(frozen=True, slots=True)
class Delegation:
    """A payer's or payee's permission for another wallet address to ask for the proof of one output."""

    log_id: Hash
    point: CoinPoint
    delegate: Hash
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class SignedDelegation:
    delegation: Delegation
    public_key: bytes
    signature: Sig


@dataclass(frozen=True, slots=True)
class PaymentQuery:
    """Body of action `payment`. anchor_size: size of the head the proof must be consistent with, 0: none.
    fields: which to open, sorted; none means all."""

    point: CoinPoint
    anchor_size: int
    fields: tuple[str, ...]
    delegation: SignedDelegation | None


@dataclass(frozen=True, slots=True)
class EntryQuery:
    """Body of action `entry`."""

    index: int


@dataclass(frozen=True, slots=True)
class CoinsQuery:
    """Body of action `coins`: the unspent coins of the signer's own address, after a coin id."""

    after: Hash


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """Body of action `feed`, by a wallet: what came to its address, from leaf `after` on."""

    after: int


@dataclass(frozen=True, slots=True)
class OperatorQuery:
    """Body of action `operator`, signed by the center's root key: a bank and the reserve it places.
    Repeating it with the same bank adds to its reserve."""

    name: str
    public_key: bytes
    reserve_fen: int


@dataclass(frozen=True, slots=True)
class AuthorityQuery:
    """Body of action `authority`, signed by the center's root key: who may freeze (`court`, `aml`) and who
    may also move what is frozen (`court`)."""

    name: str
    role: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class WalletQuery:
    """Body of action `wallet`, signed by an operator bank: opens a wallet, or repeats it with further
    addresses or another category. wallet: an id of the bank's choice. A holder from abroad opens one of the
    lowest category himself: signed by the key of its only address.

    residence: where the holder lives, ISO 3166 alpha-2. use: deploy/regcenter/residence.py.
    until_ms: when it ends, 0 for never."""

    wallet: Hash
    category: int
    holder: str
    addresses: tuple[Hash, ...]
    residence: str = "CN"
    use: int = 0
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class IdentifyQuery:
    """Body of action `identify`, signed by two authorities, each in a request of its own."""

    address: Hash
    order: str


@dataclass(frozen=True, slots=True)
class CenterRequest:
    """`action` says what, `body` is that action's encoded structure. time_ms: real time, not the money's
    clock, because it protects a connection, not a debt."""

    log_id: Hash
    action: str
    body: bytes
    time_ms: int
    nonce: bytes

    def __post_init__(self) -> None:
        if len(self.nonce) != NONCE_BYTES:
            raise EncodingError("a request's nonce has 16 bytes")


@dataclass(frozen=True, slots=True)
class SignedCenterRequest:
    request: CenterRequest
    public_key: bytes
    signature: Sig


def request_digest(hash_: HashFunction, request: CenterRequest) -> Hash:
    return Hash(hash_(preimage(Tag.CENTER_REQUEST, SUITE_SM, encode(request))))


def delegation_digest(hash_: HashFunction, delegation: Delegation) -> Hash:
    return Hash(hash_(preimage(Tag.DELEGATION, SUITE_SM, encode(delegation))))
