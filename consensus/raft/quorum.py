"""Majorities, simple and joint: how far a group agrees, and how a vote stands.

A joint configuration decides when both halves decide. An empty half holds nothing back: its commit index
is infinite and its votes are won, so a configuration that is not joint has an empty outgoing half.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Final

INFINITY: Final = 2**64 - 1


class Vote(Enum):
    PENDING = "pending"
    LOST = "lost"
    WON = "won"


def majority_index(voters: Collection[int], acknowledged: Mapping[int, int]) -> int:
    """Highest index that a majority of `voters` acknowledged; who is missing acknowledged 0."""
    if not voters:
        return INFINITY
    ranked = sorted((acknowledged.get(voter, 0) for voter in voters), reverse=True)
    return ranked[len(ranked) // 2]


def majority_vote(voters: Collection[int], votes: Mapping[int, bool]) -> Vote:
    """How the vote stands. Lost as soon as those who have not answered could not turn it any more."""
    needed = len(voters) // 2 + 1 if voters else 0
    granted = sum(votes.get(voter) is True for voter in voters)
    refused = sum(votes.get(voter) is False for voter in voters)
    if granted >= needed:
        return Vote.WON
    return Vote.LOST if len(voters) - refused < needed else Vote.PENDING


def joint_index(
    incoming: Collection[int], outgoing: Collection[int], acknowledged: Mapping[int, int]
) -> int:
    return min(majority_index(incoming, acknowledged), majority_index(outgoing, acknowledged))


def joint_vote(
    incoming: Collection[int], outgoing: Collection[int], votes: Mapping[int, bool]
) -> Vote:
    """Won if both halves are won, lost if either is lost."""
    halves = majority_vote(incoming, votes), majority_vote(outgoing, votes)
    if Vote.LOST in halves:
        return Vote.LOST
    return Vote.WON if halves == (Vote.WON, Vote.WON) else Vote.PENDING
