"""The whole log: what is durable (`Storage`), then what is not yet (`_Tail`), and how far it is committed,
handed out and applied.

    snapshot | durable entries | being written | not yet handed out
             first_index     offset          writing_from    last_index

applied <= applying <= committed <= last_index, always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from consensus.api import InvariantBroken
from consensus.raft.messages import Entry, EntryId, Snapshot
from consensus.raft.storage import Storage

NO_LIMIT: Final = 2**63


class _Tail:
    """Entries and a snapshot that are not durable yet. Entries below `writing_from` are being written."""

    __slots__ = ("entries", "is_snapshot_writing", "offset", "snapshot", "writing_from")

    def __init__(self, offset: int) -> None:
        self.entries: list[Entry] = []
        self.offset = offset
        self.writing_from = offset
        self.snapshot: Snapshot | None = None
        self.is_snapshot_writing = False

    def append(self, entries: Sequence[Entry]) -> None:
        start = entries[0].index
        if start <= self.offset:
            # Replaces durable entries too. Writing begins anew, in order behind what is under way.
            self.entries = list(entries)
            self.offset = self.writing_from = start
        else:
            self.entries[start - self.offset :] = entries
            self.writing_from = min(self.writing_from, start)

    def restore(self, snapshot: Snapshot) -> None:
        self.entries = []
        self.offset = self.writing_from = snapshot.index + 1
        self.snapshot = snapshot
        self.is_snapshot_writing = False

    def forget_to(self, index: int) -> None:
        self.entries = self.entries[index + 1 - self.offset :]
        self.offset = index + 1
        self.writing_from = max(self.writing_from, self.offset)


class Log:
    def __init__(
        self,
        storage: Storage,
        measure: Callable[[Entry], int],
        applying_bytes_max: int = NO_LIMIT,
    ) -> None:
        """`measure`: bytes of an entry in a message. `applying_bytes_max`: handed out and not applied."""
        self._storage = storage
        self._measure = measure
        self._applying_bytes_max = applying_bytes_max
        self._applying_bytes = 0
        self._is_applying_paused = False
        self._tail = _Tail(storage.last_index + 1)
        self.committed = self.applying = self.applied = storage.first_index - 1

    # --- reading ------------------------------------------------------------------------------------

    @property
    def first_index(self) -> int:
        snapshot = self._tail.snapshot
        return self._storage.first_index if snapshot is None else snapshot.index + 1

    @property
    def last_index(self) -> int:
        if self._tail.entries:
            return self._tail.offset + len(self._tail.entries) - 1
        if self._tail.snapshot is not None:
            return self._tail.snapshot.index
        return self._storage.last_index

    @property
    def last(self) -> EntryId:
        term = self.term(self.last_index)
        assert term is not None
        return EntryId(term, self.last_index)

    def term(self, index: int) -> int | None:
        """Of the entry at `index`; None if it is compacted or beyond the end. The term of 0 is 0."""
        tail = self._tail
        if tail.entries and tail.offset <= index <= self.last_index:
            return tail.entries[index - tail.offset].term
        if tail.snapshot is not None:
            return tail.snapshot.term if index == tail.snapshot.index else None
        if index >= tail.offset:
            return None
        return self._storage.term(index)

    def matches(self, entry: EntryId) -> bool:
        return self.term(entry.index) == entry.term

    def entry(self, index: int) -> Entry:
        """first_index <= index <= last_index."""
        tail = self._tail
        if index >= tail.offset:
            return tail.entries[index - tail.offset]
        return self._storage.entry(index)

    def entries(self, low: int, high: int, bytes_max: int = NO_LIMIT) -> tuple[Entry, ...]:
        """From `low` to `high`, as many as fit into `bytes_max`, but at least one if there is one."""
        assert self.first_index <= low and high <= self.last_index
        return tuple(self._fitting(low, high, bytes_max))

    def _fitting(self, low: int, high: int, bytes_max: int) -> Iterator[Entry]:
        total = 0
        for index in range(low, high + 1):
            entry = self.entry(index)
            total += self._measure(entry)
            if index > low and total > bytes_max:
                return
            yield entry

    def highest_up_to(self, index: int, term: int) -> EntryId:
        """The highest entry at or below `index` whose term is at most `term`: a log whose entry at
        `index` has that term can match this one there or below, and nowhere above. Term 0 if the
        search leaves what is known."""
        while index > 0:
            own = self.term(index)
            if own is None:
                return EntryId(0, index)
            if own <= term:
                return EntryId(own, index)
            index -= 1
        return EntryId(0, 0)

    def snapshot(self) -> Snapshot | None:
        return self._tail.snapshot or self._storage.snapshot()

    # --- growing ------------------------------------------------------------------------------------

    def append(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        if entries[0].index <= self.committed:
            raise InvariantBroken(f"entry {entries[0].index} would replace a committed one")
        self._tail.append(entries)

    def conflict(self, entries: Sequence[Entry]) -> int | None:
        """Position of the first entry that this log does not hold already."""
        return next((i for i, entry in enumerate(entries) if not self.matches(entry.id)), None)

    def commit_to(self, index: int) -> bool:
        """Raise the commit index. False if it was there already."""
        if index <= self.committed:
            return False
        if index > self.last_index:
            raise InvariantBroken(f"{index} is committed, but the log ends at {self.last_index}")
        self.committed = index
        return True

    def restore(self, snapshot: Snapshot) -> None:
        """Replace everything by a snapshot above the commit index."""
        assert snapshot.index > self.committed
        self.committed = snapshot.index
        self._tail.restore(snapshot)

    # --- writing ------------------------------------------------------------------------------------

    @property
    def has_unwritten(self) -> bool:
        """Whether anything is not known to be durable, handed out or not."""
        return bool(self._tail.entries)

    @property
    def has_snapshot_pending(self) -> bool:
        return self._tail.snapshot is not None

    def entries_to_write(self) -> tuple[Entry, ...]:
        return tuple(self._tail.entries[self._tail.writing_from - self._tail.offset :])

    def snapshot_to_write(self) -> Snapshot | None:
        return None if self._tail.is_snapshot_writing else self._tail.snapshot

    def writing(self) -> None:
        """Everything has been handed out to be written."""
        self._tail.writing_from = self._tail.offset + len(self._tail.entries)
        self._tail.is_snapshot_writing = self._tail.snapshot is not None

    def written_to(self, entry: EntryId) -> None:
        """Durable up to `entry`, unless the tail says otherwise by now."""
        tail = self._tail
        if tail.offset <= entry.index and self.matches(entry):
            tail.forget_to(entry.index)

    def snapshot_written(self, index: int) -> None:
        if self._tail.snapshot is not None and self._tail.snapshot.index == index:
            self._tail.snapshot = None
            self._tail.is_snapshot_writing = False

    # --- applying -----------------------------------------------------------------------------------

    def _appliable(self, *, with_unwritten: bool) -> int:
        return self.committed if with_unwritten else min(self.committed, self._tail.offset - 1)

    def has_committed(self, *, with_unwritten: bool) -> bool:
        if self._is_applying_paused or self.has_snapshot_pending:
            return False
        return self.applying < self._appliable(with_unwritten=with_unwritten)

    def committed_entries(self, *, with_unwritten: bool) -> tuple[Entry, ...]:
        """The next committed entries to apply, as many as fit."""
        if not self.has_committed(with_unwritten=with_unwritten):
            return ()
        high = self._appliable(with_unwritten=with_unwritten)
        room = self._applying_bytes_max - self._applying_bytes
        return self.entries(self.applying + 1, high, room)

    def applying_entries(self, entries: Sequence[Entry], *, with_unwritten: bool) -> None:
        """They have been handed out."""
        self.applying = entries[-1].index
        self._applying_bytes += sum(map(self._measure, entries))
        # What did not fit waits until something is applied, even if this batch left some room.
        self._is_applying_paused = (
            self._applying_bytes >= self._applying_bytes_max
            or self.applying < self._appliable(with_unwritten=with_unwritten)
        )

    def applied_to(self, index: int, entries: Sequence[Entry] = ()) -> None:
        """Applied up to `index`; `entries` were handed out for it."""
        if not self.applied <= index <= self.committed:
            raise InvariantBroken(f"applied {index}, outside {self.applied} to {self.committed}")
        self.applied = index
        self.applying = max(self.applying, index)
        self._applying_bytes = max(0, self._applying_bytes - sum(map(self._measure, entries)))
        self._is_applying_paused = self._applying_bytes >= self._applying_bytes_max

    def has_unapplied_change(self) -> bool:
        """Whether a committed change of configuration waits to be applied."""
        if self.has_snapshot_pending:
            return False
        unapplied = range(self.applied + 1, self.committed + 1)
        return any(self.entry(index).change is not None for index in unapplied)
