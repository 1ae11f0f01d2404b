"""Changing the view: suspecting, joining, the new view and its selection (rules R5 to R9, R13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from consensus.encoding import ZERO_HASH, Sig
from consensus.pbft.messages import (
    NewView,
    ViewChange,
    encode_message,
    signed_bytes,
)
from consensus.pbft.records import Entered, View
from consensus.pbft.selection import select
from consensus.pbft.state import State

Unsigned = TypeVar("Unsigned", ViewChange, NewView)

_UNSIGNED = Sig(ZERO_HASH + ZERO_HASH)


class ViewChanger:
    """Holds at most one ViewChange a validator, that of the highest view."""

    def __init__(self, state: State, on_entered: Callable[[], None]) -> None:
        self._state = state
        self._on_entered = on_entered
        self.quorum_since_ms: int | None = None
        self.own_message: bytes | None = None

    # --- leaving a view

    def suspect(self, reason: str) -> None:
        """Leave the current view (R5). Nothing to leave while a change is under way."""
        if self._state.can_vote and self._state.is_active and not self._state.is_ending:
            self._move_to(self._state.view + 1, reason)

    def give_up(self, reason: str) -> None:
        """The view being changed to did not come about in time."""
        if self._state.can_vote and not self._state.is_active:
            self._move_to(self._state.view + 1, reason)

    def _move_to(self, view: int, reason: str) -> None:
        """Promise silence below `view`, then say what was done there (R6)."""
        state = self._state
        assert view > state.view and state.own_index is not None
        state.failed_views += 1
        state.view, state.is_active = view, False
        state.view_since_ms, state.view_change_reason = state.now_ms, reason
        state.clear_slots()
        self.quorum_since_ms = None
        self._say()

    def _say(self) -> None:
        """The ViewChange for the current view: what was done below it, and the tip."""
        state = self._state
        assert state.own_index is not None
        window = range(state.chain.height + 1, state.chain.height + state.config.window + 1)
        unsigned = ViewChange(
            state.config.channel_id,
            state.validators.epoch,
            state.own_index,
            state.view,
            state.epoch_tip_cert,
            tuple(state.prepared[height] for height in window if height in state.prepared),
            state.view_change_reason,
            _UNSIGNED,
        )
        change = _signed(state, unsigned)
        self.own_message = encode_message(change)
        state.persist(View(state.validators.epoch, state.view, self.own_message))
        state.broadcast(self.own_message)
        state.view_changes[state.own_index] = change
        self.check()

    def say_again(self) -> None:
        """Every interval until the view is entered (R9). A tip that has risen by blocks since is told: both
        statements are true, as nothing was voted for in between, and a low tip helps no new view (R13)."""
        state = self._state
        if state.is_active or self.own_message is None or state.own_index is None:
            return
        if self._tip_of(state.view_changes[state.own_index]) < state.chain.height:
            self._say()
        else:
            state.broadcast(self.own_message)

    def _tip_of(self, change: ViewChange) -> int:
        return change.tip_cert.height if change.tip_cert else self._state.base.height

    # --- messages

    def on_view_change(self, message: ViewChange) -> None:
        state = self._state
        if message.tip_cert is not None:
            state.chain.learn(message.tip_cert)
        tip_height = self._tip_of(message)
        if tip_height < state.chain.height and state.chain.tip_cert is not None:
            state.show(message.sender, state.chain.tip_cert)
        held = state.view_changes.get(message.sender)
        if message.sender == state.own_index:
            return
        if held and (held.new_view, self._tip_of(held)) >= (message.new_view, tip_height):
            return
        state.view_changes[message.sender] = message
        self.check()

    def on_new_view(self, message: NewView) -> None:
        """A verified NewView proves that a quorum left for this view, however far it is."""
        state = self._state
        if message.view < state.view or (message.view == state.view and state.is_active):
            return
        self._enter(message)

    # --- entering a view

    def check(self) -> None:
        """Whatever the held view changes allow: join, lead, or start the clock for the next one."""
        state = self._state
        if not state.can_vote:
            return
        higher = [c.new_view for c in state.view_changes.values() if c.new_view > state.view]
        if len(higher) >= state.validators.weak_quorum:
            self._move_to(min(higher), "others asked")
            return
        if state.is_active:
            return
        if state.is_leader and self._lead():
            return
        # One liar's far view counts as a wish to leave, and moves nobody (R9).
        leaving = sum(1 for c in state.view_changes.values() if c.new_view >= state.view)
        if leaving >= state.validators.quorum and self.quorum_since_ms is None:
            self.quorum_since_ms = state.now_ms

    def _lead(self) -> bool:
        state = self._state
        assert state.own_index is not None
        best = state.chain.best_cert
        highest = max(state.chain.height, best.height if best else 0)
        wanted = [
            state.view_changes[sender]
            for sender in sorted(state.view_changes)
            if state.view_changes[sender].new_view == state.view
            and not self._is_stale(state.view_changes[sender], highest)
        ]
        quorum = state.validators.quorum
        if len(wanted) < quorum:
            return False
        unsigned = NewView(
            state.config.channel_id,
            state.validators.epoch,
            state.own_index,
            state.view,
            tuple(wanted[:quorum]),
            _UNSIGNED,
        )
        message = _signed(state, unsigned)
        self._enter(message)
        state.broadcast(encode_message(message))
        self._on_entered()
        return True

    def _is_stale(self, change: ViewChange, height: int) -> bool:
        """Whether its tip is further below `height` than validators that keep step are apart (R13)."""
        return self._tip_of(change) + self._state.config.tip_spread < height

    def _votes_above(self, message: NewView) -> int:
        """R13: a stale ViewChange may be of a validator that has forgotten it since, and broken its promise.
        Who enters by one votes only above all it can have voted for before. See `admission`."""
        state = self._state
        if any(self._is_stale(change, state.chain.height) for change in message.view_changes):
            return state.chain.height + state.config.window
        return 0

    def _enter(self, message: NewView) -> None:
        state, base = self._state, self._state.base
        selection = select(state.hash_, message.view_changes, base.block_hash, base.height)
        state.view_votes_above = self._votes_above(message)
        if state.can_vote:
            state.persist(entered_record(state, message))
        state.view, state.is_active = message.view, True
        state.view_since_ms = state.last_progress_ms = state.now_ms
        state.new_view, state.selection = message, selection
        state.clear_slots()
        state.requests.leader_changed(state.now_ms)
        self.quorum_since_ms = None
        for change in message.view_changes:
            if change.tip_cert is not None:
                state.chain.learn(change.tip_cert)
        if message.sender != state.own_index:
            self._on_entered()


def entered_record(state: State, message: NewView) -> Entered:
    floor, epoch = state.view_votes_above, state.validators.epoch
    return Entered(epoch, message.view, floor, encode_message(message))


def _signed(state: State, message: Unsigned) -> Unsigned:
    return replace(message, signature=state.sign(signed_bytes(message, state.config.suite)))
