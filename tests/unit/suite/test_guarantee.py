"""Demand guarantees under URDG 758: the life in its table, the guarantor's one chance to refuse, payment."""

from __future__ import annotations

import secrets
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
from tests.unit.suite.world import World, at, digest, open_world

GT = "GT-2026-1"
AMOUNT = 100_000_000
BREACH = digest("the goods did not arrive")
BY_RECORD = {table.record: table for table in TABLES if table.contract == "guarantee"}


def draft(world: World, **changes: Any) -> str:
    args = {
        "id": GT, "applicant": "PX", "beneficiary": "LG", "amount_fen": AMOUNT,
        "expiry": "2027-06-30", "terms": digest("terms"), "adviser": "NB",
    }  # fmt: skip
    return str(world.ok("qb-ops", "guarantee.draft", **{**args, **changes}))


def issued(world: World, **changes: Any) -> str:
    world.now_ms = max(world.now_ms, at("2026-11-23"))
    draft(world, **changes)
    world.ok("qb-checker", "guarantee.issue", id=GT)
    world.ok("nb-ops", "guarantee.advise", id=GT)
    return GT


def demanded(world: World, amount: int = AMOUNT, **more: Any) -> str:
    """A demand on 2026-11-23, a Monday: the guarantor has until the end of the 30th."""
    issued(world)
    return str(
        world.ok("lg", "guarantee.demand", id=GT, amount_fen=amount, statement=BREACH, **more)
    )


def shown(world: World, id: str = GT) -> dict[str, Any]:
    return dict(world.ok("pbc", "guarantee.get", id=id))


GUARANTEE_WALK = Walk(
    BY_RECORD["guarantee"],
    GT,
    {
        "issue": ("qb-checker", {}),
        "cancel": ("qb-ops", {}),
        "advise": ("nb-ops", {}),
        "propose_amendment": ("qb-checker", {"amount_fen": 1, "expiry": "2027-07-01"}),
        "accept_amendment": ("lg", {"amount_fen": 1, "expiry": "2027-07-01"}),
        "reject_amendment": ("lg", {}),
        "reduce": ("qb-checker", {}),
        "release": ("lg-checker", {}),
        "expire": ("nobody", {}),
        "exhaust": ("nobody", {}),
    },
)
DEMAND_WALK = Walk(
    BY_RECORD["demand"],
    f"{GT}/1",
    {
        "comply": ("qb-checker", {}),
        "reject": ("qb-checker", {"discrepancies": ["no signature"]}),
        "deadline_passed": ("nobody", {}),
        "suspend": ("qb-checker", {}),
        "extend": ("qb-checker", {}),
        "refuse_extension": ("qb-checker", {}),
        "suspension_over": ("nobody", {}),
        "withdraw": ("lg", {}),
        "prepare_payment": ("qb-ops", {"salt": bytes(16)}),
        "record_payment": ("nobody", {"proof": b""}),
    },
    {"extend_to": "2027-12-31"},
)


@pytest.mark.parametrize(("state", "move"), cases(GUARANTEE_WALK))
def test_a_guarantee_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    draft(world)
    GUARANTEE_WALK.check_state(world, state, move)


@pytest.mark.parametrize(("state", "move"), cases(DEMAND_WALK))
def test_a_demand_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    demanded(world)
    DEMAND_WALK.check_state(world, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(GUARANTEE_WALK))
def test_a_guarantee_is_moved_only_by_whom_its_table_names(
    world: World, state: str, move: str
) -> None:
    draft(world)
    GUARANTEE_WALK.check_persons(world, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(DEMAND_WALK))
def test_a_demand_is_moved_only_by_whom_its_table_names(
    world: World, state: str, move: str
) -> None:
    demanded(world)
    DEMAND_WALK.check_persons(world, state, move)


def test_a_complying_demand_is_paid_by_proof_and_nothing_is_left(paying_world: World) -> None:
    world = paying_world
    number = demanded(world)
    assert shown(world)["available_fen"] == 0
    assert world.ok("qb-checker", "guarantee.comply", id=number) == "COMPLYING"
    world.refused("E_UNPREPARED", "nobody", "guarantee.record_payment", id=number, proof=b"")
    reference = world.ok(
        "qb-ops", "guarantee.prepare_payment", id=number, salt=secrets.token_bytes(16)
    )
    world.refused("E_PREPARED", "qb-ops", "guarantee.prepare_payment", id=number, salt=bytes(16))
    short = world.pay("QB", "LG", AMOUNT - 1, reference)
    world.refused("E_PROOF_AMOUNT", "lg", "guarantee.record_payment", id=number, proof=short)
    other = world.pay("PX", "LG", AMOUNT, reference)
    world.refused("E_PROOF_PAYER", "lg", "guarantee.record_payment", id=number, proof=other)
    proof = world.pay("QB", "LG", AMOUNT, reference)
    assert world.ok("lg", "guarantee.record_payment", id=number, proof=proof) == "PAID"
    world.refused("E_STATE", "lg", "guarantee.record_payment", id=number, proof=proof)
    assert shown(world)["paid_fen"] == AMOUNT
    assert world.ok("nobody", "guarantee.exhaust", id=GT) == "TERMINATED"


