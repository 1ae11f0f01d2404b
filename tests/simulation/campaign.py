"""Running seeds, one or many: the part that worker processes import too; and the record of long campaigns."""

from __future__ import annotations

import gc
import json
import multiprocessing
import subprocess
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.simulation import world
from tests.simulation.world import World

CHUNK = 500


def run_seed(engine: str, seed: int, is_logged: bool = False) -> str | None:
    """None if every invariant held, otherwise what broke."""
    run = World(seed, engine, log=print if is_logged else None)
    try:
        run.run()
    except AssertionError as error:
        if is_logged:
            traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    except Exception as error:
        if is_logged:
            traceback.print_exc()
        return f"{type(error).__name__}: {error} at {traceback.format_tb(error.__traceback__)[-1]}"
    if is_logged:
        print(f"trace {run.trace_hash.hexdigest()}")
    return None


def _job(task: tuple[str, int]) -> tuple[int, str | None]:
    return task[1], run_seed(*task)


def _collect_seldom() -> None:
    """Worlds are rings of objects, and short-lived: looking for them after each 700 costs a tenth of a seed."""
    gc.freeze()
    gc.set_threshold(100_000)


def results_of(engine: str, seeds: range, jobs: int) -> Iterator[tuple[int, str | None]]:
    tasks = [(engine, seed) for seed in seeds]
    if jobs == 1:
        _collect_seldom()
        yield from map(_job, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, _collect_seldom) as pool:
        yield from pool.imap(_job, tasks, chunksize=8)


def commit_of_checkout() -> str:
    """The commit under test, with a plus where the tree differs from it."""
    command = ["git", "describe", "--always", "--dirty=+"]
    folder = Path(__file__).parent
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"


def is_native() -> bool:
    """Whether this is a checkout that `tests.simulation.native` made."""
    return not str(world.__file__).endswith(".py")


class Record:
    """A file of JSON lines, one a finished chunk of seeds. A campaign that is started again over the same
    range goes on behind the chunks of its engine that are there."""

    def __init__(self, path: Path, engine: str) -> None:
        self._path = path
        self._engine = engine
        lines = path.read_text().splitlines() if path.exists() else []
        self._done = [line for line in map(json.loads, lines) if line["engine"] == engine]

    def chunks(self, seeds: range) -> Iterator[range]:
        """Parts of `seeds` that are not recorded yet."""
        for first in range(seeds.start, seeds.stop, CHUNK):
            last = min(first + CHUNK, seeds.stop)
            if not any(done["first"] <= first and last <= done["last"] for done in self._done):
                yield range(first, last)

    def add(self, seeds: range, failures: dict[int, str], seconds: float, jobs: int) -> None:
        line: dict[str, Any] = {
            "engine": self._engine,
            "first": seeds.start,
            "last": seeds.stop,
            "failed": failures,
            "seeds_per_second": round(len(seeds) / max(seconds, 0.001), 1),
            "jobs": jobs,
            "commit": commit_of_checkout(),
            "is_native": is_native(),
        }
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
