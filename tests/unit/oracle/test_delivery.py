"""Delivery against a conditional coin: all or nothing, whatever dies where; and what the chain refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from consensus.encoding import encode
from node.oracle.delivery import STEPS, End
from tests.damage import flipped
from tests.unit.oracle.crash_world import (
    LEAF,
    NET,
    Fault,
    Stage,
    balance,
    cases,
    make_stage,
    play,
    prepare,
    run_case,
)
from tests.unit.suite.world import HOUR_MS, World

NONE = Fault("nobody", "-", "-")


@pytest.fixture(scope="module")
def prepared() -> World:
    return prepare()


@pytest.fixture
def stage(prepared: World, tmp_path: Path) -> Stage:
    return make_stage(prepared, tmp_path, NONE)


async def test_the_leaf_moves_against_the_locked_coin_and_the_money_follows(stage: Stage) -> None:
    assert await stage.drive() is End.DELIVERED
    assert stage.outcome() == "all"
    found = stage.world.ok("pbc", "financing.get", request_id=stage.request_id)
    assert found["state"] == "DISBURSED"
    assert stage.world.piece(LEAF)["financed"] is True
    steps = [name.removeprefix("dvp-before-") for name in stage.trail if "before" in name]
    assert steps == list(STEPS[:4])


@pytest.mark.parametrize("step", STEPS)
def test_whatever_dies_at_a_step_the_outcome_is_all_or_nothing(
    prepared: World, tmp_path: Path, step: str
) -> None:
    for number, fault in enumerate(case for case in cases() if case.step == step):
        is_away = fault.down
        outcome = run_case(prepared, tmp_path / str(number), fault)
        assert fault.fired, f"{fault} never happened"
        assert outcome in ("all", "nothing"), fault
        if not is_away and step not in ("refund", "unwind"):
            assert outcome == "all", fault


async def test_without_a_bank_that_locks_nothing_moves_and_the_leaf_is_free(stage: Stage) -> None:
    stage.world.now_ms += 25 * HOUR_MS
    assert await stage.drive() is End.REFUNDED
    assert await play(stage) == "nothing"
    assert stage.world.piece(LEAF)["state"] == "ACTIVE"


async def lock(stage: Stage) -> bytes:
    await stage.center.lock(stage.plan.lock, stage.plan.terms)
    relay = stage.start()
    proof: bytes = await relay._proof(stage.plan.lock)
    return proof


async def test_the_chain_refuses_every_settlement_that_could_leave_somebody_with_nothing(
    stage: Stage,
) -> None:
    world, proof = stage.world, await lock(stage)
    terms = encode(stage.plan.terms)
    good: dict[str, Any] = {
        "request_id": stage.request_id, "proof": proof, "terms": terms, "preimage": stage.preimage,
    }  # fmt: skip
    other = flipped(terms)
    wrong: list[tuple[str, str, dict[str, Any]]] = [
        ("E_NOT_PARTY", "xy", {}),
        ("E_NOT_PARTY", "nb-ops", {}),
        ("E_ROLE", "qb-checker", {}),
        ("E_PREIMAGE", "qb-ops", {"preimage": bytes(32)}),
        ("E_PREIMAGE", "qb-ops", {"preimage": stage.preimage + b"\0"}),
        ("E_LOCK_TERMS", "qb-ops", {"terms": terms + b"\0"}),
        ("E_PROOF_PAYEE", "qb-ops", {"terms": other}),
    ]
    for code, who, change in wrong:
        world.refused(code, who, "financing.settle", **{**good, **change})
    world.refused("E_PROOF_KIND", "qb-ops", "financing.disburse", request_id=stage.request_id,
                  proof=proof)  # fmt: skip
    world.now_ms = stage.plan.terms.expires_ms - 6 * HOUR_MS + 1
    again = await stage.start()._proof(stage.plan.lock)
    world.refused("E_LOCK_LATE", "qb-ops", "financing.settle", **{**good, "proof": again})


async def test_a_settled_leaf_goes_nowhere_until_the_money_has_arrived(stage: Stage) -> None:
    world, proof = stage.world, await lock(stage)
    world.ok(
        "qb-ops", "financing.settle", request_id=stage.request_id, proof=proof,
        terms=encode(stage.plan.terms), preimage=stage.preimage,
    )  # fmt: skip
    piece = world.piece(LEAF)
    assert (piece["holder"], piece["state"]) == ("QB", "FINANCING")
    world.refused("E_STATE", "qb-ops", "receivable.split", leaf_id=LEAF, amounts=[1, 49_999_999])
    for call in ("timeout", "withdraw"):
        world.refused("E_STATE", "xy", f"financing.{call}", request_id=stage.request_id)
    world.refused("E_PROOF_KIND", "xy", "financing.unwind", request_id=stage.request_id,
                  proof=proof)  # fmt: skip
    world.refused("E_PROOF_KIND", "xy", "financing.confirm_release",
                  request_id=stage.request_id, proof=proof)  # fmt: skip


async def test_money_that_went_back_after_the_leaf_had_moved_brings_the_leaf_back(
    stage: Stage,
) -> None:
    world, proof = stage.world, await lock(stage)
    world.ok(
        "qb-ops", "financing.settle", request_id=stage.request_id, proof=proof,
        terms=encode(stage.plan.terms), preimage=stage.preimage,
    )  # fmt: skip
    world.now_ms = stage.plan.terms.expires_ms
    await stage.center.release(stage.plan.refund, b"")
    assert balance(stage.center.center, world, "QB") == NET
    back = await stage.start()._proof(stage.plan.refund)
    world.refused("E_PROOF_KIND", "xy", "financing.confirm_release",
                  request_id=stage.request_id, proof=back)  # fmt: skip
    assert world.ok("xy", "financing.unwind", request_id=stage.request_id, proof=back) == "LAPSED"
    piece = world.piece(LEAF)
    assert (piece["holder"], piece["state"], piece["financed"]) == ("XY", "ACTIVE", False)
    assert stage.outcome() == "nothing"
