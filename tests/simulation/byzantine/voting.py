"""Lies of a voter: votes for everything, votes for some, votes again after forgetting."""

from __future__ import annotations

from consensus.header import block_hash
from consensus.pbft.messages import Commit, Message, Prepare, Proposal
from tests.simulation.byzantine.liar import Liar
from tests.simulation.ghost import hash_


class Promiscuous(Liar):
    """Prepares and seals every block it hears of, at once, in any view."""

    def on_heard(self, sender: int, message: Message) -> None:
        if isinstance(message, Proposal):
            place = (message.view, message.header.height, block_hash(hash_, message.header))
            epoch = message.header.epoch
        elif isinstance(message, Prepare | Commit):
            place = (message.view, message.height, message.block_hash)
            epoch = message.epoch
        else:
            return
        members = self.world.nodes[self.node].members
        if epoch != members.epoch or self.index is None:
            return
        key = ("promiscuous", *place)
        if self.world.first_time(self.node, key):
            self.tell_all(self.vote(Prepare, *place))
            self.tell_all(self.vote(Commit, *place))


class Selective(Liar):
    """Votes towards some and not towards others, by height: certificates come about here and not there."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        if isinstance(message, Prepare) and (target + message.height) % 3 == 0:
            return []
        if isinstance(message, Commit) and (target + message.height) % 2:
            return []
        return [message]


class Amnesiac(Liar):
    """Honest, but somebody puts an old image of its whole disk back, WAL and all (see operations): it
    then says the opposite of what it said, and is one of the f."""
