"""A campaign of the divergence hunt: `python -m tests.hunt --start 0 --stop 100000 [--record FILE]`.

Programs are named by their numbers, so a campaign goes on where another stopped. A line of JSON is
printed (and appended to the record) for every thousand programs, and one for every divergence. Exit 1
if there was any.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import Counter
from pathlib import Path

from contracts.runtime.artifact import ensure_artifact
from tests.hunt.compare import Engines
from tests.hunt.grammar import numbered_programs

BATCH = 25  # programs that share a contract
REPORT_EVERY = 1_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hunt", description=__doc__)
    parser.add_argument("--start", type=int, default=0, help="number of the first program")
    parser.add_argument("--stop", type=int, default=1_000, help="number behind the last program")
    parser.add_argument("--record", type=Path, help="file to append the lines to")
    chosen = parser.parse_args()
    engines, seen, diverged = Engines(), Counter[str](), 0
    digest = ensure_artifact().digest
    began, first = time.monotonic(), chosen.start

    def say(line: dict[str, object]) -> None:
        text = json.dumps(line, ensure_ascii=False)
        print(text, flush=True)
        if chosen.record:
            with chosen.record.open("a", encoding="utf-8") as file:
                file.write(text + "\n")

    for start in range(chosen.start, chosen.stop, BATCH):
        stop = min(start + BATCH, chosen.stop)
        found, results = engines.compare(numbered_programs(start, stop))
        seen.update(result.code or "ok" for result in results)
        diverged += len(found)
        for one in found:
            say({"diverged": one.seed, "what": one.what, "source": one.source})
        if stop == chosen.stop or (stop - chosen.start) % REPORT_EVERY == 0:
            say(
                {
                    "programs": [first, stop],
                    "calls": sum(seen.values()),
                    "divergences": diverged,
                    "refused_alike": engines.refused_alike,
                    "seconds": round(time.monotonic() - began, 1),
                    "native": platform.python_version(),
                    "engine": digest,
                    "outcomes": dict(seen.most_common(12)),
                }
            )
    return 1 if diverged else 0


if __name__ == "__main__":
    sys.exit(main())
