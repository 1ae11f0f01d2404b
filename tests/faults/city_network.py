"""A network for faults: nodes reach each other through wires, and each has a clock of its own."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from itertools import permutations
from pathlib import Path
from types import MappingProxyType

from node.client import connect, find_context
from node.failpoints import VARIABLE
from node.network import processes
from node.network.control import network_stop
from node.network.create import create_network
from node.network.plan import load_plan
from node.network.ports import free_ports
from node.sdk.context import Context
from node.sdk.net import AsyncNet
from tests.cluster.cluster import CALL_SECONDS, READY_SECONDS, Cluster
from tests.faults.hosts import INSIDE, Hosts
from tests.faults.hosts import address as host_address
from tests.faults.wires import Mesh

DISK_BYTES, FREE_BYTES_MIN = 64 * 1024 * 1024, 4 * 1024 * 1024
SNAPSHOT_EVERY = 20
NOTHING: Mapping[str, str] = MappingProxyType({})


class Network(Cluster):
    """Nodes by slug, in the order of the configuration: each dials those before it."""

    def __init__(self, root: Path, order: Sequence[str], mesh: Mesh, engine: str) -> None:
        super().__init__(root)
        self.order, self.mesh, self.engine = list(order), mesh, engine
        self.small_disk = (
            ""  # whose channels lie on a disk of their own, "" where there can be none
        )
        self.no_disk = ""  # why
        self.channel = ""  # that clients mean; the network's own where it is empty

    def on(self, channel: str) -> Network:
        """The same network, asked for another of its channels."""
        other = copy(self)
        other.channel = channel
        return other

    @asynccontextmanager
    async def net(self, slug: str = "", user: str = "ops") -> AsyncIterator[AsyncNet]:
        context = self.context(slug)
        async with connect.aio(context, user=user, timeout=CALL_SECONDS) as net:
            yield net

    def context(self, slug: str = "") -> Context:
        """How clients find the channel: at one node, or at all."""
        found = find_context(str(self.layout.root))
        found = found.on(self.channel) if self.channel else found
        if slug:
            nodes = tuple(node for node in found.nodes if self.slug_of(node.name) == slug)
            found = dataclasses.replace(found, nodes=nodes)
        return found

    @property
    def slugs(self) -> list[str]:
        return self.order

    # ---- processes, off the loop -------------------------------------------------------------------

    async def begin(
        self,
        *slugs: str,
        failpoint: str = "",
        words: Sequence[str] = (),
        lying: str = "",
        more: Mapping[str, str] = NOTHING,
    ) -> None:
        """Starts nodes and waits until they serve. lying: whose core lies. more: for their environment."""
        variables = {VARIABLE: failpoint} if failpoint else dict(more)

        def start() -> None:
            for slug in slugs:
                if processes.find(self.layout, slug) is not None:
                    continue
                os.environ.update(variables)
                try:
                    module = "tests.cluster.lying_node" if slug == lying else "node.cli.main"
                    config = str(self.layout.node_config(slug))
                    command = [
                        sys.executable,
                        "-m",
                        module,
                        "node",
                        "run",
                        "--config",
                        config,
                        *words,
                    ]
                    processes.start(self.layout, slug, self.mesh.command(slug, command))
                finally:
                    for name in variables:
                        os.environ.pop(name, None)
            processes.wait_ready(self.layout, list(slugs), timeout_s=READY_SECONDS)

        await asyncio.to_thread(start)

    async def kill_all(self, *slugs: str) -> None:
        for slug in slugs:
            await asyncio.to_thread(processes.kill, self.layout, slug)

    async def end(self, slug: str) -> None:
        """Asks the node to end, and waits."""
        await asyncio.to_thread(processes.stop, self.layout, [slug])

    def signal(self, slug: str, number: int) -> None:
        process = processes.find(self.layout, slug)
        if process is not None:
            os.kill(process.pid, number)

    async def leader(self) -> str:
        """Who leads, as some node that runs says; the first in order where nobody knows."""
        for slug in self.order:
            if not self.is_running(slug):
                continue
            try:
                async with self.net(slug) as net:
                    name = (await net.node_status(timeout=5))["leader"]
            except Exception:
                continue
            if name:
                return self.slug_of(name)
        return self.order[0]

    def peer_port(self, slug: str) -> int:
        """Where the node itself listens for peers."""
        return _address(self.layout.node_config(slug).read_text(encoding="utf-8"), "peer")[1]

    def clock(self, slug: str) -> Path:
        return self.layout.node(slug) / "clock_offset_ms"


@asynccontextmanager
async def network(
    root: Path,
    nodes: int,
    engine: str,
    rng: random.Random,
    *,
    snapshots: bool = False,
    lying: str = "",
    absent: int = 0,
) -> AsyncIterator[Network]:
    """A started network, the last `absent` nodes not yet, `lying` with a core that lies. It ends with the
    block, its small disk too."""
    plan = load_plan().with_nodes(nodes).with_consensus(engine).with_contracts()
    await asyncio.to_thread(create_network, plan, root)
    order = [city.slug for city in plan.cities]
    hub = os.environ.get(INSIDE)
    mesh = Hosts(hub, order, rng) if hub else Mesh(rng)
    made = Network(root, order, mesh, engine)
    try:
        await _wire(made, snapshots)
        _mount(made)
        await made.begin(*made.order[: nodes - absent], lying=lying)
        yield made
    finally:
        for slug in made.order:  # one that is stopped does not hear that it should end
            made.signal(slug, signal.SIGCONT)
        await asyncio.to_thread(network_stop, root)
        await mesh.stop()
        if made.small_disk:
            subprocess.run(["umount", "-l", str(_channels(made))], check=False, timeout=30)


async def _wire(made: Network, snapshots: bool) -> None:
    """Every address of a peer becomes a wire's or a host's, every clock the node's own."""
    listens: dict[str, tuple[str, int]] = {}
    taken: set[int] = set()
    for slug in made.order:
        text = made.layout.node_config(slug).read_text(encoding="utf-8")
        listens[slug] = _address(text, "peer")
        taken |= {_address(text, use)[1] for use in ("peer", "api", "web")}
    targets = listens
    if isinstance(made.mesh, Hosts):
        _move_to_hosts(made)
        targets = {
            slug: (host_address(number), listens[slug][1]) for number, slug in enumerate(made.order)
        }
    # Nobody listens on a node's ports yet, so they may be drawn again.
    count = len(made.order) * (len(made.order) - 1)
    ports = iter([port for port in free_ports(count + len(taken)) if port not in taken])
    for pair in permutations(made.order, 2):
        await made.mesh.add(*pair, targets[pair[1]], next(ports))
    for dialler in made.order:
        path = made.layout.node_config(dialler)
        text = path.read_text(encoding="utf-8")
        for listener, (host, port) in listens.items():
            if listener != dialler:
                through = made.mesh.address(dialler, listener, port)
                text = text.replace(f'"{host}:{port}"', f'"{through}"')
        shared = made.layout.clock_offset
        text = text.replace(f'"{shared}"', f'"{made.clock(dialler)}"')
        made.clock(dialler).write_text(shared.read_text())
        if snapshots:
            text += f"\n[snapshot]\nevery = {SNAPSHOT_EVERY}\n"
        path.write_text(text, encoding="utf-8")


