"""Storage: ordered bytes to bytes, small enough to have two implementations.

`LevelStore` (LevelDB through plyvel, the only place that imports it) and `MemoryStore` (tests, development).
Keys are ordered as bytes. A `Batch` is a list of `(key, value)`, None for a deletion; `write` applies it
whole and durably or not at all. After a failed write a store takes no more of them: what reached the disk
is unknown until it is opened again.
"""

from __future__ import annotations

import bisect
import itertools
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import plyvel

from node.errors import CityError
from node.ledger.folder import FolderInUse, own_folder, sync_folder

Batch = list[tuple[bytes, bytes | None]]
Pair = tuple[bytes, bytes]

WRITE_BUFFER_BYTES = 16 << 20
READ_CACHE_BYTES = 32 << 20
BLOOM_BITS_PER_KEY = 10
PAGE_PAIRS = 32


class StoreInUse(CityError):
    """Another process (or another part of this one) holds the store."""

    def __init__(self, folder: Path | str) -> None:
        super().__init__("CITY-5001", folder=folder)


class StoreDamaged(CityError):
    """Bytes in the store are not those that were written."""

    def __init__(self, folder: Path | str, detail: object) -> None:
        super().__init__("CITY-5002", folder=folder, detail=detail)


class StoreWriteFailed(CityError):
    """A write failed now or before: reopen the store or stop."""

    def __init__(self, folder: Path | str, detail: object) -> None:
        super().__init__("CITY-5003", folder=folder, detail=detail)


class StoreNotOpened(CityError):
    """The folder cannot be used at all."""

    def __init__(self, folder: Path | str, detail: object) -> None:
        super().__init__("CITY-5004", folder=folder, detail=detail)


class StoreFormat(CityError):
    """The store holds another layout."""

    def __init__(self, folder: Path | str, found: object, wanted: object) -> None:
        super().__init__("CITY-5005", folder=folder, found=found, wanted=wanted)


class Reader(Protocol):
    """Reads; StoreNotOpened after `close`. A snapshot is a Reader that later writes do not change."""

    def get(self, key: bytes) -> bytes | None: ...

    def get_many(self, keys: Iterable[bytes]) -> list[bytes | None]: ...

    def iterate(
        self, prefix: bytes, after: bytes | None = None, limit: int | None = None
    ) -> Iterator[Pair]:
        """Pairs whose key begins with `prefix`, in order, from the first key above `after` (a whole
        key, prefix included), at most `limit`."""
        ...

    def close(self) -> None: ...


class Store(Reader, Protocol):
    """Reads and atomic, synced writes."""

    folder: str

    def write(self, batch: Batch) -> None:
        """All of the batch, durable on return. Raises StoreWriteFailed; later calls then do too."""
        ...

    def snapshot(self) -> Reader: ...

    def compact(self) -> None:
        """Give the room of deleted pairs back to the disk. Blocks; reads and writes go on meanwhile."""
        ...


def prefix_end(prefix: bytes) -> bytes | None:
    """The first key above every key that begins with `prefix`; None when there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None


# ---- memory ---------------------------------------------------------------------------------------


class _MemoryReader:
    def __init__(self, keys: list[bytes], values: dict[bytes, bytes]) -> None:
        self._keys, self._values = keys, values

    def get(self, key: bytes) -> bytes | None:
        return self._values.get(key)

    def get_many(self, keys: Iterable[bytes]) -> list[bytes | None]:
        return [self._values.get(key) for key in keys]

    def iterate(
        self, prefix: bytes, after: bytes | None = None, limit: int | None = None
    ) -> Iterator[Pair]:
        keys, values = self._keys, self._values
        at = bisect.bisect_left(keys, prefix)
        if after is not None:
            at = max(at, bisect.bisect_right(keys, after))
        stop = len(keys) if limit is None else min(len(keys), at + limit)
        for i in range(at, stop):
            if not keys[i].startswith(prefix):
                return
            yield keys[i], values[keys[i]]

    def close(self) -> None:
        pass


class MemoryStore(_MemoryReader):
    """A store that forgets. Writes replace the maps whole, so a snapshot is only a reference to them."""

    def __init__(self, folder: str = "memory") -> None:
        super().__init__([], {})
        self.folder = folder

    def write(self, batch: Batch) -> None:
        values = dict(self._values)
        for key, value in batch:
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        self._keys, self._values = sorted(values), values

    def compact(self) -> None:
        pass

    def snapshot(self) -> Reader:
        return _MemoryReader(self._keys, self._values)


# ---- LevelDB --------------------------------------------------------------------------------------


class _Gate:
    """Lets calls in until it is closed, which waits for those inside: LevelDB takes the process down
    where a database is closed under a read of another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = threading.Condition(self._lock)
        self._inside = 0
        self.is_closed = False

    def __enter__(self) -> None:
        with self._lock:
            if self.is_closed:
                raise RuntimeError("it is closed")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self.is_closed and not self._inside:
                self._left.notify_all()

    def close(self) -> None:
        with self._left:
            self.is_closed = True
            self._left.wait_for(lambda: not self._inside)


