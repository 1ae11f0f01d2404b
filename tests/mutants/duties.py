"""Mistakes in duties: suspecting, helping others on, bounding what is kept, judging liars."""

from __future__ import annotations

from functools import partial
from typing import Any

from consensus import light_client
from consensus.certificate import certificate_items
from consensus.ordering.requests import Requests
from consensus.pbft.gossip import Gossip
from consensus.pbft.normal import NormalCase
from consensus.pbft.pace import Pace
from consensus.pbft.replica import PbftCore
from consensus.pbft.state import State
from consensus.pbft.view_change import ViewChanger
from consensus.validators import ValidatorSet
from tests.mutants.directed import (
    a_header_of_others,
    a_majority_for_a_quorum,
    in_flight_twice,
    latecomer_is_helped,
    lost_votes_come_again,
    one_left_waiting,
)
from tests.mutants.focus import lossy, lying, rough_lying
from tests.mutants.mutant import Mutant, around, instead
from tests.unit.consensus.pbft import test_pace as pace


def _wrong_key(original: Any) -> Any:
    """Evidence that goes by a neighbour's index (tendermint#5199)."""

    def accusing(self: NormalCase, kind: str, sender: int, *rest: Any) -> None:
        original(self, kind, (sender + 1) % self._state.n, *rest)

    return accusing


def _timeless(original: Any) -> Any:
    def judging(*args: Any) -> str | None:
        fault: str | None = original(*args)
        return None if fault == "a timestamp not after its parent's" else fault

    return judging


def _credulous(original: Any) -> Any:
    """Fetched blocks are taken without looking at their certificates (cometbft ASA-2025-001)."""

    def syncing(self: PbftCore, event: Any) -> None:
        state = self._started
        if event.block.header.height == state.chain.height + 1:
            self._normal.commit(event.block, event.cert, event.is_config)

    return syncing


def _near_only(self: NormalCase, header: Any) -> bool:
    return abs(header.timestamp_ms - self._state.wall_ms) <= self._state.config.drift_ms


def _of_anybody(hash_: Any, header: Any, cert: Any, electorate: Any) -> Any:
    return certificate_items(
        cert, electorate.kind, electorate.suite_id, electorate.channel_id, electorate.validators
    )


def _of_any_kind(cert: Any, kind: str, *rest: Any) -> Any:
    return certificate_items(cert, cert.kind, *rest)


DUTIES = (
    Mutant(
        "evidence_wrong_key", "S10", "evidence names an index that belongs to another",
        around(NormalCase, "_accuse", _wrong_key), lying("equivocator"),
    ),
    Mutant(
        "evidence_unsaid", "S10", "two contradicting votes are taken and nobody is accused",
        instead(NormalCase, "_accuse", lambda *args: None), lying("equivocator"),
    ),
    Mutant(
        "one_far_message_moves", "R5, R9", "a single ViewChange moves a node (FISCO#2211)",
        instead(ValidatorSet, "weak_quorum", property(lambda self: 1)), lying("spammer"),
    ),
    Mutant(
        "time_unchecked", "R1, S4", "a block may be older than its parent",
        around(NormalCase, "_chain_fault", _timeless), lying("skewed"),
        told_in="A block that is not later than its parent is left at once",
    ),
    Mutant(
        "repeats_unchecked", "S3", "a proposal may hold what the chain holds already",
        instead(NormalCase, "_is_repeating", lambda *args: False), directed=in_flight_twice,
    ),
    Mutant(
        "censorship_unnoticed", "R10", "no timer runs for a transaction that the leader leaves out",
        instead(Requests, "suspect_at_ms", lambda self: None), directed=one_left_waiting,
    ),
    Mutant(
        "heights_unbounded", "S11", "votes for any height are kept (FISCO#4417)",
        instead(State, "is_in_reach", lambda self, height: height > self.chain.height),
        lying("spammer"),
    ),
    Mutant(
        "sync_unverified", "S1", "fetched blocks are taken on their sender's word",
        around(PbftCore, "_on_synced", _credulous), rough_lying("fake_height"),
    ),
    Mutant(
        "no_help_with_views", "R9", "nobody shows a latecomer the NewView or ViewChanges it lacks",
        instead(Gossip, "_help_with_view", lambda *args: None), directed=latecomer_is_helped,
    ),
    Mutant(
        "votes_said_once", "R9", "own votes of open slots are never sent again",
        instead(Gossip, "_send_again", lambda *args: None), directed=lost_votes_come_again,
    ),
    Mutant(
        "suspects_nobody", "R5", "a leader that makes no progress is never suspected",
        instead(ViewChanger, "suspect", lambda *args: None), lying("silent"),
    ),
    Mutant(
        "answers_without_end", "R9, S11", "whoever goes on speaking is answered each time (FISCO#2211)",
        instead(Pace, "may_answer", lambda *args: True),
        directed=pace.test_a_flood_of_view_changes_with_a_low_tip_is_answered_once,
    ),
    Mutant(
        "waits_for_the_hour", "R1, L1", "a chain whose time ran ahead stands still until the clocks are there",
        instead(NormalCase, "_is_timely", _near_only),
        directed=partial(pace.test_a_chain_whose_time_ran_ahead_goes_on_by_the_least_step, 1),
    ),
    Mutant(
        "electorate_unchecked", "S9", "whose validators a header names is not looked at",
        instead(light_client, "sealed_items", _of_anybody),
        directed=a_header_of_others,
    ),
    Mutant(
        "kind_unchecked", "S9", "a majority's certificate passes where a quorum is needed",
        instead(light_client, "certificate_items", _of_any_kind),
        directed=a_majority_for_a_quorum,
    ),
    Mutant(
        "settles_not", "decisions 2.4", "no empty block follows the last state",
        instead(State, "settle_height", property(lambda self: 0)), lossy,
    ),
)  # fmt: skip
