"""Why a channel stands still, or one of its nodes does: from what the nodes say of themselves to the next step.

Pure: `Answers` in, findings out. A node's own word is no proof; two that contradict each other are a finding.

diagnose(answers)      findings, the worst first
summary(answers)       one sentence: who makes blocks, or what it waits for
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from shlex import quote
from typing import Any

SKEW_MS = 2_000  # clocks of two nodes further apart than this are worth a look
BLOCK_AGE_MS = 10_000  # with transactions waiting, a block older than this is late
BEHIND_BLOCKS = 16
ARCHIVES_MIN = 2

Status = Mapping[str, Any]


class Severity(StrEnum):
    """stop: the channel, or that node's part in it, stands still. warn: it goes on, with less in hand."""

    stop = "stop"
    warn = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """node: whom it concerns, empty for the channel. do: the next step, a command where one helps."""

    severity: Severity
    node: str
    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Answers:
    """statuses: by the name of each node that was asked, None where no answer came; each with `asked_ms`, the
    asker's clock when the answer came. validators: of the configuration in force, asked or not. without: those
    that answered that they have no such channel."""

    statuses: Mapping[str, Status | None]
    validators: Collection[str]
    without: Collection[str] = ()

    @property
    def answered(self) -> dict[str, Status]:
        return {name: s for name, s in self.statuses.items() if s is not None}

    @property
    def linked(self) -> set[str]:
        """Nodes to which one that answered has a link."""
        return {peer["name"] for s in self.answered.values() for peer in s.get("peers", ())}

    @property
    def voting(self) -> list[str]:
        """Validators that are up and say that they vote, and those that only their peers see."""
        linked, found = self.linked, []
        for name in self.validators:
            status = self.statuses.get(name)
            if status is None:
                if name in linked:
                    found.append(name)
            elif status["role"] == "validator" and not is_held(status):
                found.append(name)
        return found

    @property
    def needed(self) -> int:
        return max((int(s["quorum"]) for s in self.answered.values()), default=0)

    @property
    def height(self) -> int:
        return max((int(s["height"]) for s in self.answered.values()), default=0)


def is_held(status: Status) -> bool:
    """Whether the channel does not go on there: it was paused, or has stopped by itself."""
    return status["state"] in ("paused", "stopped")


def is_archive(status: Status) -> bool:
    """Whether the node says that it holds every block whole; from 0 or 1 on is all of them."""
    return int(status.get("blocks_from", 0)) <= 1


def _too_few_archives(answers: Answers) -> Iterator[Finding]:
    """Where some let go of blocks, somebody must have them."""
    answered = answers.answered
    holding = [name for name, status in answered.items() if is_archive(status)]
    told = {name for status in answered.values() for name in status.get("archives", ())}
    pruned = [name for name, status in answered.items() if not is_archive(status)]
    if pruned and len({*holding, *told}) < ARCHIVES_MIN:
        names = ", ".join(sorted({*holding, *told})) or "no node"
        yield Finding(
            Severity.warn,
            "",
            f"{', '.join(pruned)} let go of old blocks, and {names} holds all of them",
            "keep at least two archives a channel: a node without [prune] that begins with block 1",
        )


@dataclass(frozen=True, slots=True)
class Readiness:
    """Validators, and other nodes that were asked: those whose build knows a flag, those whose build does not,
    and those of which nobody knows."""

    ready: tuple[str, ...]
    lacking: tuple[str, ...]
    unknown: tuple[str, ...]

    def __str__(self) -> str:
        """Who is not ready; empty where all are."""
        parts = []
        if self.lacking:
            parts.append(f"not known to the build of {', '.join(self.lacking)}")
        if self.unknown:
            parts.append(f"{', '.join(self.unknown)} did not say")
        return "; ".join(parts)


def readiness(answers: Answers, flag: str) -> Readiness:
    """By each node's own word, to the asker or, where it gives no answer, to nodes that are linked to it."""
    found: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for name in dict.fromkeys([*answers.validators, *answers.statuses]):
        own = answers.statuses.get(name)
        if own is not None:
            words = [own.get("flags", {}).get("known")]
        else:
            told = [s.get("flags", {}).get("peers", {}) for s in answers.answered.values()]
            words = [peers.get(name) for peers in told]
        said = [flag in word for word in words if word is not None]
        found[all(said) if said else None].append(name)
    return Readiness(*(tuple(found[kind]) for kind in (True, False, None)))


def diagnose(answers: Answers) -> list[Finding]:
    """Everything that is not as it should be, stops before warnings."""
    found = [finding for check in CHECKS for finding in check(answers)]
    return sorted(found, key=lambda finding: finding.severity is not Severity.stop)


