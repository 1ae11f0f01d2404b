"""A leaf as security: lent on, held, freed by repayment, or taken with its surplus owed to the borrower."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from node.audit.journal import journal_of
from node.audit.recount import breaks_between, recount
from tests.unit.cli.world_net import WorldNet
from tests.unit.suite.test_regulator import freeze as freeze_order
from tests.unit.suite.test_regulator import release as release_order
from tests.unit.suite.test_reversal import give_back
from tests.unit.suite.world import EC, HOUR_MS, World, at, digest

LEAF = f"{EC}/2/1"
PRINCIPAL, INTEREST = 40_000_000, 542_222  # 80 % of 50 M; 160 days at 3.05 % on 360
OWED = 40_552_389  # on 2027-05-19: two days more at half as much again
SURPLUS = 50_000_000 - OWED


def to_cleared(world: World, **changes: Any) -> tuple[str, dict[str, Any]]:
    """XY's leaf of 50 M, due on Thursday 2027-05-20, pledged to QB on 2026-12-08; nothing paid yet."""
    world.issue()
    world.to_tier_three()
    request_id = world.request()
    world.quote(request_id, **{"principal_fen": PRINCIPAL, "pledge": True, **changes})
    terms = world.accept_quote(request_id)
    world.ok("qb-ops", "financing.duplicate_check", request_id=request_id,
             fingerprint=digest("keyed resin"))  # fmt: skip
    return request_id, terms


def lent(world: World, **changes: Any) -> tuple[str, dict[str, Any]]:
    request_id, terms = to_cleared(world, **changes)
    proof = world.pay("QB", "XY", PRINCIPAL, terms["pay_reference"])
    world.ok("nobody", "financing.disburse", request_id=request_id, proof=proof)
    return request_id, terms


def overdue(world: World, **changes: Any) -> str:
    """Not repaid: the first moment at which the bank may take the leaf."""
    request_id, _ = lent(world, **changes)
    world.now_ms = at("2027-05-19")
    world.ok("nobody", "financing.mark_overdue", request_id=request_id)
    return request_id


def enforced(world: World, request_id: str, who: str = "qb-ops") -> dict[str, Any]:
    salt = secrets.token_bytes(16)
    return dict(world.ok(who, "financing.enforce", request_id=request_id, salt=salt))


def repay(world: World, request_id: str, amount_fen: int = 0) -> str:
    args = {"request_id": request_id, "amount_fen": amount_fen, "salt": secrets.token_bytes(16)}
    due = world.ok("xy", "financing.prepare_repayment", **args)
    proof = world.pay("XY", "QB", due["amount_fen"], due["reference"])
    return str(world.ok("hb", "financing.repay", request_id=request_id, proof=proof))


def get(world: World, request_id: str) -> dict[str, Any]:
    return dict(world.ok("xy", "financing.get", request_id=request_id))


def claim(world: World) -> str:
    found = world.ok("qb-ops", "invoice_registry.my_claim", fingerprint=digest("keyed resin"))
    return str(found["state"])


def decided(world: World, left_fen: int) -> None:
    """A dispute about the leaf ends with this much owed."""
    world.ok(
        "px-maker", "remedy.raise_dispute", leaf_id=LEAF, grounds="goods", evidence=digest("e")
    )
    outcome = "reduce" if left_fen else "void"
    world.ok("arbiter", "remedy.resolve", leaf_id=LEAF, outcome=outcome, owed_fen=left_fen,
             decision=digest("d"))  # fmt: skip


def assert_audited(world: World) -> dict[str, int]:
    net = WorldNet(world, "pbc")
    counted = recount(lambda contract, view, args: net.query(contract, view, args).value)
    assert breaks_between(journal_of(net.past_events()), counted) == []
    return counted.balances


