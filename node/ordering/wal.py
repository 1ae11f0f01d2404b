"""The write-ahead log: this node's only memory of what it signed (consensus.md section 5).

One live segment `wal-<number, 16 hex digits>.log` in a folder; a rotation writes the next one whole, with the
records still needed, before the older is removed. So the segment with the highest number says everything.

    segment   "CITYWAL1" | number (8) | CRC (4) of these 16 bytes | zeros (12) | frame 0 | frame 1 | ...
    frame     length (4) | frame number (8) | CRC (4) of these 12 bytes | payload | zeros | CRC (4) of it all
    payload   the records of one append, each with a 4-byte length; `length` is its length

The zeros make every frame a multiple of 16 bytes, so that no frame header lies across two disk sectors.

One append is one frame, one write and one fdatasync. Append n + 1 begins after append n is durable, so only
the last frame can be torn by a crash, and a torn frame has the shape a file system gives it: the file ends
inside it, or 512-byte sectors of it were never written and read as zeros. Such a frame was never acknowledged
and is dropped. Anything else that does not check is damage to something that was durable, and opening refuses:
forgetting a vote could mean voting twice. The length has a CRC of its own, so that a flipped bit in it cannot
pass for a file that ends too early. Frame 0 was durable before its segment got its name: it is never torn.

The checksum is CRC-32 (zlib), not CRC-32C: both find every single burst up to 32 bits and miss 2^-32 of the
rest; zlib's runs in C (4 GB/s here), while CRC-32C in Python manages a few MB/s and no locked dependency
has it.

A failed write or sync is never tried again (what a second fsync reports is not to be trusted): the log refuses
from then on, and the channel must stop. All calls block; the driver makes them in a thread, one at a time.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from node.errors import CityError
from node.ledger.folder import FolderInUse, own_folder, sync_folder

MAGIC = b"CITYWAL1"
SECTOR_BYTES = 512
PAYLOAD_BYTES_MAX = 256 << 20
SEGMENT_HEADER_BYTES = 32
FRAME_ALIGN_BYTES = 16
_FRAME = struct.Struct(">IQI")
_CRC = struct.Struct(">I")


class WalDamaged(CityError):
    """Something that was durable does not read back. The node must not vote from it."""

    def __init__(self, file: Path, offset: int, detail: str) -> None:
        super().__init__("CITY-5020", file=file, folder=file.parent, offset=offset, detail=detail)


class WalMissing(CityError):
    """No segment in the folder: a first start, or the log was lost. The caller knows which."""

    def __init__(self, folder: Path) -> None:
        super().__init__("CITY-5021", folder=folder)


class WalWriteFailed(CityError):
    """A write or sync failed, now or before. Fatal: stop the channel."""

    def __init__(self, file: Path, detail: object) -> None:
        super().__init__("CITY-5022", file=file, detail=detail)


class WalInUse(CityError):
    """Another process holds the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__("CITY-5023", folder=folder)


# ---- bytes ----------------------------------------------------------------------------------------


def encode_frame(number: int, records: Sequence[bytes]) -> bytes:
    """One frame. Raises ValueError when the records are too large together."""
    payload = b"".join(part for r in records for part in (len(r).to_bytes(4, "big"), r))
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ValueError("too much for one append")
    head = struct.pack(">IQ", len(payload), number)
    head += _CRC.pack(zlib.crc32(head))
    body = head + payload + bytes(-(len(payload) + _CRC.size) % FRAME_ALIGN_BYTES)
    return body + _CRC.pack(zlib.crc32(body))


def segment_header(number: int) -> bytes:
    head = MAGIC + number.to_bytes(8, "big")
    return (head + _CRC.pack(zlib.crc32(head))).ljust(SEGMENT_HEADER_BYTES, b"\0")


def _frame_end(at: int, length: int) -> int:
    """Where the frame that begins at `at` with a payload of `length` bytes ends."""
    size = _FRAME.size + length + _CRC.size
    return at + size + -size % FRAME_ALIGN_BYTES


