"""Customs declarations decided by customs or told by the oracle committee; documents by their types."""

from __future__ import annotations

from typing import Any

import pytest

from consensus.encoding import Hash
from consensus.oracle_report import (
    Observation,
    OracleConfig,
    config_digest,
    observation_digest,
)
from contracts.rules.document_types import ELEMENTS, TYPES
from contracts.tables import TABLES
from node.identity.suite import get_suite
from node.oracle.committee import fact_payload
from tests.unit.suite.center_world import CHANNEL
from tests.unit.suite.conftest import fresh
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import World, digest

SUITE = get_suite("sm")
DECLARATION = "530120260001234567"
PAPER = "PL-2026-1"
BY_RECORD = {table.record: table for table in TABLES}
KEYS = [SUITE.signer(SUITE.generate_key()) for _ in range(7)]
NAMES = [f"oracle-{i}" for i in range(7)]
DAY_MS = 86_400_000


def lodged(world: World) -> World:
    world.ok("px-maker", "trade_document.lodge", id=DECLARATION, customs="CUS-SZ",
             document=digest("declared"), documents=[digest("invoice")])  # fmt: skip
    return world


def elements(code: str) -> dict[str, str]:
    (row,) = [row for row in TYPES if row[0] == code]
    return {tag: digest("salted " + tag) for tag in row[4]}


def filed(world: World, **changes: Any) -> World:
    args = {"id": PAPER, "code": "271", "document": digest("list"), "elements": elements("271"),
            "authority": "QB"}  # fmt: skip
    world.ok("px-maker", "trade_document.file", **{**args, **changes})
    return world


@pytest.fixture(scope="module")
def with_committee(opened: World) -> World:
    world = fresh(opened)
    world.ok("pbc", "oracle.configure", names=NAMES, keys=[k.public_key for k in KEYS], f=2,
             custodian="QB")  # fmt: skip
    world.ok("pbc", "oracle.define_feed", feed="customs-release", kind="fact", service=bytes(32),
             max_age_ms=DAY_MS)  # fmt: skip
    return lodged(world)


@pytest.fixture
def asked(with_committee: World) -> World:
    return fresh(with_committee)


def report(world: World, signers: int = 5, round_: int = 1, **changes: Any) -> dict[str, Any]:
    """What `attest` takes: so many oracles say CLEARED of this declaration."""
    said = {"value": "CLEARED", "subject": DECLARATION, "seen_ms": world.now_ms, **changes}
    config = OracleConfig(
        Hash(CHANNEL), 1, 2, tuple(NAMES), tuple(k.public_key for k in KEYS), "QB"
    )
    committee = config_digest(SUITE.hash, config)
    topic = f"customs-release/{said['subject']}"
    payload = fact_payload(said["value"], said["seen_ms"])
    seen = Observation(Hash(CHANNEL), topic, committee, 1, round_, payload)
    message = observation_digest(SUITE.hash, seen)
    return {
        "observed_ms": said["seen_ms"], "digest": committee, "epoch": 1, "round": round_,
        "signers": list(range(signers)),
        "signatures": [key.sign(message) for key in KEYS[:signers]],
    }  # fmt: skip


DECLARATION_WALK = Walk(
    BY_RECORD["declaration"],
    DECLARATION,
    {
        "accept": ("customs", {}),
        "release": ("customs", {}),
        "clear": ("customs", {}),
        "attest": ("nobody", {"observed_ms": 0, "digest": bytes(32), "epoch": 1, "round": 1,
                              "signers": [], "signatures": []}),
        "amend": ("px-checker", {"document": digest("new"), "documents": []}),
        "withdraw": ("px-checker", {}),
        "seize": ("customs", {"order": digest("order")}),
        "lift_seizure": ("customs", {"order": digest("order")}),
    },
)  # fmt: skip
DOCUMENT_WALK = Walk(
    BY_RECORD["trade_document"],
    PAPER,
    {
        "certify": ("qb-checker", {}),
        "decline": ("qb-checker", {"reason": "illegible"}),
        "open_to": ("px-maker", {"reader": "NB"}),
        "withdraw_document": ("px-checker", {}),
    },
)


@pytest.mark.parametrize(("state", "move"), cases(DECLARATION_WALK))
def test_a_declaration_moves_only_as_its_table_says(asked: World, state: str, move: str) -> None:
    DECLARATION_WALK.check_state(asked, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(DECLARATION_WALK))
def test_a_declaration_is_moved_only_by_whom_its_table_names(
    asked: World, state: str, move: str
) -> None:
    DECLARATION_WALK.check_persons(asked, state, move)


@pytest.mark.parametrize(("state", "move"), cases(DOCUMENT_WALK))
def test_a_document_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    filed(world)
    DOCUMENT_WALK.check_state(world, state, move)
    if DOCUMENT_WALK.table.allows(state, move):
        DOCUMENT_WALK.check_persons(world, state, move)


