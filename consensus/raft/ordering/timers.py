"""Deadlines: ticks of the pure core, blocks, forwarding, and asking again."""

from __future__ import annotations

from consensus.api import Forward
from consensus.raft.ordering.config import ELECTION_TICKS
from consensus.raft.ordering.create import Creator
from consensus.raft.ordering.gossip import Gossip
from consensus.raft.ordering.replica import Replica
from consensus.raft.ordering.state import State


class Timers:
    def __init__(self, state: State, replica: Replica, creator: Creator, gossip: Gossip) -> None:
        self._state = state
        self._replica, self._creator, self._gossip = replica, creator, gossip
        self._ticked_ms = state.now_ms
        # The earliest deadline as the last input left it: nothing moves between two inputs.
        self._next_ms: int | None = None

    def on_time(self) -> None:
        """Do what has fallen due. On a tick alone, and a driver hands in first what has arrived: a node that
        was slow itself must not stand against a leader who spoke in time."""
        state, now_ms = self._state, self._state.now_ms
        if not self._tick() and not _is_due(self._next_ms, now_ms):
            return
        if _is_due(self._forward_at_ms(), now_ms):
            assert state.leader is not None
            state.out.append(Forward(state.leader, state.requests.take_due(now_ms)))
        if _is_due(self._round_at_ms(), now_ms):
            self._gossip.round()

    def _tick(self) -> bool:
        """Whether it was time to. After a pause no more than an election timeout's worth of ticks: it was no
        silence of others."""
        state, tick_ms = self._state, self._state.config.tick_ms
        due = (state.now_ms - self._ticked_ms) // tick_ms
        if due <= 0:
            return False
        self._ticked_ms += due * tick_ms
        if state.raft is not None and self._is_ticking:
            for _ in range(min(due, ELECTION_TICKS)):
                self._replica.tick()
            self._gossip.campaign_first()
        return True

    @property
    def _is_ticking(self) -> bool:
        """A lone leader has nobody to tell and nobody to hear."""
        return not (self._state.n == 1 and self._state.is_leader)

    def _forward_at_ms(self) -> int | None:
        state = self._state
        if state.leader is None or state.leader == state.own_index or not state.can_vote:
            return None
        return state.requests.forward_at_ms()

    def _round_at_ms(self) -> int | None:
        if not self._gossip.has_work:
            return None
        return self._gossip.last_round_ms + self._state.config.status_interval_ms

    def _tick_at_ms(self) -> int | None:
        if self._state.raft is None or not self._is_ticking:
            return None
        return self._ticked_ms + self._state.config.tick_ms

    def next_ms(self) -> int | None:
        deadlines = (
            self._tick_at_ms(),
            self._creator.create_at_ms(),
            self._round_at_ms(),
            self._forward_at_ms(),
        )
        self._next_ms = min([at for at in deadlines if at is not None], default=None)
        return self._next_ms


def _is_due(at_ms: int | None, now_ms: int) -> bool:
    return at_ms is not None and at_ms <= now_ms
