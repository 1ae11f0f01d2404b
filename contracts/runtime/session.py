"""State of the block and of the transaction that is running: read set, writes, events, context.

One interpreter runs one transaction at a time, so these are plain module objects. The functions that
leave the guest (state, hashes, signatures) are set once by the entry point: guest.py or native.py.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contracts.runtime import gas, limits, values, wire
from contracts.runtime.classes import record_parts, restore
from contracts.runtime.meter import GAS, allocate, charge, fatal, keep, out_of_gas
from contracts.runtime.walking import walk

ABSENT = b""


class Imports:
    """What the guest asks of the host. Replaced at start by the entry point."""

    state_get: Callable[[list[bytes]], list[bytes | None]]
    state_scan: Callable[[bytes, bytes | None, int], list[tuple[bytes, bytes]]]
    sm3: Callable[[bytes], bytes]
    verify: Callable[[str, bytes, bytes, bytes, bytes], bool]
    amounts: Callable[[str, tuple[Any, ...]], bool]


IMPORTS = Imports()


class Block:
    """The block's own facts, and values of state: before it, and after its successful transactions.

    values: encoded; no bytes say that the key is absent, and no encoded value has none. So everywhere here.
    """

    __slots__ = ("_sorted", "changed", "channel", "height", "time", "values")

    def begin(self, request: wire.Request) -> None:
        self.channel, self.height, self.time = request.channel, request.height, request.time
        self.values = request.read_set
        self.changed: list[bytes] = []  # keys written in this block, as they came
        self._sorted: list[bytes] = []

    def commit(self, writes: dict[bytes, bytes]) -> None:
        self.values.update(writes)
        self.changed.extend(writes)

    def written(self) -> list[bytes]:
        """Keys written in this block, sorted: what scans look at."""
        if self.changed:
            self._sorted = sorted({*self._sorted, *self.changed})
            self.changed = []
        return self._sorted


class Transaction:
    """What is running and what it has done so far.

    call, index: as sent. contract: whose code runs; caller: name of the one that called it, or "";
    stack: names of the contracts that wait for a call to return.
    """

    __slots__ = ("call", "caller", "contract", "events", "index", "reads", "stack", "writes")

    call: wire.Call
    index: int
    contract: Any
    caller: str
    stack: list[str]
    writes: dict[bytes, bytes]  # no bytes: deleted
    reads: dict[bytes, None]
    events: list[bytes]  # labels and data, one after the other


BLOCK = Block()
TX = Transaction()
TX.caller, TX.stack = "", []  # a call between contracts puts them back when it ends
begin_block = BLOCK.begin


def begin_transaction(call: wire.Call, index: int) -> Transaction:
    """A clean slate; the machine adds the contract once it is found."""
    tx = TX
    tx.call, tx.index, tx.contract = call, index, None
    tx.writes, tx.reads, tx.events = {}, {}, []
    return tx


# ---- values in and out ---------------------------------------------------------------------------


def encode(value: Any) -> bytes:
    """Encode at the moment of writing: copies, checks types, bounds depth and size."""
    kind = type(value)
    if kind is int:
        return _encode_int(value)
    if kind is str and len(value) < 1024:
        return _encode_text(value)
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


_encode_int, _encode_text = values.encode_int, values.encode_text
_FIXED = {None: b"\x00", False: b"\x01", True: b"\x02"}


_from_bytes = int.from_bytes
assert (values.INT, values.TEXT) == (3, 4)  # written out below: names cost on the hot path


def decode(data: bytes) -> Any:
    """A stored value as fresh objects of the running contract."""
    tag = data[0]
    if tag == 3:
        return _from_bytes(data[2:]) if data[2] < 128 else _from_bytes(data[2:], "big", signed=True)
    if tag == 4 and data[1] < 128:
        return data[2:].decode()
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


_STATE_READ, _STATE_WRITE, _EVENT = gas.STATE_READ, gas.STATE_WRITE, gas.EVENT


def read(key: bytes) -> bytes:
    """Encoded value of a key as the transaction sees it; charged alike for a hit and a miss."""
    tx = TX
    writes = tx.writes
    if key in writes:
        found = writes[key]
    else:
        tx.reads[key] = None
        known = BLOCK.values
        found = known[key] if key in known else _fetch(key)
    GAS[0] = gas_left = GAS[0] - _STATE_READ - (len(found) >> 3)
    if gas_left < 0:
        out_of_gas()
    return found


def _fetch(key: bytes) -> bytes:
    found = BLOCK.values[key] = IMPORTS.state_get([key])[0] or ABSENT
    return found


def write(key: bytes, data: bytes) -> None:
    """data: ABSENT deletes."""
    GAS[0] = gas_left = GAS[0] - _STATE_WRITE - (len(data) >> 3)
    if gas_left < 0:
        out_of_gas()
    writes = TX.writes
    writes[key] = data
    if len(writes) > limits.WRITES_MAX:
        fatal("too-many-writes")


def recorder(label: bytes) -> Callable[..., None]:
    """What records events of this label, given their fields by name.

    A function and no object with `__call__`, which takes three times as long to call.
    """

    def record(**fields: Any) -> None:
        GAS[0] = gas_left = GAS[0] - _EVENT - 4 * len(fields)
        if gas_left < 0:
            out_of_gas()
        data = _encode_fields(fields)
        GAS[0] = gas_left = GAS[0] - (len(data) >> 2)
        if gas_left < 0:
            out_of_gas()
        if len(data) > limits.EVENT_BYTES_MAX:
            fatal("event-too-large")
        events = TX.events
        events += (label, data)
        if len(events) > 2 * limits.EVENTS_MAX:
            fatal("too-many-events")

    return record


def _encode_fields(fields: dict[str, Any]) -> bytes:
    """The value encoding of a dict with text keys: the same bytes, without a second walk."""
    names = (*fields,)
    shape = _SHAPES[names] if names in _SHAPES else _shape(names)
    out: list[bytes] = []
    for value in fields.values():
        kind = type(value)
        if kind is str and len(value) < 128 and value.isascii():
            out.append(_TEXT_HEADS[len(value)] + value.encode())
        else:
            out.append(_encode_int(value) if kind is int else encode(value))
    return shape % tuple(out)


_TEXT_HEADS = tuple(bytes((values.TEXT, size)) for size in range(128))
# The bytes of an event around its values, by the names of its fields; only speed.
_SHAPES: dict[tuple[str, ...], bytes] = {}


def _shape(names: tuple[str, ...]) -> bytes:
    """The encoding of the dict with a place for each value. Names are of letters, digits and _."""
    head = bytes((values.DICT,)) + values.count_bytes(len(names))
    shape = head + b"".join([values.encode_text(name) + b"%b" for name in names])
    if len(_SHAPES) < 1024:
        _SHAPES[names] = shape
    return shape


def scan(prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
    """Entries under a prefix in key order, own writes and those of the block included.

    Charged a page fetched and an item looked at, deleted ones too: the work, the same on every node.
    """
    charge(len(TX.writes) >> 2)
    changed = _changed_keys(prefix, after)
    found: list[tuple[bytes, bytes]] = []
    position, page, more = after, [], True  # type: ignore[var-annotated]
    while len(found) < limit:
        if not page and more:
            charge(gas.SCAN)
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
        charge(gas.SCAN_ITEM + (len(value) >> 3))
        TX.reads[key] = None
        if value:
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
