"""Arguments of a call: one strict JSON object by parameter name, converted by the method's type hints.

No duplicate names, no decimal point or exponent, no NaN, depth at most 16. bytes come as base64 text,
Decimal as text, a dataclass as an object. Every refusal is in the engine's own words.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from contracts.runtime import builtins, containers, gas, kinds, limits
from contracts.runtime.classes import restore
from contracts.runtime.language.hints import Hint
from contracts.runtime.meter import allocate, charge, keep


class ArgumentError(Exception):
    """Arguments that do not fit the method. The text is shown to the caller."""


# Shape of a parameter: name, hint (None: any JSON value), whether it has a default.
Parameter = tuple[str, Hint | None, bool]
# From a JSON value and where it stands to the argument.
Converter = Callable[[Any, str], Any]


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ArgumentError("a name stands twice in the arguments")
    return found


def _no_float(text: str) -> NoReturn:
    raise ArgumentError("a number with a decimal point or exponent: send a Decimal as text")


def _no_constant(text: str) -> NoReturn:
    raise ArgumentError("NaN and Infinity are no numbers")


def _integer(text: str) -> int:
    if len(text) > limits.INT_TEXT_MAX:
        raise ArgumentError("an integer exceeds 256 bits")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_float=_no_float,
    parse_int=_integer,
    parse_constant=_no_constant,
)


def _check_depth(text: str) -> None:
    """Nesting, before a parser recurses. Brackets inside strings do not count."""
    depth, inside, at = 0, False, 0
    while at < len(text):
        char = text[at]
        if inside:
            if char == "\\":
                at += 1
            elif char == '"':
                inside = False
        elif char == '"':
            inside = True
        elif char in "[{":
            depth += 1
            if depth > limits.ARGUMENTS_DEPTH_MAX:
                raise ArgumentError("arguments nest more than 16 deep")
        elif char in "]}":
            depth -= 1
        at += 1


# As strict but for names that stand twice and long integers, so that it runs without a call back.
_SCAN = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_constant).scan_once
_SHORT = 1024


def parse(text: str) -> Any:
    """The JSON value of a strict text. Raises ArgumentError."""
    size = len(text)
    if size > limits.ARGUMENTS_BYTES_MAX:
        raise ArgumentError("arguments larger than 256 KiB")
    charge(size >> 3)
    allocate(8 * size)
    # The usual case first: one short object of ASCII, no list in it, no colon but those behind its names.
    # With as many colons as entries no name stands twice and nothing nests.
    if size < _SHORT and text[:1] == "{" and text.isascii() and "[" not in text:
        try:
            value, end = _SCAN(text, 0)
            if end == size and text.count(":") == len(value) and "\\" not in text:
                return value
        except (ValueError, RecursionError, StopIteration):
            pass  # said below
    return _parse_any(text)


def _parse_any(text: str) -> Any:
    if text.count("[") + text.count("{") > limits.ARGUMENTS_DEPTH_MAX:
        _check_depth(text)
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise ArgumentError("arguments are no strict JSON") from None
    if not text.isascii() or "\\" in text:
        _check_text(value)
    return value


def _check_text(value: Any) -> None:
    if type(value) is str:
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise ArgumentError("text with half a character") from None
    elif type(value) is list:
        for item in value:
            _check_text(item)
    elif type(value) is dict:
        for name, item in value.items():
            _check_text(name)
            _check_text(item)


class Plan(NamedTuple):
    """How the arguments of one method are converted: made once, used by every call.

    parameters: name, the type whose values need no converter, converter, whether it has a default.
    named: pass them by name, since some can only be given so. positional: also take a JSON array in the
    order of the parameters (case files only).
    """

    parameters: tuple[tuple[str, type | None, Converter, bool], ...]
    price: int
    named: bool
    positional: bool


_AS_THEY_ARE: dict[str, type] = {"str": str, "bool": bool}


def plan(
    parameters: tuple[Parameter, ...], facts: Any, *, named: bool = True, positional: bool = False
) -> Plan:
    """facts: the contract, for its dataclasses."""
    made = tuple(
        (name, _AS_THEY_ARE.get(hint[0]) if hint else None, converter(hint, facts), has)
        for name, hint, has in parameters
    )
    return Plan(made, gas.ARGUMENT * len(made), named, positional)


def convert(text: str, plan: Plan) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments of a call. Raises ArgumentError."""
    found = parse(text)
    if plan.positional and type(found) is list:
        return [_any(value, "") for value in found], {}
    if type(found) is not dict:
        raise ArgumentError("arguments are one JSON object by parameter name")
    parameters, price, named, _ = plan
    charge(price)
    out: list[Any] = []
    words: dict[str, Any] = {}
    for name, kind, make, has_default in parameters:
        if name in found:
            value = found[name]
            if type(value) is not kind:
                value = make(value, name)
            if named:
                words[name] = value
            else:
                out.append(value)
        elif has_default:
            named = True  # what follows a gap
        else:
            raise ArgumentError(f"missing argument '{name}'")
    if len(out) + len(words) != len(found):
        known = {parameter[0] for parameter in parameters}
        unknown = next(name for name in found if name not in known)
        raise ArgumentError(f"unknown argument '{_shown(unknown)}'")
    return out, words


def _shown(name: str) -> str:
    return "".join(c for c in name[:64] if c.isprintable() and c.isascii())


