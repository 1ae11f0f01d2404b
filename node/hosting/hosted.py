"""One channel on this node, from its folder to its end: keys, engine, stores, links, pipeline.

    Premises   what the channels of a node share: configuration, peer port, metrics, contract workers
    Hosted     `open_hosted` opens and checks; `start`, `stop`, `close`

A channel that stops by itself goes on answering reads (channel.py). Nothing here touches another channel.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from consensus.certificate import KIND_RAFT
from consensus.encoding import EncodingError, decode
from node.catchup import joining
from node.catchup.snapshots import Snapshots
from node.channel import Channel
from node.clock import Clock, DevelopmentClock, RealClock
from node.compose import PeerGate, build_channel
from node.config import NodeConfig, Place
from node.disk import DiskWatch
from node.errors import CityError
from node.execution.engines import Engines, Fetch, open_engines
from node.execution.worker_slots import WorkerSlots
from node.genesis import FOLLOWERS, VALIDATOR, ChannelConfig, Genesis, channel_id
from node.governance.state import ConfigState
from node.identity.suite import Suite, get_suite
from node.keys.keyring import Keyring, are_keys_of, check_keyring, open_keyring
from node.keys.own import OwnTransports
from node.metering.served import Served
from node.opening import Ledger, open_ledger, peek_configuration, read_genesis
from node.ordering.signatures import Signatures
from node.ordering.txpool import PoolLimits
from node.peers.artifact import ArtifactServer
from node.peers.fetching import Source, Wanted, fetch_artifact
from node.peers.network import PeerNetwork
from node.peers.port import PeerPort
from node.peers.roster import Roster
from node.peers.statement import SignedGrant
from node.pruning import Pruning
from node.telemetry import Families, Metrics

log = structlog.get_logger("node")


@dataclass(frozen=True, slots=True)
class Premises:
    """What the channels of a node share."""

    config: NodeConfig
    port: PeerPort
    families: Families
    transports: OwnTransports
    slots: WorkerSlots


@dataclass(frozen=True, slots=True)
class Words:
    """What the operator says at the start, of one channel or more: without `channels` of the node's own.

    is_wal_loss_accepted: a validator may vote although its log is gone, where there are not enough others to
    vouch for it. is_vote_key_new: a Raft member's vote key has never voted; over PBFT the others admit a new
    key. from_snapshot: a node without blocks begins with a snapshot of its peers. are_keys_newer: the keys here
    replaced those that the chain on this disk names, in blocks that it lacks; so its log lacks votes too."""

    is_wal_loss_accepted: bool = False
    is_vote_key_new: bool = False
    from_snapshot: bool = False
    channels: tuple[str, ...] = ()
    are_keys_newer: bool = False


NO_WORDS = Words()


class Hosted:
    """An open channel. `start` once, `stop` once, then `close`; reads are answered from opening to closing."""

    def __init__(
        self,
        keyring: Keyring,
        ledger: Ledger,
        engines: Engines,
        signatures: Signatures,
        network: PeerNetwork,
        channel: Channel,
    ) -> None:
        self.keyring, self.ledger, self.engines = keyring, ledger, engines
        self.channel = channel
        self._signatures, self._network = signatures, network
        self._running: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self.channel.name

    async def start(self, words: Words = NO_WORDS) -> None:
        """Links and pipeline run from here on."""
        # A log that holds records speaks for itself: the word must not outdo a tail that it misses.
        is_word_for_key = words.is_vote_key_new and not self.ledger.journal.core_records
        is_raft = self.ledger.genesis.config.consensus.kind == KIND_RAFT
        is_accepted = words.is_wal_loss_accepted or (is_word_for_key and is_raft)
        self._running = asyncio.create_task(
            self.channel.run(is_accepted), name=f"channel-{self.name}"
        )
        await self._network.start()

    def warm_up(self) -> None:
        """The first query should not wait for an interpreter to start."""
        self._warming = asyncio.create_task(self.engines.warm_up(), name="warm-up")

    async def leave(self) -> None:
        """Before `stop`, while peers are still linked: nobody should wait for this node."""
        if self._running is not None:
            await self.channel.leave()

    async def stop(self) -> None:
        """Links and pipeline end; reads go on."""
        await _cancel(self._warming)
        await self._network.stop()
        await _cancel(self._running)
        self._warming = self._running = None

    async def close(self) -> None:
        """Once nobody reads any more."""
        await self.engines.stop()
        self._signatures.close()
        await asyncio.to_thread(self.channel.close)
        log.info("channel.closed", channel=self.name, height=self.ledger.tip.height)


class IdentityKeys(Mapping[int, bytes]):
    """By suite, as the keys are now: a block may replace them."""

    def __init__(self, hosted: Callable[[], Sequence[Hosted]]) -> None:
        self._hosted = hosted

    def _now(self) -> dict[int, bytes]:
        return {h.ledger.suite.id: h.keyring.identity.public_key for h in self._hosted()[::-1]}

    def __getitem__(self, suite_id: int) -> bytes:
        return self._now()[suite_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


async def open_hosted(
    premises: Premises,
    place: Place,
    *,
    addresses: dict[str, str],
    is_lazy: bool,
    words: Words = NO_WORDS,
) -> Hosted:
    """Everything the channel needs, opened and checked; nothing of it runs yet. Raises CityError.

    addresses: peers' host:port by name. is_lazy: contract workers start with their first call."""
    config = premises.config
    genesis = read_genesis(place.folder)
    structlog.contextvars.bind_contextvars(channel=genesis.config.name)
    state = peek_configuration(place.folder, genesis)
    if words.is_wal_loss_accepted:
        check_may_accept_loss(state)
    suite = open_suite(config, genesis.config)
    keyring = open_keyring(config, state, suite, place, premises.transports, words.are_keys_newer)
    clock = _clock(config, genesis.config, place)
    metrics = Metrics(genesis.config.name, premises.families)
    sources = _sources(config, addresses, state, suite)
    fetch = _fetcher(genesis, suite, keyring, sources)
    engines = await open_engines(
        config, genesis, suite, fetch, slots=premises.slots, is_lazy=is_lazy
    )
    try:
        is_older = words.are_keys_newer and not are_keys_of(keyring, state, config)
        ledger = await _open_ledger(place.folder, genesis, suite, keyring, sources, words, is_older)
    except BaseException:
        await engines.stop()
        raise
    try:
        if not words.are_keys_newer:
            check_keyring(keyring, ledger.configuration.state, config)
        keyring.take_up(ledger.configuration.state)
    except BaseException:
        await engines.stop()
        ledger.close()
        raise
    return _compose(premises, keyring, ledger, engines, clock, metrics, addresses)


