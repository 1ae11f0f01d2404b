"""Well-formed protobuf that nobody honest sends: drawn from a message's descriptor, so a new field is too.

Every field is left out, repeated, at or beyond the edges of its type, of no size or of a hundred thousand
bytes, an enum number that nobody declared, NaN; some carry fields that the descriptor does not know. What a
handler looks up by name (a channel, a contract, a transaction) is drawn from `known` often enough to get
behind the first check.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Collection, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

LARGE = 100_000
DEPTH_MAX = 4
TAMENESS = (0.5, 0.8, 0.95, 1.0)  # how much of a message is as it should be
COUNTS = (0, 1, 1, 2, 3, 17, 300)
MANY, MANY_CHANCE = LARGE, 0.004  # elements of one repeated field
TEXTS = ("", "a", "b-1", "sm", "\x00", "-", "../../etc/passwd", "a" * 65, "A" * 4_096, "深圳", "\u202e",
         "{}", "[", '{"a":', "null", "1e999", '{"a":NaN}', "9" * 400, "0/0/0", "-1/0/0", "٣/٣/٣",
         "9" * 18 + "/0/0", "%s%n", "\ud83d\ude00", "{" * 3_000)  # fmt: skip
SIZES = (0, 1, 31, 32, 33, 63, 64, 65, 66, 300)
INTEGERS = (0, 1, 2, 3, 7, 64, 255, 256, 65_535, (1 << 31) - 1)
FLOATS = (0.0, -0.0, 1.5, -1.0, 1e308, 5e-324, float("inf"), float("-inf"), float("nan"))
_BITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(1 << 31), (1 << 31) - 1),
}

Draw = Callable[[random.Random], Any]
Known = Mapping[str, Draw]


def some(*values: Any) -> Draw:
    """One of these."""
    return lambda rng: rng.choice(values)


class Hostile:
    """An endless source of messages of one type as bytes, told by `rng` alone.

    known: good values by the name of the field; of a message field, messages; of a map by `key` and
    `value`."""

    def __init__(
        self, kind: Descriptor, known: Known, rng: random.Random, pinned: Collection[str] = ()
    ) -> None:
        """pinned: fields that are always what `known` says, for what would take others along."""
        self._kind, self._known, self._rng, self._pinned = kind, known, rng, pinned
        self._tame = 1.0

    def one(self) -> bytes:
        """The next message, some with fields of no known number behind or in front."""
        self._tame = self._rng.choice(TAMENESS)
        data = self._message(self._kind, 0).SerializeToString()
        draw = self._rng.random()
        if draw < 0.1:
            data += self._unknown()
        elif draw < 0.15:
            data = self._unknown() + data
        elif draw < 0.2:  # a singular field twice: the last one counts, or both are merged
            data += self._message(self._kind, 0).SerializeToString()
        return data

    def _message(self, kind: Descriptor, depth: int) -> Any:
        message = GetMessageClass(kind)()
        for field in kind.fields:
            if self._rng.random() > 0.5 + self._tame / 2:
                continue
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                self._map(field, getattr(message, field.name))
            elif field.is_repeated:
                self._repeated(field, getattr(message, field.name), depth)
            elif field.message_type is not None:
                if depth < DEPTH_MAX:
                    getattr(message, field.name).CopyFrom(self._part(field, depth))
            else:
                setattr(message, field.name, self._scalar(field))
        return message

    def _part(self, field: FieldDescriptor, depth: int) -> Any:
        known = self._known.get(field.name)
        if known is not None and self._rng.random() < self._tame:
            return known(self._rng)
        return self._message(field.message_type, depth + 1)

    def _repeated(self, field: FieldDescriptor, items: Any, depth: int) -> None:
        if self._rng.random() < MANY_CHANCE:
            one = (
                GetMessageClass(field.message_type)() if field.message_type else self._short(field)
            )
            items.extend([one] * MANY)
        elif field.message_type is None:
            items.extend(self._scalar(field) for _ in range(self._rng.choice(COUNTS[:6])))
        elif depth < DEPTH_MAX:
            items.extend(
                self._part(field, depth) for _ in range(self._rng.choice(COUNTS[: 6 - depth]))
            )

    def _map(self, field: FieldDescriptor, items: Any) -> None:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        for _ in range(self._rng.choice(COUNTS)):
            if value.message_type is None:
                items[self._scalar(key)] = self._scalar(value)

    def _short(self, field: FieldDescriptor) -> Any:
        if field.cpp_type == field.CPPTYPE_STRING:
            return b"" if field.type == field.TYPE_BYTES else ""
        return self._scalar(field)

    def _scalar(self, field: FieldDescriptor) -> Any:
        known = self._known.get(field.name)
        is_tame = field.name in self._pinned or self._rng.random() < self._tame
        if known is not None and is_tame:
            return known(self._rng)
        if field.cpp_type == field.CPPTYPE_STRING:
            return self._bytes(known) if field.type == field.TYPE_BYTES else self._text()
        if field.cpp_type == field.CPPTYPE_BOOL:
            return self._rng.random() < 0.5
        if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
            return self._rng.choice(FLOATS)
        low, high = _BITS[field.cpp_type]
        return self._rng.choice((*INTEGERS, low, high, high - 1, self._rng.randint(low, high)))

    def _text(self) -> str:
        if self._rng.random() < 0.01:
            return "x" * LARGE
        return self._rng.choice(TEXTS).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _bytes(self, known: Draw | None) -> bytes:
        """Noise, or something known with a byte exchanged, cut off or with more behind."""
        if self._rng.random() < 0.005:
            return bytes(LARGE)
        if known is None or self._rng.random() < 0.4:
            return self._rng.randbytes(self._rng.choice(SIZES))
        data = known(self._rng)
        at = self._rng.randrange(len(data) + 1)
        return self._rng.choice(
            (
                data[:at],
                data + self._rng.randbytes(1 + self._rng.randrange(40)),
                data[:at] + bytes((self._rng.randrange(256),)) + data[at + 1 :],
            )
        )

    def _unknown(self) -> bytes:
        """Fields of a number that no message has: of each wire type, or a group."""
        number = self._rng.choice((1_000, 19_999, (1 << 29) - 1))
        kinds = (
            _varint(number << 3) + _varint(self._rng.getrandbits(64)),
            _varint(number << 3 | 1) + struct.pack("<d", float("nan")),
            _varint(number << 3 | 2) + _varint(300) + self._rng.randbytes(300),
            _varint(number << 3 | 5) + self._rng.randbytes(4),
            _varint(number << 3 | 3) * 20 + _varint(number << 3 | 4) * 20,
        )
        return b"".join(self._rng.choice(kinds) for _ in range(1 + self._rng.randrange(3)))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
