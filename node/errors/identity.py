"""CITY-2nnn: identity, policy, cryptography."""

from node.errors.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
