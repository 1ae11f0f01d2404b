"""From a channel's configuration to its consensus core: the one place that knows which engine there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from consensus.api import Configuration, Core, EpochBase, Signer, Verifier
from consensus.certificate import KIND_RAFT
from consensus.encoding import ZERO_HASH, Hash
from consensus.header import HEADER_VERSION, Header, block_hash, leaves_root
from consensus.pbft import records
from consensus.pbft.config import PbftConfig
from consensus.pbft.replica import PbftCore
from consensus.raft.ordering import RECORD_KINDS_FROM, RaftConfig, RaftCore
from consensus.raft.ordering import retain as retain_raft
from consensus.validators import validators_hash
from node.genesis import ChannelConfig, config_hash
from node.governance import ConfigState
from node.identity.suite import Suite


def genesis_header(
    config: ChannelConfig, channel_id: Hash, suite: Suite, state_root: Hash, receipts_root: Hash
) -> Header:
    """Height 0, which nobody proposes and nobody signs: it follows from the configuration alone.

    The roots are those of the state that genesis makes."""
    validators = validators_hash(suite.hash, suite.id, config.validators)
    empty = leaves_root(suite.hash, ())
    return Header(
        version=HEADER_VERSION,
        suite=suite.id,
        channel_id=channel_id,
        epoch=config.validators.epoch,
        height=0,
        parent_hash=ZERO_HASH,
        proposer=ZERO_HASH,
        tx_root=empty,
        tx_count=0,
        state_root=state_root,
        receipts_root=receipts_root,
        timestamp_ms=config.created_ms,
        validators_hash=validators,
        next_validators_hash=validators,
        config_hash=config_hash(suite.hash, config),
        evidence_root=empty,
    )


def make_core(
    state: ConfigState,
    channel_id: Hash,
    genesis: Header,
    suite: Suite,
    verifier: Verifier,
    own_index: int | None,
    signer: Signer | None,
    configuration: Configuration,
    base: EpochBase | None,
) -> Core:
    """The core of this node under the configuration `state`. own_index None: it follows the channel and never
    votes. base: the last block of the epoch before, None in the first epoch."""
    rules, limits = state.config.consensus, state.config.limits
    common: dict[str, Any] = {
        "channel_id": channel_id,
        "suite": suite.id,
        "genesis_hash": block_hash(suite.hash, genesis),
        "config_hash": config_hash(suite.hash, state.config),
        "window": rules.window,
        "base_timeout_ms": rules.base_timeout_ms,
        "status_interval_ms": rules.status_interval_ms,
        "forward_after_ms": rules.forward_after_ms,
        "suspect_after_ms": rules.suspect_after_ms,
        "block_wait_ms": rules.block_wait_ms,
        "block_txs_max": limits.block_txs_max,
        "block_gas_max": limits.block_gas_max,
        "block_bytes_max": limits.block_bytes_max,
        "drift_ms": rules.drift_ms,
    }
    seat = (state.validators, own_index, verifier, signer, configuration, base)
    if rules.kind == KIND_RAFT:
        return RaftCore(RaftConfig(**common), *seat)
    only_pbft: dict[str, Any] = {
        "timeout_cap": rules.timeout_cap,
        "checkpoint_interval": rules.checkpoint_interval,
    }
    return PbftCore(PbftConfig(**common, **only_pbft), *seat)


def retained_records(data: Sequence[bytes], height: int) -> tuple[bytes, ...]:
    """The core's records that the log must still hold once `height` is durable and executed."""
    is_raft = bool(data) and data[0][0] >= RECORD_KINDS_FROM
    return (retain_raft if is_raft else records.retain)(data, height)