def test_a_pledge_pays_the_principal_bears_interest_in_arrears_and_is_freed_by_repayment(
    paying_world: World,
) -> None:
    world = paying_world
    request_id, terms = lent(world)
    assert (terms["payout_fen"], terms["interest_fen"]) == (PRINCIPAL, INTEREST)
    assert (terms["due_date"], terms["leaf_due_date"]) == ("2027-05-17", "2027-05-20")
    held = world.piece(LEAF)
    assert (held["holder"], held["state"], held["financed"]) == ("XY", "FINANCING", False)
    world.now_ms = at("2027-05-17")
    assert world.piece(LEAF)["lien"] and get(world, request_id)["claim_fen"] == PRINCIPAL
    assert assert_audited(world)["advance/QB"] == PRINCIPAL
    proof = world.pay("XY", "QB", PRINCIPAL + INTEREST, terms["repay_reference"])
    assert world.ok("hb", "financing.repay", request_id=request_id, proof=proof) == "REPAID"
    freed = world.piece(LEAF)
    assert (freed["holder"], freed["state"], freed["lien"]) == ("XY", "ACTIVE", False)
    assert claim(world) == "RELEASED"
    assert "advance/QB" not in assert_audited(world)
    world.ok("xy", "receivable.split", leaf_id=LEAF, amounts=[1, 49_999_999])


def test_a_pledge_is_repaid_in_parts_and_stays_held_until_the_last(paying_world: World) -> None:
    world = paying_world
    request_id, _ = lent(world)
    world.now_ms = at("2026-12-28")  # 20 days: 67,778 fen
    assert repay(world, request_id, 10_067_778) == "DISBURSED"
    assert world.piece(LEAF)["state"] == "FINANCING"
    assert get(world, request_id)["claim_fen"] == 30_000_000
    assert_audited(world)
    assert repay(world, request_id) == "REPAID"
    assert world.piece(LEAF)["state"] == "ACTIVE"


def test_a_leaf_not_redeemed_goes_to_the_bank_and_its_surplus_to_the_borrower(
    paying_world: World,
) -> None:
    world = paying_world
    request_id = overdue(world)
    found = enforced(world, request_id)
    assert (found["state"], found["surplus_fen"], found["claim_fen"]) == ("ENFORCED", SURPLUS, 0)
    taken = world.piece(LEAF)
    assert (taken["holder"], taken["state"], taken["financed"]) == ("QB", "ACTIVE", True)
    balances = assert_audited(world)
    assert (balances["surplus/XY"], balances["owing/QB"]) == (SURPLUS, -SURPLUS)
    assert "advance/QB" not in balances
    again = {"request_id": request_id, "salt": bytes(16)}
    world.refused("E_STATE", "qb-ops", "financing.enforce", **again)
    world.refused("E_STATE", "xy", "financing.prepare_repayment", **again)

    prove, mine = ("nobody", "financing.prove_surplus"), {"request_id": request_id}
    wrong = world.pay("QB", "LG", SURPLUS, found["surplus_reference"])
    world.refused("E_PROOF_PAYEE", *prove, **mine, proof=wrong)
    little = world.pay("QB", "XY", SURPLUS - 1, found["surplus_reference"])
    world.refused("E_PROOF_AMOUNT", *prove, **mine, proof=little)
    stranger = world.pay("LG", "XY", SURPLUS, found["surplus_reference"])
    world.refused("E_PROOF_PAYER", *prove, **mine, proof=stranger)
    assert get(world, request_id)["surplus_fen"] == SURPLUS
    proof = world.pay("QB", "XY", SURPLUS, found["surplus_reference"])
    assert world.ok(*prove, **mine, proof=proof) == "REPAID"
    assert get(world, request_id)["surplus_fen"] == 0
    assert "surplus/XY" not in assert_audited(world)

    # the invoice beneath stays taken until the leaf is paid, to the bank
    assert claim(world) == "ACTIVE"
    world.refused("E_UNPAID", "nobody", "financing.release_claim", request_id=request_id)
    world.now_ms = at("2027-05-20")
    world.ok("nobody", "receivable.due", leaf_id=LEAF)
    due = world.ok("px-maker", "receivable.prepare_payment", leaf_id=LEAF, salt=bytes(16))
    assert (due["payee"], due["amount_fen"]) == ("QB", 50_000_000)
    proof = world.pay("PX", "QB", 50_000_000, due["reference"])
    world.ok("nobody", "receivable.record_payment", leaf_id=LEAF, proof=proof)
    world.ok("nobody", "financing.release_claim", request_id=request_id)
    assert claim(world) == "RELEASED"
    world.refused("E_PLEDGE", "nobody", "financing.release_claim", request_id=request_id)
    assert_audited(world)

    world.refused("E_STATE", "nobody", "financing.reopen_claim", request_id=request_id)
    back = give_back(world, "QB", world.paid, "PX", 100)
    world.ok("nobody", "receivable.on_reverse", leaf_id=LEAF, instalment=1, proof=back)
    world.ok("nobody", "financing.reopen_claim", request_id=request_id)
    assert claim(world) == "ACTIVE"
    world.refused("E_PLEDGE", "nobody", "financing.reopen_claim", request_id=request_id)
    assert_audited(world)


