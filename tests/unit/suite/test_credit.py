"""Documentary credits: the issuing bank's promise, its clocks at two places, the one chance to refuse."""

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

LC = "LC-2026-1"
AMOUNT = 200_000_000
PAPERS = [digest("invoice"), digest("bill of lading")]
BY_RECORD = {table.record: table for table in TABLES}
TERMS = {
    "id": LC, "issuing": "QB", "beneficiary": "LG", "amount_fen": AMOUNT, "expiry": "2027-02-27",
    "latest_shipment": "2027-02-10", "terms": digest("MT 700"), "advising": "NB",
}  # fmt: skip


def applied(world: World, **changes: Any) -> str:
    world.now_ms = max(world.now_ms, at("2026-11-23"))
    world.ok("px-maker", "credit.apply", **{**TERMS, **changes})
    return LC


def advised(world: World, **changes: Any) -> str:
    applied(world, **changes)
    world.ok("qb-ops", "credit.approve_issue", id=LC)
    world.ok("qb-checker", "credit.issue", id=LC)
    world.ok("nb-ops", "credit.advise", id=LC)
    return LC


def presented(world: World, amount: int = AMOUNT, **more: Any) -> str:
    args = {"credit": LC, "amount_fen": amount, "documents": PAPERS[:1], **more}
    return str(world.ok("lg", "presentation.present", **args))


def examining(world: World, **changes: Any) -> str:
    """Complete on Thursday 2027-02-11, which is worked, after the spring festival of 5 to 8 February."""
    advised(world, **changes)
    world.now_ms = at("2027-02-11")
    number = presented(world, shipped_on="2027-02-10")
    world.ok("lg", "presentation.complete", id=number, documents=PAPERS)
    return number


def shown(world: World, id: str = LC) -> dict[str, Any]:
    contract = "presentation" if "/" in id else "credit"
    return dict(world.ok("pbc", f"{contract}.get", id=id))


CREDIT_WALK = Walk(
    BY_RECORD["credit"],
    LC,
    {
        "approve_issue": ("qb-ops", {}),
        "issue": ("qb-checker", {}),
        "decline_issue": ("qb-ops", {"reason": "no line"}),
        "advise": ("nb-ops", {}),
        "confirm": ("fb-checker", {}),
        "propose_amendment": ("qb-checker", {"amount_fen": 1, "expiry": "2027-03-01",
                                             "latest_shipment": "2027-02-10"}),
        "accept_amendment": ("lg", {"amount_fen": 1, "expiry": "2027-03-01",
                                    "latest_shipment": "2027-02-10"}),
        "reject_amendment": ("lg", {}),
        "transfer_credit": ("nb-checker", {
            "child": "LC-2026-2", "second_beneficiary": "HL", "amount_fen": 1,
            "expiry": "2027-02-01", "latest_shipment": "2027-01-10", "presentation_days": 10,
            "terms": digest("child")}),
        "consent_to_cancel": ("qb-checker", {}),
        "cancel": ("nobody", {}),
        "expire": ("nobody", {}),
        "exhaust": ("nobody", {}),
    },
)  # fmt: skip
PRESENTATION_WALK = Walk(
    BY_RECORD["presentation"],
    f"{LC}/1",
    {
        "complete": ("lg", {"documents": PAPERS}),
        "withdraw": ("lg", {}),
        "report_corruption": ("qb-checker", {}),
        "replace_records": ("lg", {"documents": PAPERS}),
        "corruption_over": ("nobody", {}),
        "comply": ("qb-checker", {}),
        "refuse": ("qb-checker", {"discrepancies": ["late"], "disposition": "returning"}),
        "deadline_passed": ("nobody", {}),
        "waive": ("px-checker", {}),
        "accept_waiver": ("qb-checker", {}),
        "present_again": ("lg", {"documents": PAPERS}),
        "prepare_honour": ("qb-ops", {"salt": bytes(16)}),
        "honour": ("nobody", {"proof": b""}),
        "undertake": ("qb-checker", {}),
        "prepare_maturity": ("qb-ops", {"salt": bytes(16)}),
        "record_maturity": ("nobody", {"proof": b""}),
        "stay": ("court", {"order": digest("order")}),
        "lift_stay": ("court", {"order": digest("order")}),
    },
    {"maturity": "2027-05-12", "pay_on": "2027-05-12"},
)  # fmt: skip
BY_CONTRACT_ONLY = ("draw", "settle")


