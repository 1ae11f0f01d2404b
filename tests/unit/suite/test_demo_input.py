"""The demonstration's own files, played through the contracts: every figure of story.toml holds."""

from __future__ import annotations

import secrets
import tomllib
from pathlib import Path
from typing import Any

import pytest

from contracts.rules import calendar
from node.documents import Invoice, PartyRecord, invoice_fingerprint, parse_invoice, parse_parties
from node.documents.fingerprint import fingerprint
from node.identity.suite import get_suite
from tests.unit.suite.world import HOUR_MS, World, at, digest

DEMO = Path(__file__).parents[3] / "deploy" / "demo"
STORY: dict[str, Any] = tomllib.loads((DEMO / "story.toml").read_text(encoding="utf-8"))
SUITE = get_suite("sm")
MAKERS = {
    "PX": "buyer", "LG": "supplier", "HL": "supplier@HL", "XY": "supplier@XY", "QB": "ops",
    "NB": "ops@NB",
}  # fmt: skip
KEY = bytes.fromhex(STORY["step4"]["epoch_key"])


def demo_users() -> dict[str, tuple[str, tuple[str, ...]]]:
    network = tomllib.loads((DEMO / "network.toml").read_text(encoding="utf-8"))
    return {
        name: (member["id"], tuple(roles))
        for member in network["members"]
        for name, roles in member["users"].items()
    }


def invoice(name: str) -> Invoice:
    return parse_invoice((DEMO / name).read_bytes(), SUITE)


def read_cast() -> dict[str, PartyRecord]:
    parties = parse_parties((DEMO / STORY["files"]["parties"]).read_bytes(), "csv")
    return {party.party_id: party for party in parties}


def go_to(world: World, step: str) -> dict[str, Any]:
    found: dict[str, Any] = STORY[step]
    world.now_ms = at(found["date"])
    return found


def admit(world: World) -> None:
    step, cast = go_to(world, "step1"), read_cast()
    bad = step["refused"]
    for bank, ids in step["attest"].items():
        first, second = step["officers"][bank]
        for party_id in ids:
            party = cast[party_id]
            args = {
                "party_id": party_id, "legal_name": party.legal_name, "kind": party.kind,
                "country": party.country, "city": party.city, "uscc": party.uscc, "lei": party.lei,
            }  # fmt: skip
            if party_id == "PX":
                world.refused(bad["code"], first, "party.apply", **{**args, "uscc": bad["uscc"]})
            world.ok(first, "party.apply", **args)
            world.ok(first, "party.attest", party_id=party_id, level=step["level"],
                     risk=step["risk"], report=digest(party_id), expires=step["expires"])  # fmt: skip
            world.ok(second, "party.approve", party_id=party_id)
    states = [world.ok("inspector", "party.get", party_id=p)["state"] for p in cast]
    assert states == ["ACTIVE"] * step["active"]


def lodge(world: World) -> None:
    codes = {party.uscc or party.lei: code for code, party in read_cast().items()}
    codes |= {party.lei: code for code, party in read_cast().items() if party.lei}
    for name in STORY["files"]["invoices"]:
        found = invoice(name)
        world.ok(
            MAKERS[codes[found.seller.identifier]], "invoice_registry.lodge",
            document=found.document, kind=found.kind, buyer=codes[found.buyer.identifier],
            amount_fen=found.gross, currency=found.currency, issued_on=found.issued_on,
        )  # fmt: skip


def finance(world: World, step: dict[str, Any], request_id: str) -> dict[str, Any]:
    """Quote, acceptance and check, as steps 4, 10 and 12 have them."""
    bank, borrower = MAKERS[step["bank"]], MAKERS[step["borrower"]]
    world.ok(bank, "financing.quote", request_id=request_id, rate_ppm=step.get("rate_ppm", 30_500),
             principal_fen=step["principal_fen"],
             valid_until_ms=world.now_ms + step.get("quote_hours", 24) * HOUR_MS)  # fmt: skip
    terms = world.ok(borrower, "financing.accept_quote", request_id=request_id, number=1,
                     salt=secrets.token_bytes(16))  # fmt: skip
    state = world.ok(bank, "financing.duplicate_check", request_id=request_id,
                     fingerprint=invoice_fingerprint(SUITE, KEY, invoice(step["invoice"])))  # fmt: skip
    assert state == "CLEARED"
    return dict(terms)


