from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.api import ProtocolViolation
from consensus.raft import (
    Change,
    ChangeKind,
    ConfChange,
    Configuration,
    Entry,
    EntryId,
    Role,
    Snapshot,
    StableLog,
    Transition,
)
from consensus.raft.membership import ChangeRefused, change_simple, enter_joint, leave_joint
from consensus.raft.messages import Append, AppendReply, VoteReply
from consensus.raft.quorum import INFINITY, Vote, joint_index, joint_vote, majority_index
from tests.unit.consensus.raft.net import Member, Net, stored, voters

ADD, LEARN, REMOVE = ChangeKind.ADD_VOTER, ChangeKind.ADD_LEARNER, ChangeKind.REMOVE


def change(*changes: tuple[ChangeKind, int], how: Transition = Transition.AUTO) -> ConfChange:
    return ConfChange(tuple(Change(kind, node) for kind, node in changes), how)


def changes_in(member: Member) -> list[ConfChange]:
    return [entry.change for entry in member.applied if entry.change is not None]


def test_a_learner_catches_up_and_is_promoted() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    leader.node.propose(b"x")
    net.run()
    net.add(4)
    leader.log.compact(leader.node.snapshot(b""))
    leader.node.propose_change(change((LEARN, 4)))
    net.run()
    leader.log.offer(leader.node.snapshot(b""))
    net.tick(60)
    assert net[4].node.configuration.learners == {4}
    net[4].node.campaign()
    assert net[4].role is Role.FOLLOWER
    leader = net[net.leaders()[0]]
    leader.node.propose_change(change((ADD, 4)))
    net.run()
    assert net[4].node.configuration == voters(1, 2, 3, 4)


def test_a_newcomer_that_never_heard_the_first_configuration_takes_no_log_from_its_start() -> None:
    # It would believe in a group of itself alone, and win there.
    node = Member(5, StableLog())
    entry = Entry(1, 1, change=change((ADD, 5)))
    with pytest.raises(ProtocolViolation):
        node.node.step(Append(1, 5, 1, EntryId(0, 0), (entry,), commit=1))
    assert node.term == 0


def test_one_change_at_a_time_the_second_leaves_an_empty_entry() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    leader.node.propose_change(change((LEARN, 4)))
    leader.node.propose_change(change((LEARN, 5)))
    net.run()
    assert leader.node.configuration.learners == {4}
    assert [(e.index, e.change is not None) for e in leader.applied[1:]] == [(3, True), (4, False)]


def test_a_new_leader_waits_with_changes_until_it_has_applied_its_whole_tail() -> None:
    # An earlier leader's change may be in the tail.
    node = Member(1, stored(voters(1, 2, 3), [1, 1]))
    node.node.campaign()
    node.settle()
    for is_pre in (True, False):
        node.hear(VoteReply(2, 1, 2, is_granted=True, is_pre=is_pre))
    node.node.propose_change(change((LEARN, 4)))
    node.hear(AppendReply(2, 1, 2, node.log.last_index + 1))
    assert changes_in(node) == [] and node.applied[-1].index == 5
    node.node.propose_change(change((LEARN, 4)))
    node.settle()
    node.hear(AppendReply(2, 1, 2, 6))
    assert node.node.configuration.learners == {4}


def test_whoever_leads_leaves_a_joint_configuration_that_is_to_be_left() -> None:
    # The first leader applies the joint configuration and is gone before it leaves it.
    net = Net(1, 2, 3)
    leader = net.lead(1)
    leader.node.propose_change(change((LEARN, 4), (LEARN, 5)))
    net.is_passed = lambda m: (
        not (isinstance(m, Append) and any(e.change and e.change.is_leave for e in m.entries))
    )
    net.run()
    assert leader.node.configuration.is_joint
    net.isolate(1)
    net.tick(60)
    (new,) = [id_ for id_ in net.leaders() if id_ != 1]
    net.run()
    left = Configuration(frozenset({1, 2, 3}), learners=frozenset({4, 5}))
    assert net[new].node.configuration == left


def test_an_explicit_joint_configuration_stays_until_it_is_left() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    leader.node.propose_change(change((LEARN, 4), how=Transition.JOINT_EXPLICIT))
    net.run()
    net.tick(30)
    leader = net[net.leaders()[0]]
    assert leader.node.configuration.is_joint
    leader.node.propose_change(change((LEARN, 5)))  # refused: leave first
    net.run()
    assert leader.node.configuration.is_joint
    leader.node.propose_change(ConfChange())
    net.run()
    assert leader.node.configuration == Configuration(frozenset({1, 2, 3}), learners=frozenset({4}))


def test_a_leader_that_is_removed_steps_down_and_cannot_come_back() -> None:
    net = Net(1, 2, 3)
    net.lead(1)
    net[1].node.propose_change(change((REMOVE, 1)))
    net.run()
    assert net[1].role is Role.FOLLOWER
    net[1].node.campaign()
    net.tick(60)
    assert net.leaders() in ([2], [3])


