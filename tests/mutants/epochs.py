"""Mistakes with changing validators and with coming back: rules R11 and R13."""

from __future__ import annotations

from typing import Any

from consensus.ordering.chain import Chain
from consensus.pbft.admission import Admission
from consensus.pbft.checkpoints import Checkpoints
from consensus.pbft.messages import SignatureRules
from consensus.pbft.state import State
from consensus.pbft.view_change import ViewChanger
from tests.mutants.directed import a_promise_of_yesterday, one_checkpoint_short
from tests.mutants.focus import changing, forgetting
from tests.mutants.mutant import Mutant, around, instead


def _joining_at_once(self: Admission) -> None:
    """It knows where the others stand, and takes that for enough."""
    if self._state.is_joining and self.target is not None:
        self._admit(0)


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
        "checkpoint_one_short", "R13", "a checkpoint with q - 1 signatures admits",
        around(Checkpoints, "equal_to", _one_short), directed=one_checkpoint_short,
    ),
    Mutant(
        "stale_promise_counts", "R13", "an old ViewChange of a forgetful member counts in full",
        instead(ViewChanger, "_is_stale", lambda self, change, height: False),
        directed=a_promise_of_yesterday,
    ),
)  # fmt: skip
