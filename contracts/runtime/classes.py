"""Classes and exceptions of contracts: metered instances, sealed classes, dataclasses without `exec`."""

from __future__ import annotations

import builtins as python
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contracts.runtime import builtins, gas, text, walking
from contracts.runtime.kinds import FROZEN, USER
from contracts.runtime.language.tables import EXCEPTIONS, FACTORIES
from contracts.runtime.meter import ARENA, GAS, VERDICT, Fatal, allocate, charge, fatal, out_of_gas
from contracts.runtime.ordered_set import OrderedSet
from contracts.runtime.walking import walk

REAL_EXCEPTIONS: dict[str, type[Exception]] = {n: getattr(python, n) for n in sorted(EXCEPTIONS)}
_ARGUMENTS = (str, int, bool, Decimal, type(None))


def _message(args: tuple[Any, ...]) -> str | None:
    """The text an exception carries: its first argument, when the contract gave one."""
    for value in args:
        if type(value) not in _ARGUMENTS:
            raise TypeError("exception arguments are text, integers, Decimals or None")
    charge(gas.INSTANCE + 4 * len(args))
    return None if not args else str(args[0])


def constructor(real: type[Exception]) -> Callable[..., Exception]:
    """What a contract sees under the name of a built-in exception."""

    def construct(*args: Any) -> Exception:
        message = _message(args)
        error = real(*args)
        error._pl_message = message  # type: ignore[attr-defined]
        return error

    construct.__name__ = real.__name__
    return construct


CONSTRUCTORS = {name: constructor(real) for name, real in REAL_EXCEPTIONS.items()}
_REAL_BY_CONSTRUCTOR = {CONSTRUCTORS[name]: real for name, real in REAL_EXCEPTIONS.items()}
builtins.TYPES.update(_REAL_BY_CONSTRUCTOR)


class Contract:
    """Base class without meaning, for authors who like one."""

    __slots__ = ()


class Revert(Exception):
    """Leave the transaction with a code of the author."""

    _pl_message: str | None = None


