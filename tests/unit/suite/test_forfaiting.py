"""Forfaiting under URF 800: price to the fen, one chain of title, no way back to the seller but an award."""

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
from tests.unit.suite.world import HOUR_MS, World, at, digest, open_world

FF = "FF-2026-1"
FACE = 800_000_000
CLAIM = digest("deferred payment undertaking of QB")
BY_RECORD = {table.record: table for table in TABLES if table.contract == "forfaiting"}


def enquired(world: World, **changes: Any) -> str:
    """LG offers QB's undertaking of 800,000,000 fen, due 90 days after the settlement of the worked figure."""
    world.now_ms = max(world.now_ms, at("2026-11-23"))
    args = {"id": FF, "claim": CLAIM, "obligor": "QB", "face_fen": FACE, "maturity": "2027-03-08"}
    return str(world.ok("lg", "forfaiting.enquire", **{**args, **changes}))


def quoted(world: World, **changes: Any) -> int:
    args = {
        "id": FF, "method": "straight", "rate_ppm": 30_500, "grace_days": 3,
        "valid_until_ms": world.now_ms + 24 * HOUR_MS, "settlement": "2026-12-08",
    }  # fmt: skip
    return int(world.ok("nb-ops", "forfaiting.quote", **{**args, **changes}))


def traded(world: World, **changes: Any) -> dict[str, Any]:
    enquired(world)
    return dict(world.ok("lg", "forfaiting.trade", id=FF, number=quoted(world, **changes)))


def satisfied(world: World, **changes: Any) -> dict[str, Any]:
    terms = traded(world, **changes)
    world.ok("lg", "forfaiting.deliver_documents", id=FF, documents=[digest("draft")])
    world.ok("nb-checker", "forfaiting.accept_documents", id=FF)
    return terms


def salt() -> bytes:
    return secrets.token_bytes(16)


def settled(world: World) -> None:
    terms = satisfied(world)
    reference = world.ok("nb-ops", "forfaiting.prepare_settlement", id=FF, salt=salt())
    proof = world.pay("NB", "LG", terms["net_fen"], reference)
    assert world.ok("lg", "forfaiting.settle", id=FF, proof=proof) == "SETTLED"


def shown(world: World, id: str = FF) -> dict[str, Any]:
    return dict(world.ok("pbc", "forfaiting.get", id=id))


DEAL_WALK = Walk(
    BY_RECORD["deal"],
    FF,
    {
        "quote": ("nb-ops", {"method": "straight", "rate_ppm": 1, "grace_days": 0,
                             "valid_until_ms": 0, "settlement": "2026-12-08"}),
        "trade": ("lg", {"number": 1}),
        "withdraw": ("lg", {}),
        "deliver_documents": ("lg", {"documents": [digest("draft")]}),
        "accept_documents": ("nb-checker", {}),
        "refuse_documents": ("nb-checker", {"reasons": ["unsigned"]}),
        "review_over": ("nobody", {}),
        "lapse": ("nobody", {}),
        "reserve": ("nb-checker", {"condition": "original draft", "until": "2027-01-08"}),
        "prepare_settlement": ("nb-ops", {"salt": bytes(16)}),
        "not_paid": ("lg", {}),
        "settle": ("nobody", {"proof": b""}),
        "settle_under_reserve": ("nobody", {"proof": b""}),
        "lift_reserve": ("nb-checker", {}),
        "reserve_over": ("nobody", {}),
        "prepare_refund": ("lg", {"salt": bytes(16)}),
        "refund": ("nobody", {"proof": b""}),
        "offer_sale": ("nb-checker", {"buyer": "QB", "price_fen": 1, "settlement": "2027-01-08"}),
        "prepare_maturity": ("qb-ops", {"salt": bytes(16)}),
        "record_maturity": ("nobody", {"proof": b""}),
        "obligor_default": ("nb-ops", {}),
        "find_breach": ("arbiter", {"award": digest("award")}),
    },
    {
        "parties": {"seller": "LG", "obligor": "QB", "forfaiter": "NB", "holder": "NB"},
        "availability": "2026-12-07",
        "settlement": "2026-12-08",
        "reserve_until": "2027-01-08",
    },
)  # fmt: skip


@pytest.mark.parametrize(("state", "move"), cases(DEAL_WALK))
def test_a_deal_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    enquired(world)
    DEAL_WALK.check_state(world, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(DEAL_WALK))
def test_a_deal_is_moved_only_by_whom_its_table_names(world: World, state: str, move: str) -> None:
    enquired(world)
    DEAL_WALK.check_persons(world, state, move)


