"""The statements of the Raft paper, one table each. Entries are given as their terms, from index 1 on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from consensus.raft.messages import (
    NO_HARD_STATE,
    Append,
    AppendReply,
    Heartbeat,
    VoteReply,
    VoteRequest,
)

Row = list[Any]
ELECTION_TICKS = 10


class Member:
    """A node whose writes succeed at once. What it sends is collected."""

    def __init__(
        self, id_: int, size: int, terms: Sequence[int] = (), state: HardState = NO_HARD_STATE
    ) -> None:
        voters = Configuration(voters=frozenset(range(1, size + 1)))
        entries = [Entry(term, index) for index, term in enumerate(terms, start=1)]
        self.id = id_
        self.log = StableLog.of(state, Snapshot(0, 0, voters), entries)
        config = Config(
            id=id_,
            jitter=HashJitter(b"paper %d" % id_),
            election_ticks=ELECTION_TICKS,
            is_pre_vote=False,
            is_check_quorum=False,
        )
        self.node = RaftNode(config, self.log)
        self.sent: list[Message] = []
        self.applied: list[Entry] = []
        self.settle()

    def settle(self) -> list[Entry]:
        """Do what the node asks for. Returns the entries written."""
        written: list[Entry] = []
        while self.node.has_ready():
            ready = self.node.ready()
            self.log.save(ready)
            written += ready.entries
            self.sent += (*ready.messages, *ready.replies)
            self.applied += ready.committed
            self.node.advance()
        return written

    def step(self, message: Message) -> list[Entry]:
        self.node.step(message)
        return self.settle()

    def lead(self, voters: Sequence[int]) -> None:
        """Campaign, with the votes of `voters`."""
        self.node.campaign()
        self.settle()
        for voter in voters:
            self.step(VoteReply(voter, self.id, self.term, is_granted=True))
        assert self.node.status().role is Role.LEADER

    def acknowledge(self, member: int, index: int) -> None:
        self.step(AppendReply(member, self.id, self.term, index))

    @property
    def term(self) -> int:
        return self.node.status().term

    @property
    def committed(self) -> int:
        return self.node.status().committed

    def terms(self) -> list[int]:
        return [self.log.entry(index).term for index in range(1, self.log.last_index + 1)]


def others(size: int) -> list[int]:
    return list(range(2, size + 1))


# --- tables: a row gives what is expected and what came out -----------------------------------------


def election(row: Row) -> tuple[object, object]:
    size, votes, expected = row
    member = Member(1, size)
    member.node.campaign()
    member.settle()
    for voter, is_granted in votes.items():
        member.step(VoteReply(int(voter), 1, 1, is_granted))
    return (expected, 1), (member.node.status().role.value, member.term)


def follower_vote(row: Row) -> tuple[object, object]:
    voted_for, asking, is_rejected = row
    member = Member(1, 3, state=HardState(term=1, vote=voted_for))
    member.step(VoteRequest(asking, 1, 1, EntryId(0, 0)))
    return [VoteReply(1, asking, 1, not is_rejected)], member.sent


def acknowledge_commit(row: Row) -> tuple[object, object]:
    size, acknowledging, is_committed = row
    member = Member(1, size)
    member.lead(others(size)[: size // 2])
    for other in others(size):
        member.acknowledge(other, 1)
    member.node.propose(b"some data")
    member.settle()
    for other in acknowledging:
        member.acknowledge(other, 2)
    return (True, is_committed), (member.committed >= 1, member.committed >= 2)


def commit_preceding(row: Row) -> tuple[object, object]:
    member = Member(1, 3, row, HardState(term=2))
    member.lead([2])
    member.node.propose(b"some data")
    member.settle()
    for other in others(3):
        member.acknowledge(other, member.log.last_index)
    expected = [Entry(term, index) for index, term in enumerate(row, start=1)]
    next_ = len(row) + 1
    expected += [Entry(3, next_), Entry(3, next_ + 1, b"some data")]
    return expected, member.applied


def check_append(row: Row) -> tuple[object, object]:
    prev_term, prev_index, index, is_rejected, hint, hint_term = row
    member = Member(1, 3, [1, 2], HardState(term=2, commit=1))
    # The message is of the term that its `prev` needs: a leader has no entry of a later term.
    term = max(2, prev_term)
    member.step(Append(2, 1, term, EntryId(prev_term, prev_index)))
    wanted = EntryId(hint_term, hint) if is_rejected else None
    return [AppendReply(1, 2, term, index, wanted)], member.sent


def append_entries(row: Row) -> tuple[object, object]:
    prev_index, prev_term, entries, log_after, unstable = row
    member = Member(1, 3, [1, 2], HardState(term=2))
    sent = tuple(Entry(term, index) for index, term in entries)
    term = max(2, *(entry.term for entry in sent))  # as above
    written = member.step(Append(2, 1, term, EntryId(prev_term, prev_index), sent))
    wanted = [Entry(term, index) for index, term in unstable]
    return (log_after, wanted), (member.terms(), written)


def voter(row: Row) -> tuple[object, object]:
    terms, last_term, last_index, is_rejected = row
    member = Member(1, 2, terms)
    member.step(VoteRequest(2, 1, 3, EntryId(last_term, last_index)))
    return [VoteReply(1, 2, 3, not is_rejected)], member.sent


def own_term_only(row: Row) -> tuple[object, object]:
    index, committed = row
    member = Member(1, 2, [1, 2], HardState(term=2))
    member.lead([2])
    member.acknowledge(2, index)
    return committed, member.committed


def figure7(leader_terms: list[int], leader_term: int, follower_terms: list[int]) -> str:
    """The follower may be ahead of the leader, who needs the vote of a third."""
    state = HardState(term=leader_term, commit=len(leader_terms))
    leader = Member(1, 3, leader_terms, state)
    follower = Member(2, 3, follower_terms, HardState(term=leader_term - 1))
    leader.lead([3])
    leader.node.propose(b"x")
    leader.settle()
    while leader.sent or follower.sent:
        for sender, receiver in ((leader, follower), (follower, leader)):
            messages, sender.sent = sender.sent, []
            for message in messages:
                if message.to == receiver.id:
                    receiver.step(message)
    return _difference(leader.terms(), follower.terms())


# --- properties of many rounds ----------------------------------------------------------------------


def timeouts_spread(role: Role) -> str:
    """Every timeout from the minimum to twice of it occurs, and no other."""
    member, seen = Member(1, 3), set()
    for _ in range(50 * ELECTION_TICKS):
        if role is Role.FOLLOWER:
            member.step(Heartbeat(2, 1, member.term + 1))
        term, ticks = member.term, 0
        while member.term == term:
            member.node.tick()
            ticks += 1
        member.settle()
        seen.add(ticks)
    return _difference(list(range(ELECTION_TICKS, 2 * ELECTION_TICKS)), sorted(seen))


def timeouts_differ(role: Role) -> str:
    """In at most 30 of 100 rounds two of five nodes run out in the same tick."""
    members = [Member(id_, 5) for id_ in range(1, 6)]
    conflicts = 0
    for _ in range(1000):
        for member in members:
            if role is Role.FOLLOWER:
                member.step(VoteReply(member.id, member.id, member.term + 1, is_granted=False))
            else:
                member.node.campaign()
        terms = [member.term for member in members]
        fired = 0
        while not fired:
            for member, term in zip(members, terms, strict=True):
                member.node.tick()
                fired += member.term > term
        conflicts += fired > 1
    return "" if conflicts <= 300 else f"{conflicts} conflicts in 1000 rounds"


TABLES: dict[str, Callable[[Row], tuple[object, object]]] = {
    "LeaderElectionInOneRoundRPC": election,
    "FollowerVote": follower_vote,
    "LeaderAcknowledgeCommit": acknowledge_commit,
    "LeaderCommitPrecedingEntries": commit_preceding,
    "FollowerCheckMsgApp": check_append,
    "FollowerAppendEntries": append_entries,
    "Voter": voter,
    "LeaderOnlyCommitsLogFromCurrentTerm": own_term_only,
}
PROPERTIES: dict[str, Callable[[Role], str]] = {
    "ElectionTimeoutRandomized": timeouts_spread,
    "ElectionTimeoutNonconflict": timeouts_differ,
}
FIGURE_7 = "LeaderSyncFollowerLog_figure7"


def rows(tables: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name of the row, difference) of every row; a table unknown here is a difference."""
    for name, table in tables.items():
        if name == "source":
            continue
        if name == FIGURE_7:
            for position, terms in enumerate(table["followers"]):
                result = figure7(table["leader"], table["leader_term"], terms)
                yield f"{name}[{position}]", result
        elif name in PROPERTIES:
            for role in (Role.FOLLOWER, Role.CANDIDATE):
                yield f"{name}[{role.value}]", PROPERTIES[name](role)
        elif name in TABLES:
            for position, row in enumerate(table["rows"]):
                yield f"{name}[{position}]", _difference(*TABLES[name](row))
        else:
            yield name, "no such table here"


def _difference(expected: object, got: object) -> str:
    return "" if expected == got else f"expected {expected!r}, got {got!r}"
