"""Reader of transcripts: a command, optional input lines, `----`, what is expected, a blank line.

Output that contains blank lines stands between doubled `----`. `#` begins a comment line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = "----"
_ARGUMENT = re.compile(r"([^\s=()]+)(?:=(\([^()]*\)|\S+))?")


@dataclass(frozen=True, slots=True)
class Step:
    """`arguments`: (key, values) in order; a bare word has no values. `line` is that of the command."""

    path: Path
    line: int
    command: str
    arguments: tuple[tuple[str, list[str]], ...] = ()
    input: str = ""
    expected: str = ""

    @property
    def where(self) -> str:
        return f"{self.path.name}:{self.line}"

    @property
    def words(self) -> list[str]:
        """The bare words."""
        return [word for word, values in self.arguments if not values]

    @property
    def numbers(self) -> list[int]:
        """The bare words as what they are in most commands: ids and indexes."""
        return [int(word) for word in self.words]

    def has(self, key: str) -> bool:
        return any(one == key for one, _ in self.arguments)

    def values(self, key: str) -> list[str]:
        return [value for one, values in self.arguments if one == key for value in values]

    def value(self, key: str, default: str = "") -> str:
        return (self.values(key) or [default])[0]

    def ids(self, key: str) -> list[int]:
        return [int(value) for value in self.values(key)]


def read(path: Path) -> list[Step]:
    return list(_steps(path, path.read_text(encoding="utf-8").split("\n")))


def _steps(path: Path, lines: list[str]) -> Iterator[Step]:
    position = 0
    while position < len(lines):
        head, start = lines[position].strip(), position
        position += 1
        if not head or head.startswith("#"):
            continue
        while head.endswith("\\"):
            head = head[:-1] + lines[position].strip()
            position += 1
        fence = lines.index(FENCE, position)
        given = "\n".join(lines[position:fence])
        expected, position = _expected(lines, fence + 1)
        command, _, rest = head.partition(" ")
        yield Step(path, start + 1, command, _arguments(rest), given, "\n".join(expected))


def _expected(lines: list[str], start: int) -> tuple[list[str], int]:
    if lines[start : start + 1] == [FENCE]:
        end = start + 1
        while lines[end : end + 2] != [FENCE, FENCE]:
            end += 1
        return lines[start + 1 : end], end + 2
    end = start
    while end < len(lines) and lines[end]:
        end += 1
    return lines[start:end], end


def _arguments(text: str) -> tuple[tuple[str, list[str]], ...]:
    return tuple(
        (key, [item for item in re.split(r"[,\s]+", value.strip("()")) if item])
        for key, value in _ARGUMENT.findall(text)
    )
