"""CITY-1nnn: requests, encoding, schema."""

from node.errors.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
