"""The network of the demonstration as processes: four cities and the registration center."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy.demo.story import StepFailed
from node.client import Context, connect, find_context
from node.network import processes
from node.network.control import REGCENTER, fetch_status, relay_slug, start_regcenter
from node.network.create import create_network
from node.network.layout import Layout
from node.network.plan import Plan
from node.network.relays import network_relay
from node.relay.client import relay_status
from node.sdk.channels import ChannelOrder, create_channel

READY_S, SETTLED_S, POLL_S = 180.0, 120.0, 0.05
CLOCK_NEAR_MS = 60_000
CALL_S = 240.0
RELAY = "one"
METER = "city_contract_cost_units_total"


@dataclass(frozen=True, slots=True)
class Settled:
    """What all running cities agree on."""

    height: int
    root: str
    nodes: dict[str, dict[str, Any]]  # city → its status


class Stage:
    """A network in a folder, as one of its channels sees it. Made and started in a plain thread, used on an
    event loop.

    orders: channels that are made on chosen cities once the network runs; the first is this stage's own, and
    without any it is the network's. others: a stage for each of the rest."""

    def __init__(self, root: Path, plan: Plan, orders: Sequence[ChannelOrder] = ()) -> None:
        self.layout = Layout(root)
        self.plan = plan
        self.slugs = {city.name: city.slug for city in plan.cities}
        self.down: set[str] = set()
        self.orders = tuple(orders)
        self.channel = orders[0].name if orders else ""
        self.others = [Stage(root, plan, (order,)) for order in orders[1:]]
        self.siblings: list[Stage] = list(self.others)
        for other in self.others:
            other.down = self.down
            other.siblings = [self, *(one for one in self.others if one is not other)]
        self._nets: dict[str, Any] = {}
        self._stack = AsyncExitStack()

    # ---- processes --------------------------------------------------------------------------------

    def create(self, start_ms: int) -> None:
        create_network(self.plan, self.layout.root, start_ms=start_ms)

    def start(self) -> None:
        """Starts what is not running: the center, and every city."""
        start_regcenter(self.layout)
        for slug in self.slugs.values():
            if processes.find(self.layout, slug) is None:
                processes.start_node(self.layout, slug)
        self.down.clear()

    def open_channels(self) -> None:
        """Makes the channels on their cities, while all of them run."""
        for order in self.orders:
            create_channel(find_context(str(self.layout.root)), order)

    @property
    def relay(self) -> str:
        """Its name: each channel has one of its own."""
        return self.channel or RELAY

    def start_relay(self, user: str, wallets: list[Path]) -> None:
        """Starts the relay that carries the proofs of all payments to these wallets."""
        network_relay(self.layout.root, self.relay, user, wallets, self.channel)
        for other in self.others:
            other.start_relay(user, wallets)

    def relay_status(self) -> dict[str, Any]:
        return relay_status(self.layout.relays / self.relay)

    def renew_center(self) -> None:
        """The registration center begins anew, with new keys and an empty ledger; nothing relays for it yet."""
        relays = [relay_slug(folder.name) for folder in self.layout.relays.iterdir()]
        processes.stop(self.layout, [*relays, REGCENTER])
        for folder in (self.layout.regcenter, self.layout.relays):
            folder.rename(folder.with_name(f"{folder.name}-ended"))
        start_regcenter(self.layout)

    def wait_ready(self) -> None:
        processes.wait_ready(self.layout, list(self.slugs.values()), timeout_s=READY_S)

    def now_ms(self) -> int:
        """The clock that nodes, center and relay share."""
        return time.time_ns() // 1_000_000 + int(self.layout.clock_offset.read_text())

    def kill(self, city: str) -> int:
        """SIGKILL. Returns the process id."""
        process = processes.find(self.layout, self.slugs[city])
        if process is None:
            raise StepFailed("the city to kill", "a running process", "none")
        self.down.add(city)
        processes.kill(self.layout, self.slugs[city])
        return process.pid

    def stop(self) -> None:
        """Ends every process of the network; what does not end by itself is killed."""
        processes.stop(self.layout, self.layout.started())

    async def center(self) -> dict[str, str]:
        """The registration center's address and root key, once it listens."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                found: dict[str, str] = json.loads(
                    (self.layout.regcenter / "endpoint.json").read_text(encoding="utf-8")
                )
                return found
            except (OSError, ValueError):
                await asyncio.sleep(POLL_S)
        raise StepFailed("the registration center", "listening", self.layout.log(REGCENTER))

    # ---- users ------------------------------------------------------------------------------------

    async def net(self, user: str) -> Any:
        """A connection of the SDK in the name of a user; kept until `close`."""
        if user not in self._nets:
            net = connect.aio(
                str(self.layout.root), user=user, channel=self.channel, timeout=CALL_S
            )
            self._nets[user] = await self._stack.enter_async_context(net)
        return self._nets[user]

    def context(self) -> Context:
        """The channel and the cities that hold it, for clients."""
        context = find_context(str(self.layout.root))
        return context.on(self.channel) if self.channel else context

    async def ask_city(
        self, city: str, user: str, contract: str, method: str, args: dict[str, Any], height: int
    ) -> Any:
        """A view's value as this city's node gives it."""
        context = self.context()
        nodes = tuple(node for node in context.nodes if node.name == city)
        async with connect.aio(replace(context, nodes=nodes), user=user, timeout=CALL_S) as net:
            return (await net.query(contract, method, args, min_height=height)).value

    async def close(self) -> None:
        for other in self.others:
            await other.close()
        await self._stack.aclose()

    # ---- what the nodes say -----------------------------------------------------------------------

    async def statuses(self) -> dict[str, dict[str, Any] | None]:
        """Status by city of all that should be running; None where one does not answer."""
        nodes = [n for n in self.context().nodes if n.name not in self.down]
        found = await asyncio.gather(
            *(asyncio.to_thread(fetch_status, n.web, self.channel) for n in nodes)
        )
        return dict(zip((n.name for n in nodes), found, strict=True))

    async def asks_for(self, city: str) -> dict[str, Any] | None:
        """What a city's port says of this channel; None where it holds it not."""
        (node,) = [n for n in find_context(str(self.layout.root)).nodes if n.name == city]
        return await asyncio.to_thread(fetch_status, node.web, self.channel)

    async def metered(self) -> dict[str, int]:
        """Cost units that contracts have used, by city, as each node counts them."""
        nodes = [n for n in find_context(str(self.layout.root)).nodes if n.name not in self.down]
        used = await asyncio.gather(*(asyncio.to_thread(fetch_meter, n.web) for n in nodes))
        return dict(zip((n.name for n in nodes), used, strict=True))

    async def settled(self, min_height: int = 0) -> Settled:
        """Waits until every running city has executed the same blocks and nothing waits."""
        deadline = time.monotonic() + SETTLED_S
        while True:
            nodes = await self.statuses()
            known = [status for status in nodes.values() if status is not None]
            if len(known) == len(nodes) and all_at_rest(known, min_height):
                status = known[0]
                whole = {name: found for name, found in nodes.items() if found is not None}
                return Settled(status["height"], status["state_root"], whole)
            if time.monotonic() > deadline:
                shown = {name: brief(status) for name, status in nodes.items()}
                raise StepFailed("all running cities at one height and state root", "equal", shown)
            await asyncio.sleep(POLL_S)

    async def _wait_idle(self, user: str) -> None:
        """Until the last block is an empty one: with work under way a leap in time looks like a dead leader."""
        net = await self.net(user)
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            height = (await self.settled()).height
            if height == 0 or not (await net.block(height)).tx_ids:
                return
            await asyncio.sleep(POLL_S)
        raise StepFailed("the cities at rest", "an empty last block", height)

    async def advance_to(self, time_ms: int, user: str) -> None:
        """Moves the clock that nodes and center share; returns when all cities have seen it on this channel.

        user: reads the blocks."""
        for stage in (self, *self.siblings):
            await stage._wait_idle(user)
        offset = time_ms - time.time_ns() // 1_000_000
        if offset < int(self.layout.clock_offset.read_text()):
            return
        temporary = self.layout.clock_offset.with_suffix(".new")
        temporary.write_text(f"{offset}\n")
        temporary.replace(self.layout.clock_offset)
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            nodes = (await self.statuses()).values()
            if all(n is not None and n["time_ms"] > time_ms - CLOCK_NEAR_MS for n in nodes):
                return
            await asyncio.sleep(POLL_S)
        raise StepFailed("the cities' clock", time_ms, [n and n["time_ms"] for n in nodes])


def fetch_meter(web: str) -> int:
    """Cost units that a node has counted, of all its channels."""
    with urllib.request.urlopen(f"{web}/metrics", timeout=CALL_S) as reply:
        lines = reply.read().decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith(METER))


def all_at_rest(nodes: Sequence[dict[str, Any]], min_height: int) -> bool:
    same = {(n["height"], n["applied_height"], n["state_root"]) for n in nodes}
    return len(same) == 1 and all(
        n["ready"] and n["height"] == n["applied_height"] >= min_height and not n["pool"]
        and not n["waiting"]
        for n in nodes
    )  # fmt: skip


def brief(status: dict[str, Any] | None) -> str:
    if status is None:
        return "does not answer"
    names = ("state", "height", "applied_height", "pool", "waiting", "view", "state_root")
    return " ".join(f"{name}={str(status.get(name))[:16]}" for name in names)