def test_a_surplus_that_went_back_is_owed_again(paying_world: World) -> None:
    world = paying_world
    request_id = overdue(world)
    found = enforced(world, request_id)
    args = {"request_id": request_id}
    proof = world.pay("QB", "XY", SURPLUS, found["surplus_reference"])
    world.ok("nobody", "financing.prove_surplus", **args, proof=proof)
    back = give_back(world, "XY", world.paid, "QB", 1_000_000)
    owed = world.ok("lg", "financing.on_reverse", **args, proof=back, salt=bytes(16))
    found = get(world, request_id)
    assert (owed, found["state"], found["surplus_fen"]) == (1_000_000, "ENFORCED", 1_000_000)
    assert assert_audited(world)["owing/QB"] == -1_000_000
    assert claim(world) == "ACTIVE"
    proof = world.pay("QB", "XY", 1_000_000, found["surplus_reference"])
    assert world.ok("nobody", "financing.prove_surplus", **args, proof=proof) == "REPAID"
    assert_audited(world)


def test_only_the_bank_takes_the_leaf_after_the_margin_until_the_leaf_itself_is_due(
    paying_world: World,
) -> None:
    world = paying_world
    request_id, _ = lent(world)
    args = {"request_id": request_id, "salt": bytes(16)}
    world.now_ms = at("2027-05-17", 23)
    world.refused("E_TOO_EARLY", "nobody", "financing.mark_overdue", request_id=request_id)
    world.refused("E_STATE", "qb-ops", "financing.enforce", **args)
    world.now_ms = at("2027-05-18", 23)
    world.ok("nobody", "financing.mark_overdue", request_id=request_id)
    world.refused("E_TOO_EARLY", "qb-ops", "financing.enforce", **args)
    world.now_ms = at("2027-05-19")
    world.refused("E_NOT_PARTY", "nb-ops", "financing.enforce", **args)
    world.refused("E_NOT_PARTY", "xy", "financing.enforce", **args)
    world.refused("E_ROLE", "qb-checker", "financing.enforce", **args)
    world.refused("E_SALT", "qb-ops", "financing.enforce", request_id=request_id, salt=b"short")
    world.now_ms = at("2027-05-20")
    world.refused("E_STATE", "nobody", "receivable.due", leaf_id=LEAF)
    enforced(world, request_id, "px-maker")
    assert world.ok("nobody", "receivable.due", leaf_id=LEAF) == "DUE"


@pytest.mark.parametrize("left", [40_300_000, 1_000])
def test_a_leaf_worth_less_leaves_a_claim_only_with_recourse(
    paying_world: World, left: int
) -> None:
    world = paying_world
    request_id, _ = lent(world, recourse=True)
    decided(world, left)
    world.now_ms = at("2027-05-19")
    world.ok("nobody", "financing.mark_overdue", request_id=request_id)
    found = enforced(world, request_id)
    assert (found["state"], found["claim_fen"]) == ("RECOURSE", OWED - left)
    assert found["surplus_fen"] == 0
    assert_audited(world)
    args = {"request_id": request_id, "salt": bytes(16)}
    world.refused("E_PLEDGE", "qb-ops", "financing.enforce", **args)
    assert repay(world, request_id) == "REPAID"
    assert (world.piece(LEAF)["holder"], claim(world)) == ("QB", "ACTIVE")
    back = give_back(world, "QB", world.paid, "XY", 100)
    world.ok("lg", "financing.on_reverse", **args, proof=back)
    assert get(world, request_id)["claim_fen"] == 100
    assert claim(world) == "ACTIVE"
    assert_audited(world)


def test_a_leaf_worth_less_ends_the_debt_without_recourse(paying_world: World) -> None:
    world = paying_world
    request_id, _ = lent(world)
    decided(world, 40_300_000)
    world.now_ms = at("2027-05-19")
    world.ok("nobody", "financing.mark_overdue", request_id=request_id)
    found = enforced(world, request_id)
    assert (found["state"], found["claim_fen"], found["surplus_fen"]) == ("REPAID", 0, 0)
    args = {"request_id": request_id, "salt": bytes(16)}
    world.refused("E_NOT_FOUND", "lg", "financing.on_reverse", **args, proof=b"")
    assert_audited(world)


