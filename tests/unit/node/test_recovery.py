"""Nodes that stop, come late, or lose something: they end with the state of the others."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace

import pytest

from consensus.encoding import Hash
from contracts.runtime import values
from node.errors import CityError
from node.execution.executor import Applied
from node.facade import TxStatus
from node.governance.state import genesis_state
from node.hosting.hosted import check_may_accept_loss
from node.ledger.records import StateRoots
from node.ordering.driver import ChannelHalted
from tests.unit.node.network import Cluster, Node, cluster
from tests.unit.node.waiting import have_roles


async def commit(net: Cluster, name: str, **changes: object) -> TxStatus:
    """One transaction through the node `name`, executed there."""
    envelope = net.envelope(**changes)
    channel = net.nodes[name].channel
    (outcome,) = await channel.submit([envelope])
    assert outcome.error is None
    return await channel.wait(outcome.tx_id, "committed")


async def first_role(node: Node) -> str:
    """What it is as soon as its core runs: later the others may have admitted it."""
    while node.channel.status()["state"] == "starting":
        await asyncio.sleep(0)
    role: str = node.channel.status()["role"]
    return role


async def test_three_go_on_without_one_and_it_catches_up_after_its_restart(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await commit(net, "n0")
        await net.same_state()
        await net.stop("n3")
        for _ in range(3):
            await commit(net, "n1")
        node = await net.start("n3")
        root = await net.same_state()
        assert node.state_root == root
        await commit(net, "n3")
        await net.same_state()


async def test_the_others_replace_a_leader_that_is_gone(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await commit(net, "n0")
        await net.stop("n0")
        status = await commit(net, "n2")
        assert status.receipt is not None and status.receipt.outcome == "ok"
        assert net.nodes["n2"].channel.status()["view"] >= 1
        await net.start("n0")
        await net.same_state()


async def test_an_observer_catches_up_from_genesis_and_follows(tmp_path):
    async with cluster(tmp_path, 4) as net:
        for _ in range(4):
            await commit(net, "n0")
        observer = await net.start("watcher")
        await net.same_state()
        assert observer.channel.status()["role"] == "observer"
        status = await commit(net, "watcher")
        assert status.receipt is not None and status.receipt.outcome == "ok"
        await net.same_state()


async def test_a_node_whose_folder_was_wiped_gets_everything_back(tmp_path):
    async with cluster(tmp_path, 4) as net:
        for _ in range(3):
            await commit(net, "n0")
        await net.same_state()
        await net.stop("n2")
        shutil.rmtree(tmp_path / "n2")
        await net.start("n2")
        await net.same_state()


async def test_a_node_that_lost_its_log_observes_and_keeps_following(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await commit(net, "n0")
        await net.same_state()
        await net.stop("n2")
        shutil.rmtree(tmp_path / "n2" / "wal")
        node = await net.start("n2")
        assert (await first_role(node)).startswith("observer (the write-ahead log is gone")
        await commit(net, "n0")
        await net.same_state()


async def test_all_nodes_stop_and_go_on_from_what_they_wrote(tmp_path):
    net = Cluster(tmp_path, 4)
    try:
        await net.start_all()
        for i in range(4):
            await commit(net, f"n{i}")
        before = await net.same_state()
        await net.stop_all()
        await net.start_all()
        assert await net.same_state() == before
        await commit(net, "n1")
        await net.same_state()
    finally:
        await net.stop_all()


async def test_a_lone_node_executes_after_its_restart_what_was_ordered_before(tmp_path):
    net = Cluster(tmp_path, 1)
    try:
        node = await net.start("n0")
        await commit(net, "n0")
        height = node.height
        await net.stop("n0")
        shutil.rmtree(tmp_path / "n0" / "state")
        node = await net.start("n0")
        await net.at_height(height)
        found = await node.channel.query("counter", 1, "read", '{"name": "a"}', None)
        assert values.decode(found.result) == 1
        await commit(net, "n0")
    finally:
        await net.stop_all()


async def test_a_repeated_request_id_is_a_duplicate_of_the_first(tmp_path):
    async with cluster(tmp_path, 4) as net:
        first = await commit(net, "n0", request_id="order-7")
        again = await commit(net, "n1", request_id="order-7", args='{"name": "a", "by": 9}')
        assert again.receipt is not None and again.receipt.outcome == "duplicate"
        assert values.decode(again.receipt.result) == first.tx_id
        # The same text from somebody else is another request.
        other = await commit(net, "n1", user="bob", request_id="order-7")
        assert other.receipt is not None and other.receipt.outcome == "ok"
        await net.same_state()


async def test_two_copies_of_one_request_in_one_block_count_once(tmp_path):
    async with cluster(tmp_path, 1) as net:
        channel = net.nodes["n0"].channel
        pair = [net.envelope(request_id="order-8") for _ in range(2)]
        outcomes = await channel.submit(pair)
        statuses = await asyncio.gather(*(channel.wait(o.tx_id, "committed") for o in outcomes))
        assert sorted(s.receipt.outcome for s in statuses if s.receipt) == ["duplicate", "ok"]
        found = await channel.query("counter", 1, "read", '{"name": "a"}', None)
        assert values.decode(found.result) == 1


async def test_one_body_signed_twice_and_sent_to_two_nodes_counts_once_and_stops_nobody(tmp_path):
    async with cluster(tmp_path, 4) as net:
        one = net.envelope(request_id="order-9")
        other = net.sign(one.body)
        assert one.signature != other.signature
        await net.nodes["n0"].channel.submit([one])
        await net.nodes["n1"].channel.submit([other])
        for node in net.nodes.values():
            status = await node.channel.wait(net.id(one), "committed")
            assert status.receipt is not None and status.receipt.outcome == "ok"
        await commit(net, "n3")
        await net.same_state()


async def test_a_node_without_an_engine_keeps_certified_blocks_and_executes_nothing(tmp_path):
    async with cluster(tmp_path, 4) as net:
        for _ in range(3):
            await commit(net, "n0")
        keeper = await net.start("keeper", is_executing=False)
        tip = max(node.height for node in net.nodes.values())
        stream = keeper.channel.blocks(tip)
        assert (await anext(stream)).certificate is not None
        await stream.aclose()
        status = keeper.channel.status()
        assert (status["role"], status["applied_height"]) == ("observer", 0)


async def test_a_log_that_is_rotated_at_every_block_still_brings_everyone_back(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("node.ordering.journal.ROTATE_BYTES", 1)
    net = Cluster(tmp_path, 4)
    try:
        await net.start_all()
        for i in range(4):
            await commit(net, f"n{i}")
        await net.stop("n1")
        await commit(net, "n2")
        await net.start("n1")
        await net.same_state()
        await net.stop_all()
        await net.start_all()
        status = await commit(net, "n1")
        assert status.receipt is not None and status.receipt.outcome == "ok"
        await net.same_state()
        await have_roles(net, *["validator"] * 4)
    finally:
        await net.stop_all()


async def test_a_lone_validator_votes_again_only_when_its_operator_accepts_the_loss(tmp_path):
    net = Cluster(tmp_path, 1)
    try:
        await net.start("n0")
        await commit(net, "n0")
        await net.stop("n0")
        shutil.rmtree(tmp_path / "n0" / "wal")
        node = await net.start("n0")
        assert (await first_role(node)).startswith("observer (the write-ahead log is gone")
        await net.stop("n0")
        await net.start("n0", is_wal_loss_accepted=True)
        await commit(net, "n0")
        await net.stop("n0")
        await net.start("n0")  # once is enough
        await commit(net, "n0")
    finally:
        await net.stop_all()


def test_a_log_is_given_up_only_where_too_few_others_are_in_force_to_vouch(tmp_path):
    small, large = (genesis_state(Cluster(tmp_path, n).genesis.config) for n in (2, 4))
    check_may_accept_loss(small)
    with pytest.raises(CityError, match="CITY-6006"):
        check_may_accept_loss(large)
    raft = replace(small.config, consensus=replace(small.config.consensus, kind="raft"))
    with pytest.raises(CityError, match="CITY-6006"):
        check_may_accept_loss(genesis_state(raft))


@pytest.mark.parametrize("part", ["state_root", "receipts_root"])
async def test_execution_that_is_behind_is_compared_with_the_headers_that_are_there(tmp_path, part):
    # The core of a new life knows its tip's header only; receipts that differ below would go unnoticed.
    async with cluster(tmp_path, 1) as net:
        await commit(net, "n0")
        node = net.nodes["n0"]
        await net.at_height(2)
        header = node.channel.pipeline.ledger.blocks.header(2)
        roots = StateRoots(header.state_root, header.receipts_root)
        await node.channel.pipeline._on_applied(Applied(1, roots, (), 0, 0, 0))
        wrong = replace(roots, **{part: Hash(bytes(32))})
        with pytest.raises(ChannelHalted, match=part.replace("_", " ")):
            await node.channel.pipeline._on_applied(Applied(1, wrong, (), 0, 0, 0))
