"""A cluster of real city nodes for tests: processes on free loopback ports, and clients pinned to one node."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from node.client import connect, find_context
from node.network import processes
from node.network.control import network_stop, network_up
from node.network.create import create_network
from node.network.layout import Layout
from node.network.plan import load_plan
from node.sdk.net import AsyncNet

READY_SECONDS = 180.0
CALL_SECONDS = 120.0
CONTRACTS = (
    "party",
)  # beside "transfer": what the tests call. Every node loads them twice when it starts


class Cluster:
    """Starts, kills and asks nodes by slug. Waiting is always for a stated fact, asked of the node itself."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)

    @classmethod
    def create(cls, root: Path, nodes: int, engine: str = "pbft") -> Cluster:
        plan = load_plan().with_nodes(nodes).with_consensus(engine).with_contracts(*CONTRACTS)
        create_network(plan, root)
        return cls(root)

    @property
    def slugs(self) -> list[str]:
        return self.layout.slugs()

    def up(self) -> None:
        network_up(self.layout.root)

    def stop(self) -> None:
        network_stop(self.layout.root)

    def start(self, slug: str, *words: str) -> None:
        processes.start_node(self.layout, slug, *words)
        processes.wait_ready(self.layout, [slug], timeout_s=READY_SECONDS)

    def kill(self, slug: str) -> None:
        assert processes.kill(self.layout, slug), f"{slug} was not running"

    def stop_one(self, slug: str) -> None:
        """Asks the node to end and waits for it."""
        processes.stop(self.layout, [slug])

    def is_running(self, slug: str) -> bool:
        return processes.find(self.layout, slug) is not None

    def log(self, slug: str) -> str:
        return self.layout.log(slug).read_text(errors="replace")

    def slug_of(self, name: str) -> str:
        return name.lower().replace(" ", "-")

    @asynccontextmanager
    async def net(self, slug: str = "", user: str = "ops") -> AsyncIterator[AsyncNet]:
        """A client of one node (or of the whole context, where it fails over)."""
        context = find_context(str(self.layout.root))
        if slug:
            nodes = tuple(n for n in context.nodes if self.slug_of(n.name) == slug)
            context = dataclasses.replace(context, nodes=nodes)
        async with connect.aio(context, user=user, timeout=CALL_SECONDS) as net:
            yield net

    async def call(self, method: str, args: dict[str, Any], slug: str = "", **options: Any) -> Any:
        """One committed transaction of the transfer contract."""
        async with self.net(slug) as net:
            return await net.call("transfer", method, args, **options)

    async def applied(self, slug: str, height: int) -> dict[str, Any]:
        """The node's status once it has applied `height`."""
        async with self.net(slug) as net:
            await net.simulate("transfer", "balance_of", {"owner": "-"}, min_height=height)
            return await net.node_status()

    async def roots(self, height: int, slugs: list[str] | None = None) -> set[str]:
        """The state roots of the nodes after they applied `height`; an idle chain's root does not move."""
        found = await asyncio.gather(*(self.applied(s, height) for s in slugs or self.slugs))
        return {status["state_root"] for status in found}

    async def histories(self, height: int) -> set[tuple[str, ...]]:
        """Block hashes from genesis to `height`, as each node tells them."""

        async def one(slug: str) -> tuple[str, ...]:
            async with self.net(slug) as net:
                return tuple([(await net.block(h)).block_hash for h in range(height + 1)])

        return set(await asyncio.gather(*(one(slug) for slug in self.slugs)))
