"""The engines a world can run: how to make a node's core, and how to read what it says.

The checkers know messages only through `votes`, `promised` and `leads`, so they are the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consensus.api import Core
from consensus.encoding import Hash
from consensus.header import Header

if TYPE_CHECKING:
    from tests.simulation.node import SimNode
    from tests.simulation.world import World

DRIFT_MS = 10_000


class Violation(AssertionError):
    """An invariant does not hold; the text begins with its name."""


@dataclass(frozen=True)
class Said:
    """A vote that binds: its signer may say no other block of this kind at this place."""

    kind: str
    epoch: int
    view: int
    height: int
    block_hash: Hash


@dataclass(frozen=True)
class Promise:
    """Silence below `view`. `tip`: the highest block that it rests on, from which R13 reckons how far it binds
    who lost it; None where it binds nobody then: over Raft the others' word takes its place."""

    epoch: int
    view: int
    tip: int | None


@dataclass(frozen=True)
class Engine:
    """`quorum` is computed from first principles, so that a mutant in the product cannot move it.
    `votes`: the votes in a message. `promised`: what its sender, with the given index, promises by it.
    `leads`: (epoch, view) in which only one may send such a message. `place`: view and height, for the
    trace and for correlated omission. `sizes`: what a core holds, and how much it may. `brings`: blocks that
    a message brings to be voted for, with the view they are proposed or the term they were made in.
    `is_later_term_lenient`: whether in a later term such a block is taken whatever its time is."""

    name: str
    kind: str
    core: Callable[[World, SimNode], Core]
    decode: Callable[[bytes], Any]
    quorum: Callable[[int], int]
    votes: Callable[[Any], tuple[Said, ...]]
    promised: Callable[[Any, int], Promise | None]
    leads: Callable[[Any], tuple[int, int] | None]
    place: Callable[[Any], tuple[int, int | str]]
    sizes: Callable[[Any], dict[str, tuple[int, int]]]
    retain: Callable[[Sequence[bytes], int], tuple[bytes, ...]]
    brings: Callable[[Any], Iterable[tuple[Header, int]]]
    is_later_term_lenient: bool
