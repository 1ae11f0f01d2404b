"""What a leader does with what it hears."""

from __future__ import annotations

from contextlib import suppress

from consensus.raft.change import refusal
from consensus.raft.config import ReadMode
from consensus.raft.membership import ConfChange
from consensus.raft.messages import (
    EMPTY,
    NOBODY,
    AppendReply,
    HeartbeatReply,
    Payload,
    Proposal,
    ReadReply,
    ReadRequest,
    TimeoutNow,
)
from consensus.raft.progress import Progress, ProgressState
from consensus.raft.reads import ReadState
from consensus.raft.replication import (
    advance_commit,
    append_own,
    broadcast_append,
    broadcast_heartbeat,
    send_append,
)
from consensus.raft.state import ProposalDropped, Raft, Role


def begin(raft: Raft) -> None:
    """Lead the term just won. Its first entry is empty: with it, older ones are committed too."""
    raft.become_leader()
    is_appended = append_own(raft, [EMPTY])
    assert is_appended
    broadcast_append(raft)


def tick(raft: Raft) -> None:
    raft.heartbeat_elapsed += 1
    raft.election_elapsed += 1
    if raft.election_elapsed >= raft.config.election_ticks:
        raft.election_elapsed = 0
        if raft.config.is_check_quorum:
            _check_quorum(raft)
        if raft.role is Role.LEADER:
            raft.transfer_target = NOBODY  # it took too long: lead on
    _give_up_snapshots(raft)
    if raft.role is Role.LEADER and raft.heartbeat_elapsed >= raft.config.heartbeat_ticks:
        raft.heartbeat_elapsed = 0
        broadcast_heartbeat(raft)


def _check_quorum(raft: Raft) -> None:
    """Step down if no quorum was heard for an election timeout: others may lead, or wait to."""
    if not raft.is_quorum_active():
        raft.become_follower(raft.term, NOBODY)
    for member in raft.others:
        raft.progress[member].is_recently_active = False


def _give_up_snapshots(raft: Raft) -> None:
    """A snapshot is a pointer: sending it again costs nothing, and nobody may ever report it lost."""
    for member, progress in raft.progress.items():
        if progress.state is ProgressState.SNAPSHOT:
            progress.snapshot_ticks += 1
            if progress.snapshot_ticks == raft.config.snapshot_ticks_max:
                on_snapshot_report(raft, member, is_ok=False)


def on_proposal(raft: Raft, proposal: Proposal) -> None:
    """Raises ProposalDropped, with nothing changed."""
    if raft.id not in raft.progress or raft.transfer_target != NOBODY:
        raise ProposalDropped
    first = raft.log.last_index + 1
    pending = raft.pending_change_index
    payloads: list[Payload] = []
    for index, payload in enumerate(proposal.payloads, start=first):
        if payload.change is not None:
            if raft.config.is_change_checked and refusal(raft, payload.change, pending):
                payload = EMPTY  # keeps the place of a change that may not be made now
            else:
                pending = index
        payloads.append(payload)
    if not append_own(raft, payloads):
        raise ProposalDropped
    raft.pending_change_index = pending
    broadcast_append(raft)


def on_append_reply(raft: Raft, reply: AppendReply) -> None:
    progress = raft.progress[reply.from_]
    progress.is_recently_active = True
    if reply.hint is not None:
        _on_rejected(raft, reply, progress)
        return
    is_probe_answered = progress.state is ProgressState.PROBE and progress.match == reply.index
    if progress.accepted(reply.index) or is_probe_answered:
        _on_accepted(raft, reply, progress)


def _on_rejected(raft: Raft, reply: AppendReply, progress: Progress) -> None:
    assert reply.hint is not None
    hint = reply.hint.index
    if reply.hint.term > 0:
        # The member's log at the hint is of that term. Where this log is of a later one, at or below
        # the hint, they cannot match: skip all of it at once.
        hint = raft.log.highest_up_to(hint, reply.hint.term).index
    if progress.rejected(reply.index, hint):
        if progress.state is ProgressState.REPLICATE:
            progress.probe()
        send_append(raft, reply.from_)