@pytest.mark.parametrize(("method", "discount"), [("straight", 6_303_333), ("yield", 6_254_057)])
def test_the_discount_is_the_worked_figure(world: World, method: str, discount: int) -> None:
    """800,000,000 fen at 3.05 % for 90 days and 3 of grace (domain/trade-finance.md 2.2)."""
    terms = traded(world, method=method)
    assert (terms["discount_fen"], terms["net_fen"]) == (discount, FACE - discount)


def test_the_commitment_fee_runs_from_trade_to_settlement(world: World) -> None:
    terms = traded(world, commitment_ppm=5_000)  # 0.5 % for 15 days
    assert terms["commitment_fen"] == 166_667
    assert terms["net_fen"] == FACE - 6_303_333 - 166_667


def test_title_moves_with_the_money_through_two_hands_and_the_last_is_paid(
    paying_world: World,
) -> None:
    world = paying_world
    settled(world)
    assert (shown(world)["titles"], shown(world)["parties"]["holder"]) == (["NB"], "NB")
    sale = world.ok(
        "nb-checker", "forfaiting.offer_sale", id=FF, buyer="FB", price_fen=796_000_000,
        settlement="2027-01-08",
    )  # fmt: skip
    twice = {"id": FF, "buyer": "FB", "price_fen": 1, "settlement": "2027-01-08"}
    world.refused("E_SALE", "nb-checker", "forfaiting.offer_sale", **twice)
    world.ok("fb-checker", "forfaiting.confirm_sale", id=sale)
    reference = world.ok("fb", "forfaiting.prepare_sale", id=sale, salt=salt())
    early = world.pay("FB", "NB", 796_000_000, reference)
    assert world.ok("nobody", "forfaiting.settle_sale", id=sale, proof=early) == "SETTLED"
    assert shown(world)["titles"] == ["NB", "FB"]

    world.refused("E_TOO_EARLY", "qb-ops", "forfaiting.prepare_maturity", id=FF, salt=salt())
    world.now_ms = at("2027-03-08")
    reference = world.ok("qb-ops", "forfaiting.prepare_maturity", id=FF, salt=salt())
    old_holder = world.pay("QB", "NB", FACE, reference)
    world.refused("E_PROOF_PAYEE", "nobody", "forfaiting.record_maturity", id=FF, proof=old_holder)
    proof = world.pay("QB", "FB", FACE, reference)
    assert world.ok("nobody", "forfaiting.record_maturity", id=FF, proof=proof) == "PAID"
    world.refused("E_NOT_PARTY", "xy", "forfaiting.get", id=FF)


def test_a_buyer_that_paid_is_not_overtaken_by_the_maturity(paying_world: World) -> None:
    world = paying_world
    settled(world)
    sale = world.ok(
        "nb-checker", "forfaiting.offer_sale", id=FF, buyer="FB", price_fen=1_000,
        settlement="2027-03-07",
    )  # fmt: skip
    world.ok("fb-checker", "forfaiting.confirm_sale", id=sale)
    reference = world.ok("fb", "forfaiting.prepare_sale", id=sale, salt=salt())
    world.now_ms = at("2027-03-07", 22)
    world.pay("FB", "NB", 1_000, reference)
    receipt = world.paid
    world.now_ms = at("2027-03-08", 9)
    world.refused("E_SALE", "qb-ops", "forfaiting.prepare_maturity", id=FF, salt=salt())
    world.refused("E_TOO_EARLY", "nobody", "forfaiting.lapse_sale", id=sale)
    paid = world.proof_again("FB", receipt)
    assert world.ok("fb", "forfaiting.settle_sale", id=sale, proof=paid) == "SETTLED"
    world.ok("qb-ops", "forfaiting.prepare_maturity", id=FF, salt=salt())


def test_nothing_is_settled_without_satisfactory_documents_or_by_another_payment(
    paying_world: World,
) -> None:
    world = paying_world
    terms = traded(world)
    world.refused("E_STATE", "nobody", "forfaiting.settle", id=FF, proof=b"")
    world.ok("lg", "forfaiting.deliver_documents", id=FF, documents=[digest("draft")])
    world.ok("nb-checker", "forfaiting.accept_documents", id=FF)
    world.refused("E_UNPREPARED", "nobody", "forfaiting.settle", id=FF, proof=b"")
    reference = world.ok("nb-ops", "forfaiting.prepare_settlement", id=FF, salt=salt())
    short = world.pay("NB", "LG", terms["net_fen"] - 1, reference)
    world.refused("E_PROOF_AMOUNT", "lg", "forfaiting.settle", id=FF, proof=short)
    world.now_ms = at("2026-12-09", 1)
    late = world.pay("NB", "LG", terms["net_fen"], reference)
    world.refused("E_PROOF_TIME", "lg", "forfaiting.settle", id=FF, proof=late)
    world.now_ms = at("2026-12-10", 1)
    assert world.ok("lg", "forfaiting.not_paid", id=FF) == "TERMINATED"
    enquired(world, id="FF-2026-2")  # the claim is free again


