"""Supervision: rules that run inside contracts, orders of two authorities, receipts for every look."""

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
from tests.unit.suite.world import EC, HOUR_MS, World, at, digest, open_world

ORDER, WHY = "SZ-2026-17", digest("order 17")
BY_RECORD = {t.record: t for t in TABLES if t.contract in ("regulation", "regulator")}
RULE_WALK = Walk(
    BY_RECORD["regulation"],
    "LARGE/1",
    {
        "sign_rule": ("pbc-second", {}),
        "withdraw_rule": ("pbc", {}),
        "let_pass": ("pbc", {"step": "payment", "subject": "x", "grounds": WHY}),
    },
)
ORDER_WALK = Walk(
    BY_RECORD["order"],
    ORDER,
    {
        "approve_freeze": ("safe", {}),
        "drop_freeze": ("pbc", {}),
        "reach": ("nobody", {}),
        "request_release": ("pbc", {"grounds": WHY}),
        "approve_release": ("safe", {"grounds": WHY}),
        "expire": ("nobody", {}),
        "carry_on": ("nobody", {}),
    },
)


def draft_rule(world: World, **changes: Any) -> str:
    args = {
        "name": "LARGE", "scope": ["receivable.sign"], "action": "block", "since": "2026-11-20",
        "conditions": [["amount_fen", ">=", 500_000_000]], "basis": digest("decision"),
    }  # fmt: skip
    return str(world.ok("pbc", "regulation.draft_rule", **{**args, **changes}))


def issue_rule(world: World, **changes: Any) -> str:
    id = draft_rule(world, **changes)
    world.ok("pbc-second", "regulation.sign_rule", id=id)
    return id


def ask(world: World, who: str = "pbc", **changes: Any) -> None:
    args = {"id": ORDER, "kind": "party", "target": "HL", "document": WHY, "until": "2027-12-31"}
    world.ok(who, "regulator.request_freeze", **{**args, **changes})


def freeze(world: World, **changes: Any) -> None:
    ask(world, **changes)
    assert world.ok("safe", "regulator.approve_freeze", id=changes.get("id", ORDER)) == "IN_FORCE"


def release(world: World, id: str = ORDER) -> None:
    world.ok("pbc", "regulator.request_release", id=id, grounds=digest("lifted"))
    args = {"id": id, "grounds": digest("lifted")}
    assert world.ok("hkma", "regulator.approve_release", **args) == "RELEASED"


@pytest.mark.parametrize(("state", "move"), cases(RULE_WALK))
def test_a_rule_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    draft_rule(world, action="hold", scope=["payment"])
    RULE_WALK.check_state(world, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(RULE_WALK))
def test_a_rule_is_moved_only_by_its_authority(world: World, state: str, move: str) -> None:
    draft_rule(world)
    RULE_WALK.check_persons(world, state, move)


@pytest.mark.parametrize(("state", "move"), cases(ORDER_WALK))
def test_an_order_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    ask(world)
    ORDER_WALK.check_state(world, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(ORDER_WALK))
def test_an_order_is_moved_only_by_whom_its_table_names(
    world: World, state: str, move: str
) -> None:
    ask(world)
    ORDER_WALK.check_persons(world, state, move)


# ---- rules ---------------------------------------------------------------------------------------


def test_a_rule_blocks_from_its_first_day_and_not_before(world: World) -> None:
    issue_rule(world)
    ec_id = world.draft()
    world.ok("px-checker", "receivable.sign", ec_id=ec_id)
    world.ok("px-maker", "receivable.cancel", ec_id=ec_id)
    world.now_ms = at("2026-11-20", 0)
    ec_id = world.draft()
    world.refused("E_RULE_BLOCK", "px-checker", "receivable.sign", ec_id=ec_id)
    small = world.draft(face_fen=499_999_999) if world.ok(
        "px-maker", "receivable.cancel", ec_id=ec_id
    ) else ""  # fmt: skip
    world.ok("px-checker", "receivable.sign", ec_id=small)


