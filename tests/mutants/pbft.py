"""Planted bugs: the simulator is accepted only if it finds them (testing.md section 5).

Each is a context manager that breaks one rule while it is open. Nothing of this is in the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from consensus.pbft import restart, view_change
from consensus.pbft.certificates import commit_cert
from consensus.pbft.messages import Commit, Proposal
from consensus.pbft.normal import NormalCase
from consensus.pbft.selection import Selection, select
from consensus.pbft.slot import Slot
from consensus.pbft.view_change import ViewChanger
from consensus.tags import Tag
from consensus.validators import ValidatorSet


@contextmanager
def quorum_2f1() -> Iterator[None]:
    """Section 1: 2f + 1 is a quorum only where n = 3f + 1."""
    with patch.object(ValidatorSet, "quorum", property(lambda self: 2 * self.faults + 1)):
        yield


@contextmanager
def vc_no_prepared() -> Iterator[None]:
    """R7: what was prepared is forgotten by the view change."""

    def forgetful(*args: Any) -> Selection:
        return replace(select(*args), blocks=())

    with patch.object(view_change, "select", forgetful):
        yield


@contextmanager
def lowest_view() -> Iterator[None]:
    """R7: the prepared block of the oldest view wins."""

    def oldest(hash_: Any, changes: Any, genesis_hash: Any) -> Selection:
        top = 1 << 32
        turned = [
            replace(c, prepared=tuple(replace(p, view=top - p.view) for p in c.prepared))
            for c in changes
        ]
        found = select(hash_, turned, genesis_hash)
        blocks = tuple((digest, replace(p, view=top - p.view)) for digest, p in found.blocks)
        return replace(found, blocks=blocks)

    with patch.object(view_change, "select", oldest):
        yield


@contextmanager
def commit_gap() -> Iterator[None]:
    """R3: a height is sealed although its parent was not."""
    vote_next = NormalCase._vote_next

    def hasty(self: NormalCase) -> bool:
        if vote_next(self):
            return True
        state = self._state
        for slot in list(state.slots.values()):
            if slot.is_accepted and slot.prepared is None:
                self._check_prepared(slot)
            if slot.prepared is not None and not slot.is_commit_sent:
                self._send_commit(slot)
                return True
        return False

    with patch.object(NormalCase, "_vote_next", hasty):
        yield


@contextmanager
def double_prepare() -> Iterator[None]:
    """R1: a second proposal at the same view and height is accepted too."""
    place = NormalCase._place

    def placing(self: NormalCase, message: Proposal, digest: Any, candidate: Any) -> None:
        slot = self._state.slots.get(message.header.height)
        if slot is not None and slot.proposal is not None and slot.block_hash != digest:
            fresh = Slot(slot.height, slot.opened_ms)
            fresh.prepares.update(slot.prepares)
            self._state.slots[slot.height] = fresh
            for tx_id in message.tx_ids:
                self._state.in_flight.pop(tx_id, None)
        place(self, message, digest, candidate)

    with patch.object(NormalCase, "_place", placing):
        yield


@contextmanager
def late_commit() -> Iterator[None]:
    """R6: a node that promised silence still seals what it had prepared."""
    move_to = ViewChanger._move_to

    def moving(self: ViewChanger, view: int, reason: str) -> None:
        state = self._state
        slots = dict(state.slots)
        old_view = state.view
        move_to(self, view, reason)
        for height, slot in slots.items():
            if slot.is_accepted and not slot.is_commit_sent and slot.block_hash and state.n > 1:
                vote = state.vote(height, old_view, slot.block_hash)
                seal = state.sign_vote(Tag.COMMIT_SEAL, vote)
                message = Commit(
                    vote.channel_id,
                    vote.epoch,
                    state.own_index or 0,
                    old_view,
                    height,
                    slot.block_hash,
                    seal,
                )
                state.broadcast(view_change.encode_message(message))

    with patch.object(ViewChanger, "_move_to", moving):
        yield


@contextmanager
def forgotten_view() -> Iterator[None]:
    """Section 5: after a restart the node is back in view 0 as if it had never promised anything."""
    recover = restart.recover

    def amnesiac(*args: Any) -> Any:
        found = recover(*args)
        found.view, found.is_active, found.new_view, found.view_change = 0, True, None, None
        found.proposals.clear()
        found.prepares.clear()
        found.commits.clear()
        return found

    with patch.object(restart, "recover", amnesiac):
        yield


@contextmanager
def mixed_seals() -> Iterator[None]:
    """R4: seals of different views are counted together."""

    def mixing(self: NormalCase, message: Commit) -> None:
        state = self._state
        if not state.is_in_reach(message.height):
            return
        seals = state.seals.setdefault(message.height, {})
        seals[message.sender] = message
        equal = {s: c.signature for s, c in seals.items() if c.block_hash == message.block_hash}
        if len(equal) >= state.validators.quorum:
            vote = state.vote(message.height, message.view, message.block_hash)
            state.chain.learn(commit_cert(vote, equal, state.n))

    with patch.object(NormalCase, "on_commit", mixing):
        yield


MUTANTS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "quorum_2f1": quorum_2f1,
    "vc_no_prepared": vc_no_prepared,
    "lowest_view": lowest_view,
    "commit_gap": commit_gap,
    "double_prepare": double_prepare,
    "late_commit": late_commit,
    "forgotten_view": forgotten_view,
    "mixed_seals": mixed_seals,
}
