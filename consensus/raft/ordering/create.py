"""What a leader adds to the log, and when: fresh blocks, settling blocks, configuration blocks.

The chain it builds on is provisional: the blocks in its own log above the tip. It is thrown away with the
leadership. A new leader adds nothing before the empty entry of its term is committed and every block below it
delivered: until then it does not know which blocks of its predecessors count.
"""

from __future__ import annotations

from consensus.api import Block, TxRef
from consensus.encoding import Hash, encode
from consensus.header import HEADER_VERSION, Header, block_hash, leaves_root
from consensus.ordering.rules import PATIENCE
from consensus.raft.ordering.accept import Accepted
from consensus.raft.ordering.messages import BlockEntry
from consensus.raft.ordering.state import State
from consensus.raft.state import ProposalDropped


class Creator:
    """A block is made when `block_txs_max` transactions wait or `block_wait_ms` after the oldest of them; an
    empty one only to settle (decisions sections 2.4 and 4.3). At most W are in flight, and what fills no block
    waits for those, as in PBFT."""

    def __init__(self, state: State, accepted: dict[Hash, Accepted]) -> None:
        self._state = state
        self._accepted = accepted

    @property
    def is_serving(self) -> bool:
        """Whether this leader knows everything that its log began with."""
        state = self._state
        if not state.is_leader or state.is_halted or state.chain.is_behind:
            return False
        if state.raft is None or state.raft.is_handing_over:
            return False
        if state.applied_index < state.first_index or state.config_height is not None:
            return False
        if state.committed.height > state.chain.height:
            return False  # committed blocks are missing here, and no certificate of theirs was heard yet
        return all(flying.index > state.first_index for flying in state.flight)

    def create_at_ms(self) -> int | None:
        """When this leader may make a block; None if it may not or has nothing to."""
        state = self._state
        if not self.is_serving:
            return None
        header, _ = state.flight.stand_on(state.chain.tip, state.chain.tip_hash)
        if header.height + 1 > state.chain.height + state.config.window:
            return None
        if state.chain.roots_for(header.height + 1) is None:
            return None
        last = state.flight.last
        if last is not None and last.is_config:
            return None
        is_idle = header.height == state.chain.height and state.chain.is_executed
        wait_ms = state.config.block_wait_ms * (1 if is_idle else PATIENCE)
        since_ms = state.requests.free_since_ms()
        if since_ms is not None:
            if state.requests.next_config() and not self._may_change(header.height):
                return None
            if state.requests.is_block_full:
                return state.now_ms
            return since_ms + wait_ms
        if header.height >= state.settle_height:
            return None
        if header.tx_count == 0:
            return state.now_ms
        return max(state.last_progress_ms, state.last_proposed_ms) + wait_ms

    def _may_change(self, head_height: int) -> bool:
        """A configuration block stands directly on an executed tip."""
        return head_height == self._state.chain.height and self._state.chain.is_executed

    def create_next(self) -> bool:
        """Adds the next block to the log. False if it is not the time."""
        state = self._state
        at_ms = self.create_at_ms()
        if at_ms is None or at_ms > state.now_ms:
            return False
        refs = state.requests.choose()
        next_hash, evidence_root = state.validators_hash, state.empty_root
        parent, parent_hash = state.flight.stand_on(state.chain.tip, state.chain.tip_hash)
        if refs and refs[0].is_config:
            effect = state.effect_above_tip(parent.height + 1, refs[0].tx_id)
            if effect is None:
                return False
            next_hash, evidence_root = effect
        roots = state.chain.roots_for(parent.height + 1)
        assert roots is not None and state.own_index is not None
        header = Header(
            version=HEADER_VERSION,
            suite=state.config.suite,
            channel_id=state.config.channel_id,
            epoch=state.validators.epoch,
            height=parent.height + 1,
            parent_hash=parent_hash,
            proposer=state.identities[state.own_index],
            tx_root=leaves_root(state.hash_, [ref.leaf for ref in refs]),
            tx_count=len(refs),
            state_root=roots.state_root,
            receipts_root=roots.receipts_root,
            timestamp_ms=max(state.wall_ms, parent.timestamp_ms + 1),
            validators_hash=state.validators_hash,
            next_validators_hash=next_hash,
            config_hash=state.config.config_hash,
            evidence_root=evidence_root,
        )
        return self._propose(header, refs)

    def _propose(self, header: Header, refs: list[TxRef]) -> bool:
        state = self._state
        assert state.raft is not None and state.own_index is not None
        block = Block(header, tuple(ref.tx_id for ref in refs))
        digest = block_hash(state.hash_, header)
        try:
            state.raft.propose(encode(BlockEntry(header, block.tx_ids)))
        except ProposalDropped:
            return False  # leadership is going, or too much is on its way: later, or somebody else
        leaves = tuple(ref.leaf for ref in refs)
        is_config = any(ref.is_config for ref in refs)
        self._accepted[digest] = Accepted(header.height, leaves, is_config)
        state.last_proposed_ms = state.now_ms
        return True