def summary(answers: Answers) -> str:
    answered = answers.answered
    if not answered and answers.without:
        return "no node that answers has this channel: it was archived or left"
    if not answered:
        return "no node answers"
    voting, n = len(answers.voting), len(answers.validators)
    votes = f"{voting} of {n} validators vote, {answers.needed} must"
    if voting < answers.needed:
        return f"no block can be made: {votes}"
    ahead = max(answered.values(), key=lambda s: int(s["height"]))
    led = f"led by {ahead['leader']}" if ahead.get("leader") else "without a leader"
    return f"blocks are made: height {answers.height}, view {ahead.get('view', 0)} {led}; {votes}"


# ---- checks ----------------------------------------------------------------------------------------


def _too_few_votes(answers: Answers) -> Iterator[Finding]:
    voting = answers.voting
    if answers.answered and len(voting) < answers.needed:
        missing = [name for name in answers.validators if name not in voting]
        yield Finding(
            Severity.stop,
            "",
            f"{len(voting)} of {len(answers.validators)} validators vote and {answers.needed} must; "
            f"missing: {', '.join(missing)}",
            f"bring back {answers.needed - len(voting)} of them; each is explained below",
        )


def _silent(answers: Answers) -> Iterator[Finding]:
    linked = answers.linked
    channel = next((str(s["channel"]) for s in answers.answered.values() if "channel" in s), "")
    for name in dict.fromkeys([*answers.validators, *answers.statuses]):
        if answers.statuses.get(name) is not None:
            continue
        was_asked = name in answers.statuses
        if name in answers.without:
            if name in answers.validators:
                yield _gone(name, channel)
        elif name not in linked:
            text = "it does not answer, and no other city is linked to it"
            do = "on its host: city node doctor, then city node run"
            yield Finding(Severity.warn, name, text if was_asked else "no city is linked to it", do)
        elif was_asked:
            text = "it does not answer you, yet other cities are linked to it"
            do = (
                "its api address or the way from here to it is wrong: on its host, city node doctor"
            )
            yield Finding(Severity.warn, name, text, do)


def _gone(name: str, channel: str) -> Finding:
    return Finding(
        Severity.warn,
        name,
        "it is up, and has this channel no more: it archived or left it",
        f"city --channel {channel} as ADMIN channel propose remove-validator {quote(name)}"
        if channel
        else "city channel list",
    )


def _paused(answers: Answers) -> Iterator[Finding]:
    for name, status in answers.answered.items():
        if status["state"] == "paused":
            yield Finding(
                Severity.warn,
                name,
                "its operator has paused the channel there: it answers reads and orders nothing",
                f"city channel resume {status['channel']} --node {quote(name)}",
            )


def _stopped(answers: Answers) -> Iterator[Finding]:
    for name, status in answers.answered.items():
        if status["state"] == "stopped":
            code = str(status.get("code", ""))
            yield Finding(
                Severity.stop,
                name,
                f"its channel has stopped: {code} {status.get('reason', '')}".rstrip(),
                f"city explain {code}" if code else "read its log",
            )


def _other_roots(answers: Answers) -> Iterator[Finding]:
    """Two nodes that applied the same height and found different states: one of them computes wrongly."""
    groups: dict[int, dict[str, list[str]]] = {}
    for name, status in answers.answered.items():
        if status.get("state_root"):
            same = groups.setdefault(int(status["applied_height"]), {})
            same.setdefault(str(status["state_root"]), []).append(name)
    for height, roots in groups.items():
        if len(roots) > 1:
            sides = "; ".join(f"{', '.join(names)}: {root[:16]}…" for root, names in roots.items())
            yield Finding(
                Severity.stop,
                "",
                f"different states after block {height}: {sides}",
                "stop the smaller side, keep its folder, and compare: city contract agreement",
            )


def _unlinked(answers: Answers) -> Iterator[Finding]:
    statuses = {name: answers.statuses.get(name) for name in answers.validators}
    up = [name for name, status in statuses.items() if status and not is_held(status)]
    for name in up:
        linked = {peer["name"] for peer in answers.answered[name].get("peers", ())}
        away = [other for other in up if other != name and other not in linked]
        if away:
            yield Finding(
                Severity.warn,
                name,
                f"no link to {', '.join(away)}, though they are up",
                "check [peers] in its node.toml and the way between the hosts: city node doctor",
            )


def _observing(answers: Answers) -> Iterator[Finding]:
    for name in answers.validators:
        status = answers.statuses.get(name)
        if status is not None and status["role"].startswith("observer ("):
            reason = status["role"].removeprefix("observer (").removesuffix(")")
            yield Finding(
                Severity.warn,
                name,
                f"it has a vote and does not use it: {reason}",
                "leave it running: it votes when enough others have vouched; city explain CITY-6006",
            )


def _behind(answers: Answers) -> Iterator[Finding]:
    for name, status in answers.answered.items():
        missing = answers.height - int(status["height"])
        waiting = int(status["height"]) - int(status["applied_height"])
        if missing > BEHIND_BLOCKS:
            yield Finding(
                Severity.warn,
                name,
                f"{missing} blocks behind the others",
                "wait: it fetches them from its peers; if it stands still, look at its links",
            )
        if status.get("executes", True) and waiting > BEHIND_BLOCKS:
            yield Finding(
                Severity.warn,
                name,
                f"it has {waiting} blocks that are not executed yet",
                "wait; if it grows, the host is too slow for this channel: city bench engine",
            )


