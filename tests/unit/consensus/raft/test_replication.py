from __future__ import annotations

import pytest

from consensus.api import InvariantBroken
from consensus.raft import Entry, EntryId, HardState, ProposalDropped, Snapshot, StableLog
from consensus.raft.config import entry_bytes
from consensus.raft.log import Log
from consensus.raft.messages import (
    Append,
    AppendReply,
    Heartbeat,
    HeartbeatReply,
    InstallSnapshot,
    VoteReply,
)
from consensus.raft.progress import ProgressState
from tests.unit.consensus.raft.net import Member, Net, stored, voters


def match_of(leader: Member, member: int) -> tuple[int, int]:
    (status,) = [one for one in leader.node.status().members if one.id == member]
    return status.match, status.next


def test_a_lone_leader_commits_nothing_before_its_write_is_durable() -> None:
    node = Member(1, stored(voters(1)))
    node.node.campaign()
    node.settle()
    node.node.propose(b"x")
    ready = node.node.ready()
    assert [entry.data for entry in ready.entries] == [b"x"]
    assert ready.committed == ()
    node.log.save(ready)
    node.node.advance()
    assert [entry.data for entry in node.node.ready().committed] == [b"x"]


def test_a_leader_does_not_count_its_own_write_until_it_is_durable() -> None:
    leader = Net(1, 2, 3).lead(1)
    leader.node.propose(b"x")
    ready = leader.node.ready()
    assert {message.to for message in ready.messages} == {2, 3}  # they go out beside the write
    leader.node.step(AppendReply(2, 1, 1, 3))
    assert leader.node.status().committed == 2  # 2 alone is no majority of three
    leader.log.save(ready)
    leader.node.advance()
    assert leader.node.status().committed == 3


def test_the_others_commit_without_the_leader_if_its_disk_is_slow() -> None:
    leader = Net(1, 2, 3).lead(1)
    leader.node.propose(b"x")
    leader.node.ready()
    leader.node.step(AppendReply(2, 1, 1, 3))
    leader.node.step(AppendReply(3, 1, 1, 3))
    assert leader.node.status().committed == 3


def test_an_acknowledgement_waits_for_the_write() -> None:
    node = Member(2, stored(voters(1, 2, 3)))
    node.node.step(Append(1, 2, 1, EntryId(1, 1), (Entry(1, 2, b"x"),)))
    ready = node.node.ready()
    assert ready.messages == ()
    assert ready.replies == (AppendReply(2, 1, 1, 2),)
    assert ready.is_sync_needed


def test_an_entry_of_an_older_term_is_not_committed_by_counting() -> None:
    # Figure 8 of the paper: it may be on a majority and still be replaced.
    leader = Member(1, stored(voters(1, 2, 3), [1, 2], HardState(2, 0, 1)))
    leader.node.campaign()
    leader.settle()
    for is_pre in (True, False):
        leader.hear(VoteReply(2, 1, 3, is_granted=True, is_pre=is_pre))
    leader.hear(AppendReply(2, 1, 3, 3))
    assert leader.node.status().committed == 1
    leader.hear(AppendReply(2, 1, 3, 4))
    assert leader.node.status().committed == 4


def test_a_late_rejection_rolls_nothing_back() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    for _ in range(5):
        leader.node.propose(b"x")
    net.run()
    before = match_of(leader, 2)
    assert before == (7, 8)
    assert leader.hear(AppendReply(2, 1, 1, 4, EntryId(1, 3))) == []
    assert match_of(leader, 2) == before


def test_a_late_acknowledgement_lowers_nothing() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    for _ in range(5):
        leader.node.propose(b"x")
    net.run()
    leader.hear(AppendReply(2, 1, 1, 3))
    assert match_of(leader, 2) == (7, 8)


def test_an_old_append_cuts_off_nothing_that_came_after_it() -> None:
    node = Member(2, stored(voters(1, 2, 3), [1, 1, 1], HardState(1, 0, 1)))
    node.hear(Append(1, 2, 1, EntryId(1, 1), (Entry(1, 2),)))
    assert node.log.last_index == 4


