"""The story's steps 4 to 12 to the fen, with real proofs, and what each step must refuse."""

from __future__ import annotations

import secrets
from typing import Any

from tests.unit.suite.world import EC, GAS_DEMO_MAX, HOUR_MS, World, at, digest


def finance_invoice(world: World) -> tuple[str, dict[str, Any]]:
    """Step 4: QB registers the export invoice and PX accepts an advance of 80 % at 3.20 %."""
    world.now_ms = at("2026-11-18")
    world.ok("qb-ops", "invoice_registry.register", fingerprint=digest("keyed export"))
    request_id = world.ok(
        "px-maker", "financing.request_invoice", document=digest("export"), due_date="2027-02-16",
        purpose="production of the next lot", consent=True,
    )  # fmt: skip
    world.quote(request_id, rate_ppm=32_000, principal_fen=960_000_000)
    terms = world.accept_quote(request_id, who="px-maker")
    world.ok(
        "qb-ops", "financing.duplicate_check", request_id=request_id,
        fingerprint=digest("keyed export"),
    )  # fmt: skip
    return request_id, terms


def test_the_export_invoice_is_financed_at_80_percent_and_refused_at_the_second_bank(
    paying_world: World,
) -> None:
    world = paying_world
    request_id, terms = finance_invoice(world)
    assert (terms["payout_fen"], terms["interest_fen"]) == (960_000_000, 7_680_000)
    assert terms["days"] == 90
    proof = world.pay("QB", "PX", 960_000_000, terms["pay_reference"])
    assert world.ok("lg", "financing.disburse", request_id=request_id, proof=proof) == "DISBURSED"
    assert world.events == ["Dcep.HeadAnchored", "Dcep.PaymentVerified", "IR.Activated",
                            "Fin.Disbursed"]  # fmt: skip

    world.now_ms = at("2026-11-19")
    message = world.refused(
        "E_DUPLICATE_FINANCING", "nb-ops", "invoice_registry.register",
        fingerprint=digest("keyed export"),
    )  # fmt: skip
    assert "QB" not in message
    own = world.ok("nb-ops", "invoice_registry.my_claim", fingerprint=digest("keyed export"))
    assert own["state"] == "FREE" and "QB" not in str(own)

    # principal and interest come back on the due date, and the invoice is free again
    world.now_ms = at("2027-02-16")
    owed = world.ok("px-maker", "financing.get", request_id=request_id)
    proof = world.pay("PX", "QB", 967_680_000, owed["repay_reference"])
    assert world.ok("lg", "financing.repay", request_id=request_id, proof=proof) == "REPAID"
    assert world.events[-2:] == ["IR.Released", "Fin.Repaid"]
    assert world.gas_max < GAS_DEMO_MAX


