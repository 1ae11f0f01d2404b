"""Blocks over Raft: who may build, what is sealed when, what a crash may not change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consensus.api import (
    Behind,
    Broadcast,
    Deliver,
    Forward,
    Keep,
    Leaving,
    Need,
    PeerConnected,
    Persist,
    ProtocolViolation,
    Received,
    Send,
    Synced,
    Tick,
    TxDropped,
    TxWaiting,
)
from consensus.certificate import KIND_RAFT, certificate_items
from consensus.encoding import Hash, Sig, encode
from consensus.raft.messages import EntryId
from consensus.raft.ordering import replica, retain
from consensus.raft.ordering.hearing import OBSERVER_WAL_LOST
from consensus.raft.ordering.messages import (
    Append,
    AppendReply,
    BlockEntry,
    Decided,
    Head,
    Heartbeat,
    HeartbeatReply,
    Hello,
    Message,
    TimeoutNow,
    decode_message,
    decode_pointer,
    encode_message,
)
from consensus.raft.ordering.records import Appended, Compacted, Hard, decode_record, recover
from tests.simulation.ghost import SUITE
from tests.unit.consensus.cluster import CHANNEL
from tests.unit.consensus.raft_cluster import RaftCluster, tx


def running(n: int = 3, window: int = 1, **settings: int) -> tuple[RaftCluster, int]:
    """A cluster with a leader that serves."""
    cluster = RaftCluster(n, window, **settings)
    cluster.connect()
    cluster.flush()
    return cluster, cluster.elect()


def without(*nodes: int):
    return lambda sender, to, message: sender not in nodes and to not in nodes


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("window", [1, 4])
def test_what_is_given_is_ordered_once_and_settled_and_certified_by_a_majority(
    n: int, window: int
) -> None:
    cluster, _ = running(n, window)
    for number in range(12):
        cluster.give(tx(number))
        cluster.pass_time(30)
    cluster.pass_time(1_000)
    cluster.check_agreement()
    assert len(set(cluster.heights())) == 1
    assert sorted(cluster.ordered(0)) == sorted(tx(number).tx_id for number in range(12))
    filled = max(d.block.header.height for d in cluster.blocks[0] if d.block.tx_ids)
    assert cluster.heights()[0] == filled + window, "as many empty blocks as the window is wide"
    for delivered in cluster.blocks[0]:
        items = certificate_items(delivered.cert, KIND_RAFT, SUITE, CHANNEL, cluster.validators)
        assert len(items) == n // 2 + 1 and all(cluster.registry.is_valid(i) for i in items)


def test_the_first_leader_is_there_without_waiting_for_a_timeout() -> None:
    cluster = RaftCluster(3)
    cluster.connect()
    cluster.flush()
    cluster.pass_time(cluster.config.tick_ms)
    assert cluster.leaders() == [0]


def test_an_idle_channel_makes_no_blocks_and_keeps_its_leader() -> None:
    cluster, leader = running()
    term = cluster.cores[0].status().view
    cluster.pass_time(60_000)
    assert cluster.heights() == [0, 0, 0]
    assert cluster.leaders() == [leader] and cluster.cores[0].status().view == term


def test_a_block_is_kept_and_persisted_before_anything_that_rests_on_it_leaves() -> None:
    cluster, leader = running()
    for index in range(3):
        cluster.actions[index].clear()
    cluster.give(tx(1))
    cluster.pass_time(50)
    for index in range(3):
        kinds = [type(action) for action in cluster.actions[index]]
        kept, persisted = kinds.index(Keep), kinds.index(Persist)
        told = kinds.index(Broadcast) if index == leader else kinds.index(Send)
        assert kept < persisted < told or index == leader
        assert persisted < kinds.index(Deliver)


def test_a_leader_that_dies_is_replaced_and_its_clients_work_is_done() -> None:
    cluster, leader = running()
    cluster.give(tx(1))
    cluster.pass_time(60)
    cluster.kill(leader)
    cluster.give(tx(2))
    new = cluster.elect()
    cluster.pass_time(1_000)
    assert new != leader
    assert cluster.ordered(new) == [tx(1).tx_id, tx(2).tx_id]
    cluster.restart(leader)
    cluster.give(tx(3))
    cluster.pass_time(5_000)
    cluster.check_agreement()
    assert len(set(cluster.heights())) == 1 and tx(3).tx_id in cluster.ordered(leader)


def test_a_leader_that_loses_power_before_its_block_was_durable_has_told_nobody() -> None:
    cluster, leader = running()
    cluster.cut_before_persist.add(leader)
    cluster.give(tx(1), to=[leader])
    cluster.pass_time(50)
    assert cluster.cores[leader] is None
    assert not any(isinstance(m, Append) and m.entries for _, _, m in cluster.sent)
    cluster.give(tx(2), to=[i for i in range(3) if i != leader])
    cluster.elect()
    cluster.restart(leader)
    cluster.pass_time(5_000)
    cluster.check_agreement()
    # Its body was durable although its entry was not, so it is ordered later on.
    assert cluster.ordered(leader) == [tx(2).tx_id, tx(1).tx_id]


def test_a_follower_that_loses_power_before_its_entry_was_durable_has_not_sealed_it() -> None:
    cluster, leader = running()
    first, second = (i for i in range(3) if i != leader)
    cluster.cut_before_persist.update({first, second})
    cluster.give(tx(1))
    cluster.pass_time(60)
    assert cluster.heights() == [0, 0, 0], "the leader alone is no majority"
    for index in (first, second):
        cluster.restart(index)
    cluster.give(tx(1))
    cluster.elect()
    cluster.pass_time(5_000)
    cluster.check_agreement()
    assert cluster.ordered(first) == [tx(1).tx_id]


def test_a_leader_in_a_minority_delivers_nothing_steps_down_and_takes_over_the_others_chain() -> (
    None
):
    cluster, leader = running(5)
    friend = (leader + 1) % 5
    minority = {leader, friend}
    cluster.give(tx(1), to=[leader])
    cluster.give(tx(2), to=[i for i in range(5) if i not in minority])

    def divided(sender: int, to: int, message: Message) -> bool:
        return (sender in minority) == (to in minority)

    cluster.pass_time(10_000, divided)
    assert cluster.heights()[leader] == cluster.heights()[friend] == 0
    assert leader not in cluster.leaders(), "nobody heard it for an election timeout"
    (new,) = cluster.leaders()
    assert cluster.ordered(new) == [tx(2).tx_id]
    cluster.pass_time(10_000)
    cluster.check_agreement()
    assert len(set(cluster.heights())) == 1
    assert sorted(cluster.ordered(leader)) == sorted([tx(1).tx_id, tx(2).tx_id])


def test_a_transaction_of_a_block_that_was_replaced_is_ordered_afresh_and_once() -> None:
    cluster, leader = running(3)
    cluster.give(tx(1), to=[leader])
    cluster.pass_time(50, lambda *_: False)
    others = [i for i in range(3) if i != leader]
    cluster.give(tx(2), to=others)
    cluster.pass_time(6_000, without(leader))
    cluster.pass_time(6_000)
    cluster.check_agreement()
    for index in range(3):
        assert sorted(cluster.ordered(index)) == sorted([tx(1).tx_id, tx(2).tx_id])


def test_an_entry_of_an_older_term_is_sealed_with_the_new_leaders_own_entry_and_never_before() -> (
    None
):
    """Figure 8 of the Raft paper: a majority may hold it, and it may still be replaced."""
    cluster, leader = running(3)
    follower, other = (i for i in range(3) if i != leader)
    old_term = cluster.cores[leader].status().view
    cluster.give(tx(1))
    # The leader's block reaches one follower, whose answer is lost; then the leader is gone.
    cluster.pass_time(60, lambda s, to, m: to == follower and s == leader)
    assert len(cluster.cores[follower]._started.flight) == 1
    cluster.kill(leader)
    seals = []

    def watch(sender: int, to: int, message: Message) -> bool:
        if isinstance(message, AppendReply) and message.seals:
            core = cluster.cores[sender]
            last = core._started.raft.term_at(message.index)
            seals.append((message.head.term, last))
        return True

    assert cluster.elect(watch) == follower, "only it has the longer log"
    cluster.pass_time(2_000, watch)
    assert seals and all(term == last > old_term for term, last in seals)
    cert = cluster.blocks[other][0].cert
    assert cert.view > old_term, "the seals are of the new term, although the block is older"
    assert cluster.ordered(other) == [tx(1).tx_id]


def test_a_new_leader_builds_nothing_before_its_first_entry_is_committed() -> None:
    cluster, leader = running(3)
    others = [i for i in range(3) if i != leader]
    cluster.kill(leader)
    cluster.give(tx(1), to=others)
    heard: list[Append] = []

    def only_votes(sender: int, to: int, message: Message) -> bool:
        if isinstance(message, Append):
            heard.append(message)
            return False
        return True

    cluster.pass_time(6_000, only_votes)
    assert heard and all(not e.data for m in heard for e in m.entries)
    assert cluster.heights() == [0, 0, 0]
    cluster.pass_time(6_000)
    assert cluster.ordered(others[0]) == [tx(1).tx_id]


@pytest.mark.parametrize("window", [1, 3])
def test_no_more_blocks_are_in_flight_than_the_window_is_wide(window: int) -> None:
    cluster, leader = running(3, window, block_txs_max=1)
    cluster.give(*(tx(number) for number in range(20)))
    cluster.pass_time(500, without(*(i for i in range(3) if i != leader)))
    assert len(cluster.cores[leader]._started.flight) == window
    cluster.elect()
    cluster.pass_time(10_000)
    assert len(cluster.ordered(leader)) == 20
    cluster.check_agreement()


def test_building_waits_for_execution_as_the_window_says() -> None:
    cluster, _ = running(3, 2, block_txs_max=1)
    cluster.is_executing = False
    cluster.give(*(tx(number) for number in range(9)))
    cluster.pass_time(1_000)
    assert cluster.heights() == [2, 2, 2]


def test_a_follower_without_the_bodies_asks_for_them_and_acknowledges_nothing_yet() -> None:
    cluster, leader = running(3)
    others = [i for i in range(3) if i != leader]
    cluster.is_fetching = False
    cluster.give(tx(1), to=[leader])
    cluster.pass_time(60)
    assert cluster.heights() == [0, 0, 0]
    for index in others:
        assert cluster.acted(index, Need)[-1] == Need((tx(1).tx_id,), leader)
        assert not cluster.acted(index, Keep)
    cluster.give(tx(1), to=others[:1])
    cluster.flush()
    assert cluster.heights()[leader] == 1


def test_a_transaction_that_the_leader_lacks_is_forwarded_to_it() -> None:
    cluster, leader = running(3)
    other = (leader + 1) % 3
    cluster.give(tx(1), to=[other])
    cluster.pass_time(cluster.config.forward_after_ms)
    assert cluster.acted(other, Forward) == [Forward(leader, (tx(1).tx_id,))]


def test_a_transaction_whose_handing_over_was_lost_is_handed_over_again() -> None:
    cluster, leader = running(3)
    other = (leader + 1) % 3
    cluster.give(tx(1), to=[other])
    cluster.pass_time(cluster.config.forward_after_ms, lambda s, to, m: m is not None)
    assert cluster.acted(other, Forward) and cluster.heights() == [0, 0, 0]
    cluster.pass_time(cluster.config.suspect_after_ms + cluster.config.status_interval_ms)
    assert cluster.ordered(other) == [tx(1).tx_id]


def test_a_restart_remembers_term_vote_and_log_and_contradicts_nothing() -> None:
    cluster, _ = running(3)
    for number in range(5):
        cluster.give(tx(number))
        cluster.pass_time(100)
    before = [recover(records, 0) for records in cluster.wal]
    for index in range(3):
        cluster.kill(index)
    for index in range(3):
        cluster.restart(index)
        raft = cluster.cores[index]._started.raft.status()
        assert (raft.term, raft.vote) == (before[index].hard.term, before[index].hard.vote)
        assert raft.last_index == len(before[index].entries)
    cluster.give(tx(9))
    cluster.elect()
    cluster.pass_time(5_000)
    cluster.check_agreement()
    assert tx(9).tx_id in cluster.ordered(0) and len(set(cluster.heights())) == 1


def test_blocks_that_all_had_sealed_and_none_had_stored_come_back_from_the_logs() -> None:
    cluster, _ = running(3)
    cluster.give(tx(1))
    cluster.pass_time(60, lambda s, to, m: not isinstance(m, AppendReply))
    assert cluster.heights() == [0, 0, 0]
    for index in range(3):
        cluster.kill(index)
    for index in range(3):
        cluster.restart(index)
    cluster.elect()
    cluster.pass_time(5_000)
    cluster.check_agreement()
    assert cluster.ordered(2) == [tx(1).tx_id]


def test_a_member_without_its_log_observes_says_why_and_follows_by_certificates() -> None:
    cluster, leader = running(3)
    cluster.give(tx(1))
    cluster.pass_time(1_000)
    wiped = (leader + 1) % 3
    cluster.wipe(wiped)
    cluster.restart(wiped)
    assert cluster.cores[wiped].status().observes_because == OBSERVER_WAL_LOST
    assert "new vote key" in OBSERVER_WAL_LOST
    cluster.actions[wiped].clear()
    cluster.is_fetching = False
    cluster.give(tx(2))
    cluster.pass_time(1_000)
    assert not cluster.acted(wiped, Persist) and not cluster.acted(wiped, Send)
    behind = cluster.acted(wiped, Behind)
    assert behind and behind[-1].height == cluster.heights()[leader]
    for delivered in cluster.blocks[leader][len(cluster.blocks[wiped]) :]:
        cluster.step(wiped, Synced(cluster.now_ms, delivered.block, delivered.cert))
    assert cluster.hashes(wiped) == cluster.hashes(leader)


def test_a_member_whose_disk_was_emptied_below_the_first_block_votes_for_nobody_who_lacks_that() -> (
    None
):
    """It acknowledged a block that only one other holds; with its vote the third could lead without it."""
    cluster, leader = running(3)
    forgetful, other = (i for i in range(3) if i != leader)
    cluster.give(tx(1))
    cluster.pass_time(60, lambda s, to, m: other not in (s, to) and not isinstance(m, Decided))
    assert cluster.heights()[leader] == 1
    cluster.wipe(forgetful)
    cluster.restart(forgetful)
    cluster.kill(leader)
    cluster.connect()
    cluster.pass_time(20_000)
    assert cluster.leaders() == [] and cluster.heights()[other] == 0
    assert "every other member" in cluster.cores[forgetful].status().observes_because
    cluster.restart(leader)
    cluster.connect()
    cluster.pass_time(20_000)
    assert cluster.cores[forgetful].status().observes_because == ""
    cluster.give(tx(2))
    cluster.pass_time(5_000)
    cluster.check_agreement()
    assert cluster.ordered(other) == [tx(1).tx_id, tx(2).tx_id]


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("is_leader", [True, False])
def test_a_member_whose_disk_was_emptied_before_any_block_gets_the_log_again_and_is_counted(
    n: int, is_leader: bool
) -> None:
    """It acknowledged the empty entry of the term, and its leader counts on that."""
    cluster, leader = running(n)
    wiped = leader if is_leader else (leader + 1) % n
    cluster.wipe(wiped)
    cluster.restart(wiped)
    heard: list[Message] = []

    def bounded(sender: int, to: int, message: Message) -> bool:
        heard.append(message)
        assert len(heard) < 400 * n, "messages without end"
        return True

    cluster.connect()
    cluster.pass_time(10_000, bounded)
    cluster.give(tx(1))
    cluster.pass_time(1_000, bounded)
    cluster.check_agreement()
    assert all(cluster.ordered(index) == [tx(1).tx_id] for index in range(n))
    cores = [core for core in cluster.cores if core is not None]
    assert len({core._started.last for core in cores}) == 1 and not cluster.halted(wiped)
    # It is a member like any other: one more may be gone now.
    cluster.kill(next(i for i in range(n) if i != wiped) if n > 2 else wiped)
    cluster.give(tx(2))
    cluster.pass_time(20_000)
    assert (tx(2).tx_id in cluster.ordered(wiped)) == (n > 2)


def test_a_leader_that_still_counts_on_a_lost_log_asks_no_more_often_than_it_beats() -> None:
    cluster, leader = running(2)
    other = 1 - leader
    cluster.wipe(other)
    cluster.restart(other, is_wal_loss_accepted=True)  # a wrong word: this key has voted
    sent: list[Message] = []

    def count(sender: int, to: int, message: Message) -> bool:
        sent.append(message)
        assert len(sent) < 1_000, "messages without end"
        return True

    cluster.give(tx(1))
    cluster.pass_time(cluster.config.base_timeout_ms * 4, count)
    cluster.check_agreement()


def test_a_member_with_an_emptied_disk_helps_nobody_to_lead_whose_log_is_shorter_than_its_own_was() -> (
    None
):
    cluster, leader = running(3)
    for index in range(3):  # once more, without the third ever hearing of a leader
        cluster.wipe(index)
    cluster.restart(leader)
    wiped, third = (i for i in range(3) if i != leader)
    cluster.restart(wiped)
    cluster.restart(third)
    cluster.connect()
    cluster.flush(lambda s, to, m: third not in (s, to) or isinstance(m, Hello))
    cluster.pass_time(20_000, lambda s, to, m: third not in (s, to) or isinstance(m, Hello))
    (first,) = cluster.leaders()
    wiped = next(i for i in range(3) if i not in (first, third))
    assert cluster.cores[third]._started.last == EntryId(0, 0)
    cluster.wipe(wiped)
    cluster.restart(wiped)
    assert "not heard yet: " in cluster.cores[wiped].status().observes_because
    cluster.connect()
    cluster.flush(lambda s, to, m: isinstance(m, Hello))
    assert "until it ends at 1:1 again" in cluster.cores[wiped].status().observes_because
    cluster.kill(first)
    cluster.pass_time(20_000)
    cluster.kill(wiped)
    cluster.restart(wiped)  # nor after another start
    cluster.pass_time(20_000)
    assert cluster.leaders() == [] and cluster.cores[wiped]._started.is_short
    short = retain(cluster.wal[wiped], 0)
    assert recover(short, 0).floor == recover(cluster.wal[wiped], 0).floor != EntryId(0, 0)
    cluster.restart(first)
    cluster.connect()
    cluster.give(tx(1))
    cluster.pass_time(20_000)
    cluster.check_agreement()
    assert all(cluster.ordered(index) == [tx(1).tx_id] for index in range(3))
    assert cluster.cores[wiped].status().observes_because == ""


def test_a_member_that_hears_the_others_first_says_whom_it_awaits() -> None:
    cluster = RaftCluster(4)
    names = [each.name for each in cluster.validators.validators]
    cluster.kill(2)
    cluster.connect()
    cluster.flush()
    reason = cluster.cores[0].status().observes_because
    assert reason.endswith(f"not heard yet: {names[2]}"), reason
    cluster.restart(2)
    cluster.connect()
    cluster.flush()
    assert [core.status().observes_because for core in cluster.cores] == [""] * 4


def test_a_lone_validator_votes_again_at_its_operators_word() -> None:
    cluster, _ = running(1)
    cluster.give(tx(1))
    cluster.pass_time(1_000)
    cluster.wipe(0)
    cluster.restart(0)
    assert cluster.cores[0].status().observes_because == OBSERVER_WAL_LOST
    cluster.restart(0, is_wal_loss_accepted=True)
    cluster.give(tx(2))
    cluster.pass_time(1_000)
    assert cluster.ordered(0) == [tx(1).tx_id, tx(2).tx_id]


def test_a_log_is_shortened_to_what_is_needed_and_a_restart_from_it_goes_on() -> None:
    cluster, _ = running(3)
    for number in range(10):
        cluster.give(tx(number))
        cluster.pass_time(100)
    cluster.pass_time(2_000)
    for index in range(3):
        records, height = cluster.wal[index], cluster.heights()[index]
        short = retain(records, height)
        assert retain(short, height) == short
        assert len(short) < 8 < len(records)
        assert not [r for r in map(decode_record, short[:-2]) if isinstance(r, Appended)]
        cluster.wal[index] = list(short)
        cluster.kill(index)
    for index in range(3):
        cluster.restart(index)
    cluster.give(tx(99))
    cluster.elect()
    cluster.pass_time(5_000)
    cluster.check_agreement()
    assert tx(99).tx_id in cluster.ordered(0)


def test_shortening_keeps_what_is_not_committed_or_not_executed() -> None:
    cluster, _ = running(3)
    for number in range(4):
        cluster.give(tx(number))
        cluster.pass_time(200)
    records = cluster.wal[0]
    kept = [decode_record(each) for each in retain(records, 2)]
    heights = [r.block.height for r in kept if isinstance(r, Appended) and r.block.height]
    assert min(heights) == 3 and heights == sorted(heights)
    (start,) = [r for r in kept if isinstance(r, Compacted)]
    assert start.pointer.height == 2
    assert start.pointer.block_hash == cluster.hashes(0)[1]
    assert [r for r in kept if isinstance(r, Hard)]


def test_a_member_far_behind_is_sent_a_pointer_and_fetches_blocks() -> None:
    cluster, leader = running(3)
    late = (leader + 1) % 3
    cluster.kill(late)
    rest = [i for i in range(3) if i != late]
    for number in range(150):
        cluster.give(tx(number), to=rest)
        cluster.pass_time(60)
    assert cluster.cores[leader]._started.log.first_index > 1, "the log was shortened"
    cluster.restart(late)
    cluster.is_fetching = False
    cluster.pass_time(1_000)
    behind = cluster.acted(late, Behind)[-1]
    assert behind.height > 50 and cluster.heights()[late] == 0
    for delivered in cluster.blocks[behind.from_][: behind.height]:
        cluster.step(late, Synced(cluster.now_ms, delivered.block, delivered.cert))
    cluster.is_fetching = True
    cluster.give(tx(999))
    cluster.pass_time(6_000)
    cluster.check_agreement()
    assert tx(999).tx_id in cluster.ordered(late)
    assert cluster.cores[late]._started.log.first_index > 1
    cluster.kill(rest[0])
    cluster.give(tx(1_000))
    cluster.elect()
    cluster.pass_time(6_000)
    assert tx(1_000).tx_id in cluster.ordered(late), "it counts in the majority again"


def test_a_node_whose_execution_differs_halts_alone() -> None:
    cluster, leader = running(3)
    odd = (leader + 1) % 3
    cluster.diverges.add(odd)
    for number in range(3):
        cluster.give(tx(number))
        cluster.pass_time(500)
    assert [halt.reason for halt in cluster.halted(odd)] == ["state root"]
    others = [i for i in range(3) if i != odd]
    assert all(len(cluster.ordered(i)) == 3 and not cluster.halted(i) for i in others)


def test_a_leader_whose_execution_differs_is_replaced_and_its_roots_are_never_sealed() -> None:
    cluster, leader = running(3)
    cluster.diverges.add(leader)
    cluster.give(tx(1))
    cluster.pass_time(100)
    cluster.give(tx(2))
    cluster.pass_time(30_000)
    others = [i for i in range(3) if i != leader]
    assert all(cluster.ordered(i) == [tx(1).tx_id, tx(2).tx_id] for i in others)
    assert not any(cluster.halted(i) for i in others)


def test_a_committed_entry_that_nobody_can_read_stops_the_channel_and_not_the_process() -> None:
    cluster, leader = running(3)
    cluster.cores[leader]._started.raft.propose(b"from a later version")
    cluster.step(leader, Tick(cluster.now_ms))
    cluster.pass_time(1_000)
    for index in range(3):
        (halt,) = cluster.halted(index)
        assert "cannot be read" in halt.reason and halt.height == 1
    cluster.restart(0)
    assert not cluster.acted(0, Deliver)


def test_a_forged_seal_or_a_word_in_anothers_name_is_a_violation_and_changes_nothing() -> None:
    cluster, leader = running(3)
    other = (leader + 1) % 3
    cluster.give(tx(1))
    cluster.pass_time(60, lambda s, to, m: not isinstance(m, AppendReply))
    core = cluster.cores[leader]
    (flying,) = core._started.flight
    term = core.status().view
    head = Head(CHANNEL, 0, other, 0, term)
    good = cluster.cores[other]._started.seals.own(term, flying)
    forged = replace(good, seal=Sig(bytes(64)))
    reply = AppendReply(head, flying.index, None, (forged,))
    for sender, message in (
        (other, reply),
        (leader, AppendReply(head, flying.index, None, (good,))),
        (other, replace(reply, head=replace(head, channel_id=Hash(bytes(32))))),
        (other, replace(reply, head=replace(head, sender=9))),
        (other, replace(reply, seals=(good,) * 9)),
    ):
        with pytest.raises(ProtocolViolation):
            core.step(Received(cluster.now_ms, sender, message))
    assert cluster.heights()[leader] == 0
    cluster.step(leader, Received(cluster.now_ms, other, replace(reply, seals=(good,))))
    assert cluster.heights()[leader] == 1


def test_a_pbft_certificate_or_one_seal_too_few_is_refused() -> None:
    cluster, leader = running(5)
    cluster.give(tx(1))
    cluster.pass_time(60)
    cert = cluster.blocks[leader][0].cert
    core = cluster.cores[(leader + 1) % 5]
    for wrong in (replace(cert, kind="pbft"), replace(cert, seals=cert.seals[1:])):
        with pytest.raises(ProtocolViolation):
            core.step(Received(cluster.now_ms, leader, Decided(wrong)))


def test_another_epochs_words_are_no_fault_and_a_later_one_is_a_hint() -> None:
    cluster, leader = running(3)
    other = (leader + 1) % 3
    head = Head(CHANNEL, 1, leader, 7, 3)
    cluster.actions[other].clear()
    cluster.step(other, Received(cluster.now_ms, leader, AppendReply(head, 1, None, ())))
    assert cluster.acted(other, Behind) == [Behind(7, leader)]
    cluster.step(other, Received(cluster.now_ms, leader, AppendReply(head, 1, None, ())))
    assert len(cluster.acted(other, Behind)) == 1, "not at every word"


def test_messages_have_one_encoding_and_garbage_is_a_violation() -> None:
    cluster, leader = running(3)
    cluster.give(tx(1))
    seen: dict[str, Message] = {}

    def note(sender: int, to: int, message: Message) -> bool:
        seen[type(message).__name__] = message
        return True

    cluster.pass_time(3_000, note)
    cluster.kill(leader)
    cluster.elect(note)
    assert {"Append", "AppendReply", "Heartbeat", "HeartbeatReply", "Decided"} <= set(seen)
    assert {"VoteRequest", "VoteReply"} <= set(seen)
    for message in seen.values():
        data = encode_message(message)
        assert decode_message(data) == message
        for bad in (data + b"\0", data[:-1], b"\xee" + data[1:], b""):
            with pytest.raises(ProtocolViolation):
                decode_message(bad)
    assert encode(BlockEntry(cluster.genesis, ()))


def test_a_log_cut_after_many_idle_terms_still_points_to_the_last_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pointer below it would let a newcomer to the log build on an older block."""
    cluster, _ = running(3)
    cluster.give(tx(1))
    cluster.pass_time(2_000)
    cluster.pass_time(6_000, without(cluster.elect()))
    height = cluster.heights()[0]
    for index in range(3):
        cluster.pass_time(6_000, without(cluster.elect()))
        cluster.wal[index] = list(retain(cluster.wal[index], height))
        assert not any(e.block.height for e in recover(cluster.wal[index], 0).entries)
        cluster.kill(index)
        cluster.restart(index)
    monkeypatch.setattr(replica, "KEPT_ENTRIES", 1)
    leader = cluster.elect()
    for _ in range(4):
        cluster.pass_time(6_000, without(leader))
        leader = cluster.elect()
    snapshot = cluster.cores[leader]._started.log.snapshot()
    assert snapshot.index > recover(cluster.wal[leader], 0).compacted.index, "it was cut again"
    pointer = decode_pointer(snapshot.data)
    assert (pointer.height, pointer.block_hash) == (height, cluster.hashes(leader)[-1])


