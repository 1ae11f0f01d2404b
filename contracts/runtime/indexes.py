"""Maps with secondary indexes, which the SDK keeps in the same write set as the entries.

`Map("piece", None, indexes=("holder", ("issuer", "state")))` finds the entries, dataclasses or dicts, by the
values of these fields. An index of the map `piece` is an object of its own that no contract can name,
`piece#holder`, with a key for every entry: a tuple of the fields' values and the entry's key. So its
order is that of the values, then of the keys. An entry with a field that is None stands in no index of it.
"""

from __future__ import annotations

from typing import Any

from contracts.runtime import gas, keys, kinds, limits, session, state, walking
from contracts.runtime.containers import check_tuple
from contracts.runtime.meter import charge, new
from contracts.runtime.state import ESCAPED, Map, check_page, encoded_key

Fields = tuple[str, ...]
PRESENT = b"\x00"  # the value None: an index has keys only


def _fields(index: Any) -> Fields:
    """The names of an index's fields. Raises ValueError."""
    names = (index,) if type(index) is str else index
    if type(names) is not tuple or not 0 < len(names) <= limits.INDEX_FIELDS_MAX:
        raise ValueError("an index is a field or a tuple of at most 4 fields")
    if not all(type(name) is str and name.isascii() and name.isidentifier() for name in names):
        raise ValueError("an index names fields")
    return names


def _field_of(value: Any, name: str) -> Any:
    kind = type(value)
    if kind is dict and name in value:
        return value[name]
    if kind in kinds.USER and name in value.__dict__:
        return value.__dict__[name]
    raise TypeError("an entry of this map is a dataclass or dict with the fields of its indexes")


def _index_key(fields: Fields, prefix: bytes, key: Any, value: Any) -> bytes | None:
    """The key of an entry in an index, or None when it does not stand there."""
    charge(gas.INDEX)
    found = tuple([_field_of(value, name) for name in fields])
    if any(part is None for part in found):
        return None
    names = (*found, key)
    walking.walk(names)
    data = encoded_key(prefix, names)
    charge(len(data))
    return data


class IndexedMap(Map):
    """A Map that also keeps its indexes. Writing reads what stood there before."""

    __slots__ = ("_indexes",)
    _indexes: dict[Fields, bytes]

    def __init__(self, name: Any, default: Any, indexes: Any) -> None:
        super().__init__(name, default)
        if type(indexes) is not tuple or len(indexes) > limits.INDEXES_MAX:
            raise ValueError("indexes are a tuple of at most 8")
        found: dict[Fields, bytes] = {}
        for index in indexes:
            fields = _fields(index)
            if fields in found:
                raise ValueError("an index is declared once")
            found[fields] = keys.object_prefix(state.LOADING[0], f"{name}#{','.join(fields)}")
        object.__setattr__(self, "_indexes", found)

    def _index_keys(self, key: Any, value: Any) -> list[bytes]:
        found = [_index_key(fields, head, key, value) for fields, head in self._indexes.items()]
        return [one for one in found if one is not None]

    def _standing(self, name: bytes, key: Any) -> list[bytes]:
        """The index keys of what is stored now."""
        data = session.read(name)
        return self._index_keys(key, session.decode(data)) if data else []

    def __setitem__(self, key: Any, value: Any) -> None:
        name = self._key(key)
        data = session.encode(value)
        after = self._index_keys(key, value)  # refuses before anything is written
        before = self._standing(name, key)
        session.write(name, data)
        for one in before:
            if one not in after:
                session.write(one, session.ABSENT)
        for one in after:
            if one not in before:
                session.write(one, PRESENT)

    def delete(self, key: Any) -> None:
        name = self._key(key)
        before = self._standing(name, key)
        session.write(name, session.ABSENT)
        for one in before:
            session.write(one, session.ABSENT)

    def by(self, index: Any, *values: Any, after: Any = None, limit: Any = 100) -> list[Any]:
        """Entries in the order of an index as a list of (key, value); at most 1,000.

        values: of the index's first fields, as many as are fixed. after: the last row's values of the
        other fields and its key, as a tuple; its key alone when every field is fixed.
        """
        check_page(limit)
        walking.walk(index)
        walking.walk(values)
        fields = _fields(index)
        prefix = self._indexes.get(fields)
        if prefix is None or len(values) > len(fields):
            raise ValueError("the map declares no such index")
        start = encoded_key(prefix, values)[:-1]
        position = None
        if after is not None:
            position = _position(prefix, values, after, len(fields) - len(values))
        return new(self._rows(fields, prefix, start, position, limit))  # type: ignore[no-any-return]

    def _rows(
        self, fields: Fields, prefix: bytes, start: bytes, position: bytes | None, limit: int
    ) -> list[Any]:
        beyond = start + ESCAPED
        rows: list[Any] = []
        while len(rows) < limit:
            asked = limit - len(rows)
            page = session.scan(start, position, asked)
            for name, _ in page:
                position = name
                if name.startswith(beyond):
                    continue
                key = keys.read_item(name, len(prefix))[0][-1]
                data = session.read(self._key(key))
                value = session.decode(data) if data else None
                # A version of the contract that did not declare the index may have left it behind.
                if data and _index_key(fields, prefix, key, value) == name:
                    rows.append(check_tuple((key, value)))
            if len(page) < asked:
                break
        return rows


def _position(prefix: bytes, values: tuple[Any, ...], after: Any, open_fields: int) -> bytes:
    rest = after if open_fields else (after,)
    if type(rest) is not tuple or len(rest) != open_fields + 1:
        raise ValueError("after is the last row's open fields and its key")
    walking.walk(rest)
    return encoded_key(prefix, (*values, *rest))


kinds.SDK_STATE.append(IndexedMap)


def declared_map(name: Any, default: Any = None, indexes: Any = ()) -> Map:
    """`Map(name, default, indexes)` of a contract: without indexes nothing is paid for them."""
    return IndexedMap(name, default, indexes) if indexes != () else Map(name, default)
