"""Everything a PBFT replica remembers, and the few verbs all its parts share."""

from __future__ import annotations

from consensus.api import Action, Block, Broadcast, EpochBase, Persist, Send, Signer, Verifier
from consensus.certificate import CommitCert, Seal
from consensus.encoding import Hash, Sig
from consensus.header import identity_digest, leaves_root
from consensus.ordering.blocks import BlockBook, Candidate
from consensus.ordering.chain import Chain
from consensus.ordering.requests import Requests
from consensus.pbft.certificates import PreparedCert, leader_of, vote_message
from consensus.pbft.config import PbftConfig
from consensus.pbft.messages import (
    Commit,
    Decided,
    Message,
    NewView,
    ViewChange,
    encode_message,
)
from consensus.pbft.pace import Pace
from consensus.pbft.records import Record, encode_record
from consensus.pbft.selection import Selection
from consensus.pbft.slot import Slot
from consensus.tags import Tag
from consensus.validators import ValidatorSet, validators_hash


class State:
    """Owned by one replica. `out` collects the actions of the current step, in order of durability."""

    def __init__(
        self,
        config: PbftConfig,
        validators: ValidatorSet,
        own_index: int | None,
        verifier: Verifier,
        signer: Signer | None,
        chain: Chain,
        base: EpochBase,
    ) -> None:
        self.config = config
        self.base = base
        self.validators = validators
        self.own_index = own_index
        self.hash_ = verifier.hash
        self._signer = signer
        self.chain = chain
        self.blocks = BlockBook(config, verifier.hash)
        self.requests = Requests(config)
        self.pace = Pace(config.status_interval_ms // 2)
        self.out: list[Action] = []
        # Steady time for all deadlines: never runs backwards. Wall time is for block timestamps only.
        self.now_ms = 0
        self.wall_ms = 0
        self.observer_reason: str | None = None
        self.is_halted = False
        self.is_ended = False

        self.validators_hash = validators_hash(verifier.hash, config.suite, validators)
        self.empty_root = leaves_root(verifier.hash, ())
        self.identities = [
            identity_digest(verifier.hash, config.suite, v.vote_key) for v in validators.validators
        ]

        self.n = len(validators)
        self.quorum = validators.quorum
        self.leader = 0
        self.view = 0
        self.is_active = True
        self.view_since_ms = 0
        self.view_change_reason = ""
        self.new_view: NewView | None = None
        self.selection = Selection(base.height, base.block_hash, None, ())
        # R13: no vote at or below these heights, for what this life and this view do not know.
        self.votes_above = 0
        self.view_votes_above = 0
        self.view_changes: dict[int, ViewChange] = {}
        self.failed_views = 0

        self.slots: dict[int, Slot] = {}
        self.seals: dict[int, dict[int, Commit]] = {}
        self.prepared: dict[int, PreparedCert] = {}
        self.in_flight: dict[Hash, int] = {}

        self.wanted_height = 0  # of a checkpoint that a validator asked for
        self.is_joining = False  # observing until it is safe to vote
        self.last_progress_ms = 0
        self.last_proposed_ms = 0

    # --- who

    @property
    def view(self) -> int:
        return self._view

    @view.setter
    def view(self, view: int) -> None:
        self._view = view
        self.leader = leader_of(view, self.validators)

    @property
    def can_vote(self) -> bool:
        return self.own_index is not None and self.observer_reason is None

    @property
    def is_ending(self) -> bool:
        """The tip is a configuration block: nothing of this core comes above it (R11)."""
        return self.chain.is_tip_config

    @property
    def vote_floor(self) -> int:
        return max(self.votes_above, self.view_votes_above)

    @property
    def epoch_tip_cert(self) -> CommitCert | None:
        """The certificate of the tip, None where that is the block this epoch stands on: like genesis, it
        needs none here, and its certificate is of another epoch."""
        return self.chain.tip_cert if self.chain.height > self.base.height else None

    @property
    def is_leader(self) -> bool:
        return self.leader == self.own_index and self.can_vote

    @property
    def timeout_ms(self) -> int:
        """Capped back-off; only a commit resets it (R9)."""
        return self.config.base_timeout_ms << min(self.failed_views, self.config.timeout_cap)

    # --- what is waiting

    @property
    def settle_height(self) -> int:
        """The height that empty blocks lead to: it shows every state, counting blocks in flight (decisions
        section 2.4), and reaches a checkpoint that was asked for."""
        filled = self.chain.last_filled
        for slot in self.slots.values():
            if slot.is_accepted and slot.proposal and slot.proposal.header.tx_count:
                filled = max(filled, slot.height)
        return max(filled + self.config.window if filled else 0, self.wanted_height)

    @property
    def has_work(self) -> bool:
        """Timers run exactly while this holds: derived, never toggled (FISCO PR#3107)."""
        return (
            len(self.requests) > 0
            or self.chain.height < self.chain.settled_height
            or self.chain.is_behind
            or self.chain.height < self.selection.base_height
            or self.chain.height < self.wanted_height
            or self.is_joining
            or any(slot.proposal is not None for slot in self.slots.values())
        )

    def slot(self, height: int) -> Slot:
        found = self.slots.get(height)
        if found is None:
            found = self.slots[height] = Slot(height, self.now_ms)
        return found

    def set_clock(self, wall_ms: int) -> None:
        """A clock set back must not freeze the timers until it has caught up with itself."""
        self.now_ms += max(0, wall_ms - self.wall_ms)
        self.wall_ms = wall_ms

    def is_in_reach(self, height: int) -> bool:
        return self.chain.height < height <= self.chain.height + self.config.horizon

    # --- verbs

    def vote(self, height: int, view: int, block_hash: Hash) -> Seal:
        return Seal(self.config.channel_id, self.validators.epoch, height, view, block_hash)

    @property
    def can_sign(self) -> bool:
        """Whether this node may say where it stands; what votes needs `can_vote`."""
        return self.own_index is not None

    def sign(self, message: bytes) -> Sig:
        assert self._signer is not None and self.can_vote, "an observer never votes"
        return self._signer.sign(message)

    def sign_standing(self, message: bytes) -> Sig:
        """For a Status or a CheckpointRequest, which bind to nothing."""
        assert self._signer is not None and self.can_sign
        return self._signer.sign(message)

    def sign_vote(self, tag: Tag, vote: Seal) -> Sig:
        return self.sign(vote_message(tag, self.config.suite, vote))

    def persist(self, *records: Record) -> None:
        self.out.append(Persist(tuple(encode_record(record) for record in records)))

    def broadcast(self, message: bytes) -> None:
        if self.n > 1:
            self.out.append(Broadcast(message))

    def send(self, to: int, message: Message | bytes) -> None:
        if to != self.own_index:
            data = message if isinstance(message, bytes) else encode_message(message)
            self.out.append(Send(to, data))

    def show(self, peer: int, cert: CommitCert) -> None:
        """To who speaks of a lower tip: what is committed, as often as it pays."""
        if self.pace.may_answer("decided", peer, (cert.height,), self.now_ms):
            self.send(peer, Decided(cert))

    def add_block(self, block: Block, block_hash: Hash, source: int) -> Candidate:
        """Remember a block by reference; those this node voted for are never pushed out."""
        return self.blocks.add(block, block_hash, source, self.requests.get, self._is_pinned)

    def _is_pinned(self, candidate: Candidate) -> bool:
        height = candidate.block.header.height
        slot, cert = self.slots.get(height), self.prepared.get(height)
        is_voted_for = slot is not None and slot.block_hash == candidate.block_hash
        return is_voted_for or (cert is not None and cert.header == candidate.block.header)

    def mark_accepted(self, slot: Slot) -> None:
        """From here on the block stands in the chain in flight, and its transactions are taken."""
        assert slot.candidate is not None and not slot.is_accepted
        slot.is_accepted = True
        for tx_id in slot.candidate.block.tx_ids:
            self.in_flight[tx_id] = slot.height
        self.requests.take(slot.candidate.block.tx_ids, self.now_ms)

    def clear_slots(self) -> None:
        """A view ended: what was only proposed in it is proposed afresh or selected."""
        self.slots.clear()
        self.in_flight.clear()
        self.requests.release()
