"""What a leader proposes, and when: fresh blocks, settling blocks, blocks its view selected (R7, R8)."""

from __future__ import annotations

from collections.abc import Callable

from consensus.api import Block, Keep
from consensus.encoding import Hash
from consensus.header import HEADER_VERSION, Header, block_hash, leaves_root
from consensus.ordering.rules import PATIENCE
from consensus.pbft.messages import BlockRequest, Proposal, encode_message
from consensus.pbft.reconfiguration import Reconfiguration
from consensus.pbft.records import Proposed
from consensus.pbft.state import State
from consensus.tags import Tag


class Proposer:
    """A block is proposed when `block_txs_max` transactions wait or `block_wait_ms` after the oldest of
    them; an empty one only to settle (decisions sections 2.4 and 4.3).

    While blocks are under way, ordered or executed, more of them would each cost its share and bring nothing
    that the next one does not: what fills no block waits for them, up to PATIENCE times as long, and settling
    waits too. A window above 1 is for full blocks."""

    def __init__(
        self, state: State, reconfiguration: Reconfiguration, suspect: Callable[[str], None]
    ) -> None:
        self._state = state
        self._reconfiguration = reconfiguration
        self._suspect = suspect

    def _head(self) -> tuple[int, Header, Hash]:
        """The highest accepted block of this view on the tip."""
        state = self._state
        height, header, digest = state.chain.height, state.chain.tip, state.chain.tip_hash
        while (slot := state.slots.get(height + 1)) is not None and slot.is_accepted:
            assert slot.proposal is not None and slot.block_hash is not None
            height, header, digest = slot.height, slot.proposal.header, slot.block_hash
        return height, header, digest

    def _is_closed(self, height: int) -> bool:
        """Whether nothing may stand on the block at `height` yet: it changes the configuration, or may do so,
        as its transactions are not known again after a restart (R11)."""
        state = self._state
        if height == state.chain.height:
            return state.is_ending
        candidate = state.slots[height].candidate
        return candidate is None or not candidate.is_valid or candidate.is_config

    def _may_vote(self, height: int) -> bool:
        state = self._state
        is_reached = state.chain.height < height <= state.chain.height + state.config.window
        return is_reached and height > state.vote_floor

    def propose_at_ms(self) -> int | None:
        """When this leader may propose afresh; None if it may not or has nothing to."""
        state = self._state
        if not (state.is_leader and state.is_active) or state.is_halted:
            return None
        height, header, _ = self._head()
        if not self._may_vote(height + 1) or self._is_closed(height):
            return None
        if state.chain.height < state.selection.base_height or state.chain.is_behind:
            return None  # R8: a leader behind base proposes nothing
        if state.selection.at(height + 1) is not None:
            return None
        if state.chain.roots_for(height + 1) is None:
            return None
        is_idle = height == state.chain.height and state.chain.is_executed
        wait_ms = state.config.block_wait_ms * (1 if is_idle else PATIENCE)
        since_ms = state.requests.free_since_ms()
        config = state.requests.next_config()
        if config is not None and (height > state.chain.height or not state.chain.is_executed):
            return None  # it waits until all below is executed, and so does what came after it
        if since_ms is not None:
            if state.requests.is_block_full:
                return state.now_ms
            return since_ms + wait_ms
        if height >= state.settle_height:
            return None
        if header.tx_count == 0:
            return state.now_ms
        return max(state.last_progress_ms, state.last_proposed_ms) + wait_ms

    def propose_next(self) -> bool:
        state = self._state
        if self._propose_selected():
            return True
        at_ms = self.propose_at_ms()
        if at_ms is None or at_ms > state.now_ms:
            return False
        height, parent, parent_hash = self._head()
        roots = state.chain.roots_for(height + 1)
        assert roots is not None and state.own_index is not None
        refs = state.requests.choose()
        tx_ids = tuple(ref.tx_id for ref in refs)
        is_config = bool(refs) and refs[0].is_config
        promised = self._reconfiguration.promise(tx_ids, is_config)
        if promised is None:
            state.requests.drop(tx_ids)  # the driver has no body of it any more
            return True
        header = Header(
            version=HEADER_VERSION,
            suite=state.config.suite,
            channel_id=state.config.channel_id,
            epoch=state.validators.epoch,
            height=height + 1,
            parent_hash=parent_hash,
            proposer=state.identities[state.own_index],
            tx_root=leaves_root(state.hash_, [ref.leaf for ref in refs]),
            tx_count=len(refs),
            state_root=roots.state_root,
            receipts_root=roots.receipts_root,
            timestamp_ms=max(state.wall_ms, parent.timestamp_ms + 1),
            validators_hash=state.validators_hash,
            next_validators_hash=promised[0],
            config_hash=state.config.config_hash,
            evidence_root=promised[1],
        )
        self._send_proposal(Block(header, tx_ids))
        return True

    def _propose_selected(self) -> bool:
        """A new leader proposes again what its view selected, unchanged (R7)."""
        state = self._state
        if not (state.is_leader and state.is_active):
            return False
        height, _, parent_hash = self._head()
        if state.chain.height < state.selection.base_height:
            return False
        selected = state.selection.at(height + 1)
        if selected is None or not self._may_vote(height + 1) or self._is_closed(height):
            return False
        digest, cert = selected
        if cert.header.parent_hash != parent_hash:
            # Not a fork: a later view committed another block below, and this leader heard of it late.
            self._suspect("the chain went another way")
            return False
        candidate = state.blocks.complete(digest, height + 1)
        roots = state.chain.roots_for(height + 1)
        if candidate is None or roots is None or not self._reconfiguration.is_next(candidate):
            return False
        fault = self._reconfiguration.fault(cert.header, candidate)
        if not roots.match(cert.header):
            fault = "the selected block's roots differ from the own execution"
        if fault is not None:
            if fault:
                self._suspect(fault)
            return False
        self._send_proposal(candidate.block)
        return True

    def wanted_block(self) -> Hash | None:
        """The selected block this leader has to propose next and does not have."""
        state = self._state
        if not (state.is_leader and state.is_active):
            return None
        height, _, _ = self._head()
        selected = state.selection.at(height + 1)
        if selected is None or state.chain.height < state.selection.base_height:
            return None
        return selected[0] if state.blocks.complete(selected[0], height + 1) is None else None

    def ask_for_block(self) -> None:
        wanted = self.wanted_block()
        if wanted is not None:
            channel_id = self._state.config.channel_id
            self._state.broadcast(encode_message(BlockRequest(channel_id, wanted)))

    def _send_proposal(self, block: Block) -> None:
        state, header = self._state, block.header
        assert state.own_index is not None
        digest = block_hash(state.hash_, header)
        vote = state.vote(header.height, state.view, digest)
        tip_cert = state.chain.tip_cert
        is_on_tip = header.height == state.chain.height + 1
        message = Proposal(
            state.own_index,
            state.view,
            header,
            block.tx_ids,
            tip_cert if is_on_tip else None,
            state.sign_vote(Tag.PROPOSAL, vote),
        )
        slot = state.slot(header.height)
        assert slot.proposal is None, "one proposal a height and view"
        slot.proposal, slot.block_hash = message, digest
        slot.candidate = state.add_block(block, digest, state.own_index)
        state.mark_accepted(slot)
        data = encode_message(message)
        state.last_proposed_ms = state.now_ms
        state.out.append(Keep(header.height, block.tx_ids, state.blocks.leaves(digest, block)))
        state.persist(Proposed(state.validators.epoch, state.view, header.height, data))
        state.broadcast(data)
        slot.own_messages.append(data)
