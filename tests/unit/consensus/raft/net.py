"""A few nodes whose writes succeed at once, and a network that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from consensus.raft import (
    Config,
    Configuration,
    Entry,
    HardState,
    HashJitter,
    Message,
    RaftNode,
    ReadState,
    Role,
    Snapshot,
    StableLog,
    UnknownPeer,
)
from consensus.raft.messages import NO_HARD_STATE


def voters(*ids: int) -> Configuration:
    return Configuration(voters=frozenset(ids))


def stored(
    configuration: Configuration, terms: Iterable[int] = (), state: HardState = NO_HARD_STATE
) -> StableLog:
    """A disk: a group that began at index 1, and entries of these terms from index 2 on."""
    entries = [Entry(term, index) for index, term in enumerate(terms, start=2)]
    return StableLog.of(state, Snapshot(1, 1, configuration), entries)


class Member:
    def __init__(self, id_: int, log: StableLog, applied: int = 0, **settings: Any) -> None:
        self.id = id_
        self.log = log
        config = Config(id=id_, jitter=HashJitter(b"%d" % id_), **settings)
        self.node = RaftNode(config, log, applied=applied)
        self.sent: list[Message] = []
        self.applied: list[Entry] = []
        self.reads: list[ReadState] = []

    def settle(self) -> list[Message]:
        """Do what the node asks for; returns what it has said since the last time."""
        while self.node.has_ready():
            ready = self.node.ready()
            self.sent += ready.messages
            self.log.save(ready)
            self.sent += ready.replies
            self.reads += ready.reads
            for entry in ready.committed:
                if entry.change is not None:
                    self.node.apply_change(entry.change)
                self.applied.append(entry)
            self.node.advance()
        said, self.sent = self.sent, []
        return said

    def hear(self, message: Message) -> list[Message]:
        self.node.step(message)
        return self.settle()

    @property
    def role(self) -> Role:
        return self.node.status().role

    @property
    def term(self) -> int:
        return self.node.status().term

    @property
    def data(self) -> list[bytes]:
        """What the application has got, without empty entries and changes."""
        return [entry.data for entry in self.applied if entry.data]


class Net:
    def __init__(self, *ids: int, **settings: Any) -> None:
        self.members = {id_: Member(id_, stored(voters(*ids)), **settings) for id_ in ids}
        self.is_passed: Callable[[Message], bool] = lambda message: True

    def __getitem__(self, id_: int) -> Member:
        return self.members[id_]

    def add(self, id_: int, **settings: Any) -> None:
        """A machine that knows nothing yet."""
        self.members[id_] = Member(id_, StableLog(), **settings)

    def restart(self, id_: int, **settings: Any) -> None:
        old = self.members[id_]
        applied = old.node.status().applied
        self.members[id_] = Member(id_, old.log, applied, **settings)
        self.members[id_].applied = old.applied

    def run(self) -> None:
        """Deliver until nobody has anything to say."""
        under_way = [message for member in self.members.values() for message in member.settle()]
        while under_way:
            message = under_way.pop(0)
            if message.to in self.members and self.is_passed(message):
                with suppress(UnknownPeer):  # who has just been removed still answers
                    under_way += self.members[message.to].hear(message)

    def lead(self, id_: int) -> Member:
        self[id_].node.campaign()
        self.run()
        assert self[id_].role is Role.LEADER
        return self[id_]

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            for member in self.members.values():
                member.node.tick()
            self.run()

    def cut(self, *pairs: tuple[int, int]) -> None:
        """Only these links are down, in both directions."""
        down = {frozenset(pair) for pair in pairs}
        self.is_passed = lambda message: frozenset((message.from_, message.to)) not in down

    def isolate(self, *ids: int) -> None:
        self.is_passed = lambda message: (message.from_ in ids) == (message.to in ids)

    def heal(self) -> None:
        self.is_passed = lambda message: True

    def leaders(self) -> list[int]:
        return [member.id for member in self.members.values() if member.role is Role.LEADER]