def test_a_leaf_annulled_cannot_be_taken_and_its_loan_is_still_repaid(paying_world: World) -> None:
    world = paying_world
    request_id, _ = lent(world)
    decided(world, 0)
    world.now_ms = at("2027-05-19")
    world.ok("nobody", "financing.mark_overdue", request_id=request_id)
    args = {"request_id": request_id, "salt": bytes(16)}
    world.refused("E_STATE", "qb-ops", "financing.enforce", **args)
    assert repay(world, request_id) == "REPAID"
    assert (world.piece(LEAF)["state"], claim(world)) == ("VOID", "RELEASED")
    assert_audited(world)


def test_an_order_holds_a_pledged_leaf_and_both_ways_out_wait_for_its_end(
    paying_world: World,
) -> None:
    world = paying_world
    request_id = overdue(world)
    freeze_order(world, kind="receivable", target=LEAF)
    args = {"request_id": request_id, "salt": bytes(16)}
    world.refused("E_STATE", "qb-ops", "financing.enforce", **args)
    due = world.ok("xy", "financing.prepare_repayment", **args)
    proof = world.pay("XY", "QB", due["amount_fen"], due["reference"])
    world.refused("E_STATE", "hb", "financing.repay", request_id=request_id, proof=proof)
    release_order(world)
    world.now_ms = at("2027-05-21")  # paid in time, proven later
    proof = world.proof_again("XY", world.paid)
    assert world.ok("hb", "financing.repay", request_id=request_id, proof=proof) == "REPAID"
    assert (world.piece(LEAF)["holder"], world.piece(LEAF)["state"]) == ("XY", "ACTIVE")


@pytest.mark.parametrize("back", [10_000_000, PRINCIPAL])
def test_a_payout_given_back_is_not_owed_and_the_leaf_is_not_stuck(
    paying_world: World, back: int
) -> None:
    world = paying_world
    request_id, _ = lent(world)
    args = {"request_id": request_id, "salt": bytes(16)}
    proof = give_back(world, "XY", world.paid, "QB", back)
    world.ok("lg", "financing.on_reverse", **args, proof=proof)
    found = get(world, request_id)
    assert (found["state"], found["claim_fen"]) == ("PAYOUT_OWED", PRINCIPAL - back)
    assert world.piece(LEAF)["state"] == "FINANCING"
    assert_audited(world)
    world.now_ms = at("2027-05-20")
    found = enforced(world, request_id, "nobody")
    if back == PRINCIPAL:
        assert (found["state"], found["surplus_fen"], claim(world)) == ("REPAID", 0, "RELEASED")
        assert (world.piece(LEAF)["holder"], world.piece(LEAF)["state"]) == ("XY", "ACTIVE")
    else:  # 30 M for 160 days and three at half as much again
        assert (found["state"], found["surplus_fen"]) == ("ENFORCED", 50_000_000 - 30_418_104)
        assert world.piece(LEAF)["holder"] == "QB"
    assert_audited(world)


def test_a_repayment_given_back_is_an_open_claim_and_holds_no_leaf(paying_world: World) -> None:
    world = paying_world
    request_id, _ = lent(world)
    repay(world, request_id)
    back = give_back(world, "QB", world.paid, "XY", PRINCIPAL)
    args = {"request_id": request_id, "salt": bytes(16)}
    world.ok("lg", "financing.on_reverse", **args, proof=back)
    found = get(world, request_id)
    assert (found["state"], found["claim_fen"]) == ("REPAYMENT_OWED", PRINCIPAL)
    assert (world.piece(LEAF)["state"], claim(world)) == ("ACTIVE", "ACTIVE")
    world.refused("E_STATE", "qb-ops", "financing.enforce", **args)
    proof = world.pay("XY", "QB", PRINCIPAL, found["repay_reference"])
    assert world.ok("hb", "financing.repay", request_id=request_id, proof=proof) == "REPAID"
    assert_audited(world)


