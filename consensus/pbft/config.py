"""What a PBFT core is told about its channel. Every node of a channel is given the same values."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import Hash

WINDOW_MAX = 4


@dataclass(frozen=True, slots=True)
class PbftConfig:
    """Times in milliseconds. `window` is W, `timeout_cap` the exponent c of rule R9.

    config_hash, evidence_root, genesis_hash: what headers carry and the core cannot know."""

    channel_id: Hash
    suite: int
    genesis_hash: Hash
    config_hash: Hash
    window: int = 1
    base_timeout_ms: int = 2_000
    timeout_cap: int = 4
    status_interval_ms: int = 1_000
    drift_ms: int = 10_000
    forward_after_ms: int = 1_000
    suspect_after_ms: int = 5_000
    block_wait_ms: int = 50
    block_txs_max: int = 1_000
    block_gas_max: int = 200_000_000
    block_bytes_max: int = 4 * 1024 * 1024
    checkpoint_interval: int = 64

    def __post_init__(self) -> None:
        if not 1 <= self.window <= WINDOW_MAX:
            raise ValueError(f"the window is 1 to {WINDOW_MAX} heights")
        positive = (
            self.base_timeout_ms,
            self.status_interval_ms,
            self.drift_ms,
            self.block_txs_max,
            self.block_gas_max,
            self.block_bytes_max,
            self.checkpoint_interval,
        )
        if min(positive) < 1 or not 0 <= self.timeout_cap <= 16:
            raise ValueError("a PBFT limit or interval is out of range")

    @property
    def horizon(self) -> int:
        """How many heights above the tip messages are kept for: a peer may be a window ahead."""
        return 2 * self.window + 1

    @property
    def tip_spread(self) -> int:
        """How far the tips of validators that keep step may be apart, with one height to spare (R13)."""
        return self.window + 1

    @property
    def checkpoint_wait_ms(self) -> int:
        """A validator may have others make blocks for a checkpoint of its own only this often."""
        return 30 * self.status_interval_ms
