"""S12: a block's time was near the clocks of enough members who let it pass (R1; rule 12 of Raft ordering).

A member may judge a block at any moment from its arrival on, so what counts is whether its clock came near
the block's time since then. A time that only follows the parent's is nobody's choice and is not asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import Header, block_hash, identity_digest
from tests.simulation.engine import DRIFT_MS, Engine, Violation
from tests.simulation.ghost import SUITE, hash_
from tests.simulation.members import Members

if TYPE_CHECKING:
    from tests.simulation.node import SimNode

START_MS = 1_000_000
SLACK_MS = 2  # a core's clock has whole milliseconds


@dataclass
class Clock:
    """One node's, as it was set: from a moment of the world on, what it is ahead then, and how fast it goes."""

    settings: list[tuple[float, float, float]] = field(default_factory=list)

    def set(self, now: float, offset_ms: float, rate: float) -> None:
        self.settings.append((now, offset_ms, rate))

    def at(self, now: float) -> float:
        _, offset_ms, rate = self.settings[-1]
        return START_MS + now * rate + offset_ms

    def was_near(self, time_ms: int, since: float, until: float) -> bool:
        """Whether it showed a time within the drift of this one, between two moments of the world."""
        ends = [start for start, _, _ in self.settings[1:]] + [until]
        for (start, offset_ms, rate), end in zip(self.settings, ends, strict=True):
            first, last = max(start, since), min(end, until)
            reach = DRIFT_MS + SLACK_MS
            if first <= last and (
                START_MS + first * rate + offset_ms - reach
                <= time_ms
                <= START_MS + last * rate + offset_ms + reach
            ):
                return True
        return False


class Punctuality:
    """`untrusted` are nodes whose word is not to be kept."""

    def __init__(
        self, engine: Engine, nodes: Sequence[SimNode], untrusted: Mapping[int, object]
    ) -> None:
        self._engine, self._nodes, self._untrusted = engine, nodes, untrusted
        self._arrived: dict[Hash, dict[int, float]] = {}
        self._made_in: dict[Hash, int] = {}
        self._brought: dict[int, tuple[Any, tuple[Hash, ...]]] = {}
        self._judged: dict[int, None] = {}

    def on_heard(self, node: int, message: Any, now: float) -> None:
        """A message that may bring blocks to be voted for."""
        for digest in self._blocks_in(message):
            self._arrived.setdefault(digest, {}).setdefault(node, now)

    def _blocks_in(self, message: Any) -> tuple[Hash, ...]:
        known = self._brought.get(id(message))
        if known is None:
            made = [(block_hash(hash_, h), term) for h, term in self._engine.brings(message)]
            self._made_in |= dict(made)
            # The message is kept, so that its id stays its own.
            known = self._brought[id(message)] = message, tuple(digest for digest, _ in made)
        return known[1]

    def on_deliver(
        self, header: Header, parent: Header, cert: CommitCert, members: Members, now: float
    ) -> None:
        if header.height in self._judged or len(members.voters) == 1:
            return
        self._judged[header.height] = None
        if header.timestamp_ms == parent.timestamp_ms + 1:
            return
        if self._engine.is_later_term_lenient and self._made_in.get(cert.block_hash) != cert.view:
            return  # sealed in a later term: nobody can order without it
        arrived = self._arrived.get(cert.block_hash, {})
        maker = self._maker(header, members)
        near = [
            node
            for node in members.nodes
            if node not in self._untrusted
            and (
                node == maker
                or (
                    node in arrived
                    and self._nodes[node].clock.was_near(header.timestamp_ms, arrived[node], now)
                )
            )
        ]
        lying = sum(node in self._untrusted for node in members.nodes)
        if len(near) + lying < self._engine.quorum(len(members.voters)):
            raise Violation(f"S12 the time of block {header.height} was near {near} only")

    def _maker(self, header: Header, members: Members) -> int | None:
        keys = (validator.vote_key for validator in members.validators().validators)
        for node, key in zip(members.nodes, keys, strict=True):
            if identity_digest(hash_, SUITE, key) == header.proposer:
                return node
        return None
