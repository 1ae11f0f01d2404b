"""Electronic transferable records: one controller, endorsement, split, change of medium, delivery."""

from __future__ import annotations

from itertools import pairwise
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

from consensus.encoding import encode
from contracts.bundles import load_bundle
from contracts.runtime import values
from contracts.runtime.keys import state_key
from contracts.tables import TABLES
from tests.unit.suite.center_world import CHANNEL
from tests.unit.suite.conftest import fresh
from tests.unit.suite.exchange_world import Foreign
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import USERS, World, digest

BL = "BL-2026-1"
TEXT = digest("bill of lading")
SALT = bytes(range(16))
(TABLE,) = [table for table in TABLES if table.record == "record"]
PARTS = [["BL-A", "REG-A", digest("a"), 60], ["BL-B", "REG-B", digest("b"), 40]]
LIVE = ("ISSUED", "TRANSFERRED", "SURRENDERED")


def draft(world: World, **changes: Any) -> str:
    """NB plays the carrier; PX, the shipper, controls 100 cartons."""
    args = {
        "id": BL, "code": "705", "form": "order", "register": "REG-1", "document": TEXT,
        "quantity": 100, "unit": "CTN", "controllers": ["PX"], "salt": SALT,
    }  # fmt: skip
    return str(world.ok("nb-ops", "transferable_record.draft", **{**args, **changes}))


def issued(world: World, **changes: Any) -> World:
    draft(world, **changes)
    world.ok("nb-checker", "transferable_record.issue", id=changes.get("id", BL))
    return world


def call(world: World, who: str, move: str, id: str = BL, **args: Any) -> Any:
    return world.ok(who, f"transferable_record.{move}", id=id, **args)


def refused(world: World, code: str, who: str, move: str, id: str = BL, **args: Any) -> None:
    world.refused(code, who, f"transferable_record.{move}", id=id, **args)


def shown(world: World, id: str = BL) -> dict[str, Any]:
    return dict(world.ok("pbc", "transferable_record.get", id=id))


WALK = Walk(
    TABLE,
    BL,
    {
        "issue": ("nb-checker", {}),
        "cancel": ("nb-ops", {}),
        "transfer": ("px-maker", {"to": ["LG"]}),
        "ask": ("px-maker", {"what": "paper"}),
        "refuse": ("nb-ops", {}),
        "amend": ("nb-checker", {}),
        "split": ("nb-checker", {}),
        "switch_to_paper": ("nb-checker", {"paper": "P-1"}),
        "replace_paper": ("nb-checker", {"successor": "BL-9", "register": "REG-9",
                                         "controllers": ["LG"], "salt": SALT}),
        "exchange_hold": ("px-maker", {"number": "n", "taker": "LG"}),
        "exchange_move": ("px-maker", {"number": "n"}),
        "exchange_free": ("px-maker", {"number": "n"}),
        "surrender": ("px-maker", {}),
        "give_back": ("nb-checker", {}),
        "accomplish": ("nb-checker", {}),
    },
)  # fmt: skip


@pytest.mark.parametrize(("state", "move"), cases(WALK))
def test_a_record_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    draft(world)
    WALK.check_state(world, state, move)


@pytest.mark.parametrize(
    ("state", "move"), [case for case in allowed(WALK) if not case[1].startswith("exchange_")]
)
def test_a_record_is_moved_only_by_whom_its_table_names(
    world: World, state: str, move: str
) -> None:
    draft(world)
    WALK.check_persons(world, state, move)


def test_control_passes_by_endorsement_to_delivery_of_the_goods(world: World) -> None:
    issued(world)
    assert call(world, "px-maker", "transfer", to=["QB"]) == "TRANSFERRED"
    refused(world, "E_NOT_PARTY", "px-maker", "transfer", to=["LG"])  # one controller only
    assert world.ok("hb", "transferable_record.controls", id=BL, member="QB")
    assert not world.ok("hb", "transferable_record.controls", id=BL, member="PX")
    call(world, "qb-ops", "transfer", to=["HB"])
    assert call(world, "hb", "surrender") == "SURRENDERED"
    refused(world, "E_STATE", "hb", "transfer", to=["LG"])
    assert call(world, "nb-checker", "accomplish") == "ACCOMPLISHED"
    found = shown(world)
    assert [item[:3] for item in found["endorsements"]] == [
        ["PX", "QB", "special"],
        ["QB", "HB", "special"],
    ]


