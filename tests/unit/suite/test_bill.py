"""Commercial bills and the rediscount lane: no gap in the chain, one pool a bill, interest to the fen."""

from __future__ import annotations

import secrets
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
from tests.unit.suite.world import World, at, digest, open_world

BILL = "CB-2026-1"
FACE = 300_000_000
DUE = "2027-03-23"  # 120 days after 2026-11-23
BY_RECORD = {table.record: table for table in TABLES}
SALT = bytes(16)


def drawn(world: World, **changes: Any) -> str:
    world.now_ms = max(world.now_ms, at("2026-11-23"))
    args = {"id": BILL, "acceptor": "FB", "payee": "LG", "face_fen": FACE, "due_date": DUE}
    world.ok("px-maker", "bill.draw", **{**args, **changes})
    return str(changes.get("id", BILL))


def accepted(world: World, **changes: Any) -> str:
    """Drawn by PX on FB, held by LG."""
    number = drawn(world, **changes)
    world.ok("fb-checker", "bill.accept", id=number)
    return number


def discounted(world: World, **changes: Any) -> str:
    """QB bought it from LG at 2 %."""
    number = accepted(world, **changes)
    world.ok("lg", "bill.ask_discount", id=number, bank="QB")
    net = world.ok("qb-ops", "bill.offer_discount", id=number, rate_ppm=20_000)
    salt = secrets.token_bytes(16)
    reference = world.ok("lg", "bill.take_discount", id=number, salt=salt)
    proof = world.pay("QB", "LG", net, reference)
    assert world.ok("lg", "bill.settle_discount", id=number, proof=proof) == "DISCOUNTED"
    return number


def shown(world: World, number: str = BILL) -> dict[str, Any]:
    return dict(world.ok("pbc", "bill.get", id=number))


BILL_WALK = Walk(
    BY_RECORD["bill"],
    BILL,
    {
        "cancel": ("px-maker", {}),
        "accept": ("fb-checker", {}),
        "split": ("lg", {"amounts": [1, FACE - 1]}),
        "offer_endorsement": ("lg", {"to": "HL", "basis": digest("moulds")}),
        "sign_endorsement": ("qb-ops", {}),
        "recall_endorsement": ("lg", {}),
        "pledge": ("lg", {"to": "NB"}),
        "release_pledge": ("qb-ops", {}),
        "ask_discount": ("lg", {"bank": "NB"}),
        "offer_discount": ("qb-ops", {"rate_ppm": 20_000}),
        "take_discount": ("lg", {"salt": SALT}),
        "end_discount": ("lg", {}),
        "settle_discount": ("nobody", {"proof": b""}),
        "present": ("lg", {}),
        "prepare_payment": ("fb", {"salt": SALT}),
        "record_payment": ("nobody", {"proof": b""}),
        "dishonour": ("fb-checker", {"reason": "no funds"}),
        "claim_recourse": ("lg", {"debtor": "PX"}),
        "drop_recourse": ("lg", {}),
        "prepare_recourse": ("hl", {"salt": SALT}),
        "record_recourse": ("nobody", {"proof": b""}),
    },
    {
        "parties": {"drawer": "PX", "acceptor": "FB", "payee": "LG", "holder": "LG",
                    "endorsee": "QB", "debtor": "HL"},
        "chain": ("PX", "LG"),
    },
)  # fmt: skip
EXCHANGED = ("exchange_hold", "exchange_move", "exchange_free")
BY_CONTRACT_ONLY = ("pool", "unpool", "rediscounted", *EXCHANGED)
SEVERAL = ("recall_endorsement", "end_discount", "dishonour")


@pytest.mark.parametrize(
    ("state", "move"), [c for c in cases(BILL_WALK) if c[1] not in BY_CONTRACT_ONLY]
)
def test_a_bill_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    drawn(world)
    BILL_WALK.check_state(world, state, move)


@pytest.mark.parametrize(
    ("state", "move"),
    [c for c in allowed(BILL_WALK) if c[1] not in (*BY_CONTRACT_ONLY, *SEVERAL)],
)
def test_a_bill_is_moved_only_by_whom_its_table_names(world: World, state: str, move: str) -> None:
    drawn(world)
    BILL_WALK.check_persons(world, state, move)


