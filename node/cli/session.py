"""Which network, channel and key a command uses: flag, CITY_CONTEXT, ./.city/, the user's own contexts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from node.sdk.context import Context

_chosen = {"context": "", "user": "", "channel": ""}


def choose(context: str, user: str, channel: str = "") -> None:
    _chosen.update(context=context, user=user, channel=channel)


def chosen_user() -> str:
    return _chosen["user"]


def chosen_channel() -> str:
    return _chosen["channel"]


def open_network(user: str = "", channel: str = "") -> Any:
    """A connected synchronous client, as a context manager."""
    from node.client import connect

    return connect(
        _chosen["context"] or None,
        user=user or _chosen["user"] or None,
        channel=channel or _chosen["channel"],
    )


def open_context() -> Context:
    """The context itself: its nodes and users, whatever channel is chosen."""
    from node.sdk.context import find_context

    return find_context(_chosen["context"] or None)