def test_five_of_seven_oracles_clear_a_declaration_and_four_do_not(asked: World) -> None:
    four = report(asked, 4)
    asked.refused("E_ORACLE_QUORUM", "nobody", "trade_document.attest", id=DECLARATION, **four)
    five = report(asked)
    assert asked.ok("nobody", "trade_document.attest", id=DECLARATION, **five) == "CLEARED"
    assert asked.events == ["Oracle.FactReported", "Declaration.Attested"]
    asked.refused("E_STATE", "nobody", "trade_document.attest", id=DECLARATION, **five)


def test_a_report_of_another_word_or_declaration_clears_nothing(asked: World) -> None:
    for name, said in (("value", "HELD"), ("subject", "530120260001234568")):
        wrong = report(asked, 5, 1, **{name: said})
        asked.refused(
            "E_ORACLE_SIGNATURE", "nobody", "trade_document.attest", id=DECLARATION, **wrong
        )


def test_what_the_oracles_saw_before_an_amendment_clears_nothing(asked: World) -> None:
    early = report(asked)
    asked.now_ms += 60_000
    asked.ok("px-checker", "trade_document.amend", id=DECLARATION, document=digest("new"),
             documents=[])  # fmt: skip
    asked.refused("E_ORACLE_STALE", "nobody", "trade_document.attest", id=DECLARATION, **early)
    later = report(asked)
    assert asked.ok("nobody", "trade_document.attest", id=DECLARATION, **later) == "CLEARED"


def test_customs_with_a_seat_decide_step_by_step(world: World) -> None:
    lodged(world)
    for move, state in (("accept", "ACCEPTED"), ("release", "RELEASED"), ("clear", "CLEARED")):
        assert world.ok("customs", f"trade_document.{move}", id=DECLARATION) == state
    found = world.ok("px-reader", "trade_document.get", id=DECLARATION)
    assert (found["state"], found["amendments"]) == ("CLEARED", 0)
    world.refused("E_NOT_PARTY", "lg", "trade_document.get", id=DECLARATION)
    assert world.ok("lg", "trade_document.status", id=DECLARATION)["state"] == "CLEARED"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_NUMBER", {"id": "5301202600012345670"}),
        ("E_NUMBER", {"id": "530120262001234567"}),  # neither import nor export
        ("E_DIGEST", {"document": "x"}),
        ("E_DIGEST", {"documents": ["x"]}),
        ("E_DUPLICATE", {}),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    if code == "E_DUPLICATE":
        lodged(world)
    args = {"id": DECLARATION, "customs": "CUS-SZ", "document": digest("d"), "documents": []}
    world.refused(code, "px-maker", "trade_document.lodge", **{**args, **changes})


def test_there_are_thirty_six_types_each_with_known_elements(world: World) -> None:
    shown = world.ok("nobody", "trade_document.types")
    assert len(shown) == len({row["code"] for row in shown}) == 36
    known = {tag for tag, _ in ELEMENTS}
    assert all(set(row["elements"]) <= known and "1004" in row["elements"] for row in shown)
    assert {"bill of lading", "warehouse receipt", "bill of exchange", "promissory note"} <= {
        row["name"] for row in shown if row["is_transferable"]
    }


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_CODE", {"code": "999"}),
        ("E_CODE", {"id": "a b"}),
        ("E_TRANSFERABLE", {"code": "705", "elements": {}}),
        ("E_ELEMENTS", {"elements": {"1004": "0" * 64}}),
        ("E_ELEMENTS", {"elements": {**elements("271"), "9999": "0" * 64}}),
        ("E_ELEMENTS", {"elements": {**elements("271"), "1004": "plain"}}),
        ("E_PARTY", {"authority": "ZZ"}),
        ("E_DUPLICATE", {}),
    ],
)
def test_a_filing_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    if code == "E_DUPLICATE":
        filed(world)
    args = {"id": PAPER, "code": "271", "document": digest("list"), "elements": elements("271")}
    world.refused(code, "px-maker", "trade_document.file", **{**args, **changes})


def test_a_filed_document_is_seen_by_its_parties_and_whom_it_is_opened_to(world: World) -> None:
    filed(world)
    assert world.ok("qb-checker", "trade_document.certify", id=PAPER) == "CERTIFIED"
    world.refused("E_NOT_PARTY", "nb-ops", "trade_document.get", id=PAPER)
    world.ok("px-maker", "trade_document.open_to", id=PAPER, reader="NB")
    world.refused("E_DUPLICATE", "px-maker", "trade_document.open_to", id=PAPER, reader="NB")
    found = world.ok("nb-ops", "trade_document.get", id=PAPER)
    assert found["type"] == "packing list" and found["elements"][0]["name"] == "document identifier"
