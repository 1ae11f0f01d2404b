"""Checkpoints: what a quorum says about executed state, and waiting for one that was asked for (R13).

A Checkpoint is a statement of fact about an executed block, not a vote: nothing is prepared or committed by it,
so signing the same fact again after a restart contradicts nothing and needs no record in the WAL.
"""

from __future__ import annotations

from dataclasses import replace

from consensus.api import Halt
from consensus.encoding import ZERO_HASH, Hash, Sig
from consensus.pbft.messages import (
    Checkpoint,
    CheckpointRequest,
    encode_message,
    signed_bytes,
)
from consensus.pbft.state import State

KEPT_PER_SENDER = 4
_UNSIGNED = Sig(ZERO_HASH + ZERO_HASH)


class Checkpoints:
    """`stable` holds the equal Checkpoints of q validators at the highest height that has them: proof of a
    state for whoever fetches it. Bounded: a few checkpoints a validator, one request a pair of validators."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.stable: tuple[Checkpoint, ...] = ()
        self._said: dict[int, list[Checkpoint]] = {}
        self._own: dict[int, bytes] = {}
        self._manifests: dict[int, Hash] = {}
        self._handed_on: dict[int, dict[int, CheckpointRequest]] = {}  # by asker, then by who did
        self._granted_ms: dict[int, int] = {}
        self._answered_ms: dict[int, int] = {}

    @property
    def stable_height(self) -> int:
        return self.stable[0].height if self.stable else 0

    def equal_to(self, height: int) -> list[Checkpoint]:
        """Checkpoints at `height` that name the block and the state which this node has there itself."""
        known = self._state.chain.known(height)
        if known is None:
            return []
        return [
            one
            for said in self._said.values()
            for one in said
            if (one.height, one.block_hash, one.state_root)
            == (height, known[0], known[1].state_root)
        ]

    def heights(self) -> list[int]:
        """Heights that anybody has signed a checkpoint at, from the highest down."""
        heights = dict.fromkeys(one.height for said in self._said.values() for one in said)
        return sorted(heights, reverse=True)

    # --- signing

    def on_executed(self, height: int, manifest: Hash) -> None:
        """Sign every `checkpoint_interval` blocks, and where somebody asked."""
        state = self._state
        if manifest != ZERO_HASH:
            self._manifests = {height: manifest}
        is_regular = height % state.config.checkpoint_interval == 0
        if is_regular or any(one.height == height for one in self._own_requests()):
            self._sign(height)
        self._forget_to(height)

    def _forget_to(self, height: int) -> None:
        for asker, handed_on in list(self._handed_on.items()):
            above = {sender: one for sender, one in handed_on.items() if one.height > height}
            if above:
                self._handed_on[asker] = above
            else:
                del self._handed_on[asker]
        self._count_wanted()

    def _sign(self, height: int) -> None:
        state = self._state
        known = state.chain.known(height)
        if not state.can_vote or known is None or height in self._own:
            return
        assert state.own_index is not None
        unsigned = Checkpoint(
            state.config.channel_id,
            state.validators.epoch,
            state.own_index,
            height,
            known[0],
            known[1].state_root,
            self._manifests.get(height, ZERO_HASH),
            _UNSIGNED,
        )
        signature = state.sign(signed_bytes(unsigned, state.config.suite))
        message = replace(unsigned, signature=signature)
        self._own[height] = encode_message(message)
        if len(self._own) > KEPT_PER_SENDER:
            del self._own[next(iter(self._own))]
        state.broadcast(self._own[height])
        self.on_checkpoint(message)

    # --- messages

    def on_checkpoint(self, message: Checkpoint) -> None:
        """Counted by content: different statements never add up."""
        state = self._state
        said = self._said.setdefault(message.sender, [])
        if message in said:
            return
        said[:] = [one for one in said if one.height != message.height][1 - KEPT_PER_SENDER :]
        said.append(message)
        content = _content(message)
        equal = [one for each in self._said.values() for one in each if _content(one) == content]
        if message.height <= self.stable_height or len(equal) < state.quorum:
            return
        self.stable = tuple(equal)
        self._compare(message)

    def _compare(self, sealed: Checkpoint) -> None:
        """R12: a state that a quorum signed and that is not the own one stops the channel."""
        state = self._state
        known = state.chain.known(sealed.height)
        if known is not None and known[1].state_root != sealed.state_root:
            halt = Halt("checkpoint", sealed.height, known[1].state_root, sealed.state_root)
            state.out.append(halt)
            state.is_halted = True

    def on_request(self, message: CheckpointRequest, sender: int) -> None:
        """A height that was executed is signed at once. One within reach is handed on to all, but never sooner
        than `checkpoint_wait_ms` after the last one of the same validator: each may cost empty blocks."""
        state, asker, height = self._state, message.sender, message.height
        if height <= state.chain.height:
            self._answer(asker, height)
            return
        handed_on = self._handed_on.setdefault(asker, {})
        if sender != asker and (sender not in handed_on or handed_on[sender].height < height):
            handed_on[sender] = message
        if state.can_vote:
            self._hand_on(handed_on, message, is_asker=sender == asker)
        self._count_wanted()

    def _hand_on(
        self, handed_on: dict[int, CheckpointRequest], message: CheckpointRequest, is_asker: bool
    ) -> None:
        """Who asks may tell each of us another height. So what f + 1 have handed on is handed on too, whatever
        the limits: an honest one among them has looked at those."""
        state, asker = self._state, message.sender
        assert state.own_index is not None
        own = handed_on.get(state.own_index)
        own_height = own.height if own else 0
        vouched = _ranked(handed_on, state.validators.weak_quorum)
        granted_ms = self._granted_ms.get(asker)
        is_soon = (
            granted_ms is not None and state.now_ms - granted_ms < state.config.checkpoint_wait_ms
        )
        is_in_reach = message.height <= state.chain.height + 4 * state.config.window + 2
        if vouched is not None and vouched.height > own_height:
            own = vouched
        elif message.height > own_height and is_in_reach and not is_soon:
            self._granted_ms[asker] = state.now_ms
            own = message
        elif not (is_asker and message.height == own_height and self._may_answer(asker)):
            return
        assert own is not None
        handed_on[state.own_index] = own
        state.broadcast(encode_message(own))

    def _count_wanted(self) -> None:
        """Waiting work is what q - 1 besides the asker have handed on: then f + 1 honest ones have, and all
        others follow them. Work that only some know of would have them leave an honest leader."""
        needed = max(1, self._state.quorum - 1)
        agreed = (_ranked(handed_on, needed) for handed_on in self._handed_on.values())
        self._state.wanted_height = max((one.height for one in agreed if one), default=0)

    def round(self) -> None:
        """Every status interval while work waits: what was handed on may have been lost."""
        if self._state.can_vote:
            for own in self._own_requests():
                self._state.broadcast(encode_message(own))

    def _own_requests(self) -> list[CheckpointRequest]:
        """What this validator has handed on."""
        own = self._state.own_index
        return [] if own is None else [e[own] for e in self._handed_on.values() if own in e]

    def _may_answer(self, asker: int) -> bool:
        """One answer a validator and half an interval."""
        state = self._state
        answered_ms = self._answered_ms.get(asker)
        half_ms = state.config.status_interval_ms // 2
        if answered_ms is not None and state.now_ms - answered_ms < half_ms:
            return False
        self._answered_ms[asker] = state.now_ms
        return True

    def _answer(self, asker: int, height: int) -> None:
        if not self._may_answer(asker):
            return
        self._sign(height)
        if height in self._own:
            self._state.send(asker, self._own[height])


def _ranked(handed_on: dict[int, CheckpointRequest], count: int) -> CheckpointRequest | None:
    """The highest request that `count` validators have handed on, counting those who handed on a higher one."""
    ranked = sorted(handed_on.values(), key=lambda each: each.height, reverse=True)
    return ranked[count - 1] if len(ranked) >= count else None


def _content(message: Checkpoint) -> tuple[int, Hash, Hash, Hash]:
    return message.height, message.block_hash, message.state_root, message.manifest
