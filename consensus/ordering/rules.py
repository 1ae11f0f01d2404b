"""What both engines are told alike about their channel: names, window, timers and limits of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from consensus.encoding import Hash

WINDOW_MAX: Final = 4
PATIENCE: Final = (
    16  # what fills no block waits this many times `block_wait_ms` for those under way
)


@dataclass(frozen=True, slots=True)
class OrderingRules:
    """Every node of a channel is given the same values. Times in milliseconds.

    genesis_hash, config_hash: what headers carry and the core cannot know. window: W, the blocks in flight at
    once. drift_ms: how far a fresh block's time may lie from the own clock. forward_after_ms and
    suspect_after_ms: the two timers of rule R10. Raises ValueError for what is out of range."""

    channel_id: Hash
    suite: int
    genesis_hash: Hash
    config_hash: Hash
    window: int = 1
    base_timeout_ms: int = 2_000
    status_interval_ms: int = 1_000
    drift_ms: int = 10_000
    forward_after_ms: int = 1_000
    suspect_after_ms: int = 5_000
    block_wait_ms: int = 50
    block_txs_max: int = 1_000
    block_gas_max: int = 200_000_000
    block_bytes_max: int = 4 * 1024 * 1024

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
        )
        if min(positive) < 1:
            raise ValueError("a limit or interval of ordering is out of range")

    @property
    def horizon(self) -> int:
        """How many heights above the tip are worth remembering: a peer may be a window ahead."""
        return 2 * self.window + 1
