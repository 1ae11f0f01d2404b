"""Invoices for what was used: each month once, at the prices that hold, closed by money's own ledger."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contracts.runtime import values
from contracts.runtime.keys import state_key
from contracts.tables import TABLES
from tests.unit.suite.conftest import fresh
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import World, at

TABLE = {t.record: t for t in TABLES if t.contract == "billing"}
# The worked example of docs/billing.md.
PRICES = {
    "base_fen": 10_000,
    "transactions_fen": 200,
    "bytes_fen": 350,
    "gas_fen": 12,
    "queries_fen": 50,
}
USED = {"transactions": 1_234, "bytes": 1_048_576, "gas": 61_234_567}
BLOCKS = {"first_block": 11, "last_block": 420}
INVOICE = "QB/PX/2026-12"
SALT = {"salt": bytes(range(16))}


def operating(world: World, **prices: Any) -> str:
    """QB and NB operate; QB's tariff holds for all from December on."""
    for member in ("QB", "NB"):
        world.ok("pbc", "billing.name_operator", member=member)
    tariff = world.ok("qb-ops", "billing.propose", from_month="2026-12", **{**PRICES, **prices})
    world.ok("pbc", "billing.accept", id=tariff)
    return str(tariff)


def drawn(world: World, **changes: Any) -> str:
    world.now_ms = max(world.now_ms, at("2027-01-04"))
    args = {"payer": "PX", "month": "2026-12", **USED, **BLOCKS, **changes}
    return str(world.ok("qb-ops", "billing.draw", **args))


def due(world: World, **changes: Any) -> dict[str, Any]:
    id_ = drawn(world, **changes)
    figures = {name: changes.get(name, count) for name, count in USED.items()}
    return dict(world.ok("nb-ops", "billing.attest", id=id_, **figures, **SALT))


def shown(world: World, id_: str = INVOICE) -> dict[str, Any]:
    return dict(world.ok("pbc", "billing.get", id=id_))


def suspended(world: World, member: str = "PX") -> bool:
    return bool(world.ok("nobody", "billing.standing", member=member)["is_suspended"])


def served(
    world: World, day: str, count: int, previous: str = "0" * 64, digest: str = "a" * 64
) -> Any:
    args = {"node": "Shenzhen", "day": day, "previous": previous, "digest": digest}
    return world.ok("qb-ops", "billing.anchor_statement", **args, members=["PX"], counts=[count])


# ---- figures -------------------------------------------------------------------------------------


def test_a_month_becomes_an_invoice_to_the_fen_and_a_proof_closes_it(paying_world: World) -> None:
    world = paying_world
    operating(world)
    world.now_ms = at("2027-01-02")
    served(world, "2026-12-30", 5_000)
    served(world, "2026-12-31", 678, "a" * 64, "b" * 64)
    terms = due(world)
    assert (terms["state"], terms["amount_fen"], terms["instalment"]) == ("DUE", 11_633, 1)
    invoice = shown(world)
    assert [line["micro_fen"] for line in invoice["lines"]] == [
        10_000_000_000, 246_800_000, 367_001_600, 734_814_804, 283_900_000,
    ]  # fmt: skip
    assert (invoice["queries"], invoice["due"], invoice["is_overdue"]) == (
        5_678,
        "2027-02-03",
        False,
    )
    proof = world.pay("PX", "QB", 11_633, terms["reference"])
    assert world.ok("nobody", "billing.settle", id=INVOICE, instalment=1, proof=proof) == "SETTLED"
    assert world.events[-1] == "Billing.Settled"
    assert (shown(world)["paid_fen"], suspended(world)) == (11_633, False)
    world.refused(
        "E_PROOF_NULLIFIER", "nobody", "billing.settle", id=INVOICE, instalment=1,
        proof=world.proof_again("PX", world.paid),
    )  # fmt: skip


