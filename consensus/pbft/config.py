"""What a PBFT core is told about its channel. Every node of a channel is given the same values."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.ordering.rules import OrderingRules


@dataclass(frozen=True, slots=True)
class PbftConfig(OrderingRules):
    """`base_timeout_ms` and its cap, the exponent `timeout_cap`, are those of rule R9; `checkpoint_interval` is
    in heights."""

    timeout_cap: int = 4
    checkpoint_interval: int = 64

    def __post_init__(self) -> None:
        OrderingRules.__post_init__(
            self
        )  # a class with slots is made anew: super() names the old one
        if self.checkpoint_interval < 1 or not 0 <= self.timeout_cap <= 16:
            raise ValueError("a PBFT limit or interval is out of range")

    @property
    def tip_spread(self) -> int:
        """How far the tips of validators that keep step may be apart, with one height to spare (R13)."""
        return self.window + 1

    @property
    def checkpoint_wait_ms(self) -> int:
        """A validator may have others make blocks for a checkpoint of its own only this often."""
        return 30 * self.status_interval_ms