def test_a_leader_whose_blocks_are_gone_but_not_its_log_builds_nothing_before_it_has_them_again() -> (
    None
):
    cluster, _ = running(3)
    for number in range(3):
        cluster.give(tx(number))
        cluster.pass_time(1_000)
    height = cluster.heights()[0]
    for index in range(3):
        cluster.wal[index] = list(retain(cluster.wal[index], height))
        cluster.kill(index)
    poor = 0
    blocks, roots = cluster.blocks[poor], cluster.roots[poor]
    cluster.blocks[poor], cluster.roots[poor] = [], roots[:1]
    for index in range(3):
        cluster.restart(index)
    cluster.is_fetching = False
    cluster.give(tx(9), to=[poor])
    cluster.step(poor, PeerConnected(cluster.now_ms, 1))
    cluster.cores[poor]._replica.campaign()
    quiet = lambda s, to, m: not isinstance(m, Decided)  # noqa: E731
    cluster.step(poor, Tick(cluster.now_ms))
    cluster.pass_time(3_000, quiet)
    assert poor in cluster.leaders()
    assert not cluster.blocks[poor] and not cluster.cores[poor]._started.flight.last
    cluster.is_fetching = True
    cluster.pass_time(10_000)
    assert cluster.hashes(poor)[:height] == [each.cert.block_hash for each in blocks]
    cluster.check_agreement()
    assert tx(9).tx_id in cluster.ordered(1)


