"""Guards of containers: displays, keys, subscripts, slices and iteration, priced by what they touch."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from contracts.runtime import gas, limits
from contracts.runtime.kinds import SDK_STATE, SLOTS, USER, is_number, user_operator
from contracts.runtime.meter import DELETIONS, allocate, charge, fatal, keep
from contracts.runtime.ordered_set import OrderedSet

# Map, its reading and its writing, filled by state.py: the hot path of subscripts.
Map: Any = None
read_map: Any = None
write_map: Any = None

# ---- keys, displays ------------------------------------------------------------------------------

_HASH_SAFE = (1 << 31) - 2


def key(value: Any, entries: int, depth: int = 0) -> Any:
    """Check a dict or set key, and charge for hashes that can be made to collide.

    entries: size of the dict. Text costs a 64th of it, numbers beyond the hash's modulus a quarter.
    """
    kind = type(value)
    if kind is str or kind is bytes:
        charge((entries >> 6) + (len(value) >> 5))
    elif kind is int or kind is bool:
        if not -_HASH_SAFE <= value <= _HASH_SAFE:
            charge(gas.HASH_RISK + (entries >> 1))
    elif kind is Decimal:
        charge(gas.HASH_RISK + (entries >> 2))
    elif kind is tuple and depth < limits.TUPLE_DEPTH_MAX:
        charge(1 + len(value) + (entries >> 2 if depth == 0 else 0))
        for item in value:
            if item is not None:
                key(item, 0, depth + 1)
    elif value is not None:
        raise TypeError("keys are int, str, bytes, bool, None, Decimal or tuples of these")
    return value


def check_tuple(value: Any, depth: int = 1) -> Any:
    """Charge for a new tuple and bound its nesting."""
    charge(gas.TUPLE + (len(value) >> 2))
    allocate(40 + 8 * len(value))
    for item in value:
        if type(item) is tuple:
            if depth >= limits.TUPLE_DEPTH_MAX:
                fatal("tuple-nesting")
            check_tuple(item, depth + 1)
    return value


def new_dict(parts: list[Any]) -> dict[Any, Any]:
    """A dict display: keys and values one after the other."""
    result: dict[Any, Any] = {}
    for at in range(0, len(parts), 2):
        result[key(parts[at], len(result))] = parts[at + 1]
    charge(2 * gas.NEW_CONTAINER + gas.DICT_ENTRY * (len(parts) >> 1))
    return kept_dict(result)


def dict_of_pairs(pairs: list[Any]) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for one, item in pairs:
        charge(gas.DICT_ENTRY)
        result[key(one, len(result))] = item
        if len(result) > limits.DICT_ENTRIES_MAX:
            fatal("sequence-too-large")
    charge(gas.NEW_CONTAINER)
    return kept_dict(result)


def kept_dict(result: dict[Any, Any]) -> dict[Any, Any]:
    if len(result) > limits.DICT_ENTRIES_MAX:
        fatal("sequence-too-large")
    allocate(64 + 32 * len(result))
    keep(result)
    return result


# ---- subscripts ----------------------------------------------------------------------------------


def getitem(container: Any, index: Any) -> Any:
    kind = type(container)
    if kind is Map:
        return read_map(container, index)
    if kind is list or kind is tuple or kind is str or kind is bytes or kind is range:
        if not is_number(type(index)):
            raise TypeError("an index is an integer")
        return container[index]
    if kind is dict:
        return container[key(index, len(container))]
    if kind in SDK_STATE:
        return container[index]
    return user_operator(container, index, "__getitem__", "[]")


def setitem(value: Any, container: Any, index: Any) -> None:
    kind = type(container)
    if kind is Map:
        write_map(container, index, value)
    elif kind is list:
        if not is_number(type(index)):
            raise TypeError("an index is an integer")
        container[index] = value
    elif kind is dict:
        dict_insert(container, index, value)
    elif kind in SDK_STATE:
        container[index] = value
    elif kind in USER and getattr(kind, "__setitem__", None) is not None:
        kind.__setitem__(container, index, value)  # type: ignore[attr-defined]
    else:
        raise TypeError("items cannot be set here")


def dict_insert(container: dict[Any, Any], index: Any, value: Any) -> None:
    key(index, len(container))
    if index not in container:
        if len(container) >= limits.DICT_ENTRIES_MAX:
            fatal("sequence-too-large")
        allocate(32)
    container[index] = value


def delitem(container: Any, index: Any) -> None:
    kind = type(container)
    if kind is list:
        if not is_number(type(index)):
            raise TypeError("an index is an integer")
        charge(1 + (max(len(container) - (index % len(container) if container else 0), 0) >> 3))
        del container[index]
    elif kind is dict:
        del container[key(index, len(container))]
        DELETIONS[0] += 1
    elif kind in SDK_STATE:
        container.delete(index)
    else:
        raise TypeError("items cannot be deleted here")


def slice_of(value: Any, start: Any, stop: Any, step: Any) -> Any:
    kind = type(value)
    if kind not in SLOTS:
        raise TypeError("only lists, tuples, text and bytes have slices")
    for bound in (start, stop, step):
        if bound is not None and not is_number(type(bound)):
            raise TypeError("slice bounds are integers")
    count = len(range(*slice(start, stop, step).indices(len(value))))
    plain = SLOTS[kind] == 1 and step in (None, 1)  # copied as one piece
    charge(1 + (count >> (5 if plain else 2)))
    allocate(32 + count * SLOTS[kind])
    result = value[start:stop:step]
    return keep(result) if kind is list else result


def range_length(value: range) -> int:
    """`len(range)` without the machine's word size: the guest has 32 bits."""
    step = value.step
    span = value.stop - value.start if step > 0 else value.start - value.stop
    return max(0, (span + abs(step) - 1) // abs(step))


# ---- iteration -----------------------------------------------------------------------------------


def iterate(value: Any) -> Any:
    """What a loop runs over: sequences as they are, dicts and sets as a list of their keys."""
    kind = type(value)
    if kind is list or kind is tuple or kind is range or kind is str or kind is bytes:
        return value
    return list_of(value)


def pairs(value: Any, depth: int) -> Any:
    """Items that a loop's target unpacks: only lists and tuples are."""
    items = iterate(value)
    if type(items) is range or type(items) is bytes:
        raise TypeError("numbers cannot be unpacked")
    charge(1 + len(items))
    for item in items:
        _unpackable(item, depth)
    return items


def _unpackable(value: Any, depth: int) -> None:
    if type(value) is dict or type(value) is OrderedSet or type(value) in USER:
        raise TypeError("only lists, tuples, text and bytes can be unpacked")
    if depth > 1 and (type(value) is tuple or type(value) is list):
        charge(len(value))
        for item in value:
            _unpackable(item, depth - 1)


def unpack(value: Any, depth: int) -> Any:
    """The right side of an unpacking assignment."""
    kind = type(value)
    if kind is not tuple and kind is not list:
        value = list_of(value)
    if len(value) > 8:
        charge(len(value) >> 2)
    if depth > 1:
        for item in value:
            _unpackable(item, depth - 1)
    return value


def list_of(value: Any) -> Any:
    """A charged list (or the tuple or text itself) of an iterable, for one pass over it."""
    kind = type(value)
    if kind is list or kind is tuple or kind is str or kind is bytes:
        charge(1 + (len(value) >> 1))
        return value
    if kind is dict or kind is OrderedSet:
        # Empty slots left by deletions are passed as well.
        charge(1 + (len(value) >> 1) + (DELETIONS[0] >> 4))
        allocate(56 + 8 * len(value))
        return list(value)
    if kind is range:
        count = range_length(value)
        if count > limits.SEQUENCE_MAX:
            fatal("sequence-too-large")
        charge(1 + count)
        allocate(56 + 8 * count)
        return list(value)
    raise TypeError("not something to iterate over")
