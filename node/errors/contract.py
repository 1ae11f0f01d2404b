"""CITY-4nnn: contracts: check, run, gas."""

from node.errors.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
