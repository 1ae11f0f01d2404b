"""The text of a transcript: scenarios of commands and expected output, in the manner of datadriven files.

    # == A sentence that names the scenario
    # Prose: what is at stake.
    # Rules: R6, R9.  Pitfalls: FISCO#2211.  Suite: SmartBFT/RestoringViewChange.
    command word key=value key=(a,b)
    ----
    expected output, ended by a blank line

Lines that begin with # are prose. A scenario begins at its `# ==` line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

SEPARATOR = "----"
_ARGUMENT = re.compile(r"([^\s=()]+)=(\([^()]*\)|\S+)|(\([^()]*\)|\S+)")
_LABEL = re.compile(r"(Rules|Pitfalls|Suite): ([^.]*)\.")


class TranscriptError(AssertionError):
    """Something wrong at a line of a file; the text begins with `file:line:`."""

    def __init__(self, path: Path, line: int, text: str) -> None:
        super().__init__(f"{path.name}:{line}: {text}")


@dataclass
class Case:
    """`line` is that of the command, from 1. Words hold the bare arguments, a list in parentheses as one."""

    line: int
    text: str
    expected: list[str]
    prose: list[str]
    name: str = ""
    words: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.name, _, rest = self.text.partition(" ")
        for key, value, word in _ARGUMENT.findall(rest):
            if key:
                self.options[key] = value
            else:
                self.words.append(word)


@dataclass
class Scenario:
    path: Path
    line: int
    title: str
    labels: dict[str, list[str]] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)


@dataclass
class Transcript:
    """`tail` is prose behind the last command."""

    path: Path
    head: list[str]
    scenarios: list[Scenario]
    tail: list[str]

    @property
    def stake(self) -> str:
        """The first paragraph of the file: what it is about."""
        lines = []
        for line in self.head:
            if not line.strip("# "):
                break
            lines.append(line.lstrip("# "))
        return " ".join(lines)


def items(value: str) -> list[str]:
    """`(a,b)` or `a` as a list."""
    return [each.strip() for each in value.strip("()").split(",") if each.strip()]


def parse(path: Path) -> Transcript:
    lines = path.read_text(encoding="utf-8").splitlines()
    transcript = Transcript(path, [], [], [])
    prose: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("# == "):
            if not transcript.scenarios:
                transcript.head, prose = prose, []
            transcript.scenarios.append(Scenario(path, at + 1, line[5:].strip()))
        if not line.strip() or line.startswith("#"):
            prose.append(line)
            at += 1
            continue
        start, at = at, at + 1
        if at >= len(lines) or lines[at] != SEPARATOR:
            raise TranscriptError(path, start + 1, f"a command is followed by {SEPARATOR}")
        at += 1
        expected = []
        while at < len(lines) and lines[at].strip():
            expected.append(lines[at])
            at += 1
        if not transcript.scenarios:
            raise TranscriptError(path, start + 1, "a command before the first `# ==` line")
        scenario = transcript.scenarios[-1]
        for label, value in _LABEL.findall(" ".join(each.lstrip("# ") for each in prose)):
            scenario.labels[label] = items(value)
        scenario.cases.append(Case(start + 1, line.strip(), expected, prose))
        prose = []
    transcript.tail = prose
    return transcript


def render(transcript: Transcript, outputs: dict[int, list[str]]) -> str:
    """The file again, with the output of each command by its line."""
    lines = list(transcript.head)
    for scenario in transcript.scenarios:
        for case in scenario.cases:
            lines += [*case.prose, case.text, SEPARATOR, *outputs[case.line]]
    lines += transcript.tail
    return "\n".join(lines).rstrip("\n") + "\n"
