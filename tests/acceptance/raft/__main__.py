"""Run a directory of test data: `python -m tests.acceptance.raft ../shared/suites/etcd-raft`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.acceptance.raft.suites import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.raft", description=__doc__)
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args().directory
    if not directory.is_dir():
        parser.error(f"{directory} is no directory")
    passed: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for outcome in run(directory):
        (failed if outcome.difference else passed)[outcome.suite] += 1
        if outcome.difference:
            print(f"DIFFERS {outcome.suite} {outcome.where}\n{outcome.difference}\n")
    for suite in sorted(passed | failed):
        print(f"{suite}: {passed[suite]} passed, {failed[suite]} failed")
    if not passed and not failed:
        parser.error(f"no cases below {directory}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
