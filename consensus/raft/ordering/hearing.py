"""How a member whose log says nothing of its vote key comes to vote: it hears every other member first.

A first start, a newcomer and a node whose disk was emptied look alike: no birth in the log, and nothing
that says one was lost. The last may have voted in a term and acknowledged entries, so all three are treated
as it is. Asked in this life, every other member says the term it is in and where its log ends. Then this
one votes only in terms above all of theirs, and only for logs that reach as far as the furthest of theirs
(`Floor`).

Why that is enough. *A forgotten vote* was given in a term T to a candidate that was in T before it asked,
and still is when it answers; so T is not voted in again. Or the candidate has lost its disk too: then the
vote was given to a life that is over, and however late it arrives it counts in the life that asked for it
only. *A forgotten acknowledgement* of an entry may be what made it committed, or may still, as it can be
under way. Its leader held the entry before it was sent, and holds it when it answers, or leads that term no
more and counts nothing. Whoever is elected with this member's vote has a log that reaches as far, and so has
the entry, as with any vote in Raft; who is elected without it met another holder. *Its own log* is empty: it
stands for nothing before it reaches the floor again (`State.is_short`), and answers others with the floor in
its place. Each epoch is a group of its own, so it is the members of this one that are heard.

All others, not a majority: the vote that was forgotten may be under way to a candidate of whose term nobody
else knows. And those who cannot vote now may have forgotten as well. A majority of whom nobody remembers
could have committed what nobody would know of; so of the others at least n - n // 2 must vote, which leaves
fewer than a majority who do not. One exception is a channel's first start: there nobody remembers, and
every one of them, this one too, holds no block.

Where the member with the longest log is gone for good, who heard of it waits for ever, and says so: if its key
is new, its log may be taken away and its operator's word given instead.

A node whose disk says that a log of this key is missing is not let in: something is wrong there that nobody
has looked at. It comes back under a new vote key. Who is awaited stands in the status.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from consensus.raft.messages import EntryId
from consensus.raft.ordering.messages import Hello, entry_id, place_of
from consensus.raft.ordering.state import State

OBSERVER_HEARING: Final = "it hears every other member once before its first vote"
OBSERVER_SHORT: Final = (
    "its log may have been longer once: it helps to elect longer ones only, until it ends at"
)
OBSERVER_WAL_LOST: Final = (
    "no log says what this vote key has voted for: "
    "a Raft member that lost its log comes back under a new vote key"
)


class Hearing:
    """An answer to an earlier life counts for nothing."""

    def __init__(self, state: State, begin: Callable[[int, EntryId], None]) -> None:
        self._state, self._begin = state, begin
        self._heard: dict[int, Hello] = {}

    @property
    def is_open(self) -> bool:
        return self._state.observer_reason == OBSERVER_HEARING

    @property
    def observer_reason(self) -> str | None:
        """Why this member does not vote, or for some logs only, and whom it awaits."""
        if not self.is_open:
            floor = self._state.log_floor
            short = f"{OBSERVER_SHORT} {floor.term}:{floor.index} again"
            return short if self._state.is_short else self._state.observer_reason
        names = [self._state.validators.validators[each].name for each in self._awaited()]
        if all(each in self._heard for each in self._awaited()):
            return f"{OBSERVER_HEARING}; too few of them vote: {', '.join(names)} do not"
        return f"{OBSERVER_HEARING}; not heard yet: {', '.join(names)}"

    def _awaited(self) -> list[int]:
        """Who was not heard; where all were, who may come to remember."""
        others = [each for each in range(self._state.n) if each != self._state.own_index]
        silent = [each for each in others if each not in self._heard]
        return silent or [each for each in others if not self._heard[each].is_voting]

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
        place = place_of(last)
        return Hello(state.head(term), place, self._is_blank, state.can_vote, nonce, is_reply)

    def ask(self, peer: int | None = None) -> None:
        """One member, or all that are awaited; the leader while it has not sent all again."""
        state = self._state
        if self.is_open:
            asked = [to for to in self._awaited() if peer in (None, to)]
        else:
            asked = [state.leader] if state.is_short and state.leader is not None else []
        for to in asked:
            state.send(to, self._hello(state.life, is_reply=False))

    def on_hello(self, message: Hello, sender: int) -> None:
        state = self._state
        if not message.is_reply:
            if state.raft is not None:
                state.raft.report_lost(sender + 1)
            state.send(sender, self._hello(message.nonce, is_reply=True))
        elif message.nonce == state.life and self.is_open:
            self._heard[sender] = message
            self._begin_if_enough()

    def _begin_if_enough(self) -> None:
        state, answers = self._state, self._heard.values()
        if len(answers) < state.n - 1:
            return
        is_first_start = self._is_blank and all(each.is_blank for each in answers)
        remembering = sum(each.is_voting for each in answers)
        if is_first_start or remembering >= state.n - state.n // 2:
            state.observer_reason = None
            ends = (entry_id(each.last) for each in answers)
            self._begin(max(each.head.term for each in answers), max(ends, key=_order))


def _order(end: EntryId) -> tuple[int, int]:
    return end.term, end.index
