"""CITY-3nnn: transactions, pool, quota."""

from node.errors.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
