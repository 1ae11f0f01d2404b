"""Arguments of a call: one strict JSON object by parameter name, converted by the method's type hints.

No duplicate names, no decimal point or exponent, no NaN, depth at most 16. bytes come as base64 text,
Decimal as text, a dataclass as an object. Every refusal is in the engine's own words.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NoReturn

from contracts.runtime import builtins, gas, guards, limits
from contracts.runtime.classes import restore
from contracts.runtime.language.hints import Hint
from contracts.runtime.meter import allocate, charge, keep


class ArgumentError(Exception):
    """Arguments that do not fit the method. The text is shown to the caller."""


# Shape of a parameter: name, hint (None: any JSON value), whether it has a default.
Parameter = tuple[str, Hint | None, bool]


_TEXT_HINT: Hint = ("str",)


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
    if text.count("[") + text.count("{") <= limits.ARGUMENTS_DEPTH_MAX:
        return
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


def parse(text: str) -> Any:
    """The JSON value of a strict text. Raises ArgumentError."""
    if len(text) > limits.ARGUMENTS_BYTES_MAX:
        raise ArgumentError("arguments larger than 256 KiB")
    charge(len(text) >> 3)
    allocate(8 * len(text))
    _check_depth(text)
    try:
        value, end = _DECODER.scan_once(text, 0) if text[:1] == "{" else (None, -1)
        if end != len(text):
            value = _DECODER.decode(text)
    except (ValueError, RecursionError, StopIteration):
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


def convert(
    text: str, parameters: tuple[Parameter, ...], facts: Any, positional: bool
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments of a call. facts: the contract, for its dataclasses.

    positional: also take a JSON array in the order of the parameters (case files only).
    """
    found = parse(text)
    if positional and type(found) is list:
        return [_any(value, "") for value in found], {}
    if type(found) is not dict:
        raise ArgumentError("arguments are one JSON object by parameter name")
    charge(gas.ARGUMENT * len(parameters))
    out: dict[str, Any] = {}
    for name, hint, has_default in parameters:
        if name in found:
            value = found[name]
            if hint == _TEXT_HINT and type(value) is str:
                out[name] = value
            else:
                out[name] = (
                    _any(value, name) if hint is None else _convert(value, hint, name, facts)
                )
        elif not has_default:
            raise ArgumentError(f"missing argument '{name}'")
    if len(out) != len(found):
        known = {name for name, _, _ in parameters}
        unknown = next(name for name in found if name not in known)
        raise ArgumentError(f"unknown argument '{_shown(unknown)}'")
    return [], out


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


def _convert(value: Any, hint: Hint, where: str, facts: Any) -> Any:
    kind, wanted = type(value), hint[0]
    if wanted == "str" and kind is str:
        return value
    if wanted == "int" and kind is int:
        if not -limits.INT_LIMIT < value < limits.INT_LIMIT:
            raise ArgumentError(f"argument '{where}' exceeds 256 bits")
        return value
    if (wanted == "bool" and kind is bool) or (wanted == "none" and value is None):
        return value
    if wanted == "any":
        return _any(value, where)
    if wanted == "bytes" and kind is str:
        return _base64(value, where)
    if wanted == "Decimal" and kind is str:
        try:
            return builtins.decimal_(value)
        except ValueError:
            _refuse(where, hint)
    if wanted == "union":
        return _union(value, hint, where, facts)
    if wanted in ("list", "tuple", "fixed") and kind is list:
        return _sequence(value, hint, where, facts)
    if wanted == "dict" and kind is dict:
        charge(len(value))
        return keep({n: _convert(v, hint[1], f"{where}.{_shown(n)}", facts)
                     for n, v in value.items()})  # fmt: skip
    if wanted == "class" and kind is dict:
        return _record(value, hint, where, facts)
    return _refuse(where, hint)


def _base64(value: str, where: str) -> bytes:
    try:
        data = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        _refuse(where, ("bytes",))
    # One text for one value: unused bits must be zero.
    if base64.b64encode(data).decode("ascii") != value:
        _refuse(where, ("bytes",))
    return data


def _union(value: Any, hint: Hint, where: str, facts: Any) -> Any:
    for one in hint[1:]:
        try:
            return _convert(value, one, where, facts)
        except ArgumentError:
            continue
    return _refuse(where, hint)


def _sequence(value: list[Any], hint: Hint, where: str, facts: Any) -> Any:
    charge(len(value))
    if hint[0] == "fixed":
        if len(value) != len(hint) - 1:
            _refuse(where, hint)
        items = [_convert(v, h, where, facts) for v, h in zip(value, hint[1:], strict=True)]
    else:
        items = [_convert(v, hint[1], f"{where}[{at}]", facts) for at, v in enumerate(value)]
    return keep(items) if hint[0] == "list" else guards.check_tuple(tuple(items))


def _record(value: dict[str, Any], hint: Hint, where: str, facts: Any) -> Any:
    cls, hints = facts.classes.get(hint[1]), facts.class_hints.get(hint[1])
    if cls is None or hints is None:
        _refuse(where, hint)
    fields = {}
    for name, item in value.items():
        if name not in hints:
            raise ArgumentError(f"unknown argument '{where}.{_shown(name)}'")
        one = hints[name]
        inner = f"{where}.{name}"
        fields[name] = _any(item, inner) if one is None else _convert(item, one, inner, facts)
    charge(gas.INSTANCE + len(fields))
    try:
        instance = restore(cls, fields)
    except ValueError:
        raise ArgumentError(f"argument '{where}' lacks a field") from None
    after = getattr(cls, "__post_init__", None)
    if after is not None:
        after(instance)
    return instance
