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
import itertools
import operator
import struct
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
class _Width:
    """A field type whose values all have one size. `sign` is its letter in the struct module."""

    kind: type
    size: int
    sign: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Codec:
    """How one field type is written and read: both directions take and give whole field bodies."""

    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]
    width: _Width | None = None


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

    return _Codec(check, check, _Width(bytes, size, f"{size}s") if size else None)


def _count(body: bytes, items_max: int) -> int:
    if len(body) < 4:
        raise EncodingError("a list begins with its item count")
    count = int.from_bytes(body[:4], "big")
    # An item takes at least its length prefix: a count that cannot fit is refused unread.
    if count > items_max or count * 4 > len(body) - 4:
        raise EncodingError("item count does not fit")
    return count


def _list_codec(item: _Codec, items_max: int) -> _Codec:
    if item.width is not None and item.width.kind is bytes:
        return _table_codec(item.width.size, items_max)

    def write(values: tuple[Any, ...]) -> bytes:
        if len(values) > items_max:
            raise EncodingError(f"more than {items_max} items")
        return len(values).to_bytes(4, "big") + b"".join(_frame(item.write(v)) for v in values)

    def read(body: bytes) -> tuple[Any, ...]:
        values, at = [], 4
        for _ in range(_count(body, items_max)):
            part, at = _part(body, at)
            values.append(item.read(part))
        if at != len(body):
            raise EncodingError("trailing bytes after a list")
        return tuple(values)

    return _Codec(write, read)


def _table_codec(size: int, items_max: int) -> _Codec:
    """A list of byte strings of one size, a thousand transaction ids above all: joined, not looped over."""
    prefix = size.to_bytes(4, "big")

    def write(values: tuple[bytes, ...]) -> bytes:
        if len(values) > items_max:
            raise EncodingError(f"more than {items_max} items")
        if not set(map(type, values)) <= {bytes} or not set(map(len, values)) <= {size}:
            raise EncodingError(f"expected items of {size} bytes")
        head = len(values).to_bytes(4, "big")
        return head + prefix + prefix.join(values) if values else head

    def read(body: bytes) -> tuple[bytes, ...]:
        stride = size + 4
        if len(body) != 4 + stride * _count(body, items_max):
            raise EncodingError("a list of another length")
        values = tuple([body[at : at + size] for at in range(8, len(body), stride)])
        if write(values) != body:  # a length prefix other than `size`
            raise EncodingError(f"expected items of {size} bytes")
        return values

    return _Codec(write, read)


def _optional_codec(item: _Codec) -> _Codec:
    several = _list_codec(item, 1)

    def write(value: Any) -> bytes:
        return several.write(() if value is None else (value,))

    def read(body: bytes) -> Any:
        found = several.read(body)
        return found[0] if found else None

    return _Codec(write, read)


def _part(data: bytes, at: int) -> tuple[bytes, int]:
    """The field body whose length stands at `at`, and where it ends."""
    start = at + 4
    end = start + int.from_bytes(data[at:start], "big")
    if len(data) < end:
        raise EncodingError("truncated")
    return data[start:end], end


_SCALARS: dict[Any, _Codec] = {
    int: _Codec(_write_int, _read_int, _Width(int, 8, "Q")),
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


class _Field:
    """One field of its own."""

    def __init__(self, name: str, codec: _Codec) -> None:
        self._name = name
        self._codec = codec

    def write(self, structure: Any) -> bytes:
        body = self._codec.write(getattr(structure, self._name))
        return len(body).to_bytes(4, "big") + body

    def read(self, data: bytes, at: int, values: list[Any]) -> int:
        body, end = _part(data, at)
        values.append(self._codec.read(body))
        return end


class _Run:
    """Neighbouring fields of fixed width, most of what is hashed and signed: packed and unpacked in one go,
    their length prefixes between them."""

    def __init__(self, fields: list[tuple[str, _Codec]]) -> None:
        widths = [codec.width for _, codec in fields if codec.width is not None]
        self._fields = [_Field(name, codec) for name, codec in fields]
        self._struct = struct.Struct(">" + "".join("I" + width.sign for width in widths))
        self._values = _getter(operator.attrgetter, [name for name, _ in fields])
        self._kinds = [width.kind for width in widths]
        self._lengths = tuple(width.size for width in widths)
        self._frame = [each for size in self._lengths for each in (size, None)]
        sized = [i for i, width in enumerate(widths) if width.kind is bytes]
        self._sized = _getter(operator.itemgetter, sized)
        self._sizes = [self._lengths[i] for i in sized]

    def write(self, structure: Any) -> bytes:
        values = self._values(structure)
        # "32s" would pad or cut what has another size.
        if (
            list(map(type, values)) == self._kinds
            and list(map(len, self._sized(values))) == self._sizes
        ):
            frame: list[Any] = self._frame.copy()
            frame[1::2] = values
            try:
                return self._struct.pack(*frame)
            except struct.error as error:
                raise EncodingError("not an unsigned 64-bit integer") from error
        # Some field is out of range: one by one they say which.
        return b"".join([field.write(structure) for field in self._fields])

    def read(self, data: bytes, at: int, values: list[Any]) -> int:
        end = at + self._struct.size
        if len(data) < end:
            raise EncodingError("truncated")
        frame = self._struct.unpack_from(data, at)
        if frame[::2] != self._lengths:
            raise EncodingError("a field of another width")
        values += frame[1::2]
        return end


def _getter(make: Callable[..., Any], keys: list[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """`make` is attrgetter or itemgetter, which give a bare value for one key."""
    if len(keys) > 1:
        get: Callable[[Any], tuple[Any, ...]] = make(*keys)
        return get
    singles = [make(key) for key in keys]
    return lambda source: tuple([single(source) for single in singles])


_schemas: dict[type, tuple[_Run | _Field, ...]] = {}


def _schema(cls: type[Any]) -> tuple[_Run | _Field, ...]:
    schema = _schemas.get(cls)
    if schema is None:
        hints = typing.get_type_hints(cls)
        fields = [(field.name, _codec(hints[field.name])) for field in dataclasses.fields(cls)]
        parts: list[_Run | _Field] = []
        for is_fixed, several in itertools.groupby(
            fields, lambda field: field[1].width is not None
        ):
            if is_fixed:
                parts.append(_Run(list(several)))
            else:
                parts += [_Field(name, codec) for name, codec in several]
        schema = _schemas[cls] = tuple(parts)
    return schema


def encode(structure: Any) -> bytes:
    """Canonical bytes of a structure. Raises EncodingError where a field is out of range."""
    schema = _schemas.get(type(structure)) or _schema(type(structure))
    if len(schema) == 1:
        return schema[0].write(structure)
    return b"".join([part.write(structure) for part in schema])


def decode(cls: type[T], data: bytes) -> T:
    """The structure whose canonical encoding is `data`. Raises EncodingError for anything else."""
    if len(data) > STRUCTURE_BYTES_MAX:
        raise EncodingError("structure too large")
    values: list[Any] = []
    at = 0
    for part in _schemas.get(cls) or _schema(cls):
        at = part.read(data, at, values)
    if at != len(data):
        raise EncodingError("trailing bytes")
    try:
        return cls(*values)
    except EncodingError:
        raise
    except ValueError as error:  # a structure's own __post_init__ refused its fields
        raise EncodingError(str(error)) from error
