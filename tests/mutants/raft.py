"""Mistakes in Raft: votes, terms, logs and seals; from the pitfalls of other implementations."""

from __future__ import annotations

from typing import Any

from consensus.raft import leader, replication
from consensus.raft.log import Log
from consensus.raft.messages import NOBODY, EntryId
from consensus.raft.progress import Progress, ProgressState
from consensus.raft.state import Raft
from tests.mutants.directed_raft import (
    a_candidate_steps_down,
    a_late_refusal,
    a_leader_that_is_cut_off,
    a_shorter_log_asks,
    an_append_that_comes_late,
    an_old_entry_on_a_majority,
    asking_whether_one_could_win,
    the_only_member_writes_slowly,
)
from tests.mutants.focus import rough_raft
from tests.mutants.mutant import Mutant, around, instead
from tests.simulation.disk import Wal


def _vote_cleared(original: Any) -> Any:
    def becoming(self: Raft, term: int, leader_: int) -> None:
        original(self, term, leader_)
        self.vote = NOBODY

    return becoming


def _term_bumped(original: Any) -> Any:
    def becoming(self: Raft) -> None:
        original(self)
        self.term += 1

    return becoming


def _any_term(raft: Raft) -> bool:
    return raft.log.commit_to(raft.agreed_index())


def _rolled_back(original: Any) -> Any:
    def rejected(self: Progress, index: int, hint: int) -> bool:
        if self.state is ProgressState.REPLICATE and index <= self.match:
            self.match, self.next = hint, hint + 1
            return True
        return bool(original(self, index, hint))

    return rejected


def _counting_early(original: Any) -> Any:
    """The leader's own entries count as soon as they are in memory (etcd#14370)."""

    def appending(raft: Raft, payloads: Any) -> bool:
        result = bool(original(raft, payloads))
        raft.progress[raft.id].accepted(raft.log.last_index)
        replication.advance_commit(raft)
        return result

    return appending


def _truncating(self: Log, entries: Any) -> int | None:
    """Whatever an append carries replaces the log from there on, agreed or not."""
    first = next((i for i, e in enumerate(entries) if e.index > self.committed), None)
    return first


def _half(self: Raft) -> int:
    ranked = sorted((progress.match for progress in self.progress.values()), reverse=True)
    return int(ranked[max(0, len(ranked) // 2 - 1)])


RAFT = (
    Mutant(
        "raft_vote_cleared", "election", "stepping down in the same term clears the vote (CCF#5891)",
        around(Raft, "become_follower", _vote_cleared),
        directed=a_candidate_steps_down, engine="raft",
    ),
    Mutant(
        "raft_prevote_bumps_term", "election", "asking whether one could win moves the term",
        around(Raft, "become_pre_candidate", _term_bumped),
        directed=asking_whether_one_could_win, engine="raft",
    ),
    Mutant(
        "raft_any_log_wins", "election", "a vote is given without looking at the candidate's log",
        instead(EntryId, "is_up_to_date_with", lambda self, other: True),
        directed=a_shorter_log_asks, engine="raft",
    ),
    Mutant(
        "raft_old_term_commit", "commit", "an entry of an older term counts on a majority (figure 8)",
        instead(leader, "advance_commit", _any_term),
        directed=an_old_entry_on_a_majority, engine="raft",
    ),
    Mutant(
        "raft_half_is_enough", "commit", "an index that half of the members have is committed",
        instead(Raft, "agreed_index", _half), directed=a_leader_that_is_cut_off, engine="raft",
    ),
    Mutant(
        "raft_counts_itself_early", "durability", "the leader counts its entry before it is durable",
        around(leader, "append_own", _counting_early),
        directed=the_only_member_writes_slowly, engine="raft",
    ),
    Mutant(
        "raft_stale_reject_rollback", "progress", "a late refusal takes back what matched (CCF)",
        around(Progress, "rejected", _rolled_back), directed=a_late_refusal, engine="raft",
    ),
    Mutant(
        "raft_append_truncates", "log", "an append that comes late cuts what is behind it",
        instead(Log, "conflict", _truncating), directed=an_append_that_comes_late, engine="raft",
    ),
    Mutant(
        "raft_no_fsync", "durability", "term, vote and entries stay in the cache",
        instead(Wal, "sync", lambda self: None), rough_raft, engine="raft",
    ),
)  # fmt: skip
