"""What stops a program that the guards priced wrongly: time where fuel is not counted, fuel where it is.

The artifact is compiled in two forms. The *fast* one counts no fuel, which takes a quarter of the time of a
block; it runs every block first. The *metered* one decides what the fast one cannot: when a block traps in the
fast form, or is not done in `block_seconds`, the supervisor runs it again in a worker of the metered form, and
there a trap is a transaction's outcome. So time decides only where a block runs, never what it does:

- What the fast form ends, the metered one ends in the same way, since `FUEL_PER_SECOND` is more than any
  machine gets through and the metered form has twice the stack.
- What traps in the fast form traps there on every node, for a trap without fuel depends on the program alone.

Fuel is no second price: admitted programs use 600 to 3,000 of it a gas.
"""

from __future__ import annotations

from collections.abc import Iterable

FUEL_PER_SECOND = 20_000_000_000  # three times what the fastest machine measured so far uses
BLOCK_SECONDS = 10.0
SECONDS_PER_GAS = 10 * 0.1 / 1_000_000  # ten times the goal of 100 ms per 1,000,000 gas
COMPILE_SECONDS = 60.0
# The metered form's time limits: it must be able to burn its fuel, on a slow machine too.
METERED_SECONDS = 20
# One transaction of the run that looks for those that trap.
TRANSACTION_FUEL = 2_000_000_000
FUEL_PER_GAS = int(SECONDS_PER_GAS * FUEL_PER_SECOND)


def block_seconds(gas_limits: Iterable[int], *, metered: bool) -> float:
    """How long a block may take before its worker is replaced."""
    seconds = BLOCK_SECONDS + SECONDS_PER_GAS * sum(gas_limits)
    return seconds * METERED_SECONDS if metered else seconds


def block_fuel(gas_limits: Iterable[int]) -> int:
    """Fuel of a whole block in the metered form: more than the fast one can use in its time."""
    return int(BLOCK_SECONDS * FUEL_PER_SECOND) + FUEL_PER_GAS * sum(gas_limits)


def compile_seconds(*, metered: bool) -> float:
    """How long a bundle may take to be linted and compiled."""
    return COMPILE_SECONDS * METERED_SECONDS if metered else COMPILE_SECONDS


def compile_fuel() -> int:
    return int(COMPILE_SECONDS * FUEL_PER_SECOND)


def transaction_fuel(gas_limit: int) -> int:
    """Fuel of one transaction where each has its own, after a block has trapped."""
    return TRANSACTION_FUEL + FUEL_PER_GAS * gas_limit
