"""The data catalogue: consented queries, and refusals that stay on record."""

from __future__ import annotations

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
from tests.unit.suite.world import World, digest

(TABLE,) = [table for table in TABLES if table.record == "query"]
DATA, USE = "EXPORTS", "CREDIT"
DAY_MS = 86_400_000
QUESTION = {"dataset": DATA, "subject": "PX", "purpose": USE, "fields": ["VALUE"]}
NUMBER = "QB/1"


def seated(world: World) -> World:
    """Customs and the tax office are parties; customs list what they know of exports."""
    for party_id in ("CUS-SZ", "TAX-SZ"):
        world.ok("qb-ops", "party.apply", party_id=party_id, legal_name=party_id,
                 kind="authority", country="CN", city="SZ")  # fmt: skip
        world.attest(party_id)
    publish(world)
    return world


def publish(world: World, **changes: Any) -> None:
    args = {
        "id": DATA, "title": "Export declarations", "fields": ["VALUE", "GOODS"],
        "purposes": [USE, "AUDIT"], "legal_basis": "Customs Law art. 86",
        "mandates": [["TAX-SZ", "AUDIT"]],
    }  # fmt: skip
    world.ok("customs", "data_catalogue.publish", **{**args, **changes})


@pytest.fixture(scope="module")
def opened_data(opened: World) -> World:
    return seated(fresh(opened))


@pytest.fixture
def data(opened_data: World) -> World:
    return fresh(opened_data)


def consent(world: World, days: int = 30) -> None:
    world.ok("px-maker", "data_catalogue.consent", dataset=DATA, requester="QB", purpose=USE,
             until_ms=world.now_ms + days * DAY_MS)  # fmt: skip


def ask(world: World, who: str = "qb-ops", **changes: Any) -> dict[str, Any]:
    return dict(world.ok(who, "data_catalogue.ask", **{**QUESTION, **changes}))


def granted(world: World) -> World:
    consent(world)
    assert ask(world)["state"] == "GRANTED"
    return world


WALK = Walk(
    TABLE,
    NUMBER,
    {
        "answer": ("customs-checker", {"answer": digest("told")}),
        "decline": ("customs-checker", {"reason": "archived"}),
        "lapse": ("nobody", {}),
    },
)


@pytest.mark.parametrize(("state", "move"), cases(WALK))
def test_a_query_moves_only_as_its_table_says(data: World, state: str, move: str) -> None:
    WALK.check_state(granted(data), state, move)


@pytest.mark.parametrize(("state", "move"), allowed(WALK))
def test_a_query_is_moved_only_by_whom_its_table_names(data: World, state: str, move: str) -> None:
    WALK.check_persons(granted(data), state, move)


def test_without_consent_the_refusal_is_recorded_and_counted(data: World) -> None:
    found = ask(data)
    assert found == {"id": NUMBER, "state": "REFUSED", "reason": "no consent"}
    assert data.events == ["Query.Refused"]
    log = data.ok("px-reader", "data_catalogue.access_log")
    assert (log["granted"], log["refused"]) == (0, 1)
    assert [(q["requester"], q["purpose"], q["reason"]) for q in log["queries"]] == [
        ("QB", USE, "no consent")
    ]
    data.refused("E_STATE", "customs-checker", "data_catalogue.answer", id=NUMBER,
                 answer=digest("told"))  # fmt: skip


def test_a_consent_is_for_one_asker_one_use_and_one_time(data: World) -> None:
    consent(data, days=1)
    assert ask(data)["state"] == "GRANTED"
    assert ask(data, purpose="AUDIT")["reason"] == "no consent"
    assert ask(data, "nb-ops")["reason"] == "no consent"
    assert ask(data, purpose="MARKETING")["reason"] == "the data does not serve this purpose"
    assert ask(data, subject="LG")["reason"] == "no consent"
    data.now_ms += DAY_MS
    assert ask(data)["reason"] == "the consent has ended"