@pytest.mark.parametrize(
    ("state", "move"), [c for c in cases(CREDIT_WALK) if c[1] not in BY_CONTRACT_ONLY]
)
def test_a_credit_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    applied(world, confirming="FB")
    CREDIT_WALK.check_state(world, state, move)


@pytest.mark.parametrize(
    ("state", "move"), [c for c in allowed(CREDIT_WALK) if c[1] not in BY_CONTRACT_ONLY]
)
def test_a_credit_is_moved_only_by_whom_its_table_names(
    world: World, state: str, move: str
) -> None:
    applied(world, confirming="FB")
    if move != "consent_to_cancel":  # three parties may, see below
        CREDIT_WALK.check_persons(world, state, move)
    else:
        world.force("credit", "credit", LC, state=state)
        world.refused("E_NOT_PARTY", "nb-checker", "credit.consent_to_cancel", id=LC)


@pytest.mark.parametrize(("state", "move"), cases(PRESENTATION_WALK))
def test_a_presentation_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    examining(world)
    PRESENTATION_WALK.check_state(world, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(PRESENTATION_WALK))
def test_a_presentation_is_moved_only_by_whom_its_table_names(
    world: World, state: str, move: str
) -> None:
    examining(world)
    PRESENTATION_WALK.check_persons(world, state, move)


@pytest.mark.parametrize("move", BY_CONTRACT_ONLY)
def test_only_presentations_draw_on_a_credit(world: World, move: str) -> None:
    advised(world)
    args = {"amount_fen": 1} | ({"is_paid": True} if move == "settle" else {})
    for who in ("lg", "qb-checker", "nobody"):
        world.refused("E_NOT_PARTY", who, f"credit.{move}", id=LC, **args)
    world.refused("E_CALLER", "lg", "credit.check_in_time", id=LC, shipped_on="")


# ---- the story -----------------------------------------------------------------------------------


