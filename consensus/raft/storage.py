"""The stable part of a log: what is durable, as the node reads it.

`StableLog` is the memory's picture of the disk. The driver writes the disk first and then calls `save`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from consensus.api import InvariantBroken
from consensus.raft.membership import Configuration
from consensus.raft.messages import NO_HARD_STATE, NO_SNAPSHOT, Entry, HardState, Snapshot


class Storage(Protocol):
    """What the node reads. Answers change only when the driver has written."""

    @property
    def hard_state(self) -> HardState: ...
    @property
    def configuration(self) -> Configuration:
        """In force after the snapshot; later changes come again as committed entries."""
        ...

    @property
    def first_index(self) -> int: ...
    @property
    def last_index(self) -> int: ...
    def term(self, index: int) -> int | None:
        """Of the entry at `index`, from first_index - 1 on; None where it is not known."""
        ...

    def entry(self, index: int) -> Entry:
        """first_index <= index <= last_index."""
        ...

    def snapshot(self) -> Snapshot | None:
        """To send to a member who is behind first_index; None if there is none yet."""
        ...


class Written(Protocol):
    """What of a Ready goes to the disk."""

    @property
    def hard_state(self) -> HardState | None: ...
    @property
    def entries(self) -> tuple[Entry, ...]: ...
    @property
    def snapshot(self) -> Snapshot | None: ...


class StableLog:
    """Entries behind a snapshot, in memory."""

    def __init__(self) -> None:
        self._hard_state = NO_HARD_STATE
        self._snapshot = NO_SNAPSHOT  # where the log begins
        self._offered = NO_SNAPSHOT  # what members who are behind that are sent, if it is newer
        self._entries: list[Entry] = []

    @classmethod
    def of(
        cls,
        hard_state: HardState = NO_HARD_STATE,
        snapshot: Snapshot = NO_SNAPSHOT,
        entries: Sequence[Entry] = (),
    ) -> Self:
        """As read from the disk. Raises InvariantBroken if the parts do not fit together."""
        log = cls()
        log._snapshot = snapshot
        log.append(entries)
        log._hard_state = hard_state
        if not hard_state.commit <= log.last_index:
            raise InvariantBroken("the log ends before what was committed: its tail is lost")
        return log

    @property
    def hard_state(self) -> HardState:
        return self._hard_state

    @property
    def configuration(self) -> Configuration:
        return self._snapshot.configuration

    @property
    def first_index(self) -> int:
        return self._snapshot.index + 1

    @property
    def last_index(self) -> int:
        return self._snapshot.index + len(self._entries)

    def term(self, index: int) -> int | None:
        if index == self._snapshot.index:
            return self._snapshot.term
        if self.first_index <= index <= self.last_index:
            return self._entries[index - self.first_index].term
        return None

    def entry(self, index: int) -> Entry:
        assert self.first_index <= index <= self.last_index
        return self._entries[index - self.first_index]

    def snapshot(self) -> Snapshot | None:
        newest = max(self._snapshot, self._offered, key=lambda one: one.index)
        return newest if newest.index > 0 else None

    def offer(self, snapshot: Snapshot) -> None:
        """Send this one from now on. Who is no member in a snapshot's configuration cannot use it, so
        offer a new one when a change has been applied."""
        self._offered = snapshot

    def save(self, written: Written) -> None:
        """Follow what the driver has just made durable."""
        if written.hard_state is not None:
            self._hard_state = written.hard_state
        if written.snapshot is not None:
            self._snapshot = written.snapshot
            self._entries = []
        self.append(written.entries)

    def append(self, entries: Sequence[Entry]) -> None:
        """Replaces everything from the first of `entries` on. Raises InvariantBroken on a gap."""
        if not entries:
            return
        kept = entries[0].index - self.first_index
        if not 0 <= kept <= len(self._entries):
            raise InvariantBroken("entries leave a gap, or lie below the snapshot")
        del self._entries[kept:]
        for entry in entries:
            if entry.index != self.last_index + 1:
                raise InvariantBroken("entries do not follow each other")
            self._entries.append(entry)

    def compact(self, snapshot: Snapshot) -> None:
        """Forget what `snapshot` stands for: applied here, durably. An older one changes nothing."""
        if snapshot.index <= self._snapshot.index:
            return
        if self.term(snapshot.index) != snapshot.term:
            raise InvariantBroken("a snapshot of an entry that this log does not hold")
        del self._entries[: snapshot.index - self._snapshot.index]
        self._snapshot = snapshot
