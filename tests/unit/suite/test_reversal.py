"""Money that was given back: what it paid is owed again, to that amount, and nothing else moves."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from consensus.encoding import Hash, encode
from consensus.payment import CoinPoint, Kind, coin_id
from deploy.regcenter.client import Payment
from deploy.regcenter.hashing import sm3
from deploy.regcenter.operations import Refresh
from tests.unit.suite.test_story import finance_invoice
from tests.unit.suite.world import EC, World, at, digest


def give_back(
    world: World, member: str, paid: Any, to: str, amount_fen: int, index: int = 0
) -> bytes:
    """REVERSE of an output by its payee; its proof."""
    assert world.money is not None
    wallet = world.wallets[member]
    coin = world.money.fund(wallet, amount_fen)
    reference = coin_id(sm3, CoinPoint(Hash(paid.txid), index))
    back = Payment(world.wallets[to].address, amount_fen, reference)
    receipt = world.money.send(Kind.REVERSE, wallet, [coin], [back])
    world.money.process(Refresh())
    anchor = world.ok(world.regulator, "dcep.anchor", log_id=world.money.center.log_id)
    return encode(world.money.proof(wallet, receipt.txid, 0, anchor))


def prepare(world: World, leaf: str) -> dict[str, Any]:
    salt = secrets.token_bytes(16)
    return dict(world.ok("px-maker", "receivable.prepare_payment", leaf_id=leaf, salt=salt))


def settle(world: World, leaf: str, payee: str) -> Any:
    wanted = prepare(world, leaf)
    proof = world.pay("PX", payee, wanted["amount_fen"], wanted["reference"])
    world.ok("hb", "receivable.record_payment", leaf_id=leaf, proof=proof)
    return world.paid


@pytest.fixture
def mature(paying_world: World) -> World:
    """LG 400 M, HL 150 M and XY 50 M on the due date."""
    world = paying_world
    world.issue()
    world.to_tier_three()
    world.now_ms = at("2027-05-20")
    for leaf in (f"{EC}/1", f"{EC}/2/1", f"{EC}/2/2"):
        world.ok("px-maker", "receivable.due", leaf_id=leaf)
    return world


def test_a_partial_reversal_reinstates_that_much_and_paying_it_closes_again(mature: World) -> None:
    world, leaf = mature, f"{EC}/2/2"
    settle(world, f"{EC}/1", "LG")
    settle(world, f"{EC}/2/1", "XY")
    paid = settle(world, leaf, "HL")
    world.ok("px-maker", "receivable.close", ec_id=EC)
    world.now_ms = at("2027-05-21")
    proof = give_back(world, "HL", paid, "PX", 1_000_000)
    owed = world.ok("lg", "receivable.on_reverse", leaf_id=leaf, instalment=1, proof=proof)
    assert owed == 1_000_000
    assert world.events[-1] == "EC.Reinstated"
    piece = world.piece(leaf)
    assert (piece["state"], piece["paid_fen"]) == ("REINSTATED", 149_000_000)
    terms = world.ok("px-maker", "receivable.get", ec_id=EC)
    assert (terms["state"], terms["paid_fen"]) == ("ACTIVE", 599_000_000)
    world.refused("E_UNPAID", "px-maker", "receivable.close", ec_id=EC)
    room = world.ok("pbc", "credit_line.headroom", issuer="PX", bank="QB")
    assert room["outstanding_fen"] == 1_000_000
    wanted = prepare(world, leaf)
    assert (wanted["amount_fen"], wanted["instalment"]) == (1_000_000, 2)
    proof = world.pay("PX", "HL", 1_000_000, wanted["reference"])
    world.ok("hb", "receivable.record_payment", leaf_id=leaf, proof=proof)
    assert world.piece(leaf)["state"] == "PAID"
    assert world.ok("px-maker", "receivable.close", ec_id=EC) == "CLOSED"


def test_a_whole_reversal_in_two_parts_reinstates_the_whole_debt_with_penalties_from_then(
    mature: World,
) -> None:
    world, leaf = mature, f"{EC}/1"
    paid = settle(world, leaf, "LG")
    first = give_back(world, "LG", paid, "PX", 100_000_000)
    world.ok("lg", "receivable.on_reverse", leaf_id=leaf, instalment=1, proof=first)
    world.now_ms = at("2027-05-25")
    second = give_back(world, "LG", paid, "PX", 300_000_000)
    owed = world.ok("lg", "receivable.on_reverse", leaf_id=leaf, instalment=1, proof=second)
    assert owed == 300_000_000
    assert (world.piece(leaf)["state"], world.piece(leaf)["paid_fen"]) == ("REINSTATED", 0)
    facts = world.ok("pbc", "receivable.invariants", ec_id=EC)
    assert (facts["leaves_fen"], facts["paid_fen"]) == (600_000_000, 0)
    world.now_ms = at("2027-06-04")  # ten days at 5 basis points
    assert prepare(world, leaf)["amount_fen"] == 400_000_000 + 2_000_000


def test_a_reversal_counts_once_and_only_for_the_payment_it_names(mature: World) -> None:
    world, leaf = mature, f"{EC}/2/2"
    other = settle(world, f"{EC}/2/1", "XY")
    paid = settle(world, leaf, "HL")
    proof = give_back(world, "HL", paid, "PX", 1_000_000)
    args = {"leaf_id": leaf, "instalment": 1}
    world.refused("E_PROOF_REF", "lg", "receivable.on_reverse", leaf_id=f"{EC}/2/1", instalment=1,
                  proof=proof)  # fmt: skip
    world.refused("E_NO_REFERENCE", "lg", "receivable.on_reverse", leaf_id=leaf, instalment=2,
                  proof=proof)  # fmt: skip
    payment = world.proof_again("PX", paid)
    world.refused("E_PROOF_KIND", "lg", "receivable.on_reverse", **args, proof=payment)
    world.ok("lg", "receivable.on_reverse", **args, proof=proof)
    world.refused("E_PROOF_NULLIFIER", "lg", "receivable.on_reverse", **args, proof=proof)
    prepare(world, leaf)
    world.refused("E_PROOF_KIND", "lg", "receivable.record_payment", leaf_id=leaf, proof=proof)
    back = give_back(world, "XY", other, "PX", 50_000_000)
    world.refused("E_PROOF_REF", "lg", "receivable.on_reverse", **args, proof=back)
    world.refused("E_STATE", "lg", "receivable.on_reverse", leaf_id=f"{EC}/1", instalment=1,
                  proof=back)  # fmt: skip


def test_an_over_payment_that_went_back_reinstates_nothing(mature: World) -> None:
    world, leaf = mature, f"{EC}/2/1"
    wanted = prepare(world, leaf)
    proof = world.pay("PX", "XY", 50_000_007, wanted["reference"])
    world.ok("hb", "receivable.record_payment", leaf_id=leaf, proof=proof)
    paid = world.paid
    back = give_back(world, "XY", paid, "PX", 7)
    assert world.ok("lg", "receivable.on_reverse", leaf_id=leaf, instalment=1, proof=back) == 0
    assert world.piece(leaf)["state"] == "PAID"
    back = give_back(world, "XY", paid, "PX", 1)
    assert world.ok("lg", "receivable.on_reverse", leaf_id=leaf, instalment=1, proof=back) == 1


def test_a_payout_and_a_repayment_that_went_back_are_owed_again(paying_world: World) -> None:
    world = paying_world
    request_id, terms = finance_invoice(world)
    proof = world.pay("QB", "PX", 960_000_000, terms["pay_reference"])
    world.ok("lg", "financing.disburse", request_id=request_id, proof=proof)
    paid, salt = world.paid, bytes(16)
    back = give_back(world, "PX", paid, "QB", 10_000_000)
    owed = world.ok("lg", "financing.on_reverse", request_id=request_id, proof=back, salt=salt)
    found = world.ok("px-maker", "financing.get", request_id=request_id)
    assert (owed, found["state"], found["owed_fen"]) == (10_000_000, "PAYOUT_OWED", 10_000_000)
    world.refused("E_STATE", "lg", "financing.repay", request_id=request_id, proof=back)
    stale = world.proof_again("QB", paid)
    world.refused("E_PROOF_REF", "lg", "financing.disburse", request_id=request_id, proof=stale)
    proof = world.pay("QB", "PX", 10_000_000, found["pay_reference"])
    assert world.ok("lg", "financing.disburse", request_id=request_id, proof=proof) == "DISBURSED"

    world.now_ms = at("2027-02-16")
    found = world.ok("px-maker", "financing.get", request_id=request_id)
    proof = world.pay("PX", "QB", 967_680_000, found["repay_reference"])
    world.ok("lg", "financing.repay", request_id=request_id, proof=proof)
    back = give_back(world, "QB", world.paid, "PX", 967_680_000)
    world.ok("lg", "financing.on_reverse", request_id=request_id, proof=back, salt=salt)
    found = world.ok("px-maker", "financing.get", request_id=request_id)
    assert (found["state"], found["owed_fen"]) == ("REPAYMENT_OWED", 967_680_000)
    claim = world.ok("qb-ops", "invoice_registry.my_claim", fingerprint=digest("keyed export"))
    assert claim["state"] == "ACTIVE"
    proof = world.pay("PX", "QB", 967_680_000, found["repay_reference"])
    assert world.ok("lg", "financing.repay", request_id=request_id, proof=proof) == "REPAID"


def test_a_leaf_that_is_owed_again_is_settled_no_more(mature: World) -> None:
    world, leaf = mature, f"{EC}/1"
    paid = settle(world, leaf, "LG")
    assert world.ok("pbc", "receivable.is_settled", leaf_id=leaf) is True
    back = give_back(world, "LG", paid, "PX", 5)
    world.ok("lg", "receivable.on_reverse", leaf_id=leaf, instalment=1, proof=back)
    assert world.ok("pbc", "receivable.is_settled", leaf_id=leaf) is False
