"""`python -m tests.simulation --engine pbft --seeds A:B --jobs N [--log] [--record FILE]`: seeds A to B - 1.

Prints each failing seed with its reason and the commit; the last line is `N passed, M failed`; exit status
1 if any failed. `--log` prints the whole trace of every seed and drops fault classes from a failing one as
long as it still fails. `--record` keeps finished chunks in a file, so that a long campaign that was
interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.simulation.campaign import Record, commit_of_checkout, results_of, run_seed
from tests.simulation.engines import ENGINES
from tests.simulation.shrink import shrunk


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="pbft")
    parser.add_argument("--seeds", default="0:100", metavar="A:B")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--log", action="store_true", help="print every event; shrink what fails")
    parser.add_argument("--record", type=Path, help="file of finished chunks, to go on from")
    options = parser.parse_args()
    first, _, last = options.seeds.partition(":")
    seeds = range(int(first), int(last or int(first) + 1))
    started = time.monotonic()
    ran = failed = 0
    for chunk, results in _chunks(options, seeds):
        chunk_started, failures = time.monotonic(), {}
        for seed, reason in results:
            if reason is not None:
                failures[seed] = reason
                print(f"seed {seed} at {commit_of_checkout()}: {reason}", flush=True)
                if options.log:
                    print(shrunk(options.engine, seed))
        ran, failed = ran + len(chunk), failed + len(failures)
        if options.record:
            record = Record(options.record, options.engine)
            record.add(chunk, failures, time.monotonic() - chunk_started, options.jobs)
    print(f"{ran / max(time.monotonic() - started, 0.001):.1f} seeds/s")
    print(f"{ran - failed} passed, {failed} failed")
    return 1 if failed else 0


def _chunks(
    options: argparse.Namespace, seeds: range
) -> Iterator[tuple[range, Iterator[tuple[int, str | None]]]]:
    if options.log:
        logged = ((seed, run_seed(options.engine, seed, True)) for seed in seeds)
        yield seeds, logged
        return
    chunks = Record(options.record, options.engine).chunks(seeds) if options.record else [seeds]
    for chunk in chunks:
        yield chunk, results_of(options.engine, chunk, options.jobs)


if __name__ == "__main__":
    sys.exit(main())
