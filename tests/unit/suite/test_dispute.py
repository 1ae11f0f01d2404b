"""Disputes: stages with their clocks, a seat that is no party, decisions that take effect on the instrument."""

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
from tests.unit.suite.conftest import fresh
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import EC, World, at, digest, open_world

CASE, FILE, AWARD = "D-2026-1", digest("file"), digest("award")
WHOLE = 600_000_000
(TABLE,) = [table for table in TABLES if table.contract == "dispute"]
TERMS = {"outcome": "reduce", "owed_fen": 500_000_000, "decision": AWARD}
WALK = Walk(
    TABLE,
    CASE,
    {
        "admit": ("arbiter", {}),
        "decline": ("arbiter", {"grounds": FILE}),
        "submit": ("lg", {"evidence": digest("more")}),
        "rest": ("lg", {}),
        "close_evidence": ("nobody", {}),
        "propose_settlement": ("lg-checker", TERMS),
        "accept_settlement": ("px-checker", TERMS),
        "to_arbitration": ("nobody", {}),
        "extend_time": ("arbiter", {}),
        "decide": ("arbiter", TERMS),
        "lapse": ("nobody", {}),
        "resubmit": ("lg", {"seat": "SHIAC"}),
        "withdraw": ("lg", {}),
        "execute": ("lg", {"performance": FILE}),
    },
)


def opened(world: World, **changes: Any) -> None:
    """A case of LG against PX about EC's only leaf, opened on Monday 2026-11-23."""
    if changes.get("kind", "receivable") == "receivable":
        world.issue()
    world.now_ms = max(world.now_ms, at("2026-11-23"))
    args = {
        "id": CASE, "kind": "receivable", "target": EC, "respondent": "PX", "seat": "CIETAC",
        "grounds": "amount", "evidence": FILE,
    }  # fmt: skip
    world.ok("lg", "dispute.open", **{**args, **changes})


def to_conciliation(world: World, **changes: Any) -> None:
    opened(world, **changes)
    world.ok("arbiter", "dispute.admit", id=CASE)
    for who in ("lg", "px-maker"):
        world.ok(who, "dispute.rest", id=CASE)
    world.ok("nobody", "dispute.close_evidence", id=CASE)


def to_arbitration(world: World, **changes: Any) -> None:
    to_conciliation(world, **changes)
    world.now_ms = at("2026-12-01", 0)
    assert world.ok("nobody", "dispute.to_arbitration", id=CASE) == "ARBITRATION"


def shown(world: World) -> dict[str, Any]:
    return dict(world.ok("lg", "dispute.get", id=CASE))


@pytest.mark.parametrize(("state", "move"), cases(WALK))
def test_a_case_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    opened(world, kind="invoice", target="I-1")
    WALK.check_state(world, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(WALK))
def test_a_case_is_moved_only_by_whom_its_table_names(world: World, state: str, move: str) -> None:
    opened(world, kind="invoice", target="I-1")
    world.force("dispute", "case", CASE, state=state)
    (row,) = [r for r in TABLE.rows if r[1] == move and state in r[0].split("|")]
    args = {"id": CASE, **WALK.calls[move][1]}
    for who in ("hl", "qb-ops", "pbc", "court", "nobody"):
        refused = world.run(who, f"dispute.{move}", **args).code == "E_NOT_PARTY"
        assert refused is (row[2] != "anyone"), who
    assert world.run(WALK.calls[move][0], f"dispute.{move}", **args).code != "E_NOT_PARTY"


def test_a_case_on_a_receivable_locks_the_leaf_and_its_award_takes_effect(world: World) -> None:
    to_arbitration(world)
    assert world.piece(EC)["state"] == "DISPUTED"
    for wrong in ({"outcome": "uphold"}, {"owed_fen": WHOLE}, {"owed_fen": 0}):
        world.refused("E_AMOUNT", "arbiter", "dispute.decide", id=CASE, **{**TERMS, **wrong})
    assert world.ok("arbiter", "dispute.decide", id=CASE, **TERMS) == "DECIDED"
    assert world.piece(EC)["state"] == "DISPUTED"
    assert world.ok("arbiter", "dispute.execute", id=CASE) == "EXECUTED"
    assert world.piece(EC)["state"] == "ACTIVE"
    facts = world.ok("pbc", "receivable.invariants", ec_id=EC)
    assert facts["leaves_fen"] == WHOLE
    world.refused("E_STATE", "lg", "dispute.withdraw", id=CASE)
    assert world.ok("pbc", "dispute.statistics") == {"EXECUTED": {"amount": 1}}