def test_the_story_from_the_credit_to_the_second_sale_of_its_draft(paying_world: World) -> None:
    """Steps 14 to 17 of domain/story.md; the Hong Kong bank's part is FB's."""
    world = paying_world
    face = 800_000_000
    world.now_ms = at("2026-12-11")
    applied(
        world, issuing="FB", beneficiary="LG", amount_fen=face, expiry="2027-01-31",
        latest_shipment="2027-01-05", advising="QB", examined_at="HK", method="acceptance",
        tenor_days=90, tenor_from="shipment",
    )  # fmt: skip
    world.ok("fb", "credit.approve_issue", id=LC)
    world.ok("fb-checker", "credit.issue", id=LC)
    assert world.ok("qb-ops", "credit.advise", id=LC) == "ADVISED"
    assert shown(world)["last_presentation_day"] == "2027-02-01"

    world.now_ms = at("2027-01-04")
    number = presented(world, amount=face, shipped_on="2027-01-04")
    world.now_ms = at("2027-01-05")
    world.ok("lg", "presentation.complete", id=number, documents=PAPERS)
    assert shown(world, number)["answer_until"] == "2027-01-12"
    world.now_ms = at("2027-01-08")
    notice = {"id": number, "discrepancies": ["description"], "disposition": "hold_for_presenter"}
    world.ok("fb-checker", "presentation.refuse", **notice)
    world.refused("E_STATE", "fb-checker", "presentation.refuse", **notice)
    world.ok("lg", "presentation.present_again", id=number, documents=PAPERS)
    world.ok("fb-checker", "presentation.comply", id=number)
    assert world.ok("fb-checker", "presentation.undertake", id=number) == "2027-04-04"
    assert shown(world, number)["pay_on"] == "2027-04-06"  # Sunday, then Ching Ming

    world.now_ms = at("2027-01-11")
    prices = {}
    for deal, method in (("FF-1", "straight"), ("FF-2", "yield")):
        claim = {"claim": digest(deal), "obligor": "FB", "face_fen": face, "maturity": "2027-04-04"}
        world.ok("lg", "forfaiting.enquire", id=deal, **claim)
        offer = {"method": method, "rate_ppm": 30_500, "grace_days": 3, "settlement": "2027-01-11",
                 "availability": "2027-01-11", "valid_until_ms": world.now_ms + 3_600_000}  # fmt: skip
        number = world.ok("qb-ops", "forfaiting.quote", id=deal, **offer)
        prices[method] = world.ok("lg", "forfaiting.trade", id=deal, number=number)
    assert (prices["straight"]["discount_fen"], prices["straight"]["net_fen"]) == (
        5_828_889, 794_171_111,
    )  # fmt: skip
    assert prices["yield"]["discount_fen"] == 5_786_726
    world.ok("lg", "forfaiting.deliver_documents", id="FF-1", documents=PAPERS)
    world.ok("qb-checker", "forfaiting.accept_documents", id="FF-1")
    salt = secrets.token_bytes(16)
    reference = world.ok("qb-ops", "forfaiting.prepare_settlement", id="FF-1", salt=salt)
    proof = world.pay("QB", "LG", 794_171_111, reference)
    assert world.ok("lg", "forfaiting.settle", id="FF-1", proof=proof) == "SETTLED"
    offer = {"buyer": "NB", "price_fen": 795_000_000, "settlement": "2027-01-12"}
    sale = world.ok("qb-checker", "forfaiting.offer_sale", id="FF-1", **offer)
    world.ok("nb-checker", "forfaiting.confirm_sale", id=sale)
    reference = world.ok("nb-ops", "forfaiting.prepare_sale", id=sale, salt=salt)
    proof = world.pay("NB", "QB", 795_000_000, reference)
    world.ok("nb-ops", "forfaiting.settle_sale", id=sale, proof=proof)
    assert world.ok("pbc", "forfaiting.get", id="FF-1")["titles"] == ["QB", "NB"]


# ---- clocks --------------------------------------------------------------------------------------


def test_a_refusal_on_the_sixth_banking_day_comes_too_late(world: World) -> None:
    number = examining(world)
    assert shown(world, number)["answer_until"] == "2027-02-18"
    notice = {"id": number, "discrepancies": ["late shipment"], "disposition": "returning"}
    world.now_ms = at("2027-02-18", 23)
    world.refused("E_TOO_EARLY", "nobody", "presentation.deadline_passed", id=number)
    world.now_ms = at("2027-02-19", 0)
    world.refused("E_TOO_LATE", "qb-checker", "presentation.refuse", **notice)
    assert world.ok("nobody", "presentation.deadline_passed", id=number) == "COMPLYING"


def test_the_same_days_are_longer_where_there_is_a_holiday(world: World) -> None:
    """Mid-February 2027 is worked at both places, so a credit at Hong Kong over Christmas shows it."""
    advised(world, place="HK", latest_shipment="2026-12-20", expiry="2027-02-27")
    world.now_ms = at("2026-12-23")
    number = presented(world, shipped_on="2026-12-18")
    world.ok("lg", "presentation.complete", id=number, documents=PAPERS)
    assert shown(world, number)["answer_until"] == "2026-12-31"  # in the mainland: 30 December