def test_refused_documents_are_cured_until_the_availability_date(world: World) -> None:
    traded(world)
    assert shown(world)["availability"] == "2026-12-07"  # 10 business days after the 23rd
    papers = {"id": FF, "documents": [digest("draft")]}
    world.ok("lg", "forfaiting.deliver_documents", **papers)
    reasons = ["the draft is not signed"]
    assert world.ok("nb-checker", "forfaiting.refuse_documents", id=FF, reasons=reasons) == "CURE"
    assert world.ok("lg", "forfaiting.deliver_documents", **papers) == "DELIVERED"
    world.ok("nb-checker", "forfaiting.refuse_documents", id=FF, reasons=reasons)
    world.now_ms = at("2026-12-07", 23)
    world.refused("E_TOO_EARLY", "nobody", "forfaiting.lapse", id=FF)
    world.now_ms = at("2026-12-08", 0)
    world.refused("E_TOO_LATE", "lg", "forfaiting.deliver_documents", **papers)
    assert world.ok("nobody", "forfaiting.lapse", id=FF) == "TERMINATED"


def test_a_forfaiter_that_does_not_answer_has_accepted_the_documents(world: World) -> None:
    traded(world)
    world.ok("lg", "forfaiting.deliver_documents", id=FF, documents=[digest("draft")])
    world.now_ms = at("2026-11-26", 23)
    world.refused("E_TOO_EARLY", "nobody", "forfaiting.review_over", id=FF)
    world.now_ms = at("2026-11-27", 0)
    late = {"id": FF, "reasons": ["too late"]}
    world.refused("E_TOO_LATE", "nb-checker", "forfaiting.refuse_documents", **late)
    assert world.ok("nobody", "forfaiting.review_over", id=FF) == "SATISFIED"


def test_payment_under_reserve_is_final_or_comes_back(paying_world: World) -> None:
    world = paying_world
    terms = satisfied(world)
    condition = {"id": FF, "condition": "original draft at hand", "until": "2027-01-08"}
    world.ok("nb-checker", "forfaiting.reserve", **condition)
    world.refused("E_RESERVE", "nb-checker", "forfaiting.reserve", **condition)
    reference = world.ok("nb-ops", "forfaiting.prepare_settlement", id=FF, salt=salt())
    proof = world.pay("NB", "LG", terms["net_fen"], reference)
    world.refused("E_RESERVE", "lg", "forfaiting.settle", id=FF, proof=proof)
    assert world.ok("lg", "forfaiting.settle_under_reserve", id=FF, proof=proof) == "RESERVED"
    assert shown(world)["titles"] == []
    world.refused("E_TOO_EARLY", "nobody", "forfaiting.reserve_over", id=FF)
    world.now_ms = at("2027-01-09")
    world.ok("nobody", "forfaiting.reserve_over", id=FF)
    reference = world.ok("lg", "forfaiting.prepare_refund", id=FF, salt=salt())
    proof = world.pay("LG", "NB", terms["net_fen"], reference)
    assert world.ok("nb-ops", "forfaiting.refund", id=FF, proof=proof) == "REFUNDED"


def test_the_seller_is_out_unless_an_award_finds_a_breach(paying_world: World) -> None:
    world = paying_world
    settled(world)
    breach = {"id": FF, "award": digest("award")}
    for who in ("nb-checker", "qb-checker", "lg", "pbc"):
        world.refused("E_NOT_PARTY", who, "forfaiting.find_breach", **breach)
    world.now_ms = at("2027-03-11", 23)
    world.refused("E_TOO_EARLY", "nb-ops", "forfaiting.obligor_default", id=FF)
    world.now_ms = at("2027-03-12")
    assert world.ok("nb-ops", "forfaiting.obligor_default", id=FF) == "DEFAULTED"
    world.refused("E_STATE", "lg", "forfaiting.prepare_refund", id=FF, salt=salt())
    assert world.ok("arbiter", "forfaiting.find_breach", **breach) == "REFUND_DUE"
    reference = world.ok("lg", "forfaiting.prepare_refund", id=FF, salt=salt())
    proof = world.pay("LG", "NB", FACE - 6_303_333, reference)
    assert world.ok("nobody", "forfaiting.refund", id=FF, proof=proof) == "REFUNDED"
    assert shown(world)["titles"] == ["NB", "LG"]


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_CODE", {"id": "ff 1"}),
        ("E_DIGEST", {"claim": "none"}),
        ("E_AMOUNT", {"face_fen": 0}),
        ("E_AMOUNT", {"face_fen": 2**53}),
        ("E_DATE", {"maturity": "2026-11-23"}),
        ("E_DATE", {"maturity": "2027-02-29"}),
        ("E_ROLE", {"obligor": "PX"}),
        ("E_SELF", {"obligor": "LG"}),
        ("E_PARTY", {"obligor": "ZZ"}),
    ],
)
def test_an_enquiry_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    world.now_ms = at("2026-11-23")
    args = {"id": FF, "claim": CLAIM, "obligor": "QB", "face_fen": FACE, "maturity": "2027-03-08"}
    world.refused(code, "lg", "forfaiting.enquire", **{**args, **changes})