@pytest.fixture
def stage(tmp_path: Path) -> World:
    world = World(users=demo_users())
    admit(world)
    world.bind_wallets(*MAKERS.values())
    world.open_center(tmp_path / "center", "inspector")
    lodge(world)
    return world


def ask_for_leaf(world: World, step: dict[str, Any]) -> str:
    return str(
        world.ok(
            MAKERS[step["borrower"]], "financing.request_receivable", leaf_id=step["leaf"],
            purpose=step.get("purpose", "working capital"), consent=True,
        )
    )  # fmt: skip


def pay_invoice(world: World) -> None:
    step, paid = go_to(world, "step4"), STORY["step5"]
    request_id = world.ok(
        "buyer", "financing.request_invoice", document=invoice(step["invoice"]).document,
        due_date=step["due_date"], purpose=step["purpose"], consent=True,
    )  # fmt: skip
    terms = finance(world, step, request_id)
    assert (terms["days"], terms["interest_fen"]) == (step["days"], step["interest_fen"])
    proof = world.pay(paid["payer"], paid["payee"], paid["amount_fen"], terms["pay_reference"])
    assert world.ok("ops", "financing.disburse", request_id=request_id, proof=proof) == "DISBURSED"

    again, found = go_to(world, "step6"), invoice(step["invoice"])
    typed = fingerprint(
        SUITE, KEY, seller=found.seller.identifier, number=again["typed_number"],
        date=found.issued_on, gross=found.gross, currency=found.currency,
    )  # fmt: skip
    world.refused(again["code"], MAKERS[again["bank"]], "invoice_registry.register",
                  fingerprint=typed)  # fmt: skip


def issue(world: World) -> None:
    step = go_to(world, "step7")
    limit = {"issuer": step["issuer"], "limit_fen": step["limit_fen"]}
    world.ok("ops", "credit_line.propose_limit", **limit)
    world.ok("checker@QB", "credit_line.approve_limit", **limit)

    def draft(terms: dict[str, Any]) -> str:
        return str(
            world.ok(
                "buyer", "receivable.draft", first_holder=step["first_holder"],
                paying_bank=step["paying_bank"], face_fen=terms["face_fen"],
                due_date=terms["due_date"], invoices=[invoice(terms["invoice"]).document],
                clause_hash=digest("clause"),
            )
        )  # fmt: skip

    assert draft(step) == step["ec_id"]
    assert world.ok("checker", "receivable.sign", ec_id=step["ec_id"]) == []
    world.ok("supplier", "receivable.accept", ec_id=step["ec_id"])
    warned = draft(step["warned"])
    assert world.ok("checker", "receivable.sign", ec_id=warned) == [step["warned"]["code"]]
    world.ok("buyer", "receivable.cancel", ec_id=warned)
    refused = draft(step["refused"])
    world.refused(step["refused"]["code"], "checker", "receivable.sign", ec_id=refused)
    world.ok("buyer", "receivable.cancel", ec_id=refused)
    terms = world.ok("inspector", "receivable.get", ec_id=step["ec_id"])
    days = calendar.parse_date(terms["due_date"]) - calendar.parse_date(terms["issue_date"])
    assert days == step["days"]


def split(world: World, name: str) -> None:
    step = go_to(world, name)
    holder = MAKERS[step["holder"]]
    if bad := step.get("refused"):
        world.refused(bad["code"], holder, "receivable.split", leaf_id=step["leaf"],
                      amounts=bad["amounts_fen"])  # fmt: skip
    world.ok(holder, "receivable.split", leaf_id=step["leaf"], amounts=step["amounts_fen"])
    world.ok(holder, "receivable.offer_transfer", leaf_id=step["moved"], to=step["to"],
             basis=invoice(step["invoice"]).document)  # fmt: skip
    world.ok(MAKERS[step["to"]], "receivable.accept_transfer", leaf_id=step["moved"])


