"""What is done when a leaf is not simply paid on its day: every path of money ends to the fen."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from contracts.rules.receivable_machine import PIECE
from tests.unit.suite.test_reversal import give_back, prepare
from tests.unit.suite.test_tables import check, states
from tests.unit.suite.world import EC, World, at, digest

LEAF = f"{EC}/2/1"  # XY's 50,000,000 fen
DECISION = digest("award")
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "raise_dispute": ("lg", {"grounds": "goods", "evidence": digest("e")}),
    "withdraw_dispute": ("px-maker", {}),
    "propose_resolution": (
        "lg",
        {"outcome": "uphold", "owed_fen": 600_000_000, "decision": DECISION},
    ),
    "offer_prepayment": ("px-maker", {"rate_ppm": 1}),
    "resolve": ("arbiter", {"outcome": "uphold", "owed_fen": 600_000_000, "decision": DECISION}),
    "accept_prepayment": ("lg", {"rate_ppm": 30_500, "salt": bytes(16)}),
    "record_prepayment": ("nobody", {"proof": b""}),
    "expire_prepayment": ("nobody", {}),
    "call_guarantee": ("lg", {"salt": bytes(16)}),
    "record_guarantee_payment": ("nobody", {"proof": b""}),
    "recourse": ("lg", {"salt": bytes(16)}),
    "record_recourse_payment": ("nobody", {"proof": b""}),
    "withdraw_call": ("lg", {}),
}


def salt() -> bytes:
    return secrets.token_bytes(16)


def facts(world: World) -> dict[str, Any]:
    found = dict(world.ok("pbc", "receivable.invariants", ec_id=EC))
    assert found["leaves_fen"] == found["face_fen"] and found["every_leaf_has_a_holder"]
    owed = found["face_fen"] - found["paid_fen"] - found["reduced_fen"]
    assert found["outstanding_fen"] == owed <= found["limit_fen"]
    return found


def overdue(world: World, *leaves: str, date: str = "2027-05-21") -> None:
    world.now_ms = at(date)
    for leaf in leaves:
        world.ok("nobody", "receivable.due", leaf_id=leaf)
        world.ok("nobody", "receivable.mark_overdue", leaf_id=leaf)


def issue(world: World, **terms: Any) -> None:
    """The credential of the story with other terms; a guarantor signs if there is one."""
    world.now_ms = at("2026-11-23")
    ec_id = world.draft(**terms)
    world.ok("px-checker", "receivable.sign", ec_id=ec_id)
    if terms.get("guarantor"):
        world.refused("E_GUARANTEE", "lg", "receivable.accept", ec_id=ec_id)
        world.refused("E_NOT_PARTY", "px-checker", "receivable.guarantee", ec_id=ec_id)
        world.ok("nb-checker", "receivable.guarantee", ec_id=ec_id)
        world.refused("E_CONSENTED", "nb-checker", "receivable.guarantee", ec_id=ec_id)
    world.ok("lg", "receivable.accept", ec_id=ec_id)


@pytest.mark.parametrize("move", CALLS)
@pytest.mark.parametrize("state", states(PIECE))
def test_a_remedy_is_possible_only_as_the_table_of_pieces_says(
    world: World, state: str, move: str
) -> None:
    world.issue()
    world.ok("px-maker", "remedy.offer_prepayment", leaf_id=EC, rate_ppm=30_500)
    world.ok("px-maker", "remedy.raise_dispute", leaf_id=EC, grounds="goods", evidence=digest("e"))
    prepaid = {"rate_ppm": 30_500, "due": None}
    world.force("remedy", "prepayment", EC, **prepaid)
    world.force("receivable", "piece", EC, state=state)
    who, args = CALLS[move]
    rows = [(*row[:1], row[1].removeprefix("remedy."), *row[2:]) for row in PIECE]
    if state == "PREPAYING" and move == "expire_prepayment":
        return  # without its payment on record the state cannot be; the path has a test of its own
    if state in ("GUARANTEE_CALLED", "RECOURSE") and move.startswith("record_"):
        return
    check(world, rows, state, move, f"remedy.{move}", who, {"leaf_id": EC, **args})


# ---- disputes ------------------------------------------------------------------------------------


def test_a_dispute_stops_a_leaf_and_an_arbiter_takes_a_part_off(world: World) -> None:
    world.issue()
    world.to_tier_three()
    raised = {"leaf_id": LEAF, "grounds": "goods", "evidence": digest("photographs")}
    world.refused("E_NOT_PARTY", "hl", "remedy.raise_dispute", **raised)
    world.refused("E_CODE", "px-maker", "remedy.raise_dispute", **{**raised, "grounds": "mood"})
    assert world.ok("px-maker", "remedy.raise_dispute", **raised) == "DISPUTED"
    world.refused("E_STATE", "xy", "receivable.split", leaf_id=LEAF, amounts=[1, 49_999_999])
    ask = {"leaf_id": LEAF, "purpose": "wages", "consent": True}
    world.refused("E_STATE", "xy", "financing.request_receivable", **ask)
    award = {"leaf_id": LEAF, "outcome": "reduce", "owed_fen": 40_000_000, "decision": DECISION}
    world.refused("E_NOT_PARTY", "hl", "remedy.resolve", **award)
    world.refused("E_PARTIAL", "xy", "remedy.resolve", **award)
    wrong = {**award, "owed_fen": 50_000_001}
    world.refused("E_AMOUNT", "arbiter", "remedy.resolve", **wrong)
    assert world.ok("arbiter", "remedy.resolve", **award) == "ACTIVE"
    piece = world.piece(LEAF)
    assert (piece["amount_fen"], piece["reduced_fen"]) == (50_000_000, 10_000_000)
    assert facts(world)["reduced_fen"] == 10_000_000
    halves = [25_000_000, 25_000_000]
    world.refused("E_TERMS", "xy", "receivable.split", leaf_id=LEAF, amounts=halves)


def test_both_parties_end_a_dispute_in_the_same_words_and_a_void_leaf_counts_as_settled(
    paying_world: World,
) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    world.ok("xy", "remedy.raise_dispute", leaf_id=LEAF, grounds="forgery", evidence=digest("x"))
    deal = {"leaf_id": LEAF, "outcome": "void", "owed_fen": 0, "decision": DECISION}
    world.ok("px-maker", "remedy.propose_resolution", **deal)
    world.refused("E_PARTIAL", "px-checker", "remedy.resolve", **deal)
    other = {**deal, "decision": digest("other words")}
    world.refused("E_PARTIAL", "xy", "remedy.resolve", **other)
    assert world.ok("xy", "remedy.resolve", **deal) == "VOID"
    assert facts(world)["reduced_fen"] == 50_000_000
    leaves = world.ok("xy", "receivable.my_leaves")
    assert leaves == []
    world.now_ms = at("2027-05-20")
    for leaf, payee in ((f"{EC}/1", "LG"), (f"{EC}/2/2", "HL")):
        world.ok("nobody", "receivable.due", leaf_id=leaf)
        wanted = prepare(world, leaf)
        proof = world.pay("PX", payee, wanted["amount_fen"], wanted["reference"])
        world.ok("nobody", "receivable.record_payment", leaf_id=leaf, proof=proof)
    assert world.ok("nobody", "receivable.close", ec_id=EC) == "CLOSED"


def test_a_withdrawn_dispute_changes_nothing_and_none_is_raised_on_the_due_date(
    world: World,
) -> None:
    world.issue()
    args = {"leaf_id": EC, "grounds": "amount", "evidence": digest("x")}
    world.ok("lg", "remedy.raise_dispute", **args)
    world.refused("E_NOT_PARTY", "px-maker", "remedy.withdraw_dispute", leaf_id=EC)
    assert world.ok("lg", "remedy.withdraw_dispute", leaf_id=EC) == "ACTIVE"
    assert facts(world)["reduced_fen"] == 0
    world.now_ms = at("2027-05-20")
    world.refused("E_TOO_LATE", "lg", "remedy.raise_dispute", **args)


def test_a_leaf_that_waits_for_its_money_returns_to_that_when_the_dispute_ends(
    paying_world: World,
) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id, terms = world.to_cleared()
    world.ok("px-maker", "remedy.raise_dispute", leaf_id=LEAF, grounds="goods",
             evidence=digest("x"))  # fmt: skip
    proof = world.pay("QB", "XY", terms["payout_fen"], terms["pay_reference"])
    world.refused("E_STATE", "qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    same = {"leaf_id": LEAF, "outcome": "uphold", "owed_fen": 50_000_000, "decision": DECISION}
    assert world.ok("arbiter", "remedy.resolve", **same) == "FINANCING"
    world.ok("qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    assert world.piece(LEAF)["holder"] == "QB"


def test_a_financing_of_a_leaf_that_was_annulled_lapses(paying_world: World) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id, _ = world.to_cleared()
    world.ok("px-maker", "remedy.raise_dispute", leaf_id=LEAF, grounds="duplicate",
             evidence=digest("x"))  # fmt: skip
    void = {"leaf_id": LEAF, "outcome": "void", "owed_fen": 0, "decision": DECISION}
    assert world.ok("arbiter", "remedy.resolve", **void) == "VOID"
    world.now_ms = at("2026-12-12")
    assert world.ok("nobody", "financing.timeout", request_id=request_id) == "LAPSED"
    assert world.piece(LEAF)["state"] == "VOID"


# ---- prepayment ----------------------------------------------------------------------------------


def test_a_prepayment_discharges_the_principal_for_less_the_rebate(paying_world: World) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    world.now_ms = at("2026-12-08")
    world.ok("px-maker", "remedy.offer_prepayment", leaf_id=LEAF, rate_ppm=30_500)
    world.refused("E_NOT_PARTY", "hl", "remedy.accept_prepayment", leaf_id=LEAF, rate_ppm=30_500,
                  salt=salt())  # fmt: skip
    world.refused("E_RATE", "xy", "remedy.accept_prepayment", leaf_id=LEAF, rate_ppm=30_000,
                  salt=salt())  # fmt: skip
    due = world.ok("xy", "remedy.accept_prepayment", leaf_id=LEAF, rate_ppm=30_500, salt=salt())
    assert (due["rebate_fen"], due["amount_fen"], due["days"]) == (690_486, 49_309_514, 163)
    world.refused("E_STATE", "xy", "receivable.offer_transfer", leaf_id=LEAF, to="HL",
                  basis=digest("resin"))  # fmt: skip
    proof = world.pay("PX", "XY", due["amount_fen"] - 1, due["reference"])
    world.refused("E_PROOF_AMOUNT", "xy", "remedy.record_prepayment", leaf_id=LEAF, proof=proof)
    proof = world.pay("PX", "XY", due["amount_fen"], due["reference"])
    paid = world.paid
    assert world.ok("xy", "remedy.record_prepayment", leaf_id=LEAF, proof=proof) == "PAID"
    assert facts(world)["paid_fen"] == 50_000_000
    back = give_back(world, "XY", paid, "PX", 1_000_000)
    assert world.ok("px-maker", "remedy.on_reverse", leaf_id=LEAF, proof=back) == 1_000_000
    assert world.piece(LEAF)["state"] == "REINSTATED"
    assert facts(world)["paid_fen"] == 49_000_000


def test_a_prepayment_that_nobody_makes_lapses(world: World) -> None:
    world.issue()
    world.ok("px-maker", "remedy.offer_prepayment", leaf_id=EC, rate_ppm=0)
    world.ok("lg", "remedy.accept_prepayment", leaf_id=EC, rate_ppm=0, salt=salt())
    world.refused("E_TOO_EARLY", "nobody", "remedy.expire_prepayment", leaf_id=EC)
    world.now_ms = at("2026-11-27")
    assert world.ok("nobody", "remedy.expire_prepayment", leaf_id=EC) == "ACTIVE"
    world.refused("E_NOT_FOUND", "lg", "remedy.accept_prepayment", leaf_id=EC, rate_ppm=0,
                  salt=salt())  # fmt: skip
    world.refused("E_STATE", "nobody", "remedy.record_prepayment", leaf_id=EC, proof=b"")


# ---- guarantee, recourse, part payments ----------------------------------------------------------


def test_the_guarantor_pays_and_the_debtor_owes_the_guarantor(paying_world: World) -> None:
    world = paying_world
    issue(world, guarantor="NB", recourse=True)
    overdue(world, EC, date="2027-05-30")
    world.refused("E_NOT_PARTY", "hl", "remedy.call_guarantee", leaf_id=EC, salt=salt())
    world.refused("E_TERMS", "lg", "remedy.recourse", leaf_id=EC, salt=salt())  # the first holder
    due = world.ok("lg", "remedy.call_guarantee", leaf_id=EC, salt=salt())
    assert (due["payer"], due["amount_fen"]) == ("NB", 603_000_000)
    proof = world.pay("PX", "LG", due["amount_fen"], due["reference"])
    world.refused("E_PROOF_PAYER", "lg", "remedy.record_guarantee_payment", leaf_id=EC, proof=proof)
    proof = world.pay("NB", "LG", due["amount_fen"], due["reference"])
    assert world.ok("lg", "remedy.record_guarantee_payment", leaf_id=EC, proof=proof) == "NB"
    piece = world.piece(EC)
    assert (piece["state"], piece["holder"], piece["paid_fen"]) == ("OVERDUE", "NB", 0)
    facts(world)
    wanted = prepare(world, EC)
    assert (wanted["payee"], wanted["amount_fen"]) == ("NB", 603_000_000)
    proof = world.pay("PX", "NB", wanted["amount_fen"], wanted["reference"])
    assert world.ok("hl", "receivable.record_payment", leaf_id=EC, proof=proof) == "PAID"
    assert world.ok("hl", "receivable.close", ec_id=EC) == "CLOSED"


def test_the_debtor_may_still_pay_a_called_leaf_and_a_call_can_be_withdrawn(
    paying_world: World,
) -> None:
    world = paying_world
    issue(world, guarantor="NB")
    overdue(world, EC)
    world.ok("lg", "remedy.call_guarantee", leaf_id=EC, salt=salt())
    assert world.ok("lg", "remedy.withdraw_call", leaf_id=EC) == "OVERDUE"
    due = world.ok("lg", "remedy.call_guarantee", leaf_id=EC, salt=salt())
    wanted = prepare(world, EC)
    proof = world.pay("PX", "LG", wanted["amount_fen"], wanted["reference"])
    assert world.ok("lg", "receivable.record_payment", leaf_id=EC, proof=proof) == "PAID"
    proof = world.pay("NB", "LG", due["amount_fen"], due["reference"])
    world.refused("E_STATE", "nb-ops", "remedy.record_guarantee_payment", leaf_id=EC, proof=proof)


def test_recourse_goes_back_along_the_chain_of_holders(paying_world: World) -> None:
    world = paying_world
    issue(world, recourse=True)
    world.to_tier_three()
    overdue(world, LEAF)
    for holder, former in (("xy", "HL"), ("hl", "LG")):
        due = world.ok(holder, "remedy.recourse", leaf_id=LEAF, salt=salt())
        assert (due["payer"], due["amount_fen"]) == (former, 50_025_000)
        proof = world.pay(former, due["payee"], due["amount_fen"], due["reference"])
        to = world.ok(holder, "remedy.record_recourse_payment", leaf_id=LEAF, proof=proof)
        assert to == former == world.piece(LEAF)["holder"]
        facts(world)
    world.refused("E_TERMS", "lg", "remedy.recourse", leaf_id=LEAF, salt=salt())


def test_a_leaf_transferred_without_recourse_comes_back_to_nobody(world: World) -> None:
    world.issue()
    world.to_tier_three()
    overdue(world, LEAF)
    world.refused("E_TERMS", "xy", "remedy.recourse", leaf_id=LEAF, salt=salt())
    world.refused("E_TERMS", "xy", "remedy.call_guarantee", leaf_id=LEAF, salt=salt())


def test_a_bank_with_recourse_is_repaid_by_the_borrower_who_has_the_leaf_again(
    paying_world: World,
) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id = world.request()
    world.quote(request_id, recourse=True)
    terms = world.accept_quote(request_id)
    world.ok("qb-ops", "financing.duplicate_check", request_id=request_id,
             fingerprint=digest("keyed resin"))  # fmt: skip
    proof = world.pay("QB", "XY", terms["payout_fen"], terms["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    world.refused("E_TOO_EARLY", "nobody", "financing.mark_overdue", request_id=request_id)
    overdue(world, LEAF)
    world.refused("E_STATE", "qb-ops", "financing.recourse", request_id=request_id)
    world.ok("nobody", "financing.mark_overdue", request_id=request_id)
    world.ok("qb-ops", "financing.recourse", request_id=request_id)
    due = world.ok("qb-ops", "remedy.recourse", leaf_id=LEAF, salt=salt())
    world.refused("E_UNPAID", "nobody", "financing.repay", request_id=request_id)
    proof = world.pay("XY", "QB", due["amount_fen"], due["reference"])
    world.ok("nobody", "remedy.record_recourse_payment", leaf_id=LEAF, proof=proof)
    assert world.ok("nobody", "financing.repay", request_id=request_id) == "REPAID"
    assert world.piece(LEAF)["holder"] == "XY"
    facts(world)


def test_a_part_payment_pays_the_penalty_first_and_the_rest_stays_overdue(
    paying_world: World,
) -> None:
    world = paying_world
    world.issue()
    overdue(world, EC, date="2027-05-30")  # ten days: 3,000,000 fen of penalty
    ask = {"leaf_id": EC, "amount_fen": 3_000_000}
    world.refused("E_AMOUNT", "px-maker", "receivable.prepare_payment", **ask, salt=salt())
    ask["amount_fen"] = 203_000_000
    wanted = world.ok("px-maker", "receivable.prepare_payment", **ask, salt=salt())
    proof = world.pay("PX", "LG", 203_000_000, wanted["reference"])
    part = world.paid
    assert world.ok("lg", "receivable.record_payment", leaf_id=EC, proof=proof) == "OVERDUE"
    assert world.piece(EC)["paid_fen"] == 200_000_000
    assert facts(world)["paid_fen"] == 200_000_000
    back = give_back(world, "LG", part, "PX", 50_000_000)
    owed = world.ok("lg", "receivable.on_reverse", leaf_id=EC, instalment=1, proof=back)
    assert (owed, world.piece(EC)["state"]) == (50_000_000, "OVERDUE")
    assert facts(world)["paid_fen"] == 150_000_000
    world.now_ms = at("2027-06-09")  # ten days more on 450,000,000
    wanted = prepare(world, EC)
    assert wanted["amount_fen"] == 450_000_000 + 2_250_000
    proof = world.pay("PX", "LG", wanted["amount_fen"], wanted["reference"])
    assert world.ok("lg", "receivable.record_payment", leaf_id=EC, proof=proof) == "PAID"
    assert world.ok("nobody", "receivable.close", ec_id=EC) == "CLOSED"


# ---- terms ---------------------------------------------------------------------------------------


def test_terms_that_forbid_splitting_or_transfer_are_kept(world: World) -> None:
    issue(world, splittable=False, transferable=False)
    world.refused("E_TERMS", "lg", "receivable.split", leaf_id=EC, amounts=[1, 599_999_999])
    move = {"leaf_id": EC, "to": "HL", "basis": digest("plastics")}
    world.refused("E_TERMS", "lg", "receivable.offer_transfer", **move)


def test_a_tree_is_as_deep_as_its_terms_allow_and_a_light_customer_check_takes_no_leaf(
    world: World,
) -> None:
    issue(world, depth_max=2)
    parts = world.ok("lg", "receivable.split", leaf_id=EC, amounts=[200_000_000, 400_000_000])
    halves = [100_000_000, 100_000_000]
    world.refused("E_DEPTH", "lg", "receivable.split", leaf_id=parts[0], amounts=halves)
    world.force("party", "attestation", "HL", level=1)
    move = {"leaf_id": parts[0], "to": "HL", "basis": digest("plastics")}
    world.refused("E_KYC_LEVEL", "lg", "receivable.offer_transfer", **move)


@pytest.mark.parametrize(
    ("target", "args"),
    [
        ("receivable.remedy_move", {"move": "record_recourse_payment", "to": "ZZ"}),
        ("receivable.reopen_prepaid", {"owed_fen": 1}),
        ("receivable.remedy_facts", {}),
        ("receivable.freeze", {"order": "1"}),
        ("receivable.unfreeze", {"order": "1"}),
        ("receivable.hand_over", {"lien": "", "holder": "ZZ"}),
    ],
)
def test_nobody_moves_a_leaf_past_its_remedy(
    world: World, target: str, args: dict[str, Any]
) -> None:
    world.issue()
    world.refused("E_CALLER", "nobody", target, leaf_id=EC, **args)