def _split_records(payload: bytes) -> list[bytes] | None:
    records, at = [], 0
    while at < len(payload):
        end = at + 4 + int.from_bytes(payload[at : at + 4], "big")
        if end > len(payload) or at + 4 > len(payload):
            return None
        records.append(payload[at + 4 : end])
        at = end
    return records


def _has_unwritten_sector(data: bytes, start: int, end: int) -> bool:
    """Whether the part of some sector within [start, end) is all zero, as if it was never written."""
    at = start
    while at < end:
        edge = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if not any(data[at:edge]):
            return True
        at = edge
    return False


def parse_segment(file: Path, data: bytes) -> tuple[list[bytes], int, int]:
    """Records of a segment, its length without a torn last frame, and the next frame's number.

    Raises WalDamaged."""
    size = len(data)
    if data[:SEGMENT_HEADER_BYTES] != segment_header(segment_number(file)):
        raise WalDamaged(file, 0, "the segment's header is not the one of its name")
    records: list[bytes] = []
    at, number = SEGMENT_HEADER_BYTES, 0
    while at < size or number == 0:
        found, end, detail = _read_frame(data, at, number)
        if found is None:
            if number > 0 and _is_torn(data, at):
                break
            raise WalDamaged(file, at, detail)
        records += found
        at, number = end, number + 1
    return records, at, number


def _read_frame(data: bytes, at: int, number: int) -> tuple[list[bytes] | None, int, str]:
    """The records of the frame at `at` and where it ends; or None and what is wrong with it."""
    body = at + _FRAME.size
    if body > len(data):
        return None, at, "a frame's header is cut short"
    length, found, crc = _FRAME.unpack_from(data, at)
    if crc != zlib.crc32(data[at : body - 4]) or found != number or length > PAYLOAD_BYTES_MAX:
        return None, at, "a frame's header does not check"
    end = _frame_end(at, length)
    if end > len(data):
        return None, at, "a frame is cut short"
    if _CRC.unpack_from(data, end - _CRC.size)[0] != zlib.crc32(data[at : end - _CRC.size]):
        return None, at, "a frame's checksum differs"
    records = _split_records(data[body : body + length])
    return records, end, "a frame's records do not add up"


