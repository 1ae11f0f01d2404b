"""Scenarios of PBFT."""

from __future__ import annotations

from typing import Any

from consensus.pbft import PbftConfig, PbftCore
from consensus.pbft.messages import StatusRequest, decode_message
from tests.scenarios.cluster import Cluster, Node
from tests.scenarios.invariants import Invariants
from tests.scenarios.liar import Liar
from tests.scenarios.packets import Packet
from tests.scenarios.words import Words


class Pbft:
    words = Words
    invariants = Invariants

    def config(self, **fields: Any) -> PbftConfig:
        return PbftConfig(**fields)

    def core(self, *parts: Any) -> PbftCore:
        return PbftCore(*parts)

    def decode_message(self, data: bytes) -> Any:
        return decode_message(data)

    def sizes(self, cluster: Cluster) -> str:
        nodes = f"{cluster.n} node{'s' * (cluster.n > 1)}"
        return f"{nodes}, quorum {cluster.validators.quorum}, window {cluster.config.window}"

    def begin(self, cluster: Cluster) -> None:
        cluster.drain()
        for packet in [p for p in cluster.history if isinstance(p.content, StatusRequest)]:
            if packet.to in cluster.liars:
                answer = Liar(cluster, packet.to).status(0, 0, packet.content.nonce)
                cluster.enqueue(Packet(packet.to, packet.sender, answer))
        cluster.drain()

    def link(self, cluster: Cluster, node: Node) -> None:
        """Its first votes tell as much."""

    def after_step(self, cluster: Cluster, node: Node) -> None:
        """Changes of view are messages and records, which say themselves."""

    def standing(self, cluster: Cluster, node: Node) -> str:
        assert node.core is not None
        status = node.core.status()
        return f"view {status.view}" + ("" if status.is_active else " changing")

    def holdings(self, cluster: Cluster, node: Node) -> list[str]:
        assert isinstance(node.core, PbftCore)
        state, parts = node.core._started, []
        for height in sorted(state.slots):
            slot = state.slots[height]
            if slot.block_hash is None:
                continue
            phase = "sealed" if slot.is_commit_sent else "accepted" if slot.is_accepted else "holds"
            parts.append(f"{phase} {cluster.names.of(slot.block_hash)}")
        held = [cluster.names.certificate(state.prepared[h]) for h in sorted(state.prepared)]
        if held:
            parts.append("prepared " + " ".join(held))
        return parts

    def liar(self, cluster: Cluster, me: int, as_: int | None = None) -> Liar:
        return Liar(cluster, me, as_)