def test_an_expiry_on_a_sunday_moves_to_monday_but_the_shipment_does_not(world: World) -> None:
    advised(world, expiry="2027-02-28", latest_shipment="2027-02-21")  # both are Sundays
    assert shown(world)["last_presentation_day"] == "2027-03-01"
    world.now_ms = at("2027-03-01", 23)
    late = {"credit": LC, "amount_fen": 1, "documents": PAPERS, "shipped_on": "2027-02-22"}
    world.refused("E_LATE_SHIPMENT", "lg", "presentation.present", **late)
    world.refused("E_TOO_EARLY", "nobody", "credit.expire", id=LC)
    number = presented(world, amount=1, shipped_on="2027-02-21")
    world.now_ms = at("2027-03-02", 0)
    again = {"credit": LC, "amount_fen": 1, "documents": PAPERS}
    world.refused("E_EXPIRED", "lg", "presentation.present", **again)
    world.refused("E_EXPIRED", "lg", "presentation.complete", id=number, documents=PAPERS)
    world.refused("E_PRESENTATION_OPEN", "nobody", "credit.expire", id=LC)
    world.ok("lg", "presentation.withdraw", id=number)
    assert world.ok("nobody", "credit.expire", id=LC) == "EXPIRED"


def test_documents_are_presented_within_the_days_after_shipment(world: World) -> None:
    advised(world, presentation_days=10)
    world.now_ms = at("2027-01-12", 1)
    late = {"credit": LC, "amount_fen": 1, "documents": PAPERS, "shipped_on": "2027-01-01"}
    world.refused("E_EXPIRED", "lg", "presentation.present", **late)
    presented(world, shipped_on="2027-01-02")


def test_a_corrupt_record_stops_the_days_and_thirty_days_end_it(world: World) -> None:
    number = examining(world)
    world.now_ms = at("2027-02-15")  # the 12th was the first day, the 15th is the second
    world.ok("qb-checker", "presentation.report_corruption", id=number)
    world.now_ms = at("2027-03-01")
    world.ok("lg", "presentation.replace_records", id=number, documents=PAPERS)
    assert shown(world, number)["answer_until"] == "2027-03-04"  # three days were left
    world.ok("qb-checker", "presentation.report_corruption", id=number)
    world.now_ms = at("2027-04-01")
    gone = {"id": number, "documents": PAPERS}
    world.refused("E_TOO_LATE", "lg", "presentation.replace_records", **gone)
    assert world.ok("nobody", "presentation.corruption_over", id=number) == "NOT_PRESENTED"
    assert shown(world)["available_fen"] == AMOUNT


# ---- examining and paying ------------------------------------------------------------------------


def test_a_sight_credit_is_honoured_by_proof_and_then_exhausted(paying_world: World) -> None:
    world = paying_world
    number = examining(world)
    assert world.ok("qb-checker", "presentation.comply", id=number) == "COMPLYING"
    world.refused("E_METHOD", "qb-checker", "presentation.undertake", id=number)
    world.refused("E_UNPREPARED", "lg", "presentation.honour", id=number, proof=b"")
    salt = secrets.token_bytes(16)
    reference = world.ok("qb-ops", "presentation.prepare_honour", id=number, salt=salt)
    wrong = world.pay("PX", "LG", AMOUNT, reference)
    world.refused("E_PROOF_PAYER", "lg", "presentation.honour", id=number, proof=wrong)
    proof = world.pay("QB", "LG", AMOUNT, reference)
    assert world.ok("lg", "presentation.honour", id=number, proof=proof) == "HONOURED"
    world.refused("E_STATE", "lg", "presentation.honour", id=number, proof=proof)
    assert shown(world)["paid_fen"] == AMOUNT
    assert world.ok("nobody", "credit.exhaust", id=LC) == "EXHAUSTED"


