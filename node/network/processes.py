"""Node processes that outlive the shell: start, look at, stop. A process is known by its id and start time,

so that a number reused by the system is never taken for ours, and never killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from node.errors import CityError
from node.network.layout import Layout

POLL_SECONDS = 0.05
ERROR_LINES = 4


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    started: str  # field 22 of /proc/PID/stat: ticks since boot

    def is_running(self) -> bool:
        return _start_ticks(self.pid) == self.started


def _start_ticks(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def start(layout: Layout, slug: str, command: list[str]) -> Process:
    """Starts `command` detached, its output appended to the network's log for `slug`."""
    for folder in (layout.log(slug).parent, layout.process(slug).parent):
        folder.mkdir(parents=True, exist_ok=True)
    running = find(layout, slug)
    if running is not None:
        raise CityError("CITY-8024", name=slug, pid=running.pid)
    layout.endpoints(slug).unlink(missing_ok=True)
    with layout.log(slug).open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    _children[child.pid] = child
    process = Process(child.pid, _start_ticks(child.pid))
    text = json.dumps({"pid": process.pid, "started": process.started, "command": command})
    layout.process(slug).write_text(text + "\n")
    return process


_children: dict[
    int, subprocess.Popen[bytes]
] = {}  # so that a child we started is reaped, not a zombie


def start_node(layout: Layout, slug: str, *words: str) -> Process:
    """`words`: further options of `city node run`."""
    command = ["node", "run", "--config", str(layout.node_config(slug)), *words]
    return start(layout, slug, [sys.executable, "-m", "node.cli.main", *command])


def find(layout: Layout, slug: str) -> Process | None:
    """The running process of `slug`, if there is one."""
    try:
        data = json.loads(layout.process(slug).read_text())
        process = Process(int(data["pid"]), str(data["started"]))
    except (OSError, ValueError, KeyError):
        return None
    child = _children.get(process.pid)
    if child is not None:
        child.poll()
    return process if process.started and process.is_running() else None


def wait_ready(layout: Layout, slugs: list[str], *, timeout_s: float) -> dict[str, dict[str, str]]:
    """Waits until each process wrote its endpoints; returns them. Raises CityError with the end of its log."""
    deadline = time.monotonic() + timeout_s
    ready: dict[str, dict[str, str]] = {}
    while len(ready) < len(slugs):
        for slug in slugs:
            if slug in ready:
                continue
            running = find(layout, slug) is not None
            with contextlib.suppress(OSError, ValueError):
                ready[slug] = json.loads(layout.endpoints(slug).read_text())
            if slug not in ready and not running:
                raise CityError(
                    "CITY-8025", name=slug, log=layout.log(slug), tail=tail(layout.log(slug))
                )
        if time.monotonic() > deadline:
            missing = next(s for s in slugs if s not in ready)
            raise CityError(
                "CITY-8025", name=missing, log=layout.log(missing), tail=tail(layout.log(missing))
            )
        time.sleep(POLL_SECONDS)
    return ready


def stop(layout: Layout, slugs: list[str], *, timeout_s: float = 15.0) -> list[str]:
    """Asks each process to end and waits; what does not listen is killed. Returns who was running."""
    running = {slug: process for slug in slugs if (process := find(layout, slug)) is not None}
    for process in running.values():
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while any(find(layout, slug) for slug in running):
        if time.monotonic() > deadline:
            for slug in running:
                kill(layout, slug)
            break
        time.sleep(POLL_SECONDS)
    for slug in slugs:
        layout.process(slug).unlink(missing_ok=True)
    return list(running)


def kill(layout: Layout, slug: str) -> bool:
    """SIGKILL, and wait until it is gone. Whether it was running."""
    process = find(layout, slug)
    if process is None:
        return False
    _signal(process, signal.SIGKILL)
    while process.is_running():
        child = _children.get(process.pid)
        if child is not None:
            child.poll()
        time.sleep(POLL_SECONDS)
    return True


def _signal(process: Process, number: int) -> None:
    if process.is_running():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def tail(path: Path) -> str:
    """What a process last said of why it ended: its last error from the cross on, else its last lines."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    marks = [number for number, line in enumerate(lines) if line.startswith("✗")]
    last = lines[marks[-1] :][:ERROR_LINES] if marks else lines[-ERROR_LINES:]
    return "\n".join(last)
