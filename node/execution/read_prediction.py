"""Guesses the keys a block will read from the keys its methods read before: one answer instead of many.

What is guessed right goes along with the block; what is missed is asked for while the block runs. So a
guess changes speed, never a result. A method's reads are kept as shapes: the state object, and where each
part of the key came from (an argument, the sender, the member, or always the same).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any

from contracts.runtime import keys
from contracts.runtime.api import Transaction, TxResult
from contracts.runtime.limits import KEY_BYTES_MAX

METHODS_MAX = 256
SHAPES_MAX = 16  # a method
KEYS_LEARNT_MAX = 64  # a transaction
SOURCE_CHARS_MAX = 512
Target = tuple[str, str]
# Where a part of a key comes from: ("argument", name) ("sender",) ("member",) ("same", value).
Source = tuple[Any, ...]
# What all keys of the state object begin with, the sources of the key's parts, whether the key is a tuple.
Shape = tuple[bytes, tuple[Source, ...], bool]
_SCAN: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder())["scan_once"]


class ReadPredictor:
    """Learns from results, bounded in every direction. One thread at a time."""

    def __init__(self) -> None:
        self._shapes: dict[Target, dict[Shape, None]] = {}

    def learn(self, tx: Transaction, result: TxResult, known: Container[bytes]) -> None:
        """Remember the shapes of what a transaction read and was not `known` beforehand."""
        missed = [key for key in result.read_keys[:KEYS_LEARNT_MAX] if key not in known]
        if not missed:
            return
        origins = {value: source for source, value in _sources(tx)}
        shapes = self._shapes.setdefault((tx.contract, tx.method), {})
        for key in missed:
            shape = _shape(key, origins)
            if shape is not None:
                shapes[shape] = None
        while len(shapes) > SHAPES_MAX:
            del shapes[next(iter(shapes))]
        if len(self._shapes) > METHODS_MAX:
            del self._shapes[next(iter(self._shapes))]

    def predict(self, txs: Iterable[Transaction]) -> set[bytes]:
        """Keys that these transactions will probably read."""
        found: set[bytes] = set()
        for tx in txs:
            shapes = self._shapes.get((tx.contract, tx.method))
            if shapes:
                given = dict(_sources(tx))
                for shape in shapes:
                    key = _key(shape, given)
                    if key is not None:
                        found.add(key)
        return found


def _sources(tx: Transaction) -> Iterator[tuple[Source, str | int]]:
    """Values a key can be made of, the most telling last."""
    yield ("member",), tx.member
    yield ("sender",), tx.sender
    try:
        arguments, _ = _SCAN(tx.args_json, 0)  # a guess: what follows the object is of no interest
    except (ValueError, StopIteration, RecursionError):
        return
    if type(arguments) is not dict:
        return
    for name, value in arguments.items():
        if type(value) is int or (type(value) is str and len(value) <= SOURCE_CHARS_MAX):
            yield ("argument", name), value


def _shape(key: bytes, origins: dict[str | int, Source]) -> Shape | None:
    try:
        contract, name, parts = keys.split_state_key(key)
    except keys.StateKeyError:
        return None
    several = type(parts) is tuple
    sources = tuple(_source(part, origins) for part in (parts if several else (parts,)))
    # A key of nothing but constants says something only when it is the one key of its object.
    telling = parts is keys.VAR or any(source[0] != "same" for source in sources)
    return (keys.object_prefix(contract, name), sources, several) if telling else None


def _source(part: Any, origins: dict[str | int, Source]) -> Source:
    if type(part) in (str, int) and part in origins:
        return origins[part]
    return ("same", part)


def _key(shape: Shape, given: dict[Source, str | int]) -> bytes | None:
    """The key of a shape, or None when the transaction lacks a part of it."""
    prefix, sources, several = shape
    parts = [source[1] if source[0] == "same" else given.get(source) for source in sources]
    if None in parts:
        return None
    try:
        key = prefix + keys.item(tuple(parts) if several else parts[0])
    except keys.StateKeyError:
        return None
    return key if len(key) <= KEY_BYTES_MAX else None
