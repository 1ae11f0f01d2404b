"""A reserve-backed stablecoin: nothing is minted that the reserve does not cover, all is redeemed at par."""

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
from tests.unit.suite.world import HOUR_MS, World, at, digest, open_world

COIN, WHY = "HKDX", digest("signed file")
UNIT = 1_000_000
BY_RECORD = {table.record: table for table in TABLES if table.contract == "stablecoin"}
COIN_WALK = Walk(
    BY_RECORD["coin"],
    COIN,
    {
        "license": ("hkma", {"capital": 2_500_000_000, "until": "2028-12-31"}),
        "refuse_licence": ("hkma", {}),
        "reserve_update": (
            "qb-checker",
            {"classes": [["CASH", 1]], "as_of_ms": 0, "statement": WHY},
        ),
        "stale": ("nobody", {}),
        "cure": ("fb-checker", {}),
        "order_mint": ("fb", {"to": "LG", "amount": 1}),
        "mint": ("fb-checker", {"to": "LG", "amount": 1}),
        "transfer": ("lg", {"to": "XY", "amount": 1}),
        "exchange_hold": ("lg", {"number": "n", "taker": "XY"}),
        "redeem_request": ("lg", {"amount": 1}),
        "supervisor_order": ("hkma", {"state": "SUSPENDED", "order": WHY}),
    },
)
REDEMPTION_WALK = Walk(
    BY_RECORD["redemption"],
    f"{COIN}/1",
    {"redeem_paid": ("qb-checker", {"payment": WHY}), "mark_late": ("nobody", {})},
)
PLEDGE_WALK = Walk(
    BY_RECORD["pledge"],
    f"{COIN}/NB",
    {
        "add_pledge": ("nb-checker", {"amount": 1}),
        "set_exposure": ("fb-checker", {"exposure": 1}),
        "unpledge": ("nb-checker", {"amount": 1}),
        "slash": ("hkma", {"amount": 1, "order": WHY}),
    },
)


def licensed(world: World) -> None:
    world.ok("fb", "stablecoin.apply", id=COIN, currency="HKD", custodian="QB", supervisor="HKMA")
    world.ok("hkma", "stablecoin.license", id=COIN, capital=2_500_000_000, until="2028-12-31")


def state(world: World, **classes: int) -> str:
    """The custodian's statement of now."""
    world.now_ms += 60_000
    listed = [[name, amount] for name, amount in classes.items()]
    return str(world.ok("qb-checker", "stablecoin.reserve_update", id=COIN, classes=listed,
                        as_of_ms=world.now_ms, statement=WHY))  # fmt: skip


def active(world: World, reserve: int = 100 * UNIT) -> None:
    licensed(world)
    state(world, CASH=reserve)
    world.refused("E_COVERAGE", "fb-checker", "stablecoin.cure", id=COIN)
    state(world, CASH=reserve)
    assert world.ok("fb-checker", "stablecoin.cure", id=COIN) == "ACTIVE"


def mint(world: World, to: str, amount: int) -> None:
    world.ok("fb", "stablecoin.order_mint", id=COIN, to=to, amount=amount)
    world.ok("fb-checker", "stablecoin.mint", id=COIN, to=to, amount=amount)


def issued(world: World) -> None:
    """100 m in the reserve, 100 m out: 60 at LG, 40 at NB."""
    active(world)
    mint(world, "LG", 60 * UNIT)
    mint(world, "NB", 40 * UNIT)


def get(world: World) -> dict[str, Any]:
    return dict(world.ok("nobody", "stablecoin.get", id=COIN))


def supervisor(world: World) -> dict[str, Any]:
    receipt = world.ok("hkma", "regulator.open_view", screen="stablecoin", purpose=WHY)
    return dict(world.ok("hkma", "stablecoin.supervisor_view", id=COIN, receipt=receipt))


@pytest.mark.parametrize(("state", "move"), cases(COIN_WALK))
def test_a_coin_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    licensed(world)
    COIN_WALK.check_state(world, state, move)


@pytest.mark.parametrize(
    ("state", "move"), [case for case in allowed(COIN_WALK) if case[1] != "exchange_hold"]
)
def test_a_coin_is_moved_only_by_whom_its_table_names(world: World, state: str, move: str) -> None:
    licensed(world)
    COIN_WALK.check_persons(world, state, move)