def test_evidence_has_seven_business_days_and_conciliation_five(world: World) -> None:
    opened(world)
    world.ok("arbiter", "dispute.admit", id=CASE)
    world.now_ms = at("2026-12-02", 23)  # the seventh business day after Monday the 23rd
    world.ok("px-maker", "dispute.submit", id=CASE, evidence=digest("reply"))
    world.refused("E_DUPLICATE", "lg", "dispute.submit", id=CASE, evidence=digest("reply"))
    world.refused("E_DIGEST", "lg", "dispute.submit", id=CASE, evidence="reply")
    world.refused("E_TOO_EARLY", "nobody", "dispute.close_evidence", id=CASE)
    world.now_ms = at("2026-12-03", 0)
    world.refused("E_TOO_LATE", "lg", "dispute.submit", id=CASE, evidence=digest("late"))
    assert world.ok("nobody", "dispute.close_evidence", id=CASE) == "CONCILIATION"
    world.now_ms = at("2026-12-10", 23)
    world.refused("E_TOO_EARLY", "nobody", "dispute.to_arbitration", id=CASE)
    world.now_ms = at("2026-12-11", 0)
    world.refused("E_TOO_LATE", "lg-checker", "dispute.propose_settlement", id=CASE, **TERMS)
    assert world.ok("nobody", "dispute.to_arbitration", id=CASE) == "ARBITRATION"
    assert [one[0] for one in shown(world)["evidence"]] == ["LG", "PX"]


def test_a_settlement_is_accepted_in_the_same_words_or_not_at_all(world: World) -> None:
    to_conciliation(world)
    world.refused("E_PARTIAL", "px-checker", "dispute.accept_settlement", id=CASE, **TERMS)
    world.ok("lg-checker", "dispute.propose_settlement", id=CASE, **TERMS)
    world.refused("E_PARTIAL", "lg-checker", "dispute.accept_settlement", id=CASE, **TERMS)
    less = {**TERMS, "owed_fen": 499_999_999}
    world.refused("E_PARTIAL", "px-checker", "dispute.accept_settlement", id=CASE, **less)
    assert world.ok("px-checker", "dispute.accept_settlement", id=CASE, **TERMS) == "DECIDED"
    world.ok("px-maker", "dispute.execute", id=CASE)
    assert world.piece(EC)["state"] == "ACTIVE"


def test_the_seat_has_thirty_days_and_once_thirty_more(world: World) -> None:
    to_arbitration(world)
    world.now_ms = at("2026-12-31", 23)
    world.refused("E_TOO_EARLY", "nobody", "dispute.lapse", id=CASE)
    world.ok("arbiter", "dispute.extend_time", id=CASE)
    world.refused("E_LIMIT", "arbiter", "dispute.extend_time", id=CASE)
    world.now_ms = at("2027-01-31", 0)
    world.refused("E_TOO_LATE", "arbiter", "dispute.decide", id=CASE, **TERMS)
    assert world.ok("nobody", "dispute.lapse", id=CASE) == "DECLINED"
    world.refused("E_SELF", "lg", "dispute.resubmit", id=CASE, seat="CIETAC")
    world.refused("E_SELF", "lg", "dispute.resubmit", id=CASE, seat="PX")
    assert world.ok("lg", "dispute.resubmit", id=CASE, seat="SHIAC") == "OPENED"
    world.refused("E_NOT_PARTY", "arbiter", "dispute.admit", id=CASE)


def test_a_withdrawn_case_frees_the_leaf(world: World) -> None:
    opened(world)
    world.refused("E_NOT_PARTY", "px-maker", "dispute.withdraw", id=CASE)
    assert world.ok("lg", "dispute.withdraw", id=CASE) == "WITHDRAWN"
    assert world.piece(EC)["state"] == "ACTIVE"


