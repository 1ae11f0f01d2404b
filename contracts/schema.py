"""What a contract offers, read from its schema: for clients that check a call before they sign it.

The bytes are those of `runtime/language/schema.py`. A schema is a node's word: the channel's own check of the
arguments, in the guest, is the one that counts.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import keyword
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, NoReturn

from contracts.runtime import values
from contracts.runtime.language.hints import Hint, hint_of_text
from contracts.runtime.language.schema import CODE, FORMAT
from contracts.runtime.limits import INT_LIMIT

EXPORT, VIEW = "export", "view"
SCHEMA_BYTES_MAX = 1 << 20
_SAID = {"int": "a whole number", "str": "text", "bool": "true or false", "none": "null",
         "bytes": "bytes", "Decimal": "a decimal number as text", "list": "a list", "tuple": "a list",
         "fixed": "a list", "dict": "an object", "class": "an object"}  # fmt: skip


class NotASchema(ValueError):
    """Bytes that are no schema of this format."""


class DoesNotFit(ValueError):
    """A value that an argument of this type cannot be; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of a method, or a field of a dataclass. default: only where `has_default`."""

    name: str
    hint: str
    is_required: bool
    has_default: bool
    default: Any

    @property
    def declaration(self) -> str:
        """As it is written in a contract: `amount: int = 1`."""
        end = "" if self.is_required else f" = {self.default!r}" if self.has_default else " = …"
        return f"{self.name}: {self.hint}{end}"


@dataclass(frozen=True, slots=True)
class Method:
    """An exported function. kind: EXPORT or VIEW."""

    name: str
    kind: str
    parameters: tuple[Field, ...]
    returns: str
    doc: str

    @property
    def declaration(self) -> str:
        """As it is written in a contract, without `def`."""
        inner = ", ".join(one.declaration for one in self.parameters)
        return f"{self.name}({inner}) -> {self.returns}"


@dataclass(frozen=True, slots=True)
class Record:
    """A dataclass of the contract."""

    name: str
    fields: tuple[Field, ...]
    doc: str


@dataclass(frozen=True)
class Schema:
    """What one version of a contract offers. events: names of fields by event; errors: messages by code."""

    doc: str
    methods: tuple[Method, ...]
    classes: tuple[Record, ...]
    events: Mapping[str, tuple[str, ...]]
    errors: Mapping[str, str]

    @classmethod
    def decode(cls, data: bytes) -> Schema:
        """Raises NotASchema."""
        try:
            found = values.decode(data, bytes_max=SCHEMA_BYTES_MAX)
            if found["schema"] != FORMAT:
                raise NotASchema(f"a schema of format {found['schema']!r}, not {FORMAT}")
            return cls(
                _text(found["doc"]),
                tuple(map(_method, found["methods"])),
                tuple(map(_record, found["classes"])),
                {_text(e["name"]): tuple(map(_text, e["fields"])) for e in found["events"]},
                {_code(e["code"]): _text(e["message"]) for e in found["errors"]},
            )
        except (values.ValueEncodingError, KeyError, TypeError, ValueError) as error:
            raise NotASchema(f"not a schema: {error}") from error

    def method(self, name: str) -> Method | None:
        return next((one for one in self.methods if one.name == name), None)

    def record(self, name: str) -> Record | None:
        return next((one for one in self.classes if one.name == name), None)

    @cached_property
    def class_names(self) -> set[str]:
        return {one.name for one in self.classes}

    def hint(self, text: str) -> Hint:
        """A type of this contract; `("any",)` for one that is not known."""
        return hint_of_text(text, self.class_names) or ("any",)

    # ---- calls ----
    def check(self, method: Method, args: Mapping[str, Any]) -> None:
        """args: as strict JSON has them. Raises DoesNotFit naming the argument."""
        self._check_fields(method.parameters, args, "", "argument")

    def typed(self, method: Method, args: Mapping[str, Any]) -> dict[str, Any]:
        """The same arguments, where text was given for something else, as what they mean: `5` for a number,
        `true`, JSON for a list or a dataclass. What means nothing is left for `check`."""
        hints = {one.name: self.hint(one.hint) for one in method.parameters}
        return {
            name: _meant(value, hints[name]) if name in hints and type(value) is str else value
            for name, value in args.items()
        }

    def _check_fields(
        self, fields: Sequence[Field], found: Mapping[str, Any], where: str, what: str
    ) -> None:
        known = {one.name: one for one in fields}
        for name in found:
            if name not in known:
                raise DoesNotFit(f"no {what} '{where}{name}'{did_you_mean(name, known)}")
        for one in fields:
            if one.name in found:
                self._check_value(found[one.name], self.hint(one.hint), where + one.name)
            elif one.is_required:
                raise DoesNotFit(f"{what} '{where}{one.name}' ({one.hint}) is missing")

    def _check_value(self, value: Any, hint: Hint, where: str) -> None:
        kind = hint[0]
        if kind == "any":
            return
        if kind == "union":
            self._check_union(value, hint, where)
        elif kind in _CHECKS:
            if not _CHECKS[kind](value):
                _refuse(where, hint)
        elif kind == "dict":
            if not isinstance(value, dict):
                _refuse(where, hint)
            for name, item in value.items():
                self._check_value(item, hint[1], f"{where}.{name}")
        elif kind == "class":
            record = self.record(hint[1])
            if not isinstance(value, dict) or record is None:
                _refuse(where, hint)
            self._check_fields(record.fields, value, f"{where}.", "field")
        else:
            self._check_items(value, hint, where)

    def _check_items(self, value: Any, hint: Hint, where: str) -> None:
        if not isinstance(value, list) or (hint[0] == "fixed" and len(value) != len(hint) - 1):
            _refuse(where, hint)
        inner = hint[1:] if hint[0] == "fixed" else hint[1:] * len(value)
        for at, (item, one) in enumerate(zip(value, inner, strict=True)):
            self._check_value(item, one, f"{where}[{at}]")

    def _check_union(self, value: Any, hint: Hint, where: str) -> None:
        for one in hint[1:]:
            try:
                return self._check_value(value, one, where)
            except DoesNotFit:
                continue
        said = " or ".join(_SAID.get(one[0], "a value") for one in hint[1:])
        raise DoesNotFit(f"argument '{where}' is not {said}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'transfer'?`, or nothing where no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


# ---- values --------------------------------------------------------------------------------------


def _refuse(where: str, hint: Hint) -> NoReturn:
    raise DoesNotFit(f"argument '{where}' is not {_SAID[hint[0]]}")


def _is_base64(value: Any) -> bool:
    if type(value) is not str:
        return False
    try:
        data = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        return False
    return base64.b64encode(data).decode("ascii") == value


def _is_decimal(value: Any) -> bool:
    if type(value) is not str:
        return False
    try:
        return Decimal(value).is_finite()
    except InvalidOperation:
        return False


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: type(value) is str,
    "int": lambda value: type(value) is int and -INT_LIMIT < value < INT_LIMIT,
    "bool": lambda value: type(value) is bool,
    "none": lambda value: value is None,
    "bytes": _is_base64,
    "Decimal": _is_decimal,
}


def _meant(text: str, hint: Hint) -> Any:
    """What text stands for under a hint; the text itself where it stands for nothing else."""
    kinds = {one[0] for one in (hint[1:] if hint[0] == "union" else (hint,))}
    if kinds & {"str", "any", "bytes", "Decimal"}:
        return text
    if "bool" in kinds and text in ("true", "false"):
        return text == "true"
    if "none" in kinds and text in ("null", ""):
        return None
    if "int" in kinds and text.removeprefix("-").isdecimal() and text.isascii():
        return int(text) if len(text) <= 80 else text
    if kinds & {"list", "tuple", "fixed", "dict", "class"}:
        return _json(text)
    return text


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str)
    except ValueError:
        return text


# ---- from the plain value ------------------------------------------------------------------------


def _text(value: Any) -> str:
    if type(value) is not str:
        raise NotASchema("a name or text is missing")
    return value


def _code(value: Any) -> str:
    code = _text(value)
    if not CODE.match(code):
        raise NotASchema(f"{code[:64]!r} is no code")
    return code


def checked_name(value: Any) -> str:
    """A name that programs may be made of. Raises NotASchema."""
    name = _text(value)
    if not name.isascii() or not name.isidentifier() or keyword.iskeyword(name):
        raise NotASchema(f"{name[:64]!r} is no name")
    return name


def _field(value: Any) -> Field:
    name, hint, required = checked_name(value["name"]), _text(value["hint"]), value["required"]
    if type(required) is not bool or not _is_constant(value.get("default")):
        raise NotASchema(f"a field {name!r}")
    return Field(name, hint, required, "default" in value, value.get("default"))


def _is_constant(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_constant, value))
    return value is None or type(value) in (bool, int, str, bytes)


def _method(value: Any) -> Method:
    name, kind = checked_name(value["name"]), value["kind"]
    if kind not in (EXPORT, VIEW):
        raise NotASchema(f"a method {name!r}")
    fields = tuple(map(_field, value["parameters"]))
    return Method(name, kind, fields, _text(value["returns"]), _text(value["doc"]))


def _record(value: Any) -> Record:
    return Record(
        checked_name(value["name"]), tuple(map(_field, value["fields"])), _text(value["doc"])
    )
