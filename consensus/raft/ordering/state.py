"""Everything a Raft ordering core remembers, and the few verbs that its parts share."""

from __future__ import annotations

from consensus.api import (
    Action,
    Block,
    Broadcast,
    Configuration,
    EpochBase,
    Halt,
    Persist,
    Send,
    Signer,
    Verifier,
)
from consensus.encoding import ZERO_HASH, Hash, encode
from consensus.header import identity_digest, leaves_root
from consensus.ordering.blocks import BlockBook, Candidate
from consensus.ordering.chain import Chain
from consensus.ordering.requests import Requests
from consensus.raft.membership import Configuration as Members
from consensus.raft.messages import EntryId, Snapshot
from consensus.raft.node import RaftNode
from consensus.raft.ordering.config import RaftConfig
from consensus.raft.ordering.flight import Flight
from consensus.raft.ordering.messages import (
    BlockPointer,
    Head,
    Message,
    decode_pointer,
    encode_message,
)
from consensus.raft.ordering.records import NO_BLOCK, NO_ENTRY, Record, encode_record
from consensus.raft.ordering.seals import SealBook
from consensus.raft.state import Role
from consensus.raft.storage import StableLog
from consensus.validators import ValidatorSet, validators_hash


class State:
    """Owned by one core. `out` collects the actions of the current step, in order of durability.

    raft: the pure core; None while this node observes. now_ms is steady time for deadlines, wall_ms the
    clock for block timestamps."""

    def __init__(
        self,
        config: RaftConfig,
        validators: ValidatorSet,
        own_index: int | None,
        verifier: Verifier,
        signer: Signer | None,
        configuration: Configuration | None,
        base: EpochBase,
        chain: Chain,
    ) -> None:
        self.config, self.validators, self.own_index = config, validators, own_index
        self.n = len(validators)
        self.hash_ = verifier.hash
        self.configuration, self.base = configuration, base
        self.chain = chain
        self.raft: RaftNode | None = None
        self.log = StableLog()
        self.members = Members(voters=frozenset(range(1, self.n + 1)))
        self.blocks = BlockBook(config, verifier.hash)
        self.requests = Requests(config)
        self.flight = Flight()
        self.seals = SealBook(config.suite, config.channel_id, validators, signer)
        self.out: list[Action] = []
        self.now_ms = self.wall_ms = 0
        self.observer_reason: str | None = None
        self.is_halted = False
        self.has_ended = False

        self.validators_hash = validators_hash(verifier.hash, config.suite, validators)
        self.empty_root = leaves_root(verifier.hash, ())
        self.identities = [
            identity_digest(verifier.hash, config.suite, v.vote_key) for v in validators.validators
        ]
        self.life = 0  # another number in every life
        self.asking_lives: dict[int, int] = {}  # member → its life when it last asked for a vote
        self.role = Role.FOLLOWER
        self.term = 0
        self.leader: int | None = None  # index of the validator that leads, as far as is known
        self.term_since_ms = 0
        self.first_index = 0  # of a leader: the empty entry that its term began with
        self.distrusted_term = 0  # whose leader this node cannot follow
        self.applied_index = 0  # of the pure core's log
        self.committed = NO_BLOCK  # the last block up to there
        self.log_floor = NO_ENTRY  # the own log must reach it before this node campaigns
        self.config_height: int | None = (
            None  # of a delivered configuration block: this core ends with it
        )
        self.told: dict[
            int, tuple[int, int]
        ] = {}  # member → (height of a certificate sent to it, when)
        self.note = ""  # why leadership changed, for the status
        self.last_progress_ms = 0
        self.last_proposed_ms = 0

    # --- who

    @property
    def own_id(self) -> int:
        assert self.own_index is not None
        return self.own_index + 1

    @property
    def can_vote(self) -> bool:
        return self.own_index is not None and self.observer_reason is None

    @property
    def is_leader(self) -> bool:
        return self.role is Role.LEADER

    @property
    def last(self) -> EntryId:
        """Where the own log ends."""
        return NO_ENTRY if self.raft is None else self.raft.last

    @property
    def is_short(self) -> bool:
        """Whether the own log may have been longer in an earlier life."""
        return self.log_floor != NO_ENTRY and not self.last.is_up_to_date_with(self.log_floor)

    @property
    def settle_height(self) -> int:
        """The height that shows every state, counting blocks in flight (decisions section 2.4)."""
        filled = self.chain.last_filled
        for flying in self.flight:
            if flying.block.header.tx_count:
                filled = max(filled, flying.height)
        return filled + self.config.window if filled else 0

    def set_clock(self, wall_ms: int) -> None:
        """A clock set back must not freeze the timers until it has caught up with itself."""
        self.now_ms += max(0, wall_ms - self.wall_ms)
        self.wall_ms = wall_ms

    def effect_above_tip(self, height: int, tx_id: Hash) -> tuple[Hash, Hash] | None:
        """next_validators_hash and evidence_root of a configuration block; None while it cannot be known."""
        is_on_tip = height == self.chain.height + 1
        if self.configuration is None or not is_on_tip or not self.chain.is_executed:
            return None
        effect = self.configuration.effect(tx_id)
        if effect is None:
            return None
        next_hash = validators_hash(self.hash_, self.config.suite, effect.validators)
        return next_hash, effect.evidence_root

    def snapshot(self, index: int, term: int, pointer: BlockPointer) -> Snapshot:
        return Snapshot(index, term, self.members, encode(pointer))

    def pointer_of(self, snapshot: Snapshot) -> BlockPointer:
        return decode_pointer(snapshot.data)

    # --- verbs

    def head(self, term: int) -> Head:
        assert self.own_index is not None
        return Head(
            self.config.channel_id,
            self.validators.epoch,
            self.own_index,
            self.chain.height,
            term,
        )

    def persist(self, *records: Record) -> None:
        self.out.append(Persist(tuple(encode_record(record) for record in records)))

    def send(self, to: int, message: Message) -> None:
        if to != self.own_index:
            self.out.append(Send(to, encode_message(message)))

    def broadcast(self, message: Message) -> None:
        if self.n > 1:
            self.out.append(Broadcast(encode_message(message)))

    def halt(self, halt: Halt) -> None:
        self.out.append(halt)
        self.is_halted = True

    def stop_unreadable(self) -> None:
        """A committed entry that is no block: nobody may skip it, so the channel stops here."""
        self.halt(
            Halt(
                "an ordered entry that cannot be read", self.chain.height + 1, ZERO_HASH, ZERO_HASH
            )
        )

    def add_block(self, block: Block, digest: Hash, source: int) -> Candidate:
        """Remember a block by reference; those in the own log are never pushed out."""
        return self.blocks.add(block, digest, source, self.requests.get, self._is_pinned)

    def _is_pinned(self, candidate: Candidate) -> bool:
        flying = self.flight.at(candidate.block.header.height)
        return flying is not None and flying.block_hash == candidate.block_hash
