"""The SDK as the guest runs it: frozen objects, every operation priced. Types for authors: contracts/sdk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, NoReturn

from consensus import merkle
from consensus.tags import SUITE_IDS, Tag, preimage
from contracts.runtime import (
    builtins,
    classes,
    containers,
    gas,
    keys,
    kinds,
    limits,
    session,
    structures,
    walking,
    wire,
)
from contracts.runtime.classes import Contract, Revert
from contracts.runtime.containers import check_tuple
from contracts.runtime.language.tables import CONTEXT_FIELDS
from contracts.runtime.meter import allocate, charge, fatal, new
from contracts.runtime.session import decode as decode_value
from contracts.runtime.session import emit, read, write
from contracts.runtime.values import encode_int

DEFAULT_ID = b"1234567812345678"
CODE = re.compile(r"E_[A-Z0-9_]{1,60}\Z")
_GIVEN = object()
KEYS_KEPT_MAX = 256  # a map; few, because their hashes can be made to collide
from_bytes = int.from_bytes
LOADING: list[str] = [""]  # name of the contract whose module is being set up


class Frozen:
    """SDK objects never change after they are made, and show no inner attribute."""

    __slots__ = ()
    _pl_sdk = True
    __hash__ = object.__hash__

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("SDK objects do not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("SDK objects do not change")


def _text(value: Any, what: str) -> str:
    if type(value) is not str or not 0 < len(value) <= limits.NAME_CHARS_MAX:
        raise TypeError(f"{what} is a text of at most 64 characters")
    return value


def _key(prefix: bytes, key: Any) -> bytes:
    if type(key) is str and len(key) < 200 and key.isascii() and "\0" not in key:
        return prefix + b"\x0a" + key.encode() + b"\x00"  # what keys.item says, without the walk
    try:
        data = prefix + keys.item(key)
    except keys.StateKeyError:
        raise TypeError("a state key is text, int, bytes, bool or a tuple of these") from None
    if len(data) > limits.KEY_BYTES_MAX:
        fatal("key-too-long")
    return data


class Map(Frozen):
    """`Map(name, default)`: one entry of state a key."""

    __slots__ = ("_default", "_keys", "_prefix")

    def __init__(self, name: Any, default: Any = None) -> None:
        prefix = keys.object_prefix(LOADING[0], _text(name, "a state object's name"))
        object.__setattr__(self, "_prefix", prefix)
        object.__setattr__(self, "_default", default)
        object.__setattr__(self, "_keys", {})  # bytes of the last text keys: only speed

    def _key(self, key: Any) -> bytes:
        known = self._keys
        if type(key) is str and key in known:
            return known[key]  # type: ignore[no-any-return]
        if type(key) is tuple:
            walking.walk(key)
            charge(10 * gas.TUPLE)
        data = _key(self._prefix, key)
        if type(key) is str:
            if len(known) >= KEYS_KEPT_MAX:
                known.clear()
            known[key] = data
        return data

    def __getitem__(self, key: Any) -> Any:
        known = self._keys
        data = read(known[key] if type(key) is str and key in known else self._key(key))
        if data is None:
            return self._default
        return from_bytes(data[2:]) if data[0] == 3 and data[2] < 128 else decode_value(data)

    def __setitem__(self, key: Any, value: Any) -> None:
        known = self._keys
        name = known[key] if type(key) is str and key in known else self._key(key)
        write(name, encode_int(value) if type(value) is int else session.encode(value))

    def __contains__(self, key: Any) -> bool:
        return session.read(self._key(key)) is not None

    def get(self, key: Any, default: Any = _GIVEN) -> Any:
        data = session.read(self._key(key))
        if data is None:
            return self._default if default is _GIVEN else default
        return session.decode(data)

    def delete(self, key: Any) -> None:
        session.write(self._key(key), None)

    def scan(self, prefix: Any = None, after: Any = None, limit: Any = 100) -> list[Any]:
        """Entries in key order as a list of (key, value); at most 1,000.

        prefix: text that keys begin with, a tuple of first items, or None. after: the last key seen.
        """
        if type(limit) is not int or not 0 < limit <= limits.SCAN_LIMIT_MAX:
            raise ValueError("a scan's limit is 1 to 1000")
        head = self._prefix
        try:
            if type(prefix) is str:
                start = head + keys.text_item(prefix)[:-1]
            elif type(prefix) is tuple:
                start = head + keys.item(prefix)[:-1]
            elif prefix is None:
                start = head
            else:
                raise TypeError("a scan's prefix is text, a tuple or None")
        except keys.StateKeyError:
            raise TypeError("a scan's prefix is text, a tuple or None") from None
        position = None if after is None else _key(head, after)
        out = []
        for key, data in session.scan(start, position, limit):
            item = keys.read_item(key, len(head))[0]
            out.append(check_tuple((item, session.decode(data))))
        return new(out)  # type: ignore[no-any-return]


class Var(Frozen):
    """`Var(name, default)`: one value of state."""

    __slots__ = ("_default", "_key")

    def __init__(self, name: Any, default: Any = None) -> None:
        key = keys.state_key(LOADING[0], _text(name, "a state object's name"))
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "_default", default)

    def get(self) -> Any:
        data = session.read(self._key)
        return self._default if data is None else session.decode(data)

    def set(self, value: Any) -> None:
        session.write(self._key, session.encode(value))

    def delete(self) -> None:
        session.write(self._key, None)


class Event(Frozen):
    """`Event(name)`; calling it with fields records an event of the transaction."""

    __slots__ = ("_label",)

    def __init__(self, name: Any) -> None:
        label = wire.event_label(LOADING[0], _text(name, "an event's name"))
        object.__setattr__(self, "_label", label)

    def __call__(self, **fields: Any) -> None:
        emit(self._label, fields)


class Context(Frozen):
    """`ctx`: facts of the running call, read only."""

    __slots__ = ()
    _pl_context = True


_CONTEXT: dict[str, Callable[[Any], Any]] = {
    "sender": lambda self: session.TX.call[3],
    "member": lambda self: session.TX.call[4][0],
    "roles": lambda self: session.TX.call[4][1],
    "caller": lambda self: session.TX.caller,
    "contract": lambda self: session.TX.contract.name,
    "version": lambda self: session.TX.contract.version,
    "channel": lambda self: session.BLOCK.channel,
    "tx_id": lambda self: session.TX.call[0],
    "block": lambda self: session.BLOCK.height,
    "time": lambda self: session.BLOCK.time,
    "index": lambda self: session.TX.index,
}
assert _CONTEXT.keys() == CONTEXT_FIELDS
for _name, _read in _CONTEXT.items():
    setattr(Context, _name, property(_read))

kinds.SDK_STATE.append(Map)
containers.Map, containers.read_map, containers.write_map = Map, Map.__getitem__, Map.__setitem__


def revert(code: Any, message: Any = "") -> Revert:
    """`Revert(code, message)`: the metered constructor of the exception."""
    if type(code) is not str or not CODE.match(code):
        raise ValueError("a code is E_ and capital letters, digits or _")
    if type(message) is not str:
        raise TypeError("a message is text")
    charge(gas.INSTANCE)
    error = Revert(code)
    error._pl_code = code  # type: ignore[attr-defined]
    error._pl_message = message
    return error


builtins.TYPES[revert] = Revert


def require(condition: Any, code: Any, message: Any = "") -> None:
    if not condition:
        raise revert(code, message)


def call(contract: Any, function: Any, *args: Any) -> Any:
    """Call an exported function of another contract; see machine.py."""
    return CALL[0](contract, function, args)


def _no_call(contract: Any, function: Any, args: tuple[Any, ...]) -> Any:
    raise RuntimeError("no machine")


CALL: list[Callable[[Any, Any, tuple[Any, ...]], Any]] = [_no_call]


# ---- bytes, hashes, signatures -------------------------------------------------------------------


def _bytes(value: Any) -> bytes:
    if type(value) is not bytes:
        raise ValueError("bytes are needed")
    return value


def encode(value: Any) -> bytes:
    charge(gas.ENCODE)
    data = session.encode(value)
    charge(len(data) >> 3)
    return data


def decode(data: Any) -> Any:
    charge(gas.ENCODE + (len(_bytes(data)) >> 2))
    if not data or len(data) > limits.VALUE_BYTES_MAX:
        raise ValueError("not an encoded value")
    return session.decode_strict(data)


def sha256(data: Any) -> bytes:
    charge(gas.SHA256 + (len(_bytes(data)) >> 2))
    return hashlib.sha256(data).digest()


def sm3(data: Any) -> bytes:
    charge(gas.SM3 + (len(_bytes(data)) >> 1))
    return session.IMPORTS.sm3(data)


def _hash_of(suite: Any) -> Callable[[bytes], bytes]:
    if suite not in ("sm", "intl") or type(suite) is not str:
        raise ValueError("a suite is sm or intl")
    if suite == "sm":
        return session.IMPORTS.sm3
    return lambda data: hashlib.sha256(data).digest()


def sm2_verify(public_key: Any, message: Any, signature: Any, id: Any = DEFAULT_ID) -> bool:
    """True exactly when the frozen rule accepts; a wrong signature or key is False."""
    for part in (public_key, message, signature, id):
        _bytes(part)
    if len(id) > 8191:
        raise ValueError("an id has at most 8191 bytes")
    charge(gas.VERIFY + (len(message) >> 1))
    return session.IMPORTS.verify("sm", public_key, message, signature, id)


def _path(steps: Any) -> list[bytes]:
    if type(steps) not in (list, tuple) or len(steps) > 2 * merkle.PATH_LENGTH_MAX:
        raise ValueError("a proof is a short list of hashes")
    for step in steps:
        if len(_bytes(step)) != 32:
            raise ValueError("a proof is a list of 32-byte hashes")
    charge(gas.MERKLE + gas.MERKLE_LEVEL * len(steps))
    return list(steps)


def _sizes(*numbers: Any) -> None:
    for number in numbers:
        if type(number) is not int or not 0 <= number < 1 << 63:
            raise ValueError("a tree's size or index is a number below 2**63")


def merkle_verify(
    root: Any, leaf: Any, index: Any, size: Any, path: Any, suite: Any = "sm"
) -> bool:
    """Whether the leaf hash stands at `index` of the tree of `size` leaves with this root."""
    _sizes(index, size)
    for value in (root, leaf):
        if len(_bytes(value)) != 32:
            raise ValueError("a root and a leaf are 32-byte hashes")
    return merkle.verify_inclusion(_hash_of(suite), leaf, index, size, _path(path), root)


def merkle_consistency(
    first: Any, second: Any, first_root: Any, second_root: Any, path: Any, suite: Any = "sm"
) -> bool:
    """Whether the tree of size `second` extends the tree of size `first`."""
    _sizes(first, second)
    for value in (first_root, second_root):
        if len(_bytes(value)) != 32:
            raise ValueError("a root is a 32-byte hash")
    steps = _path(path)
    charge(gas.MERKLE_LEVEL * len(steps))
    return merkle.verify_consistency(_hash_of(suite), first, second, first_root, second_root, steps)


def tagged_hash(tag: Any, suite: Any, *parts: Any) -> bytes:
    """`H(tag | suite | parts)` with a tag of the chain's one table."""
    digest = _hash_of(suite)
    try:
        known = Tag(tag)
    except ValueError:
        raise ValueError("no such tag") from None
    data = preimage(known, SUITE_IDS[suite], *[_bytes(part) for part in parts])
    charge(gas.SM3 + (len(data) >> 1))
    return digest(data)