@pytest.mark.parametrize("move", [*BY_CONTRACT_ONLY, *SEVERAL])
def test_a_stranger_moves_nothing(world: World, move: str) -> None:
    drawn(world)
    (state,) = {BY_RECORD["bill"].states[0]} and {
        next(s for s, m in allowed(BILL_WALK) if m == move)
    }
    world.force("bill", "bill", BILL, state=state, **BILL_WALK.needs)
    args = {"reason": "x"} if move == "dishonour" else {"bank": "QB"} if move == "pool" else {}
    args |= {"number": "n"} if move in EXCHANGED else {}
    args |= {"taker": "QB"} if move == "exchange_hold" else {}
    for who in ("xy", "pbc", "nobody"):
        world.refused("E_NOT_PARTY", who, f"bill.{move}", id=BILL, **args)


# ---- drawing, splitting, endorsing ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_CODE", {"id": "bill 1"}),
        ("E_SELF", {"payee": "PX"}),
        ("E_AMOUNT", {"face_fen": 0}),
        ("E_DATE", {"due_date": "2026-11-23"}),
        ("E_BUSINESS_DAY", {"due_date": "2027-03-21"}),
        ("E_TENOR", {"due_date": "2027-05-24"}),
        ("E_PARTY", {"acceptor": "ZZ"}),
    ],
)
def test_a_bill_that_makes_no_sense_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    world.now_ms = at("2026-11-23")
    args = {"id": BILL, "acceptor": "FB", "payee": "LG", "face_fen": FACE, "due_date": DUE}
    world.refused(code, "px-maker", "bill.draw", **{**args, **changes})


def test_six_months_are_counted_by_the_calendar(world: World) -> None:
    assert drawn(world, id="CB-1", due_date="2027-05-21") == "CB-1"
    world.now_ms = at("2026-08-31")
    last = {"acceptor": "FB", "payee": "LG", "face_fen": 1}
    world.refused("E_TENOR", "px-maker", "bill.draw", id="CB-2", due_date="2027-03-01", **last)


def test_a_bill_moves_whole_and_its_pieces_add_up(world: World) -> None:
    accepted(world)
    for amounts in ([FACE], [1, FACE], [0, FACE], [FACE + 1, -1]):
        code = "E_SPLIT_COUNT" if len(amounts) == 1 else "E_SPLIT_SUM"
        world.refused(code, "lg", "bill.split", id=BILL, amounts=amounts)
    pieces = world.ok("lg", "bill.split", id=BILL, amounts=[100_000_000, 200_000_000])
    assert pieces == [f"{BILL}/1", f"{BILL}/2"]
    whole = {"id": BILL, "to": "HL", "basis": digest("moulds")}
    world.refused("E_STATE", "lg", "bill.offer_endorsement", **whole)
    world.ok("lg", "bill.offer_endorsement", **{**whole, "id": pieces[0]})
    assert world.ok("hl", "bill.sign_endorsement", id=pieces[0]) == "ACCEPTED"
    assert shown(world, pieces[0])["chain"] == ["PX", "LG", "HL"]
    assert shown(world, pieces[1])["chain"] == ["PX", "LG"]


def test_a_bill_that_is_not_transferable_stays_with_its_payee(world: World) -> None:
    accepted(world, is_transferable=False)
    endorse = {"id": BILL, "to": "HL", "basis": digest("moulds")}
    world.refused("E_NOT_TRANSFERABLE", "lg", "bill.offer_endorsement", **endorse)
    world.refused("E_NOT_TRANSFERABLE", "lg", "bill.pledge", id=BILL, to="QB")
    world.refused("E_NOT_TRANSFERABLE", "lg", "bill.ask_discount", id=BILL, bank="QB")


def test_a_pledge_is_let_go_by_the_pledgee_alone(world: World) -> None:
    accepted(world)
    world.ok("lg", "bill.pledge", id=BILL, to="NB")
    world.refused("E_STATE", "lg", "bill.split", id=BILL, amounts=[1, FACE - 1])
    world.refused("E_NOT_PARTY", "lg", "bill.release_pledge", id=BILL)
    assert world.ok("nb-ops", "bill.release_pledge", id=BILL) == "ACCEPTED"


# ---- payment and recourse ------------------------------------------------------------------------