def _late(answers: Answers) -> Iterator[Finding]:
    for name, status in answers.answered.items():
        age = int(status["time_ms"]) - int(status["block_time_ms"])
        if int(status["pool"]) and age > BLOCK_AGE_MS and len(answers.voting) >= answers.needed:
            reason = str(status.get("last_view_change_reason") or "none since the start")
            yield Finding(
                Severity.warn,
                name,
                f"{status['pool']} transactions wait and the last block is {age // 1000} s old; "
                f"view {status.get('view', 0)}, last change of view: {reason}",
                "if the view keeps rising, each view's leader is slow or cut off: look at links and clocks",
            )


def _clocks(answers: Answers) -> Iterator[Finding]:
    clocks = {n: int(s["time_ms"]) - int(s["asked_ms"]) for n, s in answers.answered.items()}
    if len(clocks) < 2:
        return
    middle = sorted(clocks.values())[len(clocks) // 2]
    for name, offset in clocks.items():
        if abs(offset - middle) > SKEW_MS:
            yield Finding(
                Severity.warn,
                name,
                f"its clock is {abs(offset - middle) / 1000:.1f} s "
                f"{'ahead of' if offset > middle else 'behind'} the others",
                "set it by NTP: blocks carry the leader's time and others refuse one that is too far off",
            )


def _no_room(answers: Answers) -> Iterator[Finding]:
    for name, status in answers.answered.items():
        if status.get("room"):
            yield Finding(
                Severity.warn,
                name,
                str(status["room"]),
                "free some space on its disk: city explain CITY-5040",
            )


def _quotas(answers: Answers) -> Iterator[Finding]:
    """The same on every node, so the one that is furthest tells it."""
    ahead = max(answers.answered.values(), key=lambda s: int(s["applied_height"]), default=None)
    for row in () if ahead is None else ahead.get("quotas", ()):
        who = " in ".join(part for part in (row["member"], row["application"]) if part)
        limits = [name for name in ("transactions", "bytes", "gas") if row[name]["left"] == 0]
        said = f"has no {' and no '.join(limits)} left" if limits else "has little left"
        wait_s = max(0, int(row["free_at_ms"]) - int(ahead["time_ms"] if ahead else 0)) // 1_000
        yield Finding(
            Severity.warn,
            "",
            f"the quota of {who} {said}: what it sends is refused, {row['refused']} transactions in "
            f"blocks; free again in {wait_s} s",
            f"wait, or propose another: city quota show {row['member']}".rstrip(),
        )


def _flags(answers: Answers) -> Iterator[Finding]:
    for name, status in answers.answered.items():
        for flag in status.get("flags", {}).get("due", ()):
            left = int(flag["stops_at"]) - answers.height
            if not flag["known"] and status["state"] != "stopped":
                yield Finding(
                    Severity.warn,
                    name,
                    f"its build does not know the flag {flag['flag']}, which holds from block "
                    f"{flag['height']} on: it stops in {max(0, left)} blocks",
                    "install a build that knows it and restart the node; who is ready: city channel flags",
                )


def _flags_of_the_silent(answers: Answers) -> Iterator[Finding]:
    """Validators that give no answer, by what they told their peers."""
    due = {f["flag"]: f["height"] for s in answers.answered.values() for f in _told(s, "due")}
    for flag, height in due.items():
        for name in readiness(answers, flag).lacking:
            if answers.statuses.get(name) is None:
                yield Finding(
                    Severity.warn,
                    name,
                    f"its build does not know the flag {flag}, which holds from block {height} on",
                    "install a build that knows it before that block: city channel flags",
                )


def _flags_proposed(answers: Answers) -> Iterator[Finding]:
    proposed = {
        f["proposal"]: f["flag"] for s in answers.answered.values() for f in _told(s, "proposed")
    }
    for proposal, flag in proposed.items():
        found = readiness(answers, flag)
        if found.lacking:
            yield Finding(
                Severity.warn,
                "",
                f"{proposal} would activate the flag {flag}: {found}",
                "approve it once they run a build that knows it: city channel flags",
            )


def _told(status: Status, what: str) -> list[Mapping[str, Any]]:
    return list(status.get("flags", {}).get(what, ()))


CHECKS: tuple[Callable[[Answers], Iterator[Finding]], ...] = (
    _stopped,
    _paused,
    _other_roots,
    _too_few_votes,
    _silent,
    _observing,
    _unlinked,
    _behind,
    _late,
    _clocks,
    _no_room,
    _quotas,
    _flags,
    _flags_of_the_silent,
    _flags_proposed,
    _too_few_archives,
)
