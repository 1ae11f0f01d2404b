"""Schedules over one to three pure Raft nodes. Each raises AssertionError when the mistake shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from consensus.raft import (
    Config,
    Configuration,
    Entry,
    EntryId,
    HardState,
    HashJitter,
    Message,
    RaftNode,
    Role,
    Snapshot,
    StableLog,
)
from consensus.raft.messages import Append, AppendReply, Heartbeat, VoteReply, VoteRequest


class Member:
    """A node of a group that began at index 1, whose writes succeed at once."""

    def __init__(
        self,
        id_: int,
        *voters: int,
        terms: Iterable[int] = (),
        state: HardState | None = None,
        **settings: Any,
    ) -> None:
        start = Snapshot(1, 1, Configuration(voters=frozenset(voters)))
        entries = [Entry(term, index) for index, term in enumerate(terms, start=2)]
        self.log = StableLog.of(state or HardState(), start, entries)
        self.node = RaftNode(Config(id=id_, jitter=HashJitter(b"%d" % id_), **settings), self.log)

    def settle(self) -> list[Message]:
        """Do what the node asks for; returns what it says."""
        said: list[Message] = []
        while self.node.has_ready():
            ready = self.node.ready()
            said += ready.messages
            self.log.save(ready)
            said += ready.replies
            self.node.advance()
        return said

    def hear(self, message: Message) -> list[Message]:
        self.node.step(message)
        return self.settle()


class Net:
    """Three members; messages from or to those in `lost` are lost."""

    def __init__(self) -> None:
        self.members = {id_: Member(id_, 1, 2, 3) for id_ in (1, 2, 3)}
        self.lost: tuple[int, ...] = ()

    def run(self) -> None:
        under_way = [message for member in self.members.values() for message in member.settle()]
        while under_way:
            message = under_way.pop(0)
            if message.to not in self.lost and message.from_ not in self.lost:
                under_way += self.members[message.to].hear(message)

    def led_by(self, id_: int) -> RaftNode:
        self.members[id_].node.campaign()
        self.run()
        return self.members[id_].node


def a_candidate_steps_down() -> None:
    """It voted for itself in this term, hears the term's leader, and forgets it: no second vote."""
    node = Member(1, 1, 2, 3, is_pre_vote=False, is_check_quorum=False)
    node.node.campaign()
    node.settle()
    node.hear(Heartbeat(2, 1, 1))
    node.node.forget_leader()
    said = node.hear(VoteRequest(3, 1, 1, EntryId(1, 9)))
    granted = [one for one in said if isinstance(one, VoteReply) and one.is_granted]
    assert not granted, "S5 two votes in one term"


def asking_whether_one_could_win() -> None:
    """A member that is cut off asks again and again. When it comes back, nobody's term has moved."""
    net = Net()
    before = net.led_by(1).status().term
    net.lost = (3,)
    for _ in range(60):
        net.members[3].node.tick()
        net.run()
    assert net.members[3].node.status().term == before, "L1 a lonely member's term runs away"


def an_old_entry_on_a_majority() -> None:
    """Figure 8: the leader of term 4 holds an entry of term 2, and a majority has it. It may still be
    replaced, until an entry of term 4 is on a majority too."""
    node = Member(
        1, 1, 2, 3, terms=[2], state=HardState(term=3), is_pre_vote=False, is_check_quorum=False
    )
    node.node.campaign()
    node.settle()
    node.hear(VoteReply(2, 1, 4, is_granted=True, is_pre=False))
    assert node.node.status().role is Role.LEADER
    node.hear(AppendReply(2, 1, 4, 2))
    assert node.node.status().committed < 2, "S1 an entry of an older term is taken for committed"


def the_only_member_writes_slowly() -> None:
    """Nothing is committed by a write that is not done, not even where there is nobody else (etcd#14370)."""
    node = Member(1, 1)
    node.node.campaign()
    node.settle()
    node.node.propose(b"payment")
    committed = [entry.data for entry in node.node.ready().committed]
    assert b"payment" not in committed, "S6 committed before it is durable"


def a_late_refusal() -> None:
    """A refusal that was under way for long does not take back what matched since (CCF)."""
    net = Net()
    leader = net.led_by(1)
    for number in range(4):
        leader.propose(b"%d" % number)
    net.run()
    matched = {member.id: member.match for member in leader.status().members}
    net.members[1].hear(AppendReply(2, 1, leader.status().term, 2, EntryId(1, 1)))
    now = {member.id: member.match for member in leader.status().members}
    assert now[2] >= matched[2], "S6 a committed suffix is rolled back"


def a_shorter_log_asks() -> None:
    """Who lacks what a majority may hold must not lead."""
    node = Member(1, 1, 2, 3, terms=[1, 1], state=HardState(term=1))
    said = node.hear(VoteRequest(2, 1, 2, EntryId(1, 2)))
    granted = [one for one in said if isinstance(one, VoteReply) and one.is_granted]
    assert not granted, "S1 a member without the last entry gets a vote"


def a_leader_that_is_cut_off() -> None:
    """Alone of three it commits nothing."""
    net = Net()
    leader = net.led_by(1)
    before = leader.status().committed
    net.lost = (1,)
    leader.propose(b"payment")
    net.run()
    assert leader.status().committed == before, "S1 a minority commits"


def an_append_that_comes_late() -> None:
    """An old append, shorter than the log, says nothing against what is behind it."""
    node = Member(2, 1, 2, 3, terms=[1, 1, 1], state=HardState(term=1))
    node.hear(Append(1, 2, 1, EntryId(1, 1), (Entry(1, 2),), 1))
    assert node.node.status().last_index == 4, "S6 acknowledged entries are cut"