def test_delivery_alone_passes_bearer_records_and_those_endorsed_in_blank(world: World) -> None:
    issued(world)
    refused(world, "E_ENDORSEMENT", "px-maker", "transfer", to=["LG"], endorsement="delivery")
    call(world, "px-maker", "transfer", to=["LG"], endorsement="blank")
    call(world, "lg", "transfer", to=["HL"], endorsement="delivery")
    call(world, "hl", "transfer", to=["XY"])  # endorsed to a name again
    refused(world, "E_ENDORSEMENT", "xy", "transfer", to=["LG"], endorsement="delivery")
    issued(world, id="BL-2", register="REG-2", form="bearer")
    call(world, "px-maker", "transfer", "BL-2", to=["LG"], endorsement="delivery")


def test_two_of_three_controllers_act_as_one_and_one_alone_does_not(world: World) -> None:
    issued(world, controllers=["PX", "QB", "LG"], threshold=2)
    assert call(world, "px-maker", "transfer", to=["HB"]) == "ISSUED"
    assert shown(world)["agreed"] == ["PX"]
    refused(world, "E_CONSENTED", "px-maker", "transfer", to=["HB"])
    call(world, "qb-ops", "transfer", to=["HL"])  # another act: the count begins anew
    assert shown(world)["agreed"] == ["QB"]
    assert call(world, "lg", "transfer", to=["HL"]) == "TRANSFERRED"
    assert (shown(world)["controllers"], shown(world)["agreed"]) == (["HL"], [])
    refused(world, "E_NOT_PARTY", "px-maker", "surrender")


def test_a_reference_lives_in_one_record_so_control_is_claimed_once(world: World) -> None:
    issued(world)
    again = {
        "id": "BL-2", "code": "705", "form": "order", "register": "REG-1", "document": TEXT,
        "quantity": 100, "unit": "CTN", "controllers": ["LG"], "salt": SALT,
    }  # fmt: skip
    world.refused("E_REGISTER", "nb-ops", "transferable_record.draft", **again)
    draft(world, id="BL-3", register="REG-3")
    call(world, "nb-ops", "cancel", "BL-3")
    draft(world, id="BL-4", register="REG-3")  # never issued: the reference is free


def test_an_amendment_is_asked_for_and_shows(world: World) -> None:
    issued(world)
    refused(world, "E_NOT_ASKED", "nb-checker", "amend")
    refused(world, "E_DIGEST", "px-maker", "ask", what="amend", document=TEXT)
    call(world, "px-maker", "ask", what="amend", document=digest("corrected"))
    refused(world, "E_ASKED", "px-maker", "ask", what="paper")
    refused(world, "E_NOT_ASKED", "nb-checker", "split")
    call(world, "nb-checker", "amend")
    found = shown(world)
    assert found["document"] == digest("corrected")
    assert found["amendments"][0][:2] == [TEXT, digest("corrected")]
    call(world, "px-maker", "ask", what="paper")
    call(world, "nb-ops", "refuse")
    refused(world, "E_NOT_ASKED", "nb-checker", "switch_to_paper", paper="P-1")


def test_a_split_is_the_whole_in_parts_and_the_whole_is_gone(world: World) -> None:
    issued(world)
    short = [PARTS[0], ["BL-B", "REG-B", digest("b"), 39]]
    for parts in (short, PARTS[:1], [["x"], PARTS[1]]):
        refused(world, "E_PARTS", "px-maker", "ask", what="split", parts=parts)
    call(world, "px-maker", "ask", what="split", parts=PARTS)
    assert call(world, "nb-checker", "split") == "SPLIT"
    refused(world, "E_STATE", "px-maker", "transfer", to=["LG"])
    call(world, "px-maker", "transfer", "BL-A", to=["LG"])
    assert shown(world, "BL-B")["controllers"] == ["PX"]
    assert [shown(world, id)["quantity"] for id in shown(world)["children"]] == [60, 40]


def test_a_record_that_went_to_paper_is_dead_and_its_reference_too(world: World) -> None:
    issued(world)
    refused(world, "E_NOT_ASKED", "nb-checker", "switch_to_paper", paper="P-1")
    call(world, "px-maker", "ask", what="paper")
    assert call(world, "nb-checker", "switch_to_paper", paper="P-1") == "SWITCHED_TO_PAPER"
    for move, args in (("transfer", {"to": ["LG"]}), ("surrender", {}), ("ask", {"what": "paper"})):
        refused(world, "E_STATE", "px-maker", move, **args)
    more: dict[str, Any] = {"successor": "BL-2", "controllers": ["LG"], "salt": SALT}
    refused(world, "E_REGISTER", "nb-checker", "replace_paper", register="REG-1", **more)
    call(world, "nb-checker", "replace_paper", register="REG-2", **more)
    refused(world, "E_STATE", "nb-checker", "replace_paper", register="REG-3", **more)
    found = shown(world, "BL-2")
    assert (found["paper"], found["parent"], found["controllers"]) == ("P-1", BL, ["LG"])
    refused(world, "E_STATE", "px-maker", "transfer", to=["LG"])


