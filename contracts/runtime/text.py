"""Text of values, and text methods that mean the same with every Unicode table.

Case and character classes look at ASCII letters and digits only; other characters stay as they are.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from contracts.runtime import gas, limits
from contracts.runtime.kinds import USER
from contracts.runtime.meter import charge, sequence
from contracts.runtime.ordered_set import OrderedSet
from contracts.runtime.walking import walk

_ESCAPES = {n: f"\\x{n:02x}" for n in [*range(32), 127]} | {
    9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\",
}  # fmt: skip
WHITESPACE = " \t\n\r\x0b\x0c"


def to_text(value: Any = "") -> str:
    """`str(value)`."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int or kind is bool or value is None or kind is Decimal:
        charge(gas.NUMBER_TEXT)
        return str(value)
    if isinstance(value, BaseException):
        return exception_text(value)
    if kind in USER:
        return object_text(value)
    if kind is list or kind is tuple or kind is dict or kind is bytes or kind is OrderedSet:
        walk(value)
        return representation(value)
    return type_name(value)


def type_name(value: Any) -> str:
    """The only text an object without one has: its type's name, never an address."""
    if isinstance(value, type):
        return "type"
    name = class_name(value)
    plain = {"builtin_function_or_method": "function", "method": "function"}
    return plain.get(name, name)


def class_name(value: Any) -> str:
    """The name of a value's class. A name that is not bound yet is a NameError, always: which of its two kinds,
    interpreters see differently where comprehensions are compiled into the function around them."""
    return "NameError" if type(value) is UnboundLocalError else type(value).__name__


def object_text(value: Any) -> str:
    function = getattr(type(value), "__str__", None)
    if function is object.__str__ or function is None:
        function = getattr(type(value), "__repr__", object.__repr__)
        if function is object.__repr__:
            return type(value).__name__
    found = function(value)
    if type(found) is not str:
        raise TypeError("__str__ returns text")
    return found


def exception_text(value: BaseException) -> str:
    """What the contract wrote, or the class name: interpreter texts differ between versions."""
    own = type(value) in USER and type(value).__str__ is not BaseException.__str__
    if own and "__str__" in {n for c in type(value).__mro__ if c in USER for n in vars(c)}:
        return object_text(value)
    message = getattr(value, "_pl_message", None)
    return class_name(value) if message is None else message


def quoted(value: str) -> str:
    charge(1 + (len(value) >> 3))
    quote = '"' if "'" in value and '"' not in value else "'"
    body = value.translate(_ESCAPES)
    return quote + (body.replace("'", "\\'") if quote == "'" else body) + quote


def representation(value: Any) -> str:
    """`repr(value)`; the caller has walked the structure."""
    kind = type(value)
    if kind is str:
        return quoted(value)
    if kind is list:
        return _joined("[", [representation(item) for item in value], "]")
    if kind is OrderedSet:
        return _joined("{", [representation(item) for item in value], "}") if value else "set()"
    if kind is tuple:
        parts = [representation(item) for item in value]
        return _joined("(", parts, ",)" if len(parts) == 1 else ")")
    if kind is dict:
        parts = [f"{representation(k)}: {representation(v)}" for k, v in value.items()]
        return _joined("{", parts, "}")
    if kind is bytes:
        charge(1 + len(value))
        return repr(value)
    if kind is Decimal:
        charge(gas.NUMBER_TEXT)
        return f"Decimal('{value}')"
    if kind in USER and not isinstance(value, BaseException):
        function = getattr(kind, "__repr__", object.__repr__)
        if function is not object.__repr__:
            found = function(value)
            if type(found) is not str:
                raise TypeError("__repr__ returns text")
            return found
    return to_text(value)


def _joined(left: str, parts: list[str], right: str) -> str:
    charge(gas.FORMAT * len(parts))
    sequence(sum(map(len, parts)) + 2 * len(parts))
    return left + ", ".join(parts) + right


def formatted(value: Any, as_repr: bool, spec: str) -> str:
    """One field of an f-string. The linter has checked the specification's form."""
    charge(gas.FORMAT)
    if as_repr:
        walk(value)
        value = representation(value)
    if not spec:
        return to_text(value)
    kind = type(value)
    if kind is not int and kind is not Decimal and kind is not bool:
        value = to_text(value)
        kind = str
    last = spec[-1]
    if (kind is int or kind is bool) and (last in "fFsn%eE" or "." in spec):
        raise ValueError("this format is for Decimal or text")
    if kind is Decimal and last in "bdoxXsn":
        raise ValueError("this format is for integers or text")
    if kind is str and (last in "bdoxXnfF%eE" or "," in spec or "_" in spec[1:]):
        raise ValueError("this format is for numbers")
    charge(gas.NUMBER_TEXT + gas.FORMAT)
    sequence(len(value) if kind is str else 0)
    return format(value, spec)


def join_parts(parts: list[str]) -> str:
    sequence(sum(map(len, parts)))
    return "".join(parts)


def ascii_method(value: str, name: str) -> Any:
    """upper, lower, isdigit, isalpha, isalnum, isupper, islower: the ASCII meaning for any text."""
    if name == "isidentifier":
        return value.isascii() and value.isidentifier()
    if value.isascii():
        return getattr(value, name)()
    found = getattr(value.encode("utf-8"), name)()
    return found.decode("utf-8") if type(found) is bytes else found


def to_int(value: Any = 0, base: Any = None) -> int:
    """`int(value)`, of text, Decimal or integers."""
    kind = type(value)
    if base is not None and (kind is not str or base not in (2, 8, 10, 16)):
        raise ValueError("base is 2, 8, 10 or 16, for text")
    if kind is int or kind is bool:
        return int(value)
    charge(gas.NUMBER_TEXT)
    if kind is str:
        if len(value) > limits.INT_TEXT_MAX or not value.isascii():
            raise ValueError("not the text of an integer")
        result = int(value, 10 if base is None else base)
    elif kind is Decimal:
        result = int(value)
    else:
        raise TypeError("int() needs text, an integer or a Decimal")
    if -limits.INT_LIMIT < result < limits.INT_LIMIT:
        return result
    raise OverflowError("integer exceeds 256 bits")