def test_a_confirmed_deferred_credit_is_paid_by_the_confirming_bank_at_maturity(
    paying_world: World,
) -> None:
    world = paying_world
    advised(world, confirming="FB", method="deferred", tenor_days=90, tenor_from="shipment")
    world.ok("fb-checker", "credit.confirm", id=LC)
    world.now_ms = at("2027-02-11")
    number = presented(world, shipped_on="2027-02-10")
    world.ok("lg", "presentation.complete", id=number, documents=PAPERS)
    world.refused("E_NOT_PARTY", "qb-checker", "presentation.comply", id=number)
    world.ok("fb-checker", "presentation.comply", id=number)
    world.refused("E_METHOD", "fb", "presentation.prepare_honour", id=number, salt=bytes(16))
    assert world.ok("fb-checker", "presentation.undertake", id=number) == "2027-05-11"
    order = {"id": number, "order": digest("order 1")}
    assert world.ok("court", "presentation.stay", **order) == "STAYED"
    world.refused("E_STATE", "fb", "presentation.prepare_maturity", id=number, salt=bytes(16))
    world.ok("court", "presentation.lift_stay", **order)
    world.refused("E_TOO_EARLY", "fb", "presentation.prepare_maturity", id=number, salt=bytes(16))
    world.now_ms = at("2027-05-11")
    salt = secrets.token_bytes(16)
    reference = world.ok("fb", "presentation.prepare_maturity", id=number, salt=salt)
    proof = world.pay("FB", "LG", AMOUNT, reference)
    assert world.ok("lg", "presentation.record_maturity", id=number, proof=proof) == "PAID"


def test_one_refusal_notice_with_every_discrepancy_and_a_disposition(world: World) -> None:
    number = examining(world)
    notice = {"id": number, "discrepancies": ["late", "clause"], "disposition": "returning"}
    for part in ({"discrepancies": []}, {"discrepancies": [""]}, {"discrepancies": ["x"] * 41}):
        refusal = {**notice, **part}
        world.refused("E_DISCREPANCIES", "qb-checker", "presentation.refuse", **refusal)
    vague = {**notice, "disposition": "keep"}
    world.refused("E_DISPOSITION", "qb-checker", "presentation.refuse", **vague)
    assert world.ok("qb-checker", "presentation.refuse", **notice) == "REFUSED"
    world.refused("E_STATE", "qb-checker", "presentation.refuse", **notice)
    world.refused("E_STATE", "qb-ops", "presentation.prepare_honour", id=number, salt=bytes(16))
    world.refused("E_DISPOSITION", "px-checker", "presentation.waive", id=number)
    assert shown(world)["available_fen"] == AMOUNT


def test_a_refused_presentation_is_corrected_in_time_or_waived(world: World) -> None:
    number = examining(world)
    notice = {"id": number, "discrepancies": ["late"], "disposition": "hold_for_waiver"}
    world.ok("qb-checker", "presentation.refuse", **notice)
    again = {"id": number, "documents": PAPERS}
    assert world.ok("lg", "presentation.present_again", **again) == "EXAMINING"
    assert shown(world, number)["discrepancies"] == []
    world.ok("qb-checker", "presentation.refuse", **notice)
    world.refused("E_NOT_WAIVED", "qb-checker", "presentation.accept_waiver", id=number)
    world.ok("px-checker", "presentation.waive", id=number)
    assert world.ok("qb-checker", "presentation.accept_waiver", id=number) == "COMPLYING"
    assert shown(world)["available_fen"] == 0


def test_a_correction_after_the_expiry_or_of_an_amount_drawn_since_is_refused(world: World) -> None:
    number = examining(world)
    notice = {"id": number, "discrepancies": ["late"], "disposition": "hold_for_waiver"}
    world.ok("qb-checker", "presentation.refuse", **notice)
    world.ok("px-checker", "presentation.waive", id=number)
    presented(world)  # the amount goes to another presentation
    world.refused("E_AMOUNT", "qb-checker", "presentation.accept_waiver", id=number)
    again = {"id": number, "documents": PAPERS}
    world.refused("E_AMOUNT", "lg", "presentation.present_again", **again)
    world.now_ms = at("2027-03-05")
    world.refused("E_EXPIRED", "lg", "presentation.present_again", **again)


# ---- amount, amendment, transfer, cancellation ---------------------------------------------------


