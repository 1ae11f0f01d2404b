"""What each kind of change does to the validators, and what it must not do. Pure."""

from __future__ import annotations

from dataclasses import replace

from consensus.validators import VALIDATORS_MAX
from node.genesis import NodeEntry
from node.governance.state import Change, ConfigState, FormerKey, Record
from node.identity.errors import BadKey
from node.identity.suite import Suite

ADD, REMOVE, REPLACE_KEY = "add-validator", "remove-validator", "replace-key"
FORMER_KEYS_MAX = 512
OBSERVERS_MAX = 256


class Refused(Exception):
    """A config transaction that may not be; nothing changes. code: E_…, message: for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def describe(change: Change) -> str:
    """The change in words, for the inbox."""
    if change.kind == ADD and change.node is not None:
        return f"add validator {change.name} of {change.node.member_id}"
    if change.kind == REMOVE:
        return f"remove validator {change.name}: it observes from then on"
    return f"replace the vote key of {change.name} by {change.vote_key.hex()[:16]}…"


def make(state: ConfigState, change: Change, height: int, suite: Suite) -> ConfigState:
    """The state in which `change` is in force, in a new epoch. Raises Refused; never less than one validator.

    height: of the block that makes it so."""
    if change.kind == ADD:
        record = _add(state, change, suite)
    elif change.kind == REMOVE:
        record = _remove(state, change)
    else:
        record = _replace_key(state, change, suite)
    record = replace(
        record, epoch=state.epoch + 1, base_height=height, base_validators=state.validators
    )
    changed = replace(state, record=record)
    before, after = len(state.validators), len(changed.validators)
    assert after >= 1 and abs(after - before) <= 1
    return changed


def _add(state: ConfigState, change: Change, suite: Suite) -> Record:
    node, record = change.node, state.record
    assert node is not None
    if state.config.member(node.member_id) is None:
        raise Refused("E_UNKNOWN_MEMBER", f"{node.member_id} is no member of the channel")
    if len(state.config.nodes) >= VALIDATORS_MAX:
        raise Refused("E_TOO_MANY", f"a channel has at most {VALIDATORS_MAX} validators")
    held = state.named(node.name)
    if held is not None:
        is_return = held in state.observers and (held.identity_key, held.member_id) == (
            node.identity_key,
            node.member_id,
        )
        if not is_return:
            raise Refused("E_NODE_EXISTS", f"there is a node {node.name} already")
    _check_key(state, node.identity_key, "identity key", node.name, suite)
    _check_key(state, node.vote_key, "vote key", node.name, suite)
    if node.identity_key == node.vote_key:
        raise Refused("E_KEY_USED", "identity key and vote key are one key")
    if any(n.transport_cert == node.transport_cert for n in _others(state, node.name)):
        raise Refused("E_KEY_USED", "another node has this transport certificate")
    return replace(
        record,
        config=replace(state.config, nodes=(*state.config.nodes, node)),
        observers=tuple(n for n in record.observers if n.name != node.name),
        former=tuple(f for f in record.former if f.vote_key != node.vote_key),
    )


def _remove(state: ConfigState, change: Change) -> Record:
    node = _validator(state, change.name)
    if len(state.config.nodes) == 1:
        raise Refused("E_LAST_VALIDATOR", "a channel keeps at least one validator")
    if len(state.observers) >= OBSERVERS_MAX:
        raise Refused("E_TOO_MANY", f"a channel names at most {OBSERVERS_MAX} observers")
    return replace(
        state.record,
        config=replace(state.config, nodes=tuple(n for n in state.config.nodes if n != node)),
        observers=(*state.observers, node),
        former=_retire(state, node),
    )


def _replace_key(state: ConfigState, change: Change, suite: Suite) -> Record:
    """The node keeps its place, so no index moves."""
    node = _validator(state, change.name)
    if any(f.vote_key == change.vote_key for f in state.record.former):
        raise Refused("E_KEY_USED", "this key voted before: a replacement is a fresh key")
    _check_key(state, change.vote_key, "vote key", "", suite)
    renewed = replace(node, vote_key=change.vote_key)
    nodes = tuple(renewed if n == node else n for n in state.config.nodes)
    return replace(
        state.record, config=replace(state.config, nodes=nodes), former=_retire(state, node)
    )


def _validator(state: ConfigState, name: str) -> NodeEntry:
    node = state.node(name)
    if node is None:
        known = ", ".join(n.name for n in state.config.nodes)
        raise Refused("E_UNKNOWN_NODE", f"{name} is no validator; there are: {known}")
    return node


def _retire(state: ConfigState, node: NodeEntry) -> tuple[FormerKey, ...]:
    gone = FormerKey(node.vote_key, node.name, node.member_id, state.epoch)
    return (*state.record.former, gone)[-FORMER_KEYS_MAX:]


def _others(state: ConfigState, name: str) -> list[NodeEntry]:
    return [n for n in (*state.config.nodes, *state.observers) if n.name != name]


def _check_key(state: ConfigState, key: bytes, use: str, name: str, suite: Suite) -> None:
    """A point of the curve that nobody else holds. name: the node whose own former keys do not count."""
    try:
        suite.check_public_key(key)
    except BadKey:
        # No text of a library: the message stands in the receipt, the same on every node.
        raise Refused(
            "E_KEY_INVALID", f"the {use} is no public key of suite {suite.name}"
        ) from None
    used = {k for n in _others(state, name) for k in (n.identity_key, n.vote_key)}
    used |= {f.vote_key for f in state.record.former if f.name != name}
    used |= {i.public_key for i in state.config.identities}
    used |= {m.admin_key for m in state.config.members if m.admin_key}
    if key in used:
        raise Refused("E_KEY_USED", f"the {use} has another use in this channel already")