def test_a_later_version_supersedes_the_whole_rule(world: World) -> None:
    issue_rule(world)
    issue_rule(world, since="2026-11-25", conditions=[["amount_fen", ">", 10**12]])
    world.now_ms = at("2026-11-24")
    ec_id = world.draft()
    world.refused("E_RULE_BLOCK", "px-checker", "receivable.sign", ec_id=ec_id)
    world.now_ms = at("2026-11-25")
    world.ok("px-checker", "receivable.sign", ec_id=ec_id)
    (found,) = world.ok("pbc", "regulation.rules_for", step="receivable.sign")
    assert found["id"] == "LARGE/2"


def test_a_version_may_move_a_rule_to_other_steps(world: World) -> None:
    issue_rule(world)
    issue_rule(world, since="2026-11-25", scope=["receivable.transfer"])
    world.now_ms = at("2026-11-25")
    assert world.ok("pbc", "regulation.rules_for", step="receivable.transfer")[0]["id"] == "LARGE/2"
    ec_id = world.draft()
    world.ok("px-checker", "receivable.sign", ec_id=ec_id)


def test_a_rule_speaks_of_the_parties_and_a_missing_fact_is_no_match(world: World) -> None:
    where = [["payer.city", "in", ["SZ", "GZ"]], ["payee.kind", "=", "enterprise"],
             ["tenor_days", ">", 100]]  # fmt: skip
    issue_rule(world, conditions=where)
    issue_rule(world, name="PRICE", conditions=[["rate_ppm", ">", 0]])
    issue_rule(world, name="FAR", conditions=[["payer.city", "=", "BJ"]])
    world.now_ms = at("2026-11-23")
    ec_id = world.draft()
    message = world.refused("E_RULE_BLOCK", "px-checker", "receivable.sign", ec_id=ec_id)
    assert "LARGE/1" in message


def test_a_hold_lasts_until_its_authority_lets_this_subject_pass(world: World) -> None:
    id = issue_rule(world, action="hold")
    world.now_ms = at("2026-11-23")
    ec_id = world.draft()
    world.refused("E_RULE_HOLD", "px-checker", "receivable.sign", ec_id=ec_id)
    let = {"id": id, "step": "receivable.sign", "subject": ec_id, "grounds": WHY}
    world.refused("E_NOT_PARTY", "hkma", "regulation.let_pass", **let)
    world.refused("E_CODE", "pbc", "regulation.let_pass", **{**let, "step": "payment"})
    world.ok("pbc", "regulation.let_pass", **let)
    world.ok("px-checker", "receivable.sign", ec_id=ec_id)


def test_alerts_and_reports_let_the_step_through_and_are_counted(world: World) -> None:
    alert = issue_rule(world, action="alert")
    report = issue_rule(world, name="COUNT", action="report", conditions=[["amount_fen", ">", 0]])
    world.issue()
    assert {"Reg.Alerted", "Reg.Reported"}.isdisjoint(world.events)  # told when it was signed
    shown = world.ok("nobody", "regulation.get", id=report)
    assert (shown["applied"], shown["amount_fen"]) == (1, 600_000_000)
    receipt = world.ok("pbc", "regulator.open_view", screen="alerts", purpose=WHY)
    (found,) = world.ok("pbc", "regulation.list_alerts", receipt=receipt, rule=alert)
    assert (found["subject"], found["payer"], found["amount_fen"]) == (EC, "PX", 600_000_000)
    world.refused("E_NO_RECEIPT", "pbc", "regulation.list_alerts", receipt="", rule=alert)


