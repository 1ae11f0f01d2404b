"""Nodes: what each kind of change does to validators and to nodes that only follow. Pure.

Who votes, and with which key, changes with the epoch; the others come and go inside one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from consensus.tags import SUITE_IDS
from consensus.validators import VALIDATORS_MAX
from node.genesis import FOLLOWERS, ZONES, Identity, NodeEntry
from node.governance.houses import place, require_zone
from node.governance.keys import check_key, other_nodes
from node.governance.refusals import Refused
from node.governance.state import (
    NODE_ROLE,
    REPLACED,
    Change,
    ConfigState,
    FormerIdentity,
    FormerKey,
    Record,
)
from node.identity.certificates import parse
from node.identity.errors import BadKey, BadSm2Certificate
from node.identity.suite import Suite

FORMER_KEYS_MAX = 512
OBSERVERS_MAX = 256


def add_validator(state: ConfigState, change: Change, suite: Suite) -> Record:
    node, record = change.node, state.record
    _require_member(state, node)
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
    _check_node_keys(state, node, suite)
    return replace(
        record,
        config=replace(state.config, nodes=(*state.config.nodes, node)),
        observers=tuple(n for n in record.observers if n.name != node.name),
        former=tuple(f for f in record.former if f.vote_key != node.vote_key),
    )


def remove_validator(state: ConfigState, change: Change) -> Record:
    node = find_validator(state, change.name)
    if len(state.config.nodes) == 1:
        raise Refused("E_LAST_VALIDATOR", "a channel keeps at least one validator")
    _require_room(state)
    return replace(
        state.record,
        config=replace(state.config, nodes=tuple(n for n in state.config.nodes if n != node)),
        observers=(*state.observers, replace(node, role=FOLLOWERS[0])),
        former=_retire(state, node),
    )


def replace_key(state: ConfigState, change: Change, suite: Suite) -> Record:
    """The node keeps its place, so no index moves."""
    node, key = find_validator(state, change.name), change.args["vote_key"]
    if any(f.vote_key == key for f in state.record.former):
        raise Refused("E_KEY_USED", "this key voted before: a replacement is a fresh key")
    check_key(state, key, "vote key", suite)
    renewed = replace(node, vote_key=key)
    nodes = tuple(renewed if n == node else n for n in state.config.nodes)
    return replace(
        state.record, config=replace(state.config, nodes=nodes), former=_retire(state, node)
    )


def replace_transport(state: ConfigState, change: Change, suite: Suite) -> ConfigState:
    """Of a validator or of a node that is named: its peers pin the new certificate from this block on."""
    node, der = find_node(state, change.name), change.args["transport_cert"]
    if der == node.transport_cert:
        raise Refused("E_NO_CHANGE", f"{node.name} has this certificate already")
    try:
        found = parse(der)
    except (BadSm2Certificate, BadKey):
        raise Refused("E_CERTIFICATE", "the certificate cannot be read") from None
    if found.suite_id != SUITE_IDS["intl"] or found.is_authority:
        raise Refused("E_CERTIFICATE", "it is no certificate of a node: TLS of peers is P-256")
    if state.is_revoked(node.member_id, found.serial):
        raise Refused("E_REVOKED", f"certificate {found.serial} of {node.member_id} is revoked")
    for other in other_nodes(state, node.name):
        if other.transport_cert == der:
            raise Refused("E_KEY_USED", "another node has this transport certificate")
    return _with_entry(state, node, replace(node, transport_cert=der))


def replace_identity(state: ConfigState, change: Change, height: int, suite: Suite) -> ConfigState:
    """The same node under another key; the former one stays in the history and never comes back."""
    node, key = find_node(state, change.name), change.args["identity_key"]
    check_key(state, key, "identity key", suite)
    held = Identity(node.name, node.member_id, node.identity_key, (NODE_ROLE,))
    state = _with_entry(state, node, replace(node, identity_key=key))
    former = (*state.former, FormerIdentity(held, height, REPLACED))
    return replace(
        state,
        former=tuple(sorted(former, key=lambda f: (f.until_height, f.identity.public_key))),
    )


def add_node(state: ConfigState, change: Change, suite: Suite) -> ConfigState:
    """It follows, and is known by name, key and certificate as validators are."""
    node = change.node
    _require_member(state, node)
    _require_room(state)
    _require_role(node.role)
    if state.named(node.name) is not None:
        raise Refused("E_NODE_EXISTS", f"there is a node {node.name} already")
    _check_node_keys(state, node, suite)
    return _with_observers(state, (*state.observers, node))


def remove_node(state: ConfigState, change: Change) -> ConfigState:
    node = _follower(state, change.name)
    return _with_observers(state, tuple(n for n in state.observers if n != node))


def set_node_role(state: ConfigState, args: dict[str, Any]) -> ConfigState:
    node, role = _follower(state, args["name"]), args["role"]
    _require_role(role)
    if node.role == role:
        raise Refused("E_NO_CHANGE", f"{node.name} is {role} already")
    after = replace(node, role=role)
    return _with_observers(state, tuple(after if n == node else n for n in state.observers))


def _with_entry(state: ConfigState, before: NodeEntry, after: NodeEntry) -> ConfigState:
    """Validator or not, it keeps its place."""
    nodes = tuple(after if n == before else n for n in state.config.nodes)
    observers = tuple(after if n == before else n for n in state.observers)
    config = replace(state.config, nodes=nodes)
    return replace(state, record=replace(state.record, config=config, observers=observers))


def set_zones(state: ConfigState, args: dict[str, Any]) -> ConfigState:
    """Beside its own; nobody is left outside by it."""
    own, zones = state.config.zone, tuple(sorted(args["zones"]))
    if not own:
        raise Refused("E_ZONE", "a channel of no zone takes nodes of every zone")
    if own in zones or not set(zones) <= set(ZONES):
        raise Refused("E_ZONE", f"other zones than {own} are: {', '.join({*ZONES} - {own})}")
    if zones == state.statutes.zones:
        raise Refused("E_NO_CHANGE", "these zones' nodes may take part already")
    after = replace(state, statutes=replace(state.statutes, zones=zones))
    for member in state.config.members:
        require_zone(after, member)
    for node in (*state.config.nodes, *state.observers):
        require_zone(after, node)
    return after


def _with_observers(state: ConfigState, observers: tuple[NodeEntry, ...]) -> ConfigState:
    return replace(state, record=replace(state.record, observers=observers))


def find_validator(state: ConfigState, name: str) -> NodeEntry:
    node = state.node(name)
    if node is None:
        known = ", ".join(n.name for n in state.config.nodes)
        raise Refused("E_UNKNOWN_NODE", f"{name} is no validator; there are: {known}")
    return node


def find_node(state: ConfigState, name: str) -> NodeEntry:
    """A node that the configuration names, with a vote or without."""
    node = state.named(name)
    if node is None:
        raise Refused("E_UNKNOWN_NODE", f"the configuration names no node {name}")
    return node


def _follower(state: ConfigState, name: str) -> NodeEntry:
    if state.node(name) is not None:
        raise Refused("E_UNKNOWN_NODE", f"{name} votes: remove-validator comes first")
    return find_node(state, name)


def _require_role(role: str) -> None:
    if role not in FOLLOWERS:
        raise Refused("E_ROLES", f"a node without a vote is {', '.join(FOLLOWERS)}, not {role}")


def _require_member(state: ConfigState, node: NodeEntry) -> None:
    place({"zone": node.zone})
    require_zone(state, node)
    if state.config.member(node.member_id) is None:
        raise Refused("E_UNKNOWN_MEMBER", f"{node.member_id} is no member of the channel")


def _require_room(state: ConfigState) -> None:
    if len(state.observers) >= OBSERVERS_MAX:
        raise Refused("E_TOO_MANY", f"a channel names at most {OBSERVERS_MAX} observers")


def _check_node_keys(state: ConfigState, node: NodeEntry, suite: Suite) -> None:
    check_key(state, node.identity_key, "identity key", suite, node.name)
    if node.vote_key:
        check_key(state, node.vote_key, "vote key", suite, node.name)
    if node.identity_key == node.vote_key:
        raise Refused("E_KEY_USED", "identity key and vote key are one key")
    if any(n.transport_cert == node.transport_cert for n in other_nodes(state, node.name)):
        raise Refused("E_KEY_USED", "another node has this transport certificate")


def _retire(state: ConfigState, node: NodeEntry) -> tuple[FormerKey, ...]:
    gone = FormerKey(node.vote_key, node.name, node.member_id, state.epoch)
    return (*state.record.former, gone)[-FORMER_KEYS_MAX:]