def test_an_instrument_has_one_open_case(world: World) -> None:
    opened(world, kind="guarantee", target="GT-1")
    args = {"id": "D-2", "kind": "guarantee", "target": "GT-1", "respondent": "LG",
            "seat": "CIETAC", "grounds": "goods", "evidence": FILE}  # fmt: skip
    world.refused("E_DISPUTED", "px-maker", "dispute.open", **args)
    world.ok("lg", "dispute.withdraw", id=CASE)
    world.ok("px-maker", "dispute.open", **args)


def test_elsewhere_than_on_a_receivable_performance_is_shown(world: World) -> None:
    to_arbitration(world, kind="guarantee", target="GT-1")
    world.ok("arbiter", "dispute.decide", id=CASE, **{**TERMS, "outcome": "uphold"})
    world.refused("E_DIGEST", "lg", "dispute.execute", id=CASE)
    assert world.ok("lg", "dispute.execute", id=CASE, performance=FILE) == "EXECUTED"


def test_a_case_is_for_its_parties_and_its_seat(world: World) -> None:
    opened(world)
    for who in ("lg", "px-maker", "arbiter"):
        assert world.ok(who, "dispute.get", id=CASE)["grounds"] == "amount"
    for who in ("hl", "pbc", "nobody"):
        world.refused("E_NOT_PARTY", who, "dispute.get", id=CASE)
        assert world.ok(who, "dispute.stage", id=CASE) == "OPENED"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_CODE", {"id": "d 1"}),
        ("E_CODE", {"kind": "marriage"}),
        ("E_CODE", {"target": ""}),
        ("E_CODE", {"grounds": "dislike"}),
        ("E_SELF", {"respondent": "LG"}),
        ("E_SELF", {"seat": "LG"}),
        ("E_SELF", {"seat": "PX"}),
        ("E_SELF", {"seat": ""}),
        ("E_DIGEST", {"evidence": "photo"}),
        ("E_NOT_FOUND", {"respondent": "ZZ"}),
        ("E_NOT_PARTY", {"respondent": "HL"}),
        ("E_NOT_FOUND", {"target": "EC-2026-SZ-000009"}),
    ],
)
def test_a_case_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    world.issue()
    args = {
        "id": CASE, "kind": "receivable", "target": EC, "respondent": "PX", "seat": "CIETAC",
        "grounds": "amount", "evidence": FILE,
    }  # fmt: skip
    world.refused(code, "lg", "dispute.open", **{**args, **changes})


def test_nobody_but_the_dispute_contract_asks_what_a_dispute_is_about(world: World) -> None:
    opened(world)
    world.refused("E_CALLER", "pbc", "remedy.owed_on", leaf_id=EC)


class Histories(RuleBasedStateMachine):
    """Whatever is called in whatever order: the leaf is locked exactly while the case is open."""

    opened: World

    @initialize()
    def begin(self) -> None:
        self.world = fresh(self.opened)
        opened(self.world)

    @rule(
        move=st.sampled_from(sorted(WALK.calls)),
        who=st.sampled_from(["lg", "lg-checker", "px-maker", "px-checker", "arbiter", ""]),
    )
    def move_it(self, move: str, who: str) -> None:
        chosen, args = WALK.calls[move]
        result = self.world.run(who or chosen, f"dispute.{move}", id=CASE, **args)
        assert result.outcome in ("ok", "revert"), (move, result.code, result.message)
        if result.outcome == "ok":
            self.world.ok(who or chosen, f"dispute.{move}", id=CASE, **args)

    @rule(days=st.sampled_from([1, 8, 31]))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 86_400_000

    @invariant()
    def locked_while_open(self) -> None:
        if not hasattr(self, "world"):
            return
        over = shown(self.world)["state"] in ("WITHDRAWN", "EXECUTED")
        assert self.world.piece(EC)["state"] == ("ACTIVE" if over else "DISPUTED")
        counts = self.world.ok("pbc", "dispute.statistics")
        assert sum(sum(one.values()) for one in counts.values()) == 1


def test_no_history_leaves_a_leaf_locked_or_free_by_mistake() -> None:
    Histories.opened = open_world()
    machine = settings(max_examples=12, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
