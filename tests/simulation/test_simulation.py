"""The simulator in the test run: 500 seeds, replay, planted bugs, and its own regressions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.campaign import run_seed
from tests.simulation.mutants import MUTANTS
from tests.simulation.shape import Shape, draw_shape
from tests.simulation.world import World

REPOSITORY = Path(__file__).parents[2]
SEEDS = 500
BATCH = 25


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_every_invariant_holds_under_whatever_faults_these_seeds_draw(first: int) -> None:
    failures = {seed: run_seed("pbft", seed) for seed in range(first, first + BATCH)}
    assert not {seed: reason for seed, reason in failures.items() if reason}


def regressions() -> list[int]:
    lines = (Path(__file__).parent / "regressions.txt").read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("seed", regressions())
def test_a_seed_that_once_found_a_bug_still_passes(seed: int) -> None:
    assert run_seed("pbft", seed) is None


def test_the_swarm_draws_every_size_window_and_fault() -> None:
    shapes = [draw_shape(seed) for seed in range(SEEDS)]
    assert dict.fromkeys(sorted(shape.n for shape in shapes)) == dict.fromkeys([1, 4, 5, 6, 7])
    assert dict.fromkeys(sorted(shape.window for shape in shapes)) == dict.fromkeys([1, 2, 4])
    for fault in (
        "loss", "duplication", "omission", "partitions", "crashes", "crash_mid_step",
        "wal_losses", "clock_offset_ms", "clock_drift", "clock_jumps", "equivocators",
    ):  # fmt: skip
        drawn = [bool(getattr(shape, fault)) for shape in shapes]
        assert any(drawn) and not all(drawn), fault


def traced(seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", f"{seed}:{seed + 1}", "--log"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    result = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    lines = result.stdout.splitlines()
    assert lines[-1] == "1 passed, 0 failed"
    (trace,) = [line for line in lines if line.startswith("trace ")]
    return trace


def test_a_seed_gives_the_same_trace_whatever_the_hash_seed_is() -> None:
    assert traced(2, "0") == traced(2, "1")
    world = World(2)
    world.run()
    assert traced(2, "2") == f"trace {world.trace_hash.hexdigest()}"


def test_a_campaign_runs_on_several_processes_and_counts_what_it_ran() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "0:12", "--jobs", "2"]
    result = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.splitlines()[-1] == "12 passed, 0 failed"


# --- the simulator has teeth: each planted bug is found by some seed of a short range. The mutants
# lowest_view and commit_gap need campaigns of thousands; directed tests of select() and R3 catch them.


def killed(
    seeds: range,
    shape: Callable[[int], Shape],
    signs: tuple[str, ...],
    is_lying_disk: bool = False,
) -> str | None:
    """What the first seed reports that fails in one of the expected ways."""
    for seed in seeds:
        try:
            World(seed, shape=shape(seed), is_lying_disk=is_lying_disk).run()
        except AssertionError as error:
            reason = f"{type(error).__name__}: {error}"
            if any(sign in reason for sign in signs):
                return reason
    return None


def rough(seed: int) -> Shape:
    """Four nodes with everything that makes views change."""
    return replace(draw_shape(seed, n=4), base_timeout_ms=400, omission=0.2, crashes=5)


def with_liar(seed: int) -> Shape:
    return replace(draw_shape(seed, n=4), equivocators=(0,), wal_losses=0)


def divided(seed: int) -> Shape:
    """Five or six nodes in partitions with one liar: two sets of 2f + 1 may meet in it alone."""
    shape = draw_shape(seed, n=5 + seed % 2)
    liar = (0,) if seed % 3 else ()
    return replace(shape, partitions=4, base_timeout_ms=400, equivocators=liar, wal_losses=0)


KILLS: list[tuple[str, Callable[[int], Shape], int, tuple[str, ...]]] = [
    ("quorum_2f1", divided, 60, ("S1", "S2", "a fork")),
    ("vc_no_prepared", rough, 60, ("S1", "S2", "InvariantBroken")),
    ("double_prepare", with_liar, 60, ("S1", "S2", "S5")),
    ("late_commit", rough, 20, ("S7",)),
    ("forgotten_view", rough, 40, ("S5", "S7")),
    ("mixed_seals", rough, 40, ("S2", "S9", "wrong signature")),
]


@pytest.mark.parametrize(("name", "shape", "seeds", "signs"), KILLS, ids=[k[0] for k in KILLS])
def test_a_planted_bug_is_found(
    name: str, shape: Callable[[int], Shape], seeds: int, signs: tuple[str, ...]
) -> None:
    mutant: AbstractContextManager[None] = MUTANTS[name]()
    with mutant:
        assert killed(range(seeds), shape, signs) is not None


def test_a_disk_that_lies_about_fsync_is_found() -> None:
    assert killed(range(40), rough, ("S5", "S6", "S7"), is_lying_disk=True) is not None


def test_an_equivocating_leader_is_accused_and_the_rest_go_on() -> None:
    accusations: list[str] = []
    for seed in range(12):
        shape = replace(with_liar(seed), loss=0.0, omission=0.0, partitions=0)
        lines: list[str] = []
        World(seed, shape=shape, log=lines.append).run()
        accusations += [line for line in lines if "accuses 0" in line]
    assert accusations
