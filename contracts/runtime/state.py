"""State objects of contracts: Map and Var, frozen, with every reading and writing priced."""

from __future__ import annotations

from typing import Any, NoReturn

from contracts.runtime import containers, gas, keys, kinds, limits, session, walking
from contracts.runtime.containers import check_tuple
from contracts.runtime.meter import charge, fatal, new
from contracts.runtime.session import ABSENT, encode, read, write
from contracts.runtime.session import decode as decode_value
from contracts.runtime.values import encode_int

_GIVEN = object()
# What follows the end of a text or bytes item that has not ended: the item goes on behind a byte 00.
ESCAPED = b"\xff"
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


def checked_name(value: Any, what: str) -> str:
    if type(value) is not str or not 0 < len(value) <= limits.NAME_CHARS_MAX:
        raise TypeError(f"{what} is a text of at most 64 characters")
    return value


def object_name(value: Any) -> str:
    """The name of a state object: # stands in the names of indexes, which no contract can write."""
    if "#" in checked_name(value, "a state object's name"):
        raise ValueError("a state object's name has no #")
    return value  # type: ignore[no-any-return]


def check_page(limit: Any) -> None:
    if type(limit) is not int or not 0 < limit <= limits.SCAN_LIMIT_MAX:
        raise ValueError("a scan's limit is 1 to 1000")


def encoded_key(prefix: bytes, key: Any) -> bytes:
    try:
        data = prefix + keys.item(key)
    except keys.StateKeyError:
        raise TypeError("a state key is text, int, bytes, bool or a tuple of these") from None
    if len(data) > limits.KEY_BYTES_MAX:
        fatal("key-too-long")
    return data


class Map(Frozen):
    """`Map(name, default)`: one entry of state a key."""

    __slots__ = ("_default", "_head", "_keys", "_prefix")
    _prefix: bytes
    _head: str  # the text before that of a plain text key
    _default: Any
    _keys: dict[Any, bytes]

    def __init__(self, name: Any, default: Any = None) -> None:
        prefix = keys.object_prefix(LOADING[0], object_name(name))
        object.__setattr__(self, "_prefix", prefix)
        object.__setattr__(self, "_head", prefix.decode() + "\n")
        object.__setattr__(self, "_default", default)
        object.__setattr__(self, "_keys", {})  # bytes of the last text keys: only speed

    def _key(self, key: Any) -> bytes:
        if type(key) is not str:
            if type(key) is tuple:
                walking.walk(key)
                charge(10 * gas.TUPLE)
            return encoded_key(self._prefix, key)
        known = self._keys
        if key in known:
            return known[key]  # type: ignore[no-any-return]
        if len(key) < 200 and key.isascii() and "\0" not in key:
            data = f"{self._head}{key}\0".encode()  # what keys.item says, without the walk
        else:
            data = encoded_key(self._prefix, key)
        if len(known) >= KEYS_KEPT_MAX:
            known.clear()
        known[key] = data
        return data

    def __getitem__(self, key: Any) -> Any:
        known = self._keys
        data = read(known[key] if type(key) is str and key in known else self._key(key))
        if not data:
            return self._default
        return from_bytes(data[2:]) if data[0] == 3 and data[2] < 128 else decode_value(data)

    def __setitem__(self, key: Any, value: Any) -> None:
        known = self._keys
        name = known[key] if type(key) is str and key in known else self._key(key)
        write(name, encode_int(value) if type(value) is int else encode(value))

    def __contains__(self, key: Any) -> bool:
        return session.read(self._key(key)) != ABSENT

    def get(self, key: Any, default: Any = _GIVEN) -> Any:
        data = session.read(self._key(key))
        if not data:
            return self._default if default is _GIVEN else default
        return session.decode(data)

    def delete(self, key: Any) -> None:
        session.write(self._key(key), ABSENT)

    def scan(self, prefix: Any = None, after: Any = None, limit: Any = 100) -> list[Any]:
        """Entries in key order as a list of (key, value); at most 1,000.

        prefix: text that keys begin with, a tuple of first items, or None. after: the last key seen.
        """
        check_page(limit)
        head = self._prefix
        start = _scan_start(head, prefix)
        position = None if after is None else encoded_key(head, after)
        beyond = start + ESCAPED if type(prefix) is tuple and prefix else None
        out: list[Any] = []
        while len(out) < limit:
            asked = limit - len(out)
            page = session.scan(start, position, asked)
            for position, data in page:
                if beyond is None or not position.startswith(beyond):
                    item = keys.read_item(position, len(head))[0]
                    out.append(check_tuple((item, session.decode(data))))
            if len(page) < asked:
                break
        return new(out)  # type: ignore[no-any-return]

    def by(self, index: Any, *values: Any, after: Any = None, limit: Any = 100) -> list[Any]:
        raise ValueError("the map declares no such index")


def _scan_start(head: bytes, prefix: Any) -> bytes:
    """What the keys of a scan begin with: it has the bounds and the price of a key."""
    if prefix is None:
        return head
    if type(prefix) is tuple:
        walking.walk(prefix)
        charge(10 * gas.TUPLE)
    elif type(prefix) is not str:
        raise TypeError("a scan's prefix is text, a tuple or None")
    return encoded_key(head, prefix)[:-1]


class Var(Frozen):
    """`Var(name, default)`: one value of state."""

    __slots__ = ("_default", "_key")
    _default: Any
    _key: bytes

    def __init__(self, name: Any, default: Any = None) -> None:
        key = keys.state_key(LOADING[0], object_name(name))
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "_default", default)

    def get(self) -> Any:
        data = session.read(self._key)
        return session.decode(data) if data else self._default

    def set(self, value: Any) -> None:
        session.write(self._key, session.encode(value))

    def delete(self) -> None:
        session.write(self._key, ABSENT)


kinds.SDK_STATE.append(Map)
containers.Map, containers.read_map, containers.write_map = Map, Map.__getitem__, Map.__setitem__