def test_silence_for_five_business_days_costs_the_right_to_refuse(world: World) -> None:
    number = demanded(world)
    world.now_ms = at("2026-11-30", 23)  # the fifth business day after Monday the 23rd
    world.refused("E_TOO_EARLY", "nobody", "guarantee.deadline_passed", id=number)
    world.now_ms = at("2026-12-01", 0)
    late = {"discrepancies": ["wrong amount in words"]}
    world.refused("E_TOO_LATE", "qb-checker", "guarantee.reject", id=number, **late)
    assert world.ok("nobody", "guarantee.deadline_passed", id=number) == "COMPLYING"


def test_a_refusal_is_one_notice_with_every_discrepancy_and_frees_the_amount(world: World) -> None:
    number = demanded(world)
    for told in ([], [""], ["x" * 201], ["y"] * 21):
        refusal = {"id": number, "discrepancies": told}
        world.refused("E_DISCREPANCIES", "qb-checker", "guarantee.reject", **refusal)
    told = ["statement unsigned", "amount above the balance"]
    assert world.ok("qb-checker", "guarantee.reject", id=number, discrepancies=told) == "REJECTED"
    world.refused("E_STATE", "qb-checker", "guarantee.reject", id=number, discrepancies=["more"])
    assert shown(world, number)["discrepancies"] == told
    assert shown(world)["available_fen"] == AMOUNT


def test_extend_or_pay_ends_after_thirty_days_by_payment(world: World) -> None:
    number = demanded(world, extend_to="2027-12-31")
    assert world.ok("qb-checker", "guarantee.suspend", id=number) == "EXTEND_OR_PAY"
    world.now_ms = at("2026-12-23", 23)
    world.refused("E_TOO_EARLY", "nobody", "guarantee.suspension_over", id=number)
    world.now_ms = at("2026-12-24", 0)
    world.refused("E_TOO_LATE", "qb-checker", "guarantee.extend", id=number)
    assert world.ok("nobody", "guarantee.suspension_over", id=number) == "COMPLYING"


def test_an_extension_granted_withdraws_the_demand_and_moves_the_expiry(world: World) -> None:
    number = demanded(world, extend_to="2027-12-31")
    world.ok("qb-checker", "guarantee.suspend", id=number)
    assert world.ok("qb-checker", "guarantee.extend", id=number) == "WITHDRAWN"
    now = shown(world)
    assert (now["expiry"], now["available_fen"]) == ("2027-12-31", AMOUNT)


def test_a_demand_for_payment_only_is_not_put_off(world: World) -> None:
    number = demanded(world)
    world.refused("E_NO_EXTENSION", "qb-checker", "guarantee.suspend", id=number)


def test_an_amendment_counts_as_a_whole_or_not_at_all(world: World) -> None:
    issued(world)
    world.refused("E_AMENDMENT", "lg", "guarantee.reject_amendment", id=GT)
    terms = {"amount_fen": 2 * AMOUNT, "expiry": "2027-09-30"}
    world.ok("qb-checker", "guarantee.propose_amendment", id=GT, **terms)
    world.refused("E_AMENDMENT", "qb-checker", "guarantee.propose_amendment", id=GT, **terms)
    part = {"amount_fen": 2 * AMOUNT, "expiry": "2027-06-30"}
    world.refused("E_PARTIAL", "lg", "guarantee.accept_amendment", id=GT, **part)
    assert shown(world)["amount_fen"] == AMOUNT
    world.ok("lg", "guarantee.accept_amendment", id=GT, **terms)
    assert (shown(world)["amount_fen"], shown(world)["expiry"]) == (2 * AMOUNT, "2027-09-30")


def test_an_amendment_below_what_was_demanded_is_refused(world: World) -> None:
    demanded(world)
    terms = {"amount_fen": AMOUNT - 1, "expiry": "2027-06-30"}
    world.ok("qb-checker", "guarantee.propose_amendment", id=GT, **terms)
    world.refused("E_AMOUNT", "lg", "guarantee.accept_amendment", id=GT, **terms)


