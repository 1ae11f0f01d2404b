"""Terms, campaigns and votes (thesis 3.4, 4.2.3, 9.6)."""

from __future__ import annotations

from consensus.raft.leader import begin
from consensus.raft.messages import (
    NOBODY,
    Append,
    AppendReply,
    Heartbeat,
    InstallSnapshot,
    Message,
    Proposal,
    ReadRequest,
    VoteReply,
    VoteRequest,
)
from consensus.raft.quorum import Vote
from consensus.raft.state import Raft, Role


def is_of_this_term(raft: Raft, message: Message) -> bool:
    """Bring node and message into one term; False if the message ends here."""
    if isinstance(message, (Proposal, ReadRequest)):
        return True  # of no term: meant for whoever leads
    if message.term > raft.term:
        return _meet_later_term(raft, message)
    if message.term < raft.term:
        _answer_earlier_term(raft, message)
        return False
    return True


def _meet_later_term(raft: Raft, message: Message) -> bool:
    assert not isinstance(message, (Proposal, ReadRequest))
    if isinstance(message, VoteRequest):
        # Whoever hears a leader does not help to replace it, unless the leader itself asked.
        has_lease = (
            raft.config.is_check_quorum
            and raft.leader != NOBODY
            and raft.election_elapsed < raft.config.election_ticks
        )
        if has_lease and not message.is_transfer:
            return False
        if message.is_pre:
            return True  # a pre-vote never moves the term of who answers
    if isinstance(message, VoteReply) and message.is_pre and message.is_granted:
        return True  # of the term that this node would begin
    is_from_leader = isinstance(message, (Append, Heartbeat, InstallSnapshot))
    raft.become_follower(message.term, message.from_ if is_from_leader else NOBODY)
    return True


def _answer_earlier_term(raft: Raft, message: Message) -> None:
    has_lease_votes = raft.config.is_check_quorum or raft.config.is_pre_vote
    if has_lease_votes and isinstance(message, (Append, Heartbeat)):
        # A leader of an older term cannot hear of this node's term from vote requests, which those
        # who hear it ignore. This answer tells it, or this node would be stuck for good.
        raft.send(AppendReply(raft.id, message.from_, raft.term))
    elif isinstance(message, VoteRequest) and message.is_pre:
        # So that a candidate whose term is behind learns the term.
        raft.send(VoteReply(raft.id, message.from_, raft.term, is_granted=False, is_pre=True))


def start(raft: Raft, *, is_transfer: bool = False) -> None:
    """Campaign, if this node may."""
    if raft.role is Role.LEADER or not raft.is_promotable:
        return
    if raft.log.has_unapplied_change():
        return  # it might campaign in a configuration that is over, and make two majorities
    # A transfer needs no pre-vote: the leader is up and wants it.
    _campaign(raft, is_pre=raft.config.is_pre_vote and not is_transfer, is_transfer=is_transfer)


def _campaign(raft: Raft, *, is_pre: bool, is_transfer: bool = False) -> None:
    if is_pre:
        raft.become_pre_candidate()
    else:
        raft.become_candidate()
    term = raft.term + 1 if is_pre else raft.term
    last = raft.log.last
    for voter in sorted(raft.configuration.all_voters):
        if voter == raft.id:
            raft.send(VoteReply(raft.id, raft.id, term, is_granted=True, is_pre=is_pre))
        else:
            raft.send(VoteRequest(raft.id, voter, term, last, is_pre, is_transfer))


def on_vote_request(raft: Raft, request: VoteRequest) -> None:
    """Learners vote too: whoever asks may know already that this node was made a voter."""
    can_vote = (
        raft.vote == request.from_
        or (raft.vote == NOBODY and raft.leader == NOBODY)
        or (request.is_pre and request.term > raft.term)
    )
    is_granted = can_vote and request.last.is_up_to_date_with(raft.log.last)
    # A granted pre-vote is answered in the term asked for, or the candidate would ignore it.
    term = request.term if is_granted else raft.term
    raft.send(VoteReply(raft.id, request.from_, term, is_granted, request.is_pre))
    if is_granted and not request.is_pre:
        raft.election_elapsed = 0
        raft.vote = request.from_


def on_vote_reply(raft: Raft, reply: VoteReply) -> None:
    """For a candidate or pre-candidate; answers to the other kind of campaign are stale."""
    if reply.is_pre != (raft.role is Role.PRE_CANDIDATE):
        return
    raft.votes.setdefault(reply.from_, reply.is_granted)
    result = raft.tally()
    if result is Vote.WON:
        if not raft.is_promotable:
            raft.become_follower(raft.term, NOBODY)  # removed while it campaigned
        elif raft.role is Role.PRE_CANDIDATE:
            _campaign(raft, is_pre=False)
        else:
            begin(raft)
    elif result is Vote.LOST:
        raft.become_follower(raft.term, NOBODY)