def test_a_pledged_leaf_moves_nowhere_and_is_pledged_once(paying_world: World) -> None:
    world = paying_world
    request_id, _ = lent(world)
    world.now_ms = at("2027-01-20")  # long after the time to pay
    world.refused("E_STATE", "xy", "receivable.split", leaf_id=LEAF, amounts=[1, 49_999_999])
    world.refused("E_STATE", "xy", "receivable.offer_transfer", leaf_id=LEAF, to="LG",
                  basis=digest("plastics"))  # fmt: skip
    world.refused("E_STATE", "xy", "financing.request_receivable", leaf_id=LEAF, purpose="wages",
                  consent=True)  # fmt: skip
    world.refused("E_STATE", "nobody", "financing.timeout", request_id=request_id)
    world.refused("E_STATE", "xy", "financing.withdraw", request_id=request_id)
    check = {"fingerprint": digest("keyed resin"), "request_id": request_id}
    world.refused("E_STATE", "qb-ops", "financing.duplicate_check", **check)
    room = world.ok("nb-ops", "invoice_registry.available_bps", fingerprint=digest("keyed resin"))
    assert room == 0


def test_offers_of_a_pledge_keep_to_its_terms(paying_world: World) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id = world.request()
    offer = {"request_id": request_id, "rate_ppm": 30_500, "pledge": True,
             "valid_until_ms": world.now_ms + HOUR_MS}  # fmt: skip
    above = {**offer, "principal_fen": PRINCIPAL + 1}
    world.refused("E_ADVANCE", "qb-ops", "financing.quote", **above)
    part = {**offer, "principal_fen": PRINCIPAL, "pledge": False}
    world.refused("E_AMOUNT", "qb-ops", "financing.quote", **part)
    invoice = world.ok("px-maker", "financing.request_invoice", document=digest("export"),
                       due_date="2027-02-16", purpose="lot", consent=True)  # fmt: skip
    on_invoice = {**offer, "request_id": invoice, "principal_fen": 1}
    world.refused("E_PLEDGE", "qb-ops", "financing.quote", **on_invoice)
    world.quote(request_id, principal_fen=PRINCIPAL, pledge=True)
    (shown,) = world.ok("xy", "financing.list_quotes", request_id=request_id)
    assert shown["pledge"] is True


@pytest.mark.parametrize(("day", "code"), [("2027-05-13", "E_CUT_OFF"), ("2027-05-17", "E_TENOR")])
def test_a_pledge_too_late_to_be_repaid_in_time_is_not_accepted(
    paying_world: World, day: str, code: str
) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    world.now_ms = at(day)
    request_id = world.request()
    world.quote(request_id, principal_fen=PRINCIPAL, pledge=True)
    args = {"request_id": request_id, "number": 1, "salt": bytes(16)}
    world.refused(code, "xy", "financing.accept_quote", **args)


def test_a_leaf_that_lost_value_before_the_acceptance_secures_less(paying_world: World) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id = world.request()
    world.quote(request_id, principal_fen=PRINCIPAL, pledge=True)
    decided(world, 49_999_999)
    args = {"request_id": request_id, "number": 1, "salt": bytes(16)}
    world.refused("E_ADVANCE", "xy", "financing.accept_quote", **args)


def test_a_pledge_is_not_settled_by_a_conditional_coin_and_lapses_unpaid(
    paying_world: World,
) -> None:
    world = paying_world
    request_id, terms = to_cleared(world)
    coin = {"proof": b"", "terms": b"", "preimage": bytes(32)}
    world.refused("E_PLEDGE", "qb-ops", "financing.settle", request_id=request_id, **coin)
    world.now_ms = terms["pay_until_ms"] + 25 * HOUR_MS
    assert world.ok("nobody", "financing.timeout", request_id=request_id) == "LAPSED"
    assert (world.piece(LEAF)["holder"], world.piece(LEAF)["state"]) == ("XY", "ACTIVE")
    assert claim(world) == "FREE"


def test_a_leaf_that_was_bought_is_never_enforced(paying_world: World) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id, terms = world.to_cleared()
    proof = world.pay("QB", "XY", terms["payout_fen"], terms["pay_reference"])
    world.ok("nobody", "financing.disburse", request_id=request_id, proof=proof)
    world.now_ms = at("2027-05-21")
    world.ok("nobody", "financing.mark_overdue", request_id=request_id)
    args = {"request_id": request_id, "salt": bytes(16)}
    world.refused("E_PLEDGE", "qb-ops", "financing.enforce", **args)
