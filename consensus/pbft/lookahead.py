"""Messages for a view this node has not entered yet: a peer may have seen the NewView first.

Bounded: a fixed number a sender, the oldest makes room. Nothing here moves a node to another view.
"""

from __future__ import annotations

from collections import deque

from consensus.pbft.messages import Prepare, Proposal


class Lookahead:
    def __init__(self, window: int) -> None:
        self._per_sender = 2 * (window + 1)
        self._kept: dict[int, deque[Proposal | Prepare]] = {}

    def __len__(self) -> int:
        return sum(len(kept) for kept in self._kept.values())

    def keep(self, message: Proposal | Prepare) -> None:
        kept = self._kept.setdefault(message.sender, deque(maxlen=self._per_sender))
        if message not in kept:
            kept.append(message)

    def take(self, view: int) -> list[Proposal | Prepare]:
        """Messages for `view`, proposals first; those for older views are forgotten."""
        taken: list[Proposal | Prepare] = []
        for sender in sorted(self._kept):
            taken += [message for message in self._kept[sender] if message.view == view]
            later = [message for message in self._kept[sender] if message.view > view]
            self._kept[sender] = deque(later, maxlen=self._per_sender)
        return sorted(taken, key=lambda message: isinstance(message, Prepare))
