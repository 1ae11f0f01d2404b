"""`RaftNode`: the face of the state machine. The contract is in the package's docstring."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.api import ProtocolViolation
from consensus.raft import change, election, follower, leader, messages
from consensus.raft.config import Config, ReadMode
from consensus.raft.membership import ConfChange, Configuration
from consensus.raft.messages import (
    NOBODY,
    Append,
    AppendReply,
    Entry,
    EntryId,
    Heartbeat,
    HeartbeatReply,
    InstallSnapshot,
    Message,
    Payload,
    Proposal,
    ReadReply,
    ReadRequest,
    Snapshot,
    TimeoutNow,
    TransferRequest,
    VoteReply,
    VoteRequest,
)
from consensus.raft.progress import ProgressState
from consensus.raft.reads import ReadState
from consensus.raft.ready import ApplyReceipt, Owed, Ready, WriteReceipt, is_due, soft_state, take
from consensus.raft.state import ProposalDropped, Raft, Role, UnknownPeer
from consensus.raft.storage import Storage


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """A leader's view of one member's log."""

    id: int
    state: ProgressState
    match: int
    next: int
    is_learner: bool
    is_paused: bool
    is_recently_active: bool
    snapshot_index: int
    inflight: int
    is_inflight_full: bool


@dataclass(frozen=True, slots=True)
class Status:
    id: int
    term: int
    vote: int
    leader: int
    role: Role
    committed: int
    applied: int
    last_index: int
    configuration: Configuration
    transfer_target: int
    members: tuple[MemberStatus, ...]  # of a leader, ascending; otherwise empty


class RaftNode:
    def __init__(self, config: Config, storage: Storage, *, applied: int = 0) -> None:
        """A node as of `storage`. `applied`: last index whose effects are durable, if above the
        snapshot. Raises InvariantBroken if the parts of `storage` do not fit together."""
        self._raft = Raft(config, storage, applied)
        self._hard_state = self._raft.hard_state
        self._soft = soft_state(self._raft)
        self._owed: Owed | None = None

    # --- inputs -------------------------------------------------------------------------------------

    def step(self, message: Message) -> None:
        """A message from a member, or with asynchronous writes the node's own reply to itself.

        Raises ProtocolViolation, UnknownPeer or ProposalDropped; nothing has changed then.
        """
        raft = self._raft
        self._check(message)
        if isinstance(message, messages.Reply) and message.from_ not in raft.progress:
            raise UnknownPeer(f"{message.from_} is not a member")
        if not election.is_of_this_term(raft, message):
            return
        if isinstance(message, VoteRequest):
            election.on_vote_request(raft, message)
        elif isinstance(message, (Append, Heartbeat, InstallSnapshot)):
            self._on_leader(message)
        elif isinstance(message, VoteReply):
            if raft.role in (Role.CANDIDATE, Role.PRE_CANDIDATE):
                election.on_vote_reply(raft, message)
        elif isinstance(message, (AppendReply, HeartbeatReply)):
            self._on_follower(message)
        else:
            self._on_request(message)

    def tick(self) -> None:
        """One unit of time has passed."""
        raft = self._raft
        if raft.role is Role.LEADER:
            leader.tick(raft)
            return
        raft.election_elapsed += 1
        if raft.is_promotable and raft.election_elapsed >= raft.election_timeout:
            raft.election_elapsed = 0
            election.start(raft)

    def campaign(self) -> None:
        """Try to lead, as if the election timeout had passed."""
        election.start(self._raft)

    def propose(self, data: bytes) -> None:
        """Append `data` if this node leads, or pass it to the leader. It may be lost on the way.
        Raises ProposalDropped."""
        self._propose(Payload(data))

    def propose_change(self, proposed: ConfChange) -> None:
        """Likewise a change of configuration. If it may not enter the log now, an empty entry does."""
        self._propose(Payload(change=proposed))

    def transfer_leader(self, target: int) -> None:
        """Hand leadership to `target`, a voter, within an election timeout, or go on."""
        raft = self._raft
        if raft.role is Role.LEADER:
            leader.transfer_to(raft, target)
        elif raft.role is Role.FOLLOWER and raft.leader != NOBODY:
            raft.send(TransferRequest(raft.id, raft.leader, raft.term, target))

    def forget_leader(self) -> None:
        """As a follower: believe that the leader is gone, so as to vote for another at once."""
        raft = self._raft
        if raft.role is Role.FOLLOWER and raft.config.read_mode is ReadMode.SAFE:
            raft.leader = NOBODY

    def read_index(self, context: bytes) -> None:
        """Ask from which index on a read is linearizable. Answered in `Ready.reads`, or not at all."""
        self._on_request(ReadRequest(self._raft.id, self._raft.id, context))

    def report_unreachable(self, member: int) -> None:
        if self._raft.role is Role.LEADER and member in self._raft.progress:
            leader.on_unreachable(self._raft, member)

    def report_lost(self, member: int) -> None:
        """`member` says in a new life that it holds nothing of what it may have acknowledged."""
        if self._raft.role is Role.LEADER and member in self._raft.progress:
            leader.on_lost(self._raft, member)

    def report_snapshot(self, member: int, *, is_ok: bool) -> None:
        if self._raft.role is Role.LEADER and member in self._raft.progress:
            leader.on_snapshot_report(self._raft, member, is_ok=is_ok)

    # --- outputs ------------------------------------------------------------------------------------

    def has_ready(self) -> bool:
        return is_due(self._raft, self._hard_state, self._soft)

    def ready(self) -> Ready:
        """Everything that waits for the driver; handed out once."""
        assert self._owed is None, "the last Ready was not advanced"
        ready, owed = take(self._raft, self._hard_state, self._soft)
        self._hard_state = ready.hard_state or self._hard_state
        self._soft = ready.soft or self._soft
        if not self._raft.config.is_asynchronous:
            self._owed = owed
        return ready

    def apply_change(self, committed: ConfChange) -> Configuration:
        """Put a committed change into force. Returns what is in force now."""
        change.apply(self._raft, committed)
        return self._raft.configuration

    def advance(self) -> None:
        """Everything that the last Ready asked for is done."""
        owed, self._owed = self._owed, None
        if owed is None:
            return
        for reply in owed.replies:
            if reply.from_ in self._raft.progress:
                self.step(reply)
        if owed.write is not None:
            self.written(owed.write)
        if owed.apply is not None:
            self.applied(owed.apply)

    def written(self, receipt: WriteReceipt) -> None:
        """The write of this receipt is durable, and all before it."""
        raft = self._raft
        if receipt.last is not None and receipt.term == raft.term:
            raft.log.written_to(receipt.last)
        if receipt.snapshot is not None:
            # Committed state is of no term.
            raft.log.snapshot_written(receipt.snapshot.index)
            self._applied_to(receipt.snapshot.index, ())

    def applied(self, receipt: ApplyReceipt) -> None:
        """The entries of this receipt have been applied."""
        raft = self._raft
        self._applied_to(receipt.entries[-1].index, receipt.entries)
        size = sum(entry.size_bytes for entry in receipt.entries)
        raft.uncommitted_bytes = max(0, raft.uncommitted_bytes - size)

    # --- reading ------------------------------------------------------------------------------------

    @property
    def configuration(self) -> Configuration:
        return self._raft.configuration

    def entry(self, index: int) -> Entry | None:
        """None if it is compacted or beyond the end."""
        log = self._raft.log
        return log.entry(index) if log.first_index <= index <= log.last_index else None

    @property
    def is_handing_over(self) -> bool:
        """Whether leadership is on its way to another: nothing is accepted meanwhile."""
        return self._raft.transfer_target != NOBODY

    def term_at(self, index: int) -> int | None:
        return self._raft.log.term(index)

    @property
    def last(self) -> EntryId:
        """Where the log ends."""
        return self._raft.log.last

    @property
    def fetching(self) -> list[int]:
        """Members that a leader has sent a snapshot and awaits an answer of; of another node none."""
        raft = self._raft
        if raft.role is not Role.LEADER:
            return []
        return [id_ for id_, each in raft.progress.items() if each.state is ProgressState.SNAPSHOT]

    def snapshot(self, data: bytes) -> Snapshot:
        """A pointer to everything applied here, for `StableLog.compact`. Between two Readys only."""
        assert self._owed is None, "the configuration may be ahead of what counts as applied"
        log = self._raft.log
        term = log.term(log.applied)
        assert term is not None
        return Snapshot(log.applied, term, self._raft.configuration, data)

    def status(self) -> Status:
        raft = self._raft
        members = tuple(map(self._member, raft.progress)) if raft.role is Role.LEADER else ()
        return Status(
            raft.id,
            raft.term,
            raft.vote,
            raft.leader,
            raft.role,
            raft.log.committed,
            raft.log.applied,
            raft.log.last_index,
            raft.configuration,
            raft.transfer_target,
            members,
        )

    def _member(self, member: int) -> MemberStatus:
        progress = self._raft.progress[member]
        return MemberStatus(
            member,
            progress.state,
            progress.match,
            progress.next,
            progress.is_learner,
            progress.is_paused,
            progress.is_recently_active,
            progress.snapshot_index,
            len(progress.inflights),
            progress.inflights.is_full,
        )

    # --- inside -------------------------------------------------------------------------------------

    def _check(self, message: Message) -> None:
        """Refuse what no correct member says to this node now."""
        raft = self._raft
        if problem := messages.problem(message):
            raise ProtocolViolation(problem)
        if isinstance(message, (Proposal, ReadRequest)) or message.term < raft.term:
            return
        if isinstance(message, Heartbeat) and message.commit > raft.log.last_index:
            raise ProtocolViolation("a heartbeat commits beyond this log: has its tail been lost?")
        if isinstance(message, Append) and message.prev.index == 0 and not raft.progress:
            # The changes in the log alone would make it believe in a smaller group, and win there.
            raise ProtocolViolation("this node was never told the group's first configuration")
        if message.term > raft.term:
            return
        is_from_leader = isinstance(message, (Append, Heartbeat, InstallSnapshot))
        if is_from_leader and raft.leader not in (NOBODY, message.from_):
            raise ProtocolViolation(f"{message.from_} leads the term of {raft.leader} too")
        if isinstance(message, AppendReply) and raft.role is Role.LEADER:
            is_ahead = not message.is_rejected and message.index > raft.log.last_index
            if is_ahead:
                raise ProtocolViolation("acknowledges what was never sent")

    def _on_leader(self, message: Append | Heartbeat | InstallSnapshot) -> None:
        raft = self._raft
        follower.follow(raft, message.from_)
        if isinstance(message, Append):
            follower.on_append(raft, message)
        elif isinstance(message, Heartbeat):
            follower.on_heartbeat(raft, message)
        else:
            follower.on_snapshot(raft, message)

    def _on_follower(self, message: AppendReply | HeartbeatReply) -> None:
        raft = self._raft
        if raft.role is not Role.LEADER:
            return
        if isinstance(message, AppendReply):
            leader.on_append_reply(raft, message)
        else:
            leader.on_heartbeat_reply(raft, message)

    def _on_request(
        self, message: Proposal | ReadRequest | ReadReply | TransferRequest | TimeoutNow
    ) -> None:
        raft = self._raft
        if isinstance(message, Proposal):
            self._on_proposal(message)
        elif isinstance(message, ReadReply):
            if raft.role is Role.FOLLOWER:
                raft.read_states.append(ReadState(message.index, message.context))
        elif isinstance(message, TimeoutNow):
            if raft.role is Role.FOLLOWER:
                election.start(raft, is_transfer=True)
        elif isinstance(message, TransferRequest):
            self.transfer_leader(message.target)
        elif raft.role is Role.LEADER:
            leader.on_read_request(raft, message)
        elif raft.role is Role.FOLLOWER and raft.leader != NOBODY:
            raft.send(ReadRequest(message.from_, raft.leader, message.context))

    def _propose(self, payload: Payload) -> None:
        self._on_proposal(Proposal(self._raft.id, self._raft.id, (payload,)))

    def _on_proposal(self, proposal: Proposal) -> None:
        raft = self._raft
        if raft.role is Role.LEADER:
            leader.on_proposal(raft, proposal)
        elif raft.role is Role.FOLLOWER and raft.leader != NOBODY and raft.config.is_forwarding:
            raft.send(Proposal(proposal.from_, raft.leader, proposal.payloads))
        else:
            raise ProposalDropped("nobody leads, as far as this node knows")

    def _applied_to(self, index: int, entries: tuple[Entry, ...]) -> None:
        raft = self._raft
        raft.log.applied_to(max(index, raft.log.applied), entries)
        leader.leave_joint_if_due(raft)
