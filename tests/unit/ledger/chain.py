"""Small chains of blocks for tests of the stores; nothing here is signed."""

from __future__ import annotations

from consensus.certificate import CommitCert
from consensus.encoding import ZERO_HASH, Hash
from consensus.header import Header, block_hash
from node.model import Envelope
from tests.unit.ledger.model import SUITE, sha256

ZERO = ZERO_HASH


def header(
    height: int,
    parent: Header | None,
    tx_count: int = 0,
    state_root: Hash = ZERO,
    receipts_root: Hash = ZERO,
) -> Header:
    parent_hash = ZERO if parent is None else block_hash(sha256, parent)
    return Header(
        version=1,
        suite=SUITE,
        channel_id=ZERO,
        epoch=0,
        height=height,
        parent_hash=parent_hash,
        proposer=ZERO,
        tx_root=ZERO,
        tx_count=tx_count,
        state_root=state_root,
        receipts_root=receipts_root,
        timestamp_ms=1000 + height,
        validators_hash=ZERO,
        next_validators_hash=ZERO,
        config_hash=ZERO,
        evidence_root=ZERO,
    )


def certificate(of: Header) -> CommitCert:
    return CommitCert("pbft", 0, of.height, 0, block_hash(sha256, of), b"\x01", (bytes(64),))


def envelopes(height: int, count: int) -> list[Envelope]:
    return [Envelope(b"body %d/%d" % (height, i), b"\x04" * 65, bytes(64)) for i in range(count)]


def ids(height: int, count: int) -> list[bytes]:
    return [sha256(b"%d/%d" % (height, i)) for i in range(count)]
