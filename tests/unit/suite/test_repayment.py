"""An advance comes back early, late, in parts or not at all, and a payment runs down in the law's order."""

from __future__ import annotations

import secrets
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.rules.assignment_priority import in_order, waterfall
from contracts.rules.parts import split_by_weights
from tests.unit.suite.test_story import finance_invoice
from tests.unit.suite.world import World, at, digest

CLAIM = st.tuples(st.integers(1, 10**12), st.integers(0, 3), st.integers(0, 3))


def paid_out(world: World) -> tuple[str, dict[str, Any]]:
    """The story's advance: 960,000,000 fen at 3.20 % on the export invoice, due in 90 days."""
    request_id, terms = finance_invoice(world)
    proof = world.pay("QB", "PX", terms["payout_fen"], terms["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    return request_id, terms


def prepared(world: World, request_id: str, amount_fen: int = 0) -> dict[str, Any]:
    args = {"request_id": request_id, "amount_fen": amount_fen, "salt": secrets.token_bytes(16)}
    return dict(world.ok("px-maker", "financing.prepare_repayment", **args))


def repaid(world: World, request_id: str, due: dict[str, Any], payer: str = "PX") -> str:
    proof = world.pay(payer, "QB", due["amount_fen"], due["reference"])
    return str(world.ok("hb", "financing.repay", request_id=request_id, proof=proof))


def test_an_advance_repaid_early_costs_interest_for_its_days_only(paying_world: World) -> None:
    world = paying_world
    request_id, terms = paid_out(world)
    assert terms["interest_fen"] == 7_680_000
    world.now_ms += 30 * 86_400_000
    due = prepared(world, request_id)
    assert (due["interest_fen"], due["amount_fen"]) == (2_560_000, 962_560_000)
    assert repaid(world, request_id, due) == "REPAID"


def test_the_payment_fixed_with_the_price_stays_good_until_another_amount_is_owed(
    paying_world: World,
) -> None:
    world = paying_world
    request_id, terms = paid_out(world)
    whole = {"amount_fen": 967_680_000, "reference": terms["repay_reference"]}
    part = prepared(world, request_id, 100_000_000)
    assert part["interest_fen"] == 0  # the day of the pricing
    assert repaid(world, request_id, part) == "DISBURSED"
    assert world.ok("qb-ops", "financing.get", request_id=request_id)["repaid_fen"] == 100_000_000
    proof = world.pay("PX", "QB", whole["amount_fen"], whole["reference"])
    args = {"request_id": request_id, "proof": proof}
    world.refused("E_NO_REFERENCE", "hb", "financing.repay", **args, instalment=2)
    world.now_ms = at("2027-02-26")  # 90 days and ten more at half as much again
    due = prepared(world, request_id)
    assert due["interest_fen"] == 6_880_000 + 1_146_667
    assert repaid(world, request_id, due) == "REPAID"


def test_a_part_covers_the_interest_first_and_only_the_borrower_prepares_it(
    paying_world: World,
) -> None:
    world = paying_world
    request_id, _ = paid_out(world)
    world.now_ms += 30 * 86_400_000
    args = {"request_id": request_id, "salt": bytes(16)}
    world.refused("E_NOT_PARTY", "hb", "financing.prepare_repayment", **args)
    world.refused("E_AMOUNT", "px-maker", "financing.prepare_repayment", **args,
                  amount_fen=2_560_000)  # fmt: skip
    world.refused("E_AMOUNT", "px-maker", "financing.prepare_repayment", **args,
                  amount_fen=962_560_001)  # fmt: skip


def test_an_advance_becomes_overdue_is_written_off_and_is_still_taken(paying_world: World) -> None:
    world = paying_world
    request_id, _ = paid_out(world)
    world.refused("E_TOO_EARLY", "nobody", "financing.mark_overdue", request_id=request_id)
    world.now_ms = at("2027-02-17")
    world.ok("nobody", "financing.mark_overdue", request_id=request_id)
    world.refused("E_TERMS", "qb-ops", "financing.recourse", request_id=request_id)
    off = {"request_id": request_id, "reason": "insolvent"}
    world.refused("E_ROLE", "qb-ops", "financing.write_off", **off)
    world.refused("E_NOT_PARTY", "nb-checker", "financing.write_off", **off)
    assert world.ok("qb-checker", "financing.write_off", **off) == "WRITTEN_OFF"
    claim = world.ok("qb-ops", "invoice_registry.my_claim", fingerprint=digest("keyed export"))
    assert claim["state"] in ("ACTIVE", "FREE")
    assert repaid(world, request_id, prepared(world, request_id)) == "REPAID"


def test_filing_comes_before_notice_and_a_payment_runs_down_to_the_seller(
    paying_world: World,
) -> None:
    world = paying_world
    request_id, _ = paid_out(world)
    filed = {"request_id": request_id, "number": "0123", "until": "2028-01-01"}
    world.refused("E_NOT_PARTY", "nb-ops", "financing.file_registration", **filed)
    world.ok("qb-ops", "financing.file_registration", **filed)
    told = {"request_id": request_id, "notice": digest("notice")}
    world.refused("E_STATE", "hb", "financing.acknowledge_notice", request_id=request_id)
    world.ok("qb-ops", "financing.notify_debtor", **told)
    world.refused("E_CONSENTED", "qb-ops", "financing.notify_debtor", **told)
    world.refused("E_NOT_PARTY", "lg", "financing.acknowledge_notice", request_id=request_id)
    world.ok("hb", "financing.acknowledge_notice", request_id=request_id)
    world.now_ms = at("2027-02-16")
    asked = {"seller": "PX", "document": digest("export"), "received_fen": 1_200_000_000}
    world.refused("E_NOT_PARTY", "lg", "financing.payment_waterfall", **asked)
    rows = world.ok("px-maker", "financing.payment_waterfall", **asked)
    found = [(row["payee"], row["amount_fen"]) for row in rows]
    assert found == [("QB", 967_680_000), ("PX", 232_320_000)]
    mine = world.ok("qb-ops", "financing.list_financings", state="DISBURSED", as_bank=True)
    assert [one["request_id"] for one in mine] == [request_id]
    assert world.ok("lg", "financing.list_financings") == []


@given(received=st.integers(0, 10**13), claims=st.lists(CLAIM, max_size=8))
def test_a_waterfall_loses_nothing_and_serves_the_earlier_first(
    received: int, claims: list[tuple[int, int, int]]
) -> None:
    parts, left = waterfall(received, claims, split_by_weights)
    assert sum(parts) + left == received and left >= 0
    assert all(0 <= part <= claim[0] for part, claim in zip(parts, claims, strict=True))
    groups = in_order(claims)
    assert sorted(i for group in groups for i in group) == list(range(len(claims)))
    short = False
    for group in groups:
        missing = sum(claims[i][0] - parts[i] for i in group)
        assert not short or sum(parts[i] for i in group) == 0
        short = short or missing > 0
    assert not short or left == 0


def test_a_filing_beats_a_notice_and_equals_share_in_proportion() -> None:
    assert in_order([(5, 0, 0), (5, 0, 1), (5, 9, 0), (5, 3, 1), (5, 0, 0)]) == [
        [3], [2], [1], [0, 4],
    ]  # fmt: skip
    assert waterfall(10, [(10, 0, 0), (20, 0, 0)], split_by_weights) == ([3, 7], 0)
