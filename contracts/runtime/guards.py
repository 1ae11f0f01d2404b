"""Guards: every operator, comparison, subscript and iteration of contract code, priced before it runs.

They are total in the Python sense: a wrong type raises TypeError like the operator would, with no text
of the interpreter in it. Nothing here reads a clock, a hash or an address.
"""

from __future__ import annotations

import decimal
import operator
from decimal import Decimal
from typing import Any

from contracts.runtime import gas, limits
from contracts.runtime.meter import (
    COMPARING,
    DELETIONS,
    GAS,
    allocate,
    charge,
    fatal,
    keep,
    out_of_gas,
    sequence,
)
from contracts.runtime.ordered_set import OrderedSet

LIMIT = limits.INT_LIMIT
LOW = -LIMIT
USER: set[type] = set()  # classes of contracts; filled by classes.py
FROZEN: set[type] = set()  # dataclasses declared frozen
SDK_STATE: list[type] = []  # Map and its kind, filled by sdk_impl.py
# Map, its reading and its writing, filled by sdk_impl.py: the hot path of subscripts.
Map: Any = None
read_map: Any = None
write_map: Any = None
CONTEXT = decimal.Context(
    prec=limits.DECIMAL_DIGITS,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-limits.DECIMAL_EXPONENT_MAX,
    Emax=limits.DECIMAL_EXPONENT_MAX,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[
        decimal.InvalidOperation,
        decimal.DivisionByZero,
        decimal.Overflow,
        decimal.FloatOperation,
    ],
)
_WIDE = 1 << 64
_WIDE_LOW = -_WIDE
_SLOTS = {str: 1, bytes: 1, list: 8, tuple: 8}


def _overflow() -> None:
    raise OverflowError("integer exceeds 256 bits")


def _unsupported(name: str) -> None:
    raise TypeError(f"unsupported operand types for {name}")


def is_number(kind: type) -> bool:
    return kind is int or kind is bool


# ---- arithmetic ----------------------------------------------------------------------------------


def add(a: Any, b: Any) -> Any:
    ta, tb = type(a), type(b)
    if ta is int and tb is int:
        result = a + b
        if LOW < result < LIMIT:
            return result
        _overflow()
    if ta is tb and ta in _SLOTS:
        sequence(len(a) + len(b), _SLOTS[ta])
        if ta is list:
            return keep(a + b)
        return check_tuple(a + b) if ta is tuple else a + b
    if ta is Decimal or tb is Decimal:
        _decimal_operands(ta, tb, "+")
        charge(gas.DECIMAL_ADD)
        return a + b
    if is_number(ta) and is_number(tb):
        return add(int(a), int(b))
    return _user(a, b, "__add__", "+")


def _decimal_operands(ta: type, tb: type, name: str) -> None:
    for kind in (ta, tb):
        if kind is not Decimal and not is_number(kind):
            _unsupported(name)


def _user(a: Any, b: Any, method: str, name: str) -> Any:
    """An operator of a contract class: only the left operand's method counts."""
    function = getattr(type(a), method, None) if type(a) in USER else None
    if function is None:
        _unsupported(name)
    return function(a, b)  # type: ignore[misc]


def iadd(a: Any, b: Any) -> Any:
    if type(a) is int and type(b) is int:
        result = a + b
        return result if LOW < result < LIMIT else _overflow()
    if type(a) is list:
        items = list_of(b)
        if len(a) + len(items) > limits.SEQUENCE_MAX:
            fatal("sequence-too-large")
        sequence(len(items), 8)
        a += items
        return a
    return add(a, b)


def sub(a: Any, b: Any) -> Any:
    ta, tb = type(a), type(b)
    if (ta is int and tb is int) or (is_number(ta) and is_number(tb)):
        result = a - b
        return result if LOW < result < LIMIT else _overflow()
    if ta is Decimal or tb is Decimal:
        _decimal_operands(ta, tb, "-")
        charge(gas.DECIMAL_ADD)
        return a - b
    return _user(a, b, "__sub__", "-")


def mul(a: Any, b: Any) -> Any:
    ta, tb = type(a), type(b)
    if (ta is int and tb is int) or (is_number(ta) and is_number(tb)):
        result = a * b
        if _WIDE_LOW < result < _WIDE:
            return result
        charge(gas.WIDE_NUMBER)
        return result if LOW < result < LIMIT else _overflow()
    if is_number(ta) and tb in _SLOTS:
        a, b, ta, tb = b, a, tb, ta
    if ta in _SLOTS and is_number(tb):
        sequence(len(a) * max(b, 0), _SLOTS[ta])
        return keep(a * b) if ta is list else a * b
    if ta is Decimal or tb is Decimal:
        _decimal_operands(ta, tb, "*")
        charge(gas.DECIMAL_MUL)
        return a * b
    return _user(a, b, "__mul__", "*")