def test_an_answer_needs_the_consent_to_hold_still(data: World) -> None:
    granted(data)
    data.refused("E_TOO_EARLY", "nobody", "data_catalogue.lapse", id=NUMBER)
    data.ok(
        "px-maker", "data_catalogue.withdraw_consent", dataset=DATA, requester="QB", purpose=USE
    )
    told = {"id": NUMBER, "answer": digest("told")}
    data.refused("E_CONSENT", "customs-checker", "data_catalogue.answer", **told)
    assert data.ok("nobody", "data_catalogue.lapse", id=NUMBER) == "LAPSED"
    consent(data)
    ask(data)
    told["id"] = "QB/2"
    assert data.ok("customs-checker", "data_catalogue.answer", **told) == "ANSWERED"
    assert data.ok("qb-ops", "data_catalogue.get", id="QB/2")["answer"] == digest("told")
    data.refused("E_NOT_PARTY", "nb-ops", "data_catalogue.get", id="QB/2")


def test_a_resident_field_is_told_to_nobody_abroad_and_its_answer_crosses_no_bridge(
    data: World,
) -> None:
    publish(data, id="PEOPLE", fields=["NAME", "SCORE"], resident=["NAME"])
    question = {"dataset": "PEOPLE", "fields": ["NAME", "SCORE"]}
    for requester in ("FB", "QB"):
        data.ok("px-maker", "data_catalogue.consent", dataset="PEOPLE", requester=requester,
                purpose=USE, until_ms=data.now_ms + DAY_MS)  # fmt: skip
    refused = ask(data, "fb", **question)
    assert (refused["state"], refused["reason"]) == ("REFUSED", "resident in CN: NAME")
    assert ask(data, "fb", **question | {"fields": ["SCORE"]})["state"] == "GRANTED"
    found = ask(data, "qb-ops", **question)
    assert found["state"] == "GRANTED"
    told = {"id": found["id"], "answer": digest("name and score")}
    data.ok("customs-checker", "data_catalogue.answer", **told)
    assert data.ok("nobody", "data_catalogue.resident_in", answer=told["answer"]) == ["NAME"]
    across = {"carrier": "QB", "reader": "FB", "until": "2027-12-31"}
    document = {"document": told["answer"]}
    data.refused("E_RESIDENCY", "px-maker", "zone_bridge.consent", **across, **document)
    # A consent that was there before the answer lets it across no more than one given after.
    later = digest("answered later")
    number = data.ok("px-maker", "zone_bridge.consent", **across, document=later)
    again = ask(data, "qb-ops", **question)
    data.ok("customs-checker", "data_catalogue.answer", id=again["id"], answer=later)
    data.refused("E_RESIDENCY", "qb-ops", "zone_bridge.cross_document", id=number, document=later)
    for wrong in (["AGE"], ["NAME", "NAME"]):
        data.refused("E_CODE", "customs", "data_catalogue.publish", id="MORE", title="t",
                     fields=["NAME"], purposes=[USE], legal_basis="l", resident=wrong)  # fmt: skip


def test_a_mandate_of_law_needs_no_consent_and_is_counted_too(data: World) -> None:
    assert ask(data, "tax", purpose="AUDIT")["state"] == "GRANTED"
    assert ask(data, "tax", purpose=USE)["state"] == "REFUSED"
    log = data.ok("px-reader", "data_catalogue.access_log", limit=1)
    assert (log["granted"], log["refused"], len(log["queries"])) == (1, 1, 1)
    rest = data.ok("px-reader", "data_catalogue.access_log", after=log["queries"][0]["id"])
    assert [q["state"] for q in rest["queries"]] == ["REFUSED"]
    data.refused("E_NOT_PARTY", "lg", "data_catalogue.access_log", subject="PX")
    assert data.ok("pbc", "data_catalogue.access_log", subject="PX")["granted"] == 1


def test_a_closed_set_of_data_answers_nobody(data: World) -> None:
    granted(data)
    data.refused("E_NOT_PARTY", "tax", "data_catalogue.close", id=DATA)
    data.ok("customs", "data_catalogue.close", id=DATA)
    assert ask(data)["reason"] == "the set of data is closed"
    assert data.ok("nobody", "data_catalogue.lapse", id=NUMBER) == "LAPSED"
    assert [found["id"] for found in data.ok("nobody", "data_catalogue.catalogue")] == [DATA]


