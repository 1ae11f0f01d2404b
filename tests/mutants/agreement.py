"""Mistakes in agreeing: quorums, votes, windows, seals, and what a new view must propose again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from consensus import certificate
from consensus.ordering.chain import Chain, Roots
from consensus.pbft import view_change
from consensus.pbft.certificates import commit_cert
from consensus.pbft.messages import Commit, Proposal
from consensus.pbft.normal import NormalCase
from consensus.pbft.selection import Selection, select
from consensus.pbft.slot import Slot
from consensus.pbft.view_change import ViewChanger
from consensus.tags import Tag
from consensus.validators import ValidatorSet
from tests.mutants.directed import four_views, leader_behind_base, older_view_wins
from tests.mutants.focus import (
    divided,
    late,
    lying,
    rough,
    rough_lying,
    wide,
)
from tests.mutants.mutant import Mutant, around, instead


@contextmanager
def quorum_2f1() -> Iterator[None]:
    """Everywhere: in the core and in what it takes for a certificate."""
    with (
        patch.object(ValidatorSet, "quorum", property(lambda self: 2 * self.faults + 1)),
        patch.object(certificate, "quorum", lambda n: 2 * ((n - 1) // 3) + 1),
    ):
        yield


def _forgetful(original: Any) -> Any:
    return lambda *args: replace(original(*args), blocks=())


def _oldest(original: Any) -> Any:
    def oldest(hash_: Any, changes: Any, *rest: Any) -> Selection:
        top = 1 << 32
        turned = [
            replace(c, prepared=tuple(replace(p, view=top - p.view) for p in c.prepared))
            for c in changes
        ]
        found = original(hash_, turned, *rest)
        blocks = tuple((digest, replace(p, view=top - p.view)) for digest, p in found.blocks)
        return replace(found, blocks=blocks)

    return oldest


def _hasty(original: Any) -> Any:
    def hasty(self: NormalCase) -> bool:
        if original(self):
            return True
        for slot in list(self._state.slots.values()):
            if slot.is_accepted and slot.prepared is None:
                self._check_prepared(slot)
            if slot.prepared is not None and not slot.is_commit_sent:
                self._send_commit(slot)
                return True
        return False

    return hasty


def _placing(original: Any) -> Any:
    def placing(self: NormalCase, message: Proposal, digest: Any, candidate: Any) -> None:
        slot = self._state.slots.get(message.header.height)
        if slot is not None and slot.proposal is not None and slot.block_hash != digest:
            fresh = Slot(slot.height, slot.opened_ms)
            fresh.prepares.update(slot.prepares)
            self._state.slots[slot.height] = fresh
            for tx_id in message.tx_ids:
                self._state.in_flight.pop(tx_id, None)
        original(self, message, digest, candidate)

    return placing


def _sealing_late(original: Any) -> Any:
    def moving(self: ViewChanger, view: int, reason: str) -> None:
        state = self._state
        slots, old_view = dict(state.slots), state.view
        original(self, view, reason)
        for height, slot in slots.items():
            if slot.is_accepted and not slot.is_commit_sent and slot.block_hash and state.n > 1:
                vote = state.vote(height, old_view, slot.block_hash)
                seal = state.sign_vote(Tag.COMMIT_SEAL, vote)
                place = (old_view, height, slot.block_hash, seal)
                message = Commit(vote.channel_id, vote.epoch, state.own_index or 0, *place)
                state.broadcast(view_change.encode_message(message))

    return moving


def _mixing(self: NormalCase, message: Commit) -> None:
    state = self._state
    if not state.is_in_reach(message.height):
        return
    seals = state.seals.setdefault(message.height, {})
    seals[message.sender] = message
    equal = {s: c.signature for s, c in seals.items() if c.block_hash == message.block_hash}
    if len(equal) >= state.validators.quorum:
        vote = state.vote(message.height, message.view, message.block_hash)
        state.chain.learn(commit_cert(vote, equal, state.n))


class _Baseless:
    """A selection whose base binds nobody."""

    base_height = 0

    def __init__(self, found: Selection) -> None:
        self._found = found
        self.base_hash, self.base_cert, self.blocks = found.base_hash, None, found.blocks

    def at(self, height: int) -> Any:
        return self._found.at(height)


@contextmanager
def base_unchecked() -> Iterator[None]:
    """What a ViewChange or NewView certifies is not learned either: it would show the base."""
    learn, is_deaf = Chain.learn, False

    def deafly(original: Any) -> Any:
        def hearing(self: ViewChanger, message: Any) -> None:
            nonlocal is_deaf
            before, is_deaf = is_deaf, True
            try:
                original(self, message)
            finally:
                is_deaf = before

        return hearing

    with (
        patch.object(view_change, "select", lambda *args: _Baseless(select(*args))),
        patch.object(Chain, "learn", lambda self, cert: not is_deaf and learn(self, cert)),
        patch.object(ViewChanger, "_enter", deafly(ViewChanger._enter)),
        patch.object(ViewChanger, "on_view_change", deafly(ViewChanger.on_view_change)),
    ):
        yield


def _trusting(original: Any) -> Any:
    def trusting(self: NormalCase, slot: Any, header: Any, *rest: Any) -> str | None:
        selection = self._state.selection
        self._state.selection = replace(selection, blocks=())
        try:
            fault: str | None = original(self, slot, header, *rest)
        finally:
            self._state.selection = selection
        return None if fault == "a fresh proposal in another's name" else fault

    return trusting


def _any_prepare(self: Slot) -> Any:
    votes = {sender: signature for sender, (_, signature) in self.prepares.items()}
    assert self.proposal is not None
    votes[self.proposal.sender] = self.proposal.signature
    return votes


def _no_backoff(original: Any) -> Any:
    def moving(self: ViewChanger, view: int, reason: str) -> None:
        original(self, view, reason)
        self._state.failed_views = 0

    return moving


AGREEMENT = (
    Mutant(
        "quorum_2f1", "q", "2f + 1 is a quorum only where n = 3f + 1", quorum_2f1, divided
    ),
    Mutant(
        "vc_no_prepared", "R7", "what was prepared is forgotten by the view change",
        around(view_change, "select", _forgetful), rough,
        told_in="One node committed alone and crashed, and the others must decide the same block",
    ),
    Mutant(
        "lowest_view", "R7", "the prepared block of the oldest view wins",
        around(view_change, "select", _oldest), directed=older_view_wins,
    ),
    Mutant(
        "base_unchecked", "R1, R8", "proposals at or below the view's base are made and accepted",
        base_unchecked, directed=leader_behind_base,
    ),
    Mutant(
        "trust_newview", "R7", "backups take whatever the new leader proposes",
        around(NormalCase, "_chain_fault", _trusting), rough_lying("equivocator"),
        told_in="A new leader that proposes something else than its view selected is left at once",
    ),
    Mutant(
        "double_prepare", "R1", "a second proposal at the same view and height is accepted too",
        around(NormalCase, "_place", _placing), lying("equivocator"),
    ),
    Mutant(
        "commit_gap", "R3", "a height is sealed although its parent was not",
        around(NormalCase, "_vote_next", _hasty), wide,
        told_in="No height is sealed before the one below it",
    ),
    Mutant(
        "late_commit", "R6", "a node that promised silence still seals what it had prepared",
        around(ViewChanger, "_move_to", _sealing_late), rough,
    ),
    Mutant(
        "mixed_seals", "R4", "seals of different views are counted together",
        instead(NormalCase, "on_commit", _mixing), directed=four_views,
    ),
    Mutant(
        "any_prepare", "R2", "votes counted without looking what they are for (bft-smart#62)",
        instead(Slot, "votes", _any_prepare), rough_lying("equivocator"),
    ),
    Mutant(
        "timer_reset_on_view_change", "R9", "back-off reset on more than a commit (FISCO PR#704)",
        around(ViewChanger, "_move_to", _no_backoff), late,
    ),
    Mutant(
        "roots_unchecked", "R1", "headers are voted for whatever roots they show",
        instead(Roots, "match", lambda self, header: True), lying("wrong_roots"),
    ),
)  # fmt: skip
