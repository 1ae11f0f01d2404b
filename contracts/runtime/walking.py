"""Guards of comparison and search: a structure is charged for before native code walks through it."""

from __future__ import annotations

import operator
from typing import Any

from contracts.runtime import gas, limits
from contracts.runtime.containers import key
from contracts.runtime.kinds import SDK_STATE, USER, is_number
from contracts.runtime.meter import COMPARING, charge, fatal
from contracts.runtime.ordered_set import OrderedSet


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
