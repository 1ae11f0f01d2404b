"""Linearizable reads without log entries (ReadIndex, thesis 6.4).

A leader remembers its commit index when a read is asked for, and answers once a majority has confirmed,
by heartbeats sent after that, that it still leads. Reads are numbered in order; a heartbeat carries the
number of the newest, so one round confirms all before it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from consensus.raft.membership import Configuration
from consensus.raft.messages import ReadRequest
from consensus.raft.quorum import joint_index


@dataclass(frozen=True, slots=True)
class ReadState:
    """Applied up to `index`, a node answers the read named by `context` as of when it was asked."""

    index: int
    context: bytes


@dataclass(slots=True)
class Reads:
    """Of one leader in one term."""

    _open: deque[tuple[ReadRequest, int]] = field(default_factory=deque)
    _heard: dict[int, int] = field(default_factory=dict)
    _confirmed: int = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def position(self) -> int:
        """Number of the newest open read; 0 if none is open, so heartbeats need no answer."""
        return self._confirmed + len(self._open) if self._open else 0

    def ask(self, request: ReadRequest, index: int) -> None:
        self._open.append((request, index))

    def heard(self, member: int, position: int) -> None:
        """Numbers never asked for are no confirmation of later reads."""
        if position <= self._confirmed + len(self._open):
            self._heard[member] = max(self._heard.get(member, 0), position)

    def take_confirmed(self, configuration: Configuration) -> list[tuple[ReadRequest, int]]:
        agreed = joint_index(configuration.voters, configuration.outgoing, self._heard)
        taken = []
        while self._open and self._confirmed < agreed:
            taken.append(self._open.popleft())
            self._confirmed += 1
        return taken
