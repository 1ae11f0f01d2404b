"""Sets that keep insertion order: what a contract sees never depends on hashing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class OrderedSet:
    """Storage of a contract's set. Metering and key checks are in the guards, not here."""

    __slots__ = ("_items",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: dict[Any, None]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: Any) -> bool:
        return key in self._items

    def __eq__(self, other: object) -> bool:
        return type(other) is OrderedSet and self._items.keys() == other._items.keys()

    def _pl_release(self) -> None:
        self._items.clear()
