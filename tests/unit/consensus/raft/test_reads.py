"""Linearizable reads: answered by a leader that a majority confirms, or not at all."""

from __future__ import annotations

from consensus.raft import HardState, Role
from consensus.raft.messages import HeartbeatReply
from tests.unit.consensus.raft.net import Member, Net, stored, voters


def test_a_read_is_answered_when_a_majority_confirms_the_leader() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    leader.node.propose(b"x")
    net.run()
    leader.node.read_index(b"a")
    net[2].node.read_index(b"b")
    net.run()
    assert [(read.index, read.context) for read in leader.reads] == [(3, b"a")]
    assert [(read.index, read.context) for read in net[2].reads] == [(3, b"b")]


def test_a_leader_that_was_replaced_answers_no_read() -> None:
    net = Net(1, 2, 3, 4, 5)
    old = net.lead(1)
    net.isolate(1)
    old.node.read_index(b"a")
    net.run()
    net.tick(5)
    assert old.reads == []
    net.heal()
    net[2].node.campaign()
    net.run()
    assert old.reads == [] or net.leaders() == [1]


def test_a_new_leader_answers_only_after_it_has_committed_in_its_own_term() -> None:
    # Index 3 may have been committed, and seen, before the crash that lost the commit index.
    node = Member(1, stored(voters(1), [1, 1], HardState(1, 1, 2)))
    node.node.campaign()
    while node.role is not Role.LEADER:
        ready = node.node.ready()
        node.log.save(ready)
        node.node.advance()
    node.node.read_index(b"a")
    assert node.node.status().committed == 2 and node.reads == []
    node.settle()
    assert [read.index for read in node.reads] == [4]


def test_waiting_reads_are_bounded() -> None:
    net = Net(1, 2, 3, reads_max=2)
    leader = net.lead(1)
    net.isolate(1)
    for number in range(5):
        leader.node.read_index(b"%d" % number)
    net.run()
    net.heal()
    net.tick(2)
    assert [read.context for read in leader.reads] == [b"0", b"1"]


def test_a_heartbeat_answer_for_a_read_never_asked_confirms_nothing() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    leader.hear(HeartbeatReply(2, 1, 1, read_position=99))
    net.isolate(1)
    leader.node.read_index(b"a")
    net.run()
    leader.hear(HeartbeatReply(2, 1, 1, read_position=99))
    assert leader.reads == []
    leader.hear(HeartbeatReply(2, 1, 1, read_position=1))
    assert [read.context for read in leader.reads] == [b"a"]
