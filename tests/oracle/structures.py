"""Structures: the length-prefixed encoding of proto/README.md section 1, driven by field lists.

`TABLE` repeats the page: one structure a paragraph, its fields in order. Types are those of the page;
`salt` is `bytes (16 to 32)`. A decoded structure is a SimpleNamespace with these field names. Whatever the
page does not allow raises `Invalid` with the place and the reason.
"""

import re
from types import SimpleNamespace
from typing import Any

TABLE = """
Header: version int, suite int, channel_id hash, epoch int, height int, parent_hash hash, proposer hash,
    tx_root hash, tx_count int, state_root hash, receipts_root hash, timestamp_ms int, validators_hash hash,
    next_validators_hash hash, config_hash hash, evidence_root hash
Validator: name text, vote_key bytes
ValidatorSet: epoch int, validators list of Validator
Seal: channel_id hash, epoch int, height int, view int, block_hash hash
CommitCert: kind text, epoch int, height int, view int, block_hash hash, signers bytes, seals list of signature

ChannelConfig: version int, suite int, name text, created_ms int, clock text, consensus ConsensusParams,
    limits Limits, engine EngineRef, members list of Member, identities list of Identity,
    nodes list of NodeEntry, contracts list of ContractEntry, followers list of NodeEntry, zone text,
    jurisdiction text, resident list of text
ConsensusParams: kind text, window int, leader_period int, base_timeout_ms int, timeout_cap int,
    status_interval_ms int, drift_ms int, forward_after_ms int, suspect_after_ms int, block_wait_ms int,
    checkpoint_interval int
Limits: block_txs_max int, block_bytes_max int, block_gas_max int, tx_gas_max int, tx_bytes_max int,
    args_bytes_max int, valid_until_window int
EngineRef: version text, digest hash, size int
Member: member_id text, name text, city text, admin_key bytes, peer_ca bytes, region text, zone text,
    jurisdiction text
Identity: name text, member_id text, public_key bytes, roles list of text
NodeEntry: name text, city text, member_id text, identity_key bytes, vote_key bytes, transport_cert bytes,
    region text, zone text, jurisdiction text, role text
ContractEntry: name text, version int, bundle_digest hash

CertifiedHeader: header Header, certificate CommitCert
TransactionProof: version int, ordered CertifiedHeader, index int, body bytes, public_key bytes,
    signature signature, tx_path list of hash, settled CertifiedHeader, receipt bytes, receipt_path list of hash
StateLeaf: path hash, value_hash hash
StateProof: siblings list of hash, other optional StateLeaf
StateFact: version int, settled CertifiedHeader, key bytes, value optional bytes, proof StateProof
ProofFile: version int, config bytes, transaction optional TransactionProof, state optional StateFact
EvidenceBundle: version int, subject text, config bytes, transactions list of TransactionProof,
    states list of StateFact, payments list of bytes
SetChange: last CertifiedHeader, validators ValidatorSet
ProofFileV2: version int, config bytes, changes list of SetChange, transaction optional TransactionProof,
    state optional StateFact
EvidenceBundleV2: version int, subject text, config bytes, changes list of SetChange,
    transactions list of TransactionProof, states list of StateFact, payments list of bytes
EventFact: version int, transaction TransactionProof, event int
MemberFact: version int, shown CertifiedHeader, before optional CertifiedHeader, time_ms int, config bytes,
    who text, name text
ProofFileV3: version int, config bytes, changes list of SetChange, kind text, fact bytes

CoinPoint: txid hash, output_index int
LogEntry: version int, txid hash, output_index optional int, leaf_commit hash
TreeHead: version int, log_id hash, tree_size int, timestamp_ms int, root hash, key_id hash, ext bytes
SignedTreeHead: head TreeHead, signature signature
LogKey: version int, log_id hash, public_key bytes, issues bool, not_before_ms int, not_after_ms int
KeyChainEntry: key LogKey, signature signature
CertifiedTreeHead: signed SignedTreeHead, key_chain list of KeyChainEntry
ForkEvidence: version int, first CertifiedTreeHead, second CertifiedTreeHead
HistoryEvidence: version int, first CertifiedTreeHead, second CertifiedTreeHead, leaf_index int,
    first_leaf hash, first_path list of hash, second_leaf hash, second_path list of hash
ForkCase: version int, root_key bytes, evidence bytes
Coin: version int, coin_id hash, point CoinPoint, value_fen int, ccy text, owner hash, owner_kind int,
    issuer hash, serial int, state int, spent_by hash
HeadExtension: unspent_root hash, unspent_size int
UnspentProof: version int, coin_id hash, coin optional Coin, head CertifiedTreeHead, path StateProof
Disclosure: name text, value bytes, salt salt
ProofGrant: log_id hash, point CoinPoint, nonce salt, not_after_ms int
PaymentProof: version int, log_id hash, point CoinPoint, fields_root hash, disclosures list of Disclosure,
    hidden list of hash, leaf_index int, audit_path list of hash, head SignedTreeHead,
    key_chain list of KeyChainEntry, anchor_size int, anchor_path list of hash, nonce salt, not_after_ms int,
    grant_signature signature
"""
PARAGRAPHS = re.findall(r"^(\w+): ((?:.|\n(?= ))+)", TABLE, re.MULTILINE)
STRUCTURES = {name: [f.split(maxsplit=1) for f in text.split(",")] for name, text in PARAGRAPHS}
SIZES = {"int": (8, 8), "bool": (1, 1), "hash": (32, 32), "signature": (64, 64), "salt": (16, 32)}


