"""Brings an application up on chosen cities: its channel, its contracts, and its rules about who decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from node.apps import AppPackage, AppPolicy
from node.client import connect
from node.governance.calls import CONTRACT
from node.sdk.channels import ChannelOrder, Created, SignerOf, create_channel
from node.sdk.context import ChannelRef, Context
from node.sdk.errors import InvalidRequest


def deploy_app(
    context: Context,
    package: AppPackage,
    nodes: tuple[str, ...],
    *,
    name: str = "",
    followers: Mapping[str, str] | None = None,
    signer_of: SignerOf | None = None,
) -> Created:
    """Returns when every node takes part and the policies are in force. name: of the channel, empty for the
    application's own. context: of the network's own channel, with the operators' keys."""
    order = ChannelOrder(
        name or package.name,
        nodes,
        package.bundles(),
        engine=package.engine,
        suite=package.suite,
        members=package.members or None,
        followers=followers or {},
        window=package.window,
        limits=package.limits,
        zone=package.zone,
        jurisdiction=package.jurisdiction,
        resident=package.resident,
    )
    made = create_channel(context, order, signer_of)
    on = replace(context, channels=(ChannelRef(made.channel, made.channel_id, order.suite, nodes),))
    for rule in package.policies:
        _decide(on.on(made.channel), nodes, rule)
    return made


def _decide(on: Context, nodes: tuple[str, ...], rule: AppPolicy) -> None:
    """One operator proposes the policy, the others approve until it is in force. Raises CITY-8068."""
    args: dict[str, Any] = {"kind": rule.kind, "policy": rule.policy}
    method = "set_policy"
    for name in nodes:
        operator = on.node(name).operator
        if not operator:
            raise InvalidRequest("CITY-8068", context=on.name, node=name)
        with connect(on, user=operator) as net:
            done = net.call(CONTRACT, method, args, gas_limit=1)
        if done.value["in_force"]:
            return
        method, args = "approve", {"proposal": done.value["proposal"]}
