"""A member's first start, told from that of one whose disk was emptied: it hears every other member first.

Both have a chain of height 0 and no log. One whose disk was emptied may have voted in a term and acknowledged
a block. Whoever it voted for remembers that term, and of those who acknowledged with it at least one remembers
the block. So a member without a birth in its log votes only when all others, asked in this life, say that they
hold no block, and only in terms above all of theirs. If one holds a block, it observes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from consensus.raft.ordering.messages import Hello
from consensus.raft.ordering.state import State

OBSERVER_HEARING: Final = "it hears every other member once before its first vote"
OBSERVER_WAL_LOST: Final = (
    "no log says what this vote key has voted for: "
    "a Raft member that lost its log comes back under a new vote key"
)


class Hearing:
    def __init__(self, state: State, nonce: int, begin: Callable[[int], None]) -> None:
        """nonce: another one in every life, so that an answer to an earlier life counts for nothing."""
        self._state, self._nonce, self._begin = state, nonce, begin
        self._terms: dict[int, int] = {}

    @property
    def is_open(self) -> bool:
        return self._state.observer_reason == OBSERVER_HEARING

    @property
    def _is_blank(self) -> bool:
        """Whether this member holds no block, and can know."""
        state = self._state
        knows = state.can_vote or self.is_open
        return knows and state.chain.height == 0 and len(state.flight) == 0

    def ask(self, peer: int | None = None) -> None:
        """One member, or all that have not answered yet."""
        state = self._state
        if not self.is_open:
            return
        for to in range(state.n) if peer is None else (peer,):
            if to not in self._terms:
                state.send(to, Hello(state.head(0), self._is_blank, self._nonce, False))

    def on_hello(self, message: Hello, sender: int) -> None:
        state = self._state
        if not message.is_reply:
            # Who does not vote yet has promised no term, whatever it has heard of.
            term = state.term if state.can_vote else 0
            answer = Hello(state.head(term), self._is_blank, message.nonce, True)
            state.send(sender, answer)
        elif message.nonce == self._nonce and self.is_open:
            if not message.is_blank:
                self.lose()
                return
            self._terms[sender] = message.head.term
            if len(self._terms) == state.n - 1:
                state.observer_reason = None
                self._begin(max(self._terms.values()))

    def lose(self) -> None:
        """There are blocks: this start is not the channel's first."""
        if self.is_open:
            self._state.observer_reason = OBSERVER_WAL_LOST
