"""Arguments as a node checks them before the pool: one strict JSON object by parameter name.

The guest converts them by the method's type hints and has the last word (decisions section 1.6). This check
refuses early, and for every node alike, what no method could take.
"""

from __future__ import annotations

import json
from typing import Any

from contracts.runtime.limits import ARGUMENTS_DEPTH_MAX, INT_TEXT_MAX


class BadArguments(ValueError):
    """Arguments that are not a strict JSON object; the text says what is wrong and where."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadArguments(f"the name {twice[:64]!r} stands twice in one object")
    return found


def _no_float(text: str) -> Any:
    raise BadArguments(
        f"{text[:32]} is a decimal number; write whole units (fen) or the number as text"
    )


def _no_constant(text: str) -> Any:
    raise BadArguments(f"{text} is not a number")


def _int(text: str) -> int:
    if len(text) > INT_TEXT_MAX:
        raise BadArguments(f"an integer has more than {INT_TEXT_MAX} characters")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_no_float,
    parse_constant=_no_constant,
    parse_int=_int,
    strict=True,
)


def check_arguments(text: str) -> None:
    """Raises BadArguments unless `text` is one JSON object without duplicate names, floats, NaN, text
    that has no UTF-8 form, or more than 16 levels."""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise BadArguments(f"more than {ARGUMENTS_DEPTH_MAX} levels") from None
    except json.JSONDecodeError as error:
        raise BadArguments(f"no JSON: {error.msg} at character {error.pos}") from None
    if type(value) is not dict:
        raise BadArguments("not an object of arguments by name")
    if text.count("{") + text.count("[") > ARGUMENTS_DEPTH_MAX:
        _check_depth(value)
    if "\\u" in text:
        _check_text(value)


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > ARGUMENTS_DEPTH_MAX:
            raise BadArguments(f"more than {ARGUMENTS_DEPTH_MAX} levels")
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) in (dict, list)
        ]


def _check_text(value: Any) -> None:
    """Escapes can spell half of a surrogate pair, which no text encoding can carry on."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise BadArguments("text with half a surrogate pair") from None
