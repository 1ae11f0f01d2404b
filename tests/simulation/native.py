"""`python -m tests.simulation.native FOLDER`: a clone of this commit, its hot modules compiled to C.

For long campaigns: a seed costs about half there. It means the same, event for event; the last step runs some
seeds in both and compares their traces. So whatever fails there is looked at here. Needs a C compiler.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CORES = ("consensus/pbft", "consensus/raft", "consensus/raft/ordering", "consensus/ordering")
SHARED = ("encoding", "light_client", "merkle", "quorum")
SIMULATOR = ("disk", "network", "node", "phases", "supply", "world")
# Structures of the wire stay as they are: their annotations are their schema, and mypyc keeps half of those.
STRUCTURES = ("certificates", "evidence", "membership", "messages", "records")
SETTINGS = """[mypy]
python_version = 3.11
[mypy-node.*,contracts.*]
follow_imports = skip
[mypy-tests.simulation.byzantine.*,tests.simulation.checkers,tests.simulation.engine_pbft,\
tests.simulation.engine_raft,tests.simulation.operations,tests.simulation.witness]
ignore_errors = True
"""
COMPARED = (("pbft", 5), ("pbft", 341), ("pbft", 465), ("raft", 5), ("raft", 545), ("raft", 2830))


def modules(root: Path) -> Iterator[Path]:
    for folder in CORES:
        for path in sorted((root / folder).glob("*.py")):
            if path.stem not in ("__init__", *STRUCTURES):
                yield path
    yield from (root / "consensus" / f"{name}.py" for name in SHARED)
    yield from (root / "tests" / "simulation" / f"{name}.py" for name in SIMULATOR)


def build(root: Path) -> None:
    """In a process of its own: the compiler works in the current folder."""
    from mypyc.build import mypycify
    from setuptools import setup

    os.chdir(root)
    Path("build").mkdir()
    settings = Path("build/mypy.ini")
    settings.write_text(SETTINGS)
    names = [str(path.relative_to(root)) for path in modules(root)]
    extensions = mypycify(["--config-file", str(settings), *names], opt_level="2")
    setup(
        name="native",
        packages=[],
        py_modules=[],
        ext_modules=extensions,
        script_args=["--quiet", "build_ext", "--inplace"],
    )


def trace(root: Path, engine: str, seed: int) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--engine", engine, "--log"]
    command += ["--seeds", f"{seed}:{seed + 1}"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return next(line for line in run.stdout.splitlines() if line.startswith("trace "))


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--build"]:
        build(Path(arguments[1]))
        return 0
    if len(arguments) != 1:
        print(__doc__)
        return 2
    root = Path(arguments[0]).resolve()
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(root)], check=True)
    subprocess.run(
        [sys.executable, "-m", "tests.simulation.native", "--build", str(root)],
        cwd=REPOSITORY,
        check=True,
    )
    for engine, seed in COMPARED:
        if trace(root, engine, seed) != trace(REPOSITORY, engine, seed):
            print(f"{engine} {seed} runs otherwise there: use no result of it")
            return 1
    print(f"python -m tests.simulation … in {root}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
