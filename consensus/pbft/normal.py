"""The normal case: accept, prepare, commit, deliver (rules R1 to R4, R8, R12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from consensus.api import Accuse, Block, Deliver, Keep, Need
from consensus.certificate import CommitCert
from consensus.encoding import Hash, Sig, encode
from consensus.header import HEADER_VERSION, Header, block_hash
from consensus.ordering.blocks import Candidate
from consensus.pbft.certificates import commit_cert, prepared_cert
from consensus.pbft.evidence import make_evidence
from consensus.pbft.messages import (
    Commit,
    Prepare,
    Proposal,
    encode_message,
)
from consensus.pbft.propose import Proposer
from consensus.pbft.reconfiguration import Reconfiguration
from consensus.pbft.records import Accepted, Prepared
from consensus.pbft.slot import Slot
from consensus.pbft.state import State
from consensus.tags import Tag


class NormalCase:
    """What an active view does. `advance` runs after every input, until nothing more follows."""

    def __init__(
        self,
        state: State,
        proposer: Proposer,
        reconfiguration: Reconfiguration,
        suspect: Callable[[str], None],
    ) -> None:
        self._state = state
        self._proposer = proposer
        self._reconfiguration = reconfiguration
        self._suspect = suspect

    def advance(self) -> None:
        state = self._state
        while not (state.is_halted or state.is_ending) and (
            self._commit_next() or self._vote_next() or self._proposer.propose_next()
        ):
            pass

    # --- messages

    def on_proposal(self, message: Proposal) -> None:
        """A proposal of any view: its block and parent_cert are worth knowing; votes need the current one."""
        state, header = self._state, message.header
        is_current = message.view == state.view and state.is_active
        if message.parent_cert is not None:
            state.chain.learn(message.parent_cert)
        if header.height <= state.chain.height:
            # A leader behind its voters would wait for ever: show it what is committed (R8).
            if is_current and state.chain.tip_cert is not None:
                state.show(message.sender, state.chain.tip_cert)
            return
        if not state.is_in_reach(header.height) or state.is_ending:
            return
        is_next = header.height == state.chain.height + 1
        if header.config_hash != state.config.config_hash and not is_next:
            return  # of a configuration that is still to come: nothing to judge it by
        fault = self._header_fault(header)
        if fault is not None:
            if is_current:
                self._suspect(fault)
            return
        digest = block_hash(state.hash_, header)
        candidate = self.learn_block(Block(header, message.tx_ids), digest, message.sender)
        if is_current:
            self._place(message, digest, candidate)

    def learn_block(self, block: Block, digest: Hash, source: int) -> Candidate:
        """Remember a block by reference and ask for the bodies it needs."""
        state = self._state
        candidate = state.add_block(block, digest, source)
        if candidate.missing:
            state.out.append(Need(tuple(candidate.missing), source))
        return candidate

    def _header_fault(self, header: Header) -> str | None:
        """Faults anybody can see; every honest proposer's header is free of them."""
        state, config = self._state, self._state.config
        expected = (HEADER_VERSION, config.suite, config.channel_id, state.validators.epoch)
        if (header.version, header.suite, header.channel_id, header.epoch) != expected:
            return "header of another version, suite, channel or epoch"
        if header.validators_hash != state.validators_hash:
            return "header of other validators"
        if header.config_hash != config.config_hash:
            return "header of another configuration"
        if header.proposer not in state.identities:
            return "header of an unknown proposer"
        return None

    def _place(self, message: Proposal, digest: Hash, candidate: Candidate) -> None:
        state = self._state
        slot = state.slot(message.header.height)
        if slot.proposal is not None:
            if slot.block_hash != digest:
                self._accuse_proposer(slot, message, digest)
            return
        is_fresh = state.selection.at(slot.height) is None
        if is_fresh and not self._is_timely(message.header):
            return  # clocks differ or the message is old: no proof of a fault, the timer decides
        slot.proposal, slot.block_hash, slot.candidate = message, digest, candidate

    def _is_timely(self, header: Header) -> bool:
        """Near the own time; or, where the chain's time ran ahead (of a validator that was alone with a wrong
        clock, say), as little above the tip's as can be until the world has caught up."""
        state = self._state
        if abs(header.timestamp_ms - state.wall_ms) <= state.config.drift_ms:
            return True
        tip = state.chain.tip
        least_ms = tip.timestamp_ms + header.height - tip.height
        return state.wall_ms < header.timestamp_ms == least_ms

    def _accuse_proposer(self, slot: Slot, message: Proposal, digest: Hash) -> None:
        assert slot.proposal is not None and slot.block_hash is not None
        self._accuse(
            "proposal",
            message.sender,
            (slot.height, message.view),
            (slot.block_hash, slot.proposal.signature),
            (digest, message.signature),
        )
        self._suspect("two proposals at one height")

    def _accuse(
        self,
        kind: str,
        sender: int,
        place: tuple[int, int],
        one: tuple[Hash, Sig],
        other: tuple[Hash, Sig],
    ) -> None:
        state = self._state
        vote = state.vote(place[0], place[1], one[0])
        key = state.validators.key(sender)
        evidence = make_evidence(kind, key, vote, one[1], *other)
        state.out.append(Accuse(encode(evidence)))

    def on_prepare(self, message: Prepare) -> None:
        state = self._state
        if message.view != state.view or not state.is_active or message.sender == state.leader:
            return
        if not state.is_in_reach(message.height):
            return
        prepares = state.slot(message.height).prepares
        vote = (message.block_hash, message.signature)
        held = prepares.setdefault(message.sender, vote)
        if held[0] != message.block_hash:
            place = (message.height, message.view)
            self._accuse("prepare", message.sender, place, held, vote)

    def on_commit(self, message: Commit) -> None:
        """Seals count in whatever view they were made, but only with others of that view (R4)."""
        state = self._state
        if not state.is_in_reach(message.height):
            return
        seals = state.seals.setdefault(message.height, {})
        held = seals.get(message.sender)
        if held is not None and held.view >= message.view:
            if held.view == message.view and held.block_hash != message.block_hash:
                place = (message.height, message.view)
                one = (held.block_hash, held.signature)
                other = (message.block_hash, message.signature)
                self._accuse("commit", message.sender, place, one, other)
            return
        seals[message.sender] = message
        if len(seals) < state.quorum:
            return
        vote = state.vote(message.height, message.view, message.block_hash)
        equal = {
            sender: seal.signature
            for sender, seal in seals.items()
            if seal.view == message.view and seal.block_hash == message.block_hash
        }
        if len(equal) >= state.quorum:
            state.chain.learn(commit_cert(vote, equal, state.n))

    # --- committing

    def _commit_next(self) -> bool:
        state = self._state
        cert = state.chain.next_cert()
        if cert is None:
            return False
        candidate = state.blocks.complete(cert.block_hash, cert.height)
        if candidate is None:
            return False
        self.commit(candidate.block, cert, candidate.is_config)
        return True

    def commit(self, block: Block, cert: CommitCert, is_config: bool) -> None:
        """Make a certified block the tip and hand it to execution."""
        state = self._state
        height = block.header.height
        halt = state.chain.advance(block, cert.block_hash, cert, is_config)
        state.out.append(Deliver(block, cert))
        slot = state.slots.pop(height, None)
        dropped = slot.candidate.block.tx_ids if slot and slot.candidate else ()
        for tx_id in (*block.tx_ids, *dropped):
            state.in_flight.pop(tx_id, None)
        state.seals.pop(height, None)
        state.prepared.pop(height, None)
        state.blocks.forget_to(height)
        state.requests.committed(block.tx_ids, state.now_ms)
        state.failed_views = 0
        state.last_progress_ms = state.now_ms
        if halt is not None:
            state.out.append(halt)
            state.is_halted = True
        elif slot is not None and slot.is_accepted and slot.block_hash != cert.block_hash:
            above = state.slots.get(height + 1)
            if above is not None and above.is_accepted:
                # Another view went another way. What stands on the replaced block must not be voted for
                # any more, and a second vote at those heights of this view would be a lie.
                self._suspect("the chain went another way")

    # --- voting

    def _vote_next(self) -> bool:
        """Take the lowest slot one step further: accept, prepared, commit."""
        state = self._state
        tip = state.chain.height
        if not (state.can_vote and state.is_active):
            return False
        may_commit = True
        for height in range(tip + 1, tip + state.config.window + 1):
            slot = state.slots.get(height)
            if slot is None or slot.proposal is None:
                return False
            if not slot.is_accepted:
                return self._try_accept(slot)
            if slot.prepared is None:
                self._check_prepared(slot)
            # R3: a height is never sealed before its parent is sealed or committed.
            if may_commit and slot.prepared is not None and not slot.is_commit_sent:
                self._send_commit(slot)
                return True
            may_commit = slot.is_commit_sent
        return False

    def _try_accept(self, slot: Slot) -> bool:
        """R1. False while something is missing; a provable fault moves to the next view instead."""
        state, proposal = self._state, slot.proposal
        assert proposal is not None and slot.block_hash is not None
        if slot.height <= max(state.selection.base_height, state.vote_floor):
            return False
        if state.chain.height < state.selection.base_height:
            return False  # R8: fetch first
        header = proposal.header
        parent = self._parent(slot.height)
        if parent is None:
            return False
        parent_header, parent_hash = parent
        candidate = state.blocks.complete(slot.block_hash, slot.height)
        fault = self._chain_fault(slot, header, parent_header, parent_hash)
        if (
            fault is None
            and candidate is None
            and slot.candidate
            and slot.candidate.is_valid is False
        ):
            fault = "transactions that do not fit the header"
        roots = state.chain.roots_for(slot.height)
        if fault is None and roots is not None and not roots.match(header):
            fault = "roots that differ from the own execution"
        if fault is None and candidate is not None:
            fault = self._content_fault(header, candidate)
        if fault:
            self._suspect(fault)
            return False
        if candidate is None or roots is None or fault is not None:
            return False
        slot.candidate = candidate
        self._send_prepare(slot, proposal)
        return True

    def _content_fault(self, header: Header, candidate: Candidate) -> str | None:
        """Judges a complete block. The empty text: it has to wait."""
        if self._is_repeating(candidate):
            return "a transaction that is already in the chain"
        if not self._reconfiguration.is_next(candidate):
            return ""
        return self._reconfiguration.fault(header, candidate)

    def _parent(self, height: int) -> tuple[Header, Hash] | None:
        """What a block at `height` has to stand on; None where nothing may stand there yet."""
        state = self._state
        if height == state.chain.height + 1:
            return state.chain.tip, state.chain.tip_hash
        below = state.slots.get(height - 1)
        if below is None or not below.is_accepted:
            return None
        assert below.candidate is not None
        if not below.candidate.is_valid or below.candidate.is_config:
            return None  # R11; after a restart its transactions may not be known again yet
        assert below.proposal is not None and below.block_hash is not None
        return below.proposal.header, below.block_hash

    def _chain_fault(
        self, slot: Slot, header: Header, parent: Header, parent_hash: Hash
    ) -> str | None:
        if header.parent_hash != parent_hash:
            return "a proposal that is not on the chain"
        if header.timestamp_ms <= parent.timestamp_ms:
            return "a timestamp not after its parent's"
        selected = self._state.selection.at(slot.height)
        if selected is not None and selected[0] != slot.block_hash:
            return "a proposal other than the selected block"
        if selected is None and header.proposer != self._state.identities[self._state.leader]:
            return "a fresh proposal in another's name"
        return None

    def _is_repeating(self, candidate: Candidate) -> bool:
        flying, is_recent = self._state.in_flight, self._state.chain.is_recent
        return any(tx_id in flying or is_recent(tx_id) for tx_id in candidate.block.tx_ids)

    def _send_prepare(self, slot: Slot, proposal: Proposal) -> None:
        state = self._state
        assert slot.block_hash is not None and slot.candidate is not None
        assert state.own_index is not None
        vote = state.vote(slot.height, state.view, slot.block_hash)
        signature = state.sign_vote(Tag.PREPARE, vote)
        prepare = encode_message(
            Prepare(
                vote.channel_id,
                vote.epoch,
                state.own_index,
                state.view,
                slot.height,
                slot.block_hash,
                signature,
            )
        )
        state.mark_accepted(slot)
        stored = encode_message(replace(proposal, parent_cert=None))
        block = slot.candidate.block
        leaves = state.blocks.leaves(slot.block_hash, block)
        state.out.append(Keep(slot.height, block.tx_ids, leaves))
        state.persist(Accepted(vote.epoch, state.view, slot.height, stored, prepare))
        state.broadcast(prepare)
        slot.prepares[state.own_index] = (slot.block_hash, signature)
        slot.own_messages.append(prepare)

    def _check_prepared(self, slot: Slot) -> None:
        state = self._state
        if len(slot.prepares) + 1 < state.quorum:
            return
        votes = slot.votes()
        if len(votes) < state.quorum:
            return
        assert slot.proposal is not None
        cert = prepared_cert(state.view, slot.proposal.header, votes, state.n)
        slot.prepared = state.prepared[slot.height] = cert

    def _send_commit(self, slot: Slot) -> None:
        state = self._state
        assert slot.block_hash is not None and slot.prepared is not None
        assert state.own_index is not None
        vote = state.vote(slot.height, state.view, slot.block_hash)
        message = Commit(
            vote.channel_id,
            vote.epoch,
            state.own_index,
            state.view,
            slot.height,
            slot.block_hash,
            state.sign_vote(Tag.COMMIT_SEAL, vote),
        )
        commit = encode_message(message)
        slot.is_commit_sent = True
        slot.own_messages.append(commit)
        state.persist(Prepared(vote.epoch, state.view, slot.height, slot.prepared, commit))
        state.broadcast(commit)
        self.on_commit(message)
