"""What bytes are made of: parts with a length before them, each inside others; and the words of a text.

`frames`: 4-byte lengths (consensus/encoding.py), `protobuf`: fields, `der`: tag, length, value, `values`: those
of contracts. Where a part's bytes are of another shape again, its parts are found as well.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass

PARTS_MAX = 600
DEPTH_MAX = 12
_WORD = re.compile(r"[A-Za-z_][\w.:-]*|\d+|\s+|.", re.DOTALL)

Length = Callable[[int], bytes]


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _four(number: int) -> bytes:
    return (number & 0xFFFFFFFF).to_bytes(4, "big")


def _der(number: int) -> bytes:
    if number < 128:
        return bytes((number,))
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes((128 | len(body),)) + body


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes start:end, whose length stands at `size_at` (`at` is where what belongs to it begins, a tag too).
    count_at: where the number of parts beside it stands, or -1."""

    at: int
    size_at: int
    start: int
    end: int
    length: Length
    outer: Part | None
    count_at: int = -1

    def body(self, data: bytes) -> bytes:
        return data[self.start : self.end]


def join(data: bytes, part: Part, body: bytes | None, copies: int = 1) -> bytes:
    """The data with another body in the part, or (None) with the whole part this many times."""
    if body is None:
        new = data[part.at : part.end] * copies
    else:
        new = data[part.at : part.size_at] + part.length(len(body)) + body
    low, high, outer, count_at = part.at, part.end, part.outer, part.count_at
    change = copies - 1 if body is None else 0
    while True:
        floor, ceiling = (0, len(data)) if outer is None else (outer.start, outer.end)
        head = data[floor:low]
        if change and count_at >= 0:
            counted = (int.from_bytes(data[count_at : count_at + 4], "big") + change) & 0xFFFFFFFF
            place = count_at - floor
            head = head[:place] + counted.to_bytes(4, "big") + head[place + 4 :]
            change = 0
        new = head + new + data[high:ceiling]
        if outer is None:
            return new
        new = data[outer.at : outer.size_at] + outer.length(len(new)) + new
        low, high, outer = outer.at, outer.end, outer.outer


def parts_of(data: bytes, shape: str) -> list[Part]:
    """Every part of the data, outer ones first; none where it is not of this shape."""
    found: list[Part] = []
    finders = _FINDERS.get(shape, ())

    def look(start: int, end: int, outer: Part | None, depth: int) -> None:
        if depth > DEPTH_MAX or end - start < 2 or len(found) > PARTS_MAX:
            return
        for finder in finders:
            inside = list(finder(data, start, end, outer) or ())
            if inside:
                found.extend(inside)
                for part in inside:
                    look(part.start, part.end, part, depth + 1)
                return

    look(0, len(data), None, 0)
    return found[:PARTS_MAX]


def _frames(data: bytes, start: int, end: int, outer: Part | None) -> list[Part]:
    for skip in (0, 4) if outer is not None else (0, 1, 4):
        at, found = start + skip, []
        count_at = start if skip == 4 else -1
        while at + 4 <= end:
            stop = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if stop > end:
                break
            found.append(Part(at, at, at + 4, stop, _four, outer, count_at))
            at = stop
        if at == end and found:
            return found
    return []


def _number(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    return None


def _protobuf(data: bytes, start: int, end: int, outer: Part | None) -> list[Part]:
    at, found = start, []
    while at < end:
        key = _number(data, at, end)
        if key is None or not 0 < key[0] >> 3 < 64:
            return []
        kind, next_ = key[0] & 7, key[1]
        if kind == 0:
            number = _number(data, next_, end)
            if number is None:
                return []
            stop = number[1]
        elif kind in (1, 5):
            stop = next_ + (8 if kind == 1 else 4)
        elif kind == 2:
            size = _number(data, next_, end)
            if size is None:
                return []
            stop = size[1] + size[0]
            if stop <= end:
                found.append(Part(at, next_, size[1], stop, varint, outer))
        else:
            return []
        if stop > end:
            return []
        at = stop
    return found


def _asn1(data: bytes, start: int, end: int, outer: Part | None) -> list[Part]:
    at, found = start, []
    # A bit string begins with its count of unused bits.
    if outer is not None and data[outer.at] == 3 and data[start] == 0:
        at += 1
    elif outer is not None and not (data[outer.at] & 0x20 or data[outer.at] == 4):
        return []
    while at + 2 <= end:
        size, body = data[at + 1], at + 2
        if size > 128:
            body += size - 128
            size = int.from_bytes(data[at + 2 : body], "big")
        stop = body + size
        if stop > end:
            return []
        found.append(Part(at, at + 1, body, stop, _der, outer))
        at = stop
    return found if at == end else []


def _tagged(data: bytes, start: int, end: int, outer: Part | None) -> list[Part]:
    """Texts, bytes, numbers and names of encoded values, wherever they stand."""
    found: list[Part] = []

    def sized(at: int, size_at: int) -> int:
        size = _number(data, size_at, end)
        if size is None or size[1] + size[0] > end:
            raise ValueError
        found.append(Part(at, size_at, size[1], size[1] + size[0], varint, outer))
        return size[1] + size[0]

    def value(at: int) -> int:
        if at >= end or len(found) > PARTS_MAX:
            raise ValueError
        tag = data[at]
        if tag < 3:
            return at + 1
        if tag < 7:
            return sized(at, at + 1)
        if tag > 10:
            raise ValueError
        at = sized(at + 1, at + 1) if tag == 10 else at + 1
        count = _number(data, at, end)
        if count is None or count[0] > end:
            raise ValueError
        at = count[1]
        for _ in range(count[0]):
            if tag == 9:
                at = value(at)
            elif tag == 10:
                at = sized(at, at)
            at = value(at)
        return at

    try:
        return found if value(start) == end else []
    except ValueError:
        return []


_FINDERS: dict[str, tuple[Callable[..., list[Part]], ...]] = {
    "frames": (_frames,),
    "protobuf": (_protobuf, _frames),
    "der": (_asn1,),
    "values": (_tagged, _frames),
    "mixed": (_frames, _tagged, _protobuf),
}


def words(data: bytes) -> list[str]:
    """A text in pieces that join to it again."""
    return _WORD.findall(data.decode("utf-8", "surrogateescape"))


def armour(der: bytes, label: bytes) -> bytes:
    """PEM around DER."""
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label, base64.encodebytes(der), label)


def unarmoured(pem: bytes) -> tuple[bytes, bytes]:
    """DER and label of a PEM text."""
    lines = pem.strip().splitlines()
    return base64.b64decode(b"".join(lines[1:-1])), lines[0][11:-5]