_ARTICLES = {"int": "an integer", "str": "text", "bool": "true or false", "none": "null",
             "bytes": "base64 text", "Decimal": "the text of a decimal number",
             "list": "a list", "tuple": "a list", "fixed": "a list of the right length",
             "dict": "an object", "class": "an object"}  # fmt: skip


def _refuse(where: str, hint: Hint) -> NoReturn:
    raise ArgumentError(f"argument '{where}' is not {_ARTICLES.get(hint[0], 'one of its types')}")


def _any(value: Any, where: str) -> Any:
    """A JSON value without a hint: text, integers, booleans, null, lists, objects."""
    kind = type(value)
    if kind is int and not -limits.INT_LIMIT < value < limits.INT_LIMIT:
        raise ArgumentError(f"argument '{where}' exceeds 256 bits")
    if kind is list:
        charge(len(value))
        return keep([_any(item, where) for item in value])
    if kind is dict:
        charge(len(value))
        return keep({name: _any(item, where) for name, item in value.items()})
    return value


def converter(hint: Hint | None, facts: Any) -> Converter:
    """The function that converts a JSON value by a hint: (value, where it stands) -> value."""
    if hint is None:
        return _any
    plain = _PLAIN.get(hint[0])
    return plain if plain is not None else _COMPOUND[hint[0]](hint, facts)


def _text(value: Any, where: str) -> str:
    return value if type(value) is str else _refuse(where, ("str",))


def _int(value: Any, where: str) -> int:
    if type(value) is not int:
        _refuse(where, ("int",))
    if not kinds.LOW < value < kinds.LIMIT:
        raise ArgumentError(f"argument '{where}' exceeds 256 bits")
    return value


def _bool(value: Any, where: str) -> bool:
    return value if type(value) is bool else _refuse(where, ("bool",))


def _none(value: Any, where: str) -> None:
    return None if value is None else _refuse(where, ("none",))


def _decimal(value: Any, where: str) -> Any:
    if type(value) is not str:
        _refuse(where, ("Decimal",))
    try:
        return builtins.decimal_(value)
    except ValueError:
        _refuse(where, ("Decimal",))


def _base64(value: Any, where: str) -> bytes:
    if type(value) is not str:
        _refuse(where, ("bytes",))
    try:
        data = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        _refuse(where, ("bytes",))
    # One text for one value: unused bits must be zero.
    if base64.b64encode(data).decode("ascii") != value:
        _refuse(where, ("bytes",))
    return data


def _union(hint: Hint, facts: Any) -> Converter:
    choices = [converter(one, facts) for one in hint[1:]]

    def convert(value: Any, where: str) -> Any:
        for make in choices:
            try:
                return make(value, where)
            except ArgumentError:
                continue
        return _refuse(where, hint)

    return convert


def _sequence(hint: Hint, facts: Any) -> Converter:
    """A list, or a tuple of any length."""
    make = converter(hint[1], facts)

    def convert(value: Any, where: str) -> Any:
        if type(value) is not list:
            _refuse(where, hint)
        charge(len(value))
        items = [make(item, f"{where}[{at}]") for at, item in enumerate(value)]
        return keep(items) if hint[0] == "list" else containers.check_tuple(tuple(items))

    return convert


def _fixed(hint: Hint, facts: Any) -> Converter:
    makers = [converter(one, facts) for one in hint[1:]]

    def convert(value: Any, where: str) -> Any:
        if type(value) is not list:
            _refuse(where, hint)
        charge(len(value))
        if len(value) != len(makers):
            _refuse(where, hint)
        items = [make(item, where) for item, make in zip(value, makers, strict=True)]
        return containers.check_tuple(tuple(items))

    return convert


def _dict(hint: Hint, facts: Any) -> Converter:
    make = converter(hint[1], facts)

    def convert(value: Any, where: str) -> Any:
        if type(value) is not dict:
            _refuse(where, hint)
        charge(len(value))
        return keep({name: make(item, f"{where}.{_shown(name)}") for name, item in value.items()})

    return convert


def _record(hint: Hint, facts: Any) -> Converter:
    """A dataclass. Its fields' converters are made at first use: a class may hold its own kind."""
    made: dict[str, Converter] = {}

    def convert(value: Any, where: str) -> Any:
        cls, hints = facts.classes.get(hint[1]), facts.class_hints.get(hint[1])
        if type(value) is not dict or cls is None or hints is None:
            _refuse(where, hint)
        fields = {}
        for name, item in value.items():
            if name not in hints:
                raise ArgumentError(f"unknown argument '{where}.{_shown(name)}'")
            if name not in made:
                made[name] = converter(hints[name], facts)
            fields[name] = made[name](item, f"{where}.{name}")
        return _instance(cls, fields, where)

    return convert


def _instance(cls: type, fields: dict[str, Any], where: str) -> Any:
    charge(gas.INSTANCE + len(fields))
    try:
        instance = restore(cls, fields)
    except ValueError:
        raise ArgumentError(f"argument '{where}' lacks a field") from None
    after = getattr(cls, "__post_init__", None)
    if after is not None:
        after(instance)
    return instance


_PLAIN: dict[str, Converter] = {
    "str": _text, "int": _int, "bool": _bool, "none": _none, "any": _any, "bytes": _base64,
    "Decimal": _decimal,
}  # fmt: skip
_COMPOUND: dict[str, Callable[[Hint, Any], Converter]] = {
    "union": _union, "list": _sequence, "tuple": _sequence, "fixed": _fixed, "dict": _dict,
    "class": _record,
}  # fmt: skip
