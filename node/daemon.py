"""`run_node`: one city node from its configuration to its end.

Opened in the order in which things can be wrong: configuration, ports, genesis, cryptography, keys, contract
engine, stores. Each refusal is a CityError before anything listens. Closed in reverse: clients first, then
peers, then the pipeline, then stores.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from consensus.certificate import KIND_RAFT
from node import joining
from node.api.server import ApiServer
from node.channel import Channel
from node.clock import Clock, DevelopmentClock, RealClock
from node.compose import PeerGate, build_channel
from node.config import NodeConfig, split_address
from node.disk import DiskWatch
from node.engines import Engines, Fetch, open_engines
from node.errors import CityError
from node.genesis import ChannelConfig, Genesis, channel_id
from node.governance.state import ConfigState
from node.identity.suite import Suite, get_suite
from node.keyring import Keyring, check_keyring, open_keyring
from node.opening import Ledger, open_ledger, peek_configuration, read_genesis
from node.peers.artifact import ArtifactServer
from node.peers.fetching import Source, Wanted, fetch_artifact
from node.peers.network import PeerNetwork
from node.peers.roster import Roster
from node.pruning import Pruning
from node.signatures import Signatures
from node.snapshots import Snapshots
from node.telemetry import Metrics, configure_logging
from node.txpool import PoolLimits
from node.web.server import WebServer

log = structlog.get_logger("node")


@dataclass(slots=True)
class Parts:
    """What a running node consists of."""

    config: NodeConfig
    keyring: Keyring
    ledger: Ledger
    engines: Engines
    signatures: Signatures
    network: PeerNetwork
    channel: Channel
    metrics: Metrics


async def run_node(
    config: NodeConfig,
    *,
    is_wal_loss_accepted: bool = False,
    is_vote_key_new: bool = False,
    from_snapshot: bool = False,
) -> None:
    """Runs until SIGTERM or SIGINT. Raises CityError where the node cannot start.

    from_snapshot: a node without blocks begins with a snapshot of its peers.
    Two words of the operator: is_wal_loss_accepted, that a validator may vote although its log is gone, where
    there are not enough others to vouch for it;
    is_vote_key_new, that a Raft member's vote key has never voted. Over PBFT the others admit a new key."""
    configure_logging(config.log.level, config.log.format == "json", node=config.name)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        genesis = read_genesis(config.channel_dir)
        channel = genesis.config
        if is_wal_loss_accepted:
            check_may_accept_loss(peek_configuration(config.channel_dir, genesis))
        parts = await open_parts(config, from_snapshot=from_snapshot)
        # A log that holds records speaks for itself: the word must not outdo a tail that it misses.
        is_word_for_key = is_vote_key_new and not parts.ledger.journal.core_records
        is_accepted = is_wal_loss_accepted or (
            is_word_for_key and channel.consensus.kind == KIND_RAFT
        )
        try:
            await _serve(parts, stopping, is_accepted)
        finally:
            await _close(parts)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def open_parts(config: NodeConfig, *, from_snapshot: bool = False) -> Parts:
    """Everything a node needs, opened and checked; nothing listens yet. Raises CityError."""
    check_ports(config)
    genesis = read_genesis(config.channel_dir)
    structlog.contextvars.bind_contextvars(channel=genesis.config.name)
    suite = open_suite(config, genesis.config)
    state = peek_configuration(config.channel_dir, genesis)
    keyring = open_keyring(config, state, suite)
    clock = _clock(config, genesis.config)
    metrics = Metrics(genesis.config.name)
    sources = _sources(config, state, suite)
    engines = await open_engines(config, genesis, suite, _fetcher(genesis, suite, keyring, sources))
    try:
        await asyncio.to_thread(joining.finish, config.channel_dir)
        if from_snapshot and not (config.channel_dir / "blocks").exists():
            me = keyring.me
            await joining.join(config.channel_dir, genesis, suite, sources, me.transport, me.grant)
        ledger = await asyncio.to_thread(open_ledger, config.channel_dir, genesis, suite)
        check_keyring(keyring, ledger.configuration.state, config)
    except BaseException:
        await engines.stop()
        raise
    gate, signatures = PeerGate(), Signatures(suite)
    snapshots = Snapshots(ledger, config.snapshot.every if engines.blocks is not None else 0)
    network = PeerNetwork(
        config=ledger.configuration.config,
        observers=ledger.configuration.state.observers,
        channel_id=ledger.channel_id,
        suite=suite,
        me=keyring.me,
        listen=config.listen.peer,
        addresses=config.peers,
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
        reporter=keyring.identity,
        network=network,
        gate=gate,
        clock=clock,
        engine=engines.blocks,
        query_engine=engines.queries,
        signatures=signatures,
        metrics=metrics,
        pool_limits=PoolLimits(config.pool.transactions_max, config.pool.bytes_max),
        describe=lambda: {"name": config.name, "crypto": crypto} | engines.describe(),
        room=DiskWatch(config.channel_dir, config.disk.free_bytes_min, metrics).refusal,
        snapshots=snapshots,
        pruning=Pruning(ledger, config.prune.keep),
    )
    return Parts(config, keyring, ledger, engines, signatures, network, channel, metrics)


