"""A member's first start, told from that of one whose disk was emptied: it hears every other member first.

Both have a chain of height 0 and no log. One whose disk was emptied may have voted in a term and acknowledged
entries. Whoever it voted for remembers that term, and of those who acknowledged with it at least one remembers
the entry. So a member without a birth in its log votes only when all others, asked in this life, say that they
hold no block, only in terms above all of theirs, and only for a log that reaches as far as the furthest of
theirs. If one holds a block, it observes.

All others, not a majority: the vote that was forgotten may still be on its way to a candidate of whose term
nobody else knows yet, so the candidate must be among those heard. Who is awaited stands in the status.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from consensus.raft.messages import EntryId
from consensus.raft.ordering.messages import Hello, entry_id, place_of
from consensus.raft.ordering.state import State

OBSERVER_HEARING: Final = "it hears every other member once before its first vote"
OBSERVER_WAL_LOST: Final = (
    "no log says what this vote key has voted for: "
    "a Raft member that lost its log comes back under a new vote key"
)


class Hearing:
    def __init__(self, state: State, nonce: int, begin: Callable[[int, EntryId], None]) -> None:
        """nonce: another one in every life, so that an answer to an earlier life counts for nothing."""
        self._state, self._nonce, self._begin = state, nonce, begin
        self._heard: dict[int, tuple[int, EntryId]] = {}  # term, and where the log ends

    @property
    def is_open(self) -> bool:
        return self._state.observer_reason == OBSERVER_HEARING

    @property
    def observer_reason(self) -> str | None:
        """Why this member does not vote, and whom it awaits."""
        if not self.is_open:
            return self._state.observer_reason
        names = [self._state.validators.validators[each].name for each in self._awaited()]
        return f"{OBSERVER_HEARING}; not heard yet: {', '.join(names)}"

    def _awaited(self) -> list[int]:
        state = self._state
        return [i for i in range(state.n) if i != state.own_index and i not in self._heard]

    @property
    def is_asking(self) -> bool:
        """A leader may count on what this member has lost, until it is told: then it sends all again."""
        return self.is_open or self._state.is_short

    @property
    def _is_blank(self) -> bool:
        """Whether this member holds no block, and can know."""
        state = self._state
        knows = state.can_vote or self.is_open
        return knows and state.chain.height == 0 and len(state.flight) == 0

    def _hello(self, nonce: int, *, is_reply: bool) -> Hello:
        state = self._state
        # Who does not vote yet has promised no term, whatever it has heard of.
        term = state.term if state.can_vote else 0
        last = state.last if not is_reply or not state.is_short else state.log_floor
        return Hello(state.head(term), place_of(last), self._is_blank, nonce, is_reply)

    def ask(self, peer: int | None = None) -> None:
        """One member, or all that have not answered yet; the leader while it has not sent all again."""
        state = self._state
        if self.is_open:
            asked = [to for to in self._awaited() if peer in (None, to)]
        else:
            asked = [state.leader] if state.is_short and state.leader is not None else []
        for to in asked:
            state.send(to, self._hello(self._nonce, is_reply=False))

    def on_hello(self, message: Hello, sender: int) -> None:
        state = self._state
        if not message.is_reply:
            if state.raft is not None:
                state.raft.report_lost(sender + 1)
            state.send(sender, self._hello(message.nonce, is_reply=True))
        elif message.nonce == self._nonce and self.is_open:
            if not message.is_blank:
                self.lose()
                return
            self._heard[sender] = message.head.term, entry_id(message.last)
            if not self._awaited():
                state.observer_reason = None
                terms, ends = zip(*self._heard.values(), strict=True)
                self._begin(max(terms), max(ends, key=_order))

    def lose(self) -> None:
        """There are blocks: this start is not the channel's first."""
        if self.is_open:
            self._state.observer_reason = OBSERVER_WAL_LOST


def _order(end: EntryId) -> tuple[int, int]:
    return end.term, end.index
