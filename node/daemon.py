"""`run_node`: one city node from its configuration to its end.

Opened in the order in which things can be wrong: configuration, ports, then the channels (hosted.py). Each
refusal is a CityError before anything listens. Closed in reverse: clients first, then peers, then pipelines,
then stores.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from typing import Any

import structlog

from node.api.server import ApiServer
from node.config import NodeConfig, split_address
from node.errors import CityError
from node.execution.worker_slots import WorkerSlots
from node.hosting.hosted import Premises, Words
from node.hosting.hosting import Hosting
from node.keys.keyring import open_transports
from node.peers.port import PeerPort
from node.telemetry import Families, Metrics, configure_logging
from node.web.server import WebServer

log = structlog.get_logger("node")


async def run_node(config: NodeConfig, words: Words) -> None:
    """Runs until SIGTERM or SIGINT. Raises CityError where the node cannot start."""
    configure_logging(config.log.level, config.log.format == "json", node=config.name)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        check_ports(config)
        shared = premises(config)
        hosting = Hosting(shared)
        try:
            await hosting.open(words)
            await _serve(config, shared.port, shared.families, hosting, words, stopping)
        finally:
            await hosting.close()
            log.info("node.stopped")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def premises(config: NodeConfig) -> Premises:
    """What the channels of a node share; nothing of it runs yet. Raises CityError for unusable keys."""
    families = Families()
    counts = Metrics("", families)  # what belongs to no channel
    transports = open_transports(config)
    port = PeerPort(transports, config.listen.peer, counts.count_peer)
    slots = WorkerSlots(config.engine.workers_max, config.engine.idle_seconds)
    return Premises(config, port, families, transports, slots)


async def _serve(
    config: NodeConfig,
    port: PeerPort,
    families: Families,
    hosting: Hosting,
    words: Words,
    stopping: asyncio.Event,
) -> None:
    api = ApiServer(
        hosting.channels,
        node_name=config.name,
        identity_keys=hosting.identity_keys,
        transport=port.transports,
        listen=config.listen.api,
        hosting=hosting,
        reads_per_second=config.clients.reads_per_second,
    )
    web = None
    if config.listen.web:
        web = WebServer(hosting.channels, listen=config.listen.web, metrics=families.text)
    async with contextlib.AsyncExitStack() as stack:
        await port.start()
        stack.push_async_callback(port.stop)
        stack.push_async_callback(hosting.stop)
        await hosting.start(words)
        await api.start()
        stack.push_async_callback(api.stop)
        if web is not None:
            await web.start()
            stack.push_async_callback(web.stop)
        _announce(config, hosting, port.port, api.port, web.port if web else None)
        hosting.first.warm_up()
        await stopping.wait()
        log.info("node.stopping")
        await hosting.leave_all()
    config.endpoints_file.unlink(missing_ok=True)


def _announce(
    config: NodeConfig, hosting: Hosting, peer_port: int, api_port: int, web_port: int | None
) -> None:
    """endpoints.json for whoever started us, and one line for whoever looks."""
    first = hosting.first
    found: dict[str, Any] = {"name": config.name, "pid": os.getpid()}
    found["channel"] = first.name
    found["peer"] = _with_port(config.listen.peer, peer_port)
    found["api"] = _with_port(config.listen.api, api_port)
    if web_port is not None:
        found["web"] = _with_port(config.listen.web, web_port)
    unfinished = config.endpoints_file.with_suffix(".new")
    unfinished.write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(config.endpoints_file)
    places = "  ".join(f"{use} {found[use]}" for use in ("peer", "api", "web") if use in found)
    print(f"{config.name} is ready on channel {first.name}: {places}", flush=True)
    status = first.channel.status()
    log.info("node.ready", height=status["height"], role=status["role"], **first.engines.describe())
    if status["faults_tolerated"] == 0 and status["role"] != "observer":
        log.warning("node.no_byzantine_tolerance", validators=status["validators"])


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
