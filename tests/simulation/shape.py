"""What a seed draws before anything runs: the cluster's shape and which faults exist at all (swarm).

Uniformly a little of everything finds less than some faults very often and others not at all. Each
concern draws from its own stream, so adding a fault does not change what old seeds mean elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulation.byzantine.names import BEHAVIOURS, LEADERS

SPARES_MAX = 2


def stream(seed: int | str, name: str) -> random.Random:
    return random.Random(f"{seed}/{name}")


def faults_of(n: int, engine: str) -> int:
    """How many nodes may lie, or lose what they promised never to lose. Raft trusts its members; but one
    whose disk was emptied may come back when it has heard all others, as long as most of them remember."""
    return (n - 1) // 3 if engine == "pbft" else 0


@dataclass(frozen=True)
class Shape:
    """Times in milliseconds of world time, rates as probabilities of one message or event, the rest counts.

    `budget` bounds the events of the safety phase. `liars` pairs a node with a behaviour;
    `are_liars_lasting` says whether they go on after healing. `spares` are nodes that are not validators
    at genesis. `is_settled`: faults begin when all vote; otherwise with the channel's first start, which few
    clusters get beyond while messages are lost."""

    n: int = 4
    window: int = 1
    txs: int = 6
    block_txs_max: int = 3
    base_timeout_ms: int = 400
    duration_ms: int = 5_000
    budget: int = 1_500
    checkpoint_interval: int = 64
    is_grouping: bool = True
    is_settled: bool = False
    execution_ms: float = 5.0
    # network
    delay_ms: float = 5.0
    delay_spread_ms: float = 0.0
    loss: float = 0.0
    duplication: float = 0.0
    omission: float = 0.0
    partitions: tuple[str, ...] = ()
    clogs: int = 0
    # power and disks
    crashes: int = 0
    crash_mid_step: float = 0.0
    sync_failure: float = 0.0
    full_disks: int = 0
    departures: int = 0
    wal_losses: int = 0
    backups: int = 0
    wipes: int = 0
    rots: int = 0
    # clocks and scheduling
    clock_offset_ms: int = 0
    clock_drift: float = 0.0
    clock_jumps: int = 0
    pauses: int = 0
    # people
    resubmits: int = 0
    changes: int = 0
    spares: int = 0
    checkpoint_asks: int = 0
    liars: tuple[tuple[int, str], ...] = ()
    are_liars_lasting: bool = False
    heal_everybody: bool = True

    @property
    def nodes(self) -> int:
        return self.n + self.spares


LOSSES = ("wal_losses", "backups", "wipes", "rots")
PARTITIONS = ("isolate", "halves", "bridge", "one-way", "ring", "leaderless")
_SMALL = (4, 4, 4, 4, 4, 4, 5, 5, 6, 7, 7)
_TINY_OR_LARGE = (1, 2, 3, 3, 8, 9, 10, 11, 12, 13)


class _Draw:
    """One concern's stream."""

    def __init__(self, seed: int, concern: str) -> None:
        self.rng = stream(seed, f"shape/{concern}")

    def perhaps(self, probability: float, low: float, high: float) -> float:
        is_on, value = self.rng.random() < probability, self.rng.uniform(low, high)
        return value if is_on else 0.0

    def count(self, probability: float, most: int) -> int:
        is_on, value = self.rng.random() < probability, self.rng.randint(1, most)
        return value if is_on else 0


def draw_shape(
    seed: int, engine: str = "pbft", n: int | None = None, window: int | None = None
) -> Shape:
    size = _Draw(seed, "size").rng
    drawn_n = size.choice(_SMALL if size.random() < 0.85 else _TINY_OR_LARGE)
    drawn_window = size.choice((1, 1, 1, 4, 4, 4, 2))
    n, window = n or drawn_n, window or drawn_window
    values: dict[str, Any] = {"n": n, "window": window}
    for concern, draw in _CONCERNS.items():
        values |= draw(_Draw(seed, concern), n)
    values["liars"] = _liars(_Draw(seed, "liars"), n, engine)
    values |= _losses(_Draw(seed, "losses"), faults_of(n, engine) - len(values["liars"]))
    if engine == "raft" and n > 2:
        values |= _raft_losses(_Draw(seed, "emptied disks"))
    if values["changes"]:
        # A member that is new, or has a new key, observes until the others have signed a checkpoint: it
        # is one of the f meanwhile, so nobody else may be missing for good.
        values |= dict.fromkeys(LOSSES, 0)
        values |= {"are_liars_lasting": False, "heal_everybody": True}
    return Shape(**values)