def _move_to_hosts(made: Network) -> None:
    """Each node listens at its host's address, and clients find it there."""
    contexts = made.layout.contexts.read_text(encoding="utf-8")
    for number, slug in enumerate(made.order):
        path = made.layout.node_config(slug)
        text = path.read_text(encoding="utf-8")
        for use in ("peer", "api", "web"):
            host, port = _address(text, use)
            text = text.replace(f"{host}:{port}", f"{host_address(number)}:{port}")
            contexts = contexts.replace(f"{host}:{port}", f"{host_address(number)}:{port}")
        path.write_text(text, encoding="utf-8")
    made.layout.contexts.write_text(contexts, encoding="utf-8")


def _address(config: str, use: str) -> tuple[str, int]:
    line = next(line for line in config.splitlines() if line.startswith(f"{use} = "))
    host, _, port = line.split('"')[1].rpartition(":")
    return host, int(port)


def _channels(made: Network) -> Path:
    return made.layout.node(made.small_disk) / "channels"


def _mount(made: Network) -> None:
    """The last node's channels go to a small disk, where this system lets us."""
    slug = made.order[-1]
    folder = made.layout.node(slug) / "channels"
    aside = folder.with_name("channels.aside")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "citychain-faults", str(folder)]
    folder.rename(aside)
    folder.mkdir()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        made.no_disk = (
            "" if done.returncode == 0 else f"no tmpfs can be mounted: {done.stderr.strip()}"
        )
    except FileNotFoundError:
        made.no_disk = "there is no mount command here"
    if made.no_disk:
        folder.rmdir()
        aside.rename(folder)
        return
    made.small_disk = slug
    with made.layout.node_config(slug).open("a", encoding="utf-8") as config:
        config.write(f"\n[disk]\nfree_bytes_min = {FREE_BYTES_MIN}\n")
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    shutil.rmtree(aside)
