"""Bodies of the signed requests that only the center and its clients know, and what the center signs back.

Those that the chain's side needs too stand in consensus/center_request.py. All are structures with canonical
bytes; `ACTIONS` names the action that each body belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from consensus.center_request import ACTION_FEED, FeedQuery
from consensus.encoding import Hash, Sig, encode
from consensus.payment import KeyChainEntry
from consensus.tags import SUITE_SM, Tag, preimage
from deploy.regcenter.hashing import sm3
from deploy.regcenter.packed import framed


@dataclass(frozen=True, slots=True)
class RotateQuery:
    """By the root key: a new key signs tree heads from now on. serial: how many keys there were before."""

    serial: int


@dataclass(frozen=True, slots=True)
class RevokeQuery:
    """By the root key: an institution's or a machine's key is heard no more, for good."""

    public_key: bytes


@dataclass(frozen=True, slots=True)
class CertificateQuery:
    """By the key of an institution: the certificate (DER) that it shows from now on (pki.py)."""

    certificate: bytes


@dataclass(frozen=True, slots=True)
class RevokeCertificateQuery:
    """By the root key: a certificate is void; its key may present another one. serial: big-endian."""

    serial: bytes


@dataclass(frozen=True, slots=True)
class InstitutionQuery:
    """By the root key: a payment institution. The address of its key is its pool."""

    name: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class KgcQuery:
    """By the root key: a key generation center of identity-based keys (identities.py)."""

    name: str
    master_key: bytes


@dataclass(frozen=True, slots=True)
class EnrolQuery:
    """By an SM2 key that shall pay for the wallet of a name until the month ends. kgc: SM3 of the master
    key. h, point: the name's SM9 signature over the digest of an `Enrolment`."""

    kgc: Hash
    wallet: str
    tier: int
    epoch: int
    h: bytes
    point: bytes


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the name signs."""

    log_id: Hash
    kgc: Hash
    wallet: str
    tier: int
    epoch: int
    public_key: bytes


@dataclass(frozen=True, slots=True)
class TerminalQuery:
    """By a bank: an ATM or a POS terminal that confirms what it was handed. limit_fen: for one recharge."""

    name: str
    public_key: bytes
    limit_fen: int


@dataclass(frozen=True, slots=True)
class DeviceQuery:
    """By a bank: a secure element that pays offline. vendor: address that bears its losses first."""

    public_key: bytes
    vendor: Hash
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class SettleQuery:
    """By anyone who holds it: a voucher (canonical SignedVoucher) is settled."""

    voucher: bytes


@dataclass(frozen=True, slots=True)
class SyncQuery:
    """By a device: its counters may start again."""

    counter: int


@dataclass(frozen=True, slots=True)
class ScreenQuery:
    """By an AML authority: names to watch, or to watch no more."""

    names: tuple[str, ...]
    is_listed: bool


@dataclass(frozen=True, slots=True)
class FileQuery:
    """By the wallet's bank: report `serial` was handed in."""

    serial: int


@dataclass(frozen=True, slots=True)
class BookQuery:
    """By the key of an account at an institution: its balance pays an account there or at another one."""

    institution: Hash
    to_institution: Hash
    to_account: Hash
    amount_fen: int


@dataclass(frozen=True, slots=True)
class WithdrawQuery:
    """By the key of an account: its balance becomes coins of that key's address."""

    institution: Hash
    amount_fen: int


@dataclass(frozen=True, slots=True)
class NetQuery:
    """By an institution or the root key: what institutions owe each other is netted and paid in coins."""

    window: int


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """By an institution: the statement of its day. The first of a day is that day's."""

    day: int


@dataclass(frozen=True, slots=True)
class ShareQuery:
    """By an account: where its balance stands in a day's statement."""

    institution: Hash
    day: int


@dataclass(frozen=True, slots=True)
class CoinQuery:
    """By a coin's owner: a proof that it is unspent, or that no such coin is (consensus/unspent_proof.py)."""

    coin_id: Hash


@dataclass(frozen=True, slots=True)
class WalletStateQuery:
    """By a wallet: its category, limits, balance and what it has paid today."""

    address: Hash


@dataclass(frozen=True, slots=True)
class ReportsQuery:
    """By an AML authority (all) or a bank (its own): reports from serial `after` on."""

    after: int


@dataclass(frozen=True, slots=True)
class AccountQuery:
    """By an account: its balance at an institution."""

    institution: Hash


