"""Waiting for what nodes say of themselves. A block takes effect on each in its own time, and an election
timeout may pass on a busy machine: nothing here is about what a node says right now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.unit.node.network import SECONDS, Cluster


async def have_roles(net: Cluster, *expected: str) -> None:
    """Until the nodes, by name, have these roles."""

    def roles() -> tuple[str, ...]:
        return tuple(_status(net, name)["role"].split()[0] for name in sorted(net.nodes))

    await _until(net, roles, expected)


async def have_epoch(net: Cluster, expected: int) -> None:
    await _until(net, lambda: {_status(net, name)["epoch"] for name in net.nodes}, {expected})


def _status(net: Cluster, name: str) -> dict[str, Any]:
    return net.nodes[name].channel.status()


async def _until(net: Cluster, shown: Callable[[], object], expected: object) -> None:
    pipeline = next(iter(net.nodes.values())).channel.pipeline
    try:
        async with asyncio.timeout(SECONDS):
            while shown() != expected:
                await pipeline.progress(0.1)
    except TimeoutError:
        said = {name: node.channel.status() for name, node in net.nodes.items()}
        raise AssertionError(f"{shown()} instead of {expected}: {said}") from None


async def voting(net: Cluster, name: str) -> None:
    """Until the node votes: with a new key it hears the others first. One that starts cannot say yet."""

    def role() -> str:
        status = _status(net, name)
        return str(status["state"] if status["state"] == "starting" else status["role"])

    await _until(net, role, "validator")


async def ready(net: Cluster) -> None:
    """Over Raft, whose elections end: until there is a leader and no node is behind."""
    await _until(net, lambda: {_status(net, name)["state"] for name in net.nodes}, {"ready"})


async def caught_up(net: Cluster) -> None:
    """Until no node fetches blocks or looks for peers; one may be changing its view alone."""
    await _until(net, lambda: {_status(net, name)["ready"] for name in net.nodes}, {True})
