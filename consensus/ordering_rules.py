"""What both engines are told alike about their channel: the window, timers and limits of blocks."""

from __future__ import annotations

from typing import Protocol


class OrderingRules(Protocol):
    """The part of an engine's configuration that the chain, the waiting transactions and the blocks on their
    way need. Times in milliseconds; `horizon`: heights above the tip that are worth remembering."""

    @property
    def window(self) -> int: ...
    @property
    def horizon(self) -> int: ...
    @property
    def forward_after_ms(self) -> int: ...
    @property
    def suspect_after_ms(self) -> int: ...
    @property
    def block_txs_max(self) -> int: ...
    @property
    def block_gas_max(self) -> int: ...
    @property
    def block_bytes_max(self) -> int: ...
