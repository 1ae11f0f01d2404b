"""CITY-7nnn: oracle, payment proof, registration center."""

from node.errors.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