class _LevelReader:
    """Shared by the database and its snapshots: both have plyvel's `get` and `iterator`."""

    def __init__(self, source: Any, folder: str, gate: _Gate) -> None:
        self._source, self.folder, self._gate = source, folder, gate

    def get(self, key: bytes) -> bytes | None:
        try:
            with self._gate:
                found: bytes | None = self._source.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise StoreDamaged(self.folder, error) from error
        except RuntimeError as error:
            raise StoreNotOpened(self.folder, error) from error
        return found

    def get_many(self, keys: Iterable[bytes]) -> list[bytes | None]:
        try:
            with self._gate:
                get = self._source.get
                return [get(key, verify_checksums=True) for key in keys]
        except plyvel.Error as error:
            raise StoreDamaged(self.folder, error) from error
        except RuntimeError as error:
            raise StoreNotOpened(self.folder, error) from error

    def iterate(
        self, prefix: bytes, after: bytes | None = None, limit: int | None = None
    ) -> Iterator[Pair]:
        is_inside = after is not None and after >= prefix
        try:
            with self._gate:
                pairs = self._source.iterator(
                    start=after if is_inside else prefix,
                    include_start=not is_inside,
                    stop=prefix_end(prefix),
                    verify_checksums=True,
                    fill_cache=limit is not None,
                )
            try:
                rest = itertools.islice(pairs, limit)
                while True:
                    with self._gate:  # a page at a time: whoever iterates may never come back
                        page = list(itertools.islice(rest, PAGE_PAIRS))
                    if not page:
                        return
                    yield from page
            finally:
                self._close(pairs)
        except plyvel.Error as error:
            raise StoreDamaged(self.folder, error) from error
        except RuntimeError as error:
            raise StoreNotOpened(self.folder, error) from error

    def close(self) -> None:
        self._close(self._source)

    def _close(self, part: Any) -> None:
        """An iterator or snapshot; the database closes those it finds open itself."""
        with suppress(RuntimeError), self._gate:
            part.close()


class LevelStore(_LevelReader):
    """LevelDB with paranoid checks and checksum verification, always: without them a flipped byte is
    returned silently (decisions section 4.6). One process holds the folder."""

    def __init__(self, folder: Path | str) -> None:
        """Opens or makes the store. Raises StoreInUse, StoreDamaged or StoreNotOpened."""
        path = Path(folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
            sync_folder(path.parent)
            self._owner = own_folder(path)
        except FolderInUse:
            raise StoreInUse(path) from None
        except OSError as error:
            raise StoreNotOpened(path, error) from error
        try:
            db = self._open(path)
        except CityError:
            os.close(self._owner)
            raise
        super().__init__(db, str(path), _Gate())
        self._failure: Exception | None = None
        self._writing = threading.Lock()

    @staticmethod
    def _open(path: Path) -> Any:
        # LevelDB would make an empty database over the files of one that lost its CURRENT.
        if not (path / "CURRENT").exists() and any(path.glob("MANIFEST-*")):
            raise StoreDamaged(path, "the file CURRENT is missing")
        try:
            return plyvel.DB(
                str(path),
                create_if_missing=True,
                paranoid_checks=True,
                write_buffer_size=WRITE_BUFFER_BYTES,
                lru_cache_size=READ_CACHE_BYTES,
                bloom_filter_bits=BLOOM_BITS_PER_KEY,
            )
        except plyvel.CorruptionError as error:
            raise StoreDamaged(path, error) from error
        except (plyvel.Error, OSError) as error:
            text = str(error)
            if "already held" in text or "Resource temporarily unavailable" in text:
                raise StoreInUse(path) from error
            if "Corruption" in text or "missing files" in text:
                raise StoreDamaged(path, error) from error
            raise StoreNotOpened(path, error) from error

    def write(self, batch: Batch) -> None:
        with self._writing:
            if self._failure is not None:
                raise StoreWriteFailed(self.folder, f"an earlier write failed ({self._failure})")
            if self._source.closed:
                raise StoreNotOpened(self.folder, "it is closed")
            # Not as a context manager: plyvel writes the batch even when the body raised.
            out = self._source.write_batch(sync=True)
            put, delete = out.put, out.delete
            for key, value in batch:
                if value is None:
                    delete(key)
                else:
                    put(key, value)
            try:
                out.write()
            except (plyvel.Error, OSError) as error:
                self._failure = error
                raise StoreWriteFailed(self.folder, error) from error

    def compact(self) -> None:
        try:
            self._source.compact_range()
        except (plyvel.Error, OSError, RuntimeError) as error:
            raise StoreWriteFailed(self.folder, error) from error

    def close(self) -> None:
        """Idempotent. Waits for reads and a write under way."""
        with self._writing:
            self._gate.close()
            self._source.close()
            if self._owner >= 0:
                os.close(self._owner)
                self._owner = -1

    def snapshot(self) -> Reader:
        try:
            with self._gate:
                return _LevelReader(self._source.snapshot(), self.folder, self._gate)
        except RuntimeError as error:
            raise StoreNotOpened(self.folder, error) from error
