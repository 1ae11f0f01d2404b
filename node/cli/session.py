"""Which network and whose key a command uses: flag, CITY_CONTEXT, ./.city/, then the user's own contexts."""

from __future__ import annotations

from typing import Any

_chosen = {"context": "", "user": ""}


def choose(context: str, user: str) -> None:
    _chosen.update(context=context, user=user)


def chosen_user() -> str:
    return _chosen["user"]


def open_network(user: str = "") -> Any:
    """A connected synchronous client, as a context manager."""
    from node.client import connect

    return connect(_chosen["context"] or None, user=user or _chosen["user"] or None)
