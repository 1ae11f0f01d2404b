"""Built-in functions of contracts: metered, eager, without anything that depends on the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contracts.runtime import arithmetic, containers, gas, kinds, limits, text, walking
from contracts.runtime.containers import key, list_of
from contracts.runtime.kinds import CONTEXT, USER
from contracts.runtime.meter import COMPARING, allocate, charge, fatal, keep, new, sequence
from contracts.runtime.ordered_set import OrderedSet
from contracts.runtime.walking import walk


def _elements(value: Any) -> Any:
    """Items for a built-in that runs over them by itself: a body's price for each."""
    count = _length(value)
    if count > limits.SEQUENCE_MAX and type(value) is not range:
        fatal("sequence-too-large")
    charge(gas.ITERATE_ELEMENT * min(count, 1 << 40))
    return list_of(value)


def _length(value: Any) -> int:
    kind = type(value)
    if kind is range:
        return containers.range_length(value)
    if kind in (list, tuple, dict, str, bytes, OrderedSet):
        return len(value)
    raise TypeError("not something to iterate over")


def abs_(x: Any) -> Any:
    if not kinds.is_number(type(x)) and type(x) is not Decimal:
        raise TypeError("abs() needs a number")
    return abs(x)


def all_(x: Any) -> bool:
    return all(_elements(x))


def any_(x: Any) -> bool:
    return any(_elements(x))


def bool_(x: Any = False) -> bool:
    return bool(x)


def bytes_(x: Any = b"", encoding: Any = None) -> bytes:
    kind = type(x)
    if kind is bytes:
        return bytes(x)
    if kind is str:
        if encoding not in (None, "utf-8", "ascii"):
            raise ValueError("text encodings are utf-8 and ascii")
        sequence(4 * len(x))
        return x.encode(encoding or "utf-8")
    if kinds.is_number(kind):
        if x < 0:
            raise ValueError("negative count")
        sequence(x)
        return bytes(x)
    items = _elements(x)
    for item in items:
        if not kinds.is_number(type(item)):
            raise TypeError("bytes() needs small integers")
    return bytes(items)


def chr_(x: Any) -> str:
    if not kinds.is_number(type(x)):
        raise TypeError("chr() needs an integer")
    if 0xD800 <= x <= 0xDFFF or not 0 <= x <= 0x10FFFF:
        raise ValueError("no such character")
    return chr(x)


def dict_(source: Any = (), /, **words: Any) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    if type(source) is dict:
        list_of(source)
        charge(2 * len(source))
        for k in source:
            key(k, len(source))
        result.update(source)
    else:
        for pair in list_of(source):
            if type(pair) not in (tuple, list) or len(pair) != 2:
                raise TypeError("dict() needs pairs")
            charge(gas.DICT_ENTRY)
            result[key(pair[0], len(result))] = pair[1]
            if len(result) > limits.DICT_ENTRIES_MAX:
                fatal("sequence-too-large")
    charge(gas.NEW_CONTAINER + gas.DICT_ENTRY * len(words))
    result.update(words)
    return containers.kept_dict(result)


def divmod_(a: Any, b: Any) -> Any:
    charge(gas.METHOD)
    return containers.check_tuple((arithmetic.floordiv(a, b), arithmetic.mod(a, b)))


def enumerate_(x: Any, start: Any = 0) -> list[Any]:
    if not kinds.is_number(type(start)):
        raise TypeError("an index is an integer")
    charge(4 * min(_length(x), 1 << 40))
    items = new([(start + at, item) for at, item in enumerate(list_of(x))])
    for pair in items:
        containers.check_tuple(pair)
    return items


def len_(x: Any) -> int:
    kind = type(x)
    if kind in (list, tuple, dict, str, bytes, OrderedSet):
        return len(x)
    if kind is range:
        return containers.range_length(x)
    function = getattr(kind, "__len__", None) if kind in USER else None
    if function is None:
        raise TypeError("no length")
    size = function(x)
    if type(size) is not int or size < 0:
        raise TypeError("__len__ returns a count")
    return size


def list_(x: Any = ()) -> list[Any]:
    return new(list(list_of(x)))


def tuple_(x: Any = ()) -> tuple[Any, ...]:
    return containers.check_tuple(tuple(list_of(x)))


def set_(x: Any = ()) -> OrderedSet:
    items: dict[Any, None] = {}
    source = list_of(x)
    charge(gas.SET_ITEM * len(source))
    for item in source:
        items[key(item, len(items))] = None
        if len(items) > limits.DICT_ENTRIES_MAX:
            fatal("sequence-too-large")
    charge(gas.NEW_CONTAINER)
    allocate(64 + 32 * len(items))
    return keep(OrderedSet(items))


_GIVEN = object()