@pytest.mark.parametrize(("state", "move"), cases(REDEMPTION_WALK))
def test_a_redemption_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    issued(world)
    world.ok("lg", "stablecoin.redeem_request", id=COIN, amount=UNIT)
    REDEMPTION_WALK.check_state(world, state, move)
    if BY_RECORD["redemption"].allows(state, move):
        REDEMPTION_WALK.check_persons(world, state, move)


@pytest.mark.parametrize(("state", "move"), cases(PLEDGE_WALK))
def test_a_pledge_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    issued(world)
    world.ok("nb-checker", "stablecoin.pledge", coin=COIN, amount=30 * UNIT)
    PLEDGE_WALK.check_state(world, state, move)
    if BY_RECORD["pledge"].allows(state, move):
        PLEDGE_WALK.check_persons(world, state, move)


def test_a_reserve_of_99_2_percent_restricts_and_nothing_more_is_minted(world: World) -> None:
    """Step 24 of the story."""
    issued(world)
    assert state(world, CASH=99_200_000) == "RESTRICTED"
    assert world.events == ["SC.ReserveStated", "SC.Coverage"]
    assert get(world)["ratio_bps"] == 9_920
    world.refused("E_STATE", "fb", "stablecoin.order_mint", id=COIN, to="LG", amount=1)
    world.refused("E_STATE", "fb-checker", "stablecoin.mint", id=COIN, to="LG", amount=1)
    world.ok("lg", "stablecoin.transfer", id=COIN, to="XY", amount=UNIT)  # still possible
    seen = supervisor(world)
    assert (seen["ratio_bps"], seen["minimum_bps"]) == (9_920, 9_920)
    state(world, CASH=100 * UNIT)
    world.refused("E_COVERAGE", "fb-checker", "stablecoin.cure", id=COIN)
    state(world, CASH=100 * UNIT)
    assert world.ok("fb-checker", "stablecoin.cure", id=COIN) == "ACTIVE"
    assert supervisor(world)["minimum_bps"] == 9_920  # of the last thirty days
    world.now_ms = at("2027-01-31")
    assert supervisor(world)["minimum_bps"] == 10_000


def test_a_mint_that_would_leave_99_9_percent_is_refused(world: World) -> None:
    active(world, 99_900_000)
    world.ok("fb", "stablecoin.order_mint", id=COIN, to="LG", amount=100 * UNIT)
    world.refused(
        "E_COVERAGE", "fb-checker", "stablecoin.mint", id=COIN, to="LG", amount=100 * UNIT
    )
    world.ok("fb", "stablecoin.order_mint", id=COIN, to="LG", amount=99_900_001)
    world.refused(
        "E_COVERAGE", "fb-checker", "stablecoin.mint", id=COIN, to="LG", amount=99_900_001
    )
    mint(world, "LG", 99_900_000)
    assert get(world)["ratio_bps"] == 10_000


def test_haircuts_are_dated_rules_and_count_against_the_reserve(world: World) -> None:
    active(world, 50 * UNIT)
    state(world, CASH=50 * UNIT, BILL=20 * UNIT, REPO=10 * UNIT, BOND=20 * UNIT)
    seen = supervisor(world)["reserve"]
    assert [seen[name]["after_haircut"] for name in ("CASH", "BILL", "REPO", "BOND")] == [
        50_000_000, 19_800_000, 9_800_000, 19_000_000,
    ]  # fmt: skip
    mint(world, "LG", 98_600_000)
    world.ok("hkma", "rulebook.draft", name="haircut:BOND", value={"bps": 1_000},
             since="2026-11-20", source="circular", document=WHY)  # fmt: skip
    world.ok("hkma-second", "rulebook.sign", id="haircut:BOND/1")
    world.now_ms = at("2026-11-20")
    assert get(world)["ratio_bps"] == 97_600_000 * 10_000 // 98_600_000
    assert (
        state(world, CASH=50 * UNIT, BILL=20 * UNIT, REPO=10 * UNIT, BOND=20 * UNIT) == "RESTRICTED"
    )


