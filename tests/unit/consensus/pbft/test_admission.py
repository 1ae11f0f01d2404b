"""Rule R13, checkpoints, and the first start: who cannot know what it signed does not vote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consensus.api import Halt, ProtocolViolation, Synced
from consensus.encoding import ZERO_HASH, Sig
from consensus.pbft.admission import OBSERVER_FIRST_START, OBSERVER_LEDGER_LOST
from consensus.pbft.messages import (
    Checkpoint,
    CheckpointRequest,
    NewView,
    Prepare,
    Proposal,
    Status,
    StatusRequest,
    ViewChange,
    signed_bytes,
)
from consensus.pbft.records import (
    Born,
    Entered,
    View,
    decode_record,
    encode_record,
    recover,
    retain,
)
from tests.simulation.ghost import SUITE
from tests.unit.consensus.cluster import CHANNEL, Cluster, tx

UNSIGNED = Sig(ZERO_HASH + ZERO_HASH)


def forgetful(n: int = 4, window: int = 1) -> Cluster:
    """The last node lost its WAL after a block, and has just started again."""
    cluster = Cluster(n, window)
    cluster.give(tx(1))
    cluster.settle()
    cluster.pass_time(1_000)
    cluster.wal[n - 1].clear()
    cluster.restart(n - 1)
    return cluster


def request(cluster: Cluster, sender: int, height: int) -> CheckpointRequest:
    unsigned = CheckpointRequest(CHANNEL, 0, sender, height, UNSIGNED)
    return replace(unsigned, signature=cluster.sign(sender, signed_bytes(unsigned, SUITE)))


@pytest.mark.parametrize("window", [1, 4])
def test_it_votes_again_above_a_checkpoint_that_a_quorum_of_others_signed(window: int) -> None:
    cluster = forgetful(window=window)
    start = cluster.heights()[0]
    cluster.settle()
    core = cluster.cores[3]
    target = start + 2 * window + window + 1
    assert core.is_observer_reason is None and core._admission.target == target
    born = decode_record(cluster.wal[3][0])
    assert isinstance(born, Born) and born.votes_above == target
    assert core.status().stable_checkpoint == target
    assert len(core.stable_checkpoint) >= cluster.validators.quorum
    cluster.give(tx(2))
    cluster.pass_time(50)
    cluster.sent.clear()
    cluster.restart(3)
    assert cluster.cores[3]._started.vote_floor == target, "the floor outlives the life"


def test_it_prepares_nothing_at_or_below_its_floor() -> None:
    cluster = forgetful()
    cluster.settle()
    state = cluster.cores[3]._started
    state.votes_above = state.chain.height + 1
    cluster.give(tx(2))
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal, sender=0)
    cluster.receive(3, 0, proposal)
    assert not cluster.take(Prepare, sender=3)
    state.votes_above -= 1
    cluster.tick(3)
    assert cluster.take(Prepare, sender=3)


def test_only_a_fresh_answer_of_a_voter_counts() -> None:
    cluster = forgetful()
    (question,) = cluster.take(StatusRequest)
    cluster.sent.clear()
    core = cluster.cores[3]
    for sender in (0, 1, 2):
        for change in ({"echo": question.nonce + 1}, {"is_voting": False}):
            said = core.decode_message(cluster.cores[sender]._gossip.status(True, question.nonce))
            assert isinstance(said, Status)
            unsigned = replace(said, **change)
            signature = cluster.sign(sender, signed_bytes(unsigned, SUITE))
            cluster.receive(3, sender, replace(unsigned, signature=signature))
    assert core._admission.target is None and not cluster.take(CheckpointRequest)


def test_one_liar_far_ahead_does_not_keep_it_waiting_where_more_than_a_quorum_answer() -> None:
    cluster = forgetful(n=6)  # q = 4 of 5 others
    (question,) = cluster.take(StatusRequest)
    cluster.sent.clear()
    core = cluster.cores[5]
    for sender in range(5):
        said = core.decode_message(cluster.cores[sender]._gossip.status(True, question.nonce))
        assert isinstance(said, Status)
        if sender == 0:
            unsigned = replace(said, tip_height=1 << 40)
            signature = cluster.sign(0, signed_bytes(unsigned, SUITE))
            said = replace(unsigned, signature=signature)
        cluster.receive(5, sender, said)
    assert core._admission.target == cluster.heights()[1] + 4


def test_a_claim_beyond_all_numbers_is_refused_and_does_not_stop_who_asks() -> None:
    """What it waits for is reckoned from claims, and is said in a message."""
    for claim, is_taken in ((1 << 62, True), ((1 << 62) + 1, False), ((1 << 64) - 1, False)):
        cluster = forgetful()
        (question,) = cluster.take(StatusRequest)
        cluster.sent.clear()
        core = cluster.cores[3]
        for sender in (0, 1, 2):
            said = core.decode_message(cluster.cores[sender]._gossip.status(True, question.nonce))
            assert isinstance(said, Status)
            if sender == 0:
                unsigned = replace(said, tip_height=claim)
                signature = cluster.sign(0, signed_bytes(unsigned, SUITE))
                said = replace(unsigned, signature=signature)
            try:
                cluster.receive(3, sender, said)
            except ProtocolViolation:
                assert sender == 0 and not is_taken
        assert (core._admission.target is not None) == is_taken


def test_checkpoints_of_fewer_than_a_quorum_of_others_or_of_another_state_admit_nobody() -> None:
    cluster = forgetful()
    others: list[tuple[int, Checkpoint]] = []

    def hold(sender: int, to: int, message: object) -> bool:
        if isinstance(message, Checkpoint) and to == 3:
            others.append((sender, message))
            return False
        return True

    for _ in range(3):
        cluster.flush(hold)
        cluster.pass_time(50)
    by_sender = dict(others)
    assert sorted(by_sender) == [0, 1, 2]
    core = cluster.cores[3]
    for sender in (0, 1):
        cluster.receive(3, sender, by_sender[sender])
    wrong = replace(by_sender[2], state_root=ZERO_HASH)
    wrong = replace(wrong, signature=cluster.sign(2, signed_bytes(wrong, SUITE)))
    cluster.receive(3, 2, wrong)
    assert core.is_observer_reason is not None
    cluster.receive(3, 2, by_sender[2])
    assert core.is_observer_reason is None


def test_a_request_is_handed_on_once_and_becomes_work_when_enough_others_did_so() -> None:
    cluster = Cluster(4)
    cluster.receive(1, 3, request(cluster, 3, 3))
    assert cluster.take(CheckpointRequest, sender=1) and not cluster.cores[1]._started.has_work
    cluster.receive(1, 2, request(cluster, 3, 3))
    assert cluster.cores[1]._started.has_work
    cluster.receive(1, 3, request(cluster, 3, 4))
    assert not cluster.take(CheckpointRequest, sender=1), "not so soon again"
    cluster.flush()
    cluster.receive(0, 3, request(cluster, 3, 3))
    cluster.settle()
    assert cluster.heights() == [3, 3, 3, 3]
    assert [core.status().stable_checkpoint for core in cluster.cores] == [3] * 4


def test_a_request_out_of_reach_is_ignored() -> None:
    cluster = Cluster(4)
    cluster.receive(1, 3, request(cluster, 3, 7))
    assert not cluster.cores[1]._started.has_work and not cluster.take(CheckpointRequest)


def test_every_interval_a_checkpoint_becomes_stable() -> None:
    cluster = Cluster(4, checkpoint_interval=2)
    for number in range(3):
        cluster.give(tx(number))
        cluster.settle()
    assert cluster.cores[0].status().stable_checkpoint == cluster.heights()[0] // 2 * 2


def test_a_stable_checkpoint_of_another_state_stops_the_channel() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.settle()
    height = cluster.heights()[0]
    known = cluster.cores[0]._started.chain.known(height)
    assert known is not None
    actions = []
    for sender in (1, 2, 3):
        unsigned = Checkpoint(CHANNEL, 0, sender, height, known[0], ZERO_HASH, ZERO_HASH, UNSIGNED)
        signature = cluster.sign(sender, signed_bytes(unsigned, SUITE))
        actions = cluster.receive(0, sender, replace(unsigned, signature=signature))
    assert [a.height for a in actions if isinstance(a, Halt)] == [height]


def test_a_first_start_is_silent_until_enough_others_are_at_genesis_too() -> None:
    cluster = Cluster(4)
    for index in range(4):
        cluster.wal[index].clear()
    cluster.pass_time(1_000)
    for index in range(4):
        cluster.restart(index)
    cluster.flush(lambda s, to, m: {s, to} <= {0, 1})
    reasons = [core.is_observer_reason for core in cluster.cores]
    assert reasons == [OBSERVER_FIRST_START] * 4 and cluster.wal == [[], [], [], []]
    cluster.pass_time(1_000)
    cluster.flush(lambda s, to, m: 3 not in (s, to))
    assert [core.is_observer_reason for core in cluster.cores[:3]] == [None] * 3


def test_a_wiped_node_that_hears_a_chain_takes_the_longer_way() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.settle()
    cluster.pass_time(1_000)
    cluster.wal[3].clear()
    cluster.blocks[3].clear()
    del cluster.roots[3][1:]
    cluster.restart(3)
    cluster.flush(lambda s, to, m: not isinstance(m, CheckpointRequest))
    core = cluster.cores[3]
    assert core.is_observer_reason == OBSERVER_FIRST_START and core._admission.target == 2 + 4


@pytest.mark.parametrize(("n", "votes"), [(1, True), (2, True), (3, False), (4, False)])
def test_an_operators_word_admits_only_where_there_are_no_q_others(n: int, votes: bool) -> None:
    cluster = Cluster(n)
    cluster.give(tx(1))
    cluster.settle()
    cluster.wal[0].clear()
    cluster.restart(0)
    assert cluster.cores[0].is_observer_reason is not None
    cluster.restart(0, is_wal_loss_accepted=True)
    assert (cluster.cores[0].is_observer_reason is None) == votes


def test_a_wal_ahead_of_the_ledgers_epoch_does_not_vote() -> None:
    cluster = Cluster(4)
    data = [replace_epoch(item) for item in changed(cluster).wal[1]]
    assert recover(data, 0, 1).is_of_later_epoch
    cluster.restart(1, records=tuple(data))
    assert cluster.cores[1].is_observer_reason == OBSERVER_LEDGER_LOST


def changed(cluster: Cluster) -> Cluster:
    """The leader fell silent and view 1 was entered."""
    cluster.give(tx(1), to=[1, 2, 3])
    for _ in range(20):
        cluster.pass_time(500)
        cluster.flush(lambda s, to, m: 0 not in (s, to))
    return cluster


def replace_epoch(item: bytes) -> bytes:
    record = decode_record(item)
    return item if isinstance(record, Born) else encode_record(replace(record, epoch=1))


# --- stale view changes


def stale_new_view(cluster: Cluster) -> NewView:
    """For view 1, with a ViewChange of node 0 that stood at genesis; the chain is at 4 or more."""
    for number in range(1, 5):
        cluster.give(tx(number))
        cluster.settle()
    tip_cert = cluster.cores[1]._started.chain.tip_cert
    changes = []
    for sender, cert in ((0, None), (1, tip_cert), (2, tip_cert)):
        unsigned = ViewChange(CHANNEL, 0, sender, 1, cert, (), "", UNSIGNED)
        signature = cluster.sign(sender, signed_bytes(unsigned, SUITE))
        changes.append(replace(unsigned, signature=signature))
    unsigned_view = NewView(CHANNEL, 0, 1, 1, tuple(changes), UNSIGNED)
    signature = cluster.sign(1, signed_bytes(unsigned_view, SUITE))
    return replace(unsigned_view, signature=signature)


@pytest.mark.parametrize("window", [1, 4])
def test_who_enters_by_a_stale_view_change_votes_only_above_all_it_voted_for(window: int) -> None:
    cluster = Cluster(4, window)
    new_view = stale_new_view(cluster)
    tip = cluster.heights()[2]
    cluster.receive(2, 1, new_view)
    state = cluster.cores[2]._started
    assert (state.view, state.vote_floor) == (1, tip + window)
    entered = [r for r in map(decode_record, cluster.wal[2]) if isinstance(r, Entered)]
    assert entered[-1].votes_above == tip + window
    cluster.restart(2)
    assert cluster.cores[2]._started.vote_floor == tip + window


def test_a_leader_makes_no_new_view_of_a_stale_view_change() -> None:
    cluster = Cluster(4)
    new_view = stale_new_view(cluster)
    cluster.sent.clear()
    for change in new_view.view_changes:
        if change.sender != 1:
            cluster.receive(1, change.sender, change)
    assert cluster.cores[1].status().view == 1 and not cluster.cores[1].status().is_active
    assert not cluster.take(NewView)
    fresh = replace(new_view.view_changes[0], tip_cert=new_view.view_changes[1].tip_cert)
    signature = cluster.sign(0, signed_bytes(fresh, SUITE))
    cluster.receive(1, 0, replace(fresh, signature=signature))
    assert cluster.take(NewView), "the same view again with a higher tip"


def test_a_tip_that_rose_while_changing_view_is_told_and_recorded() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: to != 3)
    cluster.sent.clear()
    core = cluster.cores[3]
    core._changer.suspect("test")
    cluster.tick(3)
    (first,) = cluster.take(ViewChange, sender=3)
    for delivered in cluster.blocks[0]:
        cluster.step(3, Synced(cluster.now_ms, delivered.block, delivered.cert))
    cluster.pass_time(1_000)
    again = cluster.take(ViewChange, sender=3)[-1]
    assert first.new_view == again.new_view and first.tip_cert is None
    assert again.tip_cert is not None and again.tip_cert.height == cluster.heights()[3]
    found = recover(cluster.wal[3], cluster.heights()[3], 1)
    assert found.view_change == again
    kept = [decode_record(item) for item in retain(cluster.wal[3], cluster.heights()[3])]
    assert len([r for r in kept if isinstance(r, View)]) == 1
    assert recover(retain(cluster.wal[3], 0), 0, 1).view_change == again
