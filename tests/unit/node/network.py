"""Channels of one process, connected directly: the second implementation of node.links.Network.

Frames keep their order a link, queues are bounded, and a link can be cut; TLS and identities are the business
of the peers' own tests. Contracts run in the native engine, which tests may use (decisions section 3.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from consensus.encoding import Hash
from consensus.header import identity_digest, tx_id, tx_sign_digest
from contracts.runtime.api import BlockRequest, Bundle, Diagnostic, StateReader, TxResult
from contracts.runtime.native import NativeEngine
from node.catchup.snapshots import Snapshots
from node.channel import Channel
from node.clock import Clock, RealClock
from node.compose import PeerGate, build_channel, one_key
from node.execution.engine import EngineStopped
from node.genesis import (
    GENESIS_VERSION,
    BundleSource,
    ChannelConfig,
    ConsensusParams,
    ContractEntry,
    EngineRef,
    Genesis,
    Identity,
    Limits,
    Member,
    NodeEntry,
    channel_id,
)
from node.identity import hidden_amount
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite
from node.lifecycle.examples import EmptyState
from node.model import Envelope
from node.opening import open_ledger
from node.ordering.signatures import Signatures
from node.ordering.txpool import PoolLimits
from node.peers.batch import PeerBatch, PeerId
from node.seat import Votes
from node.telemetry import Metrics
from node.wire.body import TxBody, build_body

SUITE = get_suite("sm")
QUEUE_MAX = 1_000
SECONDS = 120  # for what takes one or two on a quiet machine
PATIENT_MS = (
    20_000  # an election timeout that no busy machine makes pass: who leads goes on leading
)

COUNTER = """
from sdk import Event, Map, export, require, view

counts = Map("counts", 0)
counted = Event("Counted")


@export
def add(name: str, by: int) -> int:
    require(by > 0, "E_NOT_POSITIVE", "only upwards")
    counts[name] = counts[name] + by
    counted(name=name, total=counts[name])
    return counts[name]


@export
def spin() -> int:
    total = 0
    while True:
        total = total + 1
    return total


@export
def crash() -> int:
    return 1 // 0


@view
def read(name: str) -> int:
    return counts[name]
"""


class SuiteNatives:
    """Native functions over the suite, as the worker's host has them."""

    def sm3(self, data: bytes) -> bytes:
        return SUITE.hash(data)

    def verify(self, suite: str, key: bytes, message: bytes, signature: bytes, id: bytes) -> bool:
        return get_suite(suite).verify(key, message, signature, id)

    def amounts(self, operation: str, operands: tuple[object, ...]) -> bool:
        return hidden_amount.check(operation, operands)


class Engine:
    """The native engine as the executor calls it. Its runtime is one for the process, hence the lock."""

    _one_at_a_time = threading.Lock()

    def __init__(self) -> None:
        self._native = NativeEngine(SuiteNatives(), EmptyState())
        self.blocks_executed = 0
        self.is_broken = False  # as when a worker failed twice on one block

    async def execute(self, request: BlockRequest, state: StateReader) -> list[TxResult]:
        if self.is_broken:
            raise EngineStopped("the engine failed twice")
        self.blocks_executed += 1
        return await asyncio.to_thread(self._execute, request, state)

    async def schema(self, bundle: Bundle) -> bytes:
        return await asyncio.to_thread(NativeEngine(SuiteNatives(), EmptyState()).schema, bundle)

    async def check(self, bundle: Bundle) -> tuple[Diagnostic, ...]:
        return await asyncio.to_thread(self._check, bundle)

    async def load(self, bundles: list[Bundle]) -> None:
        await asyncio.to_thread(self._load, bundles)

    def _check(self, bundle: Bundle) -> tuple[Diagnostic, ...]:
        with self._one_at_a_time:
            return self._native.check(bundle)

    def _load(self, bundles: list[Bundle]) -> None:
        with self._one_at_a_time:
            for bundle in bundles:
                if (bundle.name, bundle.version) not in self._native.code:
                    self._native.load(bundle)

    def _execute(self, request: BlockRequest, state: StateReader) -> list[TxResult]:
        with self._one_at_a_time:
            self._native.state = state
            return self._native.block(request)


@dataclass(slots=True)
class Keys:
    """Everybody's keys: nodes vote, users send."""

    votes: list[MemorySigner]
    users: dict[str, MemorySigner]


