"""What a node is told once, at its start."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from consensus.raft.log import NO_LIMIT
from consensus.raft.messages import Entry

ENTRY_OVERHEAD_BYTES: Final = 16  # term and index; about what an encoding adds to the payload


class Jitter(Protocol):
    def draw(self, below: int) -> int:
        """A number from 0 to below - 1, another at each call, not the same sequence on two nodes."""
        ...


@dataclass(slots=True)
class HashJitter:
    """A sequence that looks random and is fixed by `seed`, which should differ between nodes."""

    seed: bytes
    _count: int = field(default=0)

    def draw(self, below: int) -> int:
        self._count += 1
        digest = hashlib.sha256(self.seed + self._count.to_bytes(8, "big")).digest()
        return int.from_bytes(digest[:8], "big") % below


class ReadMode(Enum):
    SAFE = "safe"  # a majority confirms the leader
    LEASE = "lease"  # believes clocks: wrong when one runs much faster. Needs check-quorum


def entry_bytes(entry: Entry) -> int:
    return ENTRY_OVERHEAD_BYTES + entry.size_bytes


@dataclass(frozen=True, slots=True)
class Config:
    """`id` is positive. Byte caps count payloads, except where `measure` is named."""

    id: int
    jitter: Jitter
    election_ticks: int = 10
    heartbeat_ticks: int = 1
    is_pre_vote: bool = True
    is_check_quorum: bool = True
    message_bytes_max: int = 1 << 20  # entries of one append, by measure
    inflight_max: int = 64  # appends to one member without an answer
    inflight_bytes_max: int = 16 << 20
    uncommitted_bytes_max: int = 64 << 20  # of the leader's log; one entry always fits
    applying_bytes_max: int = NO_LIMIT  # handed out and not applied, by measure
    snapshot_ticks_max: int = 50  # without an answer, it is taken for lost; 0: wait for a report
    reads_max: int = 1024  # reads that wait for a majority
    read_mode: ReadMode = ReadMode.SAFE
    is_forwarding: bool = True  # a follower passes proposals on to the leader
    is_stepping_down_on_removal: bool = True
    is_change_checked: bool = True  # False: whoever proposes a change vouches that it will fit
    is_majority_kept: bool = True  # a change that leaves no majority of the old voters is refused
    is_asynchronous: bool = False
    measure: Callable[[Entry], int] = entry_bytes

    def __post_init__(self) -> None:
        assert self.id > 0
        assert 0 < self.heartbeat_ticks < self.election_ticks
        assert self.inflight_max > 0 and self.inflight_bytes_max > 0
        assert self.applying_bytes_max > 0 and self.reads_max > 0
        assert self.read_mode is ReadMode.SAFE or self.is_check_quorum
