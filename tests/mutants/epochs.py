"""Mistakes with changing validators and with coming back: rules R11 and R13."""

from __future__ import annotations

from typing import Any

from consensus.ordering.chain import Chain
from consensus.pbft import messages
from consensus.pbft.admission import Admission
from consensus.pbft.checkpoints import Checkpoints
from consensus.pbft.messages import SignatureRules
from consensus.pbft.state import State
from consensus.pbft.view_change import ViewChanger
from tests.mutants.directed import a_promise_of_yesterday, one_checkpoint_short
from tests.mutants.focus import changing, forgetting, remembered_by_others
from tests.mutants.mutant import Mutant, around, instead
from tests.unit.consensus.pbft import test_admission as admitted
from tests.unit.consensus.pbft import test_first_start as first_start
from tests.unit.consensus.pbft import test_forgotten_promise as forgotten


def _joining_at_once(self: Admission) -> None:
    """It knows where the others stand, and takes that for enough."""
    if self._state.is_joining and self.target is not None:
        self._admit(0)


def _impatient(original: Any) -> Any:
    """Any checkpoint above the others' tips will do."""

    def check(self: Admission) -> None:
        if self.target is None:
            return
        waited_for = self.target
        self.target -= 2 * self._state.config.window + self._state.config.tip_spread - 1
        original(self)
        self.target = waited_for

    return check


def _stuck_alone(original: Any) -> Any:
    def is_stuck(self: Admission) -> bool:
        standing = dict(self._standing)
        self._standing = dict.fromkeys(standing, True)
        try:
            return bool(original(self))
        finally:
            self._standing = standing

    return is_stuck


def _one_short(original: Any) -> Any:
    """A quorum that counts somebody twice."""

    def equal_to(self: Checkpoints, height: int) -> Any:
        found = original(self, height)
        return [*found, *found[:1]]

    return equal_to


def _any_config(original: Any) -> Any:
    def is_foreign(self: SignatureRules, message: Any) -> bool:
        return False

    return is_foreign


EPOCHS = (
    Mutant(
        "epoch_unchecked", "R11", "messages of another epoch are judged by this one's validators",
        around(SignatureRules, "is_foreign", _any_config), changing,
    ),
    Mutant(
        "config_pipelined", "R11", "a change is proposed and voted for on a tip that is not executed",
        instead(Chain, "is_executed", property(lambda self: True)), changing,
    ),
    Mutant(
        "epoch_goes_on", "R11", "the old validators go on behind a configuration block (FISCO#4018)",
        instead(State, "is_ending", property(lambda self: False)), changing,
    ),
    Mutant(
        "joins_at_once", "R13", "who forgot its votes joins as soon as it has heard the others",
        instead(Admission, "check", _joining_at_once), forgetting,
        told_in="A promise that was forgotten is void in others' hands",
    ),
    Mutant(
        "joins_too_soon", "R13", "a checkpoint above the others' tips admits, however little above",
        around(Admission, "check", _impatient), remembered_by_others,
    ),
    Mutant(
        "claims_unbounded", "R13, S11", "any height is believed to be one, and reckoned with",
        instead(messages, "HEIGHT_MAX", 1 << 64),
        directed=admitted.test_a_claim_beyond_all_numbers_is_refused_and_does_not_stop_who_asks,
    ),
    Mutant(
        "late_start_never", "R13", "a chain that stands still for want of a first start does so for good",
        instead(Admission, "_is_stuck", lambda self: False),
        directed=first_start.test_a_late_first_start_beside_a_lost_log_brings_a_chain_that_stands_still_back,
    ),
    Mutant(
        "late_start_hasty", "R13", "a first start need not hear f + 1 who vote where the chain stands still",
        around(Admission, "_is_stuck", _stuck_alone),
        directed=first_start.test_with_fewer_than_f_plus_one_voters_it_waits,
    ),
    Mutant(
        "floor_of_views_ignored", "R13", "a view entered by a forgotten promise is voted in at once",
        instead(ViewChanger, "_votes_above", lambda self, message: 0),
        directed=forgotten.test_who_sealed_before_does_not_vote_again_in_a_view_made_of_a_forgotten_promise,
    ),
    Mutant(
        "checkpoint_one_short", "R13", "a checkpoint with q - 1 signatures admits",
        around(Checkpoints, "equal_to", _one_short), directed=one_checkpoint_short,
    ),
    Mutant(
        "stale_promise_counts", "R13", "an old ViewChange of a forgetful member counts in full",
        instead(ViewChanger, "_is_stale", lambda self, change, height: False),
        directed=a_promise_of_yesterday,
    ),
)  # fmt: skip
