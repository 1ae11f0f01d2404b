"""Nodes are killed with SIGKILL and come back. What was acknowledged stays, and all reach one state."""

from __future__ import annotations

import shutil

import pytest

from consensus.certificate import CommitCert, bitmap_indexes
from consensus.encoding import decode
from node.opening import read_genesis
from tests.cluster.cluster import CALL_SECONDS, Cluster
from tests.cluster.conftest import BOTH_ENGINES
from tests.cluster.test_reconfiguration import leader_of, status_when

pytestmark = [pytest.mark.cluster, BOTH_ENGINES]


async def test_each_node_killed_in_turn_comes_back_to_the_same_state(four: Cluster) -> None:
    # Every city once, the leader among them: three go on, the fourth returns and catches up.
    done = await four.call("open_account", {"owner": "a", "amount": 1_000})
    leader = await leader_of(four)
    for number, victim in enumerate([leader, *(s for s in four.slugs if s != leader)]):
        four.kill(victim)
        witness = next(s for s in four.slugs if s != victim)
        transfer = {"source": "a", "to": f"b{number}", "amount": 10}
        done = await four.call("transfer", transfer, witness)
        four.start(victim)
        assert len(await four.roots(done.block)) == 1
    async with four.net() as net:
        assert (await net.query("transfer", "balance_of", {"owner": "a"})).value == 960
    assert len(await four.histories(done.block)) == 1


async def test_all_killed_at_once_come_back_with_everything_acknowledged(four: Cluster) -> None:
    done = [await four.call("open_account", {"owner": f"o{n}", "amount": n + 1}) for n in range(3)]
    for slug in four.slugs:
        four.kill(slug)
    four.up()
    for slug in four.slugs:
        # One of them may have died before it had what the others acknowledged.
        await four.applied(slug, done[-1].block)
        async with four.net(slug) as net:
            for number, each in enumerate(done):
                found = await net.transaction(each.tx_id)
                assert (found.height, found.receipt.outcome) == (each.block, "ok")
                answer = await net.query("transfer", "balance_of", {"owner": f"o{number}"})
                assert answer.value == number + 1
    after = await four.call("open_account", {"owner": "later", "amount": 5})
    assert len(await four.roots(after.block)) == 1


async def test_two_of_four_cannot_order_and_nothing_is_lost_when_they_can(four: Cluster) -> None:
    # Two cities are no quorum and no majority: a transaction is taken and waits; with a third it is committed.
    gone = four.slugs[:2]
    for slug in gone:
        four.kill(slug)
    async with four.net(four.slugs[2]) as net:
        args = {"owner": "waiting", "amount": 7}
        tx = await net.submit("transfer", "open_account", args, gas_limit=100_000)
        four.start(gone[0])
        done = await tx.wait("committed", timeout=CALL_SECONDS)
    four.start(gone[1])
    assert done.value == 7
    assert len(await four.roots(done.block)) == 1


async def _sealed_by(cluster: Cluster, slug: str, heights: range) -> list[int]:
    """Heights among these whose certificate bears this node's seal."""
    config = read_genesis(cluster.layout.node(slug) / "channels" / "main").config
    names = [cluster.slug_of(node.name) for node in config.nodes]
    found = []
    async with cluster.net(slug) as net:
        for height in heights:
            cert = decode(CommitCert, (await net.block(height)).raw_certificate)
            if names.index(slug) in bitmap_indexes(cert.signers, len(names)):
                found.append(height)
    return found


async def test_a_wiped_node_catches_up_by_certified_blocks_and_votes_from_no_lost_memory(
    engine: str, four: Cluster
) -> None:
    # A disk is replaced: state and log are gone. The node repairs itself and must not vote from memory it
    # lost. Over PBFT it votes again above a checkpoint of the others, at least 2W above the tip that they
    # had; over Raft never under this key, as its blocks tell that there was a log, and it says what it needs.
    done = await four.call("open_account", {"owner": "a", "amount": 11})
    victim, witness = four.slugs[1], four.slugs[2]
    four.kill(victim)
    channel = four.layout.node(victim) / "channels" / "main"
    window = read_genesis(channel).config.consensus.window
    tip = (await four.applied(witness, done.block))["height"]
    for part in ("state", "wal"):
        shutil.rmtree(channel / part)
    four.start(victim)
    assert len(await four.roots(done.block)) == 1
    for number in range(3 * window):
        later = await four.call("open_account", {"owner": f"b{number}", "amount": 1}, witness)
    assert len(await four.roots(later.block)) == 1
    if engine == "raft":
        role = (await four.applied(victim, later.block))["role"]
        assert role.startswith("observer") and "new vote key" in role, role
        silent_to = later.block
    else:
        silent_to = tip + 2 * window
        await status_when(four, victim, role="validator")
    # What it had said before it was killed may stand in certificates up to W above that tip.
    assert later.block >= silent_to
    assert await _sealed_by(four, victim, range(tip + window + 1, silent_to + 1)) == []