def _on_accepted(raft: Raft, reply: AppendReply, progress: Progress) -> None:
    if progress.state is ProgressState.PROBE:
        progress.replicate()
    elif progress.state is ProgressState.SNAPSHOT:
        # Whichever snapshot was applied there: what matters is that the rest can come from the log.
        if progress.match + 1 >= raft.log.first_index:
            progress.probe()
            progress.replicate()
    else:
        progress.inflights.free_to(reply.index)

    if advance_commit(raft):
        _release_reads(raft)
        broadcast_append(raft)
    elif reply.from_ != raft.id and progress.may_learn_commit(raft.log.committed):
        send_append(raft, reply.from_)
    if reply.from_ != raft.id:
        while send_append(raft, reply.from_, is_empty_allowed=False):
            pass  # the window may have room for several
    if reply.from_ == raft.transfer_target and progress.match == raft.log.last_index:
        raft.send(TimeoutNow(raft.id, reply.from_, raft.term))


def on_heartbeat_reply(raft: Raft, reply: HeartbeatReply) -> None:
    progress = raft.progress[reply.from_]
    progress.is_recently_active = True
    progress.is_flow_paused = False
    if progress.match < raft.log.last_index or progress.state is ProgressState.PROBE:
        send_append(raft, reply.from_)
    if raft.config.read_mode is ReadMode.SAFE and reply.read_position > 0:
        raft.reads.heard(reply.from_, reply.read_position)
        for request, index in raft.reads.take_confirmed(raft.configuration):
            _answer_read(raft, request, index)


# --- handing leadership over (thesis 3.10) ----------------------------------------------------------


def transfer_to(raft: Raft, target: int) -> None:
    """Bring `target` up to date, then tell it to campaign. No proposals meanwhile."""
    progress = raft.progress.get(target)
    if progress is None or progress.is_learner or target == raft.transfer_target:
        return
    raft.transfer_target = NOBODY
    if target == raft.id:
        return
    raft.transfer_target = target
    raft.election_elapsed = 0  # it has one election timeout
    if progress.match == raft.log.last_index:
        raft.send(TimeoutNow(raft.id, target, raft.term))
    else:
        send_append(raft, target)


# --- reports of the driver --------------------------------------------------------------------------


def on_unreachable(raft: Raft, member: int) -> None:
    progress = raft.progress[member]
    if progress.state is ProgressState.REPLICATE:
        progress.probe()  # what was sent ahead is probably lost


def on_lost(raft: Raft, member: int) -> None:
    """What is committed stays so; the member is sent everything from the start."""
    raft.progress[member].lost()


def on_snapshot_report(raft: Raft, member: int, *, is_ok: bool) -> None:
    progress = raft.progress[member]
    if progress.state is not ProgressState.SNAPSHOT:
        return
    if not is_ok:
        progress.snapshot_index = 0  # probe from what it had before
    progress.probe()
    # Wait for its own answer, or for a heartbeat before the next try.
    progress.is_flow_paused = True


# --- reads ------------------------------------------------------------------------------------------


def on_read_request(raft: Raft, request: ReadRequest) -> None:
    """A leader knows what is committed only when it has committed in its own term."""
    if len(raft.waiting_reads) + len(raft.reads) >= raft.config.reads_max:
        return
    if raft.log.term(raft.log.committed) != raft.term:
        raft.waiting_reads.append(request)
        return
    _read(raft, request)


def _release_reads(raft: Raft) -> None:
    while raft.waiting_reads:
        _read(raft, raft.waiting_reads.popleft())


def _read(raft: Raft, request: ReadRequest) -> None:
    is_alone = raft.configuration.all_voters == {raft.id}
    if is_alone or raft.config.read_mode is ReadMode.LEASE:
        _answer_read(raft, request, raft.log.committed)
        return
    raft.reads.ask(request, raft.log.committed)
    raft.reads.heard(raft.id, raft.reads.position)
    broadcast_heartbeat(raft)


def _answer_read(raft: Raft, request: ReadRequest, index: int) -> None:
    if request.from_ == raft.id:
        raft.read_states.append(ReadState(index, request.context))
    else:
        raft.send(ReadReply(raft.id, request.from_, raft.term, index, request.context))


# --- membership -------------------------------------------------------------------------------------


def leave_joint_if_due(raft: Raft) -> None:
    """Propose to leave a joint configuration that is to be left by itself.

    Whoever leads when it has been applied does so, not only who proposed it: the first leader may be
    gone by then. Called after every applied entry, so a proposal dropped now comes again.
    """
    is_due = raft.configuration.is_auto_leave and raft.log.applied >= raft.pending_change_index
    if raft.role is Role.LEADER and is_due:
        with suppress(ProposalDropped):
            on_proposal(raft, Proposal(raft.id, raft.id, (Payload(change=ConfChange()),)))
