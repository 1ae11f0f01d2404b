"""The simulated network: delay, loss, duplication, reordering, clogs, partitions, correlated omission."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.simulation.shape import Shape, stream

Link = tuple[int, int]
HELD_MAX = 400


class Network:
    """Decides when, how often and whether something arrives. It never looks at what a node may not know,
    except for correlated omission, which is keyed by message type, view and link."""

    def __init__(self, seed: int, shape: Shape, later: Callable[[float, Callable[[], None]], None]):
        self._seed = seed
        self._shape = shape
        self._later = later
        self._rng = stream(seed, "net")
        self._cut: dict[Link, int] = {}
        self._held: dict[Link, list[Callable[[], None]]] = {}
        self._omitted: dict[tuple[Any, ...], bool] = {}
        self.is_calm = False

    def heal(self) -> None:
        self.is_calm = True
        self._cut.clear()
        for link in list(self._held):
            self.release(link)

    # --- cuts: what is sent meanwhile is lost

    def cut(self, links: Iterable[Link]) -> None:
        for link in links:
            self._cut[link] = self._cut.get(link, 0) + 1

    def restore(self, links: Iterable[Link]) -> None:
        for link in links:
            left = self._cut.pop(link, 0) - 1
            if left > 0:
                self._cut[link] = left

    def draw_partition(self, kind: str, nodes: Sequence[int], leader: int) -> list[Link]:
        """The links that one partition of the given kind takes away."""
        rng, order = self._rng, list(nodes)
        rng.shuffle(order)
        left, right = order[: len(order) // 2], order[len(order) // 2 :]
        match kind:
            case "isolate":
                left, right = order[:1], order[1:]
            case "leaderless":
                left, right = [leader], [i for i in order if i != leader]
            case "bridge":
                right = right[1:]  # the first of the right side still talks to both
            case "one-way":
                return [(a, b) for a in left for b in right]
            case "ring":
                around = [*zip(order, [*order[1:], order[0]], strict=True)]
                linked = {*around, *((b, a) for a, b in around)}
                return [(a, b) for a in order for b in order if a != b and (a, b) not in linked]
        return [link for a in left for b in right for link in ((a, b), (b, a))]

    # --- clogs: what is sent meanwhile is held back

    def clog(self, link: Link) -> None:
        if not self.is_calm:
            self._held.setdefault(link, [])

    def release(self, link: Link) -> None:
        for arrive in self._held.pop(link, ()):
            self._later(self._delay(), arrive)

    # --- sending

    def transmit(
        self, sender: int, to: int, kind: str, view: int, arrive: Callable[[], None]
    ) -> None:
        """Schedules `arrive` for every copy that gets through."""
        shape, rng = self._shape, self._rng
        if self.is_calm:
            self._later(shape.delay_ms, arrive)
            return
        link = (sender, to)
        if link in self._cut or (shape.omission and self._is_omitted(kind, view, sender, to)):
            return
        if shape.loss and rng.random() < shape.loss:
            return
        held = self._held.get(link)
        if held is not None:
            if len(held) < HELD_MAX:
                held.append(arrive)
            return
        self._later(self._delay(), arrive)
        if shape.duplication and rng.random() < shape.duplication:
            self._later(self._delay(), arrive)

    def _delay(self) -> float:
        spread = self._shape.delay_spread_ms
        return self._shape.delay_ms + (self._rng.expovariate(1 / spread) if spread else 0.0)

    def _is_omitted(self, *key: Any) -> bool:
        found = self._omitted.get(key)
        if found is None:
            rate = self._shape.omission
            found = self._omitted[key] = stream(self._seed, f"omit/{key}").random() < rate
        return found
