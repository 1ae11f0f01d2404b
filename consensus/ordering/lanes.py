"""Transactions that wait, each member's in a lane of its own, and whose turn it is.

Lanes take turns by *start-time fair queueing* (Goyal, Vin and Cheng, 1996): a lane's tag is what it has been
served, counted in shares of a block; the lane with the lowest tag comes next. One that had nothing to send
begins where the others are, one that was passed over is owed a block at most. So of members that send alike
each has one transaction between two of another, and one whose transactions fill a tenth of a block each has one
while others fill as much. Nobody waits longer because somebody sends more, or from more identities.

Within a lane applications take turns, transaction by transaction. A sender's own keep their order: as long as
one waits, its later ones queue behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heapify, heappop, heapreplace

from consensus.api import TxRef
from consensus.encoding import Hash
from consensus.ordering.rules import OrderingRules

BLOCK_SHARES = 1_000_000  # what a block holds, in units of tags
SERVED_KEPT = 256


class Waiting:
    """A transaction. share: what it takes of a block. queue: of its lane, while it is free; none where an
    accepted block holds it, since `taken_ms`."""

    __slots__ = ("lane", "queue", "ref", "share", "since_ms", "taken_ms")

    def __init__(self, ref: TxRef, since_ms: int, lane: Lane, share: int) -> None:
        self.ref, self.since_ms, self.lane, self.share = ref, since_ms, lane, share
        self.queue: str | None = None
        self.taken_ms = 0


class Lane:
    """A member's. `waiting` holds all in order of arrival, `free` those that no block holds, by queue."""

    __slots__ = (
        "backlog_since_ms",
        "free",
        "free_count",
        "member",
        "senders",
        "tag",
        "to_forward",
        "turn",
        "waiting",
    )

    def __init__(self, member: str, tag: int, turn: int) -> None:
        """turn: when it was served last, counted in transactions."""
        self.member, self.tag, self.turn = member, tag, turn
        self.waiting: dict[Hash, Waiting] = {}
        self.to_forward: dict[Hash, None] = {}
        self.free: dict[str, dict[Hash, Waiting]] = {}
        self.free_count = 0
        self.senders: dict[bytes, tuple[str, int]] = {}
        self.backlog_since_ms = 0

    @property
    def oldest_ms(self) -> int:
        return next(iter(self.waiting.values())).since_ms

    @property
    def oldest_free_ms(self) -> int:
        return min(next(iter(queue.values())).since_ms for queue in self.free.values())

    @property
    def first(self) -> Waiting:
        """Of those that are free, the one whose turn it is."""
        return next(iter(next(iter(self.free.values())).values()))

    def set_free(self, waiting: Waiting) -> None:
        """Behind what its sender has waiting, else behind what waits for its application."""
        ref = waiting.ref
        queue, count = self.senders.get(ref.sender, (ref.application, 0))
        self.senders[ref.sender] = (queue, count + 1)
        self.free.setdefault(queue, {})[ref.tx_id] = waiting
        self.free_count += 1
        waiting.queue = queue

    def unset_free(self, waiting: Waiting) -> None:
        """Its queue has had its turn."""
        assert waiting.queue is not None
        name, ref = waiting.queue, waiting.ref
        queue = self.free[name]
        del queue[ref.tx_id]
        if not queue:
            del self.free[name]
        elif len(self.free) > 1:
            self.free[name] = self.free.pop(name)
        _, count = self.senders[ref.sender]
        if count == 1:
            del self.senders[ref.sender]
        else:
            self.senders[ref.sender] = (name, count - 1)
        self.free_count -= 1
        waiting.queue = None

    def in_turn(self) -> Iterator[Waiting]:
        """The free ones as they would be taken. Not while they change."""
        queues = deque(iter(queue.values()) for queue in self.free.values())
        while queues:
            queue = queues.popleft()
            waiting = next(queue, None)
            if waiting is not None:
                yield waiting
                queues.append(queue)