def test_below_98_percent_or_with_an_old_statement_only_redemption_is_open(world: World) -> None:
    issued(world)
    assert state(world, CASH=97_999_999) == "SUSPENDED"
    world.refused("E_STATE", "lg", "stablecoin.transfer", id=COIN, to="XY", amount=1)
    world.ok("lg", "stablecoin.redeem_request", id=COIN, amount=UNIT)
    for _ in range(2):
        state(world, CASH=100 * UNIT)
    world.now_ms += 24 * HOUR_MS + 1
    world.refused("E_ATTESTATION", "fb-checker", "stablecoin.cure", id=COIN)
    state(world, CASH=100 * UNIT)
    world.ok("fb-checker", "stablecoin.cure", id=COIN)
    world.refused("E_TOO_EARLY", "nobody", "stablecoin.stale", id=COIN)
    world.ok("fb", "stablecoin.order_mint", id=COIN, to="LG", amount=1)
    world.now_ms += 24 * HOUR_MS + 1
    world.refused("E_ATTESTATION", "fb-checker", "stablecoin.mint", id=COIN, to="LG", amount=1)
    assert world.ok("nobody", "stablecoin.stale", id=COIN) == "SUSPENDED"


def test_redemption_is_due_by_the_end_of_the_next_business_day_of_hong_kong(world: World) -> None:
    issued(world)
    world.now_ms = at("2026-12-24")  # a Thursday; the 25th is a holiday
    number = world.ok("lg", "stablecoin.redeem_request", id=COIN, amount=10 * UNIT)
    assert world.ok("lg", "stablecoin.get", id=number)["due"] == "2026-12-28"
    assert world.ok("lg", "stablecoin.balance", id=COIN) == 50 * UNIT
    world.refused("E_NOT_PARTY", "xy", "stablecoin.get", id=number)
    world.now_ms = at("2026-12-28", 23)
    world.refused("E_TOO_EARLY", "nobody", "stablecoin.mark_late", id=number)
    world.now_ms = at("2026-12-29", 0)
    assert world.ok("nobody", "stablecoin.mark_late", id=number) == "LATE"
    assert supervisor(world)["redemptions"][0]["late"] is True
    assert get(world)["supply"] == 100 * UNIT
    world.refused("E_DIGEST", "qb-checker", "stablecoin.redeem_paid", id=number, payment="yes")
    assert world.ok("qb-checker", "stablecoin.redeem_paid", id=number, payment=WHY) == "PAID"
    assert get(world)["supply"] == 90 * UNIT
    assert supervisor(world)["redemptions"] == []


def test_nobody_takes_back_a_pledge_below_what_the_node_clears(world: World) -> None:
    issued(world)
    id = world.ok("nb-checker", "stablecoin.pledge", coin=COIN, amount=30 * UNIT)
    world.refused("E_DUPLICATE", "nb-checker", "stablecoin.pledge", coin=COIN, amount=1)
    world.ok("fb-checker", "stablecoin.set_exposure", id=id, exposure=20 * UNIT)
    take = {"id": id, "amount": 10 * UNIT + 1}
    world.refused("E_PLEDGE", "nb-checker", "stablecoin.unpledge", **take)
    world.ok("nb-checker", "stablecoin.unpledge", id=id, amount=10 * UNIT)
    state = world.ok("fb-checker", "stablecoin.set_exposure", id=id, exposure=25 * UNIT)
    assert state == "NODE_LIMITED"
    world.refused("E_STATE", "nb-checker", "stablecoin.unpledge", id=id, amount=1)
    assert world.ok("nb-checker", "stablecoin.add_pledge", id=id, amount=5 * UNIT) == "NODE_ACTIVE"
    cut = {"id": id, "amount": 5 * UNIT, "order": WHY}
    world.refused("E_NOT_PARTY", "pbc", "stablecoin.slash", **cut)
    world.refused("E_PLEDGE", "hkma", "stablecoin.slash", **{**cut, "amount": 26 * UNIT})
    assert world.ok("hkma", "stablecoin.slash", **cut) == "NODE_LIMITED"
    assert (get(world)["supply"], get(world)["ratio_bps"]) == (95 * UNIT, 10_526)
    (node,) = supervisor(world)["pledges"]
    assert (node["node"], node["amount"], node["state"]) == ("NB", 20 * UNIT, "NODE_LIMITED")


