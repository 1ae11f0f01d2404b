"""The words and the line of `city crypto cases`."""

from __future__ import annotations

from typing import Any

from node.identity.errors import BadCaseFile

VALID, INVALID, REFUSED = "valid", "invalid", "refused"


def verdict(good: bool) -> str:
    return VALID if good else INVALID


def line(name: str, expected: str, backends: dict[str, str], **more: Any) -> dict[str, Any]:
    """A line of decisions.md §5; `more` holds what helps a reader (comment, reason, result)."""
    if expected not in (VALID, INVALID, REFUSED):
        raise BadCaseFile(f"case {name} expects {expected!r}")
    verdicts = set(backends.values())
    return {
        "id": name,
        "expected": expected,
        "backends": backends,
        "agree": len(verdicts) == 1,
        "ok": verdicts == {expected},
        **{key: value for key, value in more.items() if value},
    }


def from_hex(test: dict[str, Any], field: str) -> bytes:
    """A field's bytes. Raises BadCaseFile where it is absent or no hexadecimal text."""
    text = test.get(field)
    if not isinstance(text, str):
        raise BadCaseFile(f"a case has no {field!r}")
    try:
        if not text.isalnum() and text:
            raise ValueError("something that is no digit")  # fromhex skips spaces
        return bytes.fromhex(text)
    except ValueError as error:
        raise BadCaseFile(f"{field!r} of a case is not hexadecimal") from error
