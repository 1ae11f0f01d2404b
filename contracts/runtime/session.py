"""State of the block and of the transaction that is running: read set, writes, events, context.

One interpreter runs one transaction at a time, so these are plain module objects. The functions that
leave the guest (state, hashes, signatures) are set once by the entry point: guest.py or native.py.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contracts.runtime import gas, limits, values
from contracts.runtime.classes import record_parts, restore
from contracts.runtime.guards import walk
from contracts.runtime.meter import GAS, allocate, charge, fatal, keep, out_of_gas

_ABSENT = object()


class Imports:
    """What the guest asks of the host. Replaced at start by the entry point."""

    state_get: Callable[[list[bytes]], list[bytes | None]]
    state_scan: Callable[[bytes, bytes | None, int], list[tuple[bytes, bytes]]]
    sm3: Callable[[bytes], bytes]
    verify: Callable[[str, bytes, bytes, bytes, bytes], bool]


IMPORTS = Imports()


class Block:
    """Values of state as the block sees them: before it, and after its successful transactions."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes | None] = {}
        self.changed: list[bytes] = []  # keys written in this block, as they came
        self._sorted: list[bytes] = []

    def commit(self, writes: dict[bytes, bytes | None]) -> None:
        self.values.update(writes)
        self.changed.extend(writes)

    def written(self) -> list[bytes]:
        """Keys written in this block, sorted: what scans look at."""
        if self.changed:
            self._sorted = sorted({*self._sorted, *self.changed})
            self.changed = []
        return self._sorted


class Transaction:
    """What the running transaction has done so far."""

    def __init__(self) -> None:
        self.writes: dict[bytes, bytes | None] = {}
        self.reads: dict[bytes, None] = {}
        self.events: list[tuple[str, str, bytes]] = []
        self.context: dict[str, Any] = {}
        self.contract: Any = None
        self.stack: list[str] = []


BLOCK = Block()
TX = Transaction()


def begin_block(read_set: dict[bytes, bytes | None]) -> None:
    BLOCK.__init__()  # type: ignore[misc]
    BLOCK.values = read_set


def begin_transaction(contract: Any, context: dict[str, Any]) -> None:
    TX.writes, TX.reads, TX.events = {}, {}, []
    TX.contract, TX.context, TX.stack = contract, context, [contract.name]


# ---- values in and out ---------------------------------------------------------------------------


