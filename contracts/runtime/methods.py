"""Methods of built-in types: dispatched by name, checked against the list, priced before they run."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contracts.runtime import arithmetic, builtins, containers, gas, kinds, limits, text
from contracts.runtime.containers import key, list_of
from contracts.runtime.kinds import USER
from contracts.runtime.language.tables import TYPE_METHODS
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
from contracts.runtime.walking import search_cost, walk

Method = Callable[..., Any]
_ROUNDINGS = frozenset(
    [
        "ROUND_CEILING",
        "ROUND_DOWN",
        "ROUND_FLOOR",
        "ROUND_HALF_DOWN",
        "ROUND_HALF_EVEN",
        "ROUND_HALF_UP",
        "ROUND_UP",
        "ROUND_05UP",
    ]
)
_NOTHING = object()
_BEYOND = limits.SEQUENCE_MAX + 1


def _integer(value: Any) -> int:
    if not kinds.is_number(type(value)):
        raise TypeError("an integer is needed")
    return int(value)


def _place(value: Any) -> int:
    """An integer for a place or a count: beyond every sequence all of them mean the same, and an interpreter's
    own limit, which differs between 32 and 64 bits, never decides."""
    return max(-_BEYOND, min(_integer(value), _BEYOND))


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("text is needed")
    return value


# ---- list ----


def _list_append(x: list[Any], item: Any) -> None:
    if len(x) >= limits.SEQUENCE_MAX:
        fatal("sequence-too-large")
    allocate(8)
    x.append(item)


def _list_insert(x: list[Any], at: Any, item: Any) -> None:
    at = _place(at)
    _shift_cost(x, at)
    _list_append(x, None)
    x.pop()
    x.insert(at, item)


def _shift_cost(x: list[Any], at: int) -> None:
    start = at if at >= 0 else max(len(x) + at, 0)
    charge(1 + (max(len(x) - start, 0) >> 3))


def _list_pop(x: list[Any], at: Any = -1) -> Any:
    at = _place(at)
    _shift_cost(x, at)
    return x.pop(at)


def _list_sort(x: list[Any], *, key: Any = None, reverse: Any = False) -> None:
    x[:] = builtins.sorted_(x, key=key, reverse=reverse)


def _list_extend(x: list[Any], other: Any) -> None:
    arithmetic.iadd(x, other)


def _search(name: str) -> Method:
    def run(x: Any, item: Any) -> Any:
        depth = max(walk(x), walk(item))
        COMPARING[0] += depth
        try:
            return getattr(x, name)(item)
        finally:
            COMPARING[0] -= depth

    return run


def _index(x: Any, item: Any) -> int:
    """`index` of lists and tuples. Some interpreters show a missing object in their own error text: that
    would run its `__repr__`, so objects are looked for here."""
    if type(item) in _PLAIN:
        return _native_index(x, item)  # type: ignore[no-any-return]
    charge(3 * len(x))
    depth = max(walk(x), walk(item))
    COMPARING[0] += depth
    try:
        for at, one in enumerate(x):
            if one is item or one == item:
                return at
    finally:
        COMPARING[0] -= depth
    raise ValueError("not in the sequence")


_PLAIN = (int, str, bytes, bool, type(None), Decimal)
_native_index = _search("index")


def _list_copy(x: list[Any]) -> list[Any]:
    return containers.slice_of(x, None, None, None)


def _list_reverse(x: list[Any]) -> None:
    charge(len(x) >> 3)
    x.reverse()


def _clear(x: Any) -> None:
    charge(len(x) >> 1)
    if type(x) is OrderedSet:
        x._items.clear()
    else:
        x.clear()


# ---- dict ----


def _dict_get(x: dict[Any, Any], k: Any, default: Any = None) -> Any:
    return x.get(key(k, len(x)), default)


def _dict_setdefault(x: dict[Any, Any], k: Any, default: Any = None) -> Any:
    charge(gas.DICT_CHANGE)
    key(k, len(x))
    if k not in x:
        containers.dict_insert(x, k, default)
    return x[k]


def _dict_pop(x: dict[Any, Any], k: Any, default: Any = _NOTHING) -> Any:
    charge(gas.DICT_CHANGE)
    key(k, len(x))
    if k in x:
        DELETIONS[0] += 1
        return x.pop(k)
    if default is _NOTHING:
        raise KeyError(k)
    return default


def _dict_update(x: dict[Any, Any], other: Any = (), **words: Any) -> None:
    for k, v in builtins.dict_(other, **words).items():
        charge(gas.DICT_ENTRY + 4)
        containers.dict_insert(x, k, v)


def _dict_view(name: str) -> Method:
    def run(x: dict[Any, Any]) -> list[Any]:
        charge(1 + (len(x) * (4 if name == "items" else 1)) + (DELETIONS[0] >> 4))
        allocate(56 + 8 * len(x))
        items = list(getattr(x, name)())
        if name == "items":
            for pair in items:
                containers.check_tuple(pair)
        return keep(items)

    return run


def _dict_copy(x: dict[Any, Any]) -> dict[Any, Any]:
    charge(gas.NEW_CONTAINER + (len(x) >> 1) + (DELETIONS[0] >> 4))
    return containers.kept_dict(dict(x))


# ---- set ----


def _set_add(x: OrderedSet, k: Any) -> None:
    charge(gas.DICT_CHANGE)
    containers.dict_insert(x._items, k, None)


def _set_discard(x: OrderedSet, k: Any) -> None:
    charge(gas.DICT_CHANGE)
    key(k, len(x))
    if k in x._items:
        DELETIONS[0] += 1
        del x._items[k]


def _set_remove(x: OrderedSet, k: Any) -> None:
    charge(gas.DICT_CHANGE)
    if key(k, len(x)) not in x._items:
        raise KeyError(k)
    _set_discard(x, k)


def _both(x: OrderedSet, other: Any) -> tuple[list[Any], OrderedSet]:
    """The items of this set, and the other argument as a set: paid for before it is asked."""
    theirs = other if type(other) is OrderedSet else builtins.set_(other)
    items = list_of(x)
    charge(gas.SET_ITEM * (len(items) + len(theirs)))
    for k in items:
        key(k, len(theirs))
    return items, theirs


def _set_union(x: OrderedSet, other: Any = ()) -> OrderedSet:
    items, theirs = _both(x, other)
    return builtins.set_([*items, *list_of(theirs)])


def _set_intersection(x: OrderedSet, other: Any = ()) -> OrderedSet:
    items, theirs = _both(x, other)
    return builtins.set_([k for k in items if k in theirs])


def _set_difference(x: OrderedSet, other: Any = ()) -> OrderedSet:
    items, theirs = _both(x, other)
    return builtins.set_([k for k in items if k not in theirs])


def _set_issubset(x: OrderedSet, other: Any) -> bool:
    items, theirs = _both(x, other)
    return all(k in theirs for k in items)


def _set_issuperset(x: OrderedSet, other: Any) -> bool:
    theirs = other if type(other) is OrderedSet else builtins.set_(other)
    return _set_issubset(theirs, x)


def _set_copy(x: OrderedSet) -> OrderedSet:
    return builtins.set_(x)


# ---- text and bytes ----


def _ascii(name: str) -> Method:
    def run(x: str) -> Any:
        charge(len(x) >> 5)  # it looks at every character twice
        sequence(len(x))
        return text.ascii_method(x, name)

    return run


def _strip(name: str) -> Method:
    def run(x: str, characters: Any = None) -> str:
        given = text.WHITESPACE if characters is None else _text(characters)
        charge(1 + (len(x) >> 3) * (1 + (len(given) >> 3)))
        sequence(len(x))
        return getattr(x, name)(given)

    return run


def _edge(name: str) -> Method:
    def run(x: Any, part: Any) -> Any:
        parts = part if type(part) is tuple else (part,)
        for one in parts:
            if type(one) is not type(x):
                raise TypeError("a part of the same type is needed")
            charge(1 + (len(one) >> 5))
        return getattr(x, name)(part)

    return run


def _find(name: str) -> Method:
    def run(x: Any, part: Any, start: Any = 0, end: Any = None) -> Any:
        if type(part) is not type(x):
            raise TypeError("a part of the same type is needed")
        charge(search_cost(len(x), len(part)))
        return getattr(x, name)(part, _integer(start), len(x) if end is None else _integer(end))

    return run


def _split(name: str) -> Method:
    def run(x: str, separator: Any = None, maxsplit: Any = -1) -> list[str]:
        charge(2 + len(x))
        if separator is not None:
            charge(search_cost(len(x), len(_text(separator))))
        allocate(16 * len(x))
        return keep(getattr(x, name)(separator, _place(maxsplit)))

    return run


def _splitlines(x: str) -> list[str]:
    charge(2 + len(x))
    allocate(16 * len(x))
    return keep(x.splitlines())


def _partition(name: str) -> Method:
    def run(x: str, separator: Any) -> Any:
        charge(2 + search_cost(len(x), len(_text(separator))))
        sequence(len(x))
        return getattr(x, name)(separator)

    return run


def _join(x: str, parts: Any) -> str:
    items = list_of(parts)
    total = 0
    for item in items:
        total += len(_text(item)) + len(x)
    charge(2 * len(items))
    sequence(total)
    return x.join(items)


def _replace(x: str, old: Any, new: Any, count: Any = -1) -> str:
    count = _place(count)
    charge(len(x) + search_cost(len(x), len(_text(old))))
    found = x.count(old) if count < 0 else min(x.count(old), count)
    sequence(len(x) + found * max(len(_text(new)) - len(old), 0))
    return x.replace(old, new, count)


def _pad(name: str) -> Method:
    def run(x: str, width: Any, *fill: Any) -> str:
        if len(fill) > 1 or (name == "zfill" and fill):
            raise TypeError("too many arguments")
        width = max(_integer(width), 0)
        sequence(max(len(x), width))
        return getattr(x, name)(width, *fill)

    return run


def _encode(x: str, encoding: Any = "utf-8") -> bytes:
    if encoding not in ("utf-8", "ascii"):
        raise ValueError("text encodings are utf-8 and ascii")
    sequence(4 * len(x))
    return x.encode(encoding)


def _decode(x: bytes, encoding: Any = "utf-8") -> str:
    if encoding not in ("utf-8", "ascii"):
        raise ValueError("text encodings are utf-8 and ascii")
    sequence(len(x))
    try:
        return x.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError("bytes are not text") from None


def _hex(x: bytes) -> str:
    sequence(2 * len(x))
    return x.hex()


# ---- numbers ----


def _to_bytes(x: int, length: Any = 1, byteorder: Any = "big", *, signed: Any = False) -> bytes:
    if not 0 <= _integer(length) <= 64 or byteorder not in ("big", "little"):
        raise ValueError("to_bytes(length up to 64, 'big' or 'little')")
    return x.to_bytes(length, byteorder, signed=bool(signed))


def _rounding(value: Any) -> str | None:
    if value is not None and value not in _ROUNDINGS:
        raise ValueError("no such rounding")
    return value


def _quantize(x: Decimal, exponent: Any, rounding: Any = None) -> Decimal:
    charge(gas.DECIMAL_METHOD)
    if type(exponent) is not Decimal:
        exponent = Decimal(_integer(exponent))
    return x.quantize(exponent, rounding=_rounding(rounding))


def _to_integral(x: Decimal, rounding: Any = None) -> Decimal:
    charge(gas.DECIMAL_METHOD)
    return x.to_integral_value(rounding=_rounding(rounding))


def _plain_decimal(name: str) -> Method:
    def run(x: Decimal) -> Any:
        charge(gas.DECIMAL_METHOD)
        return getattr(x, name)()

    return run


_FUNCTIONS: dict[type, dict[str, Method]] = {
    list: {
        "append": _list_append, "extend": _list_extend, "insert": _list_insert, "pop": _list_pop,
        "remove": _search("remove"), "clear": _clear, "index": _index,
        "count": _search("count"), "sort": _list_sort, "reverse": _list_reverse,
        "copy": _list_copy,
    },
    dict: {
        "get": _dict_get, "keys": _dict_view("keys"), "values": _dict_view("values"),
        "items": _dict_view("items"), "setdefault": _dict_setdefault, "update": _dict_update,
        "pop": _dict_pop, "copy": _dict_copy, "clear": _clear,
    },
    OrderedSet: {
        "add": _set_add, "discard": _set_discard, "remove": _set_remove, "union": _set_union,
        "intersection": _set_intersection, "difference": _set_difference,
        "issubset": _set_issubset, "issuperset": _set_issuperset, "copy": _set_copy,
        "clear": _clear,
    },
    str: {
        **{n: _ascii(n) for n in ("upper", "lower", "isdigit", "isalpha", "isalnum",
                                  "isidentifier", "isupper", "islower")},
        **{n: _strip(n) for n in ("strip", "lstrip", "rstrip")},
        **{n: _edge(n) for n in ("startswith", "endswith", "removeprefix", "removesuffix")},
        **{n: _find(n) for n in ("find", "rfind", "index", "count")},
        **{n: _split(n) for n in ("split", "rsplit")},
        **{n: _partition(n) for n in ("partition", "rpartition")},
        **{n: _pad(n) for n in ("zfill", "ljust", "rjust")},
        "splitlines": _splitlines, "join": _join, "replace": _replace, "encode": _encode,
    },
    bytes: {
        "decode": _decode, "hex": _hex,
        **{n: _edge(n) for n in ("startswith", "endswith")},
        **{n: _find(n) for n in ("find", "index", "count")},
    },
    tuple: {"index": _index, "count": _search("count")},
    int: {"bit_length": lambda x: x.bit_length(), "to_bytes": _to_bytes},
    bool: {},
    Decimal: {
        "quantize": _quantize, "to_integral_value": _to_integral,
        **{n: _plain_decimal(n) for n in ("is_zero", "is_signed", "copy_abs", "normalize")},
    },
}  # fmt: skip
_NAMES = {list: "list", dict: "dict", OrderedSet: "set", str: "str", bytes: "bytes",
          tuple: "tuple", int: "int", Decimal: "Decimal"}  # fmt: skip
assert all(set(_FUNCTIONS[t]) == TYPE_METHODS[n] for t, n in _NAMES.items())
assert decimal.MAX_PREC > limits.DECIMAL_DIGITS


def method(owner: Any, name: str, /, *args: Any, **words: Any) -> Any:
    """`owner.name(…)` for a name that built-in types have too."""
    kind = type(owner)
    functions = _FUNCTIONS.get(kind)
    if functions is None:
        if kind in USER or kind is super or getattr(kind, "_pl_sdk", False):
            return getattr(owner, name)(*args, **words)
        if kind is type and owner in USER:
            return getattr(owner, name)(*args, **words)
        raise TypeError("no such method here")
    function = functions.get(name)
    if function is None:
        raise AttributeError("no such method here")
    GAS[0] -= gas.METHOD
    if GAS[0] < 0:
        out_of_gas()
    return function(owner, *args, **words)
