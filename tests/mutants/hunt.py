"""Hunting a mutant: which seed of its focus kills it, and what that seed reports."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.mutants.mutant import Directed, Mutant
from tests.scenarios import runner
from tests.scenarios.transcript import TranscriptError, parse
from tests.simulation.world import World

KNOWN = Path(__file__).parent / "known.json"  # the first killing seed of every hunted mutant
QUICK_SEEDS = 60
SEEDS_BESIDE_A_STORY = 100


def known_seed(mutant: Mutant) -> int:
    return int(json.loads(KNOWN.read_text())[mutant.name])


@dataclass(frozen=True)
class Kill:
    """`seeds` is how many were run, the last of them the killer; 0 where a schedule or a scenario did it."""

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


def run_told(title: str) -> str | None:
    """What goes otherwise in the scenario of this title, or None."""
    (scenario,) = [s for p in runner.all_files() for s in parse(p).scenarios if s.title == title]
    try:
        runner.check(scenario)
    except TranscriptError as error:
        return f"{type(error).__name__}: {error}"
    return None


def run_directed(directed: Directed) -> str | None:
    try:
        directed()
    except AssertionError as error:
        return f"{type(error).__name__}: {error}"
    return None


def _try(mutant: Mutant, run: Callable[[], str | None], seeds: int) -> Kill | None:
    """A run that fails without the mistake too proves nothing."""
    started = time.monotonic()
    with mutant.plant():
        sign = run()
    if sign is None or run() is not None:
        return None
    return Kill(mutant, seeds, sign, time.monotonic() - started)


def hunt(mutant: Mutant, seeds: Iterable[int] | None = None) -> Kill | None:
    """The first kill by one of `seeds`, by the directed schedule or by the scenario that tells of it; None
    where the mutant survives. Where a scenario tells of it the seeds are a few, as they find it rarely."""
    if mutant.directed is not None:
        return _try(mutant, partial(run_directed, mutant.directed), 0)
    most = min(mutant.most, SEEDS_BESIDE_A_STORY) if mutant.told_in else mutant.most
    for seed in (range(most) if seeds is None else seeds) if mutant.hunt is not None else ():
        kill = _try(mutant, partial(run_seed, mutant, seed), seed + 1)
        if kill is not None:
            return kill
    return _try(mutant, partial(run_told, mutant.told_in), 0) if mutant.told_in else None


def hunt_quickly(mutant: Mutant) -> Kill | None:
    """The scenario that tells of it, or the recorded seed; where the core has changed and that kills no
    more, a few others."""
    if mutant.told_in:
        return _try(mutant, partial(run_told, mutant.told_in), 0)
    known = () if mutant.directed is not None else (known_seed(mutant),)
    return hunt(mutant, itertools.chain(known, range(QUICK_SEEDS)))