class Lanes:
    """The lanes with something in them, and the tags of those that were served lately."""

    def __init__(self, config: OrderingRules) -> None:
        self._config = config
        self._lanes: dict[str, Lane] = {}
        # Tag and turn of empty lanes: they come back with what they have had. Those behind `_now` are let go.
        self._served: dict[str, tuple[int, int]] = {}
        self._served_max = SERVED_KEPT
        self._now = 0  # the highest tag that had its turn
        self._turns = 0

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def enter(self, ref: TxRef, now_ms: int, is_free: bool) -> Waiting:
        """It waits from now on; what is not free stands in a block already."""
        lane = self._lanes.get(ref.member)
        if lane is None:
            lane = Lane(ref.member, *self._served.pop(ref.member, (0, 0)))
            self._lanes[ref.member] = lane
        waiting = Waiting(ref, now_ms, lane, self._share(ref))
        if not lane.free_count:
            lane.tag = max(lane.tag, self._now)
        if is_free:
            lane.set_free(waiting)
        else:
            self.serve(waiting, now_ms)
        lane.waiting[ref.tx_id] = waiting
        lane.to_forward[ref.tx_id] = None
        return waiting

    def _tag(self, lane: Lane) -> int:
        return max(lane.tag, self._now - BLOCK_SHARES)

    def serve(self, waiting: Waiting, now_ms: int) -> None:
        """A block took it, whoever made that block."""
        lane, tag = waiting.lane, self._tag(waiting.lane)
        self._now = max(self._now, tag)
        lane.tag = tag + waiting.share
        waiting.taken_ms = now_ms
        self._turns += 1
        lane.turn = self._turns
        if waiting.queue is not None:
            lane.unset_free(waiting)

    def leave(self, waiting: Waiting) -> None:
        """It waits no longer."""
        lane, tx_id = waiting.lane, waiting.ref.tx_id
        if waiting.queue is not None:
            lane.unset_free(waiting)
        del lane.waiting[tx_id]
        lane.to_forward.pop(tx_id, None)
        if not lane.waiting:
            del self._lanes[lane.member]
            self._served[lane.member] = lane.tag, lane.turn
            if len(self._served) > self._served_max:
                self._served = {m: had for m, had in self._served.items() if had[0] >= self._now}
                self._served_max = 2 * len(self._served) + SERVED_KEPT

    def release(self) -> None:
        """No block holds anything: everything is free, in order of arrival, and everybody begins alike."""
        self._served.clear()
        for lane in self._lanes.values():
            lane.free, lane.free_count, lane.senders = {}, 0, {}
            lane.tag = self._now
            for waiting in lane.waiting.values():
                lane.set_free(waiting)

    def is_due(self, lane: Lane) -> bool:
        """Whether others have had turns that were its own."""
        return lane.tag < self._now

    def first(self) -> Waiting | None:
        """What the next block begins with."""
        lanes = [lane for lane in self._lanes.values() if lane.free_count]
        return min(lanes, key=lambda lane: (self._tag(lane), lane.turn)).first if lanes else None

    def in_turn(self) -> Iterator[Waiting]:
        """The free ones as a leader takes them."""
        lanes = [lane for lane in self._lanes.values() if lane.free_count]
        if len(lanes) == 1:
            yield from lanes[0].in_turn()
            return
        # Of equal tags whoever was served longest ago; a new lane, which never was, by its place.
        heap = [
            (self._tag(lane), lane.turn, place, lane.in_turn()) for place, lane in enumerate(lanes)
        ]
        heapify(heap)
        turn = self._turns
        while heap:
            tag, _, place, several = heap[0]
            waiting = next(several, None)
            if waiting is None:
                heappop(heap)
                continue
            yield waiting
            turn += 1
            heapreplace(heap, (tag + waiting.share, turn, place, several))

    def _share(self, ref: TxRef) -> int:
        """The largest part that it fills of any limit; a configuration transaction has a block for itself."""
        limits = self._config
        if ref.is_config:
            return BLOCK_SHARES
        return max(
            BLOCK_SHARES // limits.block_txs_max,
            ref.gas_limit * BLOCK_SHARES // limits.block_gas_max,
            ref.size_bytes * BLOCK_SHARES // limits.block_bytes_max,
            1,
        )
