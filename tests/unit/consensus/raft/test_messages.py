"""What a hostile or broken peer may send: refused before anything has changed."""

from __future__ import annotations

import pytest

from consensus.api import ProtocolViolation
from consensus.raft import Configuration, Entry, EntryId, HardState, Message, Snapshot, UnknownPeer
from consensus.raft.messages import (
    Append,
    AppendReply,
    Heartbeat,
    HeartbeatReply,
    InstallSnapshot,
    Payload,
    Proposal,
    ReadReply,
    VoteReply,
    VoteRequest,
)
from tests.unit.consensus.raft.net import Member, Net, stored, voters

START = EntryId(1, 1)
BOTH = Configuration(frozenset({1, 2}), learners=frozenset({2}))

MALFORMED: list[tuple[str, Message]] = [
    ("no sender", Heartbeat(0, 1, 1)),
    ("negative sender", VoteReply(-2, 1, 1, is_granted=True)),
    ("no term", Heartbeat(2, 1, 0)),
    ("negative term", Append(2, 1, -1, START)),
    ("negative commit", Heartbeat(2, 1, 5, commit=-1)),
    ("negative position", Heartbeat(2, 1, 5, read_position=-1)),
    ("commit beyond the log", Heartbeat(2, 1, 5, commit=99)),
    ("a gap before the entries", Append(2, 1, 5, START, (Entry(1, 3),))),
    ("a gap in the entries", Append(2, 1, 5, START, (Entry(1, 2), Entry(1, 4)))),
    ("falling terms", Append(2, 1, 5, START, (Entry(4, 2), Entry(3, 3)))),
    ("a term below the one before", Append(2, 1, 5, EntryId(3, 1), (Entry(2, 2),))),
    ("an entry of a later term", Append(2, 1, 5, START, (Entry(6, 2),))),
    ("an entry of term zero", Append(2, 1, 5, EntryId(0, 0), (Entry(0, 1),))),
    ("a later term before", Append(2, 1, 5, EntryId(6, 1))),
    ("index zero with a term", Append(2, 1, 5, EntryId(1, 0))),
    ("an index without a term", VoteRequest(2, 1, 5, EntryId(0, 7))),
    ("a negative index", VoteRequest(2, 1, 5, EntryId(1, -7))),
    ("a negative acknowledgement", AppendReply(2, 1, 5, -1)),
    ("a hint above what was rejected", AppendReply(2, 1, 5, 3, EntryId(1, 4))),
    ("a hint of a later term", AppendReply(2, 1, 5, 3, EntryId(6, 2))),
    ("an empty snapshot", InstallSnapshot(2, 1, 5, Snapshot())),
    ("a snapshot of a later term", InstallSnapshot(2, 1, 5, Snapshot(9, 6, voters(1)))),
    ("a learner who votes", InstallSnapshot(2, 1, 5, Snapshot(9, 5, BOTH))),
    ("nothing proposed", Proposal(2, 1, ())),
]


@pytest.mark.parametrize(("why", "message"), MALFORMED, ids=[why for why, _ in MALFORMED])
def test_a_message_that_no_correct_member_sends_changes_nothing(why: str, message: Message) -> None:
    node = Member(1, stored(voters(1, 2, 3), [1, 1], HardState(2, 0, 2)))
    node.settle()
    before = node.node.status()
    with pytest.raises(ProtocolViolation):
        node.node.step(message)
    assert node.node.status() == before
    assert not node.node.has_ready()


@pytest.mark.parametrize(
    "reply",
    [
        VoteReply(9, 1, 5, is_granted=True),
        AppendReply(9, 1, 5, 1),
        HeartbeatReply(9, 1, 5),
        ReadReply(9, 1, 5, 1, b""),
    ],
    ids=lambda reply: type(reply).__name__,
)
def test_answers_of_strangers_are_refused(reply: Message) -> None:
    node = Member(1, stored(voters(1, 2, 3)))
    with pytest.raises(UnknownPeer):
        node.node.step(reply)
    assert node.term == 0


def test_nobody_else_leads_the_term_of_a_leader() -> None:
    leader = Net(1, 2, 3).lead(1)
    for message in (
        Append(2, 1, 1, START),
        Heartbeat(2, 1, 1),
        InstallSnapshot(2, 1, 1, Snapshot(9, 1, voters(1, 2, 3))),
    ):
        with pytest.raises(ProtocolViolation):
            leader.node.step(message)


def test_nobody_acknowledges_what_was_never_sent() -> None:
    leader = Net(1, 2, 3).lead(1)
    with pytest.raises(ProtocolViolation):
        leader.node.step(AppendReply(2, 1, 1, 99))
    assert leader.node.status().committed == 2


def test_a_stranger_may_ask_for_a_vote_but_its_log_must_be_good() -> None:
    # Whoever asks may know of a change that this node has not heard of.
    node = Member(1, stored(voters(1, 2, 3), [1, 1]))
    (reply,) = node.hear(VoteRequest(9, 1, 3, EntryId(1, 2)))
    assert isinstance(reply, VoteReply) and not reply.is_granted


def test_a_forwarded_proposal_reaches_the_log_through_the_leader() -> None:
    net = Net(1, 2, 3)
    leader = net.lead(1)
    net[3].node.propose(b"from a follower")
    net.run()
    assert leader.data == [b"from a follower"]
    leader.node.step(Proposal(2, 1, (Payload(b"a"), Payload(b"b"))))
    net.run()
    assert net[3].data == [b"from a follower", b"a", b"b"]