@dataclass(frozen=True, slots=True)
class PostingsQuery:
    """By a party of a transaction: what it means in the books of central bank and bank."""

    txid: Hash


@dataclass(frozen=True, slots=True)
class HookQuery:
    """By a bank or a payment institution: it is told of these events at a URL (hooks.py)."""

    url: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnhookQuery:
    """By the same: no more."""

    hook: Hash


@dataclass(frozen=True, slots=True)
class HooksQuery:
    """By the same: its hooks and how much waits. owner: its address."""

    owner: Hash


@dataclass(frozen=True, slots=True)
class HoldingsQuery:
    """By an authority, under an order: coins that an address holds, from leaf `after` of the log on."""

    address: Hash
    order: str
    after: int


WRITES: Mapping[str, type[Any]] = MappingProxyType(
    {
        "rotate": RotateQuery,
        "revoke": RevokeQuery,
        "certificate": CertificateQuery,
        "revoke-certificate": RevokeCertificateQuery,
        "institution": InstitutionQuery,
        "kgc": KgcQuery,
        "terminal": TerminalQuery,
        "device": DeviceQuery,
        "settle": SettleQuery,
        "sync": SyncQuery,
        "screen": ScreenQuery,
        "file": FileQuery,
        "book": BookQuery,
        "withdraw": WithdrawQuery,
        "net": NetQuery,
        "statement": StatementQuery,
        "hook": HookQuery,
        "unhook": UnhookQuery,
    }
)
READS: Mapping[str, type[Any]] = MappingProxyType(
    {
        ACTION_FEED: FeedQuery,
        "unspent-proof": CoinQuery,
        "wallet-state": WalletStateQuery,
        "reports": ReportsQuery,
        "account": AccountQuery,
        "share": ShareQuery,
        "postings": PostingsQuery,
        "hooks": HooksQuery,
        "holdings": HoldingsQuery,
    }
)
ACTION_ENROL = "enrol"
ACTIONS: Mapping[type, str] = MappingProxyType(
    {
        EnrolQuery: ACTION_ENROL,
        **{body: action for action, body in (*WRITES.items(), *READS.items())},
    }
)


# ---- what the center signs -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signed:
    """A structure that the center signed with its head key. body: its canonical bytes."""

    body: bytes
    key_chain: tuple[KeyChainEntry, ...]
    signature: Sig


@dataclass(frozen=True, slots=True)
class DeviceCertificate:
    """That a key belongs to a secure element which signs no counter twice."""

    log_id: Hash
    public_key: bytes
    bank: Hash
    vendor: Hash
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class DeviceStatement:
    """That a device has spoken to the center: its limits start again, unless it is blocked."""

    log_id: Hash
    device: Hash
    is_blocked: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class HookMessage:
    """What goes with a message to a webhook. body: SM3 of the message's bytes."""

    log_id: Hash
    hook: Hash
    body: Hash
    time_ms: int


@dataclass(frozen=True, slots=True)
class Voucher:
    """Money handed over offline. sender, to: addresses. counter: from 0, each once. previous: digest of
    the device's voucher before, zeros for the first."""

    version: int
    log_id: Hash
    sender: Hash
    to: Hash
    value_fen: int
    counter: int
    previous: Hash
    time_ms: int


@dataclass(frozen=True, slots=True)
class SignedVoucher:
    voucher: Voucher
    public_key: bytes
    signature: Sig


@dataclass(frozen=True, slots=True)
class SolvencyStatement:
    """What an institution owed and held at a moment. root: of the Merkle-sum tree over its accounts."""

    version: int
    log_id: Hash
    institution: Hash
    day: int
    time_ms: int
    accounts: int
    owed_fen: int
    pool_fen: int
    root: Hash


_SIGNED_TAGS: Mapping[type, Tag] = MappingProxyType(
    {
        DeviceStatement: Tag.COIN_STATEMENT,
        HookMessage: Tag.COIN_STATEMENT,
        DeviceCertificate: Tag.DEVICE,
        Enrolment: Tag.DEVICE,
        SolvencyStatement: Tag.SOLVENCY,
        Voucher: Tag.VOUCHER,
    }
)


def digest_of(structure: object) -> Hash:
    """The 32 bytes that are signed for one of the structures above. Raises EncodingError."""
    tag = _SIGNED_TAGS[type(structure)]
    name = framed(type(structure).__name__.encode())
    return Hash(sm3(preimage(tag, SUITE_SM, name, encode(structure))))
