"""Mistakes in ordering over Raft: what is sealed and when, who may speak, what is checked before it is taken.

Most show in the scenario that tells of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from consensus.certificate import certificate_items
from consensus.ordering.chain import Roots
from consensus.raft import leader
from consensus.raft.messages import EntryId
from consensus.raft.ordering import core, restart
from consensus.raft.ordering.accept import Intake
from consensus.raft.ordering.core import RaftCore
from consensus.raft.ordering.create import Creator
from consensus.raft.ordering.flight import Flight
from consensus.raft.ordering.gossip import Gossip
from consensus.raft.ordering.hearing import OBSERVER_HEARING, Hearing
from consensus.raft.ordering.messages import Decided, VoteReply
from consensus.raft.ordering.records import NO_ENTRY
from consensus.raft.ordering.replica import Replica
from tests.mutants.mutant import Mutant, around, instead
from tests.unit.consensus import test_raft_ordering as told


def _saying_first(original: Any) -> Any:
    """The reply leaves, then the entry is written."""

    def draining(self: Replica) -> None:
        out = self._state.out
        start = len(out)
        original(self)
        written = [a for a in out[start:] if type(a).__name__ in ("Persist", "Keep")]
        out[start:] = [a for a in out[start:] if a not in written] + written

    return draining


def _sealing_all(self: Replica, reply: Any) -> Any:
    state = self._state
    if reply.is_rejected or state.leader != reply.to - 1:
        return ()
    matched = [flying for flying in state.flight if flying.index <= reply.index]
    return [state.seals.own(reply.term, each) for each in matched[: state.config.horizon]]


def _unheard(original: Any) -> Any:
    def reason(*args: Any) -> str | None:
        found: str | None = original(*args)
        return None if found == OBSERVER_HEARING else found

    return reason


def _of_any_life(original: Any) -> Any:
    def receiving(self: Replica, message: Any) -> None:
        if isinstance(message, VoteReply):
            message = replace(message, life=self._state.life)
        original(self, message)

    return receiving


def _floorless(original: Any) -> Any:
    def voting(state: Any, event: Any, replica: Any, term: int, last: Any) -> None:
        original(state, event, replica, term, NO_ENTRY)

    return voting


def _enough_when(is_enough: Callable[[Hearing], bool]) -> Any:
    """Another idea of whom a member without memory has to hear."""

    def beginning(self: Hearing) -> None:
        answers = self._heard.values()
        if is_enough(self):
            self._state.observer_reason = None
            last = max((each.last.term, each.last.index) for each in answers)
            self._begin(max(each.head.term for each in answers), EntryId(*last))

    return beginning


def _majority_heard(hearing: Hearing) -> bool:
    return len(hearing._heard) >= hearing._state.n // 2


def _all_heard(hearing: Hearing) -> bool:
    return len(hearing._heard) >= hearing._state.n - 1


def _any_kind(cert: Any, kind: str, *rest: Any) -> Any:
    return certificate_items(cert, cert.kind, *rest)


@contextmanager
def _epochless() -> Iterator[None]:
    """Messages of another epoch are taken for this one's."""
    judge = RaftCore._is_for_now

    def is_for_now(self: RaftCore, event: Any) -> bool:
        message = event.message
        if not isinstance(message, Decided):
            head = replace(message.head, epoch=self._validators.epoch)
            return judge(self, replace(event, message=replace(message, head=head)))
        return judge(self, event)

    with (
        patch.object(RaftCore, "_is_for_now", is_for_now),
        patch.object(RaftCore, "signature_items", lambda self, message: []),
    ):
        yield


@contextmanager
def _config_unnoticed() -> Iterator[None]:
    with (
        patch.object(Replica, "_is_change", lambda self, block: False),
        patch.object(Flight, "note_config", lambda self, tx_id: None),
    ):
        yield


@contextmanager
def _pointer_once() -> Iterator[None]:
    with (
        patch.object(Gossip, "_retry_snapshots", lambda self: None),
        patch.object(leader, "_give_up_snapshots", lambda raft: None),
    ):
        yield


