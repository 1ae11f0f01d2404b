"""A backup of one channel in one file: both stores as they were at one moment, and the genesis they stand on.

    "citychain backup 1\\n"
    frame   Head, a canonical structure
    parts   kind (1): b blocks, s state · size (4) · compressed records · hash of the records (32)
    end     kind z · number of parts (8) · hash over all the parts' hashes (32)

A frame is a 4-byte size and its bytes; a record is the key and the value of a store, each framed. The log of
votes is never in it: what was forgotten must look forgotten (opening.py), and an old log would hide that.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.merkle import HashFunction
from node.errors import CityError
from node.ledger.store import Pair

MAGIC = b"citychain backup 1\n"
VERSION = 1
BLOCKS, STATE, END = b"b", b"s", b"z"
PART_BYTES = 4 * 1024 * 1024
RECORD_BYTES_MAX = 64 * 1024 * 1024
PLAIN_BYTES_MAX = PART_BYTES + RECORD_BYTES_MAX
HEAD_BYTES_MAX = 16 * 1024 * 1024
LEVEL = 1


@dataclass(frozen=True, slots=True)
class Head:
    """height: of the last block in it. genesis: the genesis file."""

    version: int
    node: str
    channel: str
    channel_id: Hash
    suite: int
    height: int
    taken_ms: int
    genesis: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What a file holds. digest: over all of its parts."""

    head: Head
    parts: int
    records: int
    plain_bytes: int
    file_bytes: int
    digest: Hash


class BackupDamaged(CityError):
    """Bytes that are no whole backup."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__("CITY-5050", path=path, detail=detail)


def write_backup(
    file: BinaryIO,
    head: Head,
    blocks: Iterable[Pair],
    state: Iterable[Pair],
    hash_: HashFunction,
    pause: Callable[[], None] = lambda: None,
) -> None:
    """pause: called between two parts; what it raises ends the writing."""
    file.write(MAGIC + _framed(encode(head)))
    hashes = []
    for kind, pairs in ((BLOCKS, blocks), (STATE, state)):
        for plain in _parts(pairs):
            packed = zlib.compress(plain, LEVEL)
            hashes.append(hash_(plain))
            file.write(kind + _framed(packed) + hashes[-1])
            pause()
    file.write(END + len(hashes).to_bytes(8, "big") + hash_(b"".join(hashes)))


def _parts(pairs: Iterable[Pair]) -> Iterator[bytes]:
    held, size = [], 0
    for key, value in pairs:
        record = _framed(key) + _framed(value)
        held.append(record)
        size += len(record)
        if size >= PART_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


class BackupFile:
    """A backup to be read. Raises BackupDamaged, also while it is read."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        if self._take(len(MAGIC)) != MAGIC:
            raise BackupDamaged(path, "it does not begin as a backup of this version does")
        try:
            self.head = decode(Head, self._frame(HEAD_BYTES_MAX))
        except EncodingError as error:
            raise BackupDamaged(path, f"its head: {error}") from error
        if self.head.version != VERSION or len(self.head.channel_id) != 32:
            raise BackupDamaged(path, f"version {self.head.version} is not known")
        self.told: Told | None = None

    def records(self, hash_: HashFunction) -> Iterator[tuple[bytes, list[Pair]]]:
        """Store and records of each part, each checked before it is given; `told` is there after the last."""
        hashes, records, plain_bytes, last = [], 0, 0, BLOCKS
        while (kind := self._take(1)) != END:
            if kind not in (BLOCKS, STATE) or kind < last:
                raise BackupDamaged(self._path, "a part of no known store, or out of its order")
            last = kind
            plain = self._unpacked(self._frame(PLAIN_BYTES_MAX))
            hashes.append(hash_(plain))
            if self._take(32) != hashes[-1]:
                raise BackupDamaged(self._path, f"part {len(hashes)} has another hash")
            pairs = list(self._pairs(plain))
            records, plain_bytes = records + len(pairs), plain_bytes + len(plain)
            yield kind, pairs
        count, digest = int.from_bytes(self._take(8), "big"), self._take(32)
        if count != len(hashes) or digest != hash_(b"".join(hashes)):
            raise BackupDamaged(self._path, "its end names other parts than it holds")
        if self._file.read(1):
            raise BackupDamaged(self._path, "bytes follow its end")
        size = self._file.tell()
        self.told = Told(self.head, count, records, plain_bytes, size, Hash(digest))

    def _unpacked(self, packed: bytes) -> bytes:
        reader = zlib.decompressobj()
        try:
            plain = reader.decompress(packed, PLAIN_BYTES_MAX)
        except zlib.error as error:
            raise BackupDamaged(self._path, f"a part cannot be unpacked: {error}") from error
        if not reader.eof or reader.unconsumed_tail or reader.unused_data:
            raise BackupDamaged(self._path, "a part is larger than any is")
        return plain

    def _pairs(self, plain: bytes) -> Iterator[Pair]:
        at = 0
        while at < len(plain):
            key, at = self._sized(plain, at)
            value, at = self._sized(plain, at)
            yield key, value

    def _sized(self, plain: bytes, at: int) -> tuple[bytes, int]:
        start = at + 4
        end = start + int.from_bytes(plain[at:start], "big")
        if start > len(plain) or end > len(plain):
            raise BackupDamaged(self._path, "a record ends behind its part")
        return plain[start:end], end

    def _frame(self, limit: int) -> bytes:
        size = int.from_bytes(self._take(4), "big")
        if size > limit:
            raise BackupDamaged(self._path, f"a frame of {size} bytes")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        found = self._file.read(size)
        if len(found) != size:
            raise BackupDamaged(self._path, "it ends too early")
        return found
