"""CITY-8nnn: configuration, network, set-up."""

from node.errors.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
