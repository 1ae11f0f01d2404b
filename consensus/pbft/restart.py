"""A new life: take up where the WAL says this validator stopped (consensus.md section 5)."""

from __future__ import annotations

from consensus.api import Block, InvariantBroken, Restart
from consensus.header import block_hash
from consensus.pbft.admission import Admission
from consensus.pbft.messages import (
    Commit,
    Prepare,
    Proposal,
    decode_message,
    encode_message,
)
from consensus.pbft.normal import NormalCase
from consensus.pbft.records import Recovered, recover
from consensus.pbft.selection import select
from consensus.pbft.state import State
from consensus.pbft.view_change import ViewChanger


def restore(
    state: State, changer: ViewChanger, normal: NormalCase, admission: Admission, event: Restart
) -> None:
    """Bring back views and slots, and send again what was recorded, byte for byte."""
    if state.chain.halt_at_start is not None:
        state.out.append(state.chain.halt_at_start)
        state.is_halted = True
        return
    _check_epoch(state, event)
    epoch, window = state.validators.epoch, state.config.window
    found = recover(event.records, event.tip.height, window, epoch)
    admission.begin(event, found)
    if not state.can_vote or found.born_key is None:
        return
    _restore_views(state, changer, found)
    for proposal in found.older_proposals:
        _learn(normal, state, proposal)
    state.prepared.update(found.prepared)
    for height in sorted(found.proposals):
        _restore_slot(state, normal, found, height)
    lowest = state.slots.get(event.tip.height + 1)
    stands_on = lowest.proposal.header.parent_hash if lowest and lowest.proposal else None
    if stands_on not in (None, state.chain.tip_hash):
        changer.suspect("the chain went another way")


def _check_epoch(state: State, event: Restart) -> None:
    """The tip says who votes above it. Raises InvariantBroken: the driver made a core of other validators."""
    tip, chain = event.tip, state.chain
    if event.is_tip_config and chain.is_executed:
        raise InvariantBroken("a configuration block that is executed has its core above it")
    named = tip.validators_hash if event.is_tip_config else tip.next_validators_hash
    if named != state.validators_hash:
        raise InvariantBroken("these are not the validators that the tip names")
    if tip.height < state.base.height:
        raise InvariantBroken("the tip is below the block that this epoch stands on")


def _restore_views(state: State, changer: ViewChanger, found: Recovered) -> None:
    assert state.own_index is not None
    state.view, state.is_active = found.view, found.is_active
    if found.new_view is not None and found.is_active:
        state.new_view = found.new_view
        changes = found.new_view.view_changes
        state.selection = select(state.hash_, changes, state.base.block_hash, state.base.height)
        state.view_votes_above = found.view_votes_above
        for change in changes:
            if change.tip_cert is not None:
                state.chain.learn(change.tip_cert)
    if found.view_change is not None and not found.is_active:
        changer.own_message = encode_message(found.view_change)
        state.view_changes[state.own_index] = found.view_change
        if found.view_change.tip_cert is not None:
            state.chain.learn(found.view_change.tip_cert)
        state.broadcast(changer.own_message)
        changer.check()


def _learn(normal: NormalCase, state: State, proposal: Proposal) -> None:
    digest = block_hash(state.hash_, proposal.header)
    normal.learn_block(Block(proposal.header, proposal.tx_ids), digest, proposal.sender)


def _restore_slot(state: State, normal: NormalCase, found: Recovered, height: int) -> None:
    """An accepted slot stays accepted: it was checked before its record was written."""
    proposal = found.proposals[height]
    assert state.own_index is not None
    digest = block_hash(state.hash_, proposal.header)
    slot = state.slot(height)
    slot.proposal, slot.block_hash = proposal, digest
    slot.candidate = normal.learn_block(
        Block(proposal.header, proposal.tx_ids), digest, proposal.sender
    )
    slot.is_accepted = True
    for tx_id in proposal.tx_ids:
        state.in_flight[tx_id] = height
    if proposal.sender == state.own_index:
        slot.own_messages.append(encode_message(proposal))
    if height in found.prepares:
        data = found.prepares[height]
        prepare = decode_message(data)
        if not isinstance(prepare, Prepare) or prepare.block_hash != digest:
            raise InvariantBroken("a WAL record with another Prepare than its proposal's")
        slot.own_messages.append(data)
        slot.prepares[state.own_index] = (prepare.block_hash, prepare.signature)
    if height in found.commits:
        data = found.commits[height]
        commit = decode_message(data)
        assert isinstance(commit, Commit)
        slot.own_messages.append(data)
        slot.prepared = found.prepared[height]
        slot.is_commit_sent = True
        normal.on_commit(commit)
    for data in slot.own_messages:
        state.broadcast(data)
