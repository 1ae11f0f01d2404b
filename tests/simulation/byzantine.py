"""Byzantine behaviours: wrappers over what an honest core sends. They hold one key and cannot forge others.

First of the library: the equivocating leader, who also seals whatever it proposed.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.certificate import Seal
from consensus.encoding import Hash, Sig
from consensus.header import Header, block_hash
from consensus.pbft.certificates import vote_message
from consensus.pbft.messages import Commit, Message, Prepare, Proposal
from consensus.tags import Tag
from tests.simulation.ghost import SUITE, hash_

if TYPE_CHECKING:
    from tests.simulation.world import World


class Equivocator:
    """Proposes two blocks at a height, shows each to some, and votes for both wherever it helps."""

    def __init__(self, world: World, index: int, rng: random.Random) -> None:
        self._world = world
        self._index = index
        self._rng = rng
        self._twins: dict[tuple[int, int], tuple[Header, Hash]] = {}
        self._sides: dict[tuple[int, int, int], str] = {}

    def twist(self, message: Message, target: int) -> list[Message]:
        """What `target` is shown instead of `message`: that, its twin, or now and then both."""
        if not isinstance(message, Proposal | Prepare | Commit):
            return [message]
        twin = self._twin(message)
        if twin is None:
            return [message]
        place = (message.view, twin.header.height if isinstance(twin, Proposal) else twin.height)
        side = self._side(place, target)
        return {"both": [message, twin], "twin": [twin], "own": [message]}[side]

    def _twin(self, message: Proposal | Prepare | Commit) -> Proposal | Prepare | Commit | None:
        if not isinstance(message, Proposal):
            return self._twin_vote(message)
        place = (message.view, message.header.height)
        if place not in self._twins:
            header = replace(message.header, timestamp_ms=message.header.timestamp_ms + 1)
            self._twins[place] = (header, block_hash(hash_, header))
        header, digest = self._twins[place]
        signature = self._sign(Tag.PROPOSAL, message.view, header.height, digest)
        return replace(message, header=header, signature=signature)

    def _side(self, place: tuple[int, int], target: int) -> str:
        key = (*place, target)
        if key not in self._sides:
            self._sides[key] = self._rng.choice(("own", "own", "twin", "twin", "both"))
        return self._sides[key]

    def _twin_vote(self, message: Prepare | Commit) -> Prepare | Commit | None:
        place = (message.view, message.height)
        other = self._other_hash(place, message.block_hash)
        if other is None:
            return None
        tag = Tag.PREPARE if isinstance(message, Prepare) else Tag.COMMIT_SEAL
        if tag == Tag.COMMIT_SEAL:
            self._world.checkers.on_seal(self._index, message.height, message.view, other)
        signature = self._sign(tag, message.view, message.height, other)
        return replace(message, block_hash=other, signature=signature)

    def _other_hash(self, place: tuple[int, int], digest: Hash) -> Hash | None:
        twin = self._twins.get(place)
        if twin is not None:
            return twin[1]
        # As a mere voter: another block heard of at this place, if any.
        for (kind, _, view, height), held in self._world.checkers.votes.items():
            if (view, height) == place and held != digest and kind == "proposal":
                return held
        return None

    def _sign(self, tag: Tag, view: int, height: int, digest: Hash) -> Sig:
        vote = Seal(self._world.genesis.channel_id, 0, height, view, digest)
        key = self._world.validators.key(self._index)
        return self._world.registry.sign(key, vote_message(tag, SUITE, vote))
