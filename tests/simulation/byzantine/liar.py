"""What every behaviour starts from: it behaves, until a method is overridden."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from consensus.api import TxRef
from consensus.certificate import Seal
from consensus.encoding import Hash
from consensus.header import block_hash
from consensus.pbft.certificates import vote_message
from consensus.pbft.messages import (
    Commit,
    Message,
    NewView,
    Prepare,
    Proposal,
    Status,
    ViewChange,
    signed_bytes,
)
from consensus.tags import Tag
from tests.simulation.ghost import SUITE, hash_, vote_key

if TYPE_CHECKING:
    from tests.simulation.world import World

Vote = TypeVar("Vote", Proposal, Prepare, Commit)
Whole = TypeVar("Whole", ViewChange, NewView, Status)
TAGS = {Proposal: Tag.PROPOSAL, Prepare: Tag.PREPARE, Commit: Tag.COMMIT_SEAL}
HEARD_MAX = 60


class Liar:
    """One node's lies. `twist` is asked for every message to every target; `hear` sees what arrives."""

    def __init__(self, world: World, node: int, rng: random.Random) -> None:
        self.world = world
        self.node = node
        self.rng = rng
        self.heard: list[tuple[int, Message]] = []

    # --- to override

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        """What `target` is shown instead of `message`."""
        return [message]

    def on_heard(self, sender: int, message: Message) -> None:
        """A message arrived; the liar may send something of its own."""

    def delay_ms(self, message: Message) -> float:
        """How much later than it should it sends this."""
        return 0.0

    def hear_bodies(self, refs: tuple[TxRef, ...]) -> tuple[TxRef, ...]:
        """The transactions it is willing to know."""
        return refs

    def serve(self, kind: str, content: Any) -> Any:
        """What it answers on the node's own channels; None: nothing."""
        return content

    # --- means

    def hear(self, sender: int, message: Message) -> None:
        if len(self.heard) < HEARD_MAX:
            self.heard.append((sender, message))
        else:
            self.heard[self.rng.randrange(HEARD_MAX)] = (sender, message)
        self.on_heard(sender, message)

    @property
    def index(self) -> int | None:
        return self.world.nodes[self.node].members.index_of(self.node)

    @property
    def others(self) -> list[int]:
        return [i for i in self.world.nodes[self.node].members.nodes if i != self.node]

    def tell(self, target: int, message: Message | bytes) -> None:
        self.world.transmit(self.node, target, message)

    def tell_all(self, message: Message | bytes) -> None:
        for target in self.others:
            self.tell(target, message)

    def _key(self) -> bytes:
        members = self.world.nodes[self.node].members
        made = next((m for i, m in members.voters if i == self.node), 0)
        return vote_key(self.node, made)

    def resigned(self, message: Vote) -> Vote:
        """The same vote with its fields as they are now, signed for real."""
        if isinstance(message, Proposal):
            header = message.header
            epoch, height, digest = header.epoch, header.height, block_hash(hash_, header)
        else:
            epoch, height, digest = message.epoch, message.height, message.block_hash
        vote = Seal(self.world.genesis.channel_id, epoch, height, message.view, digest)
        signed = vote_message(TAGS[type(message)], SUITE, vote)
        return replace(message, signature=self.world.registry.sign(self._key(), signed))

    def resigned_whole(self, message: Whole) -> Whole:
        signature = self.world.registry.sign(self._key(), signed_bytes(message, SUITE))
        return replace(message, signature=signature)

    def vote(self, kind: type[Prepare] | type[Commit], view: int, height: int, digest: Hash) -> Any:
        epoch = self.world.nodes[self.node].members.epoch
        blank = kind(
            self.world.genesis.channel_id, epoch, self.index or 0, view, height, digest, _BLANK
        )
        return self.resigned(blank)


_BLANK: Any = bytes(64)