def test_one_claim_stands_in_one_deal(world: World) -> None:
    enquired(world)
    again = {"id": "FF-2", "claim": CLAIM, "obligor": "QB", "face_fen": 1, "maturity": "2027-03-08"}
    world.refused("E_CLAIM", "lg", "forfaiting.enquire", **again)
    world.ok("lg", "forfaiting.withdraw", id=FF)
    assert world.ok("lg", "forfaiting.enquire", **again) == "ENQUIRED"


@pytest.mark.parametrize(
    ("code", "who", "changes"),
    [
        ("E_METHOD", "nb-ops", {"method": "compound"}),
        ("E_RATE", "nb-ops", {"rate_ppm": 0}),
        ("E_RATE", "nb-ops", {"rate_ppm": 240_001}),
        ("E_GRACE", "nb-ops", {"grace_days": 31}),
        ("E_DATE", "nb-ops", {"settlement": "2027-03-08"}),
        ("E_DATE", "nb-ops", {"settlement": "2026-12-04"}),
        ("E_DATE", "nb-ops", {"availability": "2026-11-22"}),
        ("E_EXPIRED", "nb-ops", {"valid_until_ms": 1}),
        ("E_SELF", "qb-ops", {}),
        ("E_NOT_PARTY", "xy", {}),
    ],
)
def test_a_quote_that_makes_no_sense_is_refused(
    world: World, code: str, who: str, changes: dict[str, Any]
) -> None:
    enquired(world)
    args = {
        "id": FF, "method": "straight", "rate_ppm": 30_500, "grace_days": 3,
        "valid_until_ms": world.now_ms + HOUR_MS, "settlement": "2026-12-08",
    }  # fmt: skip
    world.refused(code, who, "forfaiting.quote", **{**args, **changes})


class Histories(RuleBasedStateMachine):
    """Whatever is called in whatever order: one chain of title, and a price that anybody gets again."""

    opened: World

    @initialize()
    def enquire(self) -> None:
        self.world = fresh(self.opened)
        enquired(self.world)

    def call(self, who: str, move: str, **args: Any) -> None:
        result = self.world.run(who, f"forfaiting.{move}", **args)
        assert result.outcome in ("ok", "revert"), (move, args, result.code, result.message)
        if result.outcome == "ok":
            self.world.ok(who, f"forfaiting.{move}", **args)

    @rule(grace=st.integers(0, 30), rate=st.integers(1, 240_000))
    def quote(self, grace: int, rate: int) -> None:
        until = self.world.now_ms + HOUR_MS
        self.call("nb-ops", "quote", id=FF, method="yield", rate_ppm=rate, grace_days=grace,
                  valid_until_ms=until, settlement="2026-12-22")  # fmt: skip

    @rule(move=st.sampled_from(sorted(DEAL_WALK.calls.keys() - {"quote"})))
    def move(self, move: str) -> None:
        who, args = DEAL_WALK.calls[move]
        self.call(who, move, id=FF, **args)

    @rule(days=st.integers(1, 10))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 86_400_000

    @invariant()
    def title_follows_money(self) -> None:
        if not hasattr(self, "world"):
            return
        deal = shown(self.world)
        assert deal["titles"] == []  # no payment was ever proven in these histories
        assert deal["state"] not in ("SETTLED", "RESERVED", "PAID", "REFUND_DUE", "REFUNDED")
        assert 0 < deal["net_fen"] <= deal["face_fen"] == FACE


def test_no_history_moves_the_title_without_money() -> None:
    Histories.opened = open_world()
    machine = settings(max_examples=12, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
