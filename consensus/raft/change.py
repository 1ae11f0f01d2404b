"""When a change of configuration may enter the log, and what happens when it is applied."""

from __future__ import annotations

from consensus.raft.membership import ChangeRefused, ConfChange, Outcome, change
from consensus.raft.messages import NOBODY
from consensus.raft.replication import advance_commit, broadcast_append, send_append
from consensus.raft.state import Raft, Role


def refusal(raft: Raft, proposed: ConfChange, pending_change_index: int) -> str:
    """Why a change may not enter the log now; empty if it may."""
    if pending_change_index > raft.log.applied:
        return "a change before it is not applied yet"
    if raft.configuration.is_joint and proposed.changes:
        return "the joint configuration must be left first"
    if not raft.configuration.is_joint and not proposed.changes:
        return "there is no joint configuration to leave"
    return _misfit(raft, proposed)


def _misfit(raft: Raft, proposed: ConfChange) -> str:
    old = raft.configuration
    try:
        new = change(old, proposed).configuration
    except ChangeRefused as refused:
        return str(refused)
    stays = old.voters & new.voters
    if raft.config.is_majority_kept and not proposed.is_leave and len(stays) * 2 <= len(old.voters):
        # Those who stay may not have heard that they decide alone, and ask for the votes of those who
        # left, whose logs may be longer: nobody could win.
        return "a majority of the voters must stay voters"
    return ""


def apply(raft: Raft, committed: ConfChange) -> bool:
    """Put a committed change into force. One that does not fit changes nothing, on every member alike:
    a committed entry must never stop a group. False in that case."""
    try:
        outcome = change(raft.configuration, committed)
    except ChangeRefused:
        return False
    switch_to(raft, outcome)
    return True


def switch_to(raft: Raft, outcome: Outcome) -> None:
    raft.configure(outcome)
    if raft.role is not Role.LEADER:
        return
    own = raft.progress.get(raft.id)
    if own is None or own.is_learner:
        # It has led until the change that removes it was committed; somebody else leads on.
        if raft.config.is_stepping_down_on_removal:
            raft.become_follower(raft.term, NOBODY)
        return
    # Another quorum counts now.
    if advance_commit(raft):
        broadcast_append(raft)
    else:
        for member in raft.others:
            send_append(raft, member, is_empty_allowed=False)
    if raft.transfer_target not in raft.configuration.all_voters:
        raft.transfer_target = NOBODY
