"""Transactions a proposal names and this node lacks: who was asked, when to ask somebody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consensus.encoding import Hash

FIRST_ASK_MS = 30  # bodies are usually on their way: a proposal may overtake them
ASK_AGAIN_MS = 400
GIVE_UP_MS = 30_000
WANTED_MAX = 10_000  # that one validator's proposals name
ASK_IDS_MAX = 2_000


@dataclass(slots=True)
class _Want:
    wanted_ms: int
    asked_ms: int
    peer: int
    named_by: int


class WantedBodies:
    """Plain data. Times are monotonic milliseconds; peers are validator indexes."""

    def __init__(self, n: int, own_index: int | None) -> None:
        self._n, self._own_index = n, own_index
        self._wanted: dict[Hash, _Want] = {}
        self._by_namer: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._wanted)

    def __contains__(self, tx_id: Hash) -> bool:
        return tx_id in self._wanted

    def want(self, tx_ids: Iterable[Hash], from_: int, now_ms: int) -> None:
        """To be asked for soon, first from `from_`; what is beyond its bound the core asks for again. So one
        that names what does not exist leaves room for the others."""
        for tx_id in tx_ids:
            if tx_id not in self._wanted and self._by_namer[from_] < WANTED_MAX:
                self._wanted[tx_id] = _Want(now_ms, 0, from_, from_)
                self._by_namer[from_] += 1

    def found(self, tx_id: Hash) -> bool:
        """Whether it was wanted; it is no longer."""
        want = self._wanted.pop(tx_id, None)
        if want is not None:
            self._by_namer[want.named_by] -= 1
        return want is not None

    def due(self, now_ms: int) -> dict[int, list[Hash]]:
        """Ids to ask for now, by peer, the next one in turn; those wanted for too long are given up."""
        again: dict[int, list[Hash]] = {}
        gone = []
        for tx_id, want in self._wanted.items():
            if now_ms - want.wanted_ms > GIVE_UP_MS:
                gone.append(tx_id)
                continue
            if want.asked_ms == 0:
                if now_ms - want.wanted_ms < FIRST_ASK_MS:
                    continue
            elif now_ms - want.asked_ms < ASK_AGAIN_MS:
                continue
            else:
                want.peer = self._next(want.peer)
            want.asked_ms = now_ms
            again.setdefault(want.peer, []).append(tx_id)
        for tx_id in gone:
            self.found(tx_id)
        return again

    def _next(self, peer: int) -> int:
        following = (peer + 1) % self._n
        return (following + 1) % self._n if following == self._own_index else following


def in_batches(tx_ids: Sequence[Hash]) -> Iterable[tuple[Hash, ...]]:
    for at in range(0, len(tx_ids), ASK_IDS_MAX):
        yield tuple(tx_ids[at : at + ASK_IDS_MAX])