async def _open_ledger(
    folder: Path,
    genesis: Genesis,
    suite: Suite,
    keyring: Keyring,
    sources: Sequence[Source],
    words: Words,
    is_older: bool,
) -> Ledger:
    await asyncio.to_thread(joining.finish, folder)
    if words.from_snapshot and not (folder / "blocks").exists():
        me = keyring.me
        await joining.join(folder, genesis, suite, sources, me.transport, me.grant)
    return await asyncio.to_thread(open_ledger, folder, genesis, suite, is_log_older=is_older)


def _compose(
    premises: Premises,
    keyring: Keyring,
    ledger: Ledger,
    engines: Engines,
    clock: Clock,
    metrics: Metrics,
    addresses: dict[str, str],
) -> Hosted:
    config, suite, folder = premises.config, ledger.suite, ledger.folder
    gate, signatures, own = PeerGate(), Signatures(suite), config.of_channel(folder.name)
    snapshots = Snapshots(ledger, own.snapshot.every if engines.blocks is not None else 0)
    network = PeerNetwork(
        config=ledger.configuration.config,
        observers=ledger.configuration.state.observers,
        channel_id=ledger.channel_id,
        suite=suite,
        me=keyring.me,
        selves=keyring.selves,
        port=premises.port,
        addresses=addresses,
        handler=gate,
        count=metrics.count_peer,
        artifact=ArtifactServer(ledger.channel_id, engines.artifact),
        library=snapshots,
    )
    backend = getattr(suite, "backend", None)
    crypto = (
        f"{suite.name} ({getattr(backend, 'name', 'library')} {getattr(backend, 'version', '')})"
    )
    channel = build_channel(
        ledger=ledger,
        votes=keyring.votes,
        take_up=keyring.take_up,
        reporter=keyring.identity,
        network=network,
        gate=gate,
        clock=clock,
        engine=engines.blocks,
        query_engine=engines.queries,
        signatures=signatures,
        metrics=metrics,
        pool_limits=PoolLimits(own.pool.transactions_max, own.pool.bytes_max),
        describe=lambda: (
            {"name": config.name, "crypto": crypto}
            | _part(keyring, ledger.configuration.state)
            | engines.describe()
        ),
        room=DiskWatch(folder, config.disk.free_bytes_min, metrics).refusal,
        snapshots=snapshots,
        pruning=Pruning(ledger, own.prune.keep),
        served=Served(
            ledger.folder,
            ledger.channel_id,
            suite,
            lambda: keyring.identity,
            keyring.me.name,
            clock,
        ),
    )
    return Hosted(keyring, ledger, engines, signatures, network, channel)