def test_the_supervisor_orders_and_sees_holders_as_commitments_only(world: World) -> None:
    issued(world)
    for code, change in (("E_DIGEST", {"order": ""}), ("E_CODE", {"state": "APPLIED"})):
        args = {"id": COIN, "state": "SUSPENDED", "order": WHY, **change}
        world.refused(code, "hkma", "stablecoin.supervisor_order", **args)
    world.ok("hkma", "stablecoin.supervisor_order", id=COIN, state="SUSPENDED", order=WHY)
    state(world, CASH=99 * UNIT)
    lift = {"id": COIN, "state": "ACTIVE", "order": WHY}
    world.refused("E_COVERAGE", "hkma", "stablecoin.supervisor_order", **lift)
    seen = supervisor(world)
    assert [one["amount"] for one in seen["top_holders"]] == [60 * UNIT, 40 * UNIT]
    assert "LG" not in str(seen["top_holders"])
    world.refused("E_NO_RECEIPT", "hkma", "stablecoin.supervisor_view", id=COIN, receipt="")
    world.ok("hkma", "stablecoin.supervisor_order", id=COIN, state="REVOKED", order=WHY)
    world.ok("lg", "stablecoin.redeem_request", id=COIN, amount=60 * UNIT)


@pytest.mark.parametrize(
    ("code", "who", "move", "args"),
    [
        ("E_CODE", "qb-checker", "reserve_update", {"classes": [["GOLD", 1]]}),
        ("E_CODE", "qb-checker", "reserve_update", {"classes": [["CASH", 1], ["CASH", 2]]}),
        ("E_CODE", "qb-checker", "reserve_update", {"classes": ["CASH"]}),
        ("E_AMOUNT", "qb-checker", "reserve_update", {"classes": [["CASH", 0]]}),
        ("E_AMOUNT", "qb-checker", "reserve_update", {"classes": [["CASH", 2**63]]}),
        ("E_DATE", "qb-checker", "reserve_update", {"as_of_ms": 1}),
        ("E_DATE", "qb-checker", "reserve_update", {"as_of_ms": 2**50}),
        ("E_DIGEST", "qb-checker", "reserve_update", {"statement": "signed"}),
        ("E_NOT_PARTY", "fb-checker", "reserve_update", {}),
        ("E_NOT_FOUND", "fb-checker", "mint", {"to": "LG", "amount": 1}),
        ("E_AMOUNT", "fb", "order_mint", {"to": "LG", "amount": 0}),
        ("E_SELF", "lg", "transfer", {"to": "LG", "amount": 1}),
        ("E_PARTY", "lg", "transfer", {"to": "ZZ", "amount": 1}),
        ("E_BALANCE", "lg", "transfer", {"to": "XY", "amount": 60 * UNIT + 1}),
        ("E_AMOUNT", "lg", "transfer", {"to": "XY", "amount": -1}),
        ("E_BALANCE", "lg", "redeem_request", {"amount": 60 * UNIT + 1}),
    ],
)
def test_what_makes_no_sense_is_refused(
    world: World, code: str, who: str, move: str, args: dict[str, Any]
) -> None:
    issued(world)
    if move == "reserve_update":
        world.now_ms += 1
        base = {"classes": [["CASH", 1]], "as_of_ms": world.now_ms, "statement": WHY}
        args = {**base, **args}
    world.refused(code, who, f"stablecoin.{move}", id=COIN, **args)


def test_issuer_custodian_and_supervisor_are_three_and_the_custodian_a_bank(world: World) -> None:
    base = {"id": COIN, "currency": "HKD", "custodian": "QB", "supervisor": "HKMA"}
    world.refused("E_SELF", "fb", "stablecoin.apply", **{**base, "custodian": "FB"})
    world.refused("E_ROLE", "fb", "stablecoin.apply", **{**base, "custodian": "LG"})
    world.refused("E_PARTY", "fb", "stablecoin.apply", **{**base, "custodian": "ZZ"})
    world.ok("fb", "stablecoin.apply", **base)
    small = {"id": COIN, "capital": 2_499_999_999, "until": "2028-12-31"}
    world.refused("E_AMOUNT", "hkma", "stablecoin.license", **small)