def test_months_are_drawn_up_once_each_and_one_after_the_other(world: World) -> None:
    operating(world)
    draw = {"payer": "PX", **USED, **BLOCKS}
    world.refused("E_TOO_EARLY", "qb-ops", "billing.draw", month="2026-12", **draw)
    world.now_ms = at("2027-03-02")
    world.refused("E_NO_TARIFF", "qb-ops", "billing.draw", month="2026-11", **draw)
    world.refused("E_DATE", "qb-ops", "billing.draw", month="2026-13", **draw)
    drawn(world)
    world.refused("E_MONTH", "qb-ops", "billing.draw", month="2026-12", **draw)
    world.refused("E_MONTH", "qb-ops", "billing.draw", month="2027-02", **draw)
    assert world.ok("qb-ops", "billing.draw", month="2027-01", **draw) == "QB/PX/2027-01"
    assert world.ok("nobody", "billing.account", operator="QB", payer="PX") == {
        "next_month": "2027-02", "credit_fen": 0,
    }  # fmt: skip
    # Of another member, or another operator, the months are counted apart.
    world.ok("qb-ops", "billing.draw", month="2027-02", **{**draw, "payer": "LG"})
    world.refused("E_NO_TARIFF", "nb-ops", "billing.draw", month="2027-01", **draw)
    world.refused(
        "E_OPERATOR", "px-maker", "billing.draw", month="2027-01", **{**draw, "payer": "LG"}
    )
    world.refused("E_SELF", "qb-ops", "billing.draw", month="2027-01", **{**draw, "payer": "QB"})
    world.refused(
        "E_FIGURES", "qb-ops", "billing.draw", month="2027-01", **{**draw, "payer": "HL", "gas": -1}
    )


def test_a_tariff_holds_from_its_month_for_whom_it_was_accepted_or_who_agreed(world: World) -> None:
    operating(world)
    prices = {**PRICES, "base_fen": 1}
    quote = {"operator": "QB", **USED}
    args = {"from_month": "2027-01", **prices}
    cheaper = world.ok("qb-ops", "billing.propose", **args)
    world.ok("px-maker", "billing.agree", id=cheaper)
    world.refused("E_DUPLICATE", "px-maker", "billing.agree", id=cheaper)
    world.refused("E_AGREED", "qb-ops", "billing.withdraw", id=cheaper)
    world.refused("E_SELF", "qb-ops", "billing.agree", id=cheaper)
    for payer, month, tariff in (
        ("PX", "2026-12", "QB/1"), ("PX", "2027-01", "QB/2"), ("LG", "2027-01", "QB/1"),
    ):  # fmt: skip
        found = world.ok("nobody", "billing.quote", payer=payer, month=month, **quote)
        assert found["tariff"] == tariff
    world.refused("E_NO_TARIFF", "nobody", "billing.quote", payer="PX", month="2026-11", **quote)
    late = world.ok("qb-ops", "billing.propose", **args)
    world.now_ms = at("2027-01-01")
    world.refused("E_TOO_LATE", "pbc", "billing.accept", id=late)
    world.refused("E_TOO_LATE", "lg", "billing.agree", id=late)
    world.refused("E_DATE", "qb-ops", "billing.propose", **args)
    world.refused("E_OPERATOR", "lg", "billing.propose", **{**args, "from_month": "2027-02"})
    world.refused(
        "E_AMOUNT", "qb-ops", "billing.propose", **{**args, "from_month": "2027-02", "gas_fen": -1}
    )
    # A payer has at least as long to dispute an invoice as to pay one that was upheld.
    count = len(world.ok("nobody", "billing.list_tariffs", operator="QB"))
    for days in (-1, 0, 6, 91):
        short = {**args, "from_month": "2027-02", "pay_days": days}
        world.refused("E_DATE", "qb-ops", "billing.propose", **short)
    assert len(world.ok("nobody", "billing.list_tariffs", operator="QB")) == count
    world.ok("qb-ops", "billing.propose", **{**args, "from_month": "2027-02", "pay_days": 7})
    world.ok("qb-ops", "billing.withdraw", id=late)
    world.refused("E_ROLE", "qb-ops", "billing.name_operator", member="LG")


