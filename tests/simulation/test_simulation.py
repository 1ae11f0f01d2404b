"""The simulator in the test run: replay, what the swarm draws, its own regressions, and that liars lie."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.encoding import Hash
from tests.simulation import native
from tests.simulation.byzantine import LIARS
from tests.simulation.byzantine.names import BEHAVIOURS
from tests.simulation.campaign import Record, run_seed
from tests.simulation.engine import Promise, Said, Violation
from tests.simulation.engines import ENGINES
from tests.simulation.shape import FAULTS, LOSSES, Shape, draw_shape, faults_of
from tests.simulation.world import World

REPOSITORY = Path(__file__).parents[2]
SEEDS = int(os.environ.get("CITY_SIMULATION_SEEDS", "2000"))
BATCH = 50


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_every_invariant_holds_under_whatever_faults_these_seeds_draw(
    engine: str, first: int
) -> None:
    failures = {seed: run_seed(engine, seed) for seed in range(first, first + BATCH)}
    assert not {seed: reason for seed, reason in failures.items() if reason}


def regressions() -> list[tuple[str, int]]:
    lines = (Path(__file__).parent / "regressions.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [(row[0], int(row[1])) for row in rows]


@pytest.mark.parametrize(("engine", "seed"), regressions())
def test_a_seed_that_once_found_a_bug_still_passes(engine: str, seed: int) -> None:
    """As it is drawn now, and as it was then: from the first start on, nobody left in good order, and over Raft
    nothing was lost."""
    assert run_seed(engine, seed) is None
    shape = replace(draw_shape(seed, engine), is_settled=False, departures=0)
    unlost = dict.fromkeys(LOSSES, 0) if engine == "raft" else {}
    World(seed, engine, replace(shape, **unlost)).run()


def test_a_promise_that_is_lost_binds_up_to_where_the_rules_void_it() -> None:
    world = World(0, shape=Shape(n=4, window=4))
    checkers, voided = world.checkers, 7 + 2 * 4 + 1
    checkers._on_promise(3, Promise(0, 2, tip=7))

    def vote(view: int, height: int) -> None:
        checkers._on_vote(3, Said("prepare", 0, view, height, Hash(bytes(32))))

    for height in (8, voided, voided + 1):
        with pytest.raises(Violation, match="S7"):
            vote(1, height)
    checkers.on_loss(3)
    with pytest.raises(Violation, match="S7"):
        vote(1, voided)
    with pytest.raises(Violation, match="S7"):
        checkers._on_promise(3, Promise(0, 1, tip=voided - 1))
    vote(1, voided + 1)
    checkers._on_promise(3, Promise(0, 2, tip=voided))
    with pytest.raises(Violation, match="S7"):
        vote(1, voided + 1)


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_where_faults_begin_late_all_vote_before_the_first(engine: str) -> None:
    lines: list[str] = []
    World(1, engine, Shape(n=4, is_settled=True, crashes=3, txs=2), log=lines.append).run()
    events = [line[11:] for line in lines]
    settled = events.index("settled")
    assert not any(event.endswith(" crashes") for event in events[:settled])
    assert any(event.endswith(" crashes") for event in events[settled:])


def test_the_swarm_draws_every_size_window_fault_and_behaviour() -> None:
    shapes = [draw_shape(seed) for seed in range(3_000)]
    assert {shape.n for shape in shapes} == set(range(1, 14))
    assert {shape.window for shape in shapes} == {1, 2, 4}
    for fault in FAULTS:
        drawn = [bool(getattr(shape, fault)) for shape in shapes]
        assert any(drawn) and not all(drawn), fault
    drawn_names = {name for shape in shapes for _, name in shape.liars}
    assert drawn_names == set(BEHAVIOURS) == set(LIARS)


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_no_seed_draws_more_failures_than_the_protocol_tolerates(engine: str) -> None:
    """Over Raft nobody lies. How many members may have lost their logs there is looked at when one does."""
    for seed in range(3_000):
        shape = draw_shape(seed, engine)
        lost = shape.wal_losses + shape.backups + shape.wipes + shape.rots
        lost = lost if engine == "pbft" else 0
        assert lost + len(shape.liars) <= faults_of(shape.n, engine)


def test_over_raft_disks_are_emptied_while_most_members_remember_and_come_back_to_vote() -> None:
    shape = Shape(n=5, is_settled=True, wipes=8, txs=4, duration_ms=8_000, budget=4_000)
    emptied = voting = 0
    for seed in range(2):
        world = World(seed, "raft", shape)
        world.run()
        world.run_until(world.now + 2_000, world.events + 5_000, None)  # their logs are filled
        emptied += len(world.lost)
        voting += sum(world.nodes[node].is_voting for node in world.lost)
        assert not world.untrusted
    assert emptied > 4 and voting == emptied


def traced(engine: str, seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--engine", engine]
    command += ["--seeds", f"{seed}:{seed + 1}", "--log"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    result = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    lines = result.stdout.splitlines()
    assert lines[-1] == "1 passed, 0 failed"
    (trace,) = [line for line in lines if line.startswith("trace ")]
    return trace


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_a_seed_gives_the_same_trace_whatever_the_hash_seed_is(engine: str) -> None:
    assert traced(engine, 5, "0") == traced(engine, 5, "1")
    world = World(5, engine)
    world.run()
    assert traced(engine, 5, "2") == f"trace {world.trace_hash.hexdigest()}"


def test_a_campaign_runs_on_several_processes_and_counts_what_it_ran(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "0:12", "--jobs", "2"]
    command += ["--record", str(record)]
    result = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=600
    )
    assert result.stdout.splitlines()[-1] == "12 passed, 0 failed"
    (line,) = map(json.loads, record.read_text().splitlines())
    assert (line["engine"], line["first"], line["last"], line["failed"]) == ("pbft", 0, 12, {})


def test_a_campaign_that_was_interrupted_goes_on_behind_what_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    Record(path, "pbft").add(range(0, 500), {}, 1.0, 1)
    assert list(Record(path, "pbft").chunks(range(0, 1_200))) == [
        range(500, 1_000),
        range(1_000, 1_200),
    ]
    assert list(Record(path, "raft").chunks(range(0, 500))) == [range(0, 500)]


def test_what_a_native_clone_compiles_is_there() -> None:
    assert all(path.exists() for path in native.modules(REPOSITORY))


def test_no_fault_outlives_healing() -> None:
    """A clock that jumped back after its offset had been reset once left no quorum that shared a time."""
    shape = Shape(clock_jumps=4, clock_offset_ms=2_000, clock_drift=0.01, full_disks=2, pauses=3)
    for seed in range(5):
        world = World(seed, shape=shape)
        world.run()
        for node in world.nodes:
            assert (node.clock_offset_ms, node.clock_rate, node.is_paused) == (0.0, 1.0, False)
            assert node.disk.full_until < 0


def test_an_equivocating_leader_is_accused_and_the_rest_go_on() -> None:
    accused = 0
    for seed in range(6):
        world = World(seed, shape=Shape(liars=((0, "equivocator"),), duration_ms=3_000))
        world.run()
        accused += 0 in world.accused
    assert accused


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_honest_members_go_on_whatever_a_liar_does(name: str) -> None:
    """As first leader and as last voter, for ever, in a network that is otherwise fine."""
    shape = Shape(liars=((0, name),), are_liars_lasting=True, window=4)
    World(1, shape=shape).run()
    World(2, shape=replace(shape, liars=((3, name),), window=1)).run()