def _sources(config: NodeConfig, state: ConfigState, suite: Suite) -> list[Source]:
    """Whom to ask before there are links: every other node of the configuration whose address is known."""
    roster = Roster(suite, state.config, state.observers)
    return [
        Source(known, config.peers[known.peer.name])
        for known in roster.nodes
        if known.peer.name in config.peers and known.peer.name != config.name
    ]


def _fetcher(genesis: Genesis, suite: Suite, keyring: Keyring, sources: Sequence[Source]) -> Fetch:
    """Brings the channel's engine from a peer."""
    engine = genesis.config.engine
    id_ = channel_id(suite.hash, genesis.config)
    wanted = Wanted(id_, engine.digest, engine.size, suite.hash)

    async def fetch(folder: Path) -> Path:
        return await fetch_artifact(wanted, sources, keyring.transport, folder)

    return fetch


async def _serve(parts: Parts, stopping: asyncio.Event, is_wal_loss_accepted: bool) -> None:
    config, channels = parts.config, {parts.channel.name: parts.channel}
    api = ApiServer(
        channels,
        node_name=config.name,
        identity_key=parts.keyring.identity.public_key,
        transport=parts.keyring.transport,
        listen=config.listen.api,
    )
    web = None
    if config.listen.web:
        web = WebServer(channels, listen=config.listen.web, metrics=parts.metrics.text)
    running = asyncio.create_task(parts.channel.run(is_wal_loss_accepted), name="channel")
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(_cancel, running)
        await parts.network.start()
        stack.push_async_callback(parts.network.stop)
        await api.start()
        stack.push_async_callback(api.stop)
        if web is not None:
            await web.start()
            stack.push_async_callback(web.stop)
        _announce(config, parts, api.port, web.port if web else None)
        # The first query should not wait for an interpreter to start.
        warming = asyncio.create_task(parts.engines.warm_up(), name="warm-up")
        stack.push_async_callback(_cancel, warming)
        await stopping.wait()
        log.info("node.stopping")
        await parts.channel.leave()
    config.endpoints_file.unlink(missing_ok=True)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _close(parts: Parts) -> None:
    await parts.engines.stop()
    parts.signatures.close()
    await asyncio.to_thread(parts.channel.close)
    log.info("node.stopped", height=parts.ledger.tip.height)


def _announce(config: NodeConfig, parts: Parts, api_port: int, web_port: int | None) -> None:
    """endpoints.json for whoever started us, and one line for whoever looks."""
    found: dict[str, Any] = {"name": config.name, "pid": os.getpid()}
    found["channel"] = parts.channel.name
    found["peer"] = _with_port(config.listen.peer, parts.network.port)
    found["api"] = _with_port(config.listen.api, api_port)
    if web_port is not None:
        found["web"] = _with_port(config.listen.web, web_port)
    unfinished = config.endpoints_file.with_suffix(".new")
    unfinished.write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(config.endpoints_file)
    places = "  ".join(f"{use} {found[use]}" for use in ("peer", "api", "web") if use in found)
    print(f"{config.name} is ready on channel {parts.channel.name}: {places}", flush=True)
    status = parts.channel.status()
    log.info("node.ready", height=status["height"], role=status["role"], **parts.engines.describe())
    if status["faults_tolerated"] == 0 and status["role"] != "observer":
        log.warning("node.no_byzantine_tolerance", validators=status["validators"])


def check_may_accept_loss(state: ConfigState) -> None:
    """Raises CITY-6006: an operator's word stands for the lost log only where the validators now in force are
    too few to vouch for this one. Of two PBFT validators neither decides anything alone; of two Raft members
    one may have decided by the vote that the other has forgotten."""
    channel, validators = state.config, len(state.validators)
    if validators > (1 if channel.consensus.kind == KIND_RAFT else 2):
        raise CityError("CITY-6006", channel=channel.name, validators=validators)


def _with_port(address: str, port: int) -> str:
    return f"{address.rpartition(':')[0]}:{port}"


def check_ports(config: NodeConfig) -> None:
    """Raises CITY-8005 naming the first address that cannot be listened on, before anything is opened."""
    for use in ("peer", "api", "web"):
        address: str = getattr(config.listen, use)
        if not address:
            continue
        host, port = split_address(address)
        try:
            places = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
            family, kind, protocol, _, place = places[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
                probe.listen(1)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CityError("CITY-8005", address=address, use=use, reason=reason) from None


def open_suite(config: NodeConfig, channel: ChannelConfig) -> Suite:
    """The channel's cryptography by the backend that the configuration asks for. Raises CityError."""
    paths = [str(config.path(config.crypto.libcrypto))] if config.crypto.libcrypto else []
    return get_suite(
        channel.suite,
        config.crypto.backend,
        libcrypto=paths,
        allow_gmssl_signing=config.crypto.allow_gmssl_signing,
    )


def _clock(config: NodeConfig, channel: ChannelConfig) -> Clock:
    if not config.clock.offset_file:
        return RealClock()
    if channel.clock != "development":
        raise CityError("CITY-8010", channel=channel.name)
    return DevelopmentClock(Path(config.path(config.clock.offset_file)))