@pytest.mark.parametrize(
    ("before", "proposed"),
    [
        ((1, 2), change((REMOVE, 2))),
        ((1, 2, 3), change((REMOVE, 2), (REMOVE, 3))),
        ((1, 2, 3), change((REMOVE, 2), (LEARN, 3), (ADD, 4))),
        ((1,), change((REMOVE, 1))),
        ((1, 2, 3), ConfChange()),
    ],
)
def test_a_change_that_leaves_no_majority_of_the_voters_or_does_not_fit_is_refused(
    before: tuple[int, ...], proposed: ConfChange
) -> None:
    net = Net(*before)
    leader = net.lead(1)
    leader.node.propose_change(proposed)
    net.run()
    assert leader.node.configuration == voters(*before)
    assert changes_in(leader) == []


def test_an_operator_may_insist() -> None:
    net = Net(1, 2, is_majority_kept=False)
    leader = net.lead(1)
    leader.node.propose_change(change((REMOVE, 2)))
    net.run()
    assert leader.node.configuration == voters(1)


def test_a_committed_change_that_does_not_fit_changes_nothing_and_stops_nobody() -> None:
    net = Net(1, 2, 3, is_change_checked=False)
    leader = net.lead(1)
    leader.node.propose_change(ConfChange())
    leader.node.propose(b"x")
    net.run()
    assert [net[id_].node.configuration for id_ in (1, 2, 3)] == [voters(1, 2, 3)] * 3
    assert net[3].data == [b"x"]


def test_changes_applied_after_the_snapshot_are_in_force_after_a_restart() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    leader.node.propose_change(change((LEARN, 4)))
    net.run()
    net.restart(2)
    assert net[2].node.configuration == leader.node.configuration
    assert net[2].log.configuration == voters(1, 2, 3)


def test_a_stored_configuration_that_cannot_be_is_refused() -> None:
    both = Configuration(frozenset({1}), learners=frozenset({1}))
    with pytest.raises(AssertionError):
        Member(1, StableLog.of(snapshot=Snapshot(1, 1, both)))


def test_a_voter_on_its_way_out_of_a_joint_configuration_becomes_a_learner_when_it_is_left() -> (
    None
):
    joint = enter_joint(voters(1, 2, 3), [Change(LEARN, 3)]).configuration
    assert joint.learners_next == {3} and joint.members == [1, 2, 3]
    assert leave_joint(joint).configuration == Configuration(
        frozenset({1, 2}), learners=frozenset({3})
    )


def test_a_member_removed_and_added_in_one_change_starts_anew() -> None:
    outcome = change_simple(voters(1, 2), [Change(REMOVE, 2), Change(ADD, 2)])
    assert outcome.configuration == voters(1, 2) and outcome.fresh == {2}


def test_two_voters_at_once_need_a_joint_configuration() -> None:
    with pytest.raises(ChangeRefused):
        change_simple(voters(1, 2, 3), [Change(ADD, 4), Change(ADD, 5)])


# --- majorities -------------------------------------------------------------------------------------

IDS = st.frozensets(st.integers(1, 9), max_size=7)
INDEXES = st.dictionaries(st.integers(1, 9), st.integers(0, 9))


@given(IDS, INDEXES)
def test_a_majority_has_its_index_and_no_majority_has_more(
    group: frozenset[int], acknowledged: dict[int, int]
) -> None:
    index = majority_index(group, acknowledged)
    if not group:
        assert index == INFINITY
        return
    have = sum(acknowledged.get(voter, 0) >= index for voter in group)
    above = sum(acknowledged.get(voter, 0) > index for voter in group)
    assert have * 2 > len(group) and above * 2 <= len(group)


@given(IDS, IDS, st.dictionaries(st.integers(1, 9), st.booleans()))
def test_a_decided_vote_stays_decided_whatever_the_rest_answers(
    first: frozenset[int], second: frozenset[int], votes: dict[int, bool]
) -> None:
    now = joint_vote(first, second, votes)
    silent = (first | second) - set(votes)
    ends = {
        joint_vote(first, second, {**votes, **dict.fromkeys(silent, answer)})
        for answer in (True, False)
    }
    if now is Vote.PENDING:
        assert ends == {Vote.WON, Vote.LOST}
    else:
        assert ends == {now}


@given(IDS, IDS, INDEXES)
def test_a_joint_index_is_the_lower_of_its_halves(
    first: frozenset[int], second: frozenset[int], acknowledged: dict[int, int]
) -> None:
    halves = majority_index(first, acknowledged), majority_index(second, acknowledged)
    assert joint_index(first, second, acknowledged) == min(halves)


def test_stored_logs_of_these_tests_begin_at_one() -> None:
    assert stored(voters(1)).first_index == 2