def test_the_acceptor_pays_the_last_holder(paying_world: World) -> None:
    world = paying_world
    discounted(world)
    assert shown(world)["net_fen"] == FACE - 2_000_000  # 2 % for 120 days
    world.refused("E_TOO_EARLY", "qb-ops", "bill.present", id=BILL)
    world.now_ms = at(DUE)
    world.ok("qb-ops", "bill.present", id=BILL)
    salt = secrets.token_bytes(16)
    reference = world.ok("fb", "bill.prepare_payment", id=BILL, salt=salt)
    world.refused("E_PREPARED", "fb", "bill.prepare_payment", id=BILL, salt=salt)
    wrong = world.pay("FB", "LG", FACE, reference)
    world.refused("E_PROOF_PAYEE", "qb-ops", "bill.record_payment", id=BILL, proof=wrong)
    proof = world.pay("FB", "QB", FACE, reference)
    assert world.ok("qb-ops", "bill.record_payment", id=BILL, proof=proof) == "PAID"
    world.refused("E_STATE", "qb-ops", "bill.record_payment", id=BILL, proof=proof)


def test_recourse_goes_back_along_the_chain(paying_world: World) -> None:
    world = paying_world
    discounted(world)
    world.now_ms = at(DUE)
    world.ok("qb-ops", "bill.present", id=BILL)
    early = {"id": BILL, "reason": "nothing came"}
    world.refused("E_TOO_EARLY", "qb-ops", "bill.dishonour", **early)
    assert world.ok("fb-checker", "bill.dishonour", id=BILL, reason="no funds") == "DISHONOURED"
    for stranger in ("HL", "QB", "FB"):
        world.refused("E_CHAIN", "qb-ops", "bill.claim_recourse", id=BILL, debtor=stranger)
    world.ok("qb-ops", "bill.claim_recourse", id=BILL, debtor="LG")
    salt = secrets.token_bytes(16)
    reference = world.ok("lg", "bill.prepare_recourse", id=BILL, salt=salt)
    world.refused("E_PREPARED", "qb-ops", "bill.drop_recourse", id=BILL)
    proof = world.pay("LG", "QB", FACE, reference)
    assert world.ok("lg", "bill.record_recourse", id=BILL, proof=proof) == "DISHONOURED"
    now = shown(world)
    assert (now["parties"]["holder"], now["chain"]) == ("LG", ["PX", "LG"])
    reference = world.ok("fb", "bill.prepare_payment", id=BILL, salt=salt)  # late, to LG now
    world.refused("E_PREPARED", "lg", "bill.claim_recourse", id=BILL, debtor="PX")
    proof = world.pay("FB", "LG", FACE, reference)
    assert world.ok("lg", "bill.record_payment", id=BILL, proof=proof) == "PAID"


def test_a_holder_declares_dishonour_after_three_business_days(world: World) -> None:
    accepted(world)
    world.now_ms = at(DUE)  # a Tuesday
    world.ok("lg", "bill.present", id=BILL)
    unpaid = {"id": BILL, "reason": "nothing came"}
    world.now_ms = at("2027-03-26", 23)
    world.refused("E_TOO_EARLY", "lg", "bill.dishonour", **unpaid)
    world.now_ms = at("2027-03-27", 0)
    assert world.ok("lg", "bill.dishonour", **unpaid) == "DISHONOURED"


def test_a_discount_is_priced_and_taken_on_one_day(world: World) -> None:
    accepted(world)
    world.refused("E_ROLE", "lg", "bill.ask_discount", id=BILL, bank="HL")
    world.ok("lg", "bill.ask_discount", id=BILL, bank="QB")
    world.refused("E_TOO_LATE", "lg", "bill.take_discount", id=BILL, salt=SALT)
    world.refused("E_RATE", "qb-ops", "bill.offer_discount", id=BILL, rate_ppm=240_001)
    world.ok("qb-ops", "bill.offer_discount", id=BILL, rate_ppm=20_000)
    world.now_ms = at("2026-11-24", 0)
    world.refused("E_TOO_LATE", "lg", "bill.take_discount", id=BILL, salt=SALT)
    world.ok("qb-ops", "bill.offer_discount", id=BILL, rate_ppm=20_000)
    world.ok("lg", "bill.take_discount", id=BILL, salt=SALT)
    world.refused("E_PREPARED", "lg", "bill.end_discount", id=BILL)
    world.now_ms = at("2026-11-26", 1)
    assert world.ok("lg", "bill.end_discount", id=BILL) == "ACCEPTED"


# ---- rediscount ----------------------------------------------------------------------------------