def test_a_payment_is_watched_whatever_instrument_fixes_it(world: World) -> None:
    issue_rule(world, name="BANKS", scope=["payment"], conditions=[["payer", "=", "QB"]])
    world.now_ms = at("2026-11-23")
    world.ok("qb-ops", "guarantee.draft", id="GT-1", applicant="PX", beneficiary="LG",
             amount_fen=100, expiry="2027-06-30", terms=WHY)  # fmt: skip
    world.ok("qb-checker", "guarantee.issue", id="GT-1")
    world.ok("lg", "guarantee.demand", id="GT-1", amount_fen=100, statement=WHY)
    world.ok("qb-checker", "guarantee.comply", id="GT-1/1")
    pay = {"id": "GT-1/1", "salt": bytes(16)}
    world.refused("E_RULE_BLOCK", "qb-ops", "guarantee.prepare_payment", **pay)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_BACKDATED", {"since": "2026-11-16"}),
        ("E_BACKDATED", {"since": "2026-01-01"}),
        ("E_DATE", {"since": "soon"}),
        ("E_DATE", {"until": "2026-11-19"}),
        ("E_CODE", {"name": "large"}),
        ("E_CODE", {"scope": []}),
        ("E_CODE", {"scope": ["everything"]}),
        ("E_CODE", {"action": "confiscate"}),
        ("E_DIGEST", {"basis": "because"}),
        ("E_PREDICATE", {"conditions": []}),
        ("E_PREDICATE", {"conditions": ["amount_fen > 1"]}),
        ("E_PREDICATE", {"conditions": [["balance", ">", 1]]}),
        ("E_PREDICATE", {"conditions": [["payer.password", "=", "x"]]}),
        ("E_PREDICATE", {"conditions": [["amount_fen", "~", 1]]}),
        ("E_PREDICATE", {"conditions": [["amount_fen", ">", "1"]]}),
        ("E_PREDICATE", {"conditions": [["amount_fen", ">", True]]}),
        ("E_PREDICATE", {"conditions": [["payer", "in", []]]}),
        ("E_PREDICATE", {"conditions": [["payer", "in", "PX"]]}),
        ("E_PREDICATE", {"conditions": [["amount_fen", ">", 1]] * 9}),
        ("E_PREDICATE", {"conditions": [[["amount_fen"], ">", 1]]}),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    args = {
        "name": "LARGE", "scope": ["payment"], "action": "block", "since": "2026-11-20",
        "conditions": [["amount_fen", ">", 1]], "basis": digest("decision"),
    }  # fmt: skip
    world.refused(code, "pbc", "regulation.draft_rule", **{**args, **changes})


def test_a_rule_takes_two_persons_of_one_authority_and_a_day_that_lies_ahead(world: World) -> None:
    id = draft_rule(world)
    world.refused("E_FOUR_EYES", "pbc", "regulation.sign_rule", id=id)
    args = {"name": "LARGE", "scope": ["payment"], "action": "alert", "since": "2026-11-20",
            "conditions": [["amount_fen", ">", 1]], "basis": WHY}  # fmt: skip
    world.refused("E_DRAFT_OPEN", "pbc", "regulation.draft_rule", **args)
    world.refused("E_AUTHORITY", "hkma", "regulation.draft_rule", **args)
    world.now_ms = at("2026-11-20", 0)
    world.refused("E_BACKDATED", "pbc-second", "regulation.sign_rule", id=id)
    world.refused("E_CALLER", "pbc", "regulation.check", step="payment", subject="x",
                  facts={"amount_fen": 1})  # fmt: skip


def test_a_price_is_watched_before_the_borrower_is_bound(world: World) -> None:
    dear = [["rate_ppm", ">", 30_000], ["payee", "=", "XY"], ["tenor_days", ">=", 1]]
    issue_rule(world, name="DEAR", scope=["financing.accept"], conditions=dear)
    world.issue()
    world.to_tier_three()
    request_id = world.request()
    world.quote(request_id)
    world.quote(request_id, bank="nb-ops", rate_ppm=30_000)
    take = {"request_id": request_id, "salt": bytes(16)}
    world.refused("E_RULE_BLOCK", "xy", "financing.accept_quote", number=1, **take)
    world.ok("xy", "financing.accept_quote", number=2, **take)


