"""Running seeds, one or many: the part that worker processes import too."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Iterator

from tests.simulation.world import World


def run_seed(engine: str, seed: int, is_logged: bool = False) -> str | None:
    """None if every invariant held, otherwise what broke."""
    world = World(seed, engine, log=print if is_logged else None)
    try:
        world.run()
    except AssertionError as error:
        if is_logged:
            traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error} at {traceback.format_tb(error.__traceback__)[-1]}"
    if is_logged:
        print(f"trace {world.trace_hash.hexdigest()}")
    return None


def _job(task: tuple[str, int]) -> tuple[int, str | None]:
    return task[1], run_seed(*task)


def results_of(engine: str, seeds: range, jobs: int) -> Iterator[tuple[int, str | None]]:
    tasks = [(engine, seed) for seed in seeds]
    if jobs == 1:
        yield from map(_job, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_job, tasks, chunksize=8)
