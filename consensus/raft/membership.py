"""Who is a member, and how one configuration becomes the next (thesis, chapter 4).

Pure functions from a configuration and changes to a configuration. A *simple* change moves at most one
voter, so old and new majorities overlap. Anything more goes through a *joint* configuration, in which
both the incoming and the outgoing voters must agree, and which a second change leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from consensus.raft.quorum import Vote, joint_vote


class ChangeKind(Enum):
    ADD_VOTER = 1
    ADD_LEARNER = 2
    REMOVE = 3
    UPDATE = 4  # changes nothing here; carries a context to the application


class Transition(Enum):
    AUTO = 1  # simple when that is enough, otherwise joint with auto-leave
    JOINT_IMPLICIT = 2  # joint; the leader leaves it as soon as it is applied
    JOINT_EXPLICIT = 3  # joint, until a change without changes is proposed


@dataclass(frozen=True, slots=True)
class Change:
    kind: ChangeKind
    node: int


@dataclass(frozen=True, slots=True)
class ConfChange:
    """Changes that take effect as one. Without any (and AUTO): leave the joint configuration."""

    changes: tuple[Change, ...] = ()
    transition: Transition = Transition.AUTO
    context: bytes = b""

    @property
    def is_leave(self) -> bool:
        return not self.changes and self.transition is Transition.AUTO

    @property
    def is_joint(self) -> bool:
        return self.transition is not Transition.AUTO or len(self.changes) > 1

    @property
    def is_auto_leave(self) -> bool:
        return self.is_joint and self.transition is not Transition.JOINT_EXPLICIT

    @property
    def size_bytes(self) -> int:
        return 10 * len(self.changes) + len(self.context)


class ChangeRefused(Exception):
    """A change that does not fit the configuration it meets. Nothing has changed."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Members of a group. `outgoing` is empty unless the configuration is joint; `learners_next` are
    outgoing voters who become learners when it is left."""

    voters: frozenset[int] = frozenset()
    outgoing: frozenset[int] = frozenset()
    learners: frozenset[int] = frozenset()
    learners_next: frozenset[int] = frozenset()
    is_auto_leave: bool = False

    @property
    def is_joint(self) -> bool:
        return bool(self.outgoing)

    @property
    def all_voters(self) -> frozenset[int]:
        return self.voters | self.outgoing

    @property
    def members(self) -> list[int]:
        """Everybody who gets the log, in ascending order."""
        return sorted(self.voters | self.outgoing | self.learners)

    def problem(self) -> str:
        """Why this is no configuration of a correct group; empty if it is one."""
        if self.learners & self.all_voters:
            return "a learner is a voter"
        if self.learners_next - self.outgoing:
            return "a learner to be is no outgoing voter"
        if self.learners_next & self.voters:
            return "a learner to be is an incoming voter"
        if self.is_auto_leave and not self.is_joint:
            return "only a joint configuration is left"
        if self.outgoing and not self.voters:
            return "no voters"
        if min(self.members, default=1) <= 0:
            return "an id is not positive"
        return ""


NO_MEMBERS: Final = Configuration()


@dataclass(slots=True)
class _Draft:
    """A configuration being edited. `fresh` are members who start anew, even if known before."""

    voters: set[int]
    outgoing: frozenset[int]
    learners: set[int]
    learners_next: set[int]
    fresh: set[int] = field(default_factory=set)

    def is_known(self, node: int) -> bool:
        return node in self.voters or node in self.outgoing or node in self.learners

    def add_voter(self, node: int) -> None:
        if not self.is_known(node):
            self.fresh.add(node)
        self.learners.discard(node)
        self.learners_next.discard(node)
        self.voters.add(node)

    def add_learner(self, node: int) -> None:
        if node in self.learners:
            return
        if not self.is_known(node):
            self.fresh.add(node)
        self.voters.discard(node)
        # A voter of the outgoing half keeps its vote there until the joint configuration is left.
        (self.learners_next if node in self.outgoing else self.learners).add(node)

    def remove(self, node: int) -> None:
        self.voters.discard(node)
        self.learners.discard(node)
        self.learners_next.discard(node)
        self.fresh.discard(node)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The next configuration, and who has no history in it."""

    configuration: Configuration
    fresh: frozenset[int] = frozenset()


def change_simple(old: Configuration, changes: Sequence[Change]) -> Outcome:
    """At most one voter more or less. Raises ChangeRefused."""
    if old.is_joint:
        raise ChangeRefused("a joint configuration takes no simple change")
    outcome = _edit(old, changes, outgoing=frozenset(), is_auto_leave=False)
    if len(old.voters ^ outcome.configuration.voters) > 1:
        raise ChangeRefused("more than one voter changes without a joint configuration")
    return outcome


def enter_joint(
    old: Configuration, changes: Sequence[Change], *, is_auto_leave: bool = False
) -> Outcome:
    """Old voters become the outgoing half, the changed ones the incoming half. Raises ChangeRefused."""
    if old.is_joint:
        raise ChangeRefused("the configuration is joint already")
    if not old.voters:
        raise ChangeRefused("a configuration without voters cannot become joint")
    return _edit(old, changes, outgoing=old.voters, is_auto_leave=is_auto_leave)


def leave_joint(old: Configuration) -> Outcome:
    """The incoming half alone; learners to be become learners. Raises ChangeRefused."""
    if not old.is_joint:
        raise ChangeRefused("the configuration is not joint")
    new = Configuration(voters=old.voters, learners=old.learners | old.learners_next)
    return Outcome(new)


def change(old: Configuration, proposed: ConfChange) -> Outcome:
    """What a proposed change makes of a configuration. Raises ChangeRefused."""
    if proposed.is_leave:
        return leave_joint(old)
    if proposed.is_joint:
        return enter_joint(old, proposed.changes, is_auto_leave=proposed.is_auto_leave)
    return change_simple(old, proposed.changes)


def is_vote_won(configuration: Configuration, voters: Iterable[int]) -> bool:
    """Whether these voters decide alone."""
    votes = dict.fromkeys(voters, True)
    return joint_vote(configuration.voters, configuration.outgoing, votes) is Vote.WON


def _edit(
    old: Configuration, changes: Sequence[Change], *, outgoing: frozenset[int], is_auto_leave: bool
) -> Outcome:
    draft = _Draft(set(old.voters), outgoing, set(old.learners), set(old.learners_next))
    for item in changes:
        if item.node == 0:
            continue  # the application refused this one
        if item.kind is ChangeKind.ADD_VOTER:
            draft.add_voter(item.node)
        elif item.kind is ChangeKind.ADD_LEARNER:
            draft.add_learner(item.node)
        elif item.kind is ChangeKind.REMOVE:
            draft.remove(item.node)
    if not draft.voters:
        raise ChangeRefused("all voters would be removed")
    new = Configuration(
        frozenset(draft.voters),
        outgoing,
        frozenset(draft.learners),
        frozenset(draft.learners_next),
        is_auto_leave,
    )
    if problem := new.problem():
        raise ChangeRefused(problem)
    return Outcome(new, frozenset(draft.fresh))
