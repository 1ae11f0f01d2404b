"""What a Raft ordering core is told about its channel. Every node of a channel is given the same values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from consensus.ordering.rules import OrderingRules

ELECTION_TICKS: Final = 10
HEARTBEAT_TICKS: Final = 1


@dataclass(frozen=True, slots=True)
class RaftConfig(OrderingRules):
    """An election times out after `base_timeout_ms` to twice that."""

    @property
    def tick_ms(self) -> int:
        return max(1, self.base_timeout_ms // ELECTION_TICKS)
