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
    """Values of the past that no height from `base` on shows.

    A deletion that `base` shows goes as well, as nothing says the same; but after the values below it, which
    would show through where the work is interrupted."""
    path, is_shown, deletion = b"", False, b""
    for key, entry in reader.iterate(b"h"):
        if key[1:33] != path:
            if deletion:
                yield deletion
            path, is_shown, deletion = key[1:33], False, b""
        if HEIGHT_MAX - int.from_bytes(key[33:], "big") > base:
            continue
        if is_shown:  # the one before it, newer, is what `base` shows
            yield key
        elif not entry[0]:
            deletion = key
        is_shown = True
    if deletion:
        yield deletion


def deleted_by(reader: Reader, base: int) -> Iterator[bytes]:
    """Marks of deletions up to `base`: what was deleted last by then no later height shows as it was before."""
    for key, at in reader.iterate(b"d"):
        if int.from_bytes(at, "big") <= base:
            yield key
