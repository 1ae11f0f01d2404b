"""Every call in every state: what the table allows never fails by state, everything else is E_STATE."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.rules.financing_machine import FINANCING
from contracts.rules.machine import moves_from, row_for
from contracts.rules.party_machine import PARTY
from contracts.rules.receivable_machine import CREDENTIAL, PIECE
from tests.unit.suite.world import EC, World, digest

Calls = dict[str, tuple[str, dict[str, Any]]]
CREDENTIAL_CALLS: Calls = {
    "sign": ("px-checker", {}),
    "cancel": ("px-maker", {}),
    "accept": ("lg", {}),
    "reject": ("lg", {"reason": "no"}),
    "expire": ("nobody", {}),
    "close": ("nobody", {}),
}
PIECE_CALLS: Calls = {
    "split": ("lg", {"amounts": [1, 599_999_999]}),
    "offer_transfer": ("lg", {"to": "HL", "basis": digest("plastics")}),
    "accept_transfer": ("hl", {}),
    "decline_transfer": ("hl", {}),
    "recall_transfer": ("lg", {}),
    "expire_transfer": ("nobody", {}),
    "due": ("nobody", {}),
    "prepare_payment": ("px-maker", {"salt": bytes(16)}),
    "record_payment": ("nobody", {"proof": b""}),
    "mark_overdue": ("nobody", {}),
}
FINANCING_CALLS: Calls = {
    "quote": ("qb-ops", {"rate_ppm": 1, "principal_fen": 50_000_000, "valid_until_ms": 0}),
    "accept_quote": ("xy", {"number": 1, "salt": bytes(16)}),
    "duplicate_check": ("qb-ops", {"fingerprint": digest("f")}),
    "disburse": ("nobody", {"proof": b""}),
    "timeout": ("nobody", {}),
    "withdraw": ("xy", {}),
    "decline": ("qb-ops", {"reason": "no"}),
    "repay": ("nobody", {}),
    "settle": ("qb-ops", {"proof": b"", "terms": b"", "preimage": b""}),
    "mark_overdue": ("nobody", {}),
    "enforce": ("qb-ops", {"salt": bytes(16)}),
    "prove_surplus": ("nobody", {"proof": b""}),
    "release_claim": ("nobody", {}),
    "reopen_claim": ("nobody", {}),
}
PARTY_CALLS: Calls = {
    "attest": (
        "qb-ops",
        {"level": 1, "risk": "low", "report": digest("r"), "expires": "2027-01-01"},
    ),
    "approve": ("qb-checker", {}),
    "renew": (
        "nb-ops",
        {"level": 1, "risk": "low", "report": digest("r"), "expires": "2027-01-01"},
    ),
    "confirm_renewal": ("nb-checker", {}),
    "reject": ("qb-ops", {"reason": "no"}),
    "suspend": ("pbc", {"reason": "order"}),
    "resume": ("pbc", {"reason": "order"}),
    "close": ("pbc", {"reason": "order"}),
}


def states(table: tuple[tuple[str, ...], ...], column_to: int = 4) -> list[str]:
    names = {name for row in table for name in row[0].split("|")}
    if len(table[0]) > column_to:
        names |= {row[column_to] for row in table}
    return sorted(names - {"-", ""})


PARTY_STATES = ["ACTIVE", "APPLIED", "CLOSED", "FROZEN", "KYC_REVIEW", "REJECTED", "SUSPENDED"]


def check(
    world: World, table: Any, state: str, move: str, target: str, who: str, args: Any
) -> None:
    allowed = any(row[1] == move and state in row[0].split("|") for row in table)
    before = dict(world.state)
    result = world.run(who, target, **args)
    assert (result.code == "E_STATE") is not allowed, (state, move, result.code, result.message)
    assert result.outcome in ("ok", "revert"), result.code  # never a bug of the contract
    assert result.code == "" or result.code.startswith("E_"), (result.code, result.message)
    assert result.outcome == "ok" or not result.writes
    assert world.state == before


@pytest.mark.parametrize("move", CREDENTIAL_CALLS)
@pytest.mark.parametrize("state", states(CREDENTIAL))
def test_a_credential_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    world.issue()
    world.force("receivable", "credential", EC, state=state)
    who, args = CREDENTIAL_CALLS[move]
    check(world, CREDENTIAL, state, move, f"receivable.{move}", who, {"ec_id": EC, **args})


@pytest.mark.parametrize("move", PIECE_CALLS)
@pytest.mark.parametrize("state", states(PIECE))
def test_a_piece_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    world.issue()
    pending = {"offered_to": "HL", "basis": digest("moulds"), "offer_until_ms": world.now_ms + 1}
    world.force(
        "receivable", "piece", EC, state=state, **(pending if state == "TRANSFER_PENDING" else {})
    )
    who, args = PIECE_CALLS[move]
    check(world, PIECE, state, move, f"receivable.{move}", who, {"leaf_id": EC, **args})


@pytest.mark.parametrize("state", states(PIECE))
def test_only_an_active_leaf_can_be_offered_for_financing(world: World, state: str) -> None:
    world.issue()
    world.force("receivable", "piece", EC, state=state)
    args = {"leaf_id": EC, "purpose": "wages", "consent": True}
    result = world.run("lg", "financing.request_receivable", **args)
    assert (result.outcome, result.code) == (
        ("ok", "") if state == "ACTIVE" else ("revert", "E_STATE")
    )


@pytest.mark.parametrize("move", FINANCING_CALLS)
@pytest.mark.parametrize("state", states(FINANCING))
def test_a_financing_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    world.issue()
    world.to_tier_three()
    request_id = world.request(to_bank="QB")
    world.quote(request_id)
    world.force(
        "financing", "financing", request_id, state=state, bank="QB", pay_until_ms=world.now_ms
    )
    who, args = FINANCING_CALLS[move]
    check(
        world, FINANCING, state, move, f"financing.{move}", who, {"request_id": request_id, **args}
    )


@pytest.mark.parametrize("move", PARTY_CALLS)
@pytest.mark.parametrize("state", PARTY_STATES)
def test_a_party_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    world.force("party", "party", "XY", state=state)
    if state == "KYC_REVIEW":
        world.force("party", "attestation", "XY", officer="somebody else")
    who, args = PARTY_CALLS[move]
    check(world, PARTY, state, move, f"party.{move}", who, {"party_id": "XY", **args})


@pytest.mark.parametrize(
    ("target", "args"),
    [
        ("receivable.reserve", {"leaf_id": EC, "holder": "LG", "lien": "FR-1", "until_ms": 1}),
        ("receivable.free", {"leaf_id": EC, "lien": ""}),
        ("receivable.lock", {"leaf_id": EC, "lien": ""}),
        ("receivable.unlock", {"leaf_id": EC, "lien": ""}),
        ("receivable.pledge", {"leaf_id": EC, "lien": ""}),
        ("receivable.assign_to_financier", {"leaf_id": EC, "lien": "", "bank": "ZZ"}),
        ("invoice_registry.hold", {"fingerprint": digest("f")}),
        ("invoice_registry.unhold", {"fingerprint": digest("f"), "bank": "QB", "number": 1}),
        ("invoice_registry.activate", {"fingerprint": digest("f"), "bank": "QB", "number": 1}),
        ("invoice_registry.repay", {"fingerprint": digest("f"), "bank": "QB", "number": 1}),
        ("invoice_registry.note_conflict", {"fingerprint": digest("f")}),
        ("invoice_registry.restore", {"document": digest("moulds"), "amount_fen": 1, "seller": "LG"}),
        ("invoice_registry.draw", {"document": digest("moulds"), "amount_fen": 1, "seller": "LG",
                                   "buyer": "PX"}),
    ],
)  # fmt: skip
def test_nobody_calls_what_belongs_to_another_contract(
    world: World, target: str, args: dict[str, Any]
) -> None:
    world.issue()
    world.refused("E_CALLER", "nobody", target, **args)


def test_next_steps_are_the_rows_of_the_table(world: World) -> None:
    world.issue()
    credential = {step["call"] for step in world.ok("lg", "receivable.next_steps", identifier=EC)}
    assert credential == {
        step["call"] for step in moves_from(CREDENTIAL, "ACTIVE") + moves_from(PIECE, "ACTIVE")
    }
    row = row_for(PIECE, "ACTIVE", "split")
    assert row is not None and row[4] == "SPLIT"
    assert row_for(PIECE, "SPLIT", "split") is None
