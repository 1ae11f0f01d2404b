"""What costs a peer one message costs the others no more than one now and then; and time that ran ahead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consensus.certificate import Seal
from consensus.encoding import ZERO_HASH, Sig
from consensus.header import block_hash
from consensus.pbft.certificates import vote_message
from consensus.pbft.messages import Decided, Prepare, Proposal, Status, ViewChange, signed_bytes
from consensus.tags import Tag
from tests.simulation.ghost import SUITE, hash_
from tests.unit.consensus.cluster import CHANNEL, Cluster, tx

UNSIGNED = Sig(ZERO_HASH + ZERO_HASH)
FLOOD = 200


def low_view_change(cluster: Cluster, view: int) -> ViewChange:
    unsigned = ViewChange(CHANNEL, 0, 3, view, None, (), "", UNSIGNED)
    return replace(unsigned, signature=cluster.sign(3, signed_bytes(unsigned, SUITE)))


def with_a_block() -> Cluster:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.settle()
    cluster.pass_time(10_000)
    cluster.sent.clear()
    return cluster


def decided_to(cluster: Cluster, peer: int) -> int:
    return sum(to == peer and isinstance(m, Decided) for _, to, m in cluster.sent)


def test_a_flood_of_view_changes_with_a_low_tip_is_answered_once() -> None:
    cluster = with_a_block()
    for number in range(FLOOD):
        cluster.receive(1, 3, low_view_change(cluster, 1 + number % 7))
    assert decided_to(cluster, 3) == 1
    cluster.now_ms += cluster.config.status_interval_ms
    cluster.receive(1, 3, low_view_change(cluster, 1))
    assert decided_to(cluster, 3) == 2, "a lost answer comes again"


def test_a_new_block_is_shown_at_once() -> None:
    cluster = with_a_block()
    cluster.receive(1, 3, low_view_change(cluster, 1))
    cluster.give(tx(2), to=[0, 1, 2])
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: 3 not in (s, to))
    cluster.receive(1, 3, low_view_change(cluster, 1))
    heights = [m.cert.height for _, to, m in cluster.sent if to == 3 and isinstance(m, Decided)]
    assert heights == sorted(set(heights)) and heights


def test_a_flood_of_proposals_of_a_leader_that_is_behind_is_answered_once() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal)
    for index in (1, 2, 3):
        cluster.receive(index, 0, proposal)
    cluster.settle()
    cluster.pass_time(10_000)
    cluster.sent.clear()
    for _ in range(FLOOD):
        cluster.receive(1, 0, proposal)
    assert decided_to(cluster, 0) == 1


def test_a_flood_of_statuses_is_answered_once() -> None:
    cluster = with_a_block()
    said = cluster.cores[1].decode_message(cluster.cores[3]._gossip.status(False))
    assert isinstance(said, Status)
    unsigned = replace(said, tip_height=0, view=9)
    low = replace(unsigned, signature=cluster.sign(3, signed_bytes(unsigned, SUITE)))
    for _ in range(FLOOD):
        cluster.receive(1, 3, low)
    assert len([entry for entry in cluster.sent if entry[0] == 1]) <= 3


@pytest.mark.parametrize("window", [1, 4])
def test_a_chain_whose_time_ran_ahead_goes_on_by_the_least_step(window: int) -> None:
    """A validator that was alone had a wrong clock; who joined it must not wait for that hour."""
    cluster = Cluster(4, window)
    hour_ms = 3_600_000
    cluster.now_ms += hour_ms
    cluster.give(tx(1))
    cluster.settle()
    start = cluster.heights()[0]
    cluster.now_ms -= hour_ms
    for index in range(4):
        cluster.restart(index)
    cluster.give(tx(2))
    for _ in range(40):
        cluster.flush()
        cluster.pass_time(50)
    assert min(cluster.heights()) > start
    times = [delivered.block.header.timestamp_ms for delivered in cluster.blocks[0]]
    ahead = times[start - 1 :]
    assert ahead == list(range(ahead[0], ahead[0] + len(ahead)))


def test_a_time_far_ahead_is_waited_out_where_the_chains_is_not() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal)
    assert isinstance(proposal, Proposal)
    header = replace(proposal.header, timestamp_ms=cluster.now_ms + 3_600_000)
    vote = Seal(CHANNEL, 0, 1, 0, block_hash(hash_, header))
    signature = cluster.sign(0, vote_message(Tag.PROPOSAL, SUITE, vote))
    cluster.receive(1, 0, replace(proposal, header=header, signature=signature))
    assert not cluster.take(Prepare, sender=1)