def test_entries_of_another_leader_are_replaced() -> None:
    node = Member(2, stored(voters(1, 2, 3), [1, 2, 2]))
    node.hear(Append(1, 2, 3, EntryId(1, 2), (Entry(3, 3, b"new"),)))
    assert node.log.last_index == 3 and node.log.entry(3) == Entry(3, 3, b"new")


def test_nothing_committed_is_ever_replaced() -> None:
    node = Member(2, stored(voters(1, 2, 3), [1, 1], HardState(1, 0, 3)))
    (reply,) = node.hear(Append(1, 2, 5, EntryId(5, 3), (Entry(5, 4),)))
    assert isinstance(reply, AppendReply) and reply.is_rejected
    node.hear(Append(1, 2, 5, EntryId(1, 2), (Entry(5, 3),)))
    assert node.log.entry(3) == Entry(1, 3) and node.log.last_index == 3
    log = Log(node.log, entry_bytes)
    log.commit_to(3)
    with pytest.raises(InvariantBroken):
        log.append([Entry(5, 3)])
    with pytest.raises(InvariantBroken):
        log.commit_to(4)


def test_a_committed_index_is_answered_to_who_asks_below_it() -> None:
    node = Member(2, stored(voters(1, 2, 3), [1, 1, 1], HardState(1, 0, 4)))
    said = node.hear(Append(1, 2, 2, EntryId(1, 2), (Entry(2, 3),)))
    assert said == [AppendReply(2, 1, 2, 4)]


def test_no_more_than_so_many_appends_are_on_their_way() -> None:
    net = Net(1, 2, 3, inflight_max=3)
    leader = net.lead(1)
    for number in range(10):
        leader.node.propose(b"%d" % number)
    appends = [m for m in leader.settle() if isinstance(m, Append) and m.to == 2]
    assert [len(one.entries) for one in appends] == [1, 1, 1]
    leader.hear(AppendReply(2, 1, 1, appends[0].entries[0].index))
    # A heartbeat's answer lets an empty append through a full window, as all in it may be lost.
    said = leader.hear(HeartbeatReply(3, 1, 1))
    assert [m.entries for m in said if isinstance(m, Append)] == [()]


def test_no_more_than_so_many_bytes_are_on_their_way_but_one_large_message_always_goes() -> None:
    net = Net(1, 2, 3, inflight_bytes_max=100)
    leader = net.lead(1)
    leader.node.propose(b"x" * 1000)
    leader.node.propose(b"y")
    appends = [m for m in leader.settle() if isinstance(m, Append) and m.to == 2]
    assert [len(m.entries[0].data) for m in appends] == [1000]


def test_a_message_holds_no_more_than_its_cap_but_always_one_entry() -> None:
    net = Net(1, 2, 3, message_bytes_max=100)
    leader = net.lead(1)
    net.isolate(3)
    for size in (50, 50, 500, 10):
        leader.node.propose(b"x" * size)
        net.run()
    net.heal()
    sent: list[list[int]] = []

    def is_passed(message: object) -> bool:
        if isinstance(message, Append) and message.to == 3 and message.entries:
            sent.append([len(entry.data) for entry in message.entries])
        return True

    net.is_passed = is_passed
    net.tick(3)
    assert net[3].data == leader.data
    assert all(len(sizes) == 1 or sum(sizes) <= 100 for sizes in sent)


def test_proposals_are_dropped_when_too_much_is_uncommitted_and_taken_again_later() -> None:
    net = Net(1, 2, 3, uncommitted_bytes_max=100)
    leader = net.lead(1)
    net.isolate(1)
    leader.node.propose(b"x" * 90)
    with pytest.raises(ProposalDropped):
        leader.node.propose(b"y" * 20)
    leader.node.propose(b"")  # weighs nothing
    net.heal()
    net.tick(3)
    assert leader.data == [b"x" * 90]
    leader.node.propose(b"y" * 200)  # larger than the cap, but alone
    net.run()
    assert leader.data[-1] == b"y" * 200


