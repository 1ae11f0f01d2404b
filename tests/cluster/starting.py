"""Starts that are refused, and what they leave on disk."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from node.errors import CATALOGUE
from tests.cluster.cluster import Cluster
from tests.cluster.forging import TRACEBACK

START_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Start:
    """A start that ended by itself. exit_code: None where nobody waited for it."""

    exit_code: int | None
    stderr: str

    @property
    def said(self) -> list[str]:
        """What stands beside the log lines, without the frame of colours a terminal would get."""
        lines = [line.rstrip() for line in self.stderr.splitlines()]
        return [line for line in lines if line and not line.startswith("{")]

    @property
    def code(self) -> str:
        return next(line for line in self.said if line.startswith("✗")).split()[1]

    def assert_refused(self, code: str, text: str = "") -> None:
        """The catalogue's exit code and its four lines: what, why, what to do, where to read more."""
        entry = CATALOGUE[code]
        assert TRACEBACK not in self.stderr, self.stderr
        assert "✗" in self.stderr, self.stderr
        at = next(i for i, line in enumerate(self.said) if line.startswith("✗"))
        found = self.said[at:]
        assert found[0].startswith(f"✗ {code} {entry.name}  "), found
        assert self.exit_code in (entry.exit_code, None) and text in " ".join(found), found
        heads = [line.split()[0] for line in found[1:] if line.startswith("  ")]
        assert heads == ["Why", "Do", "More"], found
        assert found[-1] == f"  More  city explain {code}"


def try_start(cluster: Cluster, slug: str) -> Start:
    """Runs a node in the foreground, as systemd would, until it gives up."""
    config = str(cluster.layout.node_config(slug))
    done = subprocess.run(
        [sys.executable, "-m", "node.cli.main", "node", "run", "--config", config],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
    )
    return Start(done.returncode, done.stderr)


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Mode and digest of every file, but for what LevelDB writes for itself whenever it is opened."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("LOG", "LOG.old", "LOCK"):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(folder))] = (path.stat().st_mode, digest)
    return found


def flip(path: Path, at: int) -> None:
    """Turns one bit of the byte at `at`, from the end when negative."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)