def test_the_story_file_plays_to_the_end(stage: World) -> None:
    world = stage
    pay_invoice(world)
    issue(world)
    split(world, "step8")
    split(world, "step9")

    step, paid = go_to(world, "step10"), STORY["step11"]
    request_id = ask_for_leaf(world, step)
    terms = finance(world, step, request_id)
    assert (terms["days"], terms["interest_fen"], terms["payout_fen"]) == (
        step["days"], step["discount_fen"], step["net_fen"],
    )  # fmt: skip
    proof = world.pay(paid["payer"], paid["payee"], paid["amount_fen"], terms["pay_reference"])
    world.ok("ops", "financing.disburse", request_id=request_id, proof=proof)
    leaf = world.ok("inspector", "receivable.get_piece", leaf_id=step["leaf"])
    assert (leaf["holder"], leaf["depth"]) == (paid["holder_after"], STORY["step9"]["depth"])

    attack = STORY["step12"]
    second = ask_for_leaf(world, attack)
    locked = finance(world, attack, second)
    world.refused(attack["again_code"], "ops", "financing.disburse", request_id=request_id,
                  proof=proof)  # fmt: skip
    world.refused(attack["replayed_code"], "ops", "financing.disburse", request_id=second,
                  proof=proof)  # fmt: skip
    wrong = attack["wrong_payee"]
    proof = world.pay("QB", wrong["payee"], locked["payout_fen"], locked["pay_reference"])
    world.refused(wrong["code"], "ops", "financing.disburse", request_id=second, proof=proof)
    sell_more(world)
    end(world, second)
    assert world.gas_max < 100_000  # a client sends twice what its simulation used


def sell_more(world: World) -> None:
    step = go_to(world, "step13")
    seller = MAKERS[step["borrower"]]
    world.ok(seller, "receivable.split", leaf_id=step["whole"], amounts=step["amounts_fen"])
    request_id = ask_for_leaf(world, step)
    terms = finance(world, step, request_id)
    assert (terms["days"], terms["interest_fen"], terms["payout_fen"]) == (
        step["days"], step["discount_fen"], step["net_fen"],
    )  # fmt: skip
    proof = world.pay(step["bank"], step["borrower"], step["net_fen"], terms["pay_reference"])
    world.ok("ops", "financing.disburse", request_id=request_id, proof=proof)


def end(world: World, unpaid: str) -> None:
    step = go_to(world, "step20")
    world.ok("ops", "financing.timeout", request_id=unpaid)
    wrong = step["wrong_payee"]
    for entry in step["leaves"]:
        leaf_id = entry["leaf"]
        world.ok("buyer", "receivable.due", leaf_id=leaf_id)
        wanted = world.ok("buyer", "receivable.prepare_payment", leaf_id=leaf_id,
                          salt=secrets.token_bytes(16))  # fmt: skip
        assert (wanted["payee"], wanted["amount_fen"]) == (entry["holder"], entry["amount_fen"])
        if leaf_id == wrong["leaf"]:
            proof = world.pay(
                step["payer"], wrong["payee"], entry["amount_fen"], wanted["reference"]
            )
            world.refused(wrong["code"], "buyer", "receivable.record_payment", leaf_id=leaf_id,
                          proof=proof)  # fmt: skip
        proof = world.pay(step["payer"], entry["holder"], entry["amount_fen"], wanted["reference"])
        world.ok("buyer", "receivable.record_payment", leaf_id=leaf_id, proof=proof)
    ec_id = STORY["step7"]["ec_id"]
    assert world.ok("buyer", "receivable.close", ec_id=ec_id) == step["state_after"]
