"""A channel that is being made, against the consortium's directory: are its nodes registered, is it listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from consensus.encoding import encode
from node.client import connect
from node.genesis import ChannelConfig
from node.hosting.cards import NodeCard
from node.sdk.context import Context
from node.sdk.directory import Directory, check_cards, holds_directory
from node.sdk.errors import InvalidRequest

if TYPE_CHECKING:
    from node.sdk.channels import ChannelOrder


@dataclass(frozen=True, slots=True)
class Listing:
    """context: of the channel with the directory. user: who lists it, an admin of who owns one of its
    validators."""

    context: Context
    order: ChannelOrder
    user: str

    @classmethod
    def open(
        cls, context: Context, own: ChannelConfig, order: ChannelOrder, user: str
    ) -> Listing | None:
        """None where the network has no directory. Raises CITY-8068, CITY-8072 for nodes that are not in it."""
        if not holds_directory(own):
            return None
        first = context.node(order.nodes[0])
        if not (user or first.operator):
            raise InvalidRequest("CITY-8068", context=context.name, node=first.name)
        found = cls(context, order, user or first.operator)
        with connect(context, user=found.user) as net:
            nodes = Directory(net).active("node")
        for name in [context.node(each).name for each in order.roles]:
            if name not in nodes:
                raise InvalidRequest("CITY-8072", node=name, reason="it is not registered")
        return found

    def check(self, own: ChannelConfig, cards: Mapping[str, NodeCard]) -> ChannelConfig:
        """`own` with the members that are registered. A node whose key of this suite is not registered enters
        it, by its operator. cards: of the nodes, by name. Raises CITY-8072."""
        order = self.order
        with connect(self.context, user=self.user) as net:
            members, nodes = Directory(net).active("member"), Directory(net).active("node")
        for name, card in cards.items():
            row, operator = nodes[name], self.context.node(name).operator
            if order.suite in row["keys"] or not operator:
                continue
            key = card.node.identity_key.hex()
            with connect(self.context, user=operator) as net:
                Directory(net).say("set_node_key", name=name, suite=order.suite, key=key)
            row["keys"][order.suite] = key
        roles = {self.context.node(name).name: role for name, role in order.roles.items()}
        check_cards(nodes, [(card, roles[name]) for name, card in cards.items()], order.suite)
        return replace(own, members=tuple(m for m in own.members if m.member_id in members))

    def list(self, config: ChannelConfig) -> None:
        with connect(self.context, user=self.user) as net:
            Directory(net).say("list_channel", config=encode(config))
