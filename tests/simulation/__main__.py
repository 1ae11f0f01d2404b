"""`python -m tests.simulation --engine pbft --seeds A:B --jobs N [--log]`: run seeds A to B - 1.

Prints each failing seed with its reason; the last line is `N passed, M failed`; exit status 1 if any
failed. A campaign is resumed by its seed range; `--log` prints the whole trace of every seed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import traceback
from collections.abc import Iterator

from tests.simulation.engines import ENGINES
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


def _results(engine: str, seeds: range, jobs: int) -> Iterator[tuple[int, str | None]]:
    tasks = [(engine, seed) for seed in seeds]
    if jobs == 1:
        yield from map(_job, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_job, tasks, chunksize=8)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="pbft")
    parser.add_argument("--seeds", default="0:100", metavar="A:B")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--log", action="store_true")
    options = parser.parse_args()
    first, _, last = options.seeds.partition(":")
    seeds = range(int(first), int(last or int(first) + 1))
    started = time.monotonic()
    failed = 0
    if options.log:
        results: Iterator[tuple[int, str | None]] = (
            (seed, run_seed(options.engine, seed, True)) for seed in seeds
        )
    else:
        results = _results(options.engine, seeds, options.jobs)
    for seed, reason in results:
        if reason is not None:
            failed += 1
            print(f"seed {seed}: {reason}", flush=True)
    elapsed = time.monotonic() - started
    print(f"{len(seeds) / max(elapsed, 0.001):.1f} seeds/s")
    print(f"{len(seeds) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