class Invalid(Exception):
    """A refusal; its text is the reason, in plain words."""


def require(condition: bool, reason: str) -> None:
    if not condition:
        raise Invalid(reason)


def utf8(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Invalid(f"{what}: a text is not UTF-8") from None


class Reader:
    """Takes bytes off the front of some bytes."""

    def __init__(self, data: bytes, what: str):
        self.data, self.at, self.what = data, 0, what

    def take(self, size: int) -> bytes:
        require(len(self.data) - self.at >= size, f"{self.what}: the bytes end too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def body(self) -> bytes:
        return self.take(int.from_bytes(self.take(4), "big"))

    def end(self) -> None:
        require(self.at == len(self.data), f"{self.what}: bytes are left over at the end")


def decode(kind: str, data: bytes, where: str = "") -> Any:
    """The value of type `kind` whose body is `data`, all of it."""
    where = where or kind
    reader = Reader(data, where)
    if kind in STRUCTURES:
        pairs = {n: decode(k, reader.body(), f"{where}.{n}") for n, k in STRUCTURES[kind]}
        reader.end()
        return SimpleNamespace(**pairs)
    shape, _, item_kind = kind.replace("list of", "list", 1).partition(" ")
    if item_kind:
        count = int.from_bytes(reader.take(4), "big")
        items = [decode(item_kind, reader.body(), f"{where}[{i}]") for i in range(count)]
        reader.end()
        require(shape == "list" or count <= 1, f"{where}: an optional part stands {count} times")
        return items if shape == "list" else items[0] if items else None
    low, high = SIZES.get(kind, (0, len(data)))
    require(low <= len(data) <= high, f"{where}: {len(data)} bytes are no {kind}")
    if kind == "int":
        return int.from_bytes(data, "big")
    if kind == "bool":
        require(data[0] <= 1, f"{where}: neither true nor false")
        return data[0] == 1
    return utf8(data, where) if kind == "text" else data


def _prefixed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def encode(kind: str, value: Any) -> bytes:
    """The body of `value` as type `kind`: the inverse of `decode`."""
    if kind in STRUCTURES:
        return b"".join(_prefixed(encode(k, getattr(value, n))) for n, k in STRUCTURES[kind])
    shape, _, item_kind = kind.replace("list of", "list", 1).partition(" ")
    if item_kind:
        items = value if shape == "list" else [] if value is None else [value]
        return len(items).to_bytes(4, "big") + b"".join(
            _prefixed(encode(item_kind, i)) for i in items
        )
    if kind in ("int", "bool"):
        return int(value).to_bytes(SIZES[kind][0], "big")
    return bytes(value.encode() if kind == "text" else value)
