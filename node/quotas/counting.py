"""What members and applications have used of their quotas: pure accounting, the same on every node.

    Use          transactions, bytes and gas
    Used         what a subject used in one window, as the state holds it
    Rules        which quotas bind a transaction
    Charging     a block's transactions in order: each finds room in all of its quotas, or is refused
    rows         how every quota stands, for people

A *subject* is (member, application): one of them empty for a sum over all. A window is a stretch of the blocks'
own time, `timestamp // seconds`: it ends whether blocks are made or not, so that nobody who has used everything
up waits for blocks that only he would cause, and people can be told when it is free again.

A transaction needs room for itself, its bytes and its gas *limit*; it is charged the gas that it used. So no
sum ever passes its limit, whatever the transactions do. It counts for the member whose identity signed it, once
it stands in a block, whatever came of it. Only what a quota refused is charged nothing and counted as refused,
what was malformed is nobody's. Free are changes of the configuration, as members must be able to mend quotas,
and what a node owes the channel under its own key: an attestation that is accepted, once for each open version.

The state holds, only for subjects that have a quota,

    ("_quota", "used", (member, application))    Used
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from consensus.encoding import decode, encode
from contracts.runtime import values
from contracts.runtime.keys import object_prefix, split_state_key, state_key
from node.governance import CONTRACT as CONFIG
from node.governance.quotas import EACH, LIMITED
from node.governance.state import Quota

CONTRACT = "_quota"
REFUSED = "QUOTA_EXCEEDED"
Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Use:
    transactions: int = 0
    bytes: int = 0
    gas: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(
            self.transactions + other.transactions,
            self.bytes + other.bytes,
            self.gas + other.gas,
        )

    def __sub__(self, other: Use) -> Use:
        return Use(
            self.transactions - other.transactions,
            self.bytes - other.bytes,
            self.gas - other.gas,
        )


@dataclass(frozen=True, slots=True)
class Used:
    """window: its number, counted from 1970 in stretches of `seconds`. refused: transactions that stand in a
    block and found no room."""

    seconds: int
    window: int
    use: Use
    refused: int


@dataclass(frozen=True, slots=True)
class Excess:
    """The first limit that a transaction would have passed. free_at_ms: when its window ends."""

    subject: Subject
    limit: str
    used: int
    most: int
    free_at_ms: int


def subjects_of(member: str, application: str) -> tuple[Subject, Subject, Subject]:
    """Whatever a transaction of a member to an application may count for."""
    return (member, ""), ("", application), (member, application)


class Rules:
    """The quotas in force, found by what a transaction is."""

    def __init__(self, quotas: Sequence[Quota]) -> None:
        self._by_subject = {quota.subject: quota for quota in quotas}

    def __bool__(self) -> bool:
        return bool(self._by_subject)

    def quota(self, subject: Subject) -> Quota | None:
        """Its own; else, of a member, that of each."""
        member, application = subject
        each = self._by_subject.get((EACH, application)) if member else None
        return self._by_subject.get(subject) or each

    def of(self, member: str, application: str) -> tuple[tuple[Subject, Quota], ...]:
        """Those that bind a transaction of a member to an application, by the subject that each is about."""
        if not self._by_subject or application == CONFIG:
            return ()
        found = ((subject, self.quota(subject)) for subject in subjects_of(member, application))
        return tuple((subject, quota) for subject, quota in found if quota is not None)

    def subjects(self, members: Iterable[str]) -> list[tuple[Subject, Quota]]:
        """Every subject that has one, those of each member written out."""
        rows, members = dict[Subject, Quota](), tuple(members)
        for (member, application), quota in self._by_subject.items():
            if member != EACH:
                rows[member, application] = quota
                continue
            for name in members:
                rows.setdefault(
                    (name, application), self._by_subject.get((name, application), quota)
                )
        return sorted(rows.items(), key=lambda row: row[0])


def now(quota: Quota, used: Used | None, time_ms: int) -> Used:
    """What was used in the window of that time: nothing in a new one."""
    window = window_of(quota, time_ms)
    if used is None or (used.seconds, used.window) != (quota.seconds, window):
        return Used(quota.seconds, window, Use(), 0)
    return used


def window_of(quota: Quota, time_ms: int) -> int:
    return time_ms // (quota.seconds * 1_000)


def free_at_ms(quota: Quota, time_ms: int) -> int:
    """When the window of that time ends."""
    return (window_of(quota, time_ms) + 1) * quota.seconds * 1_000


def excess(subject: Subject, quota: Quota, use: Use, more: Use, time_ms: int) -> Excess | None:
    """The first limit that `more` on top of `use` would pass."""
    for limit in LIMITED:
        most, used = getattr(quota, limit), getattr(use, limit)
        if most and used + getattr(more, limit) > most:
            return Excess(subject, limit, used, most, free_at_ms(quota, time_ms))
    return None


class Charging:
    """The transactions of one block, one after the other, at the time of that block."""

    def __init__(self, rules: Rules, used: Mapping[Subject, Used], time_ms: int) -> None:
        self._rules, self._used, self._time_ms = rules, used, time_ms
        self.changed: dict[Subject, Used] = {}

    def __bool__(self) -> bool:
        """Whether anything is counted at all."""
        return bool(self._rules)

    def admit(self, member: str, application: str, use: Use) -> Excess | None:
        """Reserves `use`, its gas being the limit, or counts a refusal at the quota that has no room."""
        found = [(s, q, self._now(s, q)) for s, q in self._rules.of(member, application)]
        for subject, quota, used in found:
            over = excess(subject, quota, used.use, use, self._time_ms)
            if over is not None:
                self.changed[subject] = replace(used, refused=used.refused + 1)
                return over
        for subject, _, used in found:
            self.changed[subject] = replace(used, use=used.use + use)
        return None

    def settle(self, member: str, application: str, unused_gas: int) -> None:
        """What was reserved and not used, once a receipt says so."""
        for subject, quota in self._rules.of(member, application) if unused_gas else ():
            used = self._now(subject, quota)
            assert used.use.gas >= unused_gas, "it was reserved"
            self.changed[subject] = replace(used, use=used.use - Use(gas=unused_gas))

    def _now(self, subject: Subject, quota: Quota) -> Used:
        changed = self.changed.get(subject)
        return changed or now(quota, self._used.get(subject), self._time_ms)


def rows(
    rules: Rules, used: Mapping[Subject, Used], members: Iterable[str], time_ms: int
) -> list[dict[str, Any]]:
    """Every quota as it stands at that time, one row a subject; None for what has no limit."""
    found = []
    for subject, quota in rules.subjects(members):
        held = now(quota, used.get(subject), time_ms)
        row: dict[str, Any] = {"member": subject[0], "application": subject[1]}
        row |= {"seconds": quota.seconds, "free_at_ms": free_at_ms(quota, time_ms)}
        for limit in LIMITED:
            most, so_far = getattr(quota, limit) or None, getattr(held.use, limit)
            left = None if most is None else max(0, most - so_far)
            row[limit] = {"used": so_far, "most": most, "left": left}
        found.append(row | {"refused": held.refused})
    return found


# ---- in the state tree -------------------------------------------------------------------------------

NOTHING: Mapping[Subject, Used] = MappingProxyType({})
Scan = Callable[[bytes], Iterable[tuple[bytes, bytes]]]


def used_key(subject: Subject) -> bytes:
    return state_key(CONTRACT, "used", subject)


def encode_used(used: Used) -> bytes:
    return values.encode(encode(used))


def load_used(scan: Scan) -> dict[Subject, Used]:
    """The state under its keys. Raises ValueError for damaged bytes."""
    found: dict[Subject, Used] = {}
    for key, value in scan(object_prefix(CONTRACT, "used")):
        member, application = split_state_key(key)[2]
        found[member, application] = decode(Used, values.decode(value))
    return found
