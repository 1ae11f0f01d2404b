"""What a seed draws before anything runs: the cluster's shape and which faults exist at all (swarm).

Uniformly a little of everything finds less than some faults very often and others not at all. Each
concern draws from its own stream, so adding a fault does not change what old seeds mean elsewhere.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from consensus.quorum import faults


def stream(seed: int | str, name: str) -> random.Random:
    return random.Random(f"{seed}/{name}")


@dataclass(frozen=True)
class Shape:
    """Times in milliseconds of world time, rates as probabilities of one message or event."""

    n: int
    window: int
    txs: int
    block_txs_max: int
    base_timeout_ms: int
    duration_ms: int
    delay_ms: float
    delay_spread_ms: float
    loss: float
    duplication: float
    omission: float
    partitions: int
    crashes: int
    crash_mid_step: float
    wal_losses: int
    clock_offset_ms: int
    clock_drift: float
    clock_jumps: int
    execution_ms: float
    is_grouping: bool
    equivocators: tuple[int, ...]
    heal_everybody: bool

    @property
    def faults(self) -> int:
        return faults(self.n)


def draw_shape(seed: int, n: int | None = None, window: int | None = None) -> Shape:
    rng = stream(seed, "shape")
    drawn_n, drawn_window = rng.choice((1, 4, 4, 4, 5, 6, 7)), rng.choice((1, 1, 2, 4))
    n, window = n or drawn_n, window or drawn_window

    def perhaps(probability: float, low: float, high: float) -> float:
        is_on, value = rng.random() < probability, rng.uniform(low, high)
        return value if is_on else 0.0

    txs = rng.randint(5, 25)
    block_txs_max = rng.choice((1, 3, 10))
    base_timeout_ms = rng.choice((400, 1000, 2000))
    delay_ms = rng.choice((1.0, 5.0, 20.0))
    spread = perhaps(0.7, 1.0, 120.0)
    loss = perhaps(0.5, 0.01, 0.3)
    duplication = perhaps(0.4, 0.01, 0.3)
    omission = perhaps(0.4, 0.02, 0.25)
    partitions = int(perhaps(0.5, 1, 6))
    crashes = int(perhaps(0.6, 1, 8))
    crash_mid_step = perhaps(0.5, 0.001, 0.02)
    offset = int(perhaps(0.4, 50, 3000))
    drift = perhaps(0.3, 0.0001, 0.01)
    execution_ms = rng.choice((0.5, 5.0, 60.0))
    tolerated = faults(n)
    byzantine = rng.randint(0, tolerated) if rng.random() < 0.4 else 0
    equivocators = tuple(sorted(rng.sample(range(n), byzantine)))
    clock_jumps = int(perhaps(0.2, 1, 4))
    is_grouping = rng.random() < 0.7
    wal_losses = 1 if byzantine < tolerated and rng.random() < 0.15 else 0
    return Shape(
        n=n,
        window=window,
        txs=txs,
        block_txs_max=block_txs_max,
        base_timeout_ms=base_timeout_ms,
        duration_ms=rng.choice((5_000, 15_000, 40_000)),
        delay_ms=delay_ms,
        delay_spread_ms=spread,
        loss=loss,
        duplication=duplication,
        omission=omission,
        partitions=partitions,
        crashes=crashes,
        crash_mid_step=crash_mid_step,
        wal_losses=wal_losses,
        clock_offset_ms=offset,
        clock_drift=drift,
        clock_jumps=clock_jumps,
        execution_ms=execution_ms,
        is_grouping=is_grouping,
        equivocators=equivocators,
        heal_everybody=rng.random() < 0.5,
    )
