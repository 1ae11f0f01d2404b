"""What is on its way between nodes, and filters that choose among it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from consensus.api import Block, TxRef
from consensus.certificate import CommitCert
from consensus.encoding import Hash
from tests.scenarios.words import kind_of, place_of

# What drivers send each other beside consensus messages.


@dataclass(frozen=True)
class AskBodies:
    tx_ids: tuple[Hash, ...]


@dataclass(frozen=True)
class Bodies:
    txs: tuple[TxRef, ...]


@dataclass(frozen=True)
class AskBlocks:
    height: int


@dataclass(frozen=True)
class Blocks:
    blocks: tuple[tuple[Block, CommitCert], ...]


DRIVER_KINDS = (AskBodies, Bodies, AskBlocks, Blocks)


@dataclass(frozen=True)
class Packet:
    sender: int
    to: int
    content: Any


@dataclass(frozen=True)
class Filter:
    """None matches everything."""

    senders: tuple[int, ...] | None = None
    targets: tuple[int, ...] | None = None
    kinds: tuple[str, ...] | None = None
    views: tuple[int, ...] | None = None
    heights: tuple[int, ...] | None = None
    blocks: tuple[Hash, ...] | None = None

    def matches(self, packet: Packet) -> bool:
        view, height, digest = place_of(packet.content)
        wanted = (
            (self.senders, packet.sender),
            (self.targets, packet.to),
            (self.kinds, kind_of(packet.content)),
            (self.views, view),
            (self.heights, height),
            (self.blocks, digest),
        )
        return all(allowed is None or value in allowed for allowed, value in wanted)