def make_genesis(
    n: int, users: Sequence[str] = ("alice", "bob"), **consensus: int
) -> tuple[Genesis, Keys]:
    """A channel of n validators with the counter contract. Each user is a member of its own."""
    keys = Keys(
        [MemorySigner(SUITE.generate_key()) for _ in range(n)],
        {name: MemorySigner(SUITE.generate_key()) for name in users},
    )
    bundle = Bundle("counter", 1, COUNTER)
    rules = {"base_timeout_ms": 1_000, "block_wait_ms": 10, "status_interval_ms": 200} | consensus
    config = ChannelConfig(
        version=GENESIS_VERSION,
        suite=SUITE.id,
        name="main",
        created_ms=1_700_000_000_000,
        clock="real",
        consensus=ConsensusParams(**rules),
        limits=Limits(),
        engine=EngineRef("test", Hash(bytes(32)), 0),
        members=tuple(Member(f"m-{name}", name, "", b"", b"") for name in users),
        identities=tuple(
            Identity(name, f"m-{name}", signer.public_key, ("clerk", "admin"))
            for name, signer in keys.users.items()
        ),
        nodes=tuple(
            NodeEntry(f"n{i}", "", f"m-{users[0]}", vote.public_key, vote.public_key, b"")
            for i, vote in enumerate(keys.votes)
        ),
        contracts=(ContractEntry("counter", 1, Hash(bytes(32))),),
    )
    return Genesis(config, (BundleSource("counter", 1, bundle.encode()),)), keys


class Link:
    """One direction between two nodes: an ordered, bounded queue and the task that empties it."""

    def __init__(self, sender: PeerId, receiver: Port) -> None:
        self._sender, self._receiver = sender, receiver
        self._queue: asyncio.Queue[PeerBatch] = asyncio.Queue(QUEUE_MAX)
        self.task = asyncio.get_running_loop().create_task(self._run())

    def put(self, batch: PeerBatch) -> bool:
        try:
            self._queue.put_nowait(batch)
        except asyncio.QueueFull:
            return False
        return True

    async def _run(self) -> None:
        while True:
            batch = await self._queue.get()
            # As the receiver knows the sender now: its index follows the configuration.
            peer = self._receiver.peers.get(self._sender.name, self._sender)
            await self._receiver.gate.on_batch(peer, batch)