def power(a: Any, b: Any) -> Any:
    ta, tb = type(a), type(b)
    if is_number(ta) and is_number(tb):
        charge(gas.INT_POWER)
        if b < 0:
            raise ValueError("negative exponent")
        if a in (0, 1, -1):
            return int(a) ** (b if b < 2 else 2 - b % 2)
        if (abs(a).bit_length() - 1) * b > limits.INT_BITS_MAX:
            _overflow()
        result = a**b
        if LOW < result < LIMIT:
            return result
        _overflow()
    if ta is Decimal and tb is int and abs(b) <= limits.DECIMAL_POWER_MAX:
        charge(gas.DECIMAL_POWER)
        return a**b
    return _unsupported("**")


def divide(a: Any, b: Any) -> Any:
    ta, tb = type(a), type(b)
    if ta is Decimal or tb is Decimal:
        _decimal_operands(ta, tb, "/")
        charge(gas.DECIMAL_DIV)
        return a / b
    raise TypeError("/ needs a Decimal; use // for integers")


def floordiv(a: Any, b: Any) -> Any:
    ta, tb = type(a), type(b)
    if is_number(ta) and is_number(tb):
        if a > _WIDE or a < _WIDE_LOW:
            charge(gas.WIDE_NUMBER)
        return a // b
    if ta is Decimal or tb is Decimal:
        _decimal_operands(ta, tb, "//")
        charge(gas.DECIMAL_DIV)
        return a // b
    return _user(a, b, "__floordiv__", "//")


def mod(a: Any, b: Any) -> Any:
    ta, tb = type(a), type(b)
    if is_number(ta) and is_number(tb):
        if a > _WIDE or a < _WIDE_LOW:
            charge(gas.WIDE_NUMBER)
        return a % b
    if ta is Decimal or tb is Decimal:
        _decimal_operands(ta, tb, "%")
        charge(gas.DECIMAL_DIV)
        return a % b
    return _user(a, b, "__mod__", "%")


def lshift(a: Any, b: Any) -> Any:
    if is_number(type(a)) and is_number(type(b)):
        if b < 0:
            raise ValueError("negative shift")
        if b <= limits.SHIFT_MAX:
            result = a << b
            if LOW < result < LIMIT:
                return result
        _overflow()
    return _unsupported("<<")


def rshift(a: Any, b: Any) -> Any:
    if is_number(type(a)) and is_number(type(b)):
        if b < 0:
            raise ValueError("negative shift")
        return a >> min(b, limits.SHIFT_MAX + 1)
    return _unsupported(">>")


def bit_or(a: Any, b: Any) -> Any:
    return a | b if is_number(type(a)) and is_number(type(b)) else _unsupported("|")


def bit_and(a: Any, b: Any) -> Any:
    return a & b if is_number(type(a)) and is_number(type(b)) else _unsupported("&")


def bit_xor(a: Any, b: Any) -> Any:
    return a ^ b if is_number(type(a)) and is_number(type(b)) else _unsupported("^")


def invert(a: Any) -> Any:
    if not is_number(type(a)):
        _unsupported("~")
    result = -int(a) - 1
    if result <= LOW:
        _overflow()
    return result


def negate(a: Any) -> Any:
    kind = type(a)
    if is_number(kind):
        return -a
    if kind is Decimal:
        charge(gas.DECIMAL_ADD)
        return -a
    function = getattr(kind, "__neg__", None) if kind in USER else None
    if function is None:
        _unsupported("-")
    return function(a)  # type: ignore[misc]


# ---- walking structures --------------------------------------------------------------------------


def walk(value: Any, depth: int = 0) -> int:
    """Charge for a whole structure before native code goes through it; the depth of its nesting.

    2 and the items a level, 2 an element, text by its length. More than 32 levels are fatal.
    """
    kind = type(value)
    if kind is int or kind is bool or value is None:
        charge(gas.SCALAR)
        return 0
    if kind is str or kind is bytes:
        charge(gas.SCALAR + (len(value) >> 5))
        return 0
    if depth + COMPARING[0] >= limits.STRUCTURE_DEPTH_MAX:
        fatal("structure-depth")
    if kind is list or kind is tuple or kind is OrderedSet:
        items = value
    elif kind is dict:
        charge(2 * len(value))
        deepest = max([walk(key, depth + 1) for key in value], default=0)
        return 1 + max([walk(item, depth + 1) for item in value.values()], default=deepest)
    elif kind in USER:
        charge(gas.OBJECT)
        fields = getattr(value, "__dict__", None)
        items = list(fields.values()) if fields and hasattr(kind, "_pl_fields") else ()
    else:
        charge(gas.OTHER_VALUE)
        return 0
    charge(2 + len(items))
    return 1 + max([walk(item, depth + 1) for item in items], default=0)


