"""What every guard must tell apart: types of contracts, limits of numbers, the decimal context."""

from __future__ import annotations

import decimal
from typing import Any

from contracts.runtime import limits

LIMIT = limits.INT_LIMIT
LOW = -LIMIT
USER: set[type] = set()  # classes of contracts; filled by classes.py
FROZEN: set[type] = set()  # dataclasses declared frozen
SDK_STATE: list[type] = []  # Map and its kind, filled by state.py and indexes.py
SLOTS = {str: 1, bytes: 1, list: 8, tuple: 8}  # bytes an item of a sequence takes
CONTEXT = decimal.Context(
    prec=limits.DECIMAL_DIGITS,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-limits.DECIMAL_EXPONENT_MAX,
    Emax=limits.DECIMAL_EXPONENT_MAX,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[
        decimal.InvalidOperation,
        decimal.DivisionByZero,
        decimal.Overflow,
        decimal.FloatOperation,
    ],
)


def unsupported(name: str) -> None:
    raise TypeError(f"unsupported operand types for {name}")


def is_number(kind: type) -> bool:
    return kind is int or kind is bool


def user_operator(a: Any, b: Any, method: str, name: str) -> Any:
    """An operator of a contract class: only the left operand's method counts."""
    function = getattr(type(a), method, None) if type(a) in USER else None
    if function is None:
        unsupported(name)
    return function(a, b)  # type: ignore[misc]