def test_nothing_falls_due_before_somebody_else_has_counted_the_same(world: World) -> None:
    operating(world)
    drawn(world)
    attest = {"id": INVOICE, **USED, **SALT}
    world.refused("E_SELF", "qb-ops", "billing.attest", **attest)
    world.refused("E_SELF", "px-maker", "billing.attest", **attest)
    world.refused("E_OPERATOR", "lg", "billing.attest", **attest)
    for name in USED:
        world.refused("E_FIGURES", "nb-ops", "billing.attest", **{**attest, name: USED[name] + 1})
    assert shown(world)["state"] == "DRAWN"
    corrected = {**USED, "gas": 61_000_000}
    world.ok("qb-ops", "billing.redraw", id=INVOICE, **corrected, **BLOCKS)
    world.refused("E_FIGURES", "nb-ops", "billing.attest", **attest)
    world.ok(
        "pbc", "billing.attest", **{**attest, **corrected}
    )  # an authority's own node counts as well
    world.refused("E_STATE", "qb-ops", "billing.redraw", id=INVOICE, **corrected, **BLOCKS)
    assert shown(world)["attested_by"] == "PBC-SZ"


# ---- overdue and disputed ------------------------------------------------------------------------


def test_an_overdue_invoice_suspends_until_it_is_paid_and_the_oldest_counts(
    paying_world: World,
) -> None:
    world = paying_world
    operating(world)
    first = due(world)
    world.now_ms = at("2027-02-02")
    second = due(world, month="2027-01")
    assert not suspended(world)
    world.now_ms = at("2027-02-04")
    assert suspended(world) and shown(world)["is_overdue"]
    key = state_key("billing", "arrears", "PX")
    oldest = values.decode(world.state[key])
    assert at("2027-02-03") < oldest == at("2027-02-04", 0) - 1
    # Paying the younger one helps nobody; the older one lifts it by itself.
    proof = world.pay("PX", "QB", second["amount_fen"], second["reference"])
    world.ok("nobody", "billing.settle", id="QB/PX/2027-01", instalment=1, proof=proof)
    assert suspended(world)
    proof = world.pay("PX", "QB", first["amount_fen"], first["reference"])
    world.ok("nobody", "billing.settle", id=INVOICE, instalment=1, proof=proof)
    assert not suspended(world) and key not in world.state


def test_a_disputed_invoice_suspends_nobody_and_is_decided_once(world: World) -> None:
    operating(world)
    due(world)
    own = {**USED, "gas": 1_234_567, "queries": 0}
    dispute = {"id": INVOICE, **own}
    world.refused("E_NOT_PARTY", "lg", "billing.dispute", **dispute)
    world.refused("E_FIGURES", "px-maker", "billing.dispute", **{**dispute, "gas": USED["gas"]})
    world.refused("E_FIGURES", "px-maker", "billing.dispute", **{**dispute, "queries": 1})
    world.now_ms = at("2027-02-03")
    world.ok("px-maker", "billing.dispute", **dispute)
    world.now_ms = at("2027-06-01")
    assert not suspended(world)
    uphold = {"id": INVOICE, **USED}
    world.refused("E_SELF", "qb-ops", "billing.uphold", **uphold)
    world.refused("E_FIGURES", "nb-ops", "billing.uphold", **{**uphold, "gas": 1_234_567})
    world.ok("nb-ops", "billing.uphold", **uphold)
    assert (shown(world)["due"], suspended(world)) == ("2027-06-08", False)
    world.refused("E_DISPUTED", "px-maker", "billing.dispute", **dispute)
    world.now_ms = at("2027-06-09")
    assert suspended(world)


def test_who_is_overdue_cannot_escape_by_a_dispute(world: World) -> None:
    operating(world)
    due(world)
    world.now_ms = at("2027-02-04")
    args = {"id": INVOICE, **USED, "gas": 0, "queries": 0}
    world.refused("E_TOO_LATE", "px-maker", "billing.dispute", **args)
    assert suspended(world)


