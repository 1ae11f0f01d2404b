"""Values (tagged, self-describing) and state keys: the tables of contracts/runtime/{values,keys}.py."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.oracle.structures import Invalid, Reader, require, utf8

DEPTH_MAX = 200  # not of the page: keeps hostile nesting away from Python's recursion limit
NONE, FALSE, TRUE, INT, TEXT, BYTES, DECIMAL, LIST, TUPLE, DICT, RECORD = range(11)
KEY_VAR, KEY_FALSE, KEY_TRUE, KEY_BYTES, KEY_TEXT, KEY_TUPLE = 1, 2, 3, 0x08, 0x0A, 0x0C
KEY_INT_MIN, KEY_INT_ZERO, KEY_INT_MAX = 0x40, 0x80, 0xC0


@dataclass(frozen=True)
class Record:
    """A dataclass of a contract: its name, and its fields in order."""

    name: str
    fields: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.fields)})"


def decode_value(data: bytes) -> Any:
    """The one value that `data` encodes."""
    reader = _Values(data, "value")
    value = reader.value(0)
    reader.end()
    return value


class _Values(Reader):
    def number(self) -> int:
        result = shift = 0
        while True:
            byte = self.take(1)[0]
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                require(byte > 0 or shift == 0, "value: a length is not in its shortest form")
                return result
            shift += 7
            require(shift < 64, "value: a length has too many bytes")

    def count(self) -> int:
        count = self.number()
        require(count <= len(self.data) - self.at, "value: more items than bytes")
        return count

    def text(self) -> str:
        return utf8(self.take(self.number()), "value")

    def value(self, depth: int) -> Any:
        require(depth < DEPTH_MAX, "value: nested too deep")
        tag = self.take(1)[0]
        require(tag <= RECORD, f"value: tag {tag:02x} is unknown")
        if tag <= TRUE:
            return (None, False, True)[tag]
        if tag in (LIST, TUPLE):
            items = [self.value(depth + 1) for _ in range(self.count())]
            return items if tag == LIST else tuple(items)
        if tag in (DICT, RECORD):
            return self.pairs(depth) if tag == DICT else self.record(depth)
        body = self.take(self.number())
        if tag == BYTES:
            return body
        if tag == INT:
            return _integer(body)
        text = utf8(body, "value")
        return text if tag == TEXT else _decimal(text)

    def pairs(self, depth: int) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for _ in range(self.count()):
            key = self.value(depth + 1)
            try:
                require(key not in result, "value: a key stands twice in a dict")
            except TypeError:
                raise Invalid("value: a list or dict is the key of a dict") from None
            result[key] = self.value(depth + 1)
        return result

    def record(self, depth: int) -> Record:
        name, count = self.text(), self.count()
        fields = tuple((self.text(), self.value(depth + 1)) for _ in range(count))
        require(len(dict(fields)) == count, "value: a field stands twice in a dataclass")
        return Record(name, fields)


def _integer(body: bytes) -> int:
    require(len(body) > 0, "value: an integer without bytes")
    value = int.from_bytes(body, "big", signed=True)
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    require(len(body) == size, "value: an integer is not in its shortest form")
    return value


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Invalid("value: a Decimal's text is no number") from None
    require(value.is_finite() and str(value) == text, "value: not a Decimal's own text")
    return value


def fields_of(value: Any, what: str) -> dict[str, Any]:
    """A dict or a dataclass as names and values."""
    fields = dict(value.fields) if isinstance(value, Record) else value
    require(isinstance(fields, dict), f"{what} is neither a dict nor a dataclass")
    return fields


def decode_key(data: bytes) -> tuple[str, str, Any]:
    """Contract name, object name and the key inside the object (None: a `Var`)."""
    reader = _Keys(data, "state key")
    contract, name, key = reader.item(0), reader.item(0), reader.item(0)
    reader.end()
    require(isinstance(contract, str) and isinstance(name, str), "state key: its names are no text")
    return contract, name, key


class _Keys(Reader):
    def next_is(self, byte: int) -> bool:
        return self.data[self.at : self.at + 1] == bytes([byte])

    def escaped(self) -> bytes:
        out = bytearray()
        while True:
            out += self.take(1)
            if out[-1] == 0 and not self.next_is(0xFF):
                return bytes(out[:-1])
            self.at += out[-1] == 0

    def item(self, depth: int) -> Any:
        require(depth < DEPTH_MAX, "state key: nested too deep")
        tag = self.take(1)[0]
        if tag in (KEY_VAR, KEY_FALSE, KEY_TRUE):
            return (None, False, True)[tag - KEY_VAR]
        if tag in (KEY_BYTES, KEY_TEXT):
            body = self.escaped()
            return body if tag == KEY_BYTES else utf8(body, "state key")
        if tag == KEY_TUPLE:
            items = []
            while not self.next_is(0):
                items.append(self.item(depth + 1))
            self.take(1)
            return tuple(items)
        require(KEY_INT_MIN <= tag <= KEY_INT_MAX, f"state key: tag {tag:02x} is unknown")
        body = self.take(abs(tag - KEY_INT_ZERO))
        magnitude = body if tag >= KEY_INT_ZERO else bytes(255 - byte for byte in body)
        require(magnitude[:1] != b"\x00", "state key: an integer is not in its shortest form")
        return int.from_bytes(magnitude, "big") * (1 if tag >= KEY_INT_ZERO else -1)