class _ErrorBase:
    """Stands between a contract's exception class and the built-in one."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __new__(cls, *args: Any, **words: Any) -> Any:
        error = BaseException.__new__(cls)  # type: ignore[type-var]
        charge(gas.INSTANCE)
        allocate(128)
        ARENA.append(error)
        return error

    def __init__(self, *args: Any) -> None:
        self.__dict__["_pl_message"] = _message(args)


BASES: set[type] = {Contract, Revert, *REAL_EXCEPTIONS.values()}


def build_class(function: Any, name: str, *bases: Any) -> type:
    """`class` statements of a contract."""
    for base in bases:
        if base not in USER and base not in BASES:
            raise TypeError("no base class")
    is_error = any(issubclass(base, Exception) for base in bases)
    if is_error and not any(issubclass(base, _ErrorBase) for base in bases):
        bases = (_ErrorBase, *bases)
    made: Any = python.__build_class__(function, name, *bases)  # type: ignore[attr-defined]
    if not is_error:
        made.__hash__ = None
        made.__new__ = _new_instance
    USER.add(made)
    return made  # type: ignore[no-any-return]


def _new_instance(cls: type, *args: Any, **words: Any) -> Any:
    instance = object.__new__(cls)
    charge(gas.INSTANCE)
    allocate(128)
    ARENA.append(instance)
    return instance


# ---- dataclasses ---------------------------------------------------------------------------------

MISSING = object()


class Field:
    """`field(default=…)` or `field(default_factory=list)`."""

    __slots__ = ("_default", "_factory")

    def __init__(self, default: Any, factory: Any) -> None:
        self._default, self._factory = default, factory


def field(*, default: Any = MISSING, default_factory: Any = MISSING) -> Field:
    factories = [builtins.FUNCTIONS[name] for name in sorted(FACTORIES)]
    if default_factory is not MISSING and default_factory not in factories:
        raise TypeError("default_factory is list, dict or set")
    if default is not MISSING and default_factory is not MISSING:
        raise TypeError("default or default_factory, not both")
    return Field(default, default_factory)


class FieldFacts:
    """Name, default and factory of one field; MISSING where there is none."""

    __slots__ = ("default", "factory", "name")

    def __init__(self, name: str, default: Any, factory: Any) -> None:
        self.name, self.default, self.factory = name, default, factory

    @property
    def required(self) -> bool:
        return self.default is MISSING and self.factory is MISSING

    def make(self) -> Any:
        if self.factory is not MISSING:
            return self.factory()
        return self.default


def _own_fields(cls: type, names: tuple[tuple[str, bool], ...]) -> list[FieldFacts]:
    fields = []
    for name, has_value in names:
        value = cls.__dict__.get(name, MISSING) if has_value else MISSING
        if isinstance(value, Field):
            default, factory = value._default, value._factory
            delattr(cls, name)
            if default is not MISSING:
                setattr(cls, name, default)
        else:
            default, factory = value, MISSING
        fields.append(FieldFacts(name, default, factory))
    return fields


def dataclass(
    facts: tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]],
) -> Callable[[type], type]:
    """The decorator, given the fields in order (name, has a value) and the options."""
    names, options = facts
    chosen = dict(options)

    def decorate(cls: type) -> type:
        fields = {f.name: f for f in getattr(cls, "_pl_fields", ())}
        fields |= {f.name: f for f in _own_fields(cls, names)}
        ordered = tuple(fields.values())
        optional_seen = False
        for one in ordered:
            if one.required and optional_seen and not chosen.get("kw_only"):
                raise TypeError("a field without a default follows one with a default")
            optional_seen = optional_seen or not one.required
        target: Any = cls
        target._pl_fields = ordered
        own = vars(cls)
        if "__init__" not in own:
            target.__init__ = _initialiser(cls.__name__, ordered, bool(chosen.get("kw_only")))
        if "__repr__" not in own:
            target.__repr__ = _represent
        if chosen.get("eq", True) and "__eq__" not in own:
            target.__eq__ = _equal
            target.__hash__ = None
        if chosen.get("order"):
            for method, compare in _ORDER.items():
                setattr(target, method, _ordered(compare))
        if chosen.get("frozen") or any(base in FROZEN for base in cls.__mro__):
            FROZEN.add(cls)
        return cls

    return decorate


def _initialiser(name: str, fields: tuple[FieldFacts, ...], kw_only: bool) -> Callable[..., None]:
    known = {f.name for f in fields}

    def __init__(self: Any, /, *args: Any, **words: Any) -> None:
        charge(len(fields))
        allocate(16 * len(fields))
        if len(args) > (0 if kw_only else len(fields)) or not words.keys() <= known:
            raise TypeError("wrong arguments for a dataclass")
        own = self.__dict__
        for at, one in enumerate(fields):
            if at < len(args):
                if one.name in words:
                    raise TypeError("a field is given twice")
                own[one.name] = args[at]
            elif one.name in words:
                own[one.name] = words[one.name]
            elif one.required:
                raise TypeError("a field is missing")
            else:
                own[one.name] = one.make()
        after = getattr(type(self), "__post_init__", None)
        if after is not None:
            after(self)

    return __init__


def field_values(value: Any) -> list[Any]:
    own = value.__dict__
    return [own.get(one.name) for one in type(value)._pl_fields]


def _equal(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    _charge_fields(self)
    return walking.equal(field_values(self), field_values(other))


def _charge_fields(value: Any) -> None:
    charge(gas.RECORD_METHOD + gas.RECORD_FIELD * len(type(value)._pl_fields))


def _represent(self: Any) -> str:
    walk(self)
    _charge_fields(self)
    parts = [
        f"{one.name}={text.representation(self.__dict__.get(one.name))}"
        for one in type(self)._pl_fields
    ]
    return text.join_parts([type(self).__name__, "(", ", ".join(parts), ")"])


_ORDER = {
    "__lt__": walking.less,
    "__le__": walking.less_equal,
    "__gt__": walking.greater,
    "__ge__": walking.greater_equal,
}


def _ordered(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        _charge_fields(self)
        return compare(field_values(self), field_values(other))

    return method


def record_parts(value: Any) -> tuple[str, dict[str, Any]] | None:
    """Name and fields of a contract's dataclass instance, for the value encoding."""
    kind = type(value)
    if kind not in USER or not hasattr(kind, "_pl_fields"):
        return None
    return kind.__name__, {f.name: value.__dict__.get(f.name) for f in kind._pl_fields}


def restore(cls: type, fields: dict[str, Any]) -> Any:
    """An instance as it was stored: no code of the contract runs.

    A field the class has gained since then takes its default; an unknown one is refused.
    """
    instance = object.__new__(cls)
    own = instance.__dict__
    for one in cls._pl_fields:  # type: ignore[attr-defined]
        if one.name in fields:
            own[one.name] = fields.pop(one.name)
        elif one.required:
            raise ValueError("a stored value lacks a field of its class")
        else:
            own[one.name] = one.make()
    if fields:
        raise ValueError("a stored value has a field its class does not know")
    ARENA.append(instance)
    return instance


# ---- raise and except ----------------------------------------------------------------------------


def raised(error: Any) -> BaseException:
    """The operand of `raise`."""
    real = _REAL_BY_CONSTRUCTOR.get(error) if callable(error) else None
    if real is not None:
        return CONSTRUCTORS[real.__name__]()
    if isinstance(error, type) and (error in USER or error is Revert):
        error = error()
    if not isinstance(error, Exception):
        raise TypeError("raise needs an exception")
    return error


def is_container(value: Any) -> bool:
    return type(value) in (list, dict, OrderedSet)


# ---- handlers ----------------------------------------------------------------------------------


def caught() -> None:
    """First step of every handler: the verdict stays, and no chain of exceptions grows."""
    error = sys.exception()
    if VERDICT[0]:
        raise Fatal
    if isinstance(error, RecursionError):
        fatal("recursion")
    if isinstance(error, MemoryError):
        fatal("allocation")
    if error is not None:
        error.__context__ = error.__cause__ = error.__traceback__ = None


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