def struct_encode(fields: Any) -> bytes:
    """Canonical structure bytes of a list of (kind, value); kinds: see structures.py."""
    if type(fields) not in (list, tuple):
        raise ValueError("fields are a list of (kind, value)")
    charge(gas.STRUCTURE + 10 * len(fields))
    for field in fields:
        if type(field) not in (list, tuple) or len(field) != 2:
            raise ValueError("fields are a list of (kind, value)")
        walking.walk(field[1])
    data = structures.encode([(kind, value) for kind, value in fields])
    charge(len(data))
    allocate(len(data))
    return data


def struct_decode(kinds: Any, data: Any) -> list[Any]:
    """Field values of canonical structure bytes; ValueError for anything else."""
    if type(kinds) not in (list, tuple):
        raise ValueError("kinds are a list of text")
    charge(gas.STRUCTURE + 10 * len(kinds) + len(_bytes(data)) + (len(data) >> 1))
    allocate(2 * len(data))
    values = structures.decode(list(kinds), data)
    for value in values:
        if type(value) is tuple:
            check_tuple(value)
    return new(values)  # type: ignore[no-any-return]


def int_from_bytes(data: Any, byteorder: Any = "big", *, signed: Any = False) -> int:
    if byteorder not in ("big", "little") or len(_bytes(data)) > 32 + (signed is True):
        raise ValueError("at most 32 bytes, 'big' or 'little'")
    charge(gas.NUMBER_TEXT)
    return builtins.int_(int.from_bytes(data, byteorder, signed=bool(signed)))


def bytes_from_hex(text: Any) -> bytes:
    if type(text) is not str or not text.isascii():
        raise ValueError("not hexadecimal text")
    charge(gas.NUMBER_TEXT + (len(text) >> 3))
    allocate(len(text))
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise ValueError("not hexadecimal text") from None
    if 2 * len(data) != len(text):  # it would have skipped spaces
        raise ValueError("not hexadecimal text")
    return data


SDK: dict[str, Any] = {
    "Contract": Contract, "Map": Map, "Var": Var, "Event": Event, "ctx": Context(),
    "require": require, "Revert": revert, "call": call, "Decimal": builtins.decimal_,
    "field": classes.field, "encode": encode, "decode": decode, "sha256": sha256, "sm3": sm3,
    "sm2_verify": sm2_verify, "merkle_verify": merkle_verify,
    "merkle_consistency": merkle_consistency, "tagged_hash": tagged_hash,
    "struct_encode": struct_encode, "struct_decode": struct_decode,
    "int_from_bytes": int_from_bytes, "bytes_from_hex": bytes_from_hex,
}  # fmt: skip