def test_drawings_stay_within_amount_and_tolerance(world: World) -> None:
    advised(world, tolerance_bps=500)
    presented(world, amount=AMOUNT)
    over = {"credit": LC, "amount_fen": 10_000_001, "documents": PAPERS}
    world.refused("E_AMOUNT", "lg", "presentation.present", **over)
    presented(world, amount=10_000_000)
    assert shown(world)["available_fen"] == 0


def test_one_shipment_only_where_parts_are_not_allowed(world: World) -> None:
    advised(world, is_partial_allowed=False)
    presented(world, amount=1)
    second = {"credit": LC, "amount_fen": 1, "documents": PAPERS}
    world.refused("E_PARTIAL_SHIPMENT", "lg", "presentation.present", **second)


def test_an_amendment_is_accepted_whole_or_by_presenting_under_it(world: World) -> None:
    advised(world)
    terms = {"amount_fen": 2 * AMOUNT, "expiry": "2027-03-31", "latest_shipment": "2027-03-10"}
    first = {"credit": LC, "amount_fen": 1, "documents": PAPERS, "under_amendment": True}
    world.refused("E_AMENDMENT", "lg", "presentation.present", **first)
    world.ok("qb-checker", "credit.propose_amendment", id=LC, **terms)
    part = {**terms, "expiry": "2027-02-27"}
    world.refused("E_PARTIAL", "lg", "credit.accept_amendment", id=LC, **part)
    presented(world, amount=1)  # under the old terms: nothing is accepted by silence
    assert shown(world)["amount_fen"] == AMOUNT
    presented(world, amount=2 * AMOUNT - 1, under_amendment=True)
    assert (shown(world)["amount_fen"], shown(world)["proposed"]) == (2 * AMOUNT, [])


def test_a_transfer_is_made_once_and_only_on_narrower_terms(world: World) -> None:
    advised(world, is_transferable=True)
    terms = {
        "id": LC, "child": "LC-2026-2", "second_beneficiary": "HL", "amount_fen": 150_000_000,
        "expiry": "2027-02-20", "latest_shipment": "2027-02-01", "presentation_days": 15,
        "terms": digest("child"),
    }  # fmt: skip
    for code, change in (
        ("E_NARROWER", {"expiry": "2027-02-28"}),
        ("E_NARROWER", {"latest_shipment": "2027-02-11"}),
        ("E_AMOUNT", {"amount_fen": AMOUNT + 1}),
        ("E_DUPLICATE", {"child": LC}),
        ("E_PARTY", {"second_beneficiary": "ZZ"}),
        ("E_SELF", {"second_beneficiary": "LG"}),
    ):
        world.refused(code, "nb-checker", "credit.transfer_credit", **{**terms, **change})
    world.ok("nb-checker", "credit.transfer_credit", **terms)
    world.refused(
        "E_TRANSFER", "nb-checker", "credit.transfer_credit", **{**terms, "child": "LC-3"}
    )
    grandchild = {**terms, "id": "LC-2026-2", "child": "LC-3", "second_beneficiary": "XY"}
    world.refused("E_TRANSFER", "nb-checker", "credit.transfer_credit", **grandchild)
    assert shown(world)["available_fen"] == 50_000_000
    child = {"credit": "LC-2026-2", "amount_fen": 150_000_000, "documents": PAPERS}
    world.refused("E_NOT_PARTY", "lg", "presentation.present", **child)
    world.ok("hl", "presentation.present", **child)


