"""`python -m tests.crashes`: kills chain node, relay and center at every step of a delivery and prints what
became of it.

Each row is a step, each column a process that dies there, before or after its work, and comes back at once
or only
after both time-outs. `all`: the leaf is the bank's and the money the borrower's. `nothing`: both are where
they were.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from node.oracle.delivery import STEPS
from tests.unit.oracle.crash_world import MOMENTS, PROCESSES, cases, prepare, run_case


def table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def main() -> int:
    found = {}
    prepared = prepare()
    with tempfile.TemporaryDirectory(prefix="city-crashes-") as folder:
        for number, fault in enumerate(cases()):
            key = (fault.step, fault.process, fault.moment, fault.down)
            found[key] = run_case(prepared, Path(folder) / str(number), fault)
    head = ("step", *(f"{p} {m}" for p in PROCESSES for m in MOMENTS))
    lines = [head]
    for step in STEPS:
        cells = []
        for process in PROCESSES:
            for moment in MOMENTS:
                both = [found.get((step, process, moment, down), "-") for down in (False, True)]
                cells.append("-" if both == ["-", "-"] else " / ".join(both))
        lines.append((step, *cells))
    print(table(lines))
    print("a / b: outcome when it comes back at once / only after both time-outs")
    torn = [outcome for outcome in found.values() if outcome not in ("all", "nothing")]
    print(f"{len(found)} crashes, {len(torn)} torn deliveries")
    return 1 if torn else 0


if __name__ == "__main__":
    sys.exit(main())
