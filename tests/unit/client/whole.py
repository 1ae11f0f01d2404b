"""Four real channels with TLS links between them, each behind its API port, and a contexts file for clients.

Only the contract engine is the native one, which tests may use (decisions section 3.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contracts.runtime.api import Bundle
from node.api.server import ApiServer
from node.channel import Channel
from node.clock import RealClock
from node.compose import PeerGate, build_channel, one_key
from node.contracts.catalogue import bundle_digest
from node.genesis import BundleSource, ConsensusParams, ContractEntry, Genesis, Identity, channel_id
from node.identity.keyfile import write_key
from node.opening import open_ledger
from node.ordering.signatures import Signatures
from node.peers.network import PeerNetwork
from node.peers.port import PeerPort
from node.telemetry import Metrics
from tests.unit.api.hosting import MemoryHosting
from tests.unit.node.network import COUNTER, Engine
from tests.unit.peers.world import CITIES, FAST, SUITE, World

USERS = ("buyer", "supplier")
COUNTING = Bundle("counter", 1, COUNTER)


@dataclass
class City:
    channel: Channel
    network: PeerNetwork
    api: ApiServer
    closing: AsyncExitStack

    async def stop(self) -> None:
        await self.closing.aclose()


@dataclass
class Whole:
    folder: Path
    world: World
    genesis: Genesis
    cities: dict[str, City] = field(default_factory=dict)

    @property
    def context(self) -> str:
        return str(self.folder)

    async def same_state(self, *names: str) -> str:
        """Until these cities (all by default) settled at one height; their one state root."""
        channels = [self.cities[name].channel for name in names or self.cities]
        while True:
            seen = {(s["applied_height"], s["state_root"]) for s in (c.status() for c in channels)}
            if len({height for height, _ in seen}) == 1:
                assert len(seen) == 1, "one height, two states"
                return seen.pop()[1]
            await channels[0].state(b"", min_height=max(height for height, _ in seen))
            await asyncio.sleep(0)


def _genesis(world: World, bundle: Bundle) -> tuple[Genesis, dict[str, object]]:
    keys = {user: SUITE.generate_key() for user in USERS}
    world.config = dataclasses.replace(
        world.config,
        consensus=ConsensusParams(base_timeout_ms=1_000, block_wait_ms=10, status_interval_ms=200),
        identities=tuple(Identity(u, "PX", k.public_key, ("trader",)) for u, k in keys.items()),
        contracts=(ContractEntry(bundle.name, 1, bundle_digest(SUITE, bundle.encode())),),
    )
    world.channel_id = channel_id(SUITE.hash, world.config)
    return Genesis(world.config, (BundleSource(bundle.name, 1, bundle.encode()),)), keys


async def _start(whole: Whole, city: str, addresses: dict[str, str]) -> City:
    world, stack = whole.world, AsyncExitStack()
    gate, signatures, engine = PeerGate(), Signatures(SUITE, threads=1), Engine()
    port = PeerPort(world.transports[city], "127.0.0.1:0")
    network = PeerNetwork(
        config=world.config,
        channel_id=world.channel_id,
        suite=SUITE,
        me=world.me(city),
        port=port,
        addresses=addresses,
        handler=gate,
        backoff=FAST,
    )
    channel = build_channel(
        ledger=open_ledger(whole.folder / city, whole.genesis, SUITE),
        votes=one_key(world.votes[city]),
        network=network,
        gate=gate,
        clock=RealClock(),
        engine=engine,
        query_engine=engine,
        signatures=signatures,
        metrics=Metrics("main"),
    )
    api = ApiServer(
        {"main": channel},
        node_name=city,
        identity_keys={SUITE.id: world.signers[city].public_key},
        transport=world.transports[city],
        listen="127.0.0.1:0",
        hosting=MemoryHosting(world.signers[city].public_key),
    )
    running = asyncio.create_task(channel.run(), name=city)

    async def end() -> None:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        signatures.close()
        channel.close()

    stack.push_async_callback(end)
    await port.start()
    stack.push_async_callback(port.stop)
    await network.start()
    stack.push_async_callback(network.stop)
    await api.start()
    stack.push_async_callback(api.stop)
    return City(channel, network, api, stack)


def _write_contexts(whole: Whole, keys: dict[str, object]) -> None:
    folder = whole.folder / ".city"
    folder.mkdir()
    lines = ["[contexts.dev]", 'channel = "main"', f'channel_id = "{whole.world.channel_id.hex()}"']
    for name, city in whole.cities.items():
        (folder / f"{name}.crt").write_bytes(whole.world.transports[name].certificate_pem)
        lines += ["[[contexts.dev.nodes]]", f'name = "{name}"']
        lines += [f'api = "127.0.0.1:{city.api.port}"', f'certificate = "{name}.crt"']
    for user, key in keys.items():
        write_key(folder / f"{user}.pem", key, None, dev=True)  # type: ignore[arg-type]
        lines += [f"[contexts.dev.users.{user}]", f'key = "{user}.pem"', 'member = "PX"']
    (folder / "contexts.toml").write_text("\n".join(lines))


@asynccontextmanager
async def whole_network(folder: Path, bundle: Bundle = COUNTING) -> AsyncIterator[Whole]:
    world = World(CITIES)
    genesis, keys = _genesis(world, bundle)
    whole = Whole(folder, world, genesis)
    addresses: dict[str, str] = {}
    try:
        for city in reversed(world.diallers_first()):  # who is dialled listens first
            whole.cities[city] = await _start(whole, city, dict(addresses))
            addresses[city] = f"127.0.0.1:{whole.cities[city].network.port}"
        _write_contexts(whole, keys)
        yield whole
    finally:
        for city in whole.cities.values():
            await city.stop()