def test_a_member_behind_the_log_gets_a_snapshot_and_the_rest() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    net.isolate(3)
    for number in range(6):
        leader.node.propose(b"%d" % number)
        net.run()
    leader.log.compact(leader.node.snapshot(b"pointer"))
    leader.node.propose(b"after")
    net.run()
    net.heal()
    net.tick(3)
    assert net[3].log.snapshot() == Snapshot(8, 1, voters(1, 2, 3), b"pointer")
    assert net[3].data == [b"after"]
    assert net[3].node.status().committed == leader.node.status().committed


def test_a_snapshot_that_gets_lost_is_sent_again() -> None:
    net = Net(1, 2, 3, snapshot_ticks_max=5)
    leader = net.lead(1)
    net.isolate(3)
    leader.node.propose(b"x")
    net.run()
    leader.log.compact(leader.node.snapshot(b""))
    net.is_passed = lambda message: not isinstance(message, InstallSnapshot)
    net.tick(3)
    (member,) = [one for one in leader.node.status().members if one.id == 3]
    assert member.state is ProgressState.SNAPSHOT
    net.heal()
    net.tick(10)
    assert net[3].node.status().committed == 3


def test_a_snapshot_of_what_is_here_only_moves_the_commit_index() -> None:
    node = Member(2, stored(voters(1, 2, 3), [1, 1, 1]))
    said = node.hear(InstallSnapshot(1, 2, 1, Snapshot(3, 1, voters(1, 2, 3))))
    assert said == [AppendReply(2, 1, 1, 3)]
    assert node.log.first_index == 2 and node.node.status().committed == 3


def test_a_snapshot_without_this_node_is_not_for_it() -> None:
    node = Member(2, stored(voters(1, 2, 3)))
    node.hear(InstallSnapshot(1, 2, 1, Snapshot(9, 1, voters(1, 3))))
    assert node.node.status().committed == 1


def test_unreachable_members_are_probed() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    leader.node.report_unreachable(2)
    states = {one.id: one.state for one in leader.node.status().members}
    assert states[2] is ProgressState.PROBE and states[3] is ProgressState.REPLICATE


def test_a_follower_commits_no_further_than_what_it_was_shown_to_match() -> None:
    # Index 4 here is of a leader long gone; that the other one committed its own 4 says nothing of it.
    node = Member(2, stored(voters(1, 2, 3), [1, 1, 2]))
    node.hear(Append(1, 2, 5, EntryId(1, 2), (Entry(1, 3),), commit=4))
    assert node.node.status().committed == 3


def test_only_the_answer_to_the_last_probe_moves_a_probe() -> None:
    leader = Net(1, 2, 3).lead(1)
    for _ in range(5):
        leader.node.propose(b"x")
    leader.settle()
    leader.node.report_unreachable(2)
    before = match_of(leader, 2)
    late = AppendReply(2, 1, 1, 6, EntryId(1, 1))  # of an append sent before
    assert leader.hear(late) == []
    assert match_of(leader, 2) == before == (2, 3)
    assert leader.hear(AppendReply(2, 1, 1, 1, EntryId(1, 1))) == []


# --- asynchronous writes ----------------------------------------------------------------------------


def asynchronous(terms: list[int]) -> Member:
    return Member(2, stored(voters(1, 2, 3), terms), is_asynchronous=True)


def test_nothing_is_applied_here_before_it_is_durable_here() -> None:
    node = asynchronous([])
    node.node.step(Append(1, 2, 1, EntryId(1, 1), (Entry(1, 2, b"x"),), commit=2))
    ready = node.node.ready()
    assert node.node.status().committed == 2
    assert ready.write is not None and ready.write.receipt is not None and ready.apply is None
    node.log.save(ready.write)
    node.node.written(ready.write.receipt)
    assert node.node.ready().committed == (Entry(1, 2, b"x"),)


