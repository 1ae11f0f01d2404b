"""CITY-5nnn: storage, disk, write-ahead log."""

from node.errors.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
