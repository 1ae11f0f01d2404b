"""`make(state, change, height, suite)`: the state in which a change is in force. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from contracts.runtime import values
from node.governance import houses, papers, quotas, seats, statutes
from node.governance.calls import PLACE, WHEN
from node.governance.houses import find_identity, house_roles
from node.governance.kinds import BY_METHOD
from node.governance.refusals import Refused
from node.governance.state import (
    ADD,
    REMOVE,
    REPLACE_KEY,
    Change,
    ConfigState,
)
from node.identity.suite import Suite

SEEN = ("name", "city", *PLACE)
Make = Callable[[ConfigState, dict[str, Any], int, Suite], ConfigState]
_OF_HOUSES: dict[str, Make] = {
    "add-member": houses.add_member,
    "set-member": houses.set_member,
    "remove-member": houses.remove_member,
    "set-authority": papers.set_authority,
    "add-identity": houses.add_identity,
    "revoke-identity": houses.revoke_identity,
    "replace-identity-key": houses.replace_identity_key,
    "set-roles": houses.set_roles,
    "revoke-certificate": houses.revoke_certificate,
}


def change_of(state: ConfigState, method: str, args: dict[str, Any], suite: Suite) -> Change:
    """What a call asks for, without when."""
    kind = BY_METHOD[method]
    given = {name: value for name, value in args.items() if name not in WHEN}
    subject = args[kind.subject] if kind.subject else kind.name.removeprefix("set-")
    if method == "set_quota":
        subject = quotas.named(args["member"], args["application"])
    if kind.subject == "identity":
        subject = find_identity(state, args["identity"], suite).name
    return Change(kind.name, subject, values.encode(given))


def make(state: ConfigState, change: Change, height: int, suite: Suite) -> ConfigState:
    """The state in which `change` is in force. Raises Refused; never less than one validator.

    height: of the block that makes it so."""
    of_house = _OF_HOUSES.get(change.kind)
    if change.kind in (ADD, REMOVE, REPLACE_KEY):
        changed = _reseated(state, change, height, suite)
    elif of_house is not None:
        changed = of_house(state, change.args, height, suite)
    else:
        changed = _make_other(state, change, height, suite)
    statutes.require_decidable(changed)
    return changed


def _make_other(state: ConfigState, change: Change, height: int, suite: Suite) -> ConfigState:
    args = change.args
    match change.kind:
        case "add-node":
            return seats.add_node(state, change, suite)
        case "remove-node":
            return seats.remove_node(state, change)
        case "replace-transport":
            return seats.replace_transport(state, change, suite)
        case "replace-node-identity":
            return seats.replace_identity(state, change, height, suite)
        case "set-node-role":
            return seats.set_node_role(state, args)
        case "set-limits":
            return statutes.set_limits(state, args)
        case "set-quota":
            return quotas.set_quota(state, args)
        case "set-policy":
            return statutes.set_policy(state, args)
        case "set-zones":
            return seats.set_zones(state, args)
        case "cancel-flag":
            return statutes.cancel_flag(state, args, height)
        case _:
            assert change.kind == "activate-flag"
            return statutes.activate_flag(state, args, height)


def _reseated(state: ConfigState, change: Change, height: int, suite: Suite) -> ConfigState:
    """In a new epoch: one validator or key changed."""
    if change.kind == ADD:
        record = seats.add_validator(state, change, suite)
    elif change.kind == REMOVE:
        record = seats.remove_validator(state, change)
    else:
        record = seats.replace_key(state, change, suite)
    record = replace(
        record, epoch=state.epoch + 1, base_height=height, base_validators=state.validators
    )
    changed = replace(state, record=record)
    before, after = len(state.validators), len(changed.validators)
    assert after >= 1 and abs(after - before) <= 1
    return changed


def is_own(state: ConfigState, change: Change, member: str, suite: Suite) -> bool:
    """Whether it is this member's own affair. Raises Refused where it is another's and nobody else's."""
    args = change.args
    match change.kind:
        case "replace-key" | "replace-transport" | "replace-node-identity":
            is_vote = change.kind == REPLACE_KEY
            find = seats.find_validator if is_vote else seats.find_node
            owner = find(state, change.name).member_id
            if owner != member:
                raise Refused("E_NOT_OWNER", f"the keys of {change.name} are {owner}'s to replace")
            return True
        case "replace-identity-key":
            # Another member's by the policy: a member that lost all its keys can do nothing by itself.
            return find_identity(state, args["identity"], suite).member_id == member
        case "add-identity":
            return args["member_id"] == member and _may_give(state, member, args)
        case "set-roles":
            owner = find_identity(state, args["identity"], suite).member_id
            return owner == member and _may_give(state, member, args)
        case "revoke-identity":
            return find_identity(state, args["identity"], suite).member_id == member
        case "revoke-certificate" | "set-authority":
            return bool(args["member_id"] == member)
        case "remove-node":
            node = state.named(change.name)
            return node is not None and node.member_id == member
        case "set-member":
            return args["member_id"] == member and _is_inner(state, member, args)
        case _:
            return False


def _may_give(state: ConfigState, member: str, args: dict[str, Any]) -> bool:
    return set(args["roles"]) <= house_roles(state, member)


def _is_inner(state: ConfigState, member: str, args: dict[str, Any]) -> bool:
    """Keys and authority of the own house; what others see and rely on stays."""
    before = houses.find_member(state, member)
    granted = next((m.roles for m in state.statutes.members if m.member_id == member), ())
    is_same = all(getattr(before, name) == args.get(name, getattr(before, name)) for name in SEEN)
    return is_same and set(args["roles"]) == set(granted)
