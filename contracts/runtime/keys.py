"""State keys: bytes whose order is the natural order, and no two keys share bytes.

A key is three items one after another: contract name (text), object name (text), and the key inside
the object. An item is a tag and a body that ends itself, so items can be joined and split again:

    01  the only item of a `Var`              02, 03  False, True
    08  bytes    escaped, ended by 00         0a      text, its UTF-8 escaped, ended by 00
    0c  tuple    its items, ended by 00       40..c0  integer: 80 + number of bytes, then the magnitude
                                                      big-endian; below zero 80 - bytes, complemented

Escaping writes the byte 00 as `00 ff`. Inside one type the order of the bytes is the order of the
values; types follow each other as in this table.
"""

from __future__ import annotations

from typing import Any

from contracts.runtime.limits import KEY_BYTES_MAX

_VAR, _FALSE, _TRUE, _BYTES, _TEXT, _TUPLE, _INT_ZERO = 0x01, 0x02, 0x03, 0x08, 0x0A, 0x0C, 0x80
_INT_BYTES_MAX = 64
_DEPTH_MAX = 4


class StateKeyError(ValueError):
    """A key of a wrong type or size, or bytes that are no state key."""


class _Var:
    """The key of an object that holds one value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "VAR"


VAR = _Var()


def _escape(body: bytes) -> bytes:
    return body.replace(b"\x00", b"\x00\xff") if b"\x00" in body else body


def text_item(text: str) -> bytes:
    try:
        return b"\x0a" + _escape(text.encode("utf-8")) + b"\x00"
    except UnicodeEncodeError:
        raise StateKeyError("key text has no UTF-8 form") from None


def _int_item(value: int) -> bytes:
    magnitude = abs(value)
    size = (magnitude.bit_length() + 7) >> 3
    if size > _INT_BYTES_MAX:
        raise StateKeyError("key integer too large")
    if value >= 0:
        return bytes((_INT_ZERO + size,)) + magnitude.to_bytes(size, "big")
    return bytes((_INT_ZERO - size,)) + ((1 << 8 * size) - 1 - magnitude).to_bytes(size, "big")


def item(key: Any, depth: int = 0) -> bytes:
    """Bytes of one key item. Raises StateKeyError for types other than the table's."""
    kind = type(key)
    if kind is str:
        return text_item(key)
    if kind is int:
        return _int_item(key)
    if kind is bytes:
        return b"\x08" + _escape(key) + b"\x00"
    if kind is tuple:
        if depth >= _DEPTH_MAX:
            raise StateKeyError("key tuples nest too deep")
        return b"\x0c" + b"".join([item(part, depth + 1) for part in key]) + b"\x00"
    if kind is bool:
        return b"\x03" if key else b"\x02"
    if key is VAR:
        return b"\x01"
    raise StateKeyError("a state key is text, int, bytes, bool or a tuple of these")


def contract_prefix(contract: str) -> bytes:
    """What every key of a contract begins with."""
    return text_item(contract)


def object_prefix(contract: str, name: str) -> bytes:
    """What every key of one Map or Var begins with."""
    return text_item(contract) + text_item(name)


def state_key(contract: str, name: str, key: Any = VAR) -> bytes:
    """The key of an entry of a Map, or of a Var when no key is given. At most 1 KiB."""
    data = object_prefix(contract, name) + item(key)
    if len(data) > KEY_BYTES_MAX:
        raise StateKeyError("state key longer than 1 KiB")
    return data


def scan_prefix(contract: str, name: str, prefix: Any = None) -> bytes:
    """What the keys of a scan begin with.

    prefix None: every key of the object; text: text keys that begin with it; a tuple: tuple keys
    that begin with these items.
    """
    head = object_prefix(contract, name)
    if prefix is None:
        return head
    if type(prefix) is str:
        return head + text_item(prefix)[:-1]
    if type(prefix) is tuple:
        return head + item(prefix)[:-1]
    raise StateKeyError("a scan's prefix is text, a tuple of key items, or None")


# ---- reading -------------------------------------------------------------------------------------


def _read_escaped(data: bytes, at: int) -> tuple[bytes, int]:
    out = bytearray()
    while True:
        end = data.find(b"\x00", at)
        if end < 0:
            raise StateKeyError("an item has no end")
        out += data[at:end]
        if data[end + 1 : end + 2] != b"\xff":
            return bytes(out), end + 1
        out.append(0)
        at = end + 2


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    body, at = _read_escaped(data, at)
    try:
        return body.decode("utf-8"), at
    except UnicodeDecodeError:
        raise StateKeyError("key text is not UTF-8") from None


def _read_int(data: bytes, at: int) -> tuple[int, int]:
    size = data[at] - _INT_ZERO
    end = at + 1 + abs(size)
    body = data[at + 1 : end]
    if len(body) != abs(size):
        raise StateKeyError("a key is cut short")
    number = int.from_bytes(body, "big")
    value = number if size >= 0 else number - ((1 << 8 * -size) - 1)
    if _int_item(value) != data[at:end]:
        raise StateKeyError("a key integer is not in its shortest form")
    return value, end


def read_item(data: bytes, at: int, depth: int = 0) -> tuple[Any, int]:
    """One item at `at`, and where the next begins. Raises StateKeyError."""
    if at >= len(data):
        raise StateKeyError("a key is cut short")
    tag = data[at]
    if tag == _TEXT:
        return _read_text(data, at + 1)
    if tag == _BYTES:
        return _read_escaped(data, at + 1)
    if _INT_ZERO - _INT_BYTES_MAX <= tag <= _INT_ZERO + _INT_BYTES_MAX:
        return _read_int(data, at)
    if tag in (_FALSE, _TRUE):
        return tag == _TRUE, at + 1
    if tag == _VAR and depth == 0:
        return VAR, at + 1
    if tag == _TUPLE and depth < _DEPTH_MAX:
        parts, at = [], at + 1
        while data[at : at + 1] != b"\x00":
            part, at = read_item(data, at, depth + 1)
            parts.append(part)
        return tuple(parts), at + 1
    raise StateKeyError("unknown tag in a key")


def split_state_key(data: bytes) -> tuple[str, str, Any]:
    """Contract, object and key of a state key. Raises StateKeyError for anything else."""
    if data[:1] != b"\x0a" or len(data) > KEY_BYTES_MAX:
        raise StateKeyError("not a state key")
    contract, at = _read_text(data, 1)
    if data[at : at + 1] != b"\x0a":
        raise StateKeyError("not a state key")
    name, at = _read_text(data, at + 1)
    key, at = read_item(data, at)
    if at != len(data):
        raise StateKeyError("trailing bytes in a key")
    return contract, name, key