@dataclass
class Port:
    """One node's side of the network; implements node.links.Network."""

    me: PeerId
    gate: PeerGate = field(default_factory=PeerGate)
    links: dict[str, Link] = field(default_factory=dict)
    peers: dict[str, PeerId] = field(default_factory=dict)
    sent: list[PeerBatch] = field(default_factory=list)
    indices: dict[str, int | None] = field(default_factory=dict)

    def send(self, name: str, batch: PeerBatch) -> bool:
        link = self.links.get(name)
        return link is not None and link.put(batch)

    def reconfigure(
        self,
        config: ChannelConfig,
        observers: Sequence[NodeEntry],
        revoked: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        """Links are by name; whose index they carry follows the configuration."""
        self.indices = dict.fromkeys(self.peers) | {
            node.name: index for index, node in enumerate(config.nodes)
        }
        for name, peer in self.peers.items():
            self.peers[name] = replace(peer, index=self.indices[name])

    def broadcast(self, batch: PeerBatch) -> None:
        self.sent.append(batch)
        for name, peer in self.peers.items():
            if peer.index is not None:
                self.links[name].put(batch)

    def up(self) -> list[PeerId]:
        return list(self.peers.values())


def connect(one: Port, other: Port) -> None:
    for a, b in ((one, other), (other, one)):
        a.links[b.me.name] = Link(a.me, b)
        a.peers[b.me.name] = replace(b.me, index=a.indices.get(b.me.name))
    for a, b in ((one, other), (other, one)):
        a.gate.on_peer(a.peers[b.me.name], True)


def disconnect(one: Port, other: Port) -> None:
    for a, b in ((one, other), (other, one)):
        link = a.links.pop(b.me.name, None)
        if link is not None:
            link.task.cancel()
            del a.peers[b.me.name]
            a.gate.on_peer(b.me, False)


@dataclass
class Node:
    """A running channel and what it stands on."""

    channel: Channel
    port: Port
    engine: Engine
    signatures: Signatures
    task: asyncio.Task[None]

    @property
    def height(self) -> int:
        return self.channel.pipeline.tip_height

    @property
    def state_root(self) -> str:
        root: str = self.channel.status()["state_root"]
        return root


class Cluster:
    """n channels in one process, each with a folder of its own."""

    def __init__(self, root: Path, n: int, **consensus: int) -> None:
        self.root, self.n = root, n
        self.genesis, self.keys = make_genesis(n, **consensus)
        self.channel_id = channel_id(SUITE.hash, self.genesis.config)
        self.nodes: dict[str, Node] = {}
        self.snapshot_every = 0
        self.clock: Clock = RealClock()

    async def start(
        self,
        name: str,
        *,
        pool: PoolLimits | None = None,
        is_executing: bool = True,
        is_wal_loss_accepted: bool = False,
        votes: Votes | None = None,
    ) -> Node:
        """Starts a validator n0, n1, … or, under any other name, an observer, and links it to all.

        votes: its vote keys, where they are not the one of genesis."""
        index = int(name[1:]) if name[1:].isdigit() else None
        signer = None if index is None else self.keys.votes[index]
        identity = Hash((name.encode() * 32)[:32])
        port = Port(PeerId(name, identity, index))
        ledger = open_ledger(self.root / name, self.genesis, SUITE)
        port.reconfigure(ledger.configuration.config, ())
        signatures, engine = Signatures(SUITE, threads=1), Engine()
        channel = build_channel(
            ledger=ledger,
            votes=votes or one_key(signer),
            reporter=self.reporter(name),
            network=port,
            gate=port.gate,
            clock=self.clock,
            engine=engine if is_executing else None,
            query_engine=engine if is_executing else None,
            signatures=signatures,
            metrics=Metrics("main"),
            pool_limits=pool,
            snapshots=Snapshots(ledger, self.snapshot_every),
        )
        task = asyncio.get_running_loop().create_task(channel.run(is_wal_loss_accepted), name=name)
        node = self.nodes[name] = Node(channel, port, engine, signatures, task)
        for other in self.nodes.values():
            if other is not node:
                connect(port, other.port)
        return node

    def reporter(self, name: str) -> MemorySigner | None:
        """A node's identity key: the one it votes with, as far as most tests care."""
        return self.keys.votes[int(name[1:])] if name[1:].isdigit() else None

    async def start_all(self) -> list[Node]:
        return [await self.start(f"n{i}") for i in range(self.n)]

    async def stop(self, name: str) -> None:
        """As abrupt as it gets in one process: tasks end wherever they wait."""
        node = self.nodes.pop(name)
        for other in self.nodes.values():
            disconnect(node.port, other.port)
        node.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await node.task
        node.signatures.close()
        node.channel.close()

    async def stop_all(self) -> None:
        for name in list(self.nodes):
            await self.stop(name)

    def envelope(self, user: str = "alice", **changes: object) -> Envelope:
        """A signed transaction that adds 1 to the counter "a", with fields changed."""
        signer = self.keys.users[user]
        fields: dict[str, object] = {
            "suite": SUITE.id,
            "channel_id": self.channel_id,
            "sender": identity_digest(SUITE.hash, SUITE.id, signer.public_key),
            "contract": "counter",
            "version": 1,
            "method": "add",
            "args": '{"name": "a", "by": 1}',
            "nonce": secrets.token_bytes(16),
            "valid_until_height": 500,
            "gas_limit": 200_000,
            "request_id": secrets.token_hex(8),
        }
        body = build_body(TxBody(**(fields | changes)))  # type: ignore[arg-type]
        return self.sign(body, user)

    def sign(self, body: bytes, user: str = "alice") -> Envelope:
        signer = self.keys.users[user]
        digest = tx_sign_digest(SUITE.hash, SUITE.id, self.channel_id, body)
        return Envelope(body, signer.public_key, signer.sign(digest))

    def id(self, envelope: Envelope) -> Hash:
        return tx_id(SUITE.hash, SUITE.id, envelope.body)

    async def at_height(self, height: int, *names: str) -> None:
        """Until these nodes (all, when none is named) have applied `height`."""
        for name in names or tuple(self.nodes):
            await self.nodes[name].channel.state(b"", min_height=height)

    async def same_state(self, *names: str) -> str:
        """Until these nodes stand at one applied height with settled state; its root, which must be one."""
        chosen = [self.nodes[name].channel for name in names or tuple(self.nodes)]
        while True:
            heights = {c.status()["applied_height"] for c in chosen}
            if len(heights) == 1:
                roots = {c.status()["state_root"] for c in chosen}
                assert len(roots) == 1, roots
                return roots.pop()
            await self.at_height(max(heights), *names)


@contextlib.asynccontextmanager
async def cluster(root: Path, n: int, **consensus: int) -> AsyncIterator[Cluster]:
    """A cluster of n running nodes; everything ends with the block."""
    made = Cluster(root, n, **consensus)
    try:
        await made.start_all()
        yield made
    finally:
        await made.stop_all()
