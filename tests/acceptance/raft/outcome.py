"""What became of one case, and how two outputs are compared."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

# What the library reports to a log is no behaviour: other words, other levels.
_REPORT = re.compile(r"\s*(DEBUG|INFO|WARN|ERROR|FATAL) ")


@dataclass(frozen=True, slots=True)
class Outcome:
    """`suite` and `where` name the case; `difference` is empty if it passed."""

    suite: str
    where: str
    difference: str = ""


def compared(suite: str, where: str, expected: object, got: object) -> Outcome:
    difference = "" if expected == got else f"expected {expected!r}, got {got!r}"
    return Outcome(suite, where, difference)


def compared_text(suite: str, where: str, expected: str, got: str) -> Outcome:
    """Line by line, without what goes to the log; nothing at all and `ok` are the same."""
    wanted, given = structured(expected), structured(got)
    if wanted == given:
        return Outcome(suite, where)
    lines = difflib.unified_diff(wanted, given, "expected", "got", lineterm="", n=2)
    return Outcome(suite, where, "\n".join(lines))


def structured(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n") if not _REPORT.match(line)]
    return [line for line in lines if line and line != "ok"]