# ---- orders --------------------------------------------------------------------------------------


def test_a_freeze_without_an_order_or_by_one_authority_is_refused(world: World) -> None:
    base = {"id": ORDER, "kind": "party", "target": "HL", "document": WHY, "until": "2027-12-31"}
    for code, change in (
        ("E_ORDER", {"id": ""}),
        ("E_DIGEST", {"document": ""}),
        ("E_DATE", {"until": ""}),
        ("E_EXPIRED", {"until": "2026-11-15"}),
        ("E_CODE", {"kind": "bank"}),
    ):
        world.refused(code, "pbc", "regulator.request_freeze", **{**base, **change})
    world.refused("E_NOT_PARTY", "qb-ops", "regulator.request_freeze", **base)
    ask(world)
    world.refused("E_DUPLICATE", "hkma", "regulator.request_freeze", **base)
    for who in ("pbc", "pbc-second"):
        world.refused("E_FOUR_EYES", who, "regulator.approve_freeze", id=ORDER)
    assert world.ok("hl", "party.get", party_id="HL")["state"] == "ACTIVE"
    world.ok("hkma", "regulator.approve_freeze", id=ORDER)
    assert world.ok("hl", "party.get", party_id="HL")["state"] == "FROZEN"
    for target, args in (
        ("party.freeze", {"party_id": "XY", "order": "1"}),
        ("party.unfreeze", {"party_id": "HL", "order": ORDER}),
        ("receivable.freeze", {"leaf_id": EC, "order": "1"}),
        ("receivable.leaves_of", {"member": "HL", "after": "", "limit": 1}),
    ):
        world.refused("E_CALLER", "pbc", target, **args)


def test_a_frozen_party_deals_no_more_and_a_payment_to_it_is_recorded_not_applied(
    paying_world: World,
) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    leaf = f"{EC}/2/2"  # 150,000,000 fen of HL
    freeze(world)
    assert world.events[-1] == "Reg.OrderInForce" and world.events.count("Reg.Frozen") == 2
    assert world.piece(leaf)["state"] == "FROZEN"
    assert world.piece(f"{EC}/2/1")["state"] == "ACTIVE"  # XY's own
    for call, args in (
        ("receivable.split", {"leaf_id": leaf, "amounts": [1, 149_999_999]}),
        ("receivable.due", {"leaf_id": leaf}),
    ):
        world.refused("E_STATE", "hl", call, **args)
    world.refused("E_FROZEN", "px-maker", "receivable.draft", first_holder="HL", paying_bank="QB",
                  face_fen=1, due_date="2027-05-20", invoices=[digest("moulds")],
                  clause_hash=WHY)  # fmt: skip
    release(world)
    assert world.piece(leaf)["state"] == "ACTIVE"
    world.now_ms = at("2027-05-20")
    world.ok("nobody", "receivable.due", leaf_id=leaf)
    wanted = world.ok("px-maker", "receivable.prepare_payment", leaf_id=leaf,
                      salt=secrets.token_bytes(16))  # fmt: skip
    freeze(world, id="SZ-2026-18")
    proof = world.pay("PX", "HL", 150_000_000, wanted["reference"])
    state = world.ok("px-maker", "receivable.record_payment", leaf_id=leaf, proof=proof)
    assert state == "FROZEN" and world.piece(leaf)["paid_fen"] == 0
    release(world, "SZ-2026-18")
    assert world.piece(leaf)["state"] == "PAID" and world.piece(leaf)["paid_fen"] == 150_000_000
    assert world.ok("hl", "party.get", party_id="HL")["state"] == "ACTIVE"