def test_a_mint_takes_two_persons(world: World) -> None:
    active(world)
    world.ok("fb", "stablecoin.order_mint", id=COIN, to="LG", amount=1)
    world.force("stablecoin", "coin", COIN, mint_order=("LG", 1, digest("fb-checker")))
    world.refused("E_FOUR_EYES", "fb-checker", "stablecoin.mint", id=COIN, to="LG", amount=1)


class Histories(RuleBasedStateMachine):
    """Whatever happens: coins are conserved, and none is minted that the reserve does not cover."""

    opened: World

    @initialize()
    def begin(self) -> None:
        self.world = fresh(self.opened)
        issued(self.world)
        self.world.ok("nb-checker", "stablecoin.pledge", coin=COIN, amount=20 * UNIT)
        self.redemptions = 0

    def call(self, who: str, move: str, **args: Any) -> bool:
        result = self.world.run(who, f"stablecoin.{move}", **args)
        assert result.outcome in ("ok", "revert"), (move, args, result.code, result.message)
        if result.outcome == "ok":
            self.world.ok(who, f"stablecoin.{move}", **args)
        return result.outcome == "ok"

    amounts = st.sampled_from([0, 1, UNIT, 20 * UNIT, 60 * UNIT, 2**63])

    @rule(cash=st.sampled_from([90, 98, 99, 100, 120, 300]))
    def state(self, cash: int) -> None:
        self.world.now_ms += 1
        self.call("qb-checker", "reserve_update", id=COIN, classes=[["CASH", cash * UNIT]],
                  as_of_ms=self.world.now_ms, statement=WHY)  # fmt: skip

    @rule(to=st.sampled_from(["LG", "NB"]), amount=amounts)
    def mint(self, to: str, amount: int) -> None:
        self.call("fb", "order_mint", id=COIN, to=to, amount=amount)
        if self.call("fb-checker", "mint", id=COIN, to=to, amount=amount):
            assert get(self.world)["ratio_bps"] >= 10_000

    @rule(amount=amounts, to=st.sampled_from(["XY", "NB", "LG"]))
    def transfer(self, amount: int, to: str) -> None:
        self.call("lg", "transfer", id=COIN, to=to, amount=amount)

    @rule(amount=amounts)
    def redeem(self, amount: int) -> None:
        self.redemptions += self.call("lg", "redeem_request", id=COIN, amount=amount)

    @rule(number=st.integers(1, 2), move=st.sampled_from(sorted(REDEMPTION_WALK.calls)))
    def settle(self, number: int, move: str) -> None:
        who, args = REDEMPTION_WALK.calls[move]
        self.call(who, move, id=f"{COIN}/{number}", **args)

    @rule(amount=amounts, move=st.sampled_from(["add_pledge", "unpledge", "slash", "set_exposure"]))
    def node(self, amount: int, move: str) -> None:
        who, args = PLEDGE_WALK.calls[move]
        name = "exposure" if move == "set_exposure" else "amount"
        self.call(who, move, id=f"{COIN}/NB", **{**args, name: amount})

    @rule(move=st.sampled_from(["cure", "stale", "supervisor_order"]), hours=st.integers(0, 30))
    def move_the_coin(self, move: str, hours: int) -> None:
        self.world.now_ms += hours * HOUR_MS
        who, args = COIN_WALK.calls[move]
        self.call(who, move, id=COIN, **args)

    @invariant()
    def coins_are_conserved(self) -> None:
        if not hasattr(self, "world"):
            return
        seen = supervisor(self.world)
        held = sum(one["amount"] for one in seen["top_holders"])
        waiting = sum(one["amount"] for one in seen["redemptions"])
        pledged = sum(one["amount"] for one in seen["pledges"])
        assert held + waiting + pledged == seen["supply"]
        if seen["ratio_bps"] < 9_800 and seen["state"] == "ACTIVE":
            raise AssertionError("active below the floor")


def test_no_history_makes_or_loses_a_coin() -> None:
    Histories.opened = open_world()
    machine = settings(max_examples=10, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