def test_what_was_paid_too_much_is_credited_to_the_next_invoice(paying_world: World) -> None:
    world = paying_world
    operating(world)
    terms = due(world)
    assert terms["amount_fen"] == 11_349  # without queries
    own = {**USED, "gas": 1_234_567, "queries": 0}
    world.ok("px-maker", "billing.dispute", id=INVOICE, **own)
    world.refused("E_NOT_PARTY", "nb-ops", "billing.concede", id=INVOICE, **SALT)
    less = world.ok("qb-ops", "billing.concede", id=INVOICE, **SALT)
    # 10,000 + 246.8 + 367.0016 + 14.814804
    assert (less["amount_fen"], less["instalment"]) == (10_629, 2)
    # The payer had paid under the first reference already: it ends the invoice all the same.
    proof = world.pay("PX", "QB", 11_349, terms["reference"])
    assert world.ok("nobody", "billing.settle", id=INVOICE, instalment=1, proof=proof) == "SETTLED"
    account = {"operator": "QB", "payer": "PX"}
    assert world.ok("nobody", "billing.account", **account)["credit_fen"] == 720
    world.now_ms = at("2027-02-02")
    following = due(world, month="2027-01")
    assert following["amount_fen"] == 11_349 - 720
    # And somebody who pays twice has the second payment back as credit.
    proof = world.pay("PX", "QB", 10_629, less["reference"])
    world.ok("nobody", "billing.settle", id=INVOICE, instalment=2, proof=proof)
    assert world.ok("nobody", "billing.account", **account)["credit_fen"] == 10_629
    world.refused("E_UNPREPARED", "nobody", "billing.settle", id=INVOICE, instalment=3, proof=b"")


def test_lists_come_in_pages_and_an_invoice_is_shown_to_whom_it_concerns(world: World) -> None:
    operating(world)
    world.now_ms = at("2027-04-02")
    for month in ("2026-12", "2027-01", "2027-02"):
        due(world, month=month)
    drawn(world, month="2027-03")
    for who, more in (("px-maker", {}), ("qb-ops", {"as_operator": True})):
        for state, count in (("", 4), ("DUE", 3), ("DRAWN", 1), ("SETTLED", 0)):
            args = {"state": state, **more}
            whole = world.ok(who, "billing.list_invoices", **args)
            assert len(whole) == count
            paged: list[Any] = []
            while page := world.ok(
                who,
                "billing.list_invoices",
                **args,
                limit=1,
                after=paged[-1]["id"] if paged else "",
            ):
                paged += page
            assert paged == whole
    assert world.ok("lg", "billing.list_invoices") == []
    world.refused("E_NOT_PARTY", "lg", "billing.get", id=INVOICE)
    for who in ("px-reader", "nb-ops", "pbc"):
        assert world.ok(who, "billing.get", id=INVOICE)["payer"] == "PX"


def test_a_month_without_anything_to_pay_is_settled_when_it_is_attested(world: World) -> None:
    operating(world, base_fen=0)
    nothing = dict.fromkeys(USED, 0)
    assert due(world, **nothing)["state"] == "SETTLED"
    assert (shown(world)["amount_fen"], shown(world)["reference"]) == (0, b"")


# ---- statements ----------------------------------------------------------------------------------