def encode(value: Any) -> bytes:
    """Encode at the moment of writing: copies, checks types, bounds depth and size."""
    kind = type(value)
    if kind is int:
        return values.encode_int(value)
    if kind is str and len(value) < 1024:
        return values.encode_text(value)
    if kind is bool or value is None:
        return _FIXED[value]
    before = GAS[0]
    walk(value)
    charge((before - GAS[0]) * gas.STORED_ELEMENT // 2)  # the walk has counted 2 an element
    try:
        data = values.encode(value, parts_of=record_parts, depth_max=limits.STORED_DEPTH_MAX)
    except values.TooDeep:
        fatal("value-depth")
    except values.ValueEncodingError:
        raise TypeError("this value cannot be stored") from None
    allocate(len(data))
    if len(data) > limits.VALUE_BYTES_MAX:
        fatal("value-too-large")
    return data


_FIXED = {None: b"\x00", False: b"\x01", True: b"\x02"}


def decode(data: bytes) -> Any:
    """A stored value as fresh objects of the running contract."""
    if data[0] == values.INT:
        return int.from_bytes(data[2:], "big", signed=True)
    if data[0] == values.TEXT and data[1] < 128:
        return data[2:].decode("utf-8")
    allocate(8 * len(data))
    value = values.decode(data, make=_make, depth_max=limits.STORED_DEPTH_MAX)
    keep_all(value)
    return value


def decode_strict(data: bytes) -> Any:
    """`decode` of bytes that came from outside: the whole encoding is checked."""
    allocate(8 * len(data))
    try:
        value = values.decode(data, make=_make, depth_max=limits.STORED_DEPTH_MAX)
    except values.ValueEncodingError:
        raise ValueError("not an encoded value") from None
    if not _in_limits(value):
        raise ValueError("not an encoded value")
    keep_all(value)
    return value


def _in_limits(value: Any) -> bool:
    """Whether the numbers of a decoded value are ones a contract could have made."""
    kind = type(value)
    if kind is int:
        return -limits.INT_LIMIT < value < limits.INT_LIMIT
    if kind is Decimal:
        digits, exponent = value.as_tuple()[1:]
        top = limits.DECIMAL_EXPONENT_MAX
        inside = type(exponent) is int and -top <= exponent + len(digits) - 1 <= top
        return inside and len(digits) <= limits.DECIMAL_DIGITS
    if kind is list or kind is tuple:
        return all(_in_limits(item) for item in value)
    if kind is dict:
        return all(_in_limits(key) and _in_limits(item) for key, item in value.items())
    if hasattr(kind, "_pl_fields"):
        return all(_in_limits(item) for item in value.__dict__.values())
    return True


def _make(name: str, fields: dict[str, Any]) -> Any:
    cls = TX.contract.classes.get(name)
    if cls is None:
        raise ValueError("a stored value's class is not declared here")
    return restore(cls, fields)


def keep_all(value: Any) -> None:
    """Every container of a decoded value into the arena, and the price of its elements."""
    charge(3 * gas.STORED_ELEMENT)  # reading costs more than writing
    kind = type(value)
    if kind is list or kind is tuple:
        if kind is list:
            keep(value)
        for item in value:
            keep_all(item)
    elif kind is dict:
        keep(value)
        for item in value.values():
            keep_all(item)
    elif hasattr(kind, "_pl_fields"):
        for item in value.__dict__.values():
            keep_all(item)


# ---- state ---------------------------------------------------------------------------------------


def read(key: bytes) -> bytes | None:
    """Encoded value of a key as the transaction sees it; charged alike for a hit and a miss."""
    found: Any = TX.writes.get(key, _ABSENT)
    if found is _ABSENT:
        TX.reads[key] = None
        found = BLOCK.values.get(key, _ABSENT)
        if found is _ABSENT:
            found = BLOCK.values[key] = IMPORTS.state_get([key])[0]
    GAS[0] -= gas.STATE_READ if found is None else gas.STATE_READ + (len(found) >> 3)
    if GAS[0] < 0:
        out_of_gas()
    return found  # type: ignore[no-any-return]


def write(key: bytes, data: bytes | None) -> None:
    GAS[0] -= gas.STATE_WRITE if data is None else gas.STATE_WRITE + (len(data) >> 3)
    if GAS[0] < 0:
        out_of_gas()
    writes = TX.writes
    writes[key] = data
    if len(writes) > limits.WRITES_MAX:
        fatal("too-many-writes")


def emit(name: str, fields: dict[str, Any]) -> None:
    charge(gas.EVENT + 4 * len(fields))
    data = _encode_fields(fields)
    charge(len(data) >> 2)
    if len(data) > limits.EVENT_BYTES_MAX:
        fatal("event-too-large")
    if len(TX.events) >= limits.EVENTS_MAX:
        fatal("too-many-events")
    TX.events.append((TX.contract.name, name, data))


_FIELD_NAMES: dict[str, bytes] = {}  # encoded names of event fields; only speed


def _encode_fields(fields: dict[str, Any]) -> bytes:
    """The value encoding of a dict with text keys: the same bytes, without a second walk."""
    if len(fields) > 127:
        return encode(fields)
    out = [bytes((values.DICT, len(fields)))]
    for name, value in fields.items():
        head = _FIELD_NAMES.get(name)
        if head is None:
            head = values.encode_text(name)
            if len(_FIELD_NAMES) < 1024:
                _FIELD_NAMES[name] = head
        out.append(head)
        out.append(encode(value))
    return b"".join(out)


def scan(prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
    """Entries under a prefix in key order, own writes and those of the block included.

    Charged an item looked at, deleted ones too: the work, the same on every node.
    """
    charge(gas.SCAN + (len(TX.writes) >> 2))
    changed = _changed_keys(prefix, after)
    found: list[tuple[bytes, bytes]] = []
    position, page, more = after, [], True  # type: ignore[var-annotated]
    while len(found) < limit:
        if not page and more:
            page = IMPORTS.state_scan(prefix, position, limit)
            more = len(page) == limit
            if page:
                position = page[-1][0]
        stored = page[0][0] if page else None
        if not changed and stored is None:
            break
        own = bool(changed) and (stored is None or changed[0] <= stored)
        if own:
            key = changed.pop(0)
            if key == stored:
                page.pop(0)
            value = TX.writes[key] if key in TX.writes else BLOCK.values[key]
        else:
            key, value = page.pop(0)
        charge(gas.SCAN_ITEM + (0 if value is None else len(value) >> 3))
        TX.reads[key] = None
        if value is not None:
            found.append((key, value))
    return found


def _changed_keys(prefix: bytes, after: bytes | None) -> list[bytes]:
    """Keys under the prefix that this block or transaction has written, sorted."""
    written = BLOCK.written()
    at = bisect.bisect_left(written, prefix)
    keys = set()
    while at < len(written) and written[at].startswith(prefix):
        charge(1)
        keys.add(written[at])
        at += 1
    keys.update(key for key in TX.writes if key.startswith(prefix))
    return sorted(key for key in keys if after is None or key > after)
