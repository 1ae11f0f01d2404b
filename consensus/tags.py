"""Domain separation: the one table of tags, and the one way to put a tag before bytes.

Whatever is hashed or signed begins with its tag, so that bytes made for one purpose are nothing
elsewhere: `len(tag) (1 byte) | tag | suite id (1 byte) | structure`. A tag is never changed; a new
meaning is a new tag.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache

SUITE_SM = 1
SUITE_INTL = 2
SUITE_NAMES = {SUITE_SM: "sm", SUITE_INTL: "intl"}
SUITE_IDS = {name: number for number, name in SUITE_NAMES.items()}


class Tag(StrEnum):
    """Every tag of the chain. The text is what is hashed."""

    # identities and transactions
    IDENTITY = "citychain/identity/v1"
    TX_ID = "citychain/tx-id/v1"
    TX_SIGN = "citychain/tx-sign/v1"
    TX_LEAF = "citychain/tx-leaf/v1"
    READ_STATEMENT = "citychain/read-statement/v1"
    PEER_STATEMENT = "citychain/peer-statement/v1"
    NODE_GRANT = "citychain/node-grant/v1"
    # channel
    GENESIS = "citychain/genesis/v1"
    CONFIG = "citychain/config/v1"
    VALIDATORS = "citychain/validators/v1"
    BUNDLE = "citychain/bundle/v1"
    DEPLOYMENT = "citychain/deployment/v1"
    TRANSCRIPT = "citychain/transcript/v1"
    OPERATOR_STATEMENT = "citychain/operator-statement/v1"
    SERVICE_STATEMENT = "citychain/service-statement/v1"
    # blocks and state
    HEADER = "citychain/header/v1"
    RECEIPT_LEAF = "citychain/receipt-leaf/v1"
    WRITES = "citychain/writes/v1"
    EVIDENCE = "citychain/evidence/v1"
    STATE_KEY = "citychain/state-key/v1"
    STATE_LEAF = "citychain/state-leaf/v1"
    STATE_NODE = "citychain/state-node/v1"
    # consensus
    PROPOSAL = "citychain/proposal/v1"
    PREPARE = "citychain/prepare/v1"
    COMMIT_SEAL = "citychain/commit-seal/v1"
    VIEW_CHANGE = "citychain/view-change/v1"
    NEW_VIEW = "citychain/new-view/v1"
    CHECKPOINT = "citychain/checkpoint/v1"
    CHECKPOINT_REQUEST = "citychain/checkpoint-request/v1"
    STATUS = "citychain/status/v1"
    # money's own ledger
    PAYREF = "citychain/payref/v1"
    COIN = "citychain/coin/v1"
    ADDRESS = "citychain/address/v1"
    COIN_TX = "citychain/coin-tx/v1"
    COIN_TX_SIGN = "citychain/coin-tx-sign/v1"
    PAYMENT_FIELD = "citychain/payment-field/v1"
    LOG_ENTRY = "citychain/log-entry/v1"
    LOG_ID = "citychain/log-id/v1"
    TREE_HEAD = "citychain/tree-head/v1"
    LOG_KEY = "citychain/log-key/v1"
    NULLIFIER = "citychain/nullifier/v1"
    PAYMENT_SALT = "citychain/payment-salt/v1"
    PAYMENT_GRANT = "citychain/payment-grant/v1"
    CENTER_REQUEST = "citychain/center-request/v1"
    DELEGATION = "citychain/delegation/v1"
    WALLET_BINDING = "citychain/wallet-binding/v1"
    COIN_STATEMENT = "citychain/coin-statement/v1"
    DEVICE = "citychain/device/v1"
    VOUCHER = "citychain/voucher/v1"
    PAYMENT_QR = "citychain/payment-qr/v1"
    SOLVENCY = "citychain/solvency/v1"
    SOLVENCY_LEAF = "citychain/solvency-leaf/v1"
    SOLVENCY_NODE = "citychain/solvency-node/v1"
    # oracles
    ORACLE_CONFIG = "citychain/oracle-config/v1"
    ORACLE_REPORT = "citychain/oracle-report/v1"
    # evidence
    EVIDENCE_BUNDLE = "citychain/evidence-bundle/v1"


def preimage(tag: Tag, suite_id: int, *parts: bytes) -> bytes:
    """The bytes to hash or sign for `tag`: the parts follow the tag and suite without separators,

    so a caller with more than one part of variable length passes an encoded structure instead."""
    return b"".join((_head(tag, suite_id), *parts))


@cache
def _head(tag: Tag, suite_id: int) -> bytes:
    """Made once for each tag and suite; a suite id has one byte, so there are few."""
    name = tag.value.encode("ascii")
    return bytes((len(name),)) + name + bytes((suite_id,))
