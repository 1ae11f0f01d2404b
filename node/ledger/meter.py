"""Figures of use, kept beside the state: written with the batch of their block, so that they are never ahead or
behind. They stand in no root; blocks and receipts give them again.

Keys in the state's store (integers big-endian):

    m metered                          first (8) and last (8) height that are counted, day of the last (4)
    u <day (4)> <member> 00 <app>      structure: figures
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from consensus.encoding import EncodingError, decode, encode
from node.ledger.store import Batch, Reader, StoreDamaged
from node.metering.counting import Figures, Line, Used

DAYS_KEPT = 800  # a little over two years
EXPIRED_AT_A_TIME = 2_000
_MARK, _ROW = b"mmetered", b"u"


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows hold the blocks from `first` to `last`. day: of the last one."""

    first: int
    last: int
    day: int


@dataclass(frozen=True, slots=True)
class Use:
    """What the transactions of a block, or of several of one day, used."""

    day: int
    figures: Mapping[Line, Figures]


def counted(reader: Reader) -> Counted | None:
    """None: nothing is counted yet."""
    found = reader.get(_MARK)
    if found is None:
        return None
    first, last, day = found[:8], found[8:16], found[16:]
    return Counted(*(int.from_bytes(part, "big") for part in (first, last, day)))


def puts(reader: Reader, first: int, last: int, use: Use) -> Batch:
    """What counting the blocks `first` to `last`, of one day, changes. Nothing where the block below them is
    not counted: what is missing is made up for when the ledger is opened."""
    before = counted(reader)
    if before is None or before.last != first - 1:
        return []
    day, figures = use.day, use.figures
    keys = {_key(day, line): found for line, found in figures.items()}
    held = reader.get_many(keys)
    batch: Batch = [
        (key, encode(found if old is None else found + _held(old)))
        for (key, found), old in zip(keys.items(), held, strict=True)
    ]
    if day > before.day:
        batch += [(key, None) for key in _expired(reader, day)]
    return [*batch, _mark(Counted(before.first, last, max(day, before.day)))]


def begin(reader: Reader, first: int) -> Batch:
    """Nothing is counted, and block `first` is the next one."""
    rows_: Batch = [(key, None) for key, _ in reader.iterate(_ROW)]
    return [*rows_, _mark(Counted(first, first - 1, 0))]


def _expired(reader: Reader, day: int) -> list[bytes]:
    """Keys of days that are over for so long that nobody counts them any more; the oldest, some at a time."""
    oldest, found = max(0, day - DAYS_KEPT), []
    for key, _ in reader.iterate(_ROW, None, EXPIRED_AT_A_TIME):
        if int.from_bytes(key[1:5], "big") >= oldest:
            break
        found.append(key)
    return found


def rows(reader: Reader, first_day: int, last_day: int) -> Iterator[Used]:
    """Of those days, by day, member and application."""
    after = None if first_day == 0 else _ROW + _day(first_day - 1) + b"\xff"
    for key, value in reader.iterate(_ROW, after):
        day = int.from_bytes(key[1:5], "big")
        if day > last_day:
            return
        member, _, app = key[5:].partition(b"\0")
        yield Used(day, member.decode(), app.decode(), _held(value))


def _held(value: bytes) -> Figures:
    try:
        return decode(Figures, value)
    except EncodingError as error:
        raise StoreDamaged("state", f"figures of use: {error}") from error


def _mark(found: Counted) -> tuple[bytes, bytes]:
    at = found.first.to_bytes(8, "big") + found.last.to_bytes(8, "big")
    return _MARK, at + _day(found.day)


def _day(day: int) -> bytes:
    return day.to_bytes(4, "big")


def _key(day: int, line: Line) -> bytes:
    member, app = line
    return _ROW + _day(day) + member.encode() + b"\0" + app.encode()