def _part(keyring: Keyring, state: ConfigState) -> dict[str, str]:
    """The role of a node without a vote; of a validator the pipeline knows more."""
    entry = state.named(keyring.me.name)
    if entry is not None:
        return {} if entry.role == VALIDATOR else {"role": entry.role}
    try:
        return {"role": decode(SignedGrant, keyring.me.grant).grant.role}
    except EncodingError:
        return {"role": FOLLOWERS[0]}  # what the paper is worth the peers say, each with its reason


def _sources(
    config: NodeConfig, addresses: dict[str, str], state: ConfigState, suite: Suite
) -> list[Source]:
    """Whom to ask before there are links: every other node of the configuration whose address is known."""
    roster = Roster(suite, state.config, state.observers)
    return [
        Source(known, addresses[known.peer.name])
        for known in roster.nodes
        if known.peer.name in addresses and known.peer.name != config.name
    ]


def _fetcher(genesis: Genesis, suite: Suite, keyring: Keyring, sources: Sequence[Source]) -> Fetch:
    """Brings the channel's engine from a peer."""
    engine = genesis.config.engine
    id_ = channel_id(suite.hash, genesis.config)
    wanted = Wanted(id_, engine.digest, engine.size, suite.hash)

    async def fetch(folder: Path) -> Path:
        return await fetch_artifact(wanted, sources, keyring.transport, folder)

    return fetch


def check_may_accept_loss(state: ConfigState) -> None:
    """Raises CITY-6006: an operator's word stands for the lost log only where the validators now in force are
    too few to vouch for this one. Of two PBFT validators neither decides anything alone; of two Raft members
    one may have decided by the vote that the other has forgotten."""
    channel, validators = state.config, len(state.validators)
    if validators > (1 if channel.consensus.kind == KIND_RAFT else 2):
        raise CityError("CITY-6006", channel=channel.name, validators=validators)


def open_suite(config: NodeConfig, channel: ChannelConfig) -> Suite:
    """The channel's cryptography by the backend that the configuration asks for. Raises CityError."""
    paths = [str(config.path(config.crypto.libcrypto))] if config.crypto.libcrypto else []
    return get_suite(
        channel.suite,
        config.crypto.backend,
        libcrypto=paths,
        allow_gmssl_signing=config.crypto.allow_gmssl_signing,
    )


def _clock(config: NodeConfig, channel: ChannelConfig, place: Place) -> Clock:
    """The channel's, which genesis chooses. A node whose file names an offset means its own channel by that."""
    if channel.clock == "development" and config.clock.offset_file:
        return DevelopmentClock(Path(config.path(config.clock.offset_file)))
    if config.clock.offset_file and place.name == config.channel.name:
        raise CityError("CITY-8010", channel=channel.name)
    return RealClock()


async def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
