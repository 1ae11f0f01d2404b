"""A command's help from its docstring: words flow, brackets show, examples can be copied as they stand.

In the source examples stand side by side or one a line; here each has a line of its own. One that is longer
than a line of the help is broken before an option, with a backslash, as a shell reads it.
"""

from __future__ import annotations

import inspect
import re

from rich.markup import escape

WIDTH = 76
WRAPPED = 60  # a line of the source at least so long goes on in the next one
_EXAMPLES = re.compile(r"Examples?:[ ]*")
_BETWEEN = re.compile(r"[ ]{4,}")


def laid_out(text: str | None) -> str | None:
    """Of a docstring; a paragraph that begins with the word Example holds commands."""
    if text is None:
        return None
    shown = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        found = _EXAMPLES.match(paragraph)
        if found is None:
            shown.append(_flowing(paragraph))
        else:
            lines = [x for each in _examples(paragraph[found.end() :]) for x in _broken(each)]
            shown.append("\n".join([found[0].strip(), *(f"  {line}" for line in lines)]))
    return escape("\n\n".join(shown))


def _flowing(paragraph: str) -> str:
    """Without the ends of lines that only the source's width made."""
    first, *others = paragraph.split("\n")
    lines = [first]
    for line in others:
        if len(lines[-1]) >= WRAPPED and line[:1] not in (" ", "-", "*"):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _examples(body: str) -> list[str]:
    found: list[str] = []
    for line in body.split("\n"):
        for piece in _BETWEEN.split(line.strip()):
            if piece.startswith("-") and found:  # goes on with the one above
                found[-1] += f" {piece}"
            elif piece:
                found.append(piece)
    return found


def _broken(example: str) -> list[str]:
    """Lines of at most WIDTH where options allow it, the first without, the others with an indent."""
    lines, line = [], ""
    for part in re.split(r" (?=--?[a-z])", example):
        joined = f"{line} {part}" if line else part
        if line.strip() and len(joined) > WIDTH - 4:
            lines.append(f"{line} \\")
            line = f"    {part}"
        else:
            line = joined
    return [*lines, line]