def test_the_story_rediscount_of_300_million_costs_1_750_000(paying_world: World) -> None:
    """Step 22 of domain/story.md: 120 days at 1.75 %, and a bill in a second pool is refused."""
    world = paying_world
    numbers = [discounted(world, id=f"CB-{n}", face_fen=FACE // 2, acceptor=acceptor)
               for n, acceptor in ((1, "FB"), (2, "FB"))]  # fmt: skip
    pool = {"id": "RD-1", "branch": "PBC-SZ", "tag": "small-and-micro", "bills": numbers}
    world.ok("qb-ops", "rediscount.bundle", **pool)
    second = {**pool, "id": "RD-2", "bills": numbers[:1]}
    world.refused("E_STATE", "qb-ops", "rediscount.bundle", **second)
    world.ok("qb-checker", "rediscount.apply", id="RD-1")
    world.refused("E_CONCENTRATION", "nobody", "rediscount.auto_check", id="RD-1")
    world.ok("qb-ops", "rediscount.withdraw", id="RD-1")
    assert shown(world, numbers[0])["state"] == "DISCOUNTED"

    world.ok("qb-ops", "rediscount.bundle", **second)
    world.ok("qb-checker", "rediscount.apply", id="RD-2")
    assert world.ok("nobody", "rediscount.auto_check", id="RD-2") == "CHECKED"
    terms = world.ok("pbc", "rediscount.approve", id="RD-2")
    assert terms["interest_fen"] == 875_000

    whole = discounted(world, id="CB-3", face_fen=FACE)
    world.ok("qb-ops", "rediscount.bundle", **{**pool, "id": "RD-3", "bills": [whole]})
    world.ok("qb-checker", "rediscount.apply", id="RD-3")
    world.ok("nobody", "rediscount.auto_check", id="RD-3")
    terms = world.ok("pbc", "rediscount.approve", id="RD-3")
    assert (terms["rate_ppm"], terms["interest_fen"]) == (17_500, 1_750_000)


def test_a_pool_is_disbursed_and_repaid_by_proof(paying_world: World) -> None:
    world = paying_world
    number = discounted(world)
    pool = {"id": "RD-1", "branch": "PBC-SZ", "tag": "green", "bills": [number]}
    world.ok("qb-ops", "rediscount.bundle", **pool)
    world.ok("qb-checker", "rediscount.apply", id="RD-1")
    world.ok("nobody", "rediscount.auto_check", id="RD-1")
    terms = world.ok("pbc", "rediscount.approve", id="RD-1")
    salt = secrets.token_bytes(16)
    reference = world.ok("pbc", "rediscount.prepare_disbursement", id="RD-1", salt=salt)
    world.refused("E_PREPARED", "pbc", "rediscount.revoke", id="RD-1", reason="late")
    world.bind_wallets("pbc-desk")
    wrong = world.pay("NB", "QB", terms["net_fen"], reference)
    world.refused("E_PROOF_PAYER", "nobody", "rediscount.disburse", id="RD-1", proof=wrong)
    proof = world.pay("PBC-SZ", "QB", terms["net_fen"], reference)
    assert world.ok("nobody", "rediscount.disburse", id="RD-1", proof=proof) == "DISBURSED"
    assert shown(world)["state"] == "REDISCOUNTED"
    world.ok("qb-ops", "rediscount.report_use", id="RD-1", report=digest("loans to farms"))
    world.refused("E_TOO_EARLY", "qb-ops", "rediscount.prepare_repayment", id="RD-1", salt=salt)
    world.now_ms = at(DUE)
    late = {"id": "RD-1", "report": digest("more")}
    world.refused("E_TOO_LATE", "qb-ops", "rediscount.report_use", **late)
    reference = world.ok("qb-ops", "rediscount.prepare_repayment", id="RD-1", salt=salt)
    proof = world.pay("QB", "PBC-SZ", FACE, reference)
    assert world.ok("nobody", "rediscount.repay", id="RD-1", proof=proof) == "CLOSED"
    assert world.ok("qb-ops", "bill.present", id=number) == "PRESENTED"


@pytest.mark.parametrize(
    ("code", "who", "changes"),
    [
        ("E_TAG", "qb-ops", {"tag": "luxury"}),
        ("E_BILLS", "qb-ops", {"bills": []}),
        ("E_NOT_PARTY", "nb-ops", {}),
        ("E_STATE", "qb-ops", {"bills": [BILL, BILL]}),
        ("E_NOT_FOUND", "qb-ops", {"bills": ["CB-9"]}),
        ("E_CODE", "qb-ops", {"id": "rd 1"}),
    ],
)
def test_a_pool_that_makes_no_sense_is_refused(
    paying_world: World, code: str, who: str, changes: dict[str, Any]
) -> None:
    discounted(paying_world)
    pool = {"id": "RD-1", "branch": "PBC-SZ", "tag": "green", "bills": [BILL]}
    paying_world.refused(code, who, "rediscount.bundle", **{**pool, **changes})
    assert shown(paying_world)["state"] == "DISCOUNTED"


def pooled(world: World) -> None:
    accepted(world)
    world.force("bill", "bill", BILL, state="DISCOUNTED", chain=("PX", "LG", "QB"),
                parties={**shown(world)["parties"], "holder": "QB"})  # fmt: skip
    pool = {"id": "RD-1", "branch": "PBC-SZ", "tag": "green", "bills": [BILL]}
    world.ok("qb-ops", "rediscount.bundle", **pool)


POOL_WALK = Walk(
    BY_RECORD["pool"],
    "RD-1",
    {
        "apply": ("qb-checker", {}),
        "withdraw": ("qb-ops", {}),
        "auto_check": ("nobody", {}),
        "return_pool": ("pbc", {"reasons": ["incomplete"]}),
        "approve": ("pbc", {}),
        "prepare_disbursement": ("pbc", {"salt": SALT}),
        "disburse": ("nobody", {"proof": b""}),
        "report_use": ("qb-ops", {"report": digest("report")}),
        "prepare_repayment": ("qb-ops", {"salt": SALT}),
        "repay": ("nobody", {"proof": b""}),
        "revoke": ("pbc", {"reason": "false information"}),
    },
    {"approved_on": "2026-11-23"},
)


@pytest.mark.parametrize(("state", "move"), cases(POOL_WALK))
def test_a_pool_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    pooled(world)
    POOL_WALK.check_state(world, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(POOL_WALK))
def test_a_pool_is_moved_only_by_whom_its_table_names(world: World, state: str, move: str) -> None:
    pooled(world)
    POOL_WALK.check_persons(world, state, move)


class Histories(RuleBasedStateMachine):
    """Whatever is called in whatever order: the chain ends at the holder, pieces add up, nothing is paid."""

    opened: World

    @initialize()
    def accept(self) -> None:
        self.world = fresh(self.opened)
        accepted(self.world)
        self.numbers = [BILL]

    def call(self, who: str, move: str, **args: Any) -> Any:
        result = self.world.run(who, f"bill.{move}", **args)
        assert result.outcome in ("ok", "revert"), (move, args, result.code, result.message)
        return self.world.ok(who, f"bill.{move}", **args) if result.outcome == "ok" else None

    @rule(at=st.integers(0, 4), first=st.integers(1, FACE))
    def split(self, at: int, first: int) -> None:
        number = self.numbers[at % len(self.numbers)]
        found = shown(self.world, number)
        who = {"LG": "lg", "HL": "hl", "XY": "xy"}.get(found["parties"]["holder"], "lg")
        amounts = [first, found["face_fen"] - first]
        pieces = self.call(who, "split", id=number, amounts=amounts)
        self.numbers += pieces or []

    @rule(at=st.integers(0, 4), to=st.sampled_from(["LG", "HL", "XY"]))
    def endorse(self, at: int, to: str) -> None:
        number = self.numbers[at % len(self.numbers)]
        holder = shown(self.world, number)["parties"]["holder"].lower()
        self.call(holder, "offer_endorsement", id=number, to=to, basis=digest("trade"))
        self.call(to.lower(), "sign_endorsement", id=number)

    @rule(at=st.integers(0, 4), move=st.sampled_from(sorted(BILL_WALK.calls.keys() - {"split"})))
    def move(self, at: int, move: str) -> None:
        who, args = BILL_WALK.calls[move]
        self.call(who, move, id=self.numbers[at % len(self.numbers)], **args)

    @rule(days=st.integers(1, 60))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 86_400_000

    @invariant()
    def bills_are_whole(self) -> None:
        if not hasattr(self, "world"):
            return
        found = [shown(self.world, number) for number in self.numbers]
        assert sum(b["face_fen"] for b in found if b["state"] != "SPLIT") == FACE
        for bill in found:
            assert bill["chain"][-1] == bill["parties"]["holder"]
            assert bill["state"] not in ("PAID", "DISCOUNTED", "VOID")


def test_no_history_breaks_the_chain_or_the_sum() -> None:
    Histories.opened = open_world()
    machine = settings(max_examples=12, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
