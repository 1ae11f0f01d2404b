"""A node that changed its view alone: it serves, its transactions are ordered, and it counts as up."""

from __future__ import annotations

import asyncio

from node.network.control import UP
from tests.unit.node.network import SECONDS, Cluster, cluster, connect, disconnect
from tests.unit.node.test_reconfiguration import count
from tests.unit.node.waiting import caught_up, voting


async def cut(net: Cluster, name: str) -> None:
    for other in net.nodes.values():
        if other is not net.nodes[name]:
            disconnect(net.nodes[name].port, other.port)


async def test_what_waits_at_a_node_alone_in_its_view_is_ordered_by_the_others(tmp_path):
    async with cluster(tmp_path, 4) as net:
        alone = net.nodes["n3"].channel
        await count(net)
        await voting(net, "n3")
        await cut(net, "n3")
        envelope = net.envelope()
        (outcome,) = await alone.submit([envelope])
        assert outcome.error is None
        async with asyncio.timeout(SECONDS):
            while alone.status()["view_active"]:
                await alone.pipeline.progress(0.1)
        for other in ("n0", "n1", "n2"):
            connect(net.nodes["n3"].port, net.nodes[other].port)
        for id_ in (net.id(envelope), None):
            if id_ is None:
                (outcome,) = await alone.submit([net.envelope()])
                id_ = outcome.tx_id
            async with asyncio.timeout(SECONDS):
                status = await alone.wait(id_, "committed")
            assert status.receipt is not None and status.receipt.outcome == "ok"
            await net.at_height(status.height)
        await caught_up(net)
        assert {node.channel.status()["state"] for node in net.nodes.values()} <= set(UP)
        await net.same_state()