def _is_torn(data: bytes, at: int) -> bool:
    """Whether the bad frame at `at` is a last append that a crash cut off, and no damage.

    A durable last frame that lost a bit AND holds a whole sector of zeros of its own looks the same."""
    size, body = len(data), at + _FRAME.size
    if body > size:
        return True
    length, _, crc = _FRAME.unpack_from(data, at)
    if crc == zlib.crc32(data[at : body - _CRC.size]):
        end = _frame_end(at, length)
        return end > size or (end == size and _has_unwritten_sector(data, at, end))
    # A header that was never written, and no later frame that proves this one durable once.
    sector_end = (at // SECTOR_BYTES + 1) * SECTOR_BYTES
    return not any(data[at:sector_end]) and not _has_frame(data, body)


def _has_frame(data: bytes, start: int) -> bool:
    """Whether a frame header that checks stands anywhere from `start` on."""
    for at in range(start, len(data) - _FRAME.size + 1, FRAME_ALIGN_BYTES):
        head = data[at : at + _FRAME.size]
        if any(head) and _FRAME.unpack(head)[2] == zlib.crc32(head[: -_CRC.size]):
            return True
    return False


def segment_name(number: int) -> str:
    return f"wal-{number:016x}.log"


def segment_number(file: Path) -> int:
    return int(file.name[4:20], 16)


def _segments(folder: Path) -> list[Path]:
    names = sorted(folder.glob("wal-????????????????.log")) if folder.is_dir() else []
    return [file for file in names if set(file.name[4:20]) <= set("0123456789abcdef")]


# ---- files ----------------------------------------------------------------------------------------


class Wal:
    """An open log. `create` on a first start, `open` later; then `append` and `rotate`; `close`."""

    def __init__(self, folder: Path, owner: int) -> None:
        self._folder, self._owner = folder, owner
        self._file = folder / segment_name(0)
        self._descriptor = -1
        self._segment, self._next_frame, self._size = 0, 0, 0
        self._failure: OSError | None = None

    @staticmethod
    def exists(folder: Path | str) -> bool:
        return bool(_segments(Path(folder)))

    @classmethod
    def create(cls, folder: Path | str) -> Wal:
        """An empty log for a first start. Raises WalInUse, WalWriteFailed, and ValueError if one exists."""
        path = Path(folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
            sync_folder(path.parent)
        except OSError as error:
            raise WalWriteFailed(path, error) from error
        wal = cls._own(path)
        try:
            if _segments(path):
                raise ValueError(f"{path} holds a write-ahead log already")
            wal.rotate(())
        except BaseException:
            wal.close()
            raise
        return wal

    @classmethod
    def open(cls, folder: Path | str) -> tuple[Wal, list[bytes]]:
        """The log of an earlier life and its records in order; a torn last append is cut off.

        Raises WalMissing, WalDamaged, WalInUse."""
        path = Path(folder)
        if not cls.exists(path):
            raise WalMissing(path)
        wal = cls._own(path)
        try:
            return wal, wal._recover()
        except BaseException:
            wal.close()
            raise

    @classmethod
    def _own(cls, folder: Path) -> Wal:
        try:
            return cls(folder, own_folder(folder))
        except FolderInUse:
            raise WalInUse(folder) from None
        except OSError as error:
            raise WalWriteFailed(folder, error) from error

    def _recover(self) -> list[bytes]:
        segments = _segments(self._folder)
        file = segments[-1]
        try:
            data = file.read_bytes()
        except OSError as error:
            raise WalDamaged(file, 0, f"it cannot be read ({error})") from error
        records, end, next_frame = parse_segment(file, data)
        self._file, self._segment = file, segment_number(file)
        self._next_frame, self._size = next_frame, end
        try:
            self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            if end < len(data):
                os.ftruncate(self._descriptor, end)
            # Also without a torn frame: the file may be in the cache only, and we act on it now.
            os.fsync(self._descriptor)
            self._remove(segments[:-1])
        except OSError as error:
            raise WalWriteFailed(file, error) from error
        return records

    @property
    def size_bytes(self) -> int:
        """Size of the live segment: rotate when it has grown enough."""
        return self._size

    def append(self, records: Sequence[bytes]) -> None:
        """All records as one unit, durable on return. Raises WalWriteFailed: fatal."""
        self._check_usable()
        if not records:
            return
        frame = encode_frame(self._next_frame, records)
        try:
            _write_all(self._descriptor, frame)
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._fail(error)
        self._next_frame += 1
        self._size += len(frame)

    def rotate(self, keep: Sequence[bytes]) -> None:
        """A new segment that holds `keep` in place of everything so far. Durable on return.

        A crash leaves the old segment or the new one. Raises WalWriteFailed: fatal."""
        self._check_usable()
        number = self._segment + 1
        content = segment_header(number) + encode_frame(0, keep)
        file = self._folder / segment_name(number)
        unnamed = file.with_suffix(".new")
        try:
            descriptor = os.open(
                unnamed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            try:
                _write_all(descriptor, content)
                os.fsync(descriptor)
                os.rename(unnamed, file)
                sync_folder(self._folder)
            except BaseException:
                os.close(descriptor)
                raise
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor, self._file, self._segment = descriptor, file, number
            self._next_frame, self._size = 1, len(content)
            self._remove([f for f in _segments(self._folder) if f != file])
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Idempotent."""
        for descriptor in (self._descriptor, self._owner):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._owner = -1

    def _remove(self, files: Sequence[Path]) -> None:
        for file in [*files, *self._folder.glob("wal-*.new")]:
            file.unlink(missing_ok=True)
        sync_folder(self._folder)

    def _check_usable(self) -> None:
        if self._owner < 0:
            raise WalWriteFailed(self._file, "the log is closed")
        if self._failure is not None:
            raise WalWriteFailed(self._file, f"an earlier write failed ({self._failure})")

    def _fail(self, error: OSError) -> None:
        self._failure = error
        raise WalWriteFailed(self._file, error) from error


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