def test_a_receipt_of_an_older_term_proves_nothing_about_the_same_entry_written_again() -> None:
    # Entry 2 of term 1 is being written, then 2 of term 2 in its place, then 2 of term 1 again.
    node = asynchronous([])
    first, second = Entry(1, 2, b"a"), Entry(2, 2, b"b")
    writes = []
    for leader, term, entry in ((1, 1, first), (3, 2, second), (1, 3, first)):
        node.node.step(Append(leader, 2, term, EntryId(1, 1), (entry,)))
        write = node.node.ready().write
        assert write is not None and write.receipt is not None
        writes.append(write)
    # The disk does the first write: its picture is right for a moment, with the second one to come.
    node.log.save(writes[0])
    node.node.written(writes[0].receipt)  # type: ignore[arg-type]
    node.log.save(writes[1])
    assert node.node.entry(2) == first
    node.node.written(writes[1].receipt)  # type: ignore[arg-type]
    assert node.node.entry(2) == first
    node.log.save(writes[2])
    node.node.written(writes[2].receipt)  # type: ignore[arg-type]
    assert node.node.entry(2) == first == node.log.entry(2)


def test_entries_whose_receipt_was_void_are_known_to_be_durable_with_the_next_write() -> None:
    node = asynchronous([])
    node.node.step(Append(1, 2, 1, EntryId(1, 1), (Entry(1, 2),)))
    first = node.node.ready().write
    node.node.step(Heartbeat(3, 2, 2, commit=1))
    second = node.node.ready().write  # of a term alone, without entries
    assert first is not None and second is not None and not second.entries
    node.log.save(first)
    node.node.written(first.receipt)  # type: ignore[arg-type]
    node.log.save(second)
    assert second.receipt is not None and second.receipt.last == EntryId(1, 2)


def test_a_receipt_for_an_entry_that_was_replaced_in_its_term_frees_nothing() -> None:
    node = asynchronous([1])
    log = Log(node.log, entry_bytes)
    log.append([Entry(3, 2)])
    log.written_to(EntryId(2, 2))
    assert log.has_unwritten
    log.written_to(EntryId(3, 2))
    assert not log.has_unwritten


# --- restart ----------------------------------------------------------------------------------------


def test_committed_entries_above_what_was_applied_come_again() -> None:
    log = stored(voters(1, 2, 3), [1, 1, 1], HardState(1, 0, 4))
    node = Member(1, log, applied=2)
    node.settle()
    assert [entry.index for entry in node.applied] == [3, 4]


def test_what_was_applied_is_committed_even_if_the_commit_index_was_lost() -> None:
    node = Member(1, stored(voters(1, 2, 3), [1, 1, 1], HardState(1, 0, 1)), applied=3)
    assert node.node.status().committed == 3
    node.settle()
    assert node.applied == []


def test_entries_that_outlived_their_term_bring_it_back_without_a_vote() -> None:
    node = Member(1, stored(voters(1, 2, 3), [1, 4], HardState(3, 2, 1)))
    status = node.node.status()
    assert (status.term, status.vote) == (4, 0)


def test_a_log_that_ends_before_what_was_committed_is_refused() -> None:
    with pytest.raises(InvariantBroken):
        stored(voters(1, 2, 3), [1], HardState(1, 0, 9))
    log = stored(voters(1, 2, 3), [1])
    with pytest.raises(InvariantBroken):
        Member(1, log, applied=9)


def test_a_stable_log_takes_no_gap_and_no_entry_below_its_snapshot() -> None:
    log = StableLog.of(snapshot=Snapshot(5, 2, voters(1)))
    with pytest.raises(InvariantBroken):
        log.append([Entry(2, 7)])
    with pytest.raises(InvariantBroken):
        log.append([Entry(2, 5)])
    with pytest.raises(InvariantBroken):
        log.append([Entry(2, 6), Entry(2, 8)])
    log = StableLog.of(snapshot=Snapshot(5, 2, voters(1)), entries=[Entry(2, 6), Entry(3, 7)])
    with pytest.raises(InvariantBroken):
        log.compact(Snapshot(7, 2, voters(1)))
    log.compact(Snapshot(7, 3, voters(1)))
    log.compact(Snapshot(6, 2, voters(1)))
    assert (log.first_index, log.last_index, log.term(7), log.term(6)) == (8, 7, 3, None)


def test_a_heartbeat_commits_what_it_says() -> None:
    node = Member(2, stored(voters(1, 2, 3), [1, 1]))
    node.hear(Heartbeat(1, 2, 1, commit=2))
    assert [entry.index for entry in node.applied] == [2]