def test_statements_are_a_chain_of_days_that_are_over_and_of_months_that_are_open(
    world: World,
) -> None:
    operating(world)
    world.now_ms = at("2027-01-02")
    served(world, "2026-12-30", 7)
    base = {"node": "Shenzhen", "day": "2026-12-31", "previous": "a" * 64, "digest": "b" * 64}
    anchor = {**base, "members": ["LG", "PX"], "counts": [1, 2]}
    for code, changes in (
        ("E_STATEMENT", {"previous": "0" * 64}),
        ("E_STATEMENT", {"day": "2026-12-30"}),
        ("E_DATE", {"day": "2027-01-02"}),
        ("E_DATE", {"day": "yesterday"}),
        ("E_DIGEST", {"digest": "b"}),
        ("E_STATEMENT", {"members": ["PX", "LG"]}),
        ("E_STATEMENT", {"members": ["PX", "PX"]}),
        ("E_LIMIT", {"counts": [1]}),
        ("E_FIGURES", {"counts": [1, -1]}),
        ("E_TEXT", {"node": ""}),
    ):
        world.refused(code, "qb-ops", "billing.anchor_statement", **{**anchor, **changes})
    world.refused("E_OPERATOR", "lg", "billing.anchor_statement", **anchor)
    world.refused("E_NOT_PARTY", "qb-checker", "billing.anchor_statement", **anchor)
    assert world.ok("qb-ops", "billing.anchor_statement", **anchor) == 2
    assert world.ok("lg", "billing.last_statement", operator="QB", node="Shenzhen") == {
        "number": 2, "day": "2026-12-31", "digest": "b" * 64, "last": "PX",
    }  # fmt: skip
    assert world.ok("lg", "billing.served", operator="QB", payer="PX", month="2026-12") == 9
    assert (drawn(world), shown(world)["queries"]) == (INVOICE, 9)
    # Another node of the operator comes too late with a day of a month that is drawn up.
    late = {**anchor, "node": "Guangzhou", "previous": "0" * 64}
    world.refused("E_MONTH", "qb-ops", "billing.anchor_statement", **late)


def anchored(world: World, members: list[str], **changes: Any) -> dict[str, Any]:
    args = {"node": "Shenzhen", "day": "2026-12-30", "previous": "0" * 64, "digest": "a" * 64}
    return args | {"members": members, "counts": [1] * len(members)} | changes


def test_a_day_of_more_members_than_a_statement_holds_is_anchored_in_parts(world: World) -> None:
    operating(world)
    world.now_ms = at("2027-01-02")
    everybody = [f"M{number:03}" for number in range(201)]
    whole = anchored(world, everybody)
    world.refused("E_LIMIT", "qb-ops", "billing.anchor_statement", **whole)
    world.ok("qb-ops", "billing.anchor_statement", **anchored(world, everybody[:200]))
    second = {"previous": "a" * 64, "digest": "b" * 64}
    for again in ([], ["M199"], ["M000"], ["M199", "M200"]):  # nobody is billed a day twice
        args = anchored(world, again, **second)
        world.refused("E_STATEMENT", "qb-ops", "billing.anchor_statement", **args)
    args = anchored(world, everybody[200:], **second)
    assert world.ok("qb-ops", "billing.anchor_statement", **args) == 2
    args = anchored(world, ["M000"], day="2026-12-31", previous="b" * 64, digest="c" * 64)
    assert world.ok("qb-ops", "billing.anchor_statement", **args) == 3
    for member, count in (("M000", 2), ("M199", 1), ("M200", 1)):
        query = {"operator": "QB", "payer": member, "month": "2026-12"}
        assert world.ok("nobody", "billing.served", **query) == count


def test_a_chain_that_was_lost_is_begun_anew_by_an_administrator_and_no_day_is_billed_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    admins = {"qb-admin": ("QB", ("admin",)), "lg-admin": ("LG", ("admin",))}
    monkeypatch.setattr(world, "users", world.users | admins)
    operating(world)
    world.now_ms = at("2027-01-02")
    begin = {"node": "Shenzhen", "previous": "0" * 64}
    world.refused("E_NOT_FOUND", "qb-admin", "billing.begin_chain", **begin)
    world.ok("qb-ops", "billing.anchor_statement", **anchored(world, ["LG", "PX"]))
    follows = anchored(world, ["PX"], day="2026-12-31", digest="b" * 64)
    world.refused("E_STATEMENT", "qb-ops", "billing.anchor_statement", **follows)
    world.refused("E_OPERATOR", "lg-admin", "billing.begin_chain", **begin)
    for who in ("qb-ops", "qb-checker", "pbc"):
        world.refused("E_NOT_PARTY", who, "billing.begin_chain", **begin)
    for code, previous in (("E_DIGEST", "0"), ("E_STATEMENT", "a" * 64)):
        world.refused(code, "qb-admin", "billing.begin_chain", **{**begin, "previous": previous})
    assert world.ok("qb-admin", "billing.begin_chain", **begin) == 1
    assert world.events[-1] == "Billing.ChainBegun"
    for members in (["LG"], ["PX"], ["LG", "PX"]):
        args = anchored(world, members, digest="b" * 64)
        world.refused("E_STATEMENT", "qb-ops", "billing.anchor_statement", **args)
    early = anchored(world, ["QB"], day="2026-12-29", digest="b" * 64)
    world.refused("E_STATEMENT", "qb-ops", "billing.anchor_statement", **early)
    assert world.ok("qb-ops", "billing.anchor_statement", **follows) == 2
    assert world.ok("lg", "billing.served", operator="QB", payer="PX", month="2026-12") == 2


