"""`python -m tests.fuzz [NAME…] --inputs N`: mutated inputs for every decoder of the table, or for those named.

  python -m tests.fuzz --list                     the decoders, and which functions each stands for
  python -m tests.fuzz --inputs 1000000 --record tests/fuzz/CAMPAIGNS.md
  python -m tests.fuzz "peer frame" --inputs 50000 --seed 7 --first 1000
  python -m tests.fuzz "value" --engine hypothesis --inputs 5000    makes a find as small as it can
  python -m tests.fuzz "value" --engine atheris --inputs 200000     guided by coverage (pip install atheris)
  python -m tests.fuzz --grow "UBL invoice"                     keeps inputs that reach new lines
  python -m tests.fuzz --handlers --inputs 10000                  every gRPC handler, with hostile messages
  python -m tests.fuzz --handlers Ledger/Query Peer/Chain --inputs 100000

A find is kept under tests/fuzz/corpus/<decoder>/ and tried first from then on. Exit 1 if there was any.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import logging
import multiprocessing
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import structlog

from tests.fuzz import coverage, handlers
from tests.fuzz.campaign import run_named
from tests.fuzz.decoder import Decoder
from tests.fuzz.running import Report, name_of
from tests.fuzz.samples import folder
from tests.fuzz.table import table


def _keep(report: Report) -> None:
    for told, data in report.finds:
        path = folder(report.name) / name_of(data)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"FIND {path}\n{told}", flush=True)


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "?"


def _record(path: Path, report: Report, seed: int, engine: str, commit: str) -> None:
    result = f"{len(report.finds)} finds" if report.finds else "no find"
    with path.open("a", encoding="utf-8") as file:
        file.write(
            f"| {report.name} | {report.inputs:,} | {engine} | {seed} | {commit} | {result} "
            f"| {report.cpu_s:.0f} | {report.slowest_ms:.0f} |\n"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="NAME", help="decoders; all by default")
    parser.add_argument("--list", action="store_true", help="list the decoders and stop")
    parser.add_argument("--inputs", type=int, default=10_000, help="for each decoder")
    parser.add_argument("--seconds", type=float, default=0, help="begin no decoder later than this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first chunk of 1,000 inputs"
    )
    parser.add_argument("--engine", choices=("seeded", "hypothesis", "atheris"), default="seeded")
    parser.add_argument("--jobs", type=int, default=1, help="decoders at a time")
    parser.add_argument("--grow", action="store_true", help="keep inputs that reach new lines")
    parser.add_argument("--handlers", action="store_true", help="gRPC handlers instead of decoders")
    parser.add_argument("--record", type=Path, help="file to append a line a decoder to")
    chosen = parser.parse_args()
    if chosen.handlers:
        return asyncio.run(_handlers(chosen))
    rows = table()
    unknown = [name for name in chosen.names if name not in rows]
    if unknown:
        parser.error(f"no such decoder: {', '.join(unknown)} (see --list)")
    names = chosen.names or list(rows)
    if chosen.list:
        for name in names:
            print(f"{name:34} {', '.join(rows[name].covers)}")
        return 0
    if chosen.engine == "hypothesis":
        return max(coverage.shrunk(rows[name], chosen.inputs, chosen.seed) for name in names)
    if chosen.engine == "atheris":
        return coverage.guided([rows[name] for name in names], chosen.inputs, chosen.seed)
    if chosen.grow:
        return _grow([rows[name] for name in names], chosen.inputs, chosen.seed)
    return _campaign(names, chosen)


async def _handlers(chosen: argparse.Namespace) -> int:
    """One handler after the other, in this process; a find is told, with its input in hexadecimal."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, finds, commit = time.monotonic(), 0, _commit()
    with tempfile.TemporaryDirectory(prefix="city-handlers-") as folder:
        async with handlers.served(Path(folder)) as methods:
            for name in chosen.names or methods:
                if name not in methods:
                    print(f"no such handler: {name}; known: {', '.join(methods)}")
                    return 2
                if chosen.seconds and time.monotonic() - began > chosen.seconds:
                    print(f"no time for {name}", flush=True)
                    continue
                done = await handlers.run(methods[name], chosen.inputs, chosen.seed, chosen.first)
                common = ", ".join(f"{code} {n}" for code, n in done.outcomes.most_common(5))
                print(f"{done.report.line}  {common}", flush=True)
                for told, data in done.report.finds:
                    print(f"FIND {data.hex()}\n{told}", flush=True)
                finds += len(done.report.finds)
                if chosen.record:
                    _record(chosen.record, done.report, chosen.seed, "messages", commit)
    return 1 if finds else 0


def _campaign(names: list[str], chosen: argparse.Namespace) -> int:
    began, finds, commit = time.monotonic(), 0, _commit()
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(chosen.jobs, mp_context=context) as pool:
        waiting = list(names)
        running: set[concurrent.futures.Future[Report]] = set()
        while waiting or running:
            late = chosen.seconds and time.monotonic() - began > chosen.seconds
            if late and waiting:
                print(f"no time for: {', '.join(waiting)}", flush=True)
                waiting = []
            while waiting and len(running) < chosen.jobs:
                name = waiting.pop(0)
                running.add(pool.submit(run_named, name, chosen.inputs, chosen.seed, chosen.first))
            done, running = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for each in done:
                report = each.result()
                finds += len(report.finds)
                print(report.line, flush=True)
                _keep(report)
                if chosen.record:
                    _record(chosen.record, report, chosen.seed, "seeded", commit)
    print(f"{len(names)} decoders, {finds} finds")
    return 1 if finds else 0


def _grow(decoders: list[Decoder], inputs: int, seed: int) -> int:
    for decoder in decoders:
        for data in coverage.grow(decoder, inputs, seed):
            path = folder(decoder.name) / name_of(data)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"kept {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
