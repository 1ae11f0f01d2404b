"""Why rule R13 is there: a promise that its maker has forgotten, kept by a liar until it is worth something.

Four validators. Node 3 once said that it leaves for view 4, lost its WAL, and came to vote again in view 0.
Node 0 lies: it leads the views 0 and 4.
"""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from consensus.certificate import seal_message
from consensus.encoding import ZERO_HASH, Sig
from consensus.header import block_hash, leaves_root
from consensus.pbft.certificates import vote_message
from consensus.pbft.messages import (
    Commit,
    NewView,
    Prepare,
    Proposal,
    ViewChange,
    signed_bytes,
)
from consensus.pbft.view_change import ViewChanger
from consensus.tags import Tag
from tests.simulation.ghost import SUITE, hash_
from tests.unit.consensus.cluster import CHANNEL, Cluster, tx

UNSIGNED = Sig(ZERO_HASH + ZERO_HASH)
LIAR, HONEST, JOINER, FORGETFUL = 0, 1, 2, 3


def admitted() -> Cluster:
    """Node 3 lost its WAL, and votes again above a checkpoint."""
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.settle()
    cluster.pass_time(1_000)
    cluster.wal[FORGETFUL].clear()
    cluster.restart(FORGETFUL)
    cluster.settle()
    assert cluster.cores[FORGETFUL].is_observer_reason is None
    return cluster


def commit_in_view_0(cluster: Cluster) -> Proposal:
    """The next block gets the seals of 0, 1 and 3, and only node 3 sees them all."""
    cluster.give(tx(2), to=[LIAR, HONEST, FORGETFUL])
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal, sender=LIAR)
    knowing = (LIAR, HONEST, FORGETFUL)
    for to in (HONEST, FORGETFUL):
        cluster.receive(to, LIAR, proposal)
    for message in cluster.take(Prepare):
        for to in knowing:
            if to != message.sender:
                cluster.receive(to, message.sender, message)
    for message in cluster.take(Commit):
        if message.sender != FORGETFUL:
            cluster.receive(FORGETFUL, message.sender, message)
    cluster.sent.clear()
    return proposal


def new_view_with_the_forgotten_promise(cluster: Cluster) -> NewView:
    tip_cert = cluster.cores[LIAR]._started.chain.tip_cert

    def view_change(sender: int, cert: object) -> ViewChange:
        unsigned = ViewChange(CHANNEL, 0, sender, 4, cert, (), "", UNSIGNED)  # type: ignore[arg-type]
        return replace(unsigned, signature=cluster.sign(sender, signed_bytes(unsigned, SUITE)))

    forgotten, lie = view_change(FORGETFUL, None), view_change(LIAR, tip_cert)
    cluster.receive(JOINER, LIAR, forgotten)
    cluster.receive(JOINER, LIAR, lie)
    (joined,) = cluster.take(ViewChange, sender=JOINER)
    unsigned = NewView(CHANNEL, 0, LIAR, 4, (lie, joined, forgotten), UNSIGNED)
    return replace(unsigned, signature=cluster.sign(LIAR, signed_bytes(unsigned, SUITE)))


def other_block(cluster: Cluster, proposal: Proposal) -> tuple[Proposal, Commit]:
    """An empty block at the height of the committed one, proposed and sealed by the liar in view 4."""
    header = replace(
        proposal.header,
        tx_count=0,
        tx_root=leaves_root(hash_, ()),
        timestamp_ms=proposal.header.timestamp_ms + 1,
    )
    digest = block_hash(hash_, header)
    vote = cluster.cores[LIAR]._started.vote(header.height, 4, digest)
    signature = cluster.sign(LIAR, vote_message(Tag.PROPOSAL, SUITE, vote))
    seal = cluster.sign(LIAR, seal_message(SUITE, vote))
    commit = Commit(CHANNEL, 0, LIAR, 4, header.height, digest, seal)
    return Proposal(LIAR, 4, header, (), None, signature), commit


def run() -> list[bytes]:
    """Hashes of the blocks that honest nodes have at the height in question."""
    cluster = admitted()
    height = cluster.heights()[0] + 1
    proposal = commit_in_view_0(cluster)
    new_view = new_view_with_the_forgotten_promise(cluster)
    other, commit = other_block(cluster, proposal)
    for to in (HONEST, JOINER):
        cluster.receive(to, LIAR, new_view)
        cluster.receive(to, LIAR, other)
    for kind in (Prepare, Commit):
        for message in cluster.take(kind):
            if message.sender != FORGETFUL:
                cluster.receive(HONEST + JOINER - message.sender, message.sender, message)
    for to in (HONEST, JOINER):
        cluster.receive(to, LIAR, commit)
    assert [cluster.cores[to].status().view for to in (HONEST, JOINER)] == [4, 4]
    return [
        cluster.blocks[node][height - 1].cert.block_hash
        for node in (HONEST, JOINER, FORGETFUL)
        if cluster.heights()[node] >= height
    ]


def test_who_sealed_before_does_not_vote_again_in_a_view_made_of_a_forgotten_promise() -> None:
    assert len(run()) == 1, "only node 3 has a block there"


def test_without_the_floor_of_rule_13_the_chain_forks() -> None:
    with patch.object(ViewChanger, "_votes_above", lambda self, message: 0):
        found = run()
    assert len(dict.fromkeys(found)) == 2, "the schedule is the one that the rule is for"
