"""Keys of a channel: each has one use, for ever."""

from __future__ import annotations

from node.genesis import NodeEntry
from node.governance.refusals import Refused
from node.governance.state import CHANGED, ConfigState
from node.identity.errors import BadKey
from node.identity.suite import Suite


def other_nodes(state: ConfigState, name: str) -> list[NodeEntry]:
    return [n for n in (*state.config.nodes, *state.observers) if n.name != name]


def check_key(state: ConfigState, key: bytes, use: str, suite: Suite, node: str = "") -> None:
    """A point of the curve that nobody else holds or held. node: whose own keys, former ones too, do not count.

    Raises Refused."""
    try:
        suite.check_public_key(key)
    except BadKey:
        # No text of a library: the message stands in the receipt, the same on every node.
        raise Refused(
            "E_KEY_INVALID", f"the {use} is no public key of suite {suite.name}"
        ) from None
    used = {k for n in other_nodes(state, node) for k in (n.identity_key, n.vote_key)}
    used |= {f.vote_key for f in state.record.former if f.name != node}
    used |= {i.public_key for i in state.config.identities}
    used |= {f.identity.public_key for f in state.former if f.reason != CHANGED}
    used |= {m.admin_key for m in state.config.members if m.admin_key}
    if key in used:
        raise Refused("E_KEY_USED", f"the {use} has another use in this channel already")