RAFT_ORDERING = (
    Mutant(
        "raft_ack_before_durable", "durability", "an entry is acknowledged, then written (etcd#14370)",
        around(Replica, "drain", _saying_first), engine="raft",
        told_in="A follower loses power before an entry is on its disk",
    ),
    Mutant(
        "raft_older_term_sealed", "R4", "an entry of an older term is sealed by itself (figure 8)",
        instead(Replica, "_seals_for", _sealing_all), engine="raft",
        told_in="A block that a majority holds is replaced, and nobody has sealed it",
    ),
    Mutant(
        "raft_seals_unverified", "R4", "a seal is counted without looking whose it is",
        instead(RaftCore, "signature_items", lambda self, message: []), engine="raft",
        told_in="A seal that is another member's is refused",
    ),
    Mutant(
        "raft_kind_unchecked", "R4", "a certificate says itself what kind it is",
        instead(core, "certificate_items", _any_kind), engine="raft",
        told_in="A certificate of the other kind is refused",
    ),
    Mutant(
        "raft_epoch_unchecked", "R11", "an acknowledgement of an older epoch counts",
        _epochless, engine="raft",
        told_in="An acknowledgement of an older epoch counts in no other",
    ),
    Mutant(
        "raft_config_unnoticed", "R11", "a configuration block in the log is no such block after a restart",
        _config_unnoticed, engine="raft",
        told_in="A configuration block that lies in the log at a restart is known for what it is",
    ),
    Mutant(
        "raft_hearing_skipped", "R13", "a member without memory votes at once (fabric#3639)",
        around(restart, "_observer_reason", _unheard), engine="raft",
        told_in="A disk that is emptied while a block is under way forgets an acknowledgement and no block",
    ),
    Mutant(
        "raft_majority_heard", "R13", "a member without memory has heard a majority and votes",
        instead(Hearing, "_begin_if_enough", _enough_when(_majority_heard)), engine="raft",
        told_in="A disk that is emptied while a block is under way forgets an acknowledgement and no block",
    ),
    Mutant(
        "raft_forgetful_heard", "R13", "those who have forgotten as well are good witnesses",
        instead(Hearing, "_begin_if_enough", _enough_when(_all_heard)), engine="raft",
        told_in="Where a majority has forgotten nobody votes",
    ),
    Mutant(
        "raft_vote_of_any_life", "R13", "a vote that an earlier life had asked for counts in this one",
        around(Replica, "receive", _of_any_life), engine="raft",
        told_in="A vote that was given to a life that is over elects nobody",
    ),
    Mutant(
        "raft_floor_ignored", "R13", "who was heard to have a longer log is outvoted by a shorter one",
        around(core, "first_vote", _floorless), engine="raft",
        told_in="A member that heard all others helps nobody to lead whose log is shorter than its own was",
    ),
    Mutant(
        "raft_roots_unchecked", "R1", "a block is acknowledged whatever roots it shows",
        instead(Roots, "match", lambda self, header: True), engine="raft",
        told_in="A leader whose execution differs is replaced and its roots are never sealed",
    ),
    Mutant(
        "raft_drift_unchecked", "R1", "a leader with a wrong clock dates blocks",
        instead(Intake, "_is_timely", lambda *args: True), engine="raft",
        told_in="A leader whose clock is off orders nothing while a majority has another",
    ),
    Mutant(
        "raft_builds_too_early", "R8", "a new leader builds before it knows what its log began with",
        instead(Creator, "is_serving", property(lambda self: self._state.is_leader)), engine="raft",
        directed=told.test_a_new_leader_builds_nothing_before_its_first_entry_is_committed,
    ),
    Mutant(
        "raft_minority_leads_on", "R5", "a leader does not count who answers (openraft#2080)",
        instead(leader, "_check_quorum", lambda raft: None), engine="raft",
        told_in="An old leader keeps nobody from electing through the one who hears it",
    ),
    Mutant(
        "raft_pointer_once", "L1", "a pointer that is lost is not sent again",
        _pointer_once, engine="raft", told_in="A pointer that is lost on its way is sent again",
    ),
    Mutant(
        "raft_unreadable_skipped", "R12", "a committed entry that nobody can read is passed over (fabric#5467)",
        instead(core.State, "stop_unreadable", lambda self: None), engine="raft",
        told_in="An entry that nobody can read stops the channel and not the process",
    ),
    Mutant(
        "raft_leaves_without_a_word", "L1", "a leader that stops lets the others find out",
        instead(Replica, "hand_over", lambda self: None), engine="raft",
        told_in="A leader that is told to stop hands over first",
    ),
)  # fmt: skip
