"""A lost key: guardians, a check by two officers, a lock window, and the same party under a new key."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.rules.key_recovery_machine import LOCK_HOURS, OPEN_DAYS
from contracts.tables import TABLES
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import EC, USERS, World, digest

ID = "R-2026-1"
GUARDS = ["HB", "LG", "HL"]
# The cast with checkers for every guardian, and PX's new identity, which nobody had before.
CAST: dict[str, Any] = USERS | {
    "hb-checker": ("HB", ("checker",)),
    "px-new": ("PX", ("maker",)),
    "px-other": ("PX", ("maker",)),
    "thief": ("LG", ("maker",)),
}
LOST, FRESH, REPORT = digest("px-maker"), digest("px-new"), digest("report")
TABLE, CIRCLE = (
    next(t for t in TABLES if (t.contract, t.record) == ("key_recovery", record))
    for record in ("reset", "guardians")
)
WALK = Walk(
    TABLE,
    ID,
    {
        "identify_holder": ("qb-checker", {"report": REPORT}),
        "approve_reset": ("hb-checker", {"fresh": FRESH}),
        "veto_reset": ("px-maker", {"grounds": REPORT}),
        "release_reset": ("nobody", {}),
        "confirm_reset": ("px-new", {}),
        "withdraw_reset": ("qb-ops", {"grounds": REPORT}),
        "lapse_reset": ("nobody", {}),
    },
)


@pytest.fixture
def guarded(world: World) -> World:
    """PX under three guardians, two of whom must approve."""
    world.users = CAST
    world.ok("px-maker", "key_recovery.name_guardians", id="PX", members=GUARDS, threshold=2)
    confirming = {"id": "PX", "members": GUARDS, "threshold": 2}
    assert world.ok("px-checker", "key_recovery.confirm_guardians", **confirming) == "ACTIVE"
    return world


def request(world: World, who: str = "qb-ops", **changes: Any) -> str:
    args = {"id": ID, "party_id": "PX", "lost": LOST, "fresh": FRESH} | changes
    return str(world.ok(who, "key_recovery.request_reset", **args))


def to_locked(world: World) -> None:
    request(world)
    world.ok("qb-checker", "key_recovery.identify_holder", id=ID, report=REPORT)
    for who in ("hb-checker", "lg-checker"):
        state = world.ok(who, "key_recovery.approve_reset", id=ID, fresh=FRESH)
    assert state == "LOCKED"


def to_released(world: World) -> None:
    to_locked(world)
    world.now_ms += LOCK_HOURS * 3_600_000
    assert world.ok("nobody", "key_recovery.release_reset", id=ID) == "RELEASED"


def is_locked(world: World) -> bool:
    return bool(world.ok("pbc", "party.get", party_id="PX")["locked"])


@pytest.mark.parametrize(("state", "move"), cases(WALK))
def test_a_reset_moves_only_as_its_table_says(guarded: World, state: str, move: str) -> None:
    request(guarded)
    WALK.check_state(guarded, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(WALK))
def test_a_reset_is_moved_only_by_whom_its_table_names(
    guarded: World, state: str, move: str
) -> None:
    request(guarded)
    guarded.force("key_recovery", "reset", ID, state=state)
    (row,) = [r for r in TABLE.rows if r[1] == move and state in r[0].split("|")]
    for who in ("xy", "nb-ops", "nb-checker", "nobody", "px-reader"):
        result = guarded.run(who, f"key_recovery.{move}", id=ID, **WALK.calls[move][1])
        assert result.outcome == "revert" or move in ("release_reset", "lapse_reset"), who
        if row[2] != "anyone":
            assert result.code == "E_NOT_PARTY", (who, result.code)


def test_a_party_that_lost_its_key_gets_another_and_keeps_what_it_holds(guarded: World) -> None:
    world = guarded
    world.users = CAST | {"px-maker": CAST["px-maker"]}
    world.issue()
    before = world.ok("pbc", "receivable.invariants", ec_id=EC)
    version = world.ok("pbc", "party.get", party_id="PX")["version"]
    to_released(world)
    world.refused("E_NEW_KEY", "px-maker", "key_recovery.confirm_reset", id=ID)
    world.refused("E_NEW_KEY", "px-other", "key_recovery.confirm_reset", id=ID)
    assert world.ok("px-new", "key_recovery.confirm_reset", id=ID) == "RECOVERED"
    found = world.ok("pbc", "party.get", party_id="PX")
    assert (found["party_id"], found["state"], found["locked"]) == ("PX", "ACTIVE", False)
    assert found["version"] == version + 2  # locked and unlocked
    assert world.ok("pbc", "receivable.invariants", ec_id=EC) == before
    assert world.ok("px-new", "receivable.get", ec_id=EC)["issuer"] == "PX"
    for move, who, args in (
        ("veto_reset", "px-maker", {"grounds": REPORT}),
        ("withdraw_reset", "qb-ops", {"grounds": REPORT}),
    ):
        world.refused("E_STATE", who, f"key_recovery.{move}", id=ID, **args)
    request(world, id="R-2")  # a key may be lost again


def test_while_it_is_locked_the_party_deals_in_nothing_with_any_key(guarded: World) -> None:
    world = guarded
    to_locked(world)
    assert is_locked(world)
    drafting = {
        "first_holder": "LG", "paying_bank": "QB", "face_fen": 600_000_000,
        "due_date": "2027-05-20", "invoices": [digest("moulds")], "clause_hash": digest("terms"),
    }  # fmt: skip
    for who in ("px-maker", "px-new"):
        world.refused("E_LOCKED", who, "receivable.draft", **drafting)
    world.ok("px-maker", "key_recovery.veto_reset", id=ID, grounds=REPORT)
    assert not is_locked(world)
    assert world.ok("px-maker", "receivable.draft", **drafting)


@pytest.mark.parametrize("state", ["REQUESTED", "IDENTIFIED", "LOCKED"])
def test_whoever_still_has_the_old_key_ends_the_reset(guarded: World, state: str) -> None:
    world = guarded
    request(world)
    if state != "REQUESTED":
        world.ok("qb-checker", "key_recovery.identify_holder", id=ID, report=REPORT)
    if state == "LOCKED":
        for who in ("hb-checker", "lg-checker"):
            world.ok(who, "key_recovery.approve_reset", id=ID, fresh=FRESH)
    for who in ("px-new", "px-other", "thief", "hb-checker", "qb-ops"):
        world.refused("E_NOT_PARTY", who, "key_recovery.veto_reset", id=ID, grounds=REPORT)
    world.refused("E_DIGEST", "px-maker", "key_recovery.veto_reset", id=ID, grounds="no")
    assert world.ok("px-maker", "key_recovery.veto_reset", id=ID, grounds=REPORT) == "VETOED"
    assert not is_locked(world)
    world.refused("E_STATE", "nobody", "key_recovery.release_reset", id=ID)
    request(world, id="R-2")


def test_the_lock_window_is_waited_for_and_the_old_key_is_late_after_it(guarded: World) -> None:
    world = guarded
    to_locked(world)
    world.now_ms += LOCK_HOURS * 3_600_000 - 1
    world.refused("E_TOO_EARLY", "nobody", "key_recovery.release_reset", id=ID)
    world.refused("E_STATE", "px-new", "key_recovery.confirm_reset", id=ID)
    world.now_ms += 1
    world.ok("nobody", "key_recovery.release_reset", id=ID)
    world.refused("E_STATE", "px-maker", "key_recovery.veto_reset", id=ID, grounds=REPORT)
    assert is_locked(world)
    world.ok("qb-ops", "key_recovery.withdraw_reset", id=ID, grounds=REPORT)
    assert not is_locked(world)


def test_two_officers_of_the_attesting_bank_identify_and_enough_guardians_approve(
    guarded: World,
) -> None:
    world = guarded
    for who in ("nb-ops", "px-maker", "lg-checker", "pbc"):
        args = {"id": ID, "party_id": "PX", "lost": LOST, "fresh": FRESH}
        world.refused("E_NOT_PARTY", who, "key_recovery.request_reset", **args)
    request(world)
    world.refused("E_RESET_OPEN", "qb-ops", "key_recovery.request_reset", **(args | {"id": "R-2"}))
    world.refused("E_FOUR_EYES", "qb-ops", "key_recovery.identify_holder", id=ID, report=REPORT)
    world.refused("E_DIGEST", "qb-checker", "key_recovery.identify_holder", id=ID, report="x")
    world.refused("E_STATE", "hb-checker", "key_recovery.approve_reset", id=ID, fresh=FRESH)
    world.ok("qb-checker", "key_recovery.identify_holder", id=ID, report=REPORT)
    world.refused("E_NEW_KEY", "hb-checker", "key_recovery.approve_reset", id=ID, fresh=LOST)
    world.refused("E_NOT_PARTY", "nb-checker", "key_recovery.approve_reset", id=ID, fresh=FRESH)
    world.ok("hb-checker", "key_recovery.approve_reset", id=ID, fresh=FRESH)
    world.refused("E_DUPLICATE", "hb-checker", "key_recovery.approve_reset", id=ID, fresh=FRESH)
    assert not is_locked(world)
    assert world.ok("hl-checker", "key_recovery.approve_reset", id=ID, fresh=FRESH) == "LOCKED"
    shown = world.ok("xy", "key_recovery.get", id=ID)
    assert (shown["approvals"], shown["threshold"]) == (["HB", "HL"], 2)


def test_after_thirty_days_nobody_identifies_or_approves_and_anyone_ends_it(guarded: World) -> None:
    world = guarded
    request(world)
    world.refused("E_TOO_EARLY", "nobody", "key_recovery.lapse_reset", id=ID)
    world.now_ms += OPEN_DAYS * 86_400_000 + 1
    world.refused("E_TOO_LATE", "qb-checker", "key_recovery.identify_holder", id=ID, report=REPORT)
    assert world.ok("nobody", "key_recovery.lapse_reset", id=ID) == "LAPSED"


def test_guardians_are_other_parties_named_by_two_persons_and_stand_still_in_a_reset(
    world: World,
) -> None:
    def naming(members: list[str], threshold: int) -> dict[str, Any]:
        return {"id": "PX", "members": members, "threshold": threshold}

    world.users = CAST
    for code, members, threshold in (
        ("E_GUARDIANS", ["HB"], 1),
        ("E_GUARDIANS", ["HB", "LG"], 1),
        ("E_GUARDIANS", ["HB", "LG", "HL", "XY"], 2),
        ("E_GUARDIANS", ["HB", "LG"], 3),
        ("E_GUARDIANS", ["HB", "HB", "LG"], 2),
        ("E_SELF", ["PX", "LG"], 2),
        ("E_PARTY", ["ZZ", "LG"], 2),
    ):
        words = naming(members, threshold)
        world.refused(code, "px-maker", "key_recovery.name_guardians", **words)
    words = naming(["HB", "LG", "HL"], 2)
    world.refused("E_NOT_PARTY", "lg", "key_recovery.name_guardians", **words)
    world.ok("px-both", "key_recovery.name_guardians", **words)
    asking = {"id": ID, "party_id": "PX", "lost": LOST, "fresh": FRESH}
    world.refused("E_GUARDIANS", "qb-ops", "key_recovery.request_reset", **asking)
    world.refused("E_FOUR_EYES", "px-both", "key_recovery.confirm_guardians", **words)
    other = naming(["HB", "LG", "XY"], 2)
    world.refused("E_PARTIAL", "px-checker", "key_recovery.confirm_guardians", **other)
    world.ok("px-checker", "key_recovery.confirm_guardians", **words)
    world.ok("px-maker", "key_recovery.name_guardians", **other)  # those in force stay
    shown = world.ok("px-reader", "key_recovery.guardians_of", party_id="PX")
    assert (shown["members"], shown["named"]) == (["HB", "LG", "HL"], ["HB", "LG", "XY"])
    request(world)
    world.refused("E_RESET_OPEN", "px-checker", "key_recovery.confirm_guardians", **other)
    world.refused("E_RESET_OPEN", "px-maker", "key_recovery.name_guardians", **words)


def test_only_the_contract_locks_and_unlocks(world: World) -> None:
    for who in ("px-maker", "pbc", "qb-ops"):
        for call in ("lock", "unlock"):
            world.refused("E_CALLER", who, f"party.{call}", party_id="PX")
