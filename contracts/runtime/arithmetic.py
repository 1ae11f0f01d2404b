"""Guards of arithmetic: every operator, priced before it runs, its result inside the limits.

They are total in the Python sense: a wrong type raises TypeError like the operator would, with no text
of the interpreter in it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from contracts.runtime import gas, limits
from contracts.runtime.containers import check_tuple, list_of
from contracts.runtime.kinds import LIMIT, LOW, SLOTS, USER, is_number, unsupported, user_operator
from contracts.runtime.meter import charge, fatal, keep, sequence

_WIDE = 1 << 64
_WIDE_LOW = -_WIDE


def _overflow() -> None:
    raise OverflowError("integer exceeds 256 bits")


def add(a: Any, b: Any) -> Any:
    ta, tb = type(a), type(b)
    if ta is int and tb is int:
        result = a + b
        if LOW < result < LIMIT:
            return result
        _overflow()
    if ta is tb and ta in SLOTS:
        sequence(len(a) + len(b), SLOTS[ta])
        if ta is list:
            return keep(a + b)
        return check_tuple(a + b) if ta is tuple else a + b
    if ta is Decimal or tb is Decimal:
        _decimal_operands(ta, tb, "+")
        charge(gas.DECIMAL_ADD)
        return a + b
    if is_number(ta) and is_number(tb):
        return add(int(a), int(b))
    return user_operator(a, b, "__add__", "+")


def _decimal_operands(ta: type, tb: type, name: str) -> None:
    for kind in (ta, tb):
        if kind is not Decimal and not is_number(kind):
            unsupported(name)


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
    if ta is int and tb is int:
        result = a - b
        return result if LOW < result < LIMIT else _overflow()
    if is_number(ta) and is_number(tb):
        return sub(int(a), int(b))
    if ta is Decimal or tb is Decimal:
        _decimal_operands(ta, tb, "-")
        charge(gas.DECIMAL_ADD)
        return a - b
    return user_operator(a, b, "__sub__", "-")


def mul(a: Any, b: Any) -> Any:
    ta, tb = type(a), type(b)
    if (ta is int and tb is int) or (is_number(ta) and is_number(tb)):
        result = a * b
        if _WIDE_LOW < result < _WIDE:
            return result
        charge(gas.WIDE_NUMBER)
        return result if LOW < result < LIMIT else _overflow()
    if is_number(ta) and tb in SLOTS:
        a, b, ta, tb = b, a, tb, ta
    if ta in SLOTS and is_number(tb):
        # Nothing any number of times is nothing: an interpreter's own limit on the number never decides.
        times = max(b, 0) if a else 0
        sequence(len(a) * times, SLOTS[ta])
        return keep(a * times) if ta is list else a * times
    if ta is Decimal or tb is Decimal:
        _decimal_operands(ta, tb, "*")
        charge(gas.DECIMAL_MUL)
        return a * b
    return user_operator(a, b, "__mul__", "*")


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
    return unsupported("**")


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
    return user_operator(a, b, "__floordiv__", "//")


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
    return user_operator(a, b, "__mod__", "%")


def lshift(a: Any, b: Any) -> Any:
    if is_number(type(a)) and is_number(type(b)):
        if b < 0:
            raise ValueError("negative shift")
        if b <= limits.SHIFT_MAX:
            result = a << b
            if LOW < result < LIMIT:
                return result
        _overflow()
    return unsupported("<<")


def rshift(a: Any, b: Any) -> Any:
    if is_number(type(a)) and is_number(type(b)):
        if b < 0:
            raise ValueError("negative shift")
        return a >> min(b, limits.SHIFT_MAX + 1)
    return unsupported(">>")


def bit_or(a: Any, b: Any) -> Any:
    return a | b if is_number(type(a)) and is_number(type(b)) else unsupported("|")


def bit_and(a: Any, b: Any) -> Any:
    return a & b if is_number(type(a)) and is_number(type(b)) else unsupported("&")


def bit_xor(a: Any, b: Any) -> Any:
    return a ^ b if is_number(type(a)) and is_number(type(b)) else unsupported("^")


def invert(a: Any) -> Any:
    if not is_number(type(a)):
        unsupported("~")
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
        unsupported("-")
    return function(a)  # type: ignore[misc]
