"""Trusted e-credentials: signed, held, shown in part, used once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from contracts.tables import TABLES
from node.confidential.credentials import Field, commitment, content_of, root_of
from node.identity.suite import get_suite
from tests.unit.suite.center_world import CHANNEL
from tests.unit.suite.conftest import fresh
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import World, at, digest

SUITE = get_suite("sm")
KEY = SUITE.generate_key()
ID, UNTIL = "SLIP-1", "2027-11-16"
FIELDS = [
    Field(name, value, bytes([n]) * 16)
    for n, (name, value) in enumerate(
        [("amount", "12000.00"), ("goods", "phones"), ("buyer", "HB"), ("date", "2026-11-16"),
         ("shop", "Nanshan")], 1,
    )
]  # fmt: skip
LEAVES = [commitment(field) for field in FIELDS]
ROOT = root_of(LEAVES)
BY_RECORD = {table.record: table for table in TABLES}


def accredited(world: World, **changes: Any) -> World:
    args = {"issuer": "QB", "key": KEY.public_key, "kinds": ["sales-slip", "policy"],
            "certificate": digest("certificate"), "until": UNTIL}  # fmt: skip
    assert world.ok("pbc", "trusted_credential.accredit", **{**args, **changes}) == "QB/1"
    return world


def terms(**changes: Any) -> dict[str, Any]:
    args = {"id": ID, "accreditation": "QB/1", "kind": "sales-slip", "holder": "PX", "root": ROOT,
            "fields": len(FIELDS), "until": UNTIL, **changes}  # fmt: skip
    content = content_of(
        CHANNEL, id=args["id"], kind=args["kind"], issuer="QB", holder=args["holder"],
        root=ROOT, until=args["until"],
    )  # fmt: skip
    return {"signature": SUITE.signer(KEY).sign(content), **args}


def issued(world: World) -> World:
    accredited(world)
    world.ok("qb-ops", "trusted_credential.issue", **terms())
    return world


def held(world: World) -> World:
    issued(world)
    world.ok("px-maker", "trusted_credential.hold", id=ID)
    return world


def call(world: World, who: str, move: str, **args: Any) -> Any:
    return world.ok(who, f"trusted_credential.{move}", id=ID, **args)


def refused(world: World, code: str, who: str, move: str, **args: Any) -> None:
    world.refused(code, who, f"trusted_credential.{move}", id=ID, **args)


WALK = Walk(
    BY_RECORD["trusted_credential"],
    ID,
    {
        "hold": ("px-maker", {}),
        "reject": ("px-maker", {"reason": "not mine"}),
        "present": ("px-maker", {"to": "NB", "shown": digest("file")}),
        "redeem": ("nb-checker", {}),
        "revoke": ("qb-checker", {"reason": "replaced"}),
        "expire": ("nobody", {}),
    },
)
KEY_WALK = Walk(
    BY_RECORD["accreditation"], "QB/1", {"withdraw_key": ("pbc", {"reason": "key-compromised"})}
)


@pytest.mark.parametrize(("state", "move"), cases(WALK))
def test_a_credential_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    WALK.check_state(issued(world), state, move)


@pytest.mark.parametrize(("state", "move"), allowed(WALK))
def test_a_credential_is_moved_only_by_whom_its_table_names(
    world: World, state: str, move: str
) -> None:
    WALK.check_persons(issued(world), state, move)


@pytest.mark.parametrize(("state", "move"), cases(KEY_WALK))
def test_a_key_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    KEY_WALK.check_state(accredited(world), state, move)
    if KEY_WALK.table.allows(state, move):
        KEY_WALK.check_persons(world, state, move)


def test_a_credential_is_used_once_by_whom_it_was_presented_to(world: World) -> None:
    held(world)
    refused(world, "E_PRESENTED", "nb-checker", "redeem")
    refused(world, "E_SELF", "px-maker", "present", to="PX", shown=digest("file"))
    refused(world, "E_PARTY", "px-maker", "present", to="ZZ", shown=digest("file"))
    for to in ("NB", "FB"):
        assert call(world, "px-maker", "present", to=to, shown=digest("file")) == "HELD"
    assert call(world, "nb-checker", "redeem") == "USED"
    refused(world, "E_STATE", "fb-checker", "redeem")
    refused(world, "E_STATE", "qb-checker", "revoke", reason="replaced")
    found = call(world, "fb", "get")
    assert (found["used_by"], [item[0] for item in found["presented"]]) == ("NB", ["NB", "FB"])
    refused(world, "E_NOT_PARTY", "lg", "get")
    assert "PX" not in str(call(world, "lg", "status"))


def test_a_revoked_or_expired_credential_is_not_used(world: World) -> None:
    held(world)
    call(world, "px-maker", "present", to="NB", shown=digest("file"))
    refused(world, "E_CODE", "qb-checker", "revoke", reason="mood")
    refused(world, "E_TOO_EARLY", "nobody", "expire")
    later = fresh(world)
    later.now_ms = at("2027-11-17")
    refused(later, "E_EXPIRED", "nb-checker", "redeem")
    refused(later, "E_EXPIRED", "px-maker", "present", to="FB", shown=digest("file"))
    assert call(later, "nobody", "expire") == "EXPIRED"
    assert call(world, "qb-checker", "revoke", reason="cancelled") == "REVOKED"
    refused(world, "E_STATE", "nb-checker", "redeem")
    assert call(world, "lg", "status")["reason"] == "cancelled"


def test_opened_fields_are_checked_against_the_ledgers_root(world: World) -> None:
    issued(world)
    opened = [[f.name, f.value, f.salt.hex()] for f in FIELDS[:2]]
    hidden = LEAVES[2:]
    assert call(world, "nb-ops", "check_opening", opened=opened, hidden=hidden)
    lie = [["amount", "99000.00", opened[0][2]], opened[1]]
    for wrong, rest in (
        (lie, hidden),
        (opened, hidden[:-1]),
        (opened, [*hidden, LEAVES[0]]),
        ([opened[0], opened[0]], LEAVES[2:]),
        ([], LEAVES),
        ([["amount", "12000.00", "zz"]], LEAVES[1:]),
        ([["amount"]], LEAVES[1:]),
    ):
        refused(world, "E_OPENING", "nb-ops", "check_opening", opened=wrong, hidden=rest)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_ISSUER_SIGNATURE", {"root": bytes(32)}),
        ("E_ISSUER_SIGNATURE", {"signature": bytes(64)}),
        ("E_ACCREDITATION", {"kind": "payment-bill"}),
        ("E_NOT_FOUND", {"accreditation": "QB/2"}),
        ("E_CODE", {"id": "a b"}),
        ("E_SELF", {"holder": "QB"}),
        ("E_PARTY", {"holder": "ZZ"}),
        ("E_DIGEST", {"root": bytes(31)}),
        ("E_DIGEST", {"fields": 0}),
        ("E_DATE", {"until": "2026-11-15"}),
        ("E_DATE", {"until": "2050-01-01"}),
    ],
)
def test_a_credential_that_does_not_hold_is_not_put_on_the_ledger(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    accredited(world)
    world.refused(code, "qb-ops", "trusted_credential.issue", **terms(**changes))


def test_a_withdrawn_or_expired_key_signs_nothing_more(world: World) -> None:
    held(world)
    more = terms(id="SLIP-2")
    late = fresh(world)
    late.now_ms = at("2027-11-17")
    late.refused(
        "E_ACCREDITATION",
        "qb-ops",
        "trusted_credential.issue",
        **terms(id="SLIP-2", until="2028-01-01"),
    )
    world.ok("pbc", "trusted_credential.withdraw_key", id="QB/1", reason="key-compromised")
    world.refused("E_ACCREDITATION", "qb-ops", "trusted_credential.issue", **more)
    world.refused("E_DUPLICATE", "qb-ops", "trusted_credential.issue", **terms())
    assert call(world, "lg", "status")["state"] == "HELD"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_KEY", {"key": bytes(65)}),
        ("E_CODE", {"kinds": []}),
        ("E_CODE", {"kinds": ["visa"]}),
        ("E_DIGEST", {"certificate": ""}),
        ("E_PARTY", {"issuer": "ZZ"}),
        ("E_DATE", {"until": "2026-01-01"}),
    ],
)
def test_an_accreditation_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    args = {"issuer": "QB", "key": KEY.public_key, "kinds": ["policy"],
            "certificate": digest("certificate"), "until": UNTIL}  # fmt: skip
    world.refused(code, "pbc", "trusted_credential.accredit", **{**args, **changes})


class Histories(RuleBasedStateMachine):
    """Whatever is called by whom: at most one use, never after a revocation, and ends are ends."""

    opened: World

    @initialize()
    def issue(self) -> None:
        self.world = issued(fresh(self.opened))
        self.last = "ISSUED"
        self.uses = 0

    @rule(who=st.sampled_from(["px-maker", "nb-checker", "fb-checker", "qb-checker", "nobody"]),
          move=st.sampled_from(sorted(WALK.calls)))  # fmt: skip
    def move(self, who: str, move: str) -> None:
        args = {"id": ID, **WALK.calls[move][1]}
        result = self.world.run(who, f"trusted_credential.{move}", **args)
        assert result.outcome in ("ok", "revert"), (move, result.code, result.message)
        if result.outcome == "ok":
            self.world.ok(who, f"trusted_credential.{move}", **args)
            self.uses += move == "redeem"
            assert self.last in ("ISSUED", "HELD")
        self.last = call(self.world, "pbc", "get")["state"]

    @rule(days=st.integers(1, 200))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 86_400_000

    @invariant()
    def used_at_most_once(self) -> None:
        if hasattr(self, "world"):
            found = call(self.world, "pbc", "get")
            assert self.uses == (found["state"] == "USED") == (found["used_by"] != "")
            shown_to = [item[0] for item in found["presented"]]
            assert found["used_by"] in ("", *shown_to)


def test_no_history_uses_a_credential_twice(opened: World) -> None:
    Histories.opened = opened
    machine = settings(max_examples=12, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