def _compare_cost(a: Any, b: Any) -> int:
    ta = type(a)
    if ta is type(b) and (ta is int or ta is str):
        if ta is str and len(a) > 64:
            charge(len(a) >> 5)
        return 0
    return max(walk(a), walk(b))


def _compare(operation: Any, a: Any, b: Any) -> Any:
    depth = _compare_cost(a, b)
    if not depth:
        return operation(a, b)
    # Methods of contract classes may compare again: nested comparisons share one depth limit.
    COMPARING[0] += depth
    try:
        return operation(a, b)
    finally:
        COMPARING[0] -= depth


# Two integers first: one frame instead of three.
def equal(a: Any, b: Any) -> Any:
    return a == b if type(a) is int and type(b) is int else _compare(operator.eq, a, b)


def not_equal(a: Any, b: Any) -> Any:
    return a != b if type(a) is int and type(b) is int else _compare(operator.ne, a, b)


def less(a: Any, b: Any) -> Any:
    return a < b if type(a) is int and type(b) is int else _compare(operator.lt, a, b)


def less_equal(a: Any, b: Any) -> Any:
    return a <= b if type(a) is int and type(b) is int else _compare(operator.le, a, b)


def greater(a: Any, b: Any) -> Any:
    return a > b if type(a) is int and type(b) is int else _compare(operator.gt, a, b)


def greater_equal(a: Any, b: Any) -> Any:
    return a >= b if type(a) is int and type(b) is int else _compare(operator.ge, a, b)


def contains(a: Any, b: Any) -> Any:
    """`a in b`."""
    kind = type(b)
    if kind is dict or kind is OrderedSet:
        key(a, len(b))
        return a in b
    if kind is str or kind is bytes:
        if type(a) is not kind:
            raise TypeError("in needs a part of the same type")
        charge(search_cost(len(b), len(a)))
        return a in b
    if kind is list or kind is tuple:
        depth = max(walk(b), walk(a))
        COMPARING[0] += depth
        try:
            return a in b
        finally:
            COMPARING[0] -= depth
    if kind is range:
        return is_number(type(a)) and a in b
    if kind in USER:
        function = getattr(kind, "__contains__", None)
        if function is not None:
            return bool(function(b, a))
    if kind in SDK_STATE:
        return a in b
    raise TypeError("in needs a container")


def not_contains(a: Any, b: Any) -> Any:
    return not contains(a, b)


def search_cost(length: int, needle: int) -> int:
    """Finding a text in a text: a needle that almost matches everywhere is looked at in full."""
    return 1 + (length >> 3) * ((min(needle, 64) >> 3) + 1)


# ---- keys, tuples --------------------------------------------------------------------------------

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
    return _kept_dict(result)


def dict_of_pairs(pairs: list[Any]) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for one, item in pairs:
        charge(gas.DICT_ENTRY)
        result[key(one, len(result))] = item
        if len(result) > limits.DICT_ENTRIES_MAX:
            fatal("sequence-too-large")
    charge(gas.NEW_CONTAINER)
    return _kept_dict(result)


def _kept_dict(result: dict[Any, Any]) -> dict[Any, Any]:
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
    return _user(container, index, "__getitem__", "[]")


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
    if kind not in _SLOTS:
        raise TypeError("only lists, tuples, text and bytes have slices")
    for bound in (start, stop, step):
        if bound is not None and not is_number(type(bound)):
            raise TypeError("slice bounds are integers")
    count = len(range(*slice(start, stop, step).indices(len(value))))
    plain = _SLOTS[kind] == 1 and step in (None, 1)  # copied as one piece
    charge(1 + (count >> (5 if plain else 2)))
    allocate(32 + count * _SLOTS[kind])
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


# ---- attributes ----------------------------------------------------------------------------------


def get_attribute(owner: Any, name: str) -> Any:
    """Attributes whose names interpreter types have too, and private ones: contract objects only."""
    kind = type(owner)
    if kind in USER or kind is super or (kind is type and owner in USER):
        return getattr(owner, name)
    if getattr(kind, "_pl_context", False) and not name.startswith("_"):
        return getattr(owner, name)
    raise TypeError("no such attribute here")


def set_attribute(value: Any, owner: Any, name: str) -> None:
    kind = type(owner)
    if kind not in USER:
        raise TypeError("attributes are set on instances of contract classes only")
    if kind in FROZEN:
        raise TypeError("a frozen dataclass does not change")
    GAS[0] -= gas.SET_ATTRIBUTE
    if GAS[0] < 0:
        out_of_gas()
    if name not in owner.__dict__:
        allocate(16)
    object.__setattr__(owner, name, value)
