"""Samples to begin with: structures drawn from their own annotations, messages from their descriptors."""

from __future__ import annotations

import dataclasses
import random
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from consensus.encoding import EncodingError, Hash, Sig, encode

CORPUS = Path(__file__).with_name("corpus")
TEXTS = (
    "",
    "a",
    "main",
    "transfer",
    "Shenzhen",
    "sm",
    "real",
    "development",
    "pbft",
    "raft",
    "深圳",
    "CNY",
)
NUMBERS = (0, 1, 2, 3, 4, 7, 64, 65, 255, 1_000, 1 << 32, (1 << 64) - 1)
ATTEMPTS, ATTEMPTS_INSIDE = 400, 20
SOME = 12


def folder(name: str) -> Path:
    """Where the kept inputs of a decoder lie."""
    return CORPUS / name.replace(" ", "-").replace("/", "-")


def kept(name: str) -> list[bytes]:
    """Kept inputs of a decoder: samples of other forms, and what once broke it."""
    return [path.read_bytes() for path in sorted(folder(name).glob("*.bin"))]


def draw(hint: Any, rng: random.Random, depth: int = 0) -> Any:
    """A value of a structure's field type. Raises ValueError where a structure refuses what was drawn."""
    simple: dict[Any, Callable[[], Any]] = {
        int: lambda: rng.choice(NUMBERS[: rng.choice((3, 8, 12))]),
        bool: lambda: rng.random() < 0.5,
        str: lambda: rng.choice(TEXTS),
        bytes: lambda: rng.randbytes(rng.choice((0, 1, 8, 16, 32, 64, 65))),
        Hash: lambda: Hash(rng.randbytes(32)),
        Sig: lambda: Sig(rng.randbytes(64)),
    }
    if hint in simple:
        return simple[hint]()
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        fields = dataclasses.fields(hint)
        for left in reversed(range(ATTEMPTS_INSIDE if depth else 1)):
            try:
                return hint(**{f.name: draw(hints[f.name], rng, depth + 1) for f in fields})
            except ValueError:  # the structure refuses such fields
                if not left:
                    raise
    args = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return tuple(draw(args[0], rng, depth + 1) for _ in range(rng.choice((0, 1, 1, 2, 3))))
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return None if rng.random() < 0.5 else draw(args[0], rng, depth + 1)
    raise TypeError(f"no structure field has the type {hint!r}")


def structures(*kinds: type, seed: str = "", some: int = SOME) -> list[bytes]:
    """Encodings of drawn structures of each kind."""
    found = []
    for kind in kinds:
        rng = random.Random(f"{kind.__module__}.{kind.__qualname__}/{seed}")
        few: list[bytes] = []
        for _ in range(ATTEMPTS):
            try:
                few.append(encode(draw(kind, rng)))
            except (EncodingError, ValueError, IndexError):
                continue
            if len(few) == some:
                break
        found += few
    return found


def tagged(kinds: dict[int, type], some: int = 6) -> list[bytes]:
    """The same with the kind's number before each, as messages and records are written."""
    return [bytes((n,)) + data for n, kind in kinds.items() for data in structures(kind, some=some)]


def messages(kind: Any, inner: Sequence[bytes] = (), some: int = SOME) -> list[bytes]:
    """Serialised messages of a protobuf type; `inner`: what some of their bytes fields hold."""
    rng = random.Random(kind.DESCRIPTOR.full_name)
    return [_fill(kind(), rng, inner, 0).SerializeToString() for _ in range(some)]


def _fill(message: Any, rng: random.Random, inner: Sequence[bytes], depth: int) -> Any:
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.2 or (depth > 4 and field.message_type is not None):
            continue
        if field.message_type is not None:
            if field.message_type.GetOptions().map_entry:
                continue
            if field.is_repeated:
                for _ in range(rng.randrange(3)):
                    _fill(getattr(message, field.name).add(), rng, inner, depth + 1)
            else:
                _fill(getattr(message, field.name), rng, inner, depth + 1)
                getattr(message, field.name).SetInParent()
            continue
        value = _scalar(field, rng, inner)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    return message


def _scalar(field: Any, rng: random.Random, inner: Sequence[bytes]) -> Any:
    if field.cpp_type == field.CPPTYPE_STRING:
        if field.type == field.TYPE_STRING:
            return rng.choice(TEXTS)
        return (
            rng.choice(inner)
            if inner and rng.random() < 0.7
            else rng.randbytes(rng.choice((0, 32, 64, 65)))
        )
    if field.cpp_type == field.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return rng.random()
    if field.cpp_type == field.CPPTYPE_ENUM:
        return rng.choice(field.enum_type.values).number
    return rng.choice((0, 1, 2, 64, 1 << 30))
