"""What a leader knows about one member's log, and what is on its way there.

- **probe**: where the logs part is being found out; one message at a time.
- **replicate**: they match; entries are sent ahead without waiting, up to the caps of `Inflights`.
- **snapshot**: the member needs entries that are gone here; nothing is sent until it has caught up.

`match` is the highest index known to be the same; `next` the first index to send: match < next, always.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from consensus.raft.membership import Outcome


class ProgressState(Enum):
    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


@dataclass(slots=True)
class Inflights:
    """Appends sent and not answered: the last index and the bytes of each, oldest first."""

    count_max: int
    bytes_max: int
    _sent: deque[tuple[int, int]] = field(default_factory=deque)
    _bytes: int = 0

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def is_full(self) -> bool:
        """The message that crosses the cap of bytes is still allowed, or a large one would never go."""
        return len(self._sent) >= self.count_max or self._bytes >= self.bytes_max

    def add(self, index: int, size_bytes: int) -> None:
        assert not self.is_full, "sent beyond the cap"
        assert not self._sent or self._sent[-1][0] <= index, "sent out of order"
        self._sent.append((index, size_bytes))
        self._bytes += size_bytes

    def free_to(self, index: int) -> None:
        """An answer for `index` answers everything sent before it."""
        while self._sent and self._sent[0][0] <= index:
            self._bytes -= self._sent.popleft()[1]

    def clear(self) -> None:
        self._sent.clear()
        self._bytes = 0


@dataclass(slots=True)
class Progress:
    next: int
    inflights: Inflights
    match: int = 0
    state: ProgressState = ProgressState.PROBE
    is_learner: bool = False
    is_recently_active: bool = False
    is_flow_paused: bool = False
    snapshot_index: int = 0  # of the snapshot on its way, 0 if none
    snapshot_ticks: int = 0  # since it was sent
    commit_sent: int = 0  # highest commit index that the member may have heard

    @property
    def is_paused(self) -> bool:
        return self.is_flow_paused or self.state is ProgressState.SNAPSHOT

    def _enter(self, state: ProgressState, next_: int) -> None:
        self.state = state
        self.next = next_
        self.is_flow_paused = False
        self.snapshot_index = self.snapshot_ticks = 0
        self.inflights.clear()
        assert self.match < self.next

    def probe(self) -> None:
        # After a snapshot was sent, probe behind it: its application may be durable and unreported.
        behind = self.snapshot_index if self.state is ProgressState.SNAPSHOT else 0
        self._enter(ProgressState.PROBE, max(self.match, behind) + 1)
        self.commit_sent = min(self.commit_sent, self.next - 1)

    def replicate(self) -> None:
        self._enter(ProgressState.REPLICATE, self.match + 1)

    def await_snapshot(self, index: int) -> None:
        self._enter(ProgressState.SNAPSHOT, index + 1)
        self.snapshot_index = index
        self.commit_sent = index

    def sent(self, count: int, size_bytes: int) -> None:
        """`count` entries from `next` on are on their way."""
        assert self.state is not ProgressState.SNAPSHOT
        if self.state is ProgressState.PROBE:
            self.is_flow_paused = self.is_flow_paused or count > 0
            return
        if count > 0:
            self.next += count
            self.inflights.add(self.next - 1, size_bytes)
        self.is_flow_paused = self.inflights.is_full

    def accepted(self, index: int) -> bool:
        """The member has everything up to `index`. False if that was known."""
        if index <= self.match:
            return False  # match never falls within a term: a late answer proves nothing new
        self.match = index
        self.next = max(self.next, index + 1)
        self.is_flow_paused = False
        return True

    def rejected(self, index: int, hint: int) -> bool:
        """The member does not match at `index` and may at `hint`. False if the answer is stale."""
        if index <= self.match:
            # Sending again would in effect roll back what is agreed, and never end where the member has
            # lost its log: `lost` is for that.
            return False
        if self.state is ProgressState.REPLICATE:
            self.next = self.match + 1
        else:
            if index != self.next - 1:
                return False  # answers an older probe
            self.next = max(min(index, hint + 1), self.match + 1)
            self.is_flow_paused = False
        self.commit_sent = min(self.commit_sent, self.next - 1)
        return True

    def lost(self) -> None:
        """The member says that it holds nothing (any more): what it acknowledged counts no longer."""
        self.match = self.snapshot_index = 0
        self.probe()

    def may_learn_commit(self, commit: int) -> bool:
        """Whether an empty append would tell the member something new about the commit index."""
        return commit > self.commit_sent and self.commit_sent < self.next - 1


def following(
    outcome: Outcome, known: Mapping[int, Progress], create: Callable[[], Progress]
) -> dict[int, Progress]:
    """Progress of the members of a new configuration, in ascending order of ids: who left is forgotten,
    who came (or is `fresh`) starts anew."""
    followed = {}
    for member in outcome.configuration.members:
        is_known = member in known and member not in outcome.fresh
        progress = known[member] if is_known else create()
        progress.is_learner = member in outcome.configuration.learners
        followed[member] = progress
    return followed
