"""Who decides: how many of which members must approve a change. Pure, the same on every node.

A policy is a text, `<how many> of <whom>`:

    any | majority | quorum | all | a number
    validators  members that own validators          members  members that have an admin
    a role      members with an identity of that role

`quorum` is the smallest safe quorum, as for votes. A member speaks through its identities with the role
`admin`, and once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from consensus.quorum import quorum
from node.governance.refusals import Refused
from node.governance.state import ConfigState

ADMIN_ROLE = "admin"
VALIDATORS, MEMBERS = "validators", "members"
COUNTS = ("any", "majority", "quorum", "all")
COUNT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Policy:
    """count: one of COUNTS or a number; whom: validators, members or a role."""

    count: str
    whom: str

    def __str__(self) -> str:
        return f"{self.count} of {self.whom}"

    def needed(self, size: int) -> int:
        """How many of `size` members that are asked."""
        if self.count == "any":
            return 1
        if self.count == "majority":
            return size // 2 + 1
        if self.count == "quorum":
            return quorum(size) if size else 1
        if self.count == "all":
            return max(1, size)
        return int(self.count)


def read_policy(text: str) -> Policy:
    """Raises Refused."""
    words = text.split(" ")
    if len(words) == 3 and words[1] == "of" and words[2] and "," not in words[2]:
        count, _, whom = words
        is_number = count.isascii() and count.isdigit() and not count.startswith("0")
        if count in COUNTS or (is_number and int(count[:5]) <= COUNT_MAX and len(count) < 5):
            return Policy(count, whom)
    raise Refused(
        "E_POLICY",
        "a policy is any, majority, quorum, all or a number, of validators, members or a role: "
        "«majority of members»",
    )


def electorate(state: ConfigState, whom: str) -> tuple[str, ...]:
    """The members that are asked, in the order of the configuration."""
    if whom == VALIDATORS:
        return state.owners
    role = ADMIN_ROLE if whom == MEMBERS else whom
    have = {i.member_id for i in state.config.identities if role in i.roles}
    return tuple(m.member_id for m in state.config.members if m.member_id in have)


@dataclass(frozen=True, slots=True)
class Tally:
    """How a policy stands: of `asked` members `approved` did, `needed` must."""

    policy: Policy
    asked: tuple[str, ...]
    approved: tuple[str, ...]
    rejected: tuple[str, ...]
    needed: int

    @property
    def is_satisfied(self) -> bool:
        return len(self.approved) >= self.needed

    @property
    def is_impossible(self) -> bool:
        """Whether those who have not rejected are too few."""
        return len(self.asked) - len(self.rejected) < self.needed

    @property
    def missing(self) -> tuple[str, ...]:
        """Who may still approve, where somebody must."""
        if self.is_satisfied:
            return ()
        return tuple(m for m in self.asked if m not in self.approved and m not in self.rejected)


def tally(
    state: ConfigState, policy: Policy, approvals: Iterable[str], rejections: Iterable[str] = ()
) -> Tally:
    """Approvals count of members that are asked now, whatever they were when they approved."""
    asked = electorate(state, policy.whom)
    said, against = set(approvals), set(rejections)
    return Tally(
        policy,
        asked,
        tuple(m for m in asked if m in said),
        tuple(m for m in asked if m in against),
        policy.needed(len(asked)),
    )
