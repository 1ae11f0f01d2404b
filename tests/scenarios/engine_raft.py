"""Scenarios of ordering over Raft."""

from __future__ import annotations

from typing import Any

from consensus.api import PeerConnected
from consensus.raft.ordering import RaftConfig, RaftCore
from consensus.raft.ordering.config import ELECTION_TICKS
from consensus.raft.ordering.messages import Hello, decode_message
from tests.scenarios import clock as clocks
from tests.scenarios.cluster import Cluster, Node
from tests.scenarios.invariants_raft import RaftInvariants
from tests.scenarios.liar_raft import RaftLiar
from tests.scenarios.packets import Packet
from tests.scenarios.words_raft import RaftWords


class Raft:
    words = RaftWords
    invariants = RaftInvariants

    def config(self, **fields: Any) -> RaftConfig:
        return RaftConfig(**fields)

    def core(self, *parts: Any) -> RaftCore:
        return RaftCore(*parts)

    def decode_message(self, data: bytes) -> Any:
        return decode_message(data)

    def sizes(self, cluster: Cluster) -> str:
        majority = cluster.n // 2 + 1
        nodes = f"{cluster.n} node{'s' * (cluster.n > 1)}"
        return f"{nodes}, majority {majority}, window {cluster.config.window}"

    def begin(self, cluster: Cluster) -> None:
        """Links come up, everybody is heard, and the first member leads at once."""
        for node in cluster.nodes:
            self.link(cluster, node)
        cluster.drain()
        for packet in [p for p in cluster.history if isinstance(p.content, Hello)]:
            if packet.to in cluster.liars and not packet.content.is_reply:
                answer = RaftLiar(cluster, packet.to).hello(packet.content.nonce)
                cluster.enqueue(Packet(packet.to, packet.sender, answer))
        clocks.pass_time(cluster, cluster.config.base_timeout_ms // ELECTION_TICKS, True)

    def link(self, cluster: Cluster, node: Node) -> None:
        for position, other in enumerate(node.members.nodes):
            if node.core is None or other == node.index:
                continue
            if other in cluster.liars or cluster.nodes[other].core is not None:
                cluster.step(node, PeerConnected(cluster.now_of(node), position))

    def after_step(self, cluster: Cluster, node: Node) -> None:
        leads = 0
        if node.core is not None:
            status = node.core.status()
            position = node.members.index_of(node.index)
            leads = status.view if position is not None and status.leader == position else 0
        if leads and leads != node.leads:
            cluster.say(f"{node.index} leads term {leads}")
            invariants = cluster.invariants
            assert isinstance(invariants, RaftInvariants)
            invariants.on_leader(node.members.epoch, leads, node.index)
        elif node.leads and not leads and node.core is not None:
            cluster.say(f"{node.index} leads no more")
        node.leads = leads

    def standing(self, cluster: Cluster, node: Node) -> str:
        assert node.core is not None
        status = node.core.status()
        if status.leader < 0:
            return f"term {status.view}, no leader"
        leader = node.members.nodes[status.leader]
        verb = "leads" if leader == node.index else f"under {leader}"
        return f"term {status.view}, {verb}"

    def holdings(self, cluster: Cluster, node: Node) -> list[str]:
        assert isinstance(node.core, RaftCore)
        held = [
            f"{cluster.names.of(each.block_hash)}@{each.term}" for each in node.core._started.flight
        ]
        return ["holds " + " ".join(held)] if held else []

    def liar(self, cluster: Cluster, me: int, as_: int | None = None) -> RaftLiar:
        return RaftLiar(cluster, me, as_)
