"""What anybody of the channel may ask about its contracts, as values: `list`, `versions`, `agreement`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from consensus.encoding import Hash
from node.lifecycle.agreement import disagreement, most_attested
from node.lifecycle.state import ACTIVE, LifecycleState, Place

PAUSED, RETIRED = "paused", "retired"


def status(state: LifecycleState, place: Place) -> str:
    """The word for a version's place in life, as people see it."""
    name, version = place
    head = state.head(name)
    if version == head.active and head.is_retired:
        return RETIRED
    if version == head.active and head.is_paused:
        return PAUSED
    return state.stages[place].status


def facts(state: LifecycleState, place: Place) -> dict[str, Any]:
    """What the channel holds of a version beside its bundle, JSON-ready."""
    terms, stage, law = state.terms[place], state.stages[place], state.terms[place].law
    found: dict[str, Any] = {
        "governing_law": law.governing_law if law else "",
        "clause_hash": law.clause_hash.hex() if law else "",
        "operator": law.operator if law else "",
        "licence": law.licence if law else "",
        "notes": terms.notes,
        "proposed_by": terms.proposed_by or "genesis",
        "proposed_height": terms.proposed_height,
        "digest": stage.digest.hex() if terms.proposed_by else "",
        "approvals": list(stage.approvals),
        "rejections": list(stage.rejections),
        "attested_by": [a.node for a in stage.attestations],
        "active_from": stage.height,
    }
    if stage.failure:
        found["failure"] = stage.failure
    head = state.head(place[0])
    if stage.status == ACTIVE and (head.resume or head.retire):
        found["asked"] = {"resume": list(head.resume), "retire": list(head.retire)}
    return found


def view(
    state: LifecycleState, name: str, args: dict[str, Any], transcript: Callable[[Hash], str]
) -> Any:
    """The answer, or None where there is no such view."""
    if name == "list":
        return [_row(state, place) for place in sorted(state.terms)]
    if name == "versions":
        asked = args.get("name")
        return [_row(state, place) for place in sorted(state.terms) if place[0] == asked]
    if name == "agreement":
        return _agreement(state, (args.get("name"), args.get("version")), transcript)
    return None


def _row(state: LifecycleState, place: Place) -> dict[str, Any]:
    name, version = place
    return {"name": name, "version": version, "status": status(state, place)} | facts(state, place)


def _agreement(
    state: LifecycleState, place: Any, transcript: Callable[[Hash], str]
) -> dict[str, Any]:
    """What the validators' examples gave: who agrees, and the transcript of most."""
    stage = state.stages.get(place)
    if stage is None:
        return {}
    result, found = most_attested(stage), disagreement(stage, transcript)
    return {
        "attestations": [
            {"node": a.node, "result": a.result.hex(), "height": a.height}
            for a in stage.attestations
        ],
        "transcript": [] if result is None else transcript(result).split("\n"),
        "disagreement": "" if found is None else str(found),
    }
