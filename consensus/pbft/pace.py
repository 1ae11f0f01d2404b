"""How often one peer is answered: news at once, the same again only after half a status interval.

Without this a peer that never stops speaking is answered without end, and since answers are heard and spoken
to in turn, two of them can fill a network with nothing else.
"""

from __future__ import annotations


class Pace:
    """Bounded: one entry a peer and kind of answer."""

    def __init__(self, half_interval_ms: int) -> None:
        self._half_ms = half_interval_ms
        self._answered: dict[tuple[str, int], tuple[tuple[int, ...], int]] = {}

    def forget(self, peer: int) -> None:
        """Its link came up: what it was told may be lost, and an idle chain repeats nothing."""
        for kind in [kind for kind, to in self._answered if to == peer]:
            del self._answered[kind, peer]

    def may_answer(self, kind: str, peer: int, news: tuple[int, ...], now_ms: int) -> bool:
        """`news` rises whenever there is more to say than last time; only true progress raises it."""
        last = self._answered.get((kind, peer))
        if last is not None and news <= last[0] and now_ms - last[1] < self._half_ms:
            return False
        self._answered[kind, peer] = (news, now_ms)
        return True
