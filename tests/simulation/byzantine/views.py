"""Lies about views: what was prepared is hidden, views are far, NewViews are old or made up."""

from __future__ import annotations

from dataclasses import replace

from consensus.encoding import Hash
from consensus.pbft.messages import Commit, Message, NewView, Prepare, ViewChange
from tests.simulation.byzantine.liar import Liar
from tests.simulation.ghost import hash_


class Hider(Liar):
    """Its ViewChanges know of no prepared block and, now and then, of no tip."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        if not isinstance(message, ViewChange) or message.sender != self.index:
            return [message]
        tip = None if message.new_view % 2 else message.tip_cert
        return [self.resigned_whole(replace(message, prepared=(), tip_cert=tip))]


class TwoFaced(Liar):
    """Tells some what it prepared and others that it prepared nothing, in the same view change."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        if not isinstance(message, ViewChange) or message.sender != self.index or target % 2:
            return [message]
        return [self.resigned_whole(replace(message, prepared=()))]


class Spammer(Liar):
    """ViewChanges for far views and votes for far heights, at every opportunity."""

    def _vote_far(self) -> None:
        height = self.rng.choice((5, 40, 1_000, 1 << 40)) + self.rng.randrange(100)
        digest = Hash(hash_(b"far"))
        view = self.rng.randrange(3)
        self.tell_all(self.vote(Prepare, view, height, digest))
        self.tell_all(self.vote(Commit, view, height, digest))

    def on_heard(self, sender: int, message: Message) -> None:
        node = self.world.nodes[self.node]
        if self.index is None or self.rng.random() < 0.8:
            return
        self._vote_far()
        view = self.rng.choice((1, 2, 5, 1_000, (1 << 63), (1 << 64) - 1))
        self.tell_all(
            self.resigned_whole(
                ViewChange(
                    self.world.genesis.channel_id,
                    node.members.epoch,
                    self.index,
                    view,
                    None,
                    (),
                    "far" * self.rng.choice((1, 30)),
                    _blank(),
                )
            )
        )


class StaleNewView(Liar):
    """Sends old NewViews again and again, its own and others'."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        old: list[Message | bytes] = [m for _, m in self.heard if isinstance(m, NewView)]
        return [message, *old[:1]] if self.rng.random() < 0.3 else [message]

    def on_heard(self, sender: int, message: Message) -> None:
        if isinstance(message, ViewChange) and self.rng.random() < 0.3:
            for _, old in self.heard:
                if isinstance(old, NewView):
                    self.tell(self.rng.choice(self.others), old)
                    return


class BadNewView(Liar):
    """As leader of a new view: too few ViewChanges, one twice, prepared blocks left out or of its own
    choosing."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        if not isinstance(message, NewView) or message.sender != self.index:
            return [message]
        changes = message.view_changes
        match (message.view + target) % 4:
            case 0:
                changes = changes[:-1]
            case 1:
                changes = (*changes[:-1], changes[0])
            case 2:
                changes = (replace(changes[0], prepared=()), *changes[1:])
            case _:
                others = [
                    m
                    for _, m in self.heard
                    if isinstance(m, ViewChange) and m.new_view == message.view
                ]
                if others:
                    changes = tuple(
                        others[-1] if c.sender == others[-1].sender else c for c in changes
                    )
        return [self.resigned_whole(replace(message, view_changes=changes))]


def _blank() -> object:
    return bytes(64)