def test_goods_not_delivered_give_control_back_to_who_surrendered(world: World) -> None:
    issued(world)
    call(world, "px-maker", "surrender")
    assert call(world, "nb-checker", "give_back") == "TRANSFERRED"
    call(world, "px-maker", "transfer", to=["LG"])


def test_all_see_that_it_exists_and_only_its_parties_who_controls_it(world: World) -> None:
    issued(world)
    before = world.ok("hb", "transferable_record.status", id=BL)
    assert "PX" not in str(before)
    world.refused("E_NOT_PARTY", "lg", "transferable_record.get", id=BL)
    call(world, "px-maker", "transfer", to=["LG"])
    assert world.ok("lg", "transferable_record.get", id=BL)["controllers"] == ["LG"]
    world.refused("E_NOT_PARTY", "px-maker", "transferable_record.get", id=BL)
    assert world.ok("hb", "transferable_record.status", id=BL)["control"] != before["control"]


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_TRANSFERABLE", {"code": "380"}),
        ("E_TRANSFERABLE", {"code": "0"}),
        ("E_CODE", {"form": "named"}),
        ("E_CODE", {"unit": "pieces of cake"}),
        ("E_AMOUNT", {"quantity": 0}),
        ("E_SALT", {"salt": bytes(8)}),
        ("E_DIGEST", {"document": ""}),
        ("E_CONTROL", {"controllers": []}),
        ("E_CONTROL", {"controllers": ["PX", "PX"], "threshold": 2}),
        ("E_CONTROL", {"controllers": ["PX", "LG"], "threshold": 1}),  # two that act alone
        ("E_CONTROL", {"controllers": ["PX", "LG", "HL", "XY"], "threshold": 2}),
        ("E_PARTY", {"controllers": ["ZZ"]}),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    args = {
        "id": BL, "code": "705", "form": "order", "register": "REG-1", "document": TEXT,
        "quantity": 100, "unit": "CTN", "controllers": ["PX"], "salt": SALT,
    }  # fmt: skip
    world.refused(code, "nb-ops", "transferable_record.draft", **{**args, **changes})


def test_a_record_is_drawn_up_and_issued_by_two_persons(world: World) -> None:
    draft(world)
    world.force("transferable_record", "record", BL, maker=digest("nb-checker"))
    refused(world, "E_FOUR_EYES", "nb-checker", "issue")


HOLDERS = {"PX": "px-maker", "LG": "lg", "HL": "hl", "QB": "qb-ops"}
GROUPS = ([["PX"], 1], [["LG"], 1], [["HL", "QB"], 2], [["PX", "LG", "QB"], 2])


