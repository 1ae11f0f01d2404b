"""A row of the table of decoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Decoder:
    """run: reads the bytes as the product does. refuses: what it may raise, and nothing else. samples: inputs
    to begin with. covers: the product's functions that this row stands for, `module.function`. again: the bytes
    of what was read, where these must be the input. cost: of an input against a structure's, for short runs."""

    name: str
    run: Callable[[bytes], Any]
    refuses: tuple[type[Exception], ...]
    shape: str
    samples: Callable[[], list[bytes]]
    covers: tuple[str, ...] = ()
    again: Callable[[Any], bytes] | None = None
    cost: int = 1
