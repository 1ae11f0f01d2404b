"""Random histories across credentials, financings, remedies, the registry and money: nothing is made or lost.

After every step: leaves add up to the face (I1), each has one holder (I2), the credit line is what is owed
(I3), a leaf under a lien is whole (I4), invoices cover what rests on them (I5), a paid leaf is paid (I6), depth
is bounded (I7), a closed credential has nothing open (I8); and the journal of events equals a recount.
"""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from node.audit.journal import journal_of
from node.audit.recount import breaks_between, recount
from tests.unit.cli.world_net import WorldNet
from tests.unit.suite.conftest import fresh
from tests.unit.suite.test_reversal import give_back
from tests.unit.suite.world import EC, HOUR_MS, World, at, digest, open_world

DUE = "2027-05-20"
PEOPLE = {"LG": "lg", "HL": "hl", "XY": "xy", "QB": "qb-ops", "NB": "nb-ops"}
INVOICED = {("LG", "HL"): "plastics", ("HL", "XY"): "resin"}
_OPENED: list[World] = []


def opened() -> World:
    if not _OPENED:
        _OPENED.append(open_world())
    return fresh(_OPENED[0])


class Suite(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = opened()
        self.world.open_center(Path(self.folder.name) / "center")
        self.world.issue()
        self.paid: list[tuple[str, int, Any, str]] = []  # leaf, instalment, receipt, payee
        self.financed = 0
        self.pledged: list[tuple[str, str]] = []  # request and its borrower

    def teardown(self) -> None:
        self.folder.cleanup()

    # ---- what there is ------------------------------------------------------------------------------

    def pieces(self, *states: str) -> list[dict[str, Any]]:
        every = self.world.ok("pbc", "receivable.list_pieces", limit=200)
        return [piece for piece in every if piece["state"] in states]

    def pick(self, number: int, *states: str) -> dict[str, Any] | None:
        found = self.pieces(*states)
        return found[number % len(found)] if found else None

    def before_due(self) -> bool:
        return self.world.now_ms < at("2027-05-17")

    def pay(self, who: str, target: str, due: dict[str, Any], payer: str, **args: Any) -> None:
        proof = self.world.pay(payer, due["payee"], due["amount_fen"], due["reference"])
        self.world.ok(who, target, proof=proof, **args)

    # ---- steps --------------------------------------------------------------------------------------

    @precondition(before_due)
    @rule(number=st.integers(0, 20), share=st.integers(1, 99))
    def split(self, number: int, share: int) -> None:
        piece = self.pick(number, "ACTIVE")
        if piece is None or piece["amount_fen"] < 200 or piece["depth"] >= 6:
            return
        part = piece["amount_fen"] * share // 100
        amounts = [part, piece["amount_fen"] - part]
        who = PEOPLE[piece["holder"]]
        args = {"leaf_id": piece["leaf_id"], "amounts": amounts}
        if piece["lien"] or piece["reduced_fen"]:
            code = "E_LIEN" if piece["lien"] else "E_TERMS"
            self.world.refused(code, who, "receivable.split", **args)
            return
        wrong = [part, amounts[1] + 1]
        self.world.refused("E_SPLIT_SUM", who, "receivable.split", **{**args, "amounts": wrong})
        self.world.ok(who, "receivable.split", **args)

    @precondition(before_due)
    @rule(number=st.integers(0, 20))
    def transfer(self, number: int) -> None:
        piece = self.pick(number, "ACTIVE")
        to = {"LG": "HL", "HL": "XY"}.get(piece["holder"] if piece else "")
        if piece is None or to is None:
            return
        owed = piece["amount_fen"] - piece["reduced_fen"]
        basis = digest(INVOICED[piece["holder"], to])
        lodged = self.world.ok("pbc", "invoice_registry.get_document", document=basis, seller=to)
        who, args = PEOPLE[piece["holder"]], {"leaf_id": piece["leaf_id"], "to": to, "basis": basis}
        if piece["lien"] or lodged["amount_fen"] - lodged["drawn_fen"] < owed:
            code = "E_LIEN" if piece["lien"] else "E_UNDERLYING"
            self.world.refused(code, who, "receivable.offer_transfer", **args)
            return
        self.world.ok(who, "receivable.offer_transfer", **args)
        self.world.ok(PEOPLE[to], "receivable.accept_transfer", leaf_id=piece["leaf_id"])

    @precondition(before_due)
    @rule(number=st.integers(0, 20), ends=st.sampled_from(["paid", "timeout", "withdrawn"]))
    def finance(self, number: int, ends: str) -> None:
        world, piece = self.world, self.pick(number, "ACTIVE")
        if piece is None or piece["lien"] or piece["financed"] or piece["holder"] == "QB":
            return
        who, leaf = PEOPLE[piece["holder"]], piece["leaf_id"]
        request_id = world.ok(who, "financing.request_receivable", leaf_id=leaf, purpose="wages",
                              consent=True)  # fmt: skip
        owed = piece["amount_fen"] - piece["reduced_fen"]
        world.ok("qb-ops", "financing.quote", request_id=request_id, rate_ppm=30_500,
                 principal_fen=owed, valid_until_ms=world.now_ms + HOUR_MS, recourse=True)  # fmt: skip
        terms = world.accept_quote(request_id, who=who)
        if ends == "withdrawn":
            world.ok(who, "financing.withdraw", request_id=request_id)
            return
        self.financed += 1
        world.ok("qb-ops", "financing.duplicate_check", request_id=request_id,
                 fingerprint=digest(f"keyed {self.financed}"))  # fmt: skip
        if ends == "timeout":
            world.now_ms = max(world.now_ms, terms["pay_until_ms"] + 25 * HOUR_MS)
            world.ok("nobody", "financing.timeout", request_id=request_id)
            return
        due = {"payee": piece["holder"], "amount_fen": terms["payout_fen"],
               "reference": terms["pay_reference"]}  # fmt: skip
        self.pay("nobody", "financing.disburse", due, "QB", request_id=request_id)

    @precondition(lambda self: self.world.now_ms < at("2027-04-20"))
    @rule(number=st.integers(0, 20))
    def borrow(self, number: int) -> None:
        world, piece = self.world, self.pick(number, "ACTIVE")
        if piece is None or piece["lien"] or piece["financed"] or piece["holder"] == "QB":
            return
        who, most = PEOPLE[piece["holder"]], (piece["amount_fen"] - piece["reduced_fen"]) * 8 // 10
        if most < 1_000:
            return
        args = {"leaf_id": piece["leaf_id"], "purpose": "wages", "consent": True}
        request_id = world.ok(who, "financing.request_receivable", **args)
        world.ok("qb-ops", "financing.quote", request_id=request_id, rate_ppm=30_500, pledge=True,
                 principal_fen=most, valid_until_ms=world.now_ms + HOUR_MS, recourse=True)  # fmt: skip
        terms = world.accept_quote(request_id, who=who)
        self.financed += 1
        world.ok("qb-ops", "financing.duplicate_check", request_id=request_id,
                 fingerprint=digest(f"keyed {self.financed}"))  # fmt: skip
        due = {"payee": piece["holder"], "amount_fen": most, "reference": terms["pay_reference"]}
        self.pay("nobody", "financing.disburse", due, "QB", request_id=request_id)
        self.pledged.append((request_id, piece["holder"]))

    @precondition(lambda self: self.pledged)
    @rule(part=st.integers(1, 4))
    def pay_back_or_lose(self, part: int) -> None:
        """Repays wholly or half; once the leaf is due the bank's claim is taken out of it instead."""
        world, (request_id, borrower) = self.world, self.pledged[-1]
        args: dict[str, Any] = {"request_id": request_id}
        found = world.ok("pbc", "financing.get", **args)
        if world.now_ms >= at(DUE):
            world.ok("nobody", "financing.mark_overdue", **args)
            found = world.ok("nobody", "financing.enforce", **args, salt=bytes(16))
            if found["state"] == "ENFORCED":
                due = {"payee": borrower, "amount_fen": found["surplus_fen"],
                       "reference": found["surplus_reference"]}  # fmt: skip
                self.pay("nobody", "financing.prove_surplus", due, "QB", **args)
            self.pledged.pop()
            leaf = world.piece(found["leaf_id"])
            if leaf["state"] == "ACTIVE":
                world.ok("nobody", "receivable.due", leaf_id=leaf["leaf_id"])
            return
        fen = 0 if part == 4 else found["principal_fen"] // 2
        if fen and found["repaid_fen"]:
            return
        salt = secrets.token_bytes(16)
        due = world.ok(
            PEOPLE[borrower], "financing.prepare_repayment", **args, amount_fen=fen, salt=salt
        )
        self.pay("nobody", "financing.repay", due, borrower, **args)
        if not fen:
            self.pledged.pop()

    @precondition(before_due)
    @rule(number=st.integers(0, 20), outcome=st.sampled_from(["uphold", "reduce", "void"]))
    def dispute(self, number: int, outcome: str) -> None:
        piece = self.pick(number, "ACTIVE")
        if piece is None:
            return
        owed = piece["amount_fen"] - piece["reduced_fen"]
        left = {"uphold": owed, "reduce": owed // 2, "void": 0}[outcome]
        if outcome == "reduce" and not 0 < left < owed:
            return
        args = {"leaf_id": piece["leaf_id"]}
        self.world.ok("px-maker", "remedy.raise_dispute", **args, grounds="goods",
                      evidence=digest("e"))  # fmt: skip
        self.world.ok("arbiter", "remedy.resolve", **args, outcome=outcome, owed_fen=left,
                      decision=digest("d"))  # fmt: skip

    @precondition(before_due)
    @rule(number=st.integers(0, 20))
    def prepay(self, number: int) -> None:
        piece = self.pick(number, "ACTIVE")
        if piece is None or piece["lien"] or piece["amount_fen"] < 1_000:
            return
        args = {"leaf_id": piece["leaf_id"], "rate_ppm": 30_500}
        self.world.ok("px-maker", "remedy.offer_prepayment", **args)
        who = PEOPLE[piece["holder"]]
        due = self.world.ok(who, "remedy.accept_prepayment", **args, salt=secrets.token_bytes(16))
        self.pay("nobody", "remedy.record_prepayment", due, "PX", leaf_id=piece["leaf_id"])

    @rule(days=st.integers(1, 60))
    def time_passes(self, days: int) -> None:
        self.world.now_ms += days * 24 * HOUR_MS
        if self.world.now_ms < at(DUE):
            return
        for piece in self.pieces("ACTIVE"):
            self.world.ok("nobody", "receivable.due", leaf_id=piece["leaf_id"])

    @rule(number=st.integers(0, 20), share=st.integers(1, 100))
    def settle(self, number: int, share: int) -> None:
        piece = self.pick(number, "DUE", "OVERDUE", "REINSTATED")
        if piece is None:
            return
        args = {"leaf_id": piece["leaf_id"], "salt": secrets.token_bytes(16)}
        looked = self.world.run("px-maker", "receivable.prepare_payment", **args)
        if looked.outcome != "ok":
            assert looked.code == "E_PREPARED", looked.code
            return
        due = dict(self.world.ok("px-maker", "receivable.prepare_payment", **args))
        proof = self.world.pay("PX", due["payee"], due["amount_fen"], due["reference"])
        self.world.ok("nobody", "receivable.record_payment", leaf_id=piece["leaf_id"], proof=proof)
        self.paid.append((piece["leaf_id"], due["instalment"], self.world.paid, due["payee"]))

    @precondition(lambda self: self.paid)
    @rule(fen=st.integers(1, 100))
    def give_back(self, fen: int) -> None:
        leaf, instalment, receipt, payee = self.paid.pop()
        proof = give_back(self.world, payee, receipt, "PX", fen)
        args = {"leaf_id": leaf, "instalment": instalment, "proof": proof}
        self.world.ok("nobody", "receivable.on_reverse", **args)

    @rule()
    def close(self) -> None:
        result = self.world.run("nobody", "receivable.close", ec_id=EC)
        if result.outcome == "ok":
            self.world.ok("nobody", "receivable.close", ec_id=EC)
        else:
            assert result.code in ("E_UNPAID", "E_STATE"), result.code

    # ---- what holds ---------------------------------------------------------------------------------

    @invariant()
    def tree_and_line_hold(self) -> None:
        found = self.world.ok("pbc", "receivable.invariants", ec_id=EC)
        assert found["leaves_fen"] == found["face_fen"] == 600_000_000
        assert found["every_leaf_has_a_holder"] and found["depth"] <= 8
        owed = found["face_fen"] - found["paid_fen"] - found["reduced_fen"]
        assert found["outstanding_fen"] == owed <= found["limit_fen"]
        terms = self.world.ok("pbc", "receivable.get", ec_id=EC)
        assert terms["state"] != "CLOSED" or owed == 0
        for piece in self.pieces("PAID", "VOID"):
            assert piece["paid_fen"] + piece["reduced_fen"] == piece["amount_fen"]

    @invariant()
    def invoices_cover_what_rests_on_them(self) -> None:
        for name, seller in (("moulds", "LG"), ("plastics", "HL"), ("resin", "XY")):
            lodged = self.world.ok("pbc", "invoice_registry.get_document", document=digest(name),
                                   seller=seller)  # fmt: skip
            assert 0 <= lodged["drawn_fen"] <= lodged["amount_fen"]

    @invariant()
    def the_journal_is_the_ledger(self) -> None:
        net = WorldNet(self.world, "pbc")
        counted = recount(lambda contract, view, args: net.query(contract, view, args).value)
        assert breaks_between(journal_of(net.past_events()), counted) == []


def test_no_history_makes_or_loses_a_fen() -> None:
    few = settings(max_examples=6, stateful_step_count=12, deadline=None)
    run_state_machine_as_test(Suite, settings=few)
