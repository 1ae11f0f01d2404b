"""The state of one node and its four roles. What happens in a role is in the modules named after it."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from enum import Enum

from consensus.api import InvariantBroken
from consensus.raft.config import Config
from consensus.raft.log import Log
from consensus.raft.membership import ChangeRefused, Configuration, Outcome, change
from consensus.raft.messages import (
    NO_HARD_STATE,
    NOBODY,
    AppendReply,
    HardState,
    Message,
    ReadRequest,
    VoteReply,
)
from consensus.raft.progress import Inflights, Progress, following
from consensus.raft.quorum import Vote, joint_index, joint_vote
from consensus.raft.reads import Reads, ReadState
from consensus.raft.storage import Storage


class Role(Enum):
    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


class ProposalDropped(Exception):
    """No leader to take it, a handover is under way, or too much is uncommitted: propose again later."""


class UnknownPeer(Exception):
    """A reply of somebody who is not in the configuration (any more)."""


class Raft:
    def __init__(self, config: Config, storage: Storage, applied: int = 0) -> None:
        self.config = config
        self.id = config.id
        self.log = Log(storage, config.measure, config.applying_bytes_max)
        if problem := storage.configuration.problem():
            raise InvariantBroken(f"stored configuration: {problem}")
        self.configuration = Configuration()
        self.progress: dict[int, Progress] = {}
        self.configure(Outcome(storage.configuration))
        self.term = 0
        self.vote = NOBODY
        self.leader = NOBODY
        self.role = Role.FOLLOWER
        self.votes: dict[int, bool] = {}

        self.election_elapsed = 0  # ticks
        self.heartbeat_elapsed = 0
        self.election_timeout = 0  # drawn anew with every reset

        # Only a leader uses what follows.
        self.transfer_target = NOBODY
        self.pending_change_index = 0  # no change may enter the log before this index is applied
        self.uncommitted_bytes = 0
        self.reads = Reads()
        self.waiting_reads: deque[ReadRequest] = deque()

        # What goes into the next Ready. Replies promise what is not durable yet.
        self.messages: list[Message] = []
        self.replies: list[Message] = []
        self.read_states: list[ReadState] = []

        self._restore(storage.hard_state, applied)
        self.become_follower(self.term, NOBODY)

    def _restore(self, hard_state: HardState, applied: int) -> None:
        log = self.log
        # Applied is committed, even if the commit index was not synced after it.
        committed = max(hard_state.commit, applied, log.committed)
        if committed > log.last_index:
            raise InvariantBroken("the log ends before what was committed: its tail is lost")
        log.committed = committed
        self.term, self.vote = hard_state.term, hard_state.vote
        is_new = hard_state == NO_HARD_STATE and log.last_index < log.first_index
        if log.last.term > self.term and not is_new:
            # Entries were durable before the term was; no vote of that term can have been sent.
            self.term, self.vote = log.last.term, NOBODY
        for index in range(log.first_index, applied + 1):
            # `storage` knows the configuration at its snapshot; what was applied since counts too.
            committed_change = log.entry(index).change
            if committed_change is not None:
                with suppress(ChangeRefused):
                    self.configure(change(self.configuration, committed_change))
        if applied > log.applied:
            log.applied_to(applied)

    # --- members ------------------------------------------------------------------------------------

    @property
    def is_promotable(self) -> bool:
        """Whether this node may campaign: a voter, as far as it knows, with a whole log."""
        own = self.progress.get(self.id)
        return own is not None and not own.is_learner and not self.log.has_snapshot_pending

    @property
    def others(self) -> list[int]:
        return [member for member in self.configuration.members if member != self.id]

    @property
    def hard_state(self) -> HardState:
        return HardState(self.term, self.vote, self.log.committed)

    def configure(self, outcome: Outcome) -> None:
        """Put a configuration into force, for this node's own counting."""
        self.configuration = outcome.configuration
        next_ = max(self.log.last_index, 1)

        def newcomer() -> Progress:
            return self._new_progress(next_, is_recently_active=True)

        self.progress = following(outcome, self.progress, newcomer)

    def _new_progress(self, next_: int, *, is_recently_active: bool = False) -> Progress:
        inflights = Inflights(self.config.inflight_max, self.config.inflight_bytes_max)
        return Progress(next_, inflights, is_recently_active=is_recently_active)

    def tally(self) -> Vote:
        return joint_vote(self.configuration.voters, self.configuration.outgoing, self.votes)

    def agreed_index(self) -> int:
        """Highest index that a quorum is known to have."""
        matched = {member: progress.match for member, progress in self.progress.items()}
        return joint_index(self.configuration.voters, self.configuration.outgoing, matched)

    def is_quorum_active(self) -> bool:
        active = {
            member: progress.is_recently_active
            for member, progress in self.progress.items()
            if not progress.is_learner
        }
        won = joint_vote(self.configuration.voters, self.configuration.outgoing, active)
        return won is Vote.WON

    # --- roles --------------------------------------------------------------------------------------

    def _reset(self, term: int) -> None:
        assert term >= self.term, "terms never fall"
        if term > self.term:
            # Only here: a node that steps down within a term still knows for whom it voted.
            self.term, self.vote = term, NOBODY
        self.leader = NOBODY
        self.transfer_target = NOBODY
        self.election_elapsed = self.heartbeat_elapsed = 0
        ticks = self.config.election_ticks
        self.election_timeout = ticks + self.config.jitter.draw(ticks)
        self.votes = {}
        next_ = self.log.last_index + 1
        self.progress = following(
            Outcome(self.configuration), {}, lambda: self._new_progress(next_)
        )
        if (own := self.progress.get(self.id)) is not None:
            own.match = self.log.last_index
        self.pending_change_index = 0
        self.uncommitted_bytes = 0
        self.reads = Reads()
        self.waiting_reads.clear()

    def become_follower(self, term: int, leader: int) -> None:
        self._reset(term)
        self.role = Role.FOLLOWER
        self.leader = leader

    def become_pre_candidate(self) -> None:
        """Neither term nor vote change: asking whether one could win must disturb nobody."""
        assert self.role is not Role.LEADER
        self.role = Role.PRE_CANDIDATE
        self.votes = {}
        self.leader = NOBODY

    def become_candidate(self) -> None:
        assert self.role is not Role.LEADER
        self._reset(self.term + 1)
        self.role = Role.CANDIDATE
        self.vote = self.id

    def become_leader(self) -> None:
        """The first entry of the term is the caller's to append."""
        assert self.role is Role.CANDIDATE
        self._reset(self.term)
        self.role = Role.LEADER
        self.leader = self.id
        own = self.progress[self.id]
        # The tail of the log may not be durable yet. It is counted as it is for the commit index only
        # with an entry of this term, whose acknowledgement by this node comes after its write.
        own.replicate()
        own.is_recently_active = True
        # An earlier leader's change may be anywhere in the tail: wait until all of it is applied.
        self.pending_change_index = self.log.last_index

    # --- sending ------------------------------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Votes and acknowledgements wait for the write that they promise; all else may overtake it.

        Rejections wait too: they may rest on a vote or an entry that is not durable yet.
        """
        if isinstance(message, (VoteReply, AppendReply)):
            self.replies.append(message)
        else:
            assert message.to != self.id
            self.messages.append(message)
