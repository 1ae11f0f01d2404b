"""Which keys of a state store nobody needs who asks for no height below a base."""

from __future__ import annotations

from collections.abc import Iterator

from node.ledger.past import HEIGHT_MAX
from node.ledger.store import Reader


def told_by(reader: Reader, base: int) -> Iterator[bytes]:
    """Receipts and events of the blocks up to `base`."""
    for kind in (b"r", b"e"):
        for key, _ in reader.iterate(kind):
            if int.from_bytes(key[1:9], "big") > base:
                break
            yield key


def replaced_by(reader: Reader, base: int) -> Iterator[bytes]:
    """Values of the past that no height from `base` on shows."""
    path, is_shown = b"", False
    for key, _ in reader.iterate(b"h"):
        if key[1:33] != path:
            path, is_shown = key[1:33], False
        if HEIGHT_MAX - int.from_bytes(key[33:], "big") > base:
            continue
        if is_shown:  # the one before it, newer, is what `base` shows
            yield key
        is_shown = True
