"""The simulated network: delay, loss, duplication, reordering, partitions, correlated omission."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.simulation.shape import Shape, stream


class Network:
    """Decides when, how often and whether a message arrives. It never looks at what a node may not know,
    except for correlated omission, which is keyed by message type, view and link."""

    def __init__(self, seed: int, shape: Shape) -> None:
        self._seed = seed
        self._shape = shape
        self._rng = stream(seed, "net")
        self._cut: dict[tuple[int, int], None] = {}
        self._omitted: dict[tuple[Any, ...], bool] = {}
        self.is_healed = False

    def heal(self) -> None:
        self._cut.clear()
        self.is_healed = True

    def cut(self, links: Iterable[tuple[int, int]]) -> None:
        self._cut.update(dict.fromkeys(links))

    def restore(self, links: Iterable[tuple[int, int]]) -> None:
        for link in links:
            self._cut.pop(link, None)

    def draw_partition(self) -> list[tuple[int, int]]:
        """The links of one partition: one isolated, halves, a bridge, or one way only."""
        rng, n = self._rng, self._shape.n
        nodes = list(range(n))
        rng.shuffle(nodes)
        kind = rng.choice(("isolate", "halves", "bridge", "one-way"))
        half = n // 2
        left, right = nodes[:half], nodes[half:]
        if kind == "isolate":
            left, right = nodes[:1], nodes[1:]
        elif kind == "bridge":
            right = right[1:]  # the first of the right side still talks to both
        links = [(a, b) for a in left for b in right]
        return links if kind == "one-way" else links + [(b, a) for a, b in links]

    def arrivals(self, sender: int, to: int, kind: str, view: int) -> list[float]:
        """Delays after which copies of the message arrive; empty if it is lost."""
        shape, rng = self._shape, self._rng
        if self.is_healed:
            return [shape.delay_ms]
        if (sender, to) in self._cut or self._is_omitted(kind, view, sender, to):
            return []
        if shape.loss and rng.random() < shape.loss:
            return []
        copies = 2 if shape.duplication and rng.random() < shape.duplication else 1
        return [self._delay() for _ in range(copies)]

    def _delay(self) -> float:
        spread = self._shape.delay_spread_ms
        return self._shape.delay_ms + (self._rng.expovariate(1 / spread) if spread else 0.0)

    def _is_omitted(self, *key: Any) -> bool:
        rate = self._shape.omission
        if not rate:
            return False
        if key not in self._omitted:
            self._omitted[key] = stream(self._seed, f"omit/{key}").random() < rate
        return self._omitted[key]
