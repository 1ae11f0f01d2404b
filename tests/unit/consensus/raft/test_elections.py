from __future__ import annotations

import pytest

from consensus.raft import (
    Change,
    ChangeKind,
    ConfChange,
    Entry,
    EntryId,
    HardState,
    HashJitter,
    ProposalDropped,
    Role,
)
from consensus.raft.messages import (
    Append,
    AppendReply,
    Heartbeat,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from tests.unit.consensus.raft.net import Member, Net, stored, voters

START = EntryId(1, 1)


def granted(said: list[object]) -> list[int]:
    return [one.to for one in said if isinstance(one, VoteReply) and one.is_granted]


def test_a_candidate_that_steps_down_in_its_term_still_knows_its_vote() -> None:
    node = Member(1, stored(voters(1, 2, 3)), is_pre_vote=False, is_check_quorum=False)
    node.node.campaign()
    node.settle()
    node.hear(Heartbeat(2, 1, 1))
    assert node.role is Role.FOLLOWER and node.term == 1
    node.node.forget_leader()
    assert granted(node.hear(VoteRequest(3, 1, 1, EntryId(1, 9)))) == []


def test_a_pre_candidate_keeps_the_vote_that_it_gave() -> None:
    node = Member(1, stored(voters(1, 2, 3)))
    assert granted(node.hear(VoteRequest(2, 1, 1, START))) == [2]
    node.node.campaign()
    assert node.role is Role.PRE_CANDIDATE
    assert granted(node.hear(VoteRequest(3, 1, 1, START))) == []
    assert granted(node.hear(VoteRequest(2, 1, 1, START))) == [2]


def test_a_vote_survives_a_restart() -> None:
    node = Member(1, stored(voters(1, 2, 3)))
    node.hear(VoteRequest(2, 1, 7, START))
    again = Member(1, node.log)
    assert again.term == 7
    assert granted(again.hear(VoteRequest(3, 1, 7, EntryId(6, 50)))) == []


def test_no_vote_leaves_before_it_is_durable() -> None:
    node = Member(1, stored(voters(1, 2, 3)))
    node.node.step(VoteRequest(2, 1, 1, START))
    ready = node.node.ready()
    assert ready.is_sync_needed and ready.hard_state == HardState(1, 2, 1)
    assert not ready.messages and len(ready.replies) == 1


def test_a_node_that_was_cut_off_disturbs_nobody_when_it_returns() -> None:
    net = Net(1, 2, 3)
    net.lead(1)
    net.isolate(3)
    net.tick(100)
    assert net[3].role is Role.PRE_CANDIDATE
    assert net[3].term == 1
    net.heal()
    net.tick(30)
    assert net.leaders() == [1] and net[1].term == 1


def test_who_hears_a_leader_helps_nobody_to_replace_it_unless_the_leader_asks() -> None:
    net = Net(1, 2, 3)
    net.lead(1)
    assert net[2].hear(VoteRequest(3, 2, 5, EntryId(4, 90))) == []
    assert net[2].term == 1
    assert granted(net[2].hear(VoteRequest(3, 2, 5, EntryId(4, 90), is_transfer=True))) == [3]


def test_a_leader_behind_a_bridge_gives_way_to_those_who_hear_each_other() -> None:
    # Leader 1 reaches only 4, and 4 alone cannot vote for another while it hears 1.
    net = Net(1, 2, 3, 4)
    net.lead(1)
    net.cut((1, 2), (1, 3))
    net.tick(60)
    new = [id_ for id_ in net.leaders() if id_ != 1]
    assert len(new) == 1 and net[new[0]].term > 1
    net[new[0]].node.propose(b"x")
    net.run()
    assert all(net[id_].data == [b"x"] for id_ in (2, 3, 4))


def test_a_leader_without_a_quorum_steps_down() -> None:
    net = Net(1, 2, 3)
    net.lead(1)
    net.isolate(1)
    net.tick(21)
    assert net[1].role is not Role.LEADER
    with pytest.raises(ProposalDropped):
        net[1].node.propose(b"x")


def test_a_leader_of_an_older_term_hears_the_term_of_a_node_that_ran_ahead() -> None:
    node = Member(1, stored(voters(1, 2, 3), state=HardState(term=9)))
    assert node.hear(Heartbeat(2, 1, 3)) == [AppendReply(1, 2, 9)]
    assert node.hear(Append(2, 1, 3, START)) == [AppendReply(1, 2, 9)]


def test_a_late_answer_of_a_pre_vote_is_no_vote() -> None:
    node = Member(1, stored(voters(1, 2, 3, 4, 5)))
    node.node.campaign()
    node.settle()
    for voter in (2, 3):
        node.hear(VoteReply(voter, 1, 1, is_granted=True, is_pre=True))
    assert node.role is Role.CANDIDATE
    for voter in (4, 5):
        node.hear(VoteReply(voter, 1, 1, is_granted=True, is_pre=True))
    assert node.role is Role.CANDIDATE
    for voter in (2, 3):
        node.hear(VoteReply(voter, 1, 1, is_granted=True))
    assert node.role is Role.LEADER


def test_the_first_answer_of_a_voter_counts() -> None:
    node = Member(1, stored(voters(1, 2, 3)), is_pre_vote=False)
    node.node.campaign()
    node.settle()
    node.hear(VoteReply(2, 1, 1, is_granted=False))
    node.hear(VoteReply(2, 1, 1, is_granted=True))
    assert node.role is Role.CANDIDATE


def test_nobody_campaigns_over_a_committed_change_that_waits_to_be_applied() -> None:
    change = Entry(1, 2, change=ConfChange((Change(ChangeKind.ADD_VOTER, 4),)))
    log = stored(voters(1, 2, 3))
    log.append([change])
    node = Member(1, log)
    node.node.step(Heartbeat(2, 1, 1, commit=2))
    node.node.campaign()
    assert node.role is Role.FOLLOWER
    node.settle()
    node.node.campaign()
    assert node.role is Role.PRE_CANDIDATE


def test_timeouts_come_from_the_given_source_and_lie_between_one_and_two() -> None:
    source = HashJitter(b"seed")
    drawn = [source.draw(10) for _ in range(200)]
    assert sorted(set(drawn)) == list(range(10))
    again = HashJitter(b"seed")
    assert drawn == [again.draw(10) for _ in range(200)]
    other = HashJitter(b"other")
    assert drawn != [other.draw(10) for _ in range(200)]


def test_leadership_is_handed_to_who_has_everything_and_proposals_wait() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    net.isolate(3)
    leader.node.propose(b"x")
    net.run()
    leader.node.transfer_leader(3)
    net.run()
    with pytest.raises(ProposalDropped):
        leader.node.propose(b"y")
    net.heal()
    net.tick(2)  # a heartbeat's answer shows what 3 lacks; then it is told to campaign
    assert net.leaders() == [3]
    assert net[3].data == [b"x"]


def test_a_handover_that_takes_too_long_is_given_up() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    net.isolate(3)
    leader.node.propose(b"x")
    leader.node.transfer_leader(3)
    net.run()
    net.tick(10)
    leader.node.propose(b"y")
    net.run()
    assert leader.data == [b"x", b"y"]


def test_a_follower_passes_a_handover_on() -> None:
    net = Net(1, 2, 3)
    net.lead(1)
    net[2].node.transfer_leader(3)
    net.run()
    assert net.leaders() == [3]


def test_who_was_told_to_campaign_does_so_although_it_hears_the_leader() -> None:
    node = Member(2, stored(voters(1, 2, 3)))
    node.hear(Heartbeat(1, 2, 1))
    said = node.hear(TimeoutNow(1, 2, 1))
    requests = [one for one in said if isinstance(one, VoteRequest)]
    assert [(one.to, one.term, one.is_pre, one.is_transfer) for one in requests] == [
        (1, 2, False, True),
        (3, 2, False, True),
    ]


def test_a_node_that_forgets_its_leader_votes_at_once() -> None:
    net = Net(1, 2, 3)
    net.lead(1)
    net[2].node.forget_leader()
    said = net[2].hear(VoteRequest(3, 2, 2, net[2].node._raft.log.last, is_pre=True))
    assert granted(said) == [3]


@pytest.mark.parametrize(
    ("last", "is_granted"),
    [
        (EntryId(2, 3), True),
        (EntryId(2, 9), True),
        (EntryId(3, 1), True),  # a later term beats a longer log
        (EntryId(2, 2), False),
        (EntryId(1, 9), False),
    ],
)
def test_a_vote_goes_to_a_log_that_is_no_worse(last: EntryId, is_granted: bool) -> None:
    node = Member(1, stored(voters(1, 2, 3), [1, 2]))
    assert bool(granted(node.hear(VoteRequest(2, 1, 4, last)))) is is_granted


def test_half_of_an_even_group_is_no_majority() -> None:
    node = Member(1, stored(voters(1, 2, 3, 4)), is_pre_vote=False)
    node.node.campaign()
    node.settle()
    node.hear(VoteReply(2, 1, 1, is_granted=True))
    assert node.role is Role.CANDIDATE
    node.hear(VoteReply(3, 1, 1, is_granted=True))
    assert node.role is Role.LEADER
