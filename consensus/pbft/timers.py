"""When the core must be called next. Every deadline is derived from state, none is switched on or off."""

from __future__ import annotations

from collections.abc import Callable

from consensus.api import Forward
from consensus.pbft.propose import Proposer
from consensus.pbft.state import State
from consensus.pbft.view_change import ViewChanger


class Timers:
    """An idle chain has no deadline at all (R5)."""

    def __init__(
        self,
        state: State,
        proposer: Proposer,
        changer: ViewChanger,
        rounds: tuple[Callable[[], None], ...],
    ) -> None:
        self._state = state
        self._proposer = proposer
        self._changer = changer
        self._rounds = rounds
        self._last_round_ms = 0
        self._work_since_ms: int | None = None
        # The earliest deadline as the last input left it: nothing moves between two inputs.
        self._next_ms: int | None = None

    def note_work(self) -> None:
        """Runs after every input: remembers since when work has been waiting without a break."""
        state = self._state
        if not state.has_work:
            self._work_since_ms = None
        elif self._work_since_ms is None:
            self._work_since_ms = state.now_ms

    def _view_deadline_ms(self) -> int | None:
        """When to leave the current view, active or not."""
        state = self._state
        if not state.can_vote or self._work_since_ms is None:
            return None
        if not state.is_active:
            since_ms = self._changer.quorum_since_ms
            # Fewer than a quorum want to leave: going on alone would scatter the views.
            return None if since_ms is None else since_ms + state.timeout_ms
        if state.is_ending or state.chain.roots_for(state.chain.height + 1) is None:
            return None  # the own execution lags: the leader cannot be blamed for that
        return max(self._work_since_ms, state.last_progress_ms) + state.timeout_ms

    def _round_at_ms(self) -> int | None:
        if self._work_since_ms is None:
            return None
        since_ms = max(self._work_since_ms, self._last_round_ms)
        return since_ms + self._state.config.status_interval_ms

    def _is_watching(self) -> bool:
        state = self._state
        return state.can_vote and state.is_active and not state.is_leader

    def _forward_at_ms(self) -> int | None:
        return self._state.requests.forward_at_ms() if self._is_watching() else None

    def _suspect_at_ms(self) -> int | None:
        state = self._state
        if not self._is_watching() or state.is_ending:
            return None
        if state.chain.roots_for(state.chain.height + 1) is None:
            return None
        at_ms = state.requests.suspect_at_ms()
        # Grows with the back-off: if it did not, it would cut short every wait that had grown beyond it,
        # and a slow network would change views for ever (R9).
        return None if at_ms is None else at_ms + state.timeout_ms - state.config.base_timeout_ms

    def on_time(self) -> None:
        """Do what has fallen due. On a tick alone, and a driver hands in first what has arrived: a node that
        was slow itself must not blame a leader who spoke in time."""
        now_ms, state = self._state.now_ms, self._state
        if not _is_due(self._next_ms, now_ms):
            return
        if _is_due(self._forward_at_ms(), now_ms):
            tx_ids = state.requests.take_due(now_ms)
            state.out.append(Forward(state.leader, tx_ids))
        if _is_due(self._view_deadline_ms(), now_ms):
            if state.is_active:
                self._changer.suspect("no progress while work waits")
            else:
                self._changer.give_up("the new view did not come")
        elif _is_due(self._suspect_at_ms(), now_ms):
            self._changer.suspect("a transaction is left waiting")
        if _is_due(self._round_at_ms(), now_ms):
            self._last_round_ms = now_ms
            for each in self._rounds:
                each()

    def next_ms(self) -> int | None:
        """The next deadline. Runs after every input."""
        deadlines = (
            self._proposer.propose_at_ms(),
            self._view_deadline_ms(),
            self._round_at_ms(),
            self._forward_at_ms(),
            self._suspect_at_ms(),
        )
        self._next_ms = min([at for at in deadlines if at is not None], default=None)
        return self._next_ms


def _is_due(at_ms: int | None, now_ms: int) -> bool:
    return at_ms is not None and at_ms <= now_ms
