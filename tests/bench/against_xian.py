"""Our token transfer beside xian-tech-contracting's: `python -m tests.bench.against_xian --python PATH`.

Both do the same: two reads, two writes, one event, metered. Theirs runs in a Python of its own (PATH has the
package: see xian_transfers.py; its 1.0.6 wants Python 3.12, later ones 3.14), ours in the guest, in blocks of
1,000. They take turns on the same machine, each the fastest of its rounds, in CPU seconds of one core.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from contracts.runtime.api import Bundle
from contracts.runtime.artifact import ensure_artifact
from contracts.runtime.host import WasmEngine
from node.bench import engine as bench
from node.bench.machine import cpu_name
from node.execution.worker import SuiteNatives
from node.identity.suite import get_suite

GOAL = 100.0
THEIRS = Path(__file__).with_name("xian_transfers.py")


def theirs(python: Path, count: int) -> dict[str, Any]:
    """One round of `count` transfers in their package. Raises CalledProcessError."""
    command = [str(python), str(THEIRS), str(count), "1"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def ours() -> float:
    """CPU seconds a transfer in a block of 1,000 in a fresh guest, the read set sent along."""
    state = bench._funded()
    natives = SuiteNatives({name: get_suite(name) for name in ("sm", "intl")})
    engine = WasmEngine(ensure_artifact(), natives, state, metered=False)
    engine.load(Bundle("token", 1, bench.TRANSFER))
    block = bench._block(bench.BLOCK_SIZE, "transfer", dict(state.entries))
    return bench._guest_seconds(engine, block, 1) / bench.BLOCK_SIZE


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.against_xian")
    parser.add_argument("--python", type=Path, required=True, help="a Python with the package")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--transfers", type=int, default=500, help="of theirs, a round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [(theirs(options.python, options.transfers), ours()) for _ in range(options.rounds)]
    their_s, our_s = min(row["seconds"] for row, _ in rows), min(s for _, s in rows)
    report = {
        "theirs_tps": round(1 / their_s, 1),
        "ours_tps": round(1 / our_s, 1),
        "ratio": round(their_s / our_s, 1),
        "goal": GOAL,
        "theirs": f"xian-tech-contracting {rows[0][0]['package']} on Python {rows[0][0]['python']}",
        "cpu": cpu_name(),
        "command": "python -m tests.bench.against_xian " + " ".join(sys.argv[1:]),
    }
    if options.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:12} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