def _load(draw: _Draw, n: int) -> dict[str, Any]:
    rng = draw.rng
    # Messages grow with n squared: large clusters get fewer blocks, so that no size costs the most.
    most = max(2, min(8, 36 // n))
    timeout = rng.choice((300, 600, 1200))
    return {
        "txs": rng.randint(2, most),
        "block_txs_max": rng.choice((1, 1, 3, 10)),
        "base_timeout_ms": timeout,
        "duration_ms": timeout * rng.choice((4, 8, 20)),
        "budget": rng.choice((150, 200, 300, 300, 400, 1_200)) * max(1, n // 5),
        "checkpoint_interval": rng.choice((2, 3, 5, 64)),
        "is_grouping": rng.random() < 0.7,
        "execution_ms": rng.choice((0.5, 5.0, 60.0)),
        "resubmits": draw.count(0.4, 4),
        "heal_everybody": rng.random() < 0.5,
    }


def _network(draw: _Draw, n: int) -> dict[str, Any]:
    rng = draw.rng
    return {
        "delay_ms": rng.choice((1.0, 5.0, 20.0)),
        "delay_spread_ms": draw.perhaps(0.7, 1.0, 120.0),
        "loss": draw.perhaps(0.4, 0.01, 0.3),
        "duplication": draw.perhaps(0.3, 0.01, 0.3),
    }


def _omission(draw: _Draw, n: int) -> dict[str, Any]:
    return {"omission": draw.perhaps(0.4, 0.02, 0.25)}


def _partitions(draw: _Draw, n: int) -> dict[str, Any]:
    kinds = tuple(draw.rng.choice(PARTITIONS) for _ in range(draw.count(0.4, 5)))
    return {"partitions": kinds if n > 1 else ()}


def _clogs(draw: _Draw, n: int) -> dict[str, Any]:
    return {"clogs": draw.count(0.25, 3) if n > 1 else 0}


def _power(draw: _Draw, n: int) -> dict[str, Any]:
    return {
        "crashes": draw.count(0.5, 7),
        "crash_mid_step": draw.perhaps(0.4, 0.001, 0.03),
        "sync_failure": draw.perhaps(0.15, 0.005, 0.03),
        "full_disks": draw.count(0.15, 2),
    }


def _beginning(draw: _Draw, n: int) -> dict[str, Any]:
    return {"is_settled": draw.rng.random() < 0.6}


def _departures(draw: _Draw, n: int) -> dict[str, Any]:
    return {"departures": draw.count(0.25, 3)}


def _clocks(draw: _Draw, n: int) -> dict[str, Any]:
    return {
        "clock_offset_ms": int(draw.perhaps(0.4, 50, 3000)),
        "clock_drift": draw.perhaps(0.3, 0.0001, 0.01),
        "clock_jumps": draw.count(0.2, 3),
        "pauses": draw.count(0.3, 4),
    }


def _people(draw: _Draw, n: int) -> dict[str, Any]:
    changes = draw.count(0.3, 3)
    return {
        "changes": changes,
        "spares": draw.rng.randint(0, SPARES_MAX) if changes else 0,
        "checkpoint_asks": draw.count(0.15, 2),
    }


_CONCERNS: dict[str, Callable[[_Draw, int], dict[str, Any]]] = {
    "load": _load,
    "network": _network,
    "omission": _omission,
    "partitions": _partitions,
    "clogs": _clogs,
    "power": _power,
    "beginning": _beginning,
    "departures": _departures,
    "clocks": _clocks,
    "people": _people,
}


def _liars(draw: _Draw, n: int, engine: str) -> tuple[tuple[int, str], ...]:
    """Up to f of them, each with its own behaviour; half the time the first leader is one."""
    rng, most = draw.rng, faults_of(n, engine)
    count = rng.randint(1, most) if most and rng.random() < 0.5 else 0
    nodes = rng.sample(range(n), count)
    if nodes and rng.random() < 0.5 and 0 not in nodes:
        nodes[0] = 0
    names = BEHAVIOURS if rng.random() < 0.7 else LEADERS
    return tuple((node, rng.choice(names)) for node in sorted(nodes))


def _losses(draw: _Draw, tolerated: int) -> dict[str, Any]:
    """Nodes that lose what they wrote: at most as many as may still fail, all kinds together."""
    rng = draw.rng
    lost = dict.fromkeys(LOSSES, 0)
    if tolerated > 0 and rng.random() < 0.3:
        for _ in range(rng.randint(1, tolerated)):
            lost[rng.choice(list(lost))] += 1
    return {**lost, "are_liars_lasting": rng.random() < 0.6}


def _raft_losses(draw: _Draw) -> dict[str, Any]:
    """Whether most would still remember is looked at when it happens (`Operations`)."""
    lost = {"wipes": draw.count(0.25, 3)}
    if draw.rng.random() < 0.15:
        lost[draw.rng.choice(("wal_losses", "backups", "rots"))] = draw.rng.randint(1, 2)
    return lost


# What shrinking may take out of a shape, and what the swarm must have drawn sometimes.
FAULTS = (
    "delay_spread_ms",
    "loss",
    "duplication",
    "omission",
    "partitions",
    "clogs",
    "crashes",
    "crash_mid_step",
    "sync_failure",
    "full_disks",
    "departures",
    "wal_losses",
    "backups",
    "wipes",
    "rots",
    "clock_offset_ms",
    "clock_drift",
    "clock_jumps",
    "pauses",
    "resubmits",
    "changes",
    "checkpoint_asks",
    "liars",
)
