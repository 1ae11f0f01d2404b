"""`python -m tests.simulation --engine pbft --seeds A:B --jobs N [--log]`: run seeds A to B - 1.

Prints each failing seed with its reason; the last line is `N passed, M failed`; exit status 1 if any
failed. A campaign is resumed by its seed range; `--log` prints the whole trace of every seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from tests.simulation.campaign import results_of, run_seed
from tests.simulation.engines import ENGINES


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
        results = results_of(options.engine, seeds, options.jobs)
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
