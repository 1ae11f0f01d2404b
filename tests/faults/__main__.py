"""`python -m tests.faults`: plays faults at random against a real network under load, and prints a table.

  python -m tests.faults --for 120s --engine pbft --seed 1 --nodes 4
  python -m tests.faults --fault "two halves" --fault "disk full" --engine raft
  python -m tests.faults --hosts own  the same on hosts of their own: network namespaces, cut off by routes
  python -m tests.faults --channels 2 --changes  two channels on the same nodes; validators and channels change
  python -m tests.faults --list
  python -m tests.faults seven        seven cities: one killed, one byzantine, one joins from a snapshot

The same seed draws the same faults in the same order. Exit 1 where anything acknowledged was lost, nodes
differ, or a client's history has no explanation.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path

from tests.faults import playing, seven
from tests.faults.faults import FAULTS
from tests.faults.hosts import INSIDE, NoNamespaces, play_inside


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)(s|m|h)?", text)
    if found is None:
        raise argparse.ArgumentTypeError("a time as 90s, 10m or 2h")
    return int(found[1]) * {"m": 60, "h": 3600}.get(found[2], 1)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("what", nargs="?", choices=("random", "seven"), default="random")
    parser.add_argument("--for", dest="seconds", type=_seconds, default=120.0, help="90s, 10m, 2h")
    parser.add_argument("--engine", choices=("pbft", "raft"), default="pbft")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nodes", type=int, choices=(4, 5, 6, 7), default=4)
    parser.add_argument("--fault", action="append", default=[], choices=[f.name for f in FAULTS],
                        metavar="NAME", help="play this one, once; again for more")  # fmt: skip
    parser.add_argument("--hosts", choices=("one", "own"), default="one",
                        help="own: each node in a network namespace, cut off by routes (root)")  # fmt: skip
    parser.add_argument("--channels", type=int, choices=(1, 2, 3), default=1,
                        help="so many on the same nodes, each with clients and checks of its own")  # fmt: skip
    parser.add_argument("--changes", action="store_true",
                        help="validators, keys and channels change meanwhile")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list the faults and stop")
    parser.add_argument("--dir", type=Path, help="keep the network's folder here")
    chosen = parser.parse_args()
    if chosen.list:
        print(*(f"{f.name:30} {', '.join(f.engines)}" for f in FAULTS), sep="\n")
        return 0
    if chosen.hosts == "own" and INSIDE not in os.environ:
        try:
            return play_inside(
                seven.NODES if chosen.what == "seven" else chosen.nodes, sys.argv[1:]
            )
        except NoNamespaces as error:
            print(f"NOT PLAYED: no network namespaces here: {error}")
            return 2
    with tempfile.TemporaryDirectory(prefix="city-faults-") as folder:
        root = chosen.dir or Path(folder) / "net"
        if chosen.what == "seven":
            result = asyncio.run(seven.run(root, chosen.engine, chosen.seed, print))
            print(result.table())
            return 0 if result.is_whole else 1
        report = asyncio.run(
            playing.run(
                root,
                chosen.engine,
                chosen.nodes,
                chosen.seed,
                chosen.seconds,
                print,
                chosen.fault,
                chosen.channels,
                chosen.changes,
            )
        )
    print()
    print(report.table())
    return 0 if report.is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
