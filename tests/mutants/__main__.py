"""`python -m tests.mutants [NAME…] [--quick] [--write]`: hunts every mutant and prints the table.

Without options each is hunted from its first seed on, and the table says how many seeds it took. `--quick`
begins with the seed that is known to kill. A kill counts only if the clean core passes the same run.
`--write` renews TABLE.md and known.json. Exit status 1 if a mutant survives.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.mutants.catalogue import BY_NAME, MUTANTS
from tests.mutants.hunt import KNOWN, Kill, hunt, hunt_quickly
from tests.simulation.campaign import commit_of_checkout

TABLE = Path(__file__).parent / "TABLE.md"
SIGN_LENGTH = 60
HEAD = """# Planted mistakes and what finds them

Printed by `python -m tests.mutants --write`; `--quick` begins with the known killers. *Seeds* is how many the
hunt needed, the last of them the killer (so its number is one less); *directed* is a schedule in
`directed.py`, `directed_raft.py` or a test; *told in* names a scenario of `tests/scenarios`. Every killer
passes on the clean core. What broke in other systems, and what of ours would notice it, is in
[pitfalls.toml](pitfalls.toml).

| mutant | engine | rule | what is broken | killed by | first sign |
|---|---|---|---|---|---|
"""


def row(kill: Kill) -> str:
    mutant = kill.mutant
    told = "directed" if mutant.directed is not None else f"told in *{mutant.told_in}*"
    by = f"{kill.seeds} seeds" if kill.seeds else told
    sign = kill.sign.replace("|", "/")[:SIGN_LENGTH]
    return (
        f"| `{mutant.name}` | {mutant.engine} | {mutant.rule} | {mutant.reason} | {by} | {sign} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    chosen = [BY_NAME[name] for name in options.names] or list(MUTANTS)
    rows, survivors = [], []
    known: dict[str, int] = {}
    for mutant in chosen:
        kill = hunt_quickly(mutant) if options.quick else hunt(mutant)
        if kill is None:
            survivors.append(mutant.name)
            print(f"| `{mutant.name}` | SURVIVES {mutant.most} seeds |", flush=True)
            continue
        rows.append(row(kill))
        if kill.seeds:
            known[mutant.name] = kill.seeds - 1
        print(f"{rows[-1]} {kill.seconds:.1f} s", flush=True)
    print(f"{len(rows)} killed, {len(survivors)} survived: {survivors}")
    if options.write and not (survivors or options.names or options.quick):
        commit = f"\n{len(rows)} mutants, none survives, at commit `{commit_of_checkout()}`.\n"
        KNOWN.write_text(json.dumps(known, indent=1) + "\n")
        TABLE.write_text(HEAD + "\n".join(rows) + "\n" + commit)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
