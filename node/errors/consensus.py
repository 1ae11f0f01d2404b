"""CITY-6nnn: consensus, peers, catch-up."""

from node.errors.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