def test_one_leaf_is_frozen_alone_and_by_one_order(world: World) -> None:
    world.issue()
    freeze(world, kind="receivable", target=EC)
    assert world.piece(EC)["state"] == "FROZEN"
    again = {"id": "A", "kind": "receivable", "target": EC, "document": WHY, "until": "2027-12-31"}
    world.refused("E_FROZEN", "hkma", "regulator.request_freeze", **again)
    assert world.ok("lg", "regulator.order_on", kind="receivable", target=EC) == ORDER
    world.refused("E_CODE", "nobody", "regulator.reach", id=ORDER)
    release(world)
    assert world.piece(EC)["state"] == "ACTIVE"
    assert world.ok("lg", "regulator.order_on", kind="receivable", target=EC) == ""


def test_a_release_takes_two_authorities_on_the_same_grounds(world: World) -> None:
    freeze(world)
    end = {"id": ORDER, "grounds": digest("lifted")}
    world.refused("E_NOT_FOUND", "hkma", "regulator.approve_release", **end)
    world.ok("safe", "regulator.request_release", **end)
    world.refused("E_FOUR_EYES", "safe", "regulator.approve_release", **end)
    other = {"id": ORDER, "grounds": WHY}
    world.refused("E_NOT_FOUND", "hkma", "regulator.approve_release", **other)
    world.ok("pbc", "regulator.approve_release", **end)
    world.refused("E_STATE", "pbc", "regulator.approve_release", **end)


def test_an_order_ends_by_itself_after_its_last_day(world: World) -> None:
    freeze(world, until="2026-12-01")
    world.now_ms = at("2026-12-01", 23)
    world.refused("E_TOO_EARLY", "nobody", "regulator.expire", id=ORDER)
    world.now_ms = at("2026-12-02", 0)
    assert world.ok("nobody", "regulator.expire", id=ORDER) == "EXPIRED"
    assert world.ok("hl", "party.get", party_id="HL")["state"] == "ACTIVE"


def test_a_suspended_party_is_suspended_again_when_an_order_ends(world: World) -> None:
    world.ok("pbc", "party.suspend", party_id="HL", reason="order 7")
    freeze(world)
    world.refused("E_STATE", "pbc", "party.resume", party_id="HL", reason="no")
    release(world)
    assert world.ok("hl", "party.get", party_id="HL")["state"] == "SUSPENDED"


def test_an_order_reaches_more_leaves_than_one_transaction_takes(world: World) -> None:
    world.issue()
    rest = EC
    for _ in range(4):
        left = world.piece(rest)["amount_fen"] - 15
        parts = world.ok("lg", "receivable.split", leaf_id=rest, amounts=[1] * 15 + [left])
        rest = parts[-1]
    freeze(world, target="LG")
    assert world.ok("pbc", "regulator.get", id=ORDER)["frozen"] == 50
    assert world.ok("nobody", "regulator.reach", id=ORDER) == 11
    world.refused("E_NOT_FOUND", "nobody", "regulator.reach", id=ORDER)
    release(world)
    assert world.ok("nobody", "regulator.carry_on", id=ORDER) == 0
    world.refused("E_NOT_FOUND", "nobody", "regulator.carry_on", id=ORDER)
    leaves = world.ok("lg", "receivable.my_leaves", limit=100)
    assert {leaf["state"] for leaf in leaves} == {"ACTIVE"} and len(leaves) == 61
    assert world.gas["regulator.approve_freeze"] < 2_000_000


# ---- receipts ------------------------------------------------------------------------------------


