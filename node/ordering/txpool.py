"""Transactions that wait to be ordered: bounded in count and bytes, with a share for everyone.

Only admitted transactions come in, so the pool decides nothing but room. Three bounds protect members from
each other: the whole pool, what one member may hold of it, and what one sender may hold. A member may hold a
fixed multiple of what is *left* (Choudhury and Hahne's dynamic threshold): alone its share, of two that flood
each less, and whoever comes next still finds room. Bodies that a proposal needs always find room (a full pool
must not stop ordering); their number is bounded by the window. What is passed on goes by members in turn.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from consensus.api import TxRef
from consensus.encoding import Hash
from node.errors import CityError
from node.ordering.admission import Admitted
from node.ordering.fairness import Turns
from node.quotas.counting import Subject, Use, subjects_of

AGE_MS_MAX = 10 * 60_000
BATCH_BYTES_MAX = 1024 * 1024
DROPPED_KEPT_MAX = 4_096
ORDERED_KEPT_MAX = 65_536
K = TypeVar("K")
Held = Callable[[Subject], Use]


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """`member_share`, `sender_share`: the part of count and bytes that one of them may hold, in percent; a
    member where no other holds anything."""

    count_max: int = 50_000
    bytes_max: int = 64 * 1024 * 1024
    member_share: int = 60
    sender_share: int = 40


@dataclass(slots=True)
class _Use:
    count: int = 0
    size_bytes: int = 0
    gas: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    admitted: Admitted
    since_ms: int


class TxPool:
    """Plain data: no clock, no I/O. One task owns it."""

    def __init__(
        self,
        limits: PoolLimits | None = None,
        refusal: Callable[[Admitted], CityError | None] = lambda admitted: None,
        room: Callable[[Admitted, Held], CityError | None] = lambda admitted, held: None,
    ) -> None:
        """refusal: why a transaction, admitted a moment ago, may not be ordered now. room: why a client's finds
        no room in a quota behind those that wait here."""
        self.limits, self._refusal, self._room = limits or PoolLimits(), refusal, room
        self._entries: OrderedDict[Hash, _Entry] = OrderedDict()
        self._total = _Use()
        self._by_subject: dict[Subject, _Use] = {}
        self._by_sender: dict[Hash, _Use] = {}
        self._unspread: Turns[str, Hash] = Turns(self.limits.count_max)
        self._next_to_spread: Hash | None = None
        self._fresh: list[TxRef] = []
        self._dropped: list[Hash] = []
        self._lately_dropped: OrderedDict[Hash, Admitted] = OrderedDict()
        self._lately_replaced: OrderedDict[Hash, Admitted] = OrderedDict()
        self._lately_ordered: OrderedDict[Hash, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, tx_id: Hash) -> bool:
        return tx_id in self._entries

    @property
    def size_bytes(self) -> int:
        return self._total.size_bytes

    def members(self) -> dict[str, tuple[int, int]]:
        """Count and bytes each member holds, for metrics."""
        return {
            member: (use.count, use.size_bytes)
            for (member, application), use in self._by_subject.items()
            if member and not application
        }

    def held(self, subject: Subject) -> Use:
        """What waits of a member, an application, or one in the other."""
        use = self._by_subject.get(subject)
        return Use() if use is None else Use(use.count, use.size_bytes, use.gas)

    def get(self, tx_id: Hash) -> Admitted | None:
        entry = self._entries.get(tx_id)
        return entry.admitted if entry else None

    def get_or_dropped(self, tx_id: Hash) -> Admitted | None:
        """Also what was given up lately: a proposal that names it may be on its way to acceptance."""
        return self.get(tx_id) or self._lately_dropped.get(tx_id)

    def copy(self, tx_id: Hash, leaf: Hash) -> Admitted | None:
        """The copy with this leaf, also if another one replaced it lately; else whichever is held."""
        held = self.get_or_dropped(tx_id)
        if held is not None and held.ref.leaf == leaf:
            return held
        return self._lately_replaced.get(leaf) or held

    def is_better_copy(self, tx_id: Hash, signature: bytes) -> bool:
        """Whether this signature should replace the one held for the same body.

        A client can sign one body twice, and a block's leaf covers the signature. All nodes prefer the
        smaller one, so that they come to hold the same envelope whoever got which first."""
        held = self.get(tx_id)
        return held is not None and signature < held.envelope.signature

    def add(self, admitted: Admitted, now_ms: int, *, spread: bool, needed: bool = False) -> bool:
        """True when it came in, False when it was there or was ordered meanwhile.

        `spread`: pass it on to the other city nodes. `needed`: a proposal waits for it, so no bound
        applies. Raises CityError CITY-3020, CITY-3021, and what `refusal` says."""
        if admitted.tx_id in self._lately_ordered:
            return False
        if self.is_better_copy(admitted.tx_id, admitted.envelope.signature):
            replaced = self._take(admitted.tx_id)
            assert replaced is not None
            self._lately_replaced[replaced.admitted.ref.leaf] = replaced.admitted
            if len(self._lately_replaced) > DROPPED_KEPT_MAX:
                self._lately_replaced.popitem(last=False)
            self._dropped.append(admitted.tx_id)
        elif admitted.tx_id in self._entries:
            return False
        if not needed:
            self._check_room(admitted)
            refusal = self._refusal(admitted)
            if refusal is None and spread:
                refusal = self._room(admitted, self.held)
            if refusal is not None:
                raise refusal
        self._entries[admitted.tx_id] = _Entry(admitted, now_ms)
        self._count(admitted, +1)
        self._fresh.append(admitted.ref)
        if spread:
            self._unspread.put(admitted.member_id, admitted.tx_id)
        return True

    def remove(self, tx_ids: Iterable[Hash]) -> list[Admitted]:
        """Takes out what was ordered; the core knows already.

        A copy whose checks began before the block and end after it must not come in again."""
        removed = []
        for tx_id in tx_ids:
            self._lately_ordered[tx_id] = None
            self._lately_dropped.pop(tx_id, None)
            entry = self._take(tx_id)
            if entry is not None:
                removed.append(entry.admitted)
        while len(self._lately_ordered) > ORDERED_KEPT_MAX:
            self._lately_ordered.popitem(last=False)
        return removed

    def expire(self, now_ms: int, tip_height: int) -> list[Hash]:
        """Gives up what can no longer be ordered, by height or by age; the core is told at the next drain."""
        gone = [
            tx_id
            for tx_id, entry in self._entries.items()
            if entry.admitted.body.valid_until_height <= tip_height
            or now_ms - entry.since_ms > AGE_MS_MAX
        ]
        self._drop(gone)
        return gone

    def refuse(self) -> list[tuple[Hash, CityError]]:
        """Gives up what would be refused if it came now, and says why; the core is told at the next drain."""
        gone = [
            (tx_id, error)
            for tx_id, entry in self._entries.items()
            if (error := self._refusal(entry.admitted)) is not None
        ]
        self._drop([tx_id for tx_id, _ in gone])
        return gone

    def why_refused(self, tx_id: Hash) -> CityError | None:
        """For whoever asks after a transaction that was given up for that reason."""
        given_up = self._lately_dropped.get(tx_id)
        return None if given_up is None else self._refusal(given_up)

    def _drop(self, gone: list[Hash]) -> None:
        for tx_id in gone:
            entry = self._take(tx_id)
            assert entry is not None
            self._lately_dropped[tx_id] = entry.admitted
        while len(self._lately_dropped) > DROPPED_KEPT_MAX:
            self._lately_dropped.popitem(last=False)
        self._dropped += gone

    def drain_fresh(self) -> tuple[TxRef, ...]:
        """What came in since the last call and is still here: the core's TxWaiting."""
        fresh = tuple(ref for ref in self._fresh if ref.tx_id in self._entries)
        self._fresh.clear()
        return fresh

    def offer_again(self) -> None:
        """Everything here comes out of the next `drain_fresh`: another core has not heard of it."""
        self._fresh = [entry.admitted.ref for entry in self._entries.values()]
        self._dropped.clear()

    def drain_dropped(self) -> tuple[Hash, ...]:
        """What expired or was replaced since the last call: the core's TxDropped, before TxWaiting."""
        dropped = tuple(self._dropped)
        self._dropped.clear()
        return dropped

    def drain_unspread(self) -> list[Admitted]:
        """The next batch for the other nodes, up to a megabyte, members in turn; empty where none is left."""
        batch: list[Admitted] = []
        size_bytes = 0
        while self._next_to_spread is not None or self._unspread:
            tx_id = self._next_to_spread or self._unspread.take()
            self._next_to_spread = None
            entry = self._entries.get(tx_id)
            if entry is None:
                continue
            size_bytes += entry.admitted.ref.size_bytes
            if batch and size_bytes > BATCH_BYTES_MAX:
                self._next_to_spread = tx_id
                break
            batch.append(entry.admitted)
        return batch

    def _check_room(self, admitted: Admitted) -> None:
        limits, size_bytes = self.limits, admitted.envelope.size_bytes
        if not _fits(self._total, size_bytes, limits, 100):
            raise CityError("CITY-3020", count=len(self), count_max=limits.count_max)
        sender = self._by_sender.get(admitted.body.sender)
        if sender is not None and not _fits(sender, size_bytes, limits, limits.sender_share):
            share = limits.sender_share
            raise CityError("CITY-3021", who="sender", share=share, count=sender.count)
        member = self._by_subject.get((admitted.member_id, ""))
        if member is not None and not self._leaves_room(member, size_bytes):
            share = member.count * 100 // limits.count_max
            raise CityError("CITY-3021", who="member", share=share, count=member.count)

    def _leaves_room(self, member: _Use, size_bytes: int) -> bool:
        limits, share = self.limits, self.limits.member_share
        count_left = limits.count_max - self._total.count - 1
        bytes_left = limits.bytes_max - self._total.size_bytes - size_bytes
        return (member.count + 1) * (100 - share) <= count_left * share and (
            member.size_bytes + size_bytes
        ) * (100 - share) <= bytes_left * share

    def _take(self, tx_id: Hash) -> _Entry | None:
        entry = self._entries.pop(tx_id, None)
        if entry is not None:
            self._count(entry.admitted, -1)
        return entry

    def _count(self, admitted: Admitted, sign: int) -> None:
        size_bytes = sign * admitted.envelope.size_bytes
        gas = sign * admitted.ref.gas_limit
        self._total.count += sign
        self._total.size_bytes += size_bytes
        for subject in subjects_of(admitted.member_id, admitted.body.contract):
            _count_in(self._by_subject, subject, sign, size_bytes, gas)
        _count_in(self._by_sender, admitted.body.sender, sign, size_bytes, gas)


def _count_in(uses: dict[K, _Use], key: K, sign: int, size_bytes: int, gas: int) -> None:
    use = uses.setdefault(key, _Use())
    use.count += sign
    use.size_bytes += size_bytes
    use.gas += gas
    assert use.count >= 0 and use.size_bytes >= 0
    if use.count == 0:
        del uses[key]


def _fits(use: _Use, size_bytes: int, limits: PoolLimits, share: int) -> bool:
    return (use.count + 1) * 100 <= limits.count_max * share and (
        use.size_bytes + size_bytes
    ) * 100 <= limits.bytes_max * share
