"""What the pipeline needs of the links to the other city nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from node.genesis import ChannelConfig, NodeEntry
from node.peers.batch import PeerBatch, PeerId


class Network(Protocol):
    """`node.peers.network.PeerNetwork` in a node; in one process tests connect channels directly.

    Nothing here waits: queues are bounded, and what does not fit is dropped and sent again by the protocol.
    """

    def send(self, name: str, batch: PeerBatch) -> bool: ...

    def broadcast(self, batch: PeerBatch) -> None:
        """To every validator that is up."""
        ...

    def up(self) -> list[PeerId]: ...

    def reconfigure(
        self,
        config: ChannelConfig,
        observers: Sequence[NodeEntry],
        revoked: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        """Who is who from here on: validators with their indices, and the observers that are named. revoked:
        certificates by member and serial number, of which no link is left."""
        ...
