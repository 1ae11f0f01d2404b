"""An invoice brought a second time in other words: found by its marks, never by a bank's name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.rules.invoice_registry_machine import CLAIM
from node.documents.fingerprint import Marks, amount_range, fingerprint, marks_of
from node.identity.suite import get_suite
from tests.unit.suite.test_tables import check, states
from tests.unit.suite.world import World, digest

SM, KEY = get_suite("sm"), bytes(32)
INVOICE: dict[str, Any] = {
    "seller": "91440300MA5DEM00A5", "number": "26442000000123456789", "date": "2026-11-16",
    "gross": 1_200_000_000, "currency": "CNY",
}  # fmt: skip


def brought(**changes: Any) -> dict[str, Any]:
    """What a gateway registers for the invoice as somebody typed it."""
    typed = {**INVOICE, **changes}
    plain = {name: typed[name] for name in INVOICE}
    marks: Marks = marks_of(SM, KEY, **typed)
    return {"fingerprint": fingerprint(SM, KEY, **plain), "marks": list(marks.marks),
            "looks": list(marks.looks)}  # fmt: skip


@pytest.fixture
def financed(world: World) -> World:
    world.ok("qb-ops", "invoice_registry.register", **brought(declaration="530120260001234567"))
    return world


@pytest.mark.parametrize("move", ["acknowledge", "release", "void_underlying"])
@pytest.mark.parametrize("state", states(CLAIM))
def test_a_claim_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    key = digest("an invoice")
    world.ok("qb-ops", "invoice_registry.register", fingerprint=key)
    later = {"until_ms": world.now_ms + 1, "alert_bps": 1}
    world.force("invoice_registry", "claim", (key, "QB", 1), state=state, **later)
    args = {"fingerprint": key} | ({"reason": "another lot"} if move == "acknowledge" else {})
    check(world, CLAIM, state, move, f"invoice_registry.{move}", "qb-ops", args)


def test_the_second_bank_is_refused_the_same_invoice_however_it_is_typed(financed: World) -> None:
    for number in ("0026442000000123456789", "2644-2000-0001-2345-6789", "２６４４２０００００0123456789",
                   " 26442OOOOOO123456789 "):  # fmt: skip
        again = brought(number=number)
        financed.refused("E_DUPLICATE_FINANCING", "nb-ops", "invoice_registry.register", **again)


def test_another_amount_or_date_raises_an_alert_that_the_bank_acknowledges(financed: World) -> None:
    world = financed
    second = brought(gross=1_200_000_001, number="0026442000000123456789")
    world.ok("nb-ops", "invoice_registry.register", **second)
    assert "IR.Alert" in world.events and "IR.ConflictSeen" in world.events
    key = {"fingerprint": second["fingerprint"]}
    own = world.ok("nb-ops", "invoice_registry.my_claim", **key)
    assert (own["alert_bps"], own["conflicts"]) == (9700, 1)
    first = world.ok("qb-ops", "invoice_registry.my_claim",
                     fingerprint=brought()["fingerprint"])  # fmt: skip
    assert first["conflicts"] == 1
    assert "QB" not in str(own) and "NB" not in str(first)
    world.refused("E_OWNER", "qb-ops", "invoice_registry.acknowledge", **key, reason="no")
    world.refused("E_TEXT", "nb-ops", "invoice_registry.acknowledge", **key, reason="")
    world.ok("nb-ops", "invoice_registry.acknowledge", **key, reason="a second delivery")
    world.refused("E_ALERT", "nb-ops", "invoice_registry.acknowledge", **key, reason="twice")
    world.refused("E_ROLE", "nb-ops", "invoice_registry.claims_of", **key)
    both = world.ok("pbc", "invoice_registry.claims_of", **key)
    assert [(row["bank"], row["reason"]) for row in both] == [("NB", "a second delivery")]


@pytest.mark.parametrize(
    ("changes", "score"),
    [
        ({"date": "2026-11-17"}, 9500),
        ({"date": "2026-11-17", "gross": 900_000_000}, 8000),
        ({"number": "7", "declaration": "530120260001234567"}, 9500),
        ({"number": "7"}, 0),
        ({"seller": "91440300MA5DEMT1BW"}, 0),
    ],
)
def test_the_score_is_that_of_the_surest_mark_in_common(
    financed: World, changes: dict[str, Any], score: int
) -> None:
    again = brought(**changes)
    financed.ok("nb-ops", "invoice_registry.register", **again)
    own = financed.ok("nb-ops", "invoice_registry.my_claim", fingerprint=again["fingerprint"])
    assert own["alert_bps"] == score


def test_a_bank_pays_only_after_it_has_looked_into_an_alert(world: World) -> None:
    world.ok("nb-ops", "invoice_registry.register", **brought(date="2026-11-15"))
    here = brought()
    world.ok("qb-ops", "invoice_registry.register", **here)
    request_id = world.ok(
        "px-maker", "financing.request_invoice", document=digest("export"), due_date="2027-02-16",
        purpose="production", consent=True,
    )  # fmt: skip
    world.quote(request_id, rate_ppm=32_000, principal_fen=960_000_000)
    world.accept_quote(request_id, who="px-maker")
    args = {"request_id": request_id, "fingerprint": here["fingerprint"]}
    world.refused("E_ALERT", "qb-ops", "financing.duplicate_check", **args)
    world.ok("qb-ops", "invoice_registry.acknowledge", fingerprint=here["fingerprint"],
             reason="the other invoice was cancelled")  # fmt: skip
    assert world.ok("qb-ops", "financing.duplicate_check", **args) == "CLEARED"


def test_an_invoice_given_up_alerts_nobody_and_a_wrong_mark_is_refused(world: World) -> None:
    first = brought()
    world.ok("qb-ops", "invoice_registry.register", **first)
    world.ok("qb-ops", "invoice_registry.release", fingerprint=first["fingerprint"])
    again = brought(gross=1_200_000_001)
    world.ok("nb-ops", "invoice_registry.register", **again)
    own = world.ok("nb-ops", "invoice_registry.my_claim", fingerprint=again["fingerprint"])
    assert own["alert_bps"] == 0
    for marks in (["near"], ["colour:" + digest("x")], ["near:" + digest("x")] * 13):
        world.refused("E_MARKS", "nb-ops", "invoice_registry.register", fingerprint=digest("y"),
                      marks=marks)  # fmt: skip


@given(gross=st.integers(50_000, 10**13), by=st.integers(-9_000, 9_000))
def test_amounts_nearly_one_per_cent_apart_share_a_range_or_lie_in_neighbouring_ones(
    gross: int, by: int
) -> None:
    other = gross + gross * by // 1_000_000
    assert abs(amount_range(gross) - amount_range(other)) <= 1


def test_marks_tell_nothing_without_the_key() -> None:
    mine, theirs = brought()["marks"], marks_of(SM, bytes([1]) * 32, **INVOICE).marks
    assert not set(mine) & set(theirs)
    with pytest.raises(ValueError, match="32 bytes"):
        marks_of(SM, bytes(31), **INVOICE)
