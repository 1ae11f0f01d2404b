"""Transactions that wait to be ordered, ids and sizes only, and the timers of rule R10.

Two timers a transaction: after `forward_after_ms` it is handed to the leader, after `suspect_after_ms`
the leader is suspected. Both restart when the leader changes. Every member has a lane (lanes.py); within one
everything is kept in the order of arrival, so the head of a lane is always its next to fall due and nothing
here walks the whole pool.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from consensus.api import TxRef
from consensus.encoding import Hash
from consensus.ordering.lanes import Lane, Lanes, Waiting
from consensus.ordering.rules import OrderingRules

FORWARD_TXS_MAX = 1_000
OFFERED_TXS_MAX = 100


@dataclass(frozen=True, slots=True)
class _Due:
    """The next moment of each kind over all lanes; None where there is none."""

    forward_ms: int | None
    suspect_ms: int | None
    free_since_ms: int | None


class Requests:
    """The pool as the core sees it; the driver's pool bounds it. *Flying* transactions stand in an
    accepted block above the tip, *free* ones in none."""

    def __init__(self, config: OrderingRules) -> None:
        self._config = config
        self._all: dict[Hash, Waiting] = {}
        self._lanes = Lanes(config)
        self._free_count = self._free_gas = self._free_bytes = 0
        self._leader_since_ms = 0
        self._due: _Due | None = None  # until something changes

    def __len__(self) -> int:
        return len(self._all)

    def get(self, tx_id: Hash) -> TxRef | None:
        found = self._all.get(tx_id)
        return found.ref if found else None

    def _count_free(self, ref: TxRef, sign: int) -> None:
        self._free_count += sign
        self._free_gas += sign * ref.gas_limit
        self._free_bytes += sign * ref.size_bytes

    def add(self, ref: TxRef, now_ms: int, is_flying: bool = False) -> None:
        """What could never fit a block is not taken: it would stand at the head for ever."""
        limits = self._config
        if ref.gas_limit > limits.block_gas_max or ref.size_bytes > limits.block_bytes_max:
            return
        if ref.tx_id in self._all:
            return
        self._due = None
        self._all[ref.tx_id] = self._lanes.enter(ref, now_ms, not is_flying)
        if not is_flying:
            self._count_free(ref, +1)

    def drop(self, tx_ids: Iterable[Hash]) -> None:
        for tx_id in tx_ids:
            waiting = self._all.pop(tx_id, None)
            if waiting is not None:
                self._due = None
                if waiting.queue is not None:
                    self._count_free(waiting.ref, -1)
                self._lanes.leave(waiting)

    def take(self, tx_ids: Iterable[Hash], now_ms: int) -> None:
        """An accepted block holds these now."""
        for tx_id in tx_ids:
            waiting = self._all.get(tx_id)
            if waiting is not None and waiting.queue is not None:
                self._due = None
                self._lanes.serve(waiting, now_ms)
                self._count_free(waiting.ref, -1)

    def release(self) -> None:
        """No accepted block holds anything: the view has ended. The oldest stand in front again."""
        if self._free_count == len(self._all):
            return
        self._due = None
        for waiting in self._all.values():
            if waiting.queue is None:
                self._count_free(waiting.ref, +1)
        self._lanes.release()

    def committed(self, tx_ids: tuple[Hash, ...], now_ms: int) -> None:
        """A block took these. Behind a full block the rest waits for room, not for goodwill: of a lane that had
        its turn, unless the leader took what came much later than its oldest; of one that had none, where it
        was not its turn or the block was under way when its oldest came."""
        self.take(tx_ids, now_ms)
        taken = [waiting for tx_id in tx_ids if (waiting := self._all.pop(tx_id, None)) is not None]
        self._due = None
        latest: dict[Lane, int] = {}
        for waiting in taken:
            self._lanes.leave(waiting)
            latest[waiting.lane] = max(waiting.since_ms, latest.get(waiting.lane, 0))
        if not self._is_nearly_full(len(tx_ids), taken):
            return
        made_ms = max(waiting.taken_ms for waiting in taken)
        for lane in self._lanes:
            late_ms = lane.oldest_ms + self._config.forward_after_ms
            if lane in latest:
                is_excused = latest[lane] < late_ms
            else:
                is_excused = made_ms < late_ms or not self._lanes.is_due(lane)
            if is_excused:
                lane.backlog_since_ms = now_ms

    def _is_nearly_full(self, count: int, taken: list[Waiting]) -> bool:
        """A block closed by gas or bytes ends a little below its limit."""
        limits = self._config
        gas = sum(waiting.ref.gas_limit for waiting in taken)
        size = sum(waiting.ref.size_bytes for waiting in taken)
        return bool(taken) and (
            count >= limits.block_txs_max
            or gas * 10 >= limits.block_gas_max * 9
            or size * 10 >= limits.block_bytes_max * 9
        )

    def leader_changed(self, now_ms: int) -> None:
        self._leader_since_ms, self._due = now_ms, None
        for lane in self._lanes:
            lane.to_forward = dict.fromkeys(lane.waiting)

    # --- what falls due

    def _started_ms(self, lane: Lane, since_ms: int) -> int:
        return max(since_ms, self._leader_since_ms, lane.backlog_since_ms)

    def _forward_at_ms(self, lane: Lane) -> int | None:
        """When the first timer of a lane's next one runs out."""
        for tx_id in lane.to_forward:
            since_ms = lane.waiting[tx_id].since_ms
            return self._started_ms(lane, since_ms) + self._config.forward_after_ms
        return None

    def _next_due(self) -> _Due:
        if self._due is None:
            lanes = list(self._lanes)
            forward = [at for lane in lanes if (at := self._forward_at_ms(lane)) is not None]
            started = [self._started_ms(lane, lane.oldest_ms) for lane in lanes]
            free = [lane.oldest_free_ms for lane in lanes if lane.free_count]
            suspect_ms = min(started) + self._config.suspect_after_ms if started else None
            self._due = _Due(min(forward, default=None), suspect_ms, min(free, default=None))
        return self._due

    def forward_at_ms(self) -> int | None:
        """When the next first timer runs out."""
        return self._next_due().forward_ms

    def suspect_at_ms(self) -> int | None:
        """When the next second timer runs out."""
        return self._next_due().suspect_ms

    def take_due(self, now_ms: int) -> tuple[Hash, ...]:
        """Ids whose first timer has run out, lanes in turn; each is handed over once a leader."""
        due: list[Hash] = []
        lanes = deque(self._lanes)
        while lanes and len(due) < FORWARD_TXS_MAX:
            lane = lanes.popleft()
            at_ms = self._forward_at_ms(lane)
            if at_ms is not None and at_ms <= now_ms:
                tx_id = next(iter(lane.to_forward))
                del lane.to_forward[tx_id]
                due.append(tx_id)
                lanes.append(lane)
        self._due = None
        return tuple(due)

    def oldest(self, now_ms: int) -> tuple[Hash, ...]:
        """Some ids, each lane's oldest first, that have waited as long as their first timer."""
        before_ms = now_ms - self._config.forward_after_ms
        found: list[Hash] = []
        lanes = deque(iter(lane.waiting.values()) for lane in self._lanes)
        while lanes and len(found) < OFFERED_TXS_MAX:
            several = lanes.popleft()
            waiting = next(several, None)
            if waiting is not None and waiting.since_ms <= before_ms:
                found.append(waiting.ref.tx_id)
                lanes.append(several)
        return tuple(found)

    # --- what the next block takes

    @property
    def is_block_full(self) -> bool:
        """Whether waiting longer would not make the next block larger."""
        limits = self._config
        return (
            self._free_count >= limits.block_txs_max
            or self._free_gas >= limits.block_gas_max
            or self._free_bytes >= limits.block_bytes_max
        )

    def free_since_ms(self) -> int | None:
        """When the oldest transaction that no block in flight holds arrived."""
        return self._next_due().free_since_ms

    def next_config(self) -> TxRef | None:
        """The configuration transaction that the next block would consist of (R11), if it would."""
        first = self._lanes.first()
        return first.ref if first is not None and first.ref.is_config else None

    def choose(self) -> list[TxRef]:
        """The next block's transactions, members in turn, up to the first limit. A configuration
        transaction ends the list, or is alone in it (R11)."""
        limits = self._config
        chosen: list[TxRef] = []
        gas = size = 0
        for waiting in self._lanes.in_turn():
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
