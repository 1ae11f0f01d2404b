"""Transactions that wait to be ordered, ids and sizes only, and the timers of rule R10.

Two timers a transaction: after `forward_after_ms` it is handed to the leader, after `suspect_after_ms`
the leader is suspected. Both restart when the leader changes. Everything is kept in the order of
arrival, so the head is always the next to fall due and nothing here walks the whole pool.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from consensus.api import TxRef
from consensus.encoding import Hash
from consensus.ordering.rules import OrderingRules

FORWARD_TXS_MAX = 1_000
OFFERED_TXS_MAX = 100


@dataclass(frozen=True, slots=True)
class _Waiting:
    ref: TxRef
    since_ms: int


class Requests:
    """The pool as the core sees it; the driver's pool bounds it. *Flying* transactions stand in an
    accepted block above the tip, *free* ones in none."""

    def __init__(self, config: OrderingRules) -> None:
        self._config = config
        self._free: dict[Hash, _Waiting] = {}
        self._flying: dict[Hash, _Waiting] = {}
        self._free_gas = 0
        self._free_bytes = 0
        self._to_forward: dict[Hash, None] = {}
        self._leader_since_ms = 0
        self._backlog_since_ms = 0

    def __len__(self) -> int:
        return len(self._free) + len(self._flying)

    def _find(self, tx_id: Hash) -> _Waiting | None:
        return self._free.get(tx_id) or self._flying.get(tx_id)

    def get(self, tx_id: Hash) -> TxRef | None:
        found = self._find(tx_id)
        return found.ref if found else None

    def _set_free(self, waiting: _Waiting) -> None:
        self._free[waiting.ref.tx_id] = waiting
        self._free_gas += waiting.ref.gas_limit
        self._free_bytes += waiting.ref.size_bytes

    def _unset_free(self, tx_id: Hash) -> _Waiting | None:
        waiting = self._free.pop(tx_id, None)
        if waiting is not None:
            self._free_gas -= waiting.ref.gas_limit
            self._free_bytes -= waiting.ref.size_bytes
        return waiting

    def add(self, ref: TxRef, now_ms: int, is_flying: bool = False) -> None:
        """What could never fit a block is not taken: it would stand at the head for ever."""
        limits = self._config
        if ref.gas_limit > limits.block_gas_max or ref.size_bytes > limits.block_bytes_max:
            return
        if self._find(ref.tx_id) is None:
            if is_flying:
                self._flying[ref.tx_id] = _Waiting(ref, now_ms)
            else:
                self._set_free(_Waiting(ref, now_ms))
            self._to_forward[ref.tx_id] = None

    def drop(self, tx_ids: Iterable[Hash]) -> None:
        for tx_id in tx_ids:
            if self._flying.pop(tx_id, None) is None:
                self._unset_free(tx_id)
            self._to_forward.pop(tx_id, None)

    def take(self, tx_ids: Iterable[Hash]) -> None:
        """An accepted block holds these now."""
        for tx_id in tx_ids:
            waiting = self._unset_free(tx_id)
            if waiting is not None:
                self._flying[tx_id] = waiting

    def release(self) -> None:
        """No accepted block holds anything: the view has ended. The oldest stand in front again."""
        if not self._flying:
            return
        everything = [*self._flying.values(), *self._free.values()]
        everything.sort(key=lambda waiting: waiting.since_ms)
        self._flying, self._free = {}, {w.ref.tx_id: w for w in everything}
        self._free_gas = sum(w.ref.gas_limit for w in everything)
        self._free_bytes = sum(w.ref.size_bytes for w in everything)

    def committed(self, tx_ids: tuple[Hash, ...], now_ms: int) -> None:
        """A block took these. Behind a full block the rest waits for room, not for goodwill, unless
        the leader took what came much later than our oldest."""
        taken = [waiting for tx_id in tx_ids if (waiting := self._find(tx_id)) is not None]
        self.drop(tx_ids)
        oldest_ms = self._oldest_ms()
        if oldest_ms is None or not self._is_nearly_full(len(tx_ids), taken):
            return
        if max(w.since_ms for w in taken) < oldest_ms + self._config.forward_after_ms:
            self._backlog_since_ms = now_ms

    def _is_nearly_full(self, count: int, taken: list[_Waiting]) -> bool:
        """A block closed by gas or bytes ends a little below its limit."""
        limits = self._config
        gas = sum(waiting.ref.gas_limit for waiting in taken)
        size = sum(waiting.ref.size_bytes for waiting in taken)
        return bool(taken) and (
            count >= limits.block_txs_max
            or gas * 10 >= limits.block_gas_max * 9
            or size * 10 >= limits.block_bytes_max * 9
        )

    def _oldest_ms(self) -> int | None:
        heads = [next(iter(pool.values())).since_ms for pool in (self._flying, self._free) if pool]
        return min(heads, default=None)

    def leader_changed(self, now_ms: int) -> None:
        self._leader_since_ms = now_ms
        self._to_forward = dict.fromkeys((*self._flying, *self._free))

    def _started_ms(self, since_ms: int) -> int:
        return max(since_ms, self._leader_since_ms, self._backlog_since_ms)

    def _forward_at_ms(self, tx_id: Hash) -> int:
        waiting = self._find(tx_id)
        assert waiting is not None, "what is to be forwarded is waiting"
        return self._started_ms(waiting.since_ms) + self._config.forward_after_ms

    def forward_at_ms(self) -> int | None:
        """When the next first timer runs out."""
        for tx_id in self._to_forward:
            return self._forward_at_ms(tx_id)
        return None

    def suspect_at_ms(self) -> int | None:
        """When the next second timer runs out."""
        oldest_ms = self._oldest_ms()
        if oldest_ms is None:
            return None
        return self._started_ms(oldest_ms) + self._config.suspect_after_ms

    def take_due(self, now_ms: int) -> tuple[Hash, ...]:
        """Ids whose first timer has run out; each is handed over once a leader."""
        due: list[Hash] = []
        for tx_id in self._to_forward:
            if len(due) == FORWARD_TXS_MAX or self._forward_at_ms(tx_id) > now_ms:
                break
            due.append(tx_id)
        for tx_id in due:
            del self._to_forward[tx_id]
        return tuple(due)

    def oldest(self, now_ms: int) -> tuple[Hash, ...]:
        """Some ids, oldest first, that have waited as long as their first timer."""
        before_ms = now_ms - self._config.forward_after_ms
        waiting = itertools.chain(self._flying.values(), self._free.values())
        long = (each.ref.tx_id for each in waiting if each.since_ms <= before_ms)
        return tuple(itertools.islice(long, OFFERED_TXS_MAX))

    # --- what the next block takes

    @property
    def is_block_full(self) -> bool:
        """Whether waiting longer would not make the next block larger."""
        limits = self._config
        return (
            len(self._free) >= limits.block_txs_max
            or self._free_gas >= limits.block_gas_max
            or self._free_bytes >= limits.block_bytes_max
        )

    def free_since_ms(self) -> int | None:
        """When the oldest transaction that no block in flight holds arrived."""
        for waiting in self._free.values():
            return waiting.since_ms
        return None

    def next_config(self) -> TxRef | None:
        """The configuration transaction that the next block would consist of (R11), if it would."""
        for waiting in self._free.values():
            return waiting.ref if waiting.ref.is_config else None
        return None

    def choose(self) -> list[TxRef]:
        """The next block's transactions, in order of arrival, up to the first limit. A configuration
        transaction ends the list, or is alone in it (R11)."""
        limits = self._config
        chosen: list[TxRef] = []
        gas = size = 0
        for waiting in self._free.values():
            ref = waiting.ref
            gas += ref.gas_limit
            size += ref.size_bytes
            if gas > limits.block_gas_max or size > limits.block_bytes_max:
                break
            if ref.is_config and chosen:
                break
            chosen.append(ref)
            if ref.is_config or len(chosen) == limits.block_txs_max:
                break
        return chosen
