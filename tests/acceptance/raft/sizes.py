"""What an entry weighs in etcd's protobuf encoding, for the transcripts that set a limit in bytes."""

from __future__ import annotations

from consensus.raft.membership import ConfChange
from consensus.raft.messages import Entry
from tests.acceptance.raft.describe import V1


def _varint(value: int) -> int:
    return max(1, (value.bit_length() + 6) // 7)


def _field(size: int) -> int:
    """A field of bytes: tag, length, content."""
    return 1 + _varint(size) + size


def _change_bytes(change: ConfChange) -> int:
    each = [2 + 1 + _varint(item.node) for item in change.changes]  # kind, node
    if change.context == V1:
        return sum(each)
    return 2 + sum(map(_field, each))  # transition, changes


def entry_bytes(entry: Entry) -> int:
    size = 1 + _varint(entry.term) + 1 + _varint(entry.index)
    if entry.change is not None:
        return size + 2 + _field(_change_bytes(entry.change))  # kind, data
    return size + (_field(len(entry.data)) if entry.data else 0)
