"""What a Raft ordering core is told about its channel. Every node of a channel is given the same values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from consensus.encoding import Hash

WINDOW_MAX: Final = 4
ELECTION_TICKS: Final = 10
HEARTBEAT_TICKS: Final = 1


@dataclass(frozen=True, slots=True)
class RaftConfig:
    """Times in milliseconds. An election times out after `base_timeout_ms` to twice that; `window` is W,
    the blocks in flight at once; `drift_ms`, how far a fresh block's time may lie from the own clock.
    genesis_hash, config_hash: what headers carry and the core cannot know."""

    channel_id: Hash
    suite: int
    genesis_hash: Hash
    config_hash: Hash
    window: int = 1
    base_timeout_ms: int = 2_000
    status_interval_ms: int = 1_000
    forward_after_ms: int = 1_000
    suspect_after_ms: int = 5_000
    block_wait_ms: int = 50
    block_txs_max: int = 1_000
    block_gas_max: int = 200_000_000
    block_bytes_max: int = 4 * 1024 * 1024
    drift_ms: int = 10_000

    def __post_init__(self) -> None:
        if not 1 <= self.window <= WINDOW_MAX:
            raise ValueError(f"the window is 1 to {WINDOW_MAX} heights")
        positive = (
            self.base_timeout_ms,
            self.status_interval_ms,
            self.block_txs_max,
            self.block_gas_max,
            self.block_bytes_max,
            self.drift_ms,
        )
        if min(positive) < 1:
            raise ValueError("a limit or interval is out of range")

    @property
    def horizon(self) -> int:
        """How many heights above the tip seals and blocks are kept for."""
        return 2 * self.window + 1

    @property
    def tick_ms(self) -> int:
        return max(1, self.base_timeout_ms // ELECTION_TICKS)