def test_a_receivable_reaches_tier_three_and_is_sold_for_49_309_514(paying_world: World) -> None:
    world = paying_world
    assert world.issue() == EC
    assert world.events == ["EC.Accepted"]
    leaf = world.to_tier_three()
    assert leaf == f"{EC}/2/1"
    assert (world.piece(leaf)["holder"], world.piece(leaf)["depth"]) == ("XY", 3)

    request_id, terms = world.to_cleared()
    assert (terms["interest_fen"], terms["payout_fen"]) == (690_486, 49_309_514)
    assert terms["days"] == 163 and request_id.startswith("FR-2026-00000")
    assert world.piece(leaf)["state"] == "FINANCING"
    proof = world.pay("QB", "XY", 49_309_514, terms["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    sold = world.piece(leaf)
    assert (sold["holder"], sold["state"], sold["financed"]) == ("QB", "ACTIVE", True)
    first = world.paid
    world.refused("E_STATE", "qb-ops", "financing.disburse", request_id=request_id, proof=proof)

    # step 13: LG sells 250 M of its 400 M two days later
    world.now_ms = at("2026-12-10")
    world.ok("lg", "receivable.split", leaf_id=f"{EC}/1", amounts=[250_000_000, 150_000_000])
    second = world.ok("lg", "financing.request_receivable", leaf_id=f"{EC}/1/1", purpose="wages",
                      consent=True)  # fmt: skip
    world.quote(second, principal_fen=250_000_000)
    priced = world.accept_quote(second, who="lg")
    assert (priced["interest_fen"], priced["payout_fen"]) == (3_410_069, 246_589_931)
    world.ok("qb-ops", "financing.duplicate_check", request_id=second,
             fingerprint=digest("keyed moulds"))  # fmt: skip
    # step 12: the same payment serves no second leaf
    replayed = world.proof_again("QB", first)
    world.refused("E_PROOF_REF", "qb-ops", "financing.disburse", request_id=second, proof=replayed)
    proof = world.pay("QB", "LG", 246_589_931, priced["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=second, proof=proof)
    facts = world.ok("pbc", "receivable.invariants", ec_id=EC)
    assert (facts["leaves"], facts["leaves_fen"]) == (4, 600_000_000)
    assert world.gas_max < GAS_DEMO_MAX


def test_the_debt_ends_by_payment_proofs_to_the_holders_of_the_day(paying_world: World) -> None:
    world = paying_world
    world.issue()
    leaf = world.to_tier_three()
    request_id, terms = world.to_cleared()
    proof = world.pay("QB", "XY", terms["payout_fen"], terms["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=request_id, proof=proof)

    world.now_ms = at("2027-05-20")
    leaves = {f"{EC}/1": "LG", leaf: "QB", f"{EC}/2/2": "HL"}
    for leaf_id, holder in leaves.items():
        world.ok("nobody", "receivable.due", leaf_id=leaf_id)
        world.refused("E_NO_REFERENCE", "hl", "receivable.record_payment", leaf_id=leaf_id,
                      proof=proof)  # fmt: skip
        wanted = world.ok("px-maker", "receivable.prepare_payment", leaf_id=leaf_id,
                          salt=secrets.token_bytes(16))  # fmt: skip
        assert wanted["payee"] == holder
        # the old holder, or nobody's wallet but the holder's, discharges the debt
        if leaf_id == leaf:
            wrong = world.pay("PX", "XY", wanted["amount_fen"], wanted["reference"])
            world.refused("E_PROOF_PAYEE", "px-maker", "receivable.record_payment",
                          leaf_id=leaf_id, proof=wrong)  # fmt: skip
            less = world.pay("PX", "QB", wanted["amount_fen"] - 1, wanted["reference"])
            world.refused("E_PROOF_AMOUNT", "px-maker", "receivable.record_payment",
                          leaf_id=leaf_id, proof=less)  # fmt: skip
            world.refused("E_UNPAID", "hl", "financing.repay", request_id=request_id)
            world.refused("E_UNPAID", "hl", "receivable.close", ec_id=EC)
        paid = world.pay("PX", holder, wanted["amount_fen"], wanted["reference"])
        state = world.ok("hl", "receivable.record_payment", leaf_id=leaf_id, proof=paid)
        assert (state, world.events[-1]) == ("PAID", "EC.Paid")
        world.refused("E_STATE", "hl", "receivable.record_payment", leaf_id=leaf_id, proof=paid)
    assert world.ok("hl", "financing.repay", request_id=request_id) == "REPAID"
    assert world.ok("hl", "receivable.close", ec_id=EC) == "CLOSED"
    room = world.ok("qb-ops", "credit_line.headroom", issuer="PX", bank="QB")
    assert room["outstanding_fen"] == 0
    assert world.gas_max < GAS_DEMO_MAX


def test_paying_late_costs_the_penalty_and_a_payment_in_time_counts_when_proven_late(
    paying_world: World,
) -> None:
    world = paying_world
    world.issue()
    world.now_ms = at("2027-05-20", 23)
    world.ok("lg", "receivable.due", leaf_id=EC)
    world.refused("E_TOO_EARLY", "lg", "receivable.mark_overdue", leaf_id=EC)
    in_time = world.ok("px-maker", "receivable.prepare_payment", leaf_id=EC, salt=bytes(16))
    world.refused("E_PREPARED", "px-maker", "receivable.prepare_payment", leaf_id=EC,
                  salt=bytes(16))  # fmt: skip
    assert world.money is not None
    receipt = world.money.pay(world.wallets["PX"], world.wallets["LG"].address, 600_000_000,
                              in_time["reference"])  # fmt: skip

    world.now_ms = at("2027-05-30")
    world.ok("lg", "receivable.mark_overdue", leaf_id=EC)
    late = world.ok("px-maker", "receivable.prepare_payment", leaf_id=EC, salt=bytes(16))
    assert late["amount_fen"] == 600_000_000 + 3_000_000  # 5 bp a day for 10 days
    proof = world.proof_again("PX", receipt)
    world.refused("E_PROOF_REF", "lg", "receivable.record_payment", leaf_id=EC, proof=proof)
    assert world.ok("lg", "receivable.record_payment", leaf_id=EC, proof=proof,
                    instalment=1) == "PAID"  # fmt: skip


def test_a_leaf_that_its_bank_split_is_repaid_when_every_part_is(paying_world: World) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id, terms = world.to_cleared()
    proof = world.pay("QB", "XY", terms["payout_fen"], terms["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    leaf_id = f"{EC}/2/1"
    parts = world.ok("qb-ops", "receivable.split", leaf_id=leaf_id, amounts=[1, 49_999_999])
    deeper = world.ok("qb-ops", "receivable.split", leaf_id=parts[1], amounts=[1, 49_999_998])
    world.now_ms = at("2027-05-20")
    for part in (parts[0], *deeper):
        world.refused("E_UNPAID", "hl", "financing.repay", request_id=request_id)
        world.ok("hl", "receivable.due", leaf_id=part)
        due = world.ok("px-maker", "receivable.prepare_payment", leaf_id=part, salt=bytes(16))
        proof = world.pay("PX", "QB", due["amount_fen"], due["reference"])
        world.ok("hl", "receivable.record_payment", leaf_id=part, proof=proof)
    world.refused("E_PROOF_UNUSED", "hl", "financing.repay", request_id=request_id, proof=proof)
    assert world.ok("hl", "financing.repay", request_id=request_id) == "REPAID"


def test_a_payment_to_another_wallet_by_another_bank_or_one_fen_short_moves_nothing(
    paying_world: World,
) -> None:
    world = paying_world
    world.issue()
    leaf = world.to_tier_three()
    request_id, terms = world.to_cleared()
    reference, net = terms["pay_reference"], terms["payout_fen"]
    for payer, payee, amount, code in (
        ("QB", "XY", net - 1, "E_PROOF_AMOUNT"),
        ("QB", "HL", net, "E_PROOF_PAYEE"),
        ("NB", "XY", net, "E_PROOF_PAYER"),
    ):
        proof = world.pay(payer, payee, amount, reference)
        world.refused(code, "qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    proof = world.pay("QB", "XY", net, secrets.token_bytes(32))
    world.refused("E_PROOF_REF", "qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    assert world.piece(leaf)["holder"] == "XY"


def test_nobody_pays_in_time_and_both_sides_are_free_again(paying_world: World) -> None:
    world = paying_world
    world.issue()
    leaf = world.to_tier_three()
    request_id, terms = world.to_cleared()
    fingerprint = digest("keyed resin")
    world.refused("E_STATE", "xy", "financing.withdraw", request_id=request_id)
    world.refused("E_HELD", "qb-ops", "invoice_registry.release", fingerprint=fingerprint)
    world.now_ms = terms["pay_until_ms"] + 24 * HOUR_MS
    world.refused("E_TOO_EARLY", "nobody", "financing.timeout", request_id=request_id)
    world.now_ms += 1
    assert world.ok("nobody", "financing.timeout", request_id=request_id) == "LAPSED"
    assert (world.piece(leaf)["state"], world.piece(leaf)["lien"]) == ("ACTIVE", False)
    assert world.ok("nb-ops", "invoice_registry.available_bps", fingerprint=fingerprint) == 10_000
    proof = world.pay("QB", "XY", terms["payout_fen"], terms["pay_reference"])
    world.refused("E_STATE", "qb-ops", "financing.disburse", request_id=request_id, proof=proof)