# ---- histories -----------------------------------------------------------------------------------

MONTHS = ("2026-12", "2027-01", "2027-02")
PAYERS = {"PX": "px-maker", "LG": "lg"}
COUNTS = st.integers(0, 10**7)


def fen(figures: dict[str, int]) -> int:
    """The page's rule, counted apart from the contract: exact, rounded half-up once."""
    per = {"transactions": 1_000, "bytes": 10**6, "gas": 10**6}
    exact = Fraction(PRICES["base_fen"])
    exact += sum(Fraction(figures[name] * PRICES[f"{name}_fen"], per[name]) for name in per)
    return floor(exact + Fraction(1, 2))


class Histories(RuleBasedStateMachine):
    """An operator that draws up, is interrupted, repeats; payers that pay once, twice, late or never."""

    start: World
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.drawn: dict[tuple[str, str], dict[str, int]] = {}
        self.references: list[tuple[str, int, str, bytes, int]] = []
        self.paid = dict.fromkeys(PAYERS, 0)

    @initialize()
    def operate(self) -> None:
        self.world = fresh(Histories.start)
        self.folder = TemporaryDirectory()
        self.world.open_center(Path(self.folder.name) / "center")
        operating(self.world)
        self.world.now_ms = at("2027-03-05")

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(payer=st.sampled_from(sorted(PAYERS)), month=st.sampled_from(MONTHS),
          figures=st.fixed_dictionaries(dict.fromkeys(USED, COUNTS)))  # fmt: skip
    def draw(self, payer: str, month: str, figures: dict[str, int]) -> None:
        """Whatever month is asked for, and however often, only the next one is drawn up."""
        result = self.world.run(
            "qb-ops", "billing.draw", payer=payer, month=month, **figures, **BLOCKS
        )
        months = [m for p, m in self.drawn if p == payer]
        is_next = not months or month == next((m for m in MONTHS if m > max(months)), "")
        assert (result.outcome == "ok") is is_next, (months, month, result.code)
        if is_next:
            self.world.ok("qb-ops", "billing.draw", payer=payer, month=month, **figures, **BLOCKS)
            self.drawn[payer, month] = figures

    @precondition(lambda self: self.drawn)
    @rule(data=st.data())
    def attest(self, data: st.DataObject) -> None:
        payer, month = data.draw(st.sampled_from(sorted(self.drawn)))
        args = {"id": f"QB/{payer}/{month}", **self.drawn[payer, month], **SALT}
        result = self.world.run("nb-ops", "billing.attest", **args)
        if result.outcome != "ok":
            assert result.code == "E_STATE"
            return
        terms = self.world.ok("nb-ops", "billing.attest", **args)
        self.note(args["id"], payer, terms)

    def note(self, id_: str, payer: str, terms: dict[str, Any]) -> None:
        if terms["reference"]:
            row = (id_, terms["instalment"], payer, terms["reference"], terms["amount_fen"])
            self.references.append(row)

    @precondition(lambda self: self.drawn)
    @rule(data=st.data(), gas=st.integers(0, 10**6))
    def dispute_and_concede(self, data: st.DataObject, gas: int) -> None:
        payer, month = data.draw(st.sampled_from(sorted(self.drawn)))
        id_, own = f"QB/{payer}/{month}", {**self.drawn[payer, month], "gas": gas}
        dispute = {"id": id_, **own, "queries": 0}
        if self.world.run(PAYERS[payer], "billing.dispute", **dispute).outcome == "ok":
            self.world.ok(PAYERS[payer], "billing.dispute", **dispute)
            self.drawn[payer, month] = own
            self.note(id_, payer, self.world.ok("qb-ops", "billing.concede", id=id_, **SALT))

    @precondition(lambda self: self.references)
    @rule(data=st.data(), more=st.sampled_from([0, 0, 7]))
    def pay(self, data: st.DataObject, more: int) -> None:
        id_, instalment, payer, reference, amount = data.draw(st.sampled_from(self.references))
        proof = self.world.pay(payer, "QB", amount + more, reference)
        settle = {"id": id_, "instalment": instalment, "proof": proof}
        self.world.ok("nobody", "billing.settle", **settle)
        self.paid[payer] += amount + more
        self.world.refused("E_PROOF_NULLIFIER", "nobody", "billing.settle", **settle)

    @rule(hours=st.sampled_from([1, 24 * 20]))
    def wait(self, hours: int) -> None:
        self.world.now_ms += hours * 3_600_000

    @invariant()
    def every_month_is_invoiced_once_at_its_price_and_no_fen_is_lost(self) -> None:
        for payer, who in PAYERS.items():
            rows = self.world.ok(who, "billing.list_invoices")
            months = sorted(month for p, month in self.drawn if p == payer)
            assert sorted(row["month"] for row in rows) == months
            # No gap: from the first to the last every month is there.
            if months:
                assert months == [m for m in MONTHS if months[0] <= m <= months[-1]]
            for row in rows:
                assert row["total_fen"] == fen(self.drawn[payer, row["month"]])
                if row["state"] != "DRAWN":
                    assert row["amount_fen"] + row["credit_fen"] == row["total_fen"]
            account = self.world.ok("nobody", "billing.account", operator="QB", payer=payer)
            settled = sum(row["amount_fen"] for row in rows if row["state"] == "SETTLED")
            credited = account["credit_fen"] + sum(row["credit_fen"] for row in rows)
            assert self.paid[payer] == settled + credited
            late = [row for row in rows if row["is_overdue"]]
            assert suspended(self.world, payer) is bool(late)


