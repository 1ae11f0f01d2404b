"""Where every scenario's chain begins."""

from __future__ import annotations

from consensus.encoding import ZERO_HASH, Hash
from consensus.header import HEADER_VERSION, Header, leaves_root
from consensus.validators import ValidatorSet, validators_hash
from tests.simulation.ghost import SUITE, hash_

START_MS = 1_000_000
CHANNEL = Hash(hash_(b"channel"))


def genesis_header(validators: ValidatorSet) -> Header:
    digest, empty = validators_hash(hash_, SUITE, validators), leaves_root(hash_, ())
    return Header(
        version=HEADER_VERSION,
        suite=SUITE,
        channel_id=CHANNEL,
        epoch=0,
        height=0,
        parent_hash=ZERO_HASH,
        proposer=ZERO_HASH,
        tx_root=empty,
        tx_count=0,
        state_root=Hash(hash_(b"genesis state")),
        receipts_root=empty,
        timestamp_ms=START_MS - 1_000,
        validators_hash=digest,
        next_validators_hash=digest,
        config_hash=Hash(hash_(b"config")),
        evidence_root=empty,
    )
