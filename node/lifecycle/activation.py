"""Activations that are due, and what becomes of them. Pure: the engine runs `migrate` in between.

A version becomes active between two blocks: behind the transactions of the block below its height, so that the
block of its height is the first that runs it. Where it replaces another version and has a function `migrate`,
that runs once, as the ledger: no sender, no member, no roles. A migration that does not end well activates
nothing: the version stands approved as before, and the old one goes on.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.runtime.api import Transaction, TxResult
from node.lifecycle.calls import MIGRATE
from node.lifecycle.state import (
    ACTIVE,
    APPROVED,
    ARCHIVED,
    SCHEDULED,
    LifecycleState,
    Place,
    Stage,
)

NO_MIGRATION = "no-such-method"  # the engine's word for a version without a function `migrate`


def due(state: LifecycleState, height: int) -> list[Place]:
    """What becomes active behind the block of `height`, in order."""
    return sorted(
        place
        for place, stage in state.stages.items()
        if stage.status == SCHEDULED and stage.height <= height + 1
    )


def migration(state: LifecycleState, place: Place, gas_limit: int) -> Transaction | None:
    """The call that carries the state over; None where there is nothing to carry."""
    name, version = place
    if state.head(name).active == 0:
        return None
    digest = state.stages[place].digest
    return Transaction(digest, name, version, MIGRATE, "{}", "", "", (), gas_limit)


def active_with(state: LifecycleState, place: Place) -> dict[str, int]:
    """What runs while `migrate` does: the new version under its name."""
    return state.running | dict([place])


def failure_of(state: LifecycleState, place: Place, result: TxResult | None) -> str:
    """Why it does not become active; empty where it does."""
    if state.head(place[0]).is_retired:
        return "CONTRACT_RETIRED"
    if result is None or result.outcome == "ok" or result.code == NO_MIGRATION:
        return ""
    return " ".join(filter(None, (result.outcome, result.code, result.message)))


def activated(state: LifecycleState, place: Place) -> LifecycleState:
    """The version runs; the one before it is archived."""
    name, version = place
    head = state.head(name)
    if head.active:
        before = (name, head.active)
        state = state.with_stage(before, replace(state.stages[before], status=ARCHIVED))
    state = state.with_stage(place, replace(state.stages[place], status=ACTIVE, failure=""))
    return state.with_head(name, replace(head, active=version))


def not_activated(
    state: LifecycleState, place: Place, failure: str, before: Stage | None
) -> LifecycleState:
    """It does not run. before: its stage before the transaction that wanted it at once, which is then as if it
    had never been; none where it was scheduled earlier: it stands approved again, and says why."""
    stage = state.stages[place]
    if before is None:
        stage = replace(stage, status=APPROVED, height=0, failure=failure)
    else:
        stage = replace(stage, status=before.status, height=before.height, failure=before.failure)
    return state.with_stage(place, stage)