def test_whatever_happens_each_month_is_invoiced_once_and_money_is_conserved(world: World) -> None:
    Histories.start = world
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=6, stateful_step_count=12, deadline=None)
    )


# ---- the tables ----------------------------------------------------------------------------------

INVOICE_WALK = Walk(
    TABLE["invoice"],
    INVOICE,
    {
        "redraw": ("qb-ops", {**USED, **BLOCKS}),
        "attest": ("nb-ops", {**USED, **SALT}),
        "dispute": ("px-maker", {**USED, "gas": 0, "queries": 0}),
        "concede": ("qb-ops", SALT),
        "uphold": ("nb-ops", USED),
        "settle": ("nobody", {"instalment": 1, "proof": b""}),
    },
    {"claimed": (0, 0, 0, 0)},
)
TARIFF_WALK = Walk(
    TABLE["tariff"],
    "QB/1",
    {"accept": ("pbc", {}), "agree": ("lg", {}), "withdraw": ("qb-ops", {})},
)


@pytest.fixture
def walking(world: World) -> World:
    operating(world)
    drawn(world)
    return world


@pytest.mark.parametrize(("state", "move"), cases(INVOICE_WALK))
def test_an_invoice_moves_only_as_its_table_says(walking: World, state: str, move: str) -> None:
    INVOICE_WALK.check_state(walking, state, move)


@pytest.mark.parametrize(("state", "move"), cases(TARIFF_WALK))
def test_a_tariff_moves_only_as_its_table_says(walking: World, state: str, move: str) -> None:
    TARIFF_WALK.check_state(walking, state, move)


@pytest.mark.parametrize(
    ("state", "move"),
    [c for c in allowed(INVOICE_WALK) if c[1] in ("redraw", "dispute", "concede")],
)
def test_only_its_parties_move_an_invoice(walking: World, state: str, move: str) -> None:
    INVOICE_WALK.check_persons(walking, state, move)