def _extreme(function: Callable[..., Any], later_wins: bool) -> Callable[..., Any]:
    def run(*args: Any, key: Any = None, default: Any = _GIVEN) -> Any:
        items = _elements(args[0]) if len(args) == 1 else list(args)
        if not args:
            raise TypeError("at least one argument")
        if len(items) == 0:
            if default is _GIVEN:
                raise ValueError("no items")
            return default
        best = items[0]
        measure = best if key is None else key(best)
        better = walking.greater if later_wins else walking.less
        for item in items[1:]:
            charge(2)
            value = item if key is None else key(item)
            if better(value, measure):
                best, measure = item, value
        return best

    run.__name__ = function.__name__
    return run


def ord_(x: Any) -> int:
    if type(x) is not str or len(x) != 1:
        raise TypeError("ord() needs one character")
    return ord(x)


def range_(*args: Any) -> range:
    for bound in args:
        if not kinds.is_number(type(bound)):
            raise TypeError("range() needs integers")
    return range(*args)


def reversed_(x: Any) -> list[Any]:
    if type(x) not in (list, tuple, str, bytes, range):
        raise TypeError("reversed() needs a sequence")
    items = list(list_of(x))
    items.reverse()
    return new(items)


def round_(x: Any, digits: Any = None) -> Any:
    if kinds.is_number(type(x)) and digits is None:
        return int(x)
    if type(x) is not Decimal:
        raise TypeError("round() needs a Decimal")
    charge(gas.DECIMAL_METHOD)
    if digits is None:
        return text.to_int(x.to_integral_value())
    if type(digits) is not int or abs(digits) > limits.DECIMAL_DIGITS:
        raise ValueError("digits out of range")
    return x.quantize(Decimal(1).scaleb(-digits))


def sorted_(x: Any, *, key: Any = None, reverse: Any = False) -> list[Any]:
    count = _length(x)
    if count > limits.SEQUENCE_MAX:
        charge(2 * min(count, 1 << 40))
        fatal("sequence-too-large")
    charge(2 * count * count.bit_length())
    items = list(list_of(x))
    measures = items if key is None else [key(item) for item in items]
    depth = 0
    for measure in measures:
        depth = max(depth, walk(measure))
    COMPARING[0] += depth
    try:
        if key is None:
            items.sort(reverse=bool(reverse))
        else:
            order = sorted(range(count), key=measures.__getitem__, reverse=bool(reverse))
            items = [items[at] for at in order]
    finally:
        COMPARING[0] -= depth
    return new(items)


def sum_(x: Any, start: Any = 0) -> Any:
    total = start
    for item in _elements(x):
        total = arithmetic.add(total, item)
    return total


def zip_(*several: Any) -> list[Any]:
    if not several:
        return new([])
    charge(4 * min(*(_length(x) for x in several), 1 << 40))
    items = new(list(zip(*[list_of(x) for x in several], strict=False)))
    for part in items:
        containers.check_tuple(part)
    return items


def decimal_(value: Any = "0") -> Decimal:
    """`Decimal(text or int)`: 60 digits, half-even, exponents within 400. No NaN, no infinity."""
    kind = type(value)
    if kind is Decimal:
        return value
    charge(gas.NUMBER_TEXT)
    if kinds.is_number(kind):
        return CONTEXT.create_decimal(int(value))
    if kind is not str:
        raise TypeError("Decimal() needs text or an integer")
    if len(value) > limits.DECIMAL_TEXT_MAX or not value.isascii():
        raise ValueError("not the text of a Decimal")
    try:
        result = CONTEXT.create_decimal(value)
    except ArithmeticError:
        raise ValueError("not the text of a Decimal") from None
    if not result.is_finite():
        raise ValueError("not the text of a Decimal")
    return result


max_ = _extreme(max, True)
min_ = _extreme(min, False)
str_ = text.to_text
int_ = text.to_int

# What isinstance means by the name of a metered function.
TYPES: dict[Any, type] = {
    list_: list, tuple_: tuple, dict_: dict, set_: OrderedSet, str_: str, int_: int,
    bytes_: bytes, bool_: bool, range_: range, decimal_: Decimal,
}  # fmt: skip


def isinstance_(value: Any, kind: Any) -> bool:
    if type(kind) is tuple:
        charge(gas.TYPE_TEST * len(kind))
        return any(isinstance_(value, one) for one in kind)
    real = kind if isinstance(kind, type) and kind in USER else TYPES.get(kind)
    if real is None:
        raise TypeError("isinstance() needs a type")
    return isinstance(value, real)


FUNCTIONS: dict[str, Any] = {
    "abs": abs_, "all": all_, "any": any_, "bool": bool_, "bytes": bytes_, "chr": chr_,
    "dict": dict_, "divmod": divmod_, "enumerate": enumerate_, "int": int_,
    "isinstance": isinstance_, "len": len_, "list": list_, "max": max_, "min": min_, "ord": ord_,
    "range": range_, "reversed": reversed_, "round": round_, "set": set_, "sorted": sorted_,
    "str": str_, "sum": sum_, "tuple": tuple_, "zip": zip_,
}  # fmt: skip