def test_a_credit_is_cancelled_only_by_all_whom_it_binds(world: World) -> None:
    advised(world, confirming="FB")
    world.ok("fb-checker", "credit.confirm", id=LC)
    for who in ("qb-checker", "lg-checker"):
        world.ok(who, "credit.consent_to_cancel", id=LC)
        world.refused("E_CONSENTED", who, "credit.consent_to_cancel", id=LC)
        world.refused("E_CONSENT", "nobody", "credit.cancel", id=LC)
    world.ok("fb-checker", "credit.consent_to_cancel", id=LC)
    number = presented(world)
    world.refused("E_PRESENTATION_OPEN", "nobody", "credit.cancel", id=LC)
    world.ok("lg", "presentation.withdraw", id=number)
    assert world.ok("nobody", "credit.cancel", id=LC) == "CANCELLED"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_AMOUNT", {"amount_fen": 0}),
        ("E_TOLERANCE", {"tolerance_bps": 1001}),
        ("E_DATE", {"latest_shipment": "2026-11-23"}),
        ("E_DATE", {"latest_shipment": "2027-02-28"}),
        ("E_DATE", {"expiry": "never"}),
        ("E_PERIOD", {"presentation_days": 22}),
        ("E_METHOD", {"method": "later"}),
        ("E_TENOR", {"tenor_days": 30}),
        ("E_TENOR", {"method": "deferred", "tenor_days": 367}),
        ("E_PLACE", {"place": "US"}),
        ("E_DIGEST", {"terms": "x"}),
        ("E_SELF", {"beneficiary": "PX"}),
        ("E_ROLE", {"issuing": "HL"}),
        ("E_PARTY", {"beneficiary": "ZZ"}),
    ],
)
def test_an_application_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    world.now_ms = at("2026-11-23")
    world.refused(code, "px-maker", "credit.apply", **{**TERMS, **changes})


def test_one_person_alone_issues_nothing(world: World) -> None:
    applied(world)
    world.refused("E_FOUR_EYES", "qb-checker", "credit.issue", id=LC)
    world.force("credit", "credit", LC, approved_by=digest("qb-checker"))
    world.refused("E_FOUR_EYES", "qb-checker", "credit.issue", id=LC)


def test_strangers_see_nothing(world: World) -> None:
    number = examining(world)
    world.refused("E_NOT_PARTY", "xy", "credit.get", id=LC)
    world.refused("E_NOT_PARTY", "xy", "presentation.get", id=number)


class Histories(RuleBasedStateMachine):
    """Whatever is called in whatever order: what is drawn is what is open or paid, within the amount."""

    opened: World

    @initialize()
    def issue(self) -> None:
        self.world = fresh(self.opened)
        advised(self.world, tolerance_bps=500, is_transferable=True)

    def call(self, who: str, target: str, **args: Any) -> None:
        result = self.world.run(who, target, **args)
        assert result.outcome in ("ok", "revert"), (target, args, result.code, result.message)
        if result.outcome == "ok":
            self.world.ok(who, target, **args)

    @rule(amount=st.sampled_from([1, 10_000_001, AMOUNT // 2, AMOUNT, AMOUNT + 10_000_001]))
    def present(self, amount: int) -> None:
        self.call("lg", "presentation.present", credit=LC, amount_fen=amount, documents=PAPERS)

    @rule(number=st.integers(1, 2), move=st.sampled_from(sorted(PRESENTATION_WALK.calls)))
    def move_a_presentation(self, number: int, move: str) -> None:
        who, args = PRESENTATION_WALK.calls[move]
        self.call(who, f"presentation.{move}", id=f"{LC}/{number}", **args)

    @rule(move=st.sampled_from(sorted(CREDIT_WALK.calls)))
    def move_the_credit(self, move: str) -> None:
        who, args = CREDIT_WALK.calls[move]
        self.call(who, f"credit.{move}", id=LC, **args)

    @rule(days=st.integers(1, 12))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 86_400_000

    @invariant()
    def books_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        credit = shown(self.world)
        most = credit["amount_fen"] * 10_500 // 10_000
        number, counted = 1, 1 if credit["child"] else 0
        while self.world.run("pbc", "presentation.get", id=f"{LC}/{number}").outcome == "ok":
            found = shown(self.world, f"{LC}/{number}")
            if found["state"] not in ("REFUSED", "WITHDRAWN", "NOT_PRESENTED"):
                counted += found["amount_fen"]
            number += 1
        assert most - credit["available_fen"] == counted <= most


def test_no_history_breaks_the_books() -> None:
    Histories.opened = open_world()
    machine = settings(max_examples=12, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
