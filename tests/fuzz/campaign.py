"""A decoder by its name, in a process of its own."""

from __future__ import annotations

from tests.fuzz.running import Report, bounded_memory, run
from tests.fuzz.table import table


def run_named(name: str, inputs: int, seed: int, first: int) -> Report:
    with bounded_memory():
        return run(table()[name], inputs, seed, first)