def test_reductions_come_on_their_date_and_spare_what_was_demanded(world: World) -> None:
    steps = [["2026-12-01", 60_000_000], ["2027-03-01", 10_000_000]]
    issued(world, reductions=steps)
    world.refused("E_TOO_EARLY", "qb-checker", "guarantee.reduce", id=GT)
    world.ok("lg", "guarantee.demand", id=GT, amount_fen=70_000_000, statement=BREACH)
    world.now_ms = at("2026-12-01")
    world.ok("qb-checker", "guarantee.reduce", id=GT)
    assert shown(world)["amount_fen"] == 70_000_000
    world.now_ms = at("2027-03-01")
    world.ok("lg", "guarantee.withdraw", id=f"{GT}/1")
    world.ok("qb-checker", "guarantee.reduce", id=GT)
    assert shown(world)["available_fen"] == 10_000_000
    world.refused("E_REDUCTION", "qb-checker", "guarantee.reduce", id=GT)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_AMOUNT", {"amount_fen": 0}),
        ("E_AMOUNT", {"amount_fen": 2**53}),
        ("E_DATE", {"expiry": "2027-02-30"}),
        ("E_EXPIRED", {"expiry": "2026-11-01"}),
        ("E_DIGEST", {"terms": "none"}),
        ("E_CODE", {"id": "a b"}),
        ("E_SELF", {"beneficiary": "PX"}),
        ("E_PARTY", {"beneficiary": "ZZ"}),
        ("E_REDUCTION", {"reductions": [["2027-07-01", 1]]}),
        ("E_REDUCTION", {"reductions": [["2027-01-01", AMOUNT]]}),
        ("E_REDUCTION", {"reductions": [["2027-02-01", 9], ["2027-01-01", 8]]}),
        ("E_REDUCTION", {"reductions": [["2027-02-01"]]}),
    ],
)
def test_a_draft_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    args = {
        "id": GT, "applicant": "PX", "beneficiary": "LG", "amount_fen": AMOUNT,
        "expiry": "2027-06-30", "terms": digest("terms"),
    }  # fmt: skip
    world.refused(code, "qb-ops", "guarantee.draft", **{**args, **changes})


def test_only_a_bank_or_insurer_guarantees_and_never_one_person_alone(world: World) -> None:
    world.refused(
        "E_ROLE", "px-maker", "guarantee.draft", id=GT, applicant="HB", beneficiary="LG",
        amount_fen=1, expiry="2027-06-30", terms=digest("t"),
    )  # fmt: skip
    draft(world)
    world.force("guarantee", "guarantee", GT, maker=digest("qb-checker"))
    world.refused("E_FOUR_EYES", "qb-checker", "guarantee.issue", id=GT)


def test_strangers_see_nothing(world: World) -> None:
    demanded(world)
    for id in (GT, f"{GT}/1"):
        world.refused("E_NOT_PARTY", "xy", "guarantee.get", id=id)
        for who in ("qb-ops", "px-maker", "lg", "nb-ops", "pbc"):
            assert world.ok(who, "guarantee.get", id=id)["id"] == id


def test_a_demand_in_time_outlives_the_expiry_and_none_is_made_after_it(world: World) -> None:
    issued(world)
    world.now_ms = at("2027-06-30", 23)
    world.ok("lg", "guarantee.demand", id=GT, amount_fen=1, statement=BREACH)
    world.now_ms = at("2027-07-01")
    late = {"id": GT, "amount_fen": 1, "statement": BREACH}
    world.refused("E_EXPIRED", "lg", "guarantee.demand", **late)
    world.refused("E_DEMAND_OPEN", "nobody", "guarantee.expire", id=GT)
    world.ok("lg", "guarantee.withdraw", id=f"{GT}/1")
    assert world.ok("nobody", "guarantee.expire", id=GT) == "EXPIRED"


class Histories(RuleBasedStateMachine):
    """Whatever is called in whatever order: the books of the guarantee stay right."""

    opened: World

    @initialize()
    def issue(self) -> None:
        self.world = fresh(self.opened)
        issued(self.world, reductions=[["2026-12-15", 50_000_000], ["2027-01-15", 20_000_000]])

    def call(self, who: str, move: str, **args: Any) -> None:
        result = self.world.run(who, f"guarantee.{move}", **args)
        assert result.outcome in ("ok", "revert"), (move, args, result.code, result.message)
        if result.outcome == "ok":
            self.world.ok(who, f"guarantee.{move}", **args)

    @rule(
        amount=st.sampled_from([0, 1, 10_000_000, 30_000_000, AMOUNT, AMOUNT + 1]),
        extend=st.booleans(),
    )
    def demand(self, amount: int, extend: bool) -> None:
        until = "2027-12-31" if extend else ""
        self.call("lg", "demand", id=GT, amount_fen=amount, statement=BREACH, extend_to=until)

    @rule(number=st.integers(1, 2), move=st.sampled_from(sorted(DEMAND_WALK.calls)))
    def move_a_demand(self, number: int, move: str) -> None:
        who, args = DEMAND_WALK.calls[move]
        self.call(who, move, id=f"{GT}/{number}", **args)

    @rule(move=st.sampled_from(sorted(GUARANTEE_WALK.calls)))
    def move_the_guarantee(self, move: str) -> None:
        who, args = GUARANTEE_WALK.calls[move]
        self.call(who, move, id=GT, **args)

    @rule(days=st.integers(1, 40))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 86_400_000

    @invariant()
    def books_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        whole = shown(self.world)
        found = [shown(self.world, f"{GT}/{n}") for n in range(1, whole["demands"] + 1)]
        open_or_paid = [d for d in found if d["state"] not in ("REJECTED", "WITHDRAWN")]
        drawn = sum(d["amount_fen"] for d in open_or_paid)
        assert whole["amount_fen"] - whole["available_fen"] == drawn
        assert 0 <= whole["paid_fen"] <= drawn <= whole["amount_fen"]


def test_no_history_breaks_the_books() -> None:
    Histories.opened = open_world()
    machine = settings(max_examples=12, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
