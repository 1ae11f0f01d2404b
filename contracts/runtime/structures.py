"""Structure encoding for contracts: fields given one by one, the bytes of consensus/encoding.py.

A contract that verifies payment proofs or headers rebuilds their canonical bytes with this. Kinds:
`int bool bytes str hash sig`, and `list:KIND` or `optional:KIND` of these.
"""

from __future__ import annotations

from typing import Any

from consensus import encoding

_HINTS: dict[str, Any] = {
    "int": int, "bool": bool, "bytes": bytes, "str": str,
    "hash": encoding.Hash, "sig": encoding.Sig,
}  # fmt: skip
FIELDS_MAX = 64


def _codec(kind: Any) -> Any:
    if type(kind) is not str:
        raise ValueError("a structure field's kind is text")
    shape, _, inner = kind.rpartition(":")
    hint = _HINTS.get(inner)
    if hint is None or shape not in ("", "list", "optional"):
        raise ValueError("no such kind of structure field")
    if shape == "list":
        hint = tuple[hint, ...]
    elif shape == "optional":
        hint = hint | None if isinstance(hint, type) else _optional(hint)
    return encoding._codec(hint)


def _optional(hint: Any) -> Any:
    from typing import Optional

    return Optional[hint]  # noqa: UP045 - NewType has no | on the oldest interpreter


def encode(fields: list[tuple[str, Any]]) -> bytes:
    """Canonical bytes of a structure with these (kind, value) fields. Raises ValueError."""
    if len(fields) > FIELDS_MAX:
        raise ValueError("too many fields")
    out = []
    for kind, value in fields:
        body = _codec(kind).write(tuple(value) if type(value) is list else value)
        out.append(len(body).to_bytes(4, "big") + body)
    return b"".join(out)


def decode(kinds: list[str], data: bytes) -> list[Any]:
    """Field values of canonical bytes; refuses anything that is not exactly these fields."""
    if len(kinds) > FIELDS_MAX:
        raise ValueError("too many fields")
    values, at = [], 0
    for codec in [_codec(kind) for kind in kinds]:
        part, at = encoding._part(data, at)
        values.append(codec.read(part))
    if at != len(data):
        raise ValueError("trailing bytes")
    return values
