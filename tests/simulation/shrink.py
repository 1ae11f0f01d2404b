"""Making a failing seed smaller: whole fault classes go first, then the budget of events is halved."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.shape import FAULTS, Shape, draw_shape
from tests.simulation.world import World


def failure(engine: str, seed: int, shape: Shape) -> str | None:
    """The name of the invariant that breaks, or None."""
    try:
        World(seed, engine, shape).run()
    except AssertionError as error:
        return f"{type(error).__name__} {str(error)[:3]}"
    return None


def shrink(engine: str, seed: int) -> Shape:
    """A shape with fewer faults that breaks the same invariant with the same seed."""
    shape = draw_shape(seed, engine)
    wanted = failure(engine, seed, shape)
    smaller = [
        *({fault: type(getattr(shape, fault))()} for fault in FAULTS if getattr(shape, fault)),
        {"heal_everybody": True},
        {"is_grouping": True},
        {"txs": 2},
    ]
    for change in smaller:
        candidate = replace(shape, **change)  # type: ignore[arg-type]
        if failure(engine, seed, candidate) == wanted:
            shape = candidate
    while shape.budget > 20:
        candidate = replace(shape, budget=shape.budget // 2)
        if failure(engine, seed, candidate) != wanted:
            break
        shape = candidate
    return shape


def shrunk(engine: str, seed: int) -> str:
    """Which faults the failure needs, in a line."""
    shape = shrink(engine, seed)
    left = {fault: getattr(shape, fault) for fault in FAULTS if getattr(shape, fault)}
    return f"needs n={shape.n} W={shape.window} budget={shape.budget} with {left}"
