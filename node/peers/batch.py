"""What city nodes send each other on an established link, and who they are to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from consensus.encoding import Hash
from node.model import Envelope, StoredBlock


@dataclass(frozen=True, slots=True)
class PeerId:
    """A city node of the channel. identity: digest of its identity key; index: its position in the
    validator set, None for an observer."""

    name: str
    identity: Hash
    index: int | None


@dataclass(frozen=True, slots=True)
class PeerBatch:
    """Everything for one peer in one message; every part may be empty.

    consensus: canonical messages of the engine. want_blocks: (first, last), both included.
    tip_height: what the sender holds, a claim that nobody believes without certificates. blocks_from: the
    lowest block whose transactions it holds, 1 for all of them, 0 where it does not say. flags: those that the
    sender's build knows, None where it does not say."""

    consensus: tuple[bytes, ...] = ()
    transactions: tuple[Envelope, ...] = ()
    want_transactions: tuple[Hash, ...] = ()
    want_blocks: tuple[int, int] | None = None
    blocks: tuple[StoredBlock, ...] = ()
    tip_height: int = 0
    blocks_from: int = 0
    flags: tuple[str, ...] | None = None


class PeerHandler(Protocol):
    """The channel's side. `on_batch` is awaited before the peer's next batch is read: it should only hand
    over to a bounded inbox. A CityError it raises ends the link."""

    async def on_batch(self, peer: PeerId, batch: PeerBatch) -> None: ...

    def on_peer(self, peer: PeerId, up: bool) -> None: ...