FAR_MS = 600_000


def timely(cluster: RaftCluster, index: int) -> bool:
    """Whether every block of this node was made with a clock like the others'."""
    times = [each.block.header.timestamp_ms for each in cluster.blocks[index]]
    return all(abs(time_ms - cluster.now_ms) < FAR_MS // 2 for time_ms in times)


@pytest.mark.parametrize("offset_ms", [FAR_MS, -FAR_MS])
@pytest.mark.parametrize("window", [1, 4])
def test_a_leader_whose_clock_is_far_off_orders_nothing_while_a_majority_has_another(
    offset_ms: int, window: int
) -> None:
    cluster = RaftCluster(3, window, offsets={0: offset_ms})
    cluster.connect()
    cluster.flush()
    assert cluster.elect() == 0
    cluster.pass_time(60_000)  # so that even the time of genesis is long ago
    cluster.give(tx(1))
    cluster.pass_time(cluster.config.base_timeout_ms // 2)
    assert cluster.heights() == [0, 0, 0] and cluster.leaders() == [0]
    cluster.pass_time(20_000)
    assert cluster.leaders() != [0]
    for number in range(2, 6):
        cluster.give(tx(number))
        cluster.pass_time(1_000)
    cluster.pass_time(20_000)
    cluster.check_agreement()
    assert len(cluster.ordered(0)) == len(cluster.ordered(1)) == 5, "it follows what is committed"
    assert timely(cluster, 1)


def test_a_follower_whose_clock_is_far_off_takes_what_the_others_committed_and_replaces_nobody() -> (
    None
):
    cluster = RaftCluster(3, offsets={2: FAR_MS})
    cluster.connect()
    cluster.flush()
    leader = cluster.elect()
    for number in range(5):
        cluster.give(tx(number))
        cluster.pass_time(1_000)
    cluster.pass_time(20_000)
    assert len(cluster.ordered(2)) == 5 and cluster.leaders() == [leader] == [0]
    assert [core._started.distrusted_term for core in cluster.cores] == [0, 0, 0]


def test_where_nobody_can_order_without_the_member_whose_clock_is_off_work_goes_on() -> None:
    """Its block waits for another term, and what stands on a time ahead follows that by a millisecond."""
    cluster = RaftCluster(3, offsets={0: FAR_MS})
    cluster.kill(2)
    cluster.restart(2)
    cluster.connect()
    cluster.flush()
    assert cluster.elect() == 0
    cluster.kill(2)
    for number in range(3):
        cluster.give(tx(number))
        cluster.pass_time(60_000)
    assert len(cluster.ordered(1)) == 3
    cluster.restart(2)
    cluster.connect()
    cluster.kill(0)
    cluster.elect()
    cluster.give(tx(9))
    cluster.pass_time(20_000)
    cluster.check_agreement()
    assert tx(9).tx_id in cluster.ordered(2)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_leader_that_leaves_hands_over_at_once_and_no_work_is_lost(n: int) -> None:
    cluster, leader = running(n)
    cluster.give(tx(1))
    cluster.pass_time(60)
    term, began_ms = cluster.cores[leader].status().view, cluster.now_ms
    cluster.give(tx(2))
    cluster.step(leader, Leaving(cluster.now_ms))
    cluster.give(tx(3), to=[leader])
    assert cluster.timers[leader] > cluster.now_ms, "it builds nothing meanwhile, and does not spin"
    cluster.flush()
    (new,) = cluster.leaders()
    assert new != leader and cluster.now_ms == began_ms
    assert cluster.cores[new].status().view == term + 1
    cluster.step(leader, Leaving(cluster.now_ms))  # again, where it leads no more
    cluster.pass_time(5_000)
    cluster.check_agreement()
    assert sorted(cluster.ordered(new)) == sorted(tx(number).tx_id for number in (1, 2, 3))
    assert cluster.leaders() == [new]


def test_a_leader_that_nobody_takes_over_from_leads_on() -> None:
    cluster, leader = running(3)
    cluster.step(leader, Leaving(cluster.now_ms))
    cluster.flush(lambda s, to, m: not isinstance(m, TimeoutNow))
    assert cluster.leaders() == [leader]
    cluster.give(tx(1))
    cluster.pass_time(cluster.config.base_timeout_ms + 1_000)
    assert cluster.leaders() == [leader] and cluster.ordered(leader) == [tx(1).tx_id]
    alone, _ = running(1)
    alone.step(0, Leaving(alone.now_ms))
    alone.give(tx(1))
    alone.pass_time(1_000)
    assert alone.ordered(0) == [tx(1).tx_id]


def test_a_block_from_the_log_is_known_to_change_the_configuration_after_the_pool_gave_it_up() -> (
    None
):
    """Its header need not tell, and whoever took it for another block would build on it."""
    cluster, leader = running(3)
    follower = (leader + 1) % 3
    cluster.give(tx(1))
    cluster.pass_time(60, lambda s, to, m: not isinstance(m, AppendReply))
    cluster.kept[follower] = {}
    cluster.restart(follower)
    flight = cluster.cores[follower]._started.flight
    assert flight.last.block.tx_ids == (tx(1).tx_id,) and not flight.last.is_config
    cluster.step(follower, TxWaiting(cluster.now_ms, (replace(tx(1), is_config=True),)))
    cluster.step(follower, TxDropped(cluster.now_ms, (tx(1).tx_id,)))
    assert flight.last.is_config


def test_an_entry_whose_block_came_by_its_certificate_waits_until_that_is_executed() -> None:
    """A turn's records are durable before the blocks it delivers: a restart in between would find the entry,
    but neither the block nor the bodies."""
    cluster, leader = running(3)
    late, other = [i for i in range(3) if i != leader]
    cluster.is_fetching = cluster.is_executing = False
    cluster.give(tx(1), to=[leader, other])
    cluster.pass_time(60)
    assert cluster.needed(late) and cluster.heights()[late] == 0
    before = len(cluster.actions[late])

    def appended() -> list[int]:
        records = [
            r for a in cluster.actions[late][before:] if isinstance(a, Persist) for r in a.records
        ]
        found = [decode_record(record) for record in records]
        return [each.block.height for each in found if isinstance(each, Appended)]

    cluster.give(tx(1), to=[late])
    assert cluster.heights()[late] == 1 and appended() == []
    cluster.execute(late)
    assert appended() == [1]


@pytest.mark.parametrize("claimed", [(1 << 62) + 1, (1 << 64) - 1])
def test_a_term_that_no_election_reaches_stops_nobody(claimed: int) -> None:
    """Members are trusted not to lie, and one may be broken."""
    cluster, leader = running(3)
    follower, other = (i for i in range(3) if i != leader)
    head = cluster.cores[follower]._started.head(claimed)
    for message in (Heartbeat(head, 0), HeartbeatReply(head)):
        for to in (leader, other):
            with pytest.raises(ProtocolViolation, match="term"):
                cluster.step(to, Received(cluster.now_ms, follower, message))
    cluster.give(tx(9))
    cluster.pass_time(5_000)
    assert all(cluster.ordered(index) == [tx(9).tx_id] for index in range(3))
