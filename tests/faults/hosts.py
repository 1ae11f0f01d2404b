"""Network namespaces: each node on a host of its own, cut off by routes, slowed down by the hub's proxies.

`prepared` makes a hub with a bridge and a namespace for each node behind it; the player runs again inside the
hub, so that nothing of it touches the machine's own network. Peers see each other at an address of the hub, one
a node, behind which the wires carry their streams: late, stalling or breaking. A route at a host can keep
everything from such an address, in one direction or in both; streams that stood stall, and go on when the
route is gone.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from tests.faults.wires import Mesh

INSIDE = "CITY_FAULTS_HUB"  # name of the hub, in the environment of whoever runs inside
NET = "10.99"
HUB_HOST = 254


class NoNamespaces(Exception):
    """This system gives us none; the text says why."""


def _ip(*words: str, check: bool = True) -> None:
    try:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=30)
    except (FileNotFoundError, PermissionError) as error:
        raise NoNamespaces(str(error)) from error
    if check and done.returncode:
        raise NoNamespaces(f"ip {' '.join(words)}: {done.stderr.strip()}")


def address(number: int) -> str:
    """Of the node that stands at `number` in the configuration."""
    return f"{NET}.0.{number + 1}"


def seen_at(number: int) -> str:
    """Where its peers see it: the hub's address for it."""
    return f"{NET}.1.{number + 1}"


@contextmanager
def prepared(nodes: int) -> Iterator[str]:
    """The hub's name; hub and hosts are gone afterwards. Raises NoNamespaces."""
    hub = f"city{os.getpid()}"
    names = [hub, *(f"{hub}-{n}" for n in range(nodes))]
    made: list[str] = []
    try:
        for name in names:
            _ip("netns", "add", name)
            made.append(name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", hub, "link", "add", "bridge", "type", "bridge")
        for own in (f"{NET}.0.{HUB_HOST}", *map(seen_at, range(nodes))):
            _ip("-n", hub, "addr", "add", f"{own}/16", "dev", "bridge")
        _ip("-n", hub, "link", "set", "bridge", "up")
        for n in range(nodes):
            host, port = f"{hub}-{n}", f"v{n}"
            _ip(
                "-n", hub, "link", "add", port, "type", "veth", "peer", "name", "eth", "netns", host
            )
            _ip("-n", hub, "link", "set", port, "master", "bridge", "up")
            _ip("-n", host, "addr", "add", f"{address(n)}/16", "dev", "eth")
            _ip("-n", host, "link", "set", "eth", "up")
        yield hub
    finally:
        for name in made:
            _ip("netns", "del", name, check=False)


def play_inside(nodes: int, words: Sequence[str]) -> int:
    """The player's exit code, run again inside a hub. Raises NoNamespaces."""
    with prepared(nodes) as hub:
        command = ["ip", "netns", "exec", hub, sys.executable, "-m", "tests.faults", *words]
        return subprocess.run(command, env={**os.environ, INSIDE: hub}, check=False).returncode


class Hosts(Mesh):
    """The network of hosts; speaks as `wires.Mesh` does."""

    def __init__(self, hub: str, order: Sequence[str], rng: random.Random) -> None:
        super().__init__(rng)
        self._hub, self._order = hub, list(order)
        self._cuts: set[tuple[str, str]] = set()

    def command(self, slug: str, command: list[str]) -> list[str]:
        """The same, run on the node's host."""
        return ["ip", "netns", "exec", self._host(slug), *command]

    def place(self, slug: str) -> str:
        return seen_at(self._order.index(slug))

    def _host(self, slug: str) -> str:
        return f"{self._hub}-{self._order.index(slug)}"

    def _route(self, what: str, source: str, target: str) -> None:
        where = f"{self.place(target)}/32"
        _ip("-n", self._host(source), "route", what, "blackhole", where, check=False)

    def _block(self, source: str, target: str) -> None:
        if (source, target) not in self._cuts:
            self._cuts.add((source, target))
            self._route("add", source, target)

    def cut(self, some: Iterable[str], others: Iterable[str]) -> None:
        """Nothing passes between these and those."""
        there = list(others)
        for a in some:
            for b in there:
                if a != b:
                    self._block(a, b)
                    self._block(b, a)

    def mute(self, source: str, others: Iterable[str]) -> None:
        """What `source` sends to these does not arrive; what they send does."""
        for other in others:
            self._block(source, other)

    def heal(self) -> None:
        super().heal()
        for source, target in self._cuts:
            self._route("del", source, target)
        self._cuts.clear()

    async def stop(self) -> None:
        self.heal()
        await super().stop()
