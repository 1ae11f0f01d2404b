"""A snapshot of a channel's state: what a node starts from that does not execute the past.

An index names the block it was taken after and the hash of each part; the parts hold records by kind and key:

    s  state key              value
    q  sender | request id    height | id of the first transaction that used it
    r  height | index         receipt, for the blocks from `first_receipts` to the snapshot's height

A part is whole records of about PART_BYTES: kind (1), size of the key (4), key, size of the value (4), value.
Two nodes that take a snapshot after the same block write the same bytes, so a joining node may take each part
from whomever it likes and compare it with the index, which more peers vouch for than can all lie.

What each kind rests on when it is loaded (loading.py): values on the state root and receipts on the receipts
root that certified headers carry; request ids on the index alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from node.ledger.state import StateView

VALUE, REQUEST, RECEIPT = b"s", b"q", b"r"
KINDS = (VALUE, REQUEST, RECEIPT)  # in the order in which they stand
PART_BYTES = 1024 * 1024
RECEIPTS_BLOCKS = 1_000  # as many blocks may hold a transaction that could be sent again

Record = tuple[bytes, bytes, bytes]


class BadSnapshot(ValueError):
    """Bytes that are no part of a snapshot, or do not show what its index says."""


def first_receipts(height: int) -> int:
    """The lowest height that goes along with a snapshot after `height`."""
    return max(1, height - RECEIPTS_BLOCKS + 1)


def records(view: StateView, height: int) -> Iterator[Record]:
    """Everything a snapshot after `height` holds, in its order. view: the state after that block."""
    for key, value in view.scan_all(b""):
        yield VALUE, key, value
    for key, value in view.requests():
        yield REQUEST, key, value
    for each in range(first_receipts(height), height + 1):
        for index, receipt in enumerate(view.receipts(each)):
            yield RECEIPT, each.to_bytes(8, "big") + index.to_bytes(4, "big"), receipt


def parts(found: Iterable[Record]) -> Iterator[bytes]:
    """Records in parts. The same records give the same parts."""
    held: list[bytes] = []
    size = 0
    for kind, key, value in found:
        record = b"".join(
            (kind, len(key).to_bytes(4, "big"), key, len(value).to_bytes(4, "big"), value)
        )
        if size and size + len(record) > PART_BYTES:
            yield b"".join(held)
            held, size = [], 0
        held.append(record)
        size += len(record)
    if size:
        yield b"".join(held)


def read_part(data: bytes) -> Iterator[Record]:
    """The records of one part. Raises BadSnapshot."""
    at, end = 0, len(data)
    while at < end:
        kind = data[at : at + 1]
        key, at = _sized(data, at + 1)
        value, at = _sized(data, at)
        if kind not in KINDS:
            raise BadSnapshot("a record of an unknown kind")
        yield kind, key, value


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    start = at + 4
    stop = start + int.from_bytes(data[at:start], "big")
    if start > len(data) or stop > len(data):
        raise BadSnapshot("a record ends behind its part")
    return data[start:stop], stop


def in_order(found: Iterable[Record]) -> Iterator[Record]:
    """The same records. Raises BadSnapshot where kinds or keys do not ascend: each key stands once."""
    last = (-1, b"")
    for kind, key, value in found:
        place = (KINDS.index(kind), key)
        if place <= last:
            raise BadSnapshot("records are not in their order")
        last = place
        yield kind, key, value
