"""Which suite a file belongs to, and how its cases are run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from consensus.raft.membership import (
    Change,
    ChangeRefused,
    Configuration,
    change_simple,
    enter_joint,
    leave_joint,
)
from consensus.raft.membership import (
    Outcome as Changed,
)
from consensus.raft.progress import Inflights, Progress, following
from consensus.raft.quorum import INFINITY, joint_index, joint_vote
from tests.acceptance.raft import describe, paper
from tests.acceptance.raft.datadriven import Step, read
from tests.acceptance.raft.interaction import COMMANDS, Interaction
from tests.acceptance.raft.outcome import Outcome, compared, compared_text

QUORUM, CHANGES, TRANSCRIPTS, PAPER = "quorum", "confchange", "transcripts", "raft paper"
QUORUM_COMMANDS = {"committed", "vote"}
CHANGE_COMMANDS = {"simple", "enter-joint", "leave-joint"}


def run(directory: Path) -> Iterator[Outcome]:
    """Every case of every file below `directory`, in order of paths."""
    for path in sorted(directory.rglob("*")):
        if path.suffix == ".txt":
            yield from run_file(path)
        elif path.suffix == ".json":
            yield from run_tables(path)


def run_file(path: Path) -> Iterator[Outcome]:
    steps = read(path)
    commands = {step.command for step in steps}
    if commands <= QUORUM_COMMANDS:
        yield from map(run_quorum, steps)
    elif commands <= CHANGE_COMMANDS:
        yield from run_changes(steps)
    else:
        yield from run_transcript(steps)


def run_tables(path: Path) -> Iterator[Outcome]:
    tables = json.loads(path.read_text(encoding="utf-8"))
    for name, passed in paper.rows(tables):
        yield Outcome(PAPER, name, passed)


# --- quorum -----------------------------------------------------------------------------------------


def run_quorum(step: Step) -> Outcome:
    """`cfg` and `cfgj` are the two halves; answers stand in the order of first mention, `_` for none."""
    incoming = step.ids("cfg")
    outgoing = [int(value) for value in step.values("cfgj") if value != "zero"]
    voters = list(dict.fromkeys(incoming + outgoing))
    last = step.expected.split("\n")[-1]
    if step.command == "vote":
        votes = {
            voter: value == "y"
            for voter, value in zip(voters, step.values("votes"), strict=False)
            if value != "_"
        }
        won = joint_vote(incoming, outgoing, votes)
        return compared(QUORUM, step.where, last, "Vote" + won.value.capitalize())
    acknowledged = {
        voter: int(value)
        for voter, value in zip(voters, step.values("idx"), strict=False)
        if value != "_"
    }
    index = joint_index(incoming, outgoing, acknowledged)
    text = "∞" if index == INFINITY else str(index)
    return compared(QUORUM, step.where, last.split(">")[-1], text)


# --- changes of configuration -----------------------------------------------------------------------


def run_changes(steps: list[Step]) -> Iterator[Outcome]:
    """State carries over within a file. The last index grows with every command, failed or not."""
    configuration = Configuration()
    progress: dict[int, Progress] = {}
    for last_index, step in enumerate(steps):
        is_refused = False
        try:
            changed = _changed(configuration, step)
        except ChangeRefused:
            is_refused = True
        else:
            configuration = changed.configuration
            progress = following(changed, progress, _newcomer(last_index))
        lines = [describe.configuration(configuration)]
        lines += [f"{member}: {describe.progress(item)}" for member, item in progress.items()]
        yield _compared_change(step, "\n".join(lines), is_refused=is_refused)


def _changed(configuration: Configuration, step: Step) -> Changed:
    changes: tuple[Change, ...] = describe.changes(step.input)
    if step.command == "simple":
        return change_simple(configuration, changes)
    if step.command == "enter-joint":
        is_auto_leave = step.value("autoleave", "false") == "true"
        return enter_joint(configuration, changes, is_auto_leave=is_auto_leave)
    if changes:
        raise ChangeRefused("leaving takes no changes")
    return leave_joint(configuration)


def _newcomer(last_index: int) -> Callable[[], Progress]:
    def create() -> Progress:
        return Progress(max(last_index, 1), Inflights(10, 1 << 62), is_recently_active=True)

    return create


def _compared_change(step: Step, got: str, *, is_refused: bool) -> Outcome:
    """A refusal is compared as such: the reason is in words of our own."""
    is_refusal_expected = not step.expected.startswith("voters=")
    if is_refusal_expected or is_refused:
        return compared(CHANGES, step.where, is_refusal_expected, is_refused)
    return compared_text(CHANGES, step.where, step.expected, got)


# --- transcripts ------------------------------------------------------------------------------------


def run_transcript(steps: list[Step]) -> Iterator[Outcome]:
    """State carries over within a file. After a command that cannot be run, the rest is not tried."""
    group = Interaction()
    for position, step in enumerate(steps):
        if step.command not in COMMANDS:
            for rest in steps[position:]:
                yield Outcome(TRANSCRIPTS, rest.where, f"unknown command {step.command}")
            return
        yield compared_text(TRANSCRIPTS, step.where, step.expected, group.run(step))
