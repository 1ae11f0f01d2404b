"""The center's store: LevelDB with checksums on, one synchronous atomic batch a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import plyvel

from deploy.regcenter.errors import CenterError


@contextmanager
def _damage() -> Iterator[None]:
    """LevelDB's own errors (a bad checksum, a full disk) as the center's."""
    try:
        yield
    except plyvel.Error as error:
        raise CenterError("RC_DAMAGED", str(error)) from error


class Store:
    """Bytes to bytes, in key order. One process holds it."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        try:
            self._db = plyvel.DB(
                str(path),
                create_if_missing=True,
                paranoid_checks=True,
                bloom_filter_bits=10,  # most of what a payment looks up is not there
                write_buffer_size=16 * 1024 * 1024,
            )
        except plyvel.Error as error:
            held = "lock" in str(error).lower()
            raise CenterError("RC_IN_USE" if held else "RC_DAMAGED", f"{path}: {error}") from error

    def get(self, key: bytes) -> bytes | None:
        try:  # written out: most of what accepting a payment asks for comes through here
            value: bytes | None = self._db.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise CenterError("RC_DAMAGED", str(error)) from error
        return value

    def items(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Entries under a prefix (cut off), in key order, after `after`."""
        scan = self._db.prefixed_db(prefix)
        with _damage():
            yield from scan.iterator(
                start=after or None, include_start=False, verify_checksums=True
            )

    def last(self, prefix: bytes) -> tuple[bytes, bytes] | None:
        """The last entry under a prefix (cut off)."""
        scan = self._db.prefixed_db(prefix)
        with _damage(), scan.iterator(reverse=True, verify_checksums=True) as found:
            return next(found, None)

    def snapshot(self) -> Callable[[bytes], bytes | None]:
        """Reads of the store as it is now, whatever is written later."""
        held = self._db.snapshot()

        def get(key: bytes) -> bytes | None:
            with _damage():
                value: bytes | None = held.get(key, verify_checksums=True)
            return value

        return get

    def write(self, writes: dict[bytes, bytes | None]) -> None:
        """All or nothing, on the disk when it returns."""
        with _damage(), self._db.write_batch(sync=True, transaction=True) as batch:
            for key, value in writes.items():
                if value is None:
                    batch.delete(key)
                else:
                    batch.put(key, value)

    def close(self) -> None:
        self._db.close()


class Overlay:
    """Reads through to the store, keeps writes until they are taken."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.writes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        if key in self.writes:
            return self.writes[key]
        return self._store.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        self.writes[key] = value

    def items(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Entries under a prefix (cut off), in key order, with what is written here."""
        found = dict(self._store.items(prefix))
        for key, value in self.writes.items():
            if key.startswith(prefix):
                if value is None:
                    found.pop(key[len(prefix) :], None)
                else:
                    found[key[len(prefix) :]] = value
        return sorted(found.items())
