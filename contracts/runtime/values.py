"""Values: the tagged, canonical encoding of state, events, results and engine messages.

One tag byte, then the body; `n` is an unsigned base-128 number, low group first, in its shortest form:

    00 none          01 false             02 true
    03 int           n, then n bytes: the shortest big-endian two's complement (0 is one zero byte)
    04 text          n, then n bytes of UTF-8
    05 bytes         n, then n bytes
    06 Decimal       n, then n bytes: the number's own text (keeps the exponent: 1.50 is not 1.5)
    07 list          n, then n values
    08 tuple         n, then n values
    09 dict          n, then n pairs of key and value in the dict's order; keys are distinct
    0a dataclass     text (the class's name), n, then n pairs of text (field name) and value

One value has one encoding and one encoding one value: `decode` refuses everything else, trailing
bytes included. No float, no NaN, no set: none of them has one text on every machine.
The same file runs in the node (CPython 3.11, 3.12) and inside the engine (3.14).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from contracts.runtime.limits import FRAME_BYTES_MAX, STRUCTURE_DEPTH_MAX

NONE, FALSE, TRUE, INT, TEXT, BYTES, DECIMAL, LIST, TUPLE, DICT, RECORD = range(11)
INT_BYTES_MAX = 4096
DECIMAL_TEXT_MAX = 200


class ValueEncodingError(ValueError):
    """Something that is not a value, or bytes that are not the one encoding of a value."""


class TooDeep(ValueEncodingError):
    """A structure nested deeper than the limit."""


@dataclass(frozen=True, slots=True)
class Record:
    """A dataclass value outside the contract that declared it: its class name and its fields."""

    name: str
    fields: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))

    def __getattr__(self, name: str) -> Any:
        # Mapping access first: dataclass slots are found before this is asked.
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(name) from None


MakeRecord = Callable[[str, dict[str, Any]], Any]
RecordParts = Callable[[Any], tuple[str, Mapping[str, Any]] | None]


def _record_parts(value: Any) -> tuple[str, Mapping[str, Any]] | None:
    return (value.name, value.fields) if type(value) is Record else None


# ---- writing -------------------------------------------------------------------------------------


def count_bytes(n: int) -> bytes:
    if n < 128:
        return bytes((n,))
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


_TEXT_HEADS = tuple(bytes((TEXT, size)) for size in range(128))
_INT_HEADS = tuple(bytes((INT, size)) for size in range(128))
_SMALL = tuple(bytes((INT, 1, value)) for value in range(128))


def encode_int(value: int) -> bytes:
    """Encoding of an integer (not a bool): the hot path of balances."""
    if 0 <= value < 9223372036854775808:  # 2**63
        if value < 128:
            return _SMALL[value]
        size = (value.bit_length() >> 3) + 1
        return _INT_HEADS[size] + value.to_bytes(size)
    size = ((value if value >= 0 else ~value).bit_length() >> 3) + 1
    if size > INT_BYTES_MAX:
        raise ValueEncodingError("integer too large")
    body = value.to_bytes(size, "big", signed=True)
    return _INT_HEADS[size] + body if size < 128 else bytes((INT,)) + count_bytes(size) + body


def encode_text(value: str) -> bytes:
    try:
        body = value.encode()
    except UnicodeEncodeError:
        raise ValueEncodingError("text has no UTF-8 form") from None
    size = len(body)
    return _TEXT_HEADS[size] + body if size < 128 else bytes((TEXT,)) + count_bytes(size) + body


def decimal_text(value: Decimal) -> str:
    """The one text of a finite Decimal. Raises ValueEncodingError for NaN and infinities."""
    if not value.is_finite():
        raise ValueEncodingError("not a finite number")
    text = str(value)
    if len(text) > DECIMAL_TEXT_MAX:
        raise ValueEncodingError("Decimal too long")
    return text


def _write(value: Any, out: list[bytes], depth: int, parts_of: RecordParts, depth_max: int) -> None:
    kind = type(value)
    if kind is int:
        out.append(encode_int(value))
    elif kind is str:
        out.append(encode_text(value))
    elif value is None:
        out.append(b"\x00")
    elif kind is bool:
        out.append(b"\x02" if value else b"\x01")
    elif kind is bytes:
        out.append(bytes((BYTES,)) + count_bytes(len(value)))
        out.append(value)
    elif kind is Decimal:
        text = decimal_text(value).encode("ascii")
        out.append(bytes((DECIMAL,)) + count_bytes(len(text)) + text)
    else:
        _write_structure(value, kind, out, depth, parts_of, depth_max)


def _write_structure(
    value: Any, kind: type, out: list[bytes], depth: int, parts_of: RecordParts, depth_max: int
) -> None:
    if depth >= depth_max:
        raise TooDeep(f"value nested more than {depth_max} deep")
    if kind is list or kind is tuple:
        out.append(bytes((LIST if kind is list else TUPLE,)) + count_bytes(len(value)))
        for item in value:
            _write(item, out, depth + 1, parts_of, depth_max)
        return
    if kind is dict:
        out.append(bytes((DICT,)) + count_bytes(len(value)))
        for key, item in value.items():
            _write(key, out, depth + 1, parts_of, depth_max)
            _write(item, out, depth + 1, parts_of, depth_max)
        return
    parts = parts_of(value)
    if parts is None:
        raise ValueEncodingError(f"a {kind.__name__} has no encoding")
    name, fields = parts
    out.append(bytes((RECORD,)) + encode_text(name)[1:] + count_bytes(len(fields)))
    for field, item in fields.items():
        out.append(encode_text(field)[1:])
        _write(item, out, depth + 1, parts_of, depth_max)


def encode(
    value: Any, *, parts_of: RecordParts = _record_parts, depth_max: int = STRUCTURE_DEPTH_MAX
) -> bytes:
    """Canonical bytes of a value.

    parts_of: name and fields of an object that is no built-in value, or None when it is none at all.
    Raises ValueEncodingError for other types, NaN, lone surrogates and structures deeper than depth_max.
    """
    out: list[bytes] = []
    _write(value, out, 0, parts_of, depth_max)
    return b"".join(out)


# ---- reading -------------------------------------------------------------------------------------


class _Reader:
    """One pass over the bytes; every length is checked against what is left before it is used."""

    __slots__ = ("at", "data", "depth_max", "end", "make")

    def __init__(self, data: bytes, make: MakeRecord, depth_max: int) -> None:
        self.data, self.at, self.end = data, 0, len(data)
        self.make, self.depth_max = make, depth_max

    def count(self) -> int:
        data, at, shift, n = self.data, self.at, 0, 0
        while True:
            if at >= self.end or shift > 28:
                raise ValueEncodingError("a length is cut short or too long")
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
        if shift and not byte:
            raise ValueEncodingError("a length is not in its shortest form")
        if n > self.end - at:
            raise ValueEncodingError("a length goes past the end")
        self.at = at
        return n

    def take(self) -> bytes:
        n = self.count()
        at = self.at
        self.at = at + n
        return self.data[at : at + n]

    def text(self) -> str:
        try:
            return self.take().decode("utf-8")
        except UnicodeDecodeError:
            raise ValueEncodingError("text is not UTF-8") from None

    def integer(self) -> int:
        body = self.take()
        if not body or len(body) > INT_BYTES_MAX:
            raise ValueEncodingError("an integer has 1 to 4096 bytes")
        value = int.from_bytes(body, "big", signed=True)
        if ((value if value >= 0 else ~value).bit_length() >> 3) + 1 != len(body):
            raise ValueEncodingError("an integer is not in its shortest form")
        return value

    def decimal(self) -> Decimal:
        body = self.take()
        if len(body) > DECIMAL_TEXT_MAX or not body.isascii():
            raise ValueEncodingError("not a Decimal")
        text = body.decode("ascii")
        try:
            value = Decimal(text)
        except ArithmeticError:
            raise ValueEncodingError("not a Decimal") from None
        if not value.is_finite() or str(value) != text:
            raise ValueEncodingError("a Decimal is not in its own text")
        return value

    def value(self, depth: int) -> Any:
        if self.at >= self.end:
            raise ValueEncodingError("a value is missing")
        tag = self.data[self.at]
        self.at += 1
        if tag == INT:
            return self.integer()
        if tag == TEXT:
            return self.text()
        if tag <= TRUE:
            return (None, False, True)[tag]
        if tag == BYTES:
            return self.take()
        if tag == DECIMAL:
            return self.decimal()
        if tag > RECORD:
            raise ValueEncodingError("unknown tag")
        if depth >= self.depth_max:
            raise TooDeep(f"value nested more than {self.depth_max} deep")
        return self.structure(tag, depth + 1)

    def structure(self, tag: int, depth: int) -> Any:
        if tag == RECORD:
            name = self.text()
            fields: dict[str, Any] = {}
            for _ in range(self.count()):
                field = self.text()
                if field in fields:
                    raise ValueEncodingError("a field stands twice")
                fields[field] = self.value(depth)
            return self.make(name, fields)
        n = self.count()
        if tag == LIST:
            return [self.value(depth) for _ in range(n)]
        if tag == TUPLE:
            return tuple([self.value(depth) for _ in range(n)])
        pairs: dict[Any, Any] = {}
        for _ in range(n):
            key = self.value(depth)
            try:
                known = key in pairs
            except TypeError:
                raise ValueEncodingError("a dict key is not hashable") from None
            if known:
                raise ValueEncodingError("a dict key stands twice")
            pairs[key] = self.value(depth)
        return pairs


def decode(
    data: bytes,
    *,
    make: MakeRecord = Record,
    depth_max: int = STRUCTURE_DEPTH_MAX,
    bytes_max: int = FRAME_BYTES_MAX,
) -> Any:
    """The value whose canonical encoding is `data`. Raises ValueEncodingError for anything else.

    make: builds the object of a dataclass value from its name and fields.
    """
    if type(data) is not bytes:
        raise ValueEncodingError("not bytes")
    if len(data) > bytes_max:
        raise ValueEncodingError("encoding too large")
    reader = _Reader(data, make, depth_max)
    value = reader.value(0)
    if reader.at != reader.end:
        raise ValueEncodingError("trailing bytes")
    return value


# ---- a view for people and tools -----------------------------------------------------------------


def to_json(value: Any) -> Any:
    """A JSON view of a value: for tools to show, never to hash or to read back.

    bytes become base64 text, Decimal its text, tuples lists, dict keys text, dataclasses objects;
    integers beyond 53 bits become text, because readers in other languages would round them.
    """
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -(1 << 53) < value < 1 << 53 else str(value)
    if kind is bytes:
        return base64.b64encode(value).decode("ascii")
    if kind is Decimal:
        return str(value)
    if kind is list or kind is tuple:
        return [to_json(item) for item in value]
    if kind is dict:
        return {_json_key(key): to_json(item) for key, item in value.items()}
    if kind is Record:
        return {name: to_json(item) for name, item in value.fields.items()}
    raise ValueEncodingError(f"a {kind.__name__} has no JSON view")


def _json_key(key: Any) -> str:
    if type(key) is str:
        return key
    if type(key) is bytes:
        return base64.b64encode(key).decode("ascii")
    return str(key)