class Histories(RuleBasedStateMachine):
    """Whatever is called by whom: what the carrier promised stands under one control, whole."""

    opened: World

    @initialize()
    def issue(self) -> None:
        self.world = issued(fresh(self.opened))
        self.ids = [BL]
        self.made = 0

    def call(self, who: str, move: str, id: str, **args: Any) -> bool:
        result = self.world.run(who, f"transferable_record.{move}", id=id, **args)
        assert result.outcome in ("ok", "revert"), (move, args, result.code, result.message)
        if result.outcome == "ok":
            call(self.world, who, move, id, **args)
        return bool(result.outcome == "ok")

    @rule(
        who=st.sampled_from(sorted(HOLDERS)),
        group=st.sampled_from(GROUPS),
        kind=st.sampled_from(["special", "blank", "delivery"]),
        at=st.integers(0, 5),
    )
    def transfer(self, who: str, group: list[Any], kind: str, at: int) -> None:
        to, threshold = group
        id = self.ids[at % len(self.ids)]
        self.call(HOLDERS[who], "transfer", id, to=to, threshold=threshold, endorsement=kind)

    @rule(who=st.sampled_from(sorted(HOLDERS)), what=st.sampled_from(["amend", "split", "paper"]),
          at=st.integers(0, 5))  # fmt: skip
    def ask(self, who: str, what: str, at: int) -> None:
        id = self.ids[at % len(self.ids)]
        quantity = shown(self.world, id)["quantity"]
        n = self.made
        parts = [
            [f"S-{n}", f"S-{n}", digest("s"), 1],
            [f"T-{n}", f"T-{n}", digest("t"), quantity - 1],
        ]
        more = {"parts": parts} if what == "split" else {}
        document = digest(f"text {n}") if what == "amend" else ""
        self.made += self.call(HOLDERS[who], "ask", id, what=what, document=document, **more)

    @rule(move=st.sampled_from(["amend", "split", "switch_to_paper", "replace_paper", "give_back",
                                "accomplish", "refuse"]), at=st.integers(0, 5))  # fmt: skip
    def issuer(self, move: str, at: int) -> None:
        id = self.ids[at % len(self.ids)]
        n = self.made
        more: dict[str, Any] = {"paper": "P"} if move == "switch_to_paper" else {}
        if move == "replace_paper":
            more = {
                "successor": f"N-{n}",
                "register": f"N-{n}",
                "controllers": ["LG"],
                "salt": SALT,
            }
        if self.call("nb-checker", move, id, **more):
            self.made += 1
            found = shown(self.world, id)
            self.ids += found["children"] if move == "split" else []
            self.ids += [found["successor"]] if move == "replace_paper" else []

    @rule(who=st.sampled_from(sorted(HOLDERS)), at=st.integers(0, 5))
    def surrender(self, who: str, at: int) -> None:
        self.call(HOLDERS[who], "surrender", self.ids[at % len(self.ids)])

    @invariant()
    def one_control_of_the_whole(self) -> None:
        if not hasattr(self, "world"):
            return
        found = [shown(self.world, id) for id in self.ids]
        ends = (*LIVE, "SWITCHED_TO_PAPER", "ACCOMPLISHED")
        assert sum(record["quantity"] for record in found if record["state"] in ends) == 100
        living = [record["register"] for record in found if record["state"] in LIVE]
        assert len(living) == len(set(living))
        for record in found:
            assert 2 * record["threshold"] > len(set(record["controllers"])) > 0
            chain = record["endorsements"]
            assert all(a[1] in ("", b[0]) for a, b in pairwise(chain))
            if chain and record["state"] in LIVE and chain[-1][2] == "special":
                assert record["parent"] or chain[-1][1] == ",".join(record["controllers"])


def test_no_history_makes_two_controllers_or_loses_a_carton(opened: World) -> None:
    Histories.opened = opened
    machine = settings(max_examples=12, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)


@pytest.fixture(scope="module")
def other_channel() -> Foreign:
    return Foreign()


def agreed(world: World, other: Foreign, **changes: Any) -> dict[str, Any]:
    """PX gives the bill of lading to LG here, against LG's deposit on the other channel."""
    here = {"channel": CHANNEL, "contract": "transferable_record", "asset": BL, "giver": "PX",
            "taker": "LG"}  # fmt: skip
    there = {
        "channel": other.id,
        "contract": "depot",
        "asset": "money",
        "giver": "LG",
        "taker": "PX",
    }
    until = world.now_ms + 3_600_000
    return {"first": here | changes, "second": there, "until_ms": until, "salt": SALT}


@pytest.mark.parametrize(("end", "move"), [("SETTLED", "claim"), ("CALLED_OFF", "release")])
def test_a_record_changes_hands_against_an_asset_on_another_channel(
    world: World, other_channel: Foreign, end: str, move: str
) -> None:
    world.users = USERS | {"qb-admin": ("QB", ("admin",)), "nb-admin": ("NB", ("admin",))}
    world.engine.code = dict(world.engine.code)  # the other tests' worlds share it
    for name in ("foreign_channel", "exchange"):
        world.engine.load(load_bundle(name))
    world.ok("qb-admin", "foreign_channel.introduce", config=encode(other_channel.config))
    world.ok("nb-admin", "foreign_channel.confirm", channel=other_channel.id)
    issued(world)
    terms = agreed(world, other_channel)
    world.refused("E_NOT_PARTY", "hl", "exchange.lock",
                  terms=agreed(world, other_channel, giver="HL"))  # fmt: skip
    number = world.ok("px-maker", "exchange.lock", terms=terms)
    assert shown(world)["state"] == "IN_EXCHANGE"
    for held in ("transfer", "ask", "surrender", "exchange_free"):
        refused(world, "E_STATE" if held != "exchange_free" else "E_NOT_PARTY", *WALK.calls[held][:1],
                held, **WALK.calls[held][1])  # fmt: skip
    world.refused("E_STATE", "px-maker", "exchange.lock", terms=terms)
    other_channel.state[state_key("exchange", "stand", number)] = values.encode(end)
    world.ok("nobody", f"exchange.{move}", id=number, fact=other_channel.stand(number))
    found = shown(world)
    controller = "LG" if end == "SETTLED" else "PX"
    assert (found["state"], found["controllers"]) == ("TRANSFERRED", [controller])
    call(world, "lg" if end == "SETTLED" else "px-maker", "transfer", to=["HL"])
