"""Hunting a mutant: which seed of its focus kills it, and what that seed reports."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.simulation.world import World

KNOWN = Path(__file__).parent / "known.json"  # the first killing seed of every hunted mutant


def known_seed(mutant: Mutant) -> int:
    return int(json.loads(KNOWN.read_text())[mutant.name])


@dataclass(frozen=True)
class Kill:
    """`seeds` is how many were run, the last of them the killer; 0 where a directed schedule did it."""

    mutant: Mutant
    seeds: int
    sign: str
    seconds: float


def run_seed(mutant: Mutant, seed: int) -> str | None:
    """What breaks with this seed, or None."""
    assert mutant.hunt is not None
    try:
        World(seed, mutant.engine, mutant.hunt(seed)).run()
    except AssertionError as error:
        return f"{type(error).__name__}: {error}"
    except Exception as error:  # a mutant may break the core outright: that shows too
        return f"{type(error).__name__}: {error}"
    return None


def run_directed(mutant: Mutant) -> str | None:
    assert mutant.directed is not None
    try:
        mutant.directed()
    except AssertionError as error:
        return f"{type(error).__name__}: {error}"
    return None


def hunt(mutant: Mutant, most: int | None = None) -> Kill | None:
    """The first kill; None where the mutant survives."""
    started = time.monotonic()
    with mutant.plant():
        if mutant.directed is not None:
            sign = run_directed(mutant)
            return Kill(mutant, 0, sign, time.monotonic() - started) if sign else None
        for seed in range(most or mutant.most):
            sign = run_seed(mutant, seed)
            if sign is not None:
                return Kill(mutant, seed + 1, sign, time.monotonic() - started)
    return None


def is_known_kill(mutant: Mutant) -> bool:
    """Whether the recorded seed, or the directed schedule, still kills it: the quick form."""
    with mutant.plant():
        if mutant.directed is not None:
            return run_directed(mutant) is not None
        return run_seed(mutant, known_seed(mutant)) is not None


def is_clean(mutant: Mutant) -> bool:
    """Whether the same run without the mistake passes: a kill means something."""
    if mutant.directed is not None:
        return run_directed(mutant) is None
    return run_seed(mutant, known_seed(mutant)) is None
