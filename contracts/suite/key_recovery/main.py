"""Key loss (M0): a lock window, a new key by customer check and guardians, the party id unchanged.

The order and who acts stand in `rules.key_recovery_machine`. This contract decides whether the party gets a
new key; the channel's configuration then replaces it (`replace_identity_key`, by the party's own admin or a
quorum of the validators' owners, who read this record), and the new identity confirms with its first
transaction. While it is locked the party deals in nothing, with any key. Invariants: one open reset a party;
nothing follows RECOVERED, VETOED, WITHDRAWN and LAPSED; the party is locked exactly while its reset is LOCKED
or RELEASED.

    records  what is kept
    reset    a reset from its request to its end
"""

from chapters.records import Circle, circles, open_resets, resets
from chapters.reset import (
    request_reset,
    identify_holder,
    approve_reset,
    veto_reset,
    release_reset,
    confirm_reset,
    withdraw_reset,
    lapse_reset,
)

from rules.instrument import enter, keep, load, require_sight, require_step
from rules.key_recovery_machine import GUARDIANS, GUARDIANS_MAX, GUARDIANS_MIN, RESET
from rules.machine import moves_from
from sdk import Event, call, ctx, export, require, view

Named = Event("Guardians.Named")
Confirmed = Event("Guardians.Confirmed")


def require_circle(members: list, threshold: int):
    count = len(members)
    require(GUARDIANS_MIN <= count <= GUARDIANS_MAX, "E_GUARDIANS", "2 to 9 guardians")
    require(len(set(members)) == count, "E_GUARDIANS", "a guardian is named once")
    require(ctx.member not in members, "E_SELF", "nobody guards himself")
    enough = 2 * threshold > count and 2 <= threshold <= count
    require(enough, "E_GUARDIANS", "more than half of them approve, two at least")
    for member in members:
        call("party", "check_member", member)


@export
def name_guardians(id: str, members: list, threshold: int, expected_version: int = 0) -> str:
    """A party names who may help it to a new key. `id` is the party's own.

    Codes: E_NOT_PARTY, E_GUARDIANS, E_SELF, E_PARTY, E_LOCKED, E_RESET_OPEN, E_VERSION.
    """
    parts = {"party": id}
    found = circles[id]
    if found is None:
        require_step(GUARDIANS, "-", "name_guardians", parts)
        call("party", "check_member", id)
        found = Circle(id, parts, "NAMED")
    else:
        found = enter(GUARDIANS, circles, id, "name_guardians", expected_version)
    require(open_resets[id] == "", "E_RESET_OPEN", "guardians do not change during a reset")
    require_circle(members, threshold)
    found.next_members = tuple(members)
    found.next_threshold = threshold
    found.named_by = ctx.sender
    return keep(circles, found, Named)


@export
def confirm_guardians(id: str, members: list, threshold: int, expected_version: int = 0) -> str:
    """The second pair of eyes, in the same words. Codes: E_FOUR_EYES, E_PARTIAL, E_RESET_OPEN."""
    found = enter(GUARDIANS, circles, id, "confirm_guardians", expected_version)
    same = (tuple(members), threshold) == (found.next_members, found.next_threshold)
    require(same, "E_PARTIAL", "other guardians were named")
    require(found.named_by != ctx.sender, "E_FOUR_EYES", "who named them does not confirm them")
    require(open_resets[id] == "", "E_RESET_OPEN", "guardians do not change during a reset")
    require_circle(members, threshold)
    found.members = found.next_members
    found.threshold = found.next_threshold
    return keep(circles, found, Confirmed)


@view
def get(id: str) -> dict:
    """One reset. For the party, its bank, its guardians and regulators; whoever replaces keys reads it too."""
    found = load(resets, id)
    return {
        "id": found.id, "party": found.parties["party"], "bank": found.parties["bank"],
        "state": found.state, "lost": found.lost, "fresh": found.fresh, "report": found.report,
        "guardians": list(found.guardians), "threshold": found.threshold,
        "approvals": list(found.approvals), "until_ms": found.until_ms, "version": found.version,
    }  # fmt: skip


@view
def guardians_of(party_id: str) -> dict:
    """Who guards a party, for it and regulators."""
    found = load(circles, party_id)
    require_sight(found.parties)
    return {
        "party": party_id, "state": found.state, "members": list(found.members),
        "threshold": found.threshold, "named": list(found.next_members),
        "named_threshold": found.next_threshold, "version": found.version,
    }  # fmt: skip


@view
def next_steps(id: str) -> list:
    return moves_from(RESET, load(resets, id).state)
