"""A channel of a few cities for tests of links: keys, certificates, configuration, what a node heard."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from consensus.encoding import ZERO_HASH, Hash
from node.genesis import (
    GENESIS_VERSION,
    ChannelConfig,
    ConsensusParams,
    EngineRef,
    Limits,
    Member,
    NodeEntry,
    channel_id,
)
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite
from node.identity.transport import (
    TransportIdentity,
    issue_transport_certificate,
    load_certificate,
    make_peer_ca,
)
from node.peers.batch import PeerBatch, PeerId
from node.peers.network import Backoff, PeerNetwork
from node.peers.port import PeerPort
from node.peers.roster import Self

SUITE = get_suite("sm")
CITIES = ("Shenzhen", "Guangzhou", "Beijing", "Hong Kong")
FAST = Backoff(first=0.01, cap=0.05, patience=0.1)


def der(identity: TransportIdentity) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return load_certificate(identity.certificate_pem).public_bytes(Encoding.DER)


@dataclass
class World:
    """Everybody's keys. `config` is what all of them hold."""

    cities: tuple[str, ...] = CITIES[:2]
    name: str = "main"
    signers: dict[str, MemorySigner] = field(default_factory=dict)
    transports: dict[str, TransportIdentity] = field(default_factory=dict)
    votes: dict[str, MemorySigner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.authority = make_peer_ca("PX")
        self.admin = MemorySigner(SUITE.generate_key())
        for city in self.cities:
            self.signers[city] = MemorySigner(SUITE.generate_key())
            self.transports.setdefault(city, self.certificate(city))
        member = Member(
            "PX", "core enterprise", "Shenzhen", self.admin.public_key, der(self.authority)
        )
        self.config = ChannelConfig(
            version=GENESIS_VERSION,
            suite=SUITE.id,
            name=self.name,
            created_ms=0,
            clock="real",
            consensus=ConsensusParams(),
            limits=Limits(),
            engine=EngineRef("test", ZERO_HASH, 0),
            members=(member,),
            identities=(),
            nodes=tuple(self.entry(city) for city in self.cities),
            contracts=(),
        )
        self.channel_id = channel_id(SUITE.hash, self.config)

    def certificate(self, name: str) -> TransportIdentity:
        return issue_transport_certificate(self.authority, name, ["localhost", "127.0.0.1"])

    def entry(self, city: str) -> NodeEntry:
        signer = self.signers[city]
        vote = self.votes.setdefault(city, MemorySigner(SUITE.generate_key()))
        return NodeEntry(
            city, city, "PX", signer.public_key, vote.public_key, der(self.transports[city])
        )

    def me(self, city: str, grant: bytes = b"") -> Self:
        return Self(city, self.signers[city], self.transports[city], grant)

    def diallers_first(self) -> list[str]:
        """Cities, those that stand later in the configuration (who dial) first."""
        return list(reversed(self.cities))


class Ear:
    """A handler that keeps what it hears and lets tests wait for it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, PeerBatch]] = []
        self.ups: list[tuple[str, bool]] = []
        self.counted: Counter[str] = Counter()
        self._changed = asyncio.Condition()
        self.gate = asyncio.Event()
        self.gate.set()

    async def on_batch(self, peer: PeerId, batch: PeerBatch) -> None:
        await self.gate.wait()
        self.heard.append((peer.name, batch))
        self._tell()

    def on_peer(self, peer: PeerId, up: bool) -> None:
        self.ups.append((peer.name, up))
        self._tell()

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counted[name] += amount
        for label in labels.values():
            self.counted[f"{name} {label}"] += amount
        self._tell()

    def _tell(self) -> None:
        async def notify() -> None:
            async with self._changed:
                self._changed.notify_all()

        self._task = asyncio.ensure_future(notify())

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(condition)

    def consensus(self) -> list[bytes]:
        return [message for _, batch in self.heard for message in batch.consensus]


@asynccontextmanager
async def running(
    world: World, city: str, ear: Ear, addresses: dict[str, str] | None = None, **changes: object
) -> AsyncIterator[PeerNetwork]:
    """A started network of one city, on a port of its own unless `changes` have one. `changes`: config, me,
    channel_id, listen, port."""
    me: Self = changes.pop("me", None) or world.me(city)  # type: ignore[assignment]
    listen = str(changes.pop("listen", "127.0.0.1:0"))
    port = changes.pop("port", None) or PeerPort(me.transport, listen, ear.count)
    assert isinstance(port, PeerPort)
    is_own = not port.port
    arguments: dict[str, object] = {
        "config": world.config,
        "channel_id": world.channel_id,
        "suite": SUITE,
        "me": me,
        "port": port,
        "addresses": addresses or {},
        "handler": ear,
        "count": ear.count,
        "backoff": FAST,
    }
    arguments.update(changes)
    network = PeerNetwork(**arguments)  # type: ignore[arg-type]
    if is_own:
        await port.start()
    await network.start()
    try:
        yield network
    finally:
        await network.stop()
        if is_own:
            await port.stop()


@asynccontextmanager
async def connected(world: World) -> AsyncIterator[dict[str, tuple[PeerNetwork, Ear]]]:
    """All cities of the world, every pair linked."""
    async with AsyncExitStack() as stack:
        held: dict[str, tuple[PeerNetwork, Ear]] = {}
        addresses: dict[str, str] = {}
        for city in reversed(world.diallers_first()):  # who is dialled listens first
            ear = Ear()
            network = await stack.enter_async_context(running(world, city, ear, dict(addresses)))
            addresses[city] = f"127.0.0.1:{network.port}"
            held[city] = (network, ear)
        for _, ear in held.values():
            await ear.until(lambda ear=ear: len(ear.ups) >= len(world.cities) - 1)
        yield held


def other_channel() -> Hash:
    return Hash(b"\x07" * 32)