def test_every_look_leaves_a_receipt_that_the_supervised_can_count(world: World) -> None:
    open_view = {"screen": "exposure", "purpose": WHY}
    first = world.ok("pbc", "regulator.open_view", **open_view, subject="HL")
    world.ok("pbc", "regulator.open_view", **open_view)
    assert world.ok("hl", "regulator.looks", subject="HL") == {"PBC-SZ": 2}
    assert world.ok("xy", "regulator.looks", subject="XY") == {"PBC-SZ": 1}
    world.refused("E_NOT_PARTY", "xy", "regulator.looks", subject="HL")
    use = {"receipt": first, "screen": "exposure", "subject": "HL"}
    assert world.ok("pbc-second", "regulator.use_receipt", **use) is True
    for change in ({"subject": "*"}, {"subject": "XY"}, {"screen": "rates"}, {"receipt": "none"}):
        world.refused("E_NO_RECEIPT", "pbc", "regulator.use_receipt", **{**use, **change})
    world.refused("E_NO_RECEIPT", "hkma", "regulator.use_receipt", **use)
    world.now_ms += HOUR_MS + 1
    world.refused("E_NO_RECEIPT", "pbc", "regulator.use_receipt", **use)


def test_an_authority_looks_only_at_what_it_supervises(world: World) -> None:
    args = {"screen": "rates", "purpose": WHY}
    world.refused("E_AUTHORITY", "hkma", "regulator.open_view", **args)
    world.refused("E_NOT_PARTY", "qb-ops", "regulator.open_view", **args)
    world.refused("E_CODE", "pbc", "regulator.open_view", screen="everything", purpose=WHY)
    world.refused("E_DIGEST", "pbc", "regulator.open_view", screen="rates", purpose="")


# ---- histories -----------------------------------------------------------------------------------

AUTHORITIES = ("pbc", "pbc-second", "hkma", "safe")


class Histories(RuleBasedStateMachine):
    """Whatever authorities do in whatever order: two stand behind each freeze and each release."""

    opened: World

    @initialize()
    def begin(self) -> None:
        self.world = fresh(self.opened)
        self.world.issue()
        self.world.to_tier_three()

    def call(self, who: str, move: str, **args: Any) -> None:
        result = self.world.run(who, f"regulator.{move}", **args)
        assert result.outcome in ("ok", "revert"), (move, args, result.code, result.message)
        if result.outcome == "ok":
            self.world.ok(who, f"regulator.{move}", **args)

    @rule(
        who=st.sampled_from(AUTHORITIES),
        id=st.sampled_from(["A", "B"]),
        what=st.sampled_from([("party", "HL"), ("receivable", f"{EC}/2/2")]),
        until=st.sampled_from(["2026-12-10", "2027-12-31"]),
    )
    def ask(self, who: str, id: str, what: tuple[str, str], until: str) -> None:
        self.call(who, "request_freeze", id=id, kind=what[0], target=what[1], document=WHY,
                  until=until)  # fmt: skip

    @rule(
        who=st.sampled_from(AUTHORITIES),
        id=st.sampled_from(["A", "B"]),
        move=st.sampled_from(sorted(ORDER_WALK.calls)),
    )
    def move_it(self, who: str, id: str, move: str) -> None:
        self.call(who, move, id=id, **ORDER_WALK.calls[move][1])

    @rule(days=st.integers(1, 4))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 24 * HOUR_MS

    @invariant()
    def frozen_exactly_while_two_stand_behind_it(self) -> None:
        if not hasattr(self, "world"):
            return
        frozen = set()
        for id in ("A", "B"):
            found = self.world.run("pbc", "regulator.get", id=id)
            order = found.value if found.outcome == "ok" else {"state": ""}
            if order["state"] == "IN_FORCE":
                assert len(set(order["authorities"])) == 2
                frozen.add(order["target"])
            if order["state"] == "RELEASED":
                assert len(set(order["released_by"])) == 2 and order["frozen"] == 0
        leaf = self.world.piece(f"{EC}/2/2")["state"]
        party = self.world.ok("pbc", "party.get", party_id="HL")["state"]
        assert (party == "FROZEN") is ("HL" in frozen)
        if frozen:
            assert leaf == "FROZEN"
        facts = self.world.ok("pbc", "receivable.invariants", ec_id=EC)
        assert facts["leaves_fen"] == facts["face_fen"]


def test_no_history_freezes_or_frees_by_one_authority() -> None:
    Histories.opened = open_world()
    machine = settings(max_examples=10, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
