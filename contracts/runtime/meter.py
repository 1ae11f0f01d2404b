"""The meter of the running transaction: gas, call depth, allocation, and the sticky verdict.

Cells are lists of one number, because contract code updates them in place. All of it belongs to one
interpreter that runs one transaction at a time.
"""

from __future__ import annotations

from typing import Any

from contracts.runtime import gas, limits


class Verdict(BaseException):
    """Ends a transaction whatever the contract catches: no `except` of a contract names it."""


class OutOfGas(Verdict):
    pass


class Fatal(Verdict):
    pass


GAS = [0]
DEPTH = [0]  # calls of contract functions that are running
ALLOCATED = [0]  # logical bytes
FUNCTIONS = [0]
DELETIONS = [0]  # entries deleted from dicts and sets: bounds the empty slots an iteration passes
COMPARING = [0]  # levels of nested comparisons that are running
VERDICT: list[str] = [""]
ARENA: list[Any] = []


def begin(gas_limit: int) -> None:
    GAS[0] = gas_limit
    DEPTH[0] = ALLOCATED[0] = FUNCTIONS[0] = DELETIONS[0] = COMPARING[0] = 0
    VERDICT[0] = ""


_CELLS: tuple[list[Any], ...] = (
    GAS, DEPTH, ALLOCATED, FUNCTIONS, DELETIONS, COMPARING, VERDICT,
)  # fmt: skip


def save() -> tuple[list[Any], list[Any]]:
    """The meter as it stands, and the arena; both start afresh."""
    saved = [cell[0] for cell in _CELLS], list(ARENA)
    ARENA.clear()
    return saved


def restore(saved: tuple[list[Any], list[Any]]) -> None:
    for cell, value in zip(_CELLS, saved[0], strict=True):
        cell[0] = value
    ARENA[:] = saved[1]


def out_of_gas() -> None:
    if not VERDICT[0]:
        VERDICT[0] = "out-of-gas"
    raise OutOfGas


def fatal(code: str) -> None:
    """End the transaction for a passed cap. The first verdict stays."""
    if not VERDICT[0]:
        VERDICT[0] = code
    GAS[0] = -1
    raise Fatal


def too_deep() -> None:
    fatal("call-depth")


def charge(amount: int) -> None:
    GAS[0] = left = GAS[0] - amount
    if left < 0:
        out_of_gas()


def tick(amount: int) -> bool:
    """Charge inside an expression; true so that it can stand among conditions."""
    GAS[0] = left = GAS[0] - amount
    if left < 0:
        out_of_gas()
    return True


_ALLOCATION_BYTES_MAX = limits.ALLOCATION_BYTES_MAX


def allocate(size: int) -> None:
    ALLOCATED[0] = total = ALLOCATED[0] + size
    if total > _ALLOCATION_BYTES_MAX:
        fatal("allocation")


def sequence(length: int, slot: int = 1) -> None:
    """Charge for a new text (slot 1) or list (slot 8) of `length` before it is made."""
    if length > limits.SEQUENCE_MAX:
        fatal("sequence-too-large")
    GAS[0] -= gas.NEW_TEXT + (length >> 3)
    ALLOCATED[0] += 32 + length * slot
    if GAS[0] < 0:
        out_of_gas()
    if ALLOCATED[0] > limits.ALLOCATION_BYTES_MAX:
        fatal("allocation")


def new(container: Any) -> Any:
    """A list or dict made by contract code: into the arena, charged by its size."""
    n = len(container)
    GAS[0] -= 4 + (n >> 2)
    ALLOCATED[0] += 56 + 8 * n
    if GAS[0] < 0:
        out_of_gas()
    if n > limits.SEQUENCE_MAX:
        fatal("sequence-too-large")
    if ALLOCATED[0] > limits.ALLOCATION_BYTES_MAX:
        fatal("allocation")
    ARENA.append(container)
    return container


def keep(container: Any) -> Any:
    """Into the arena; the caller has charged."""
    ARENA.append(container)
    return container


def function_object(function: Any) -> Any:
    FUNCTIONS[0] += 1
    if FUNCTIONS[0] > limits.FUNCTION_OBJECTS_MAX:
        fatal("function-objects")
    charge(gas.FUNCTION_OBJECT)
    return function


def metered_lambda(amount: int, function: Any) -> Any:
    function_object(function)

    def run(*args: Any, **words: Any) -> Any:
        GAS[0] -= amount
        if GAS[0] < 0:
            out_of_gas()
        DEPTH[0] += 1
        try:
            if DEPTH[0] > limits.CALL_DEPTH_MAX:
                too_deep()
            return function(*args, **words)
        finally:
            DEPTH[0] -= 1

    return run


def sweep() -> None:
    """Empty every container of the transaction, one by one.

    All of them are still held by the arena meanwhile, so dropping a deep nest never recurses.
    """
    for container in ARENA:
        kind = type(container)
        if kind is list or kind is dict:
            container.clear()
        else:
            release = getattr(kind, "_pl_release", None)
            if release is not None:
                release(container)
            else:
                container.__dict__.clear()
    ARENA.clear()
