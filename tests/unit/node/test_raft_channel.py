"""A channel ordered by Raft, in one process: the same node around another engine."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from consensus.raft.ordering.hearing import OBSERVER_WAL_LOST
from node.genesis import check
from node.identity.signers import MemorySigner
from node.proofs.reading import verify_proof
from node.trust import RAFT_TRUST
from tests.oracle.evidence import verify_file
from tests.unit.node.network import PATIENT_MS, SECONDS, SUITE, Cluster, cluster, make_genesis
from tests.unit.node.test_reconfiguration import (
    Votes,
    commit,
    configure,
    count,
)
from tests.unit.node.waiting import have_epoch, have_roles, ready, voting


async def known_leader(net: Cluster) -> str:
    """As n0 knows it; a busy machine may be electing one."""
    channel = net.nodes["n0"].channel
    async with asyncio.timeout(SECONDS):
        while not (leader := channel.status()["leader"]):
            await channel.pipeline.progress(0.1)
    return str(leader)


def test_a_genesis_may_choose_raft_and_nothing_unknown():
    check(make_genesis(4, kind="raft")[0].config)
    with pytest.raises(ValueError, match="use pbft or raft"):
        check(make_genesis(4, kind="poa")[0].config)


async def test_what_it_orders_is_proven_by_a_majority_and_its_status_says_whom_it_trusts(tmp_path):
    async with cluster(tmp_path, 5, kind="raft") as net:
        await ready(net)
        envelope = net.envelope()
        await commit(net, "n0", envelope)
        proof = await net.nodes["n3"].channel.transaction_proof(net.id(envelope))
        shown = verify_proof(proof, net.channel_id)
        assert (shown["validators"], shown["quorum"]) == (5, 3)
        verify_file(proof, bytes(net.channel_id), lambda line: None)
        status = net.nodes["n1"].channel.status()
        assert (status["consensus"], status["trust"]) == ("raft", RAFT_TRUST)
        assert (status["quorum"], status["faults_tolerated"]) == (3, 0)
        await net.same_state()


async def test_the_leader_is_lost_and_the_others_go_on_and_it_comes_back(tmp_path):
    async with cluster(tmp_path, 3, kind="raft") as net:
        await count(net)
        leader = await known_leader(net)
        await net.stop(leader)
        for name in net.nodes:
            await count(net, name)
        await net.start(leader)
        await count(net, leader)
        await ready(net)
        await net.same_state()


async def test_a_leader_that_stops_in_good_order_hands_over_first(tmp_path):
    async with cluster(tmp_path, 3, kind="raft", base_timeout_ms=PATIENT_MS) as net:
        await count(net)
        leader = net.nodes["n0"].channel.status()["leader"]
        view = net.nodes[leader].channel.status()["view"]
        others = [name for name in net.nodes if name != leader]
        await net.nodes[others[0]].channel.leave()  # leads nothing
        assert net.nodes[leader].channel.status()["leader"] == leader
        await net.nodes[leader].channel.leave()
        status = net.nodes[leader].channel.status()
        assert status["leader"] in others and status["view"] == view + 1
        await net.stop(leader)
        await count(net, others[0])
        await net.start(leader)
        await count(net, leader)
        await net.same_state()


async def test_an_observer_follows_by_certificates(tmp_path):
    async with cluster(tmp_path, 3, kind="raft") as net:
        await net.start("watcher")
        await count(net, "watcher")
        await have_roles(net, *["validator"] * 3, "observer")
        await ready(net)
        await net.same_state()


async def test_a_wiped_log_is_not_voted_from_and_the_node_says_what_it_needs(tmp_path):
    async with cluster(tmp_path, 3, kind="raft") as net:
        await count(net)
        await net.stop("n2")
        for file in (tmp_path / "n2" / "wal").iterdir():
            file.unlink()
        await net.start("n2")
        await count(net)
        await net.same_state()
        assert net.nodes["n2"].channel.status()["role"] == f"observer ({OBSERVER_WAL_LOST})"


async def test_a_node_whose_folder_was_wiped_votes_when_it_has_heard_all_others(tmp_path):
    async with cluster(tmp_path, 3, kind="raft") as net:
        await count(net)
        await net.stop("n2")
        shutil.rmtree(tmp_path / "n2")
        await net.start("n2")
        await voting(net, "n2")
        await net.stop("n1")  # now its vote is needed
        await count(net)
        await net.same_state()


async def test_validators_leave_join_and_change_their_keys(tmp_path):
    net = Cluster(tmp_path, 4, kind="raft")
    new, joining, identity = (MemorySigner(SUITE.generate_key()) for _ in range(3))
    try:
        for n in range(4):
            keys = Votes(net.keys.votes[n], new) if n == 2 else None
            await net.start(f"n{n}", votes=keys)
        await count(net)
        receipt = await configure(net, "n0", "replace_key", name="n2", vote_key=new.public_key)
        assert receipt.outcome == "ok", receipt
        receipt = await configure(net, "n0", "remove_validator", name="n3")
        assert receipt.outcome == "ok", receipt
        await have_roles(net, *["validator"] * 3, "observer")
        await net.start("watcher", votes=Votes(joining))
        receipt = await configure(
            net,
            "n0",
            "add_validator",
            name="watcher",
            city="Here",
            member_id="m-bob",
            identity_key=identity.public_key,
            vote_key=joining.public_key,
            transport_cert=b"certificate",
        )
        assert receipt.outcome == "ok", receipt
        await have_epoch(net, 3)
        await voting(
            net, "watcher"
        )  # it has heard all others: nobody had to say that its key is new
        await net.stop("n1")  # three of four are a majority only with the new one
        await count(net)
        await net.same_state()
    finally:
        await net.stop_all()


async def test_a_full_window_of_many_transactions_is_ordered_once(tmp_path):
    async with cluster(tmp_path, 4, kind="raft", window=4) as net:
        envelopes = [net.envelope() for _ in range(60)]
        for number, node in enumerate(net.nodes.values()):
            await node.channel.submit(envelopes[number * 15 : number * 15 + 15])
        async with asyncio.timeout(SECONDS):
            for envelope in envelopes:
                status = await net.nodes["n0"].channel.wait(net.id(envelope), "committed")
                assert status.receipt is not None and status.receipt.outcome == "ok"
        await net.same_state()