@pytest.mark.parametrize(
    ("code", "who", "target", "args"),
    [
        ("E_ROLE", "qb-ops", "publish", {"id": "X"}),
        ("E_DUPLICATE", "customs", "publish", {}),
        ("E_CODE", "customs", "publish", {"id": "X", "mandates": [["TAX-SZ", "OTHER"]]}),
        ("E_CODE", "customs", "publish", {"id": "X", "fields": ["A", "A"]}),
        ("E_TEXT", "customs", "publish", {"id": "X", "legal_basis": ""}),
        ("E_ROLE", "lg", "ask", {}),
        ("E_CODE", "qb-ops", "ask", {"fields": ["OTHER"]}),
        ("E_NOT_FOUND", "qb-ops", "ask", {"subject": "ZZ"}),
        ("E_NOT_FOUND", "qb-ops", "ask", {"dataset": "ZZ"}),
        ("E_CODE", "px-maker", "consent", {"purpose": "OTHER"}),
        ("E_PARTY", "px-maker", "consent", {"requester": "ZZ"}),
        ("E_DATE", "px-maker", "consent", {"until_ms": 1}),
        ("E_ROLE", "px-reader", "consent", {}),
    ],
)
def test_what_makes_no_sense_is_refused(
    data: World, code: str, who: str, target: str, args: dict[str, Any]
) -> None:
    whole: dict[str, dict[str, Any]] = {
        "publish": {"id": DATA, "title": "t", "fields": ["A"], "purposes": [USE], "legal_basis": "l"},
        "ask": QUESTION,
        "consent": {"dataset": DATA, "requester": "QB", "purpose": USE,
                    "until_ms": data.now_ms + DAY_MS},
    }  # fmt: skip
    data.refused(code, who, f"data_catalogue.{target}", **{**whole[target], **args})


ASKERS = {"QB": "qb-ops", "NB": "nb-ops", "TAX-SZ": "tax"}


class Histories(RuleBasedStateMachine):
    """Whoever asks whatever whenever: the ledger grants what somebody consented to, and counts all."""

    opened: World

    @initialize()
    def begin(self) -> None:
        self.world = fresh(self.opened)
        self.until: dict[tuple[str, str], int] = {}
        self.asked = {"GRANTED": 0, "REFUSED": 0}

    @rule(who=st.sampled_from(sorted(ASKERS)), purpose=st.sampled_from([USE, "AUDIT"]),
          days=st.integers(1, 20))  # fmt: skip
    def consent(self, who: str, purpose: str, days: int) -> None:
        until = self.world.now_ms + days * DAY_MS
        self.world.ok("px-maker", "data_catalogue.consent", dataset=DATA, requester=who,
                      purpose=purpose, until_ms=until)  # fmt: skip
        self.until[(who, purpose)] = until

    @rule(who=st.sampled_from(sorted(ASKERS)), purpose=st.sampled_from([USE, "AUDIT"]))
    def withdraw(self, who: str, purpose: str) -> None:
        if (who, purpose) in self.until:
            self.world.ok("px-maker", "data_catalogue.withdraw_consent", dataset=DATA,
                          requester=who, purpose=purpose)  # fmt: skip
            self.until[(who, purpose)] = 0

    @rule(who=st.sampled_from(sorted(ASKERS)), purpose=st.sampled_from([USE, "AUDIT"]))
    def ask(self, who: str, purpose: str) -> None:
        found = ask(self.world, ASKERS[who], purpose=purpose)
        allowed_by_law = (who, purpose) == ("TAX-SZ", "AUDIT")
        allowed_now = self.world.now_ms < self.until.get((who, purpose), 0)
        assert (found["state"] == "GRANTED") is (allowed_by_law or allowed_now)
        self.asked[found["state"]] += 1

    @rule(days=st.integers(1, 10))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * DAY_MS

    @invariant()
    def everything_is_counted(self) -> None:
        if hasattr(self, "world"):
            log = self.world.ok("px-reader", "data_catalogue.access_log", limit=100)
            counted = {"GRANTED": log["granted"], "REFUSED": log["refused"]}
            assert counted == self.asked and len(log["queries"]) == sum(self.asked.values())


def test_no_history_grants_what_nobody_consented_to(opened_data: World) -> None:
    Histories.opened = opened_data
    machine = settings(max_examples=12, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
