"""Channels in one process: what a client sees of one node and of four."""

from __future__ import annotations

from consensus.api import Keep
from contracts.runtime import values
from tests.unit.node.network import Cluster, cluster


async def test_a_single_node_orders_executes_and_proves(tmp_path):
    async with cluster(tmp_path, 1) as net:
        channel = net.nodes["n0"].channel
        envelope = net.envelope(args='{"name": "a", "by": 5}')
        (outcome,) = await channel.submit([envelope])
        assert outcome.error is None
        status = await channel.wait(outcome.tx_id, "committed")
        assert status.receipt is not None and status.receipt.outcome == "ok"
        assert values.decode(status.receipt.result) == 5
        found = await channel.query("counter", 0, "read", '{"name": "a"}', None)
        assert (found.outcome, values.decode(found.result)) == ("ok", 5)


async def test_four_nodes_reach_one_state(tmp_path):
    async with cluster(tmp_path, 4) as net:
        envelopes = [net.envelope(["alice", "bob"][i % 2]) for i in range(40)]
        for i, envelope in enumerate(envelopes):
            channel = net.nodes[f"n{i % 4}"].channel
            (outcome,) = await channel.submit([envelope])
            assert outcome.error is None
        for i, envelope in enumerate(envelopes):
            channel = net.nodes[f"n{(i + 1) % 4}"].channel
            status = await channel.wait(net.id(envelope), "committed")
            assert status.receipt is not None and status.receipt.outcome == "ok"
        await net.same_state()
        found = await net.nodes["n3"].channel.query("counter", 0, "read", '{"name": "a"}', None)
        assert values.decode(found.result) == 40


async def test_a_vote_keeps_the_copy_that_its_block_covers_though_a_better_one_came_meanwhile(
    tmp_path,
):
    # A client and a leader who conspire could else have a block certified whose bodies only the leader has:
    # every other node would wait for them for ever.
    net = Cluster(tmp_path, 4)
    node = await net.start("n0")
    try:
        body = net.envelope().body
        copies = sorted((net.sign(body), net.sign(body)), key=lambda e: e.signature, reverse=True)
        leaves = []
        for envelope in copies:
            (outcome,) = await node.channel.submit([envelope])
            held = node.channel.pipeline.pool.get(outcome.tx_id)
            assert held is not None and held.envelope == envelope
            leaves.append(held.ref.leaf)
        for envelope, leaf in zip(copies, leaves, strict=True):
            kept = node.channel.pipeline.keep(Keep(1, (outcome.tx_id,), (leaf,)))
            assert kept == [envelope]
    finally:
        await net.stop_all()
