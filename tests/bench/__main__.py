"""`python -m tests.bench core [--json]`: what a core costs, without network, disk and signatures."""

from __future__ import annotations

import argparse
import json
import platform
import sys

from node.bench.machine import cpu_name
from tests.bench.core import CORES, Outcome, Workload, measure

HEIGHTS = {1: 200, 1_000: 20}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("what", choices=["core"])
    parser.add_argument("--engine", choices=sorted(CORES), action="append")
    parser.add_argument("--nodes", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--txs", type=int, nargs="+", default=[1, 1_000], help="ids a block")
    parser.add_argument("--window", type=int, default=1, choices=range(1, 5))
    parser.add_argument("--heights", type=int, help="measured heights; default by block size")
    parser.add_argument("--repeat", type=int, default=3, help="the fastest of so many runs counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    command = "python -m tests.bench " + " ".join(sys.argv[1:])
    rows, ratios = [], []
    for engine in options.engine or sorted(CORES):
        for txs in options.txs:
            heights = options.heights or HEIGHTS.get(txs, 50)
            outcomes = []
            for nodes in options.nodes:
                workload = Workload(engine, nodes, txs, options.window, heights)
                runs = [measure(workload) for _ in range(options.repeat)]
                outcomes.append(min(runs, key=lambda run: run.cpu_s))
            rows += [outcome.row() for outcome in outcomes]
            ratios += [_ratio(outcomes[0], each) for each in outcomes[1:]]
    if options.json:
        print(json.dumps(_report(command, rows, ratios), indent=2))
    else:
        _print(command, rows, ratios)
    return 0


def _ratio(small: Outcome, large: Outcome) -> dict[str, object]:
    """How much more a height costs in the larger cluster, against its messages and against n squared."""
    few, many = small.workload.nodes, large.workload.nodes
    return {
        "engine": large.workload.engine,
        "txs": large.workload.txs,
        "nodes": f"{many}:{few}",
        "cpu": round(large.cpu_s / small.cpu_s, 2),
        "messages": round(sum(large.messages.values()) / sum(small.messages.values()), 2),
        "n_squared": round((many / few) ** 2, 2),
    }


def _report(command: str, rows: list[dict[str, object]], ratios: list[dict[str, object]]) -> object:
    python = platform.python_version()
    return {"command": command, "cpu": cpu_name(), "python": python, "rows": rows, "ratios": ratios}


def _print(command: str, rows: list[dict[str, object]], ratios: list[dict[str, object]]) -> None:
    print(
        f"{command}   (CPU time of one process, Python {platform.python_version()}, {cpu_name()})"
    )
    print("engine  nodes  ids  W  heights/s  messages/s  us/message")
    for row in rows:
        print(
            f"{row['engine']:6} {row['nodes']:6} {row['txs']:4} {row['window']:2}"
            f" {row['heights_per_s']:10} {row['messages_per_s']:11} {row['us_per_message']:11}"
        )
    for ratio in ratios:
        print(
            f"{ratio['engine']} {ratio['nodes']} nodes, {ratio['txs']} ids: CPU x {ratio['cpu']},"
            f" messages x {ratio['messages']}, n² x {ratio['n_squared']}"
        )


if __name__ == "__main__":
    sys.exit(main())
