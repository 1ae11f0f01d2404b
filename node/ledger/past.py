"""State as it was after an earlier block, read from the history of its keys.

Values are looked up one by one. A scan goes over the keys that exist now and those that were ever deleted, and
leaves out what did not exist then; so it costs by what has come since, and is bounded.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import islice

from node.errors import CityError
from node.ledger.store import Reader

KEYS_PASSED_MAX = 100_000  # of one view
HEIGHT_MAX = (1 << 64) - 1


class StateNotHeld(CityError):
    """The state after that block is not known here: not executed yet, or from before a snapshot."""

    def __init__(self, height: int, lowest: int, highest: int) -> None:
        super().__init__("CITY-5010", height=height, lowest=lowest, highest=highest)


class HistoryTooLong(CityError):
    """A scan would pass over more keys than one question may."""

    def __init__(self, height: int) -> None:
        super().__init__("CITY-5011", height=height, limit=KEYS_PASSED_MAX)


def inverted(height: int) -> bytes:
    """So that later heights come first in the order of keys."""
    return (HEIGHT_MAX - height).to_bytes(8, "big")


def value_at(reader: Reader, path: bytes, height: int) -> bytes | None:
    """The value under a path of the tree as it was after block `height`; None: absent."""
    stem = b"h" + path
    for _, entry in reader.iterate(stem, stem + inverted(height + 1), 1):
        return entry[1:] if entry[0] else None
    return None


class PastView:
    """What `StateView` offers, after an earlier block. Close it.

    failure: a scan for the engine was cut off; what came of it is no answer. It is not raised there, since an
    engine that gets no answer has to be replaced."""

    def __init__(self, reader: Reader, path: Callable[[bytes], bytes], height: int) -> None:
        """reader: of the whole store. path: of a state key in the tree."""
        self._reader, self._path, self.height = reader, path, height
        self._passed = 0
        self.failure: HistoryTooLong | None = None

    def state_get(self, keys: list[bytes]) -> list[bytes | None]:
        return [self._value(key) for key in keys]

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        try:
            return list(islice(self._pairs(prefix, after), limit))
        except HistoryTooLong as failure:
            self.failure = failure
            return []

    def scan_all(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, value) pair by key. For prefixes that hold few."""
        return self._pairs(prefix, None)

    def close(self) -> None:
        self._reader.close()

    def _value(self, key: bytes) -> bytes | None:
        return value_at(self._reader, self._path(key), self.height)

    def _pairs(self, prefix: bytes, after: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        for key in self._keys(prefix, after):
            self._passed += 1
            if self._passed > KEYS_PASSED_MAX:
                raise HistoryTooLong(self.height)
            value = self._value(key)
            if value is not None:
                yield key, value

    def _keys(self, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        """Keys that exist now or were ever deleted, by key, each once."""
        last: bytes | None = None
        for key in heapq.merge(*(self._under(kind, prefix, after) for kind in (b"s", b"d"))):
            if key != last:
                last = key
                yield key

    def _under(self, kind: bytes, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        start = None if after is None else kind + after
        return (key[1:] for key, _ in self._reader.iterate(kind + prefix, start))
