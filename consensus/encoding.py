"""Structures: the canonical bytes of everything nodes rebuild, hash or sign.

A *structure* is a frozen dataclass; its annotations, in order, are its schema. Each field is written
as a 4-byte big-endian length and the field's bytes:

    int        8 bytes, big-endian, 0 <= v < 2**64        bool    1 byte, 00 or 01
    bytes      as they are                                str     UTF-8
    Hash       exactly 32 bytes                           Sig     exactly 64 bytes
    structure  its own encoding                           T | None  a list of no or one item
    tuple[T, ...]  4-byte item count, then each item with its 4-byte length

There is one encoding for a value and one value for an encoding: `decode` refuses trailing bytes, other
widths, truth values other than 00 and 01, text that is not UTF-8, and anything above the size limit.
Values of contracts (tagged, self-describing) have their own encoding in contracts/runtime/values.py.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from typing import Any, NewType, TypeVar

Hash = NewType("Hash", bytes)
Sig = NewType("Sig", bytes)

ZERO_HASH = Hash(bytes(32))
STRUCTURE_BYTES_MAX = 64 * 1024 * 1024
LIST_ITEMS_MAX = 1 << 20

T = TypeVar("T")


class EncodingError(ValueError):
    """Bytes that are not the canonical encoding of the structure asked for."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Codec:
    """How one field type is written and read: both directions take and give whole field bodies."""

    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]


def _frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def _write_int(value: int) -> bytes:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise EncodingError(f"not an unsigned 64-bit integer: {value!r}")
    return value.to_bytes(8, "big")


def _read_int(body: bytes) -> int:
    if len(body) != 8:
        raise EncodingError("an integer has 8 bytes")
    return int.from_bytes(body, "big")


def _write_bool(value: bool) -> bytes:
    if type(value) is not bool:
        raise EncodingError("not a truth value")
    return b"\x01" if value else b"\x00"


def _read_bool(body: bytes) -> bool:
    if body not in (b"\x00", b"\x01"):
        raise EncodingError("a truth value is 00 or 01")
    return body == b"\x01"


def _write_str(value: str) -> bytes:
    if type(value) is not str:
        raise EncodingError("not text")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EncodingError("text that has no UTF-8 form") from error


def _read_str(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError("text is not UTF-8") from error


def _bytes_codec(size: int | None) -> _Codec:
    def check(value: bytes) -> bytes:
        if type(value) is not bytes or (size is not None and len(value) != size):
            raise EncodingError(f"expected {'bytes' if size is None else f'{size} bytes'}")
        return value

    return _Codec(check, check)


def _list_codec(item: _Codec, items_max: int) -> _Codec:
    def write(values: tuple[Any, ...]) -> bytes:
        if len(values) > items_max:
            raise EncodingError(f"more than {items_max} items")
        return len(values).to_bytes(4, "big") + b"".join(_frame(item.write(v)) for v in values)

    def read(body: bytes) -> tuple[Any, ...]:
        if len(body) < 4:
            raise EncodingError("a list begins with its item count")
        count = int.from_bytes(body[:4], "big")
        # An item takes at least its length prefix: a count that cannot fit is refused unread.
        if count > items_max or count * 4 > len(body) - 4:
            raise EncodingError("item count does not fit")
        parts, rest = _split(body[4:], count)
        if rest:
            raise EncodingError("trailing bytes after a list")
        return tuple(item.read(part) for part in parts)

    return _Codec(write, read)


def _optional_codec(item: _Codec) -> _Codec:
    several = _list_codec(item, 1)

    def write(value: Any) -> bytes:
        return several.write(() if value is None else (value,))

    def read(body: bytes) -> Any:
        found = several.read(body)
        return found[0] if found else None

    return _Codec(write, read)


def _split(data: bytes, count: int) -> tuple[list[bytes], bytes]:
    parts, at = [], 0
    for _ in range(count):
        end = at + 4
        size = int.from_bytes(data[at:end], "big")
        if len(data) < end + size:
            raise EncodingError("truncated")
        parts.append(data[end : end + size])
        at = end + size
    return parts, data[at:]


_SCALARS: dict[Any, _Codec] = {
    int: _Codec(_write_int, _read_int),
    bool: _Codec(_write_bool, _read_bool),
    str: _Codec(_write_str, _read_str),
    bytes: _bytes_codec(None),
    Hash: _bytes_codec(32),
    Sig: _bytes_codec(64),
}


def _codec(hint: Any) -> _Codec:
    if hint in _SCALARS:
        return _SCALARS[hint]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _Codec(encode, functools.partial(decode, hint))
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return _list_codec(_codec(args[0]), LIST_ITEMS_MAX)
    if origin in (types.UnionType, typing.Union) and len(args) == 2 and args[1] is type(None):
        return _optional_codec(_codec(args[0]))
    raise TypeError(f"no structure field has the type {hint!r}")


_schemas: dict[type, tuple[tuple[str, _Codec], ...]] = {}


def _schema(cls: type[Any]) -> tuple[tuple[str, _Codec], ...]:
    schema = _schemas.get(cls)
    if schema is None:
        hints = typing.get_type_hints(cls)
        schema = tuple((f.name, _codec(hints[f.name])) for f in dataclasses.fields(cls))
        _schemas[cls] = schema
    return schema


def encode(structure: Any) -> bytes:
    """Canonical bytes of a structure. Raises EncodingError where a field is out of range."""
    out = []
    for name, codec in _schema(type(structure)):
        body = codec.write(getattr(structure, name))
        out.append(len(body).to_bytes(4, "big"))
        out.append(body)
    return b"".join(out)


def decode(cls: type[T], data: bytes) -> T:
    """The structure whose canonical encoding is `data`. Raises EncodingError for anything else."""
    if len(data) > STRUCTURE_BYTES_MAX:
        raise EncodingError("structure too large")
    schema = _schema(cls)
    parts, rest = _split(data, len(schema))
    if rest:
        raise EncodingError("trailing bytes")
    fields = (codec.read(part) for (_, codec), part in zip(schema, parts, strict=True))
    try:
        return cls(*fields)
    except EncodingError:
        raise
    except ValueError as error:  # a structure's own __post_init__ refused its fields
        raise EncodingError(str(error)) from error
