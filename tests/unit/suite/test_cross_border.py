"""Cross-border financing: two factors, the filing, a quota that is never exceeded, what crosses the bridge."""

from __future__ import annotations

import secrets
from pathlib import Path
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

from contracts.rules import calendar
from contracts.rules.cross_border_machine import PRODUCTS
from contracts.tables import TABLES
from tests.unit.suite.conftest import fresh
from tests.unit.suite.customs import DECLARATION, GROSS, Customs, declare, opened_account
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import HOUR_MS, World, at, digest

XF = "XF-2026-000001"
PRINCIPAL = 400_000_000
CAPITAL = 200_000_000  # times leverage 2 and parameter 1.5: a quota of 600,000,000
CONTRACTS = ("cross_border", "quota", "zone_bridge")
BY_RECORD = {t.record: t for t in TABLES if t.contract in CONTRACTS}
MORE_USERS = {
    "safe-second": ("SAFE", ("regulator",)),
    "hb-checker": ("HB", ("checker",)),
    "qb-both": ("QB", ("maker", "checker", "financier")),
}


def prepared(world: World, capital: int = CAPITAL) -> Customs:
    """PX's goods are declared, its capital is in force, oracles tell the rate."""
    world.now_ms = at("2026-11-17")
    customs = Customs(world)
    world.users = {**world.users, **MORE_USERS}
    customs.oracles.rate("CNY", 710_000_000)
    opened_account(world)
    declare(world, DECLARATION, customs.clear(DECLARATION))
    put_capital(world, "PX", capital)
    return customs


def put_capital(world: World, member: str, capital: int) -> None:
    args = {"id": member, "capital_fen": capital}
    world.ok("safe", "quota.propose_capital", document=digest("accounts"), **args)
    world.ok("safe-second", "quota.approve_capital", **args)


@pytest.fixture
def traded(world: World) -> World:
    prepared(world)
    return world


@pytest.fixture
def paying(paying_world: World) -> World:
    prepared(paying_world)
    return paying_world


def wanted(**changes: Any) -> dict[str, Any]:
    return {
        "product": "export-factoring", "basis": DECLARATION, "currency": "CNY",
        "due_date": "2027-02-16", "commitment": digest("salted terms"), "consent": True,
        "safe": "SAFE", "buyer": "HB", "factor": "NB", **changes,
    }  # fmt: skip


def request(world: World, who: str = "px-maker", **changes: Any) -> str:
    return str(world.ok(who, "cross_border.request", **wanted(**changes)))


def offer(world: World, **changes: Any) -> dict[str, Any]:
    valid = world.now_ms + HOUR_MS
    return {
        "id": XF,
        "rate_ppm": 32_000,
        "principal": PRINCIPAL,
        "valid_until_ms": valid,
        **changes,
    }


def accepted(world: World, id: str = "", **changes: Any) -> dict[str, Any]:
    id = id or request(world)
    world.ok("fb", "cross_border.quote", **offer(world, id=id, **changes))
    return dict(world.ok("px-checker", "cross_border.accept_quote", id=id, number=1))


def filed(world: World, id: str = XF) -> None:
    accepted(world)
    world.ok("nb-checker", "cross_border.approve_cover", id=id, cover=PRINCIPAL)
    world.ok("px-maker", "cross_border.file", id=id, document=digest("filing"))


def held(world: World, id: str = XF) -> None:
    filed(world, id)
    world.ok("safe", "cross_border.acknowledge", id=id)
    assert world.ok("fb", "cross_border.hold_quota", id=id) == "QUOTA_HELD"


def paid_out(world: World, id: str = XF) -> None:
    held(world, id)
    salt = secrets.token_bytes(16)
    reference = world.ok("fb", "cross_border.prepare_payout", id=id, salt=salt)
    proof = world.pay("FB", "PX", PRINCIPAL, reference)
    assert world.ok("nobody", "cross_border.disburse", id=id, proof=proof) == "DISBURSED"


def repaid(world: World, payer: str, who: str = "px-maker", less: int = 0) -> bytes:
    salt = secrets.token_bytes(16)
    reference = world.ok(who, "cross_border.prepare_repayment", id=XF, salt=salt)
    return world.pay(payer, "FB", shown(world)["repay_fen"] - less, reference)


def shown(world: World, id: str = XF) -> dict[str, Any]:
    return dict(world.ok("pbc", "cross_border.get", id=id))


def left(world: World, member: str = "PX") -> int:
    return int(world.ok("pbc", "quota.headroom", member=member)["left_fen"])


# ---- the tables ----------------------------------------------------------------------------------

SALT = {"salt": bytes(16)}
PARTS = {"borrower": "PX", "lender": "FB", "safe": "SAFE", "buyer": "HB", "factor": "NB"}
CROSS_WALK = Walk(
    BY_RECORD["cross"],
    XF,
    {
        "quote": ("fb", {"rate_ppm": 1, "principal": 1, "valid_until_ms": 0}),
        "accept_quote": ("px-checker", {"number": 1}),
        "approve_cover": ("nb-checker", {"cover": 1}),
        "file": ("px-maker", {"document": digest("f")}),
        "return_filing": ("safe", {"reason": "no contract"}),
        "acknowledge": ("safe", {}),
        "hold_quota": ("fb", {}),
        "prepare_payout": ("fb", SALT),
        "disburse": ("nobody", {"proof": b""}),
        "timeout": ("nobody", {}),
        "withdraw": ("px-maker", {}),
        "decline": ("fb", {"reason": "no line"}),
        "report_sale": ("px-maker", {"document": digest("sale")}),
        "prepare_repayment": ("px-maker", SALT),
        "repay": ("nobody", {"proof": b""}),
        "mark_overdue": ("nobody", {}),
        "dispute": ("hb", {"document": digest("goods")}),
        "settle_dispute": ("arbiter", {"award": digest("a"), "for_seller": True}),
        "call_cover": ("fb", {}),
        "take_recourse": ("fb-checker", {}),
        "write_off": ("fb-checker", {"reason": "insolvent"}),
        "release_quota": ("nobody", {}),
    },
    {"parties": PARTS, "principal": 1, "subject": "PX"},
)
CAPITAL_WALK = Walk(
    BY_RECORD["capital"],
    "PX",
    {
        "propose_capital": ("safe", {"capital_fen": 1, "document": digest("accounts")}),
        "approve_capital": ("safe-second", {"capital_fen": 1}),
    },
)
CONSENT_WALK = Walk(
    BY_RECORD["consent"],
    "PX/1",
    {
        "withdraw": ("px-maker", {}),
        "cross_document": ("qb-ops", {"document": digest("b/l")}),
    },
)


@pytest.fixture(scope="module")
def walked(opened: World) -> World:
    """A financing that is asked for, capital in force, a consent given: made once, copied for each case."""
    world = fresh(opened)
    prepared(world)
    request(world)
    consented(world)
    return world


@pytest.mark.parametrize(("state", "move"), cases(CROSS_WALK))
def test_a_financing_moves_only_as_its_table_says(walked: World, state: str, move: str) -> None:
    CROSS_WALK.check_state(fresh(walked), state, move)


def for_one_part(case: tuple[str, str]) -> bool:
    rows = [r for r in CROSS_WALK.table.rows if r[1] == case[1] and case[0] in r[0].split("|")]
    return all("," not in row[2] for row in rows)


@pytest.mark.parametrize(
    ("state", "move"), [case for case in allowed(CROSS_WALK) if for_one_part(case)]
)
def test_a_financing_is_moved_only_by_whom_its_table_names(
    walked: World, state: str, move: str
) -> None:
    CROSS_WALK.check_persons(fresh(walked), state, move)


@pytest.mark.parametrize(("state", "move"), cases(CAPITAL_WALK))
def test_capital_moves_only_as_its_table_says(walked: World, state: str, move: str) -> None:
    CAPITAL_WALK.check_state(fresh(walked), state, move)


@pytest.mark.parametrize(("state", "move"), cases(CONSENT_WALK))
def test_a_consent_moves_only_as_its_table_says(walked: World, state: str, move: str) -> None:
    CONSENT_WALK.check_state(fresh(walked), state, move)


@pytest.mark.parametrize(("state", "move"), allowed(CONSENT_WALK))
def test_a_consent_is_moved_only_by_whom_its_table_names(
    walked: World, state: str, move: str
) -> None:
    CONSENT_WALK.check_persons(fresh(walked), state, move)


@pytest.mark.parametrize("move", ["hold", "use", "release"])
def test_nobody_but_the_financing_touches_the_quota(traded: World, move: str) -> None:
    held(traded)
    args: dict[str, Any] = {"id": XF}
    if move == "hold":
        args = {"id": "XF-9", "member": "PX", "product": "trust-receipt", "currency": "CNY",
                "amount": 1, "days": 1}  # fmt: skip
    for who in ("px-both", "fb", "pbc", "safe", "nobody"):
        result = traded.run(who, f"quota.{move}", **args)
        assert result.code == "E_NOT_PARTY"


# ---- a whole life --------------------------------------------------------------------------------


def test_factoring_is_filed_held_in_the_quota_paid_and_repaid_to_the_fen(paying: World) -> None:
    """400,000,000 fen at 3.20 % for 91 days, A360; short money takes one and a half of its balance."""
    world = paying
    paid_out(world)
    assert world.ok("pbc", "quota.headroom", member="PX") == {
        "member": "PX", "capital_fen": CAPITAL, "limit_fen": 600_000_000, "taken_fen": 600_000_000,
        "left_fen": 0, "is_over": False,
    }  # fmt: skip
    (place,) = world.ok("safe", "quota.list_positions", member="PX")
    assert (place["state"], place["balance_fen"]) == ("USED", PRINCIPAL)
    assert place["rules"] == [
        "factor:tenor/0",
        "factor-type:EXPORT-FACTORING/0",
        "factor:currency/0",
    ]
    goods = world.ok("fb", "declared_goods.get", id=DECLARATION)
    assert (goods["state"], goods["in_use_fen"]) == ("IN_USE", PRINCIPAL)
    world.now_ms = at("2027-02-16")
    short = repaid(world, "PX", less=1)
    assert shown(world)["repay_fen"] == PRINCIPAL + 3_235_556
    world.refused("E_PROOF_AMOUNT", "nobody", "cross_border.repay", id=XF, proof=short)
    world.refused("E_PREPARED", "px-maker", "cross_border.prepare_repayment", id=XF, **SALT)
    whole = shown(world)
    proof = world.pay("PX", "FB", whole["repay_fen"], whole["repay_reference"])
    assert world.ok("nobody", "cross_border.repay", id=XF, proof=proof) == "REPAID"
    assert left(world) == 0
    assert world.ok("nobody", "cross_border.release_quota", id=XF) == "QUOTA_RELEASED"
    assert left(world) == 600_000_000
    assert world.ok("nb-ops", "declared_goods.is_available", id=DECLARATION, amount_fen=GROSS)
    assert request(world, due_date="2027-05-05") == "XF-2027-000001"  # the basis is free again


def test_the_quota_is_never_exceeded_by_a_fen(traded: World) -> None:
    put_capital(traded, "PX", CAPITAL - 1)
    filed(traded)
    traded.ok("safe", "cross_border.acknowledge", id=XF)
    ask = {"member": "PX", "product": "export-factoring", "currency": "CNY", "days": 91}
    assert not traded.ok("fb", "quota.fits", amount=PRINCIPAL, **ask)
    assert traded.ok("fb", "quota.fits", amount=PRINCIPAL - 2, **ask)
    traded.refused("E_QUOTA", "fb", "cross_border.hold_quota", id=XF)
    put_capital(traded, "PX", CAPITAL)
    traded.ok("fb", "cross_border.hold_quota", id=XF)


def test_a_parameter_counts_from_its_first_day_and_old_holdings_stay(traded: World) -> None:
    held(traded)
    draft = {"name": "parameter:macro-prudential", "since": "2026-11-18", "source": "notice 1",
             "document": digest("notice"),
             "value": {"leverage_bps": 20_000, "parameter_bps": 12_500}}  # fmt: skip
    rule_id = traded.ok("pbc", "rulebook.draft", **draft)
    traded.ok("pbc-second", "rulebook.sign", id=rule_id)
    assert traded.ok("pbc", "quota.headroom", member="PX")["limit_fen"] == 600_000_000
    traded.now_ms = at("2026-11-18")
    (row,) = traded.ok("safe", "quota.dashboard")
    assert (row["limit_fen"], row["is_over"], row["left_fen"]) == (500_000_000, True, 0)


def test_foreign_money_takes_more_and_long_money_less(traded: World) -> None:
    ask = {"member": "PX", "product": "guaranteed-loan", "amount": 1}
    put_capital(traded, "PX", 71_000_000)  # a quota of 213,000,000 fen
    fits = {"USD": 13_333_333, "CNY": 142_000_000}  # 94,666,664 · 2.25, and 142,000,000 · 1.5
    for currency, most in fits.items():
        for amount, is_fit in ((most, True), (most + 1, False)):
            ask = {"member": "PX", "product": "guaranteed-loan", "amount": amount, "days": 365,
                   "currency": currency}  # fmt: skip
            assert traded.ok("fb", "quota.fits", **ask) is is_fit, (currency, amount)
    long = {"member": "PX", "product": "guaranteed-loan", "days": 366, "currency": "CNY"}
    assert traded.ok("fb", "quota.fits", amount=213_000_000, **long)
    assert not traded.ok("fb", "quota.fits", amount=213_000_001, **long)


def test_capital_needs_two_officers_of_one_authority(traded: World) -> None:
    args = {"id": "LG", "capital_fen": 5}
    document = digest("accounts")
    traded.refused("E_NOT_PARTY", "lg", "quota.propose_capital", document=document, **args)
    traded.refused("E_AUTHORITY", "hkma", "quota.propose_capital", document=document, **args)
    traded.ok("pbc", "quota.propose_capital", document=document, **args)
    traded.refused("E_AUTHORITY", "safe", "quota.approve_capital", **args)
    traded.refused("E_FOUR_EYES", "pbc", "quota.approve_capital", **args)
    traded.refused("E_AMOUNT", "pbc-second", "quota.approve_capital", id="LG", capital_fen=6)
    assert left(traded, "LG") == 0
    traded.ok("pbc-second", "quota.approve_capital", **args)
    assert left(traded, "LG") == 15
    traded.refused("E_NOT_PARTY", "fb", "quota.headroom", member="PX")
    traded.refused("E_NOT_PARTY", "hkma", "quota.headroom", member="PX")
    traded.refused("E_ROLE", "fb", "quota.dashboard")


# ---- requests and filings ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_CODE", {"product": "loan"}),
        ("E_CODE", {"currency": "XXX"}),
        ("E_CONSENT", {"consent": False}),
        ("E_AUTHORITY", {"safe": "PBC-SZ"}),
        ("E_DIGEST", {"commitment": "terms"}),
        ("E_DATE", {"due_date": "2026-11-17"}),
        ("E_TENOR", {"due_date": "2027-05-17"}),
        ("E_FACTORS", {"factor": ""}),
        ("E_FACTORS", {"product": "asset-transfer"}),
        ("E_BASIS", {"buyer": "LG"}),
        ("E_NOT_FOUND", {"basis": "530120260009999999"}),
        ("E_ROLE", {"factor": "LG"}),
        ("E_PARTY", {"factor": "ZZ"}),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    traded: World, code: str, changes: dict[str, Any]
) -> None:
    traded.refused(code, "px-maker", "cross_border.request", **wanted(**changes))


@pytest.mark.parametrize(
    ("code", "who", "changes"),
    [
        ("E_NOT_CROSS_BORDER", "qb-ops", {}),
        ("E_SELF", "nb-ops", {}),
        ("E_PARTY", "nobody", {}),
        ("E_RATE", "fb", {"rate_ppm": 0}),
        ("E_RATE", "fb", {"rate_ppm": 240_001}),
        ("E_AMOUNT", "fb", {"principal": 0}),
        ("E_ADVANCE", "fb", {"principal": GROSS * 8 // 10 + 1}),
        ("E_EXPIRED", "fb", {"valid_until_ms": 1}),
    ],
)
def test_a_quote_that_makes_no_sense_is_refused(
    traded: World, code: str, who: str, changes: dict[str, Any]
) -> None:
    request(traded)
    traded.refused(code, who, "cross_border.quote", **offer(traded, **changes))


def test_one_basis_carries_one_financing_and_no_other_bank_uses_its_goods(traded: World) -> None:
    held(traded)
    again = wanted(due_date="2027-03-01")
    traded.refused("E_CLAIM", "px-maker", "cross_border.request", **again)
    other = {"id": DECLARATION, "amount_fen": 1}
    traded.refused("E_DUPLICATE_FINANCING", "qb-ops", "declared_goods.use", **other)


def test_goods_that_a_bank_already_finances_here_are_not_financed_from_abroad(
    traded: World,
) -> None:
    filed(traded)
    traded.ok("safe", "cross_border.acknowledge", id=XF)
    traded.ok("px-checker", "declared_goods.open_to", id=DECLARATION, banks=["QB"])
    traded.ok("qb-ops", "declared_goods.use", id=DECLARATION, amount_fen=1)
    traded.refused("E_DUPLICATE_FINANCING", "fb", "cross_border.hold_quota", id=XF)
    assert left(traded) == 600_000_000


def test_two_factors_need_a_cover_and_the_filing_its_days(traded: World) -> None:
    accepted(traded)
    paper = {"id": XF, "document": digest("filing")}
    traded.refused("E_COVER", "px-maker", "cross_border.file", **paper)
    small = {"id": XF, "cover": PRINCIPAL - 1}
    traded.refused("E_COVER", "nb-checker", "cross_border.approve_cover", **small)
    traded.ok("nb-checker", "cross_border.approve_cover", id=XF, cover=PRINCIPAL)
    traded.ok("px-maker", "cross_border.file", **paper)
    traded.refused("E_TOO_EARLY", "fb", "cross_border.hold_quota", id=XF)
    back = {"id": XF, "reason": "the contract is not attached"}
    assert traded.ok("safe", "cross_border.return_filing", **back) == "ACCEPTED"
    traded.ok("fb", "cross_border.file", **paper)
    traded.now_ms = at("2026-11-21", 0)  # three business days after the 17th, unanswered
    assert traded.ok("fb", "cross_border.hold_quota", id=XF) == "QUOTA_HELD"


def test_nobody_pays_in_time_and_quota_and_goods_are_free_again(paying: World) -> None:
    world = paying
    held(world)
    reference = world.ok("fb", "cross_border.prepare_payout", id=XF, **SALT)
    world.refused("E_PREPARED", "fb", "cross_border.prepare_payout", id=XF, **SALT)
    world.now_ms = at("2026-11-25", 23)
    world.refused("E_TOO_EARLY", "nobody", "cross_border.timeout", id=XF)
    late = world.pay("FB", "PX", PRINCIPAL, reference)
    world.refused("E_PROOF_TIME", "nobody", "cross_border.disburse", id=XF, proof=late)
    world.now_ms = at("2026-11-26", 1)
    assert world.ok("nobody", "cross_border.timeout", id=XF) == "LAPSED"
    assert left(world) == 600_000_000
    assert world.ok("nb-ops", "declared_goods.is_available", id=DECLARATION, amount_fen=GROSS)


def test_a_loan_in_dollars_is_paid_and_repaid_by_the_rate_of_each_day(paying: World) -> None:
    world = paying
    put_capital(world, "PX", 3 * GROSS)
    request(world, currency="USD", product="asset-transfer", buyer="", factor="")
    accepted(world, XF, principal=10_000_000)
    world.ok("fb", "cross_border.file", id=XF, document=digest("filing"))
    world.ok("safe", "cross_border.acknowledge", id=XF)
    world.ok("fb", "cross_border.hold_quota", id=XF)
    reference = world.ok("fb", "cross_border.prepare_payout", id=XF, **SALT)
    assert shown(world)["payout_fen"] == 71_000_000
    proof = world.pay("FB", "PX", 71_000_000, reference)
    world.ok("nobody", "cross_border.disburse", id=XF, proof=proof)
    world.now_ms = at("2027-02-16")
    world.refused("E_HOLD", "px-maker", "cross_border.prepare_repayment", id=XF, **SALT)


# ---- when it is not repaid -----------------------------------------------------------------------


def test_the_import_factor_pays_ninety_days_after_the_due_date(paying: World) -> None:
    world = paying
    paid_out(world)
    world.now_ms = at("2027-02-16", 23)
    world.refused("E_TOO_EARLY", "nobody", "cross_border.mark_overdue", id=XF)
    world.now_ms = at("2027-02-17", 0)
    world.ok("nobody", "cross_border.mark_overdue", id=XF)
    world.refused("E_NO_RECOURSE", "fb-checker", "cross_border.take_recourse", id=XF)
    world.now_ms = at("2027-05-17", 23)
    world.refused("E_TOO_EARLY", "fb", "cross_border.call_cover", id=XF)
    world.now_ms = at("2027-05-18", 0)
    late = {"id": XF, "document": digest("goods")}
    world.refused("E_TOO_LATE", "hb", "cross_border.dispute", **late)
    assert world.ok("fb", "cross_border.call_cover", id=XF) == "COVER_CALLED"
    wrong = repaid(world, "PX", "fb")
    world.refused("E_PROOF_PAYER", "nobody", "cross_border.repay", id=XF, proof=wrong)
    due = shown(world)
    proof = world.pay("NB", "FB", due["repay_fen"], due["repay_reference"])
    assert world.ok("nobody", "cross_border.repay", id=XF, proof=proof) == "REPAID"


def test_a_dispute_suspends_the_cover_and_an_award_opens_recourse(paying: World) -> None:
    world = paying
    paid_out(world)
    world.now_ms = at("2027-02-17")
    world.ok("nobody", "cross_border.mark_overdue", id=XF)
    goods = {"id": XF, "document": digest("goods not as agreed")}
    for who in ("px-maker", "fb", "lg"):
        world.refused("E_NOT_PARTY", who, "cross_border.dispute", **goods)
    assert world.ok("hb", "cross_border.dispute", **goods) == "DISPUTED"
    world.now_ms = at("2027-06-01")
    world.refused("E_STATE", "fb", "cross_border.call_cover", id=XF)
    award = {"id": XF, "award": digest("award"), "for_seller": False}
    assert world.ok("arbiter", "cross_border.settle_dispute", **award) == "RECOURSE"
    proof = repaid(world, "PX")
    world.refused("E_PREPARED", "fb-checker", "cross_border.write_off", id=XF, reason="no")
    assert world.ok("nobody", "cross_border.repay", id=XF, proof=proof) == "REPAID"
    world.ok("nobody", "cross_border.release_quota", id=XF)


def test_what_was_sold_without_recourse_is_written_off(paying: World) -> None:
    world = paying
    request(world, product="asset-transfer", buyer="", factor="")
    accepted(world, XF, principal=1_000_000)
    world.ok("fb", "cross_border.file", id=XF, document=digest("filing"))
    world.ok("safe", "cross_border.acknowledge", id=XF)
    world.ok("fb", "cross_border.hold_quota", id=XF)
    reference = world.ok("fb", "cross_border.prepare_payout", id=XF, **SALT)
    proof = world.pay("FB", "PX", 1_000_000, reference)
    world.ok("nobody", "cross_border.disburse", id=XF, proof=proof)
    world.now_ms = at("2027-02-17")
    world.ok("nobody", "cross_border.mark_overdue", id=XF)
    world.refused("E_NO_RECOURSE", "fb-checker", "cross_border.take_recourse", id=XF)
    world.refused("E_COVER", "fb", "cross_border.call_cover", id=XF)
    gone = {"id": XF, "reason": "the buyer is insolvent"}
    assert world.ok("fb-checker", "cross_border.write_off", **gone) == "WRITTEN_OFF"
    assert left(world) == 598_500_000
    world.ok("nobody", "cross_border.release_quota", id=XF)
    assert left(world) == 600_000_000


# ---- other products ------------------------------------------------------------------------------


def credit(world: World, applicant: str, beneficiary: str, id: str) -> str:
    """A credit of 200,000,000 fen in force."""
    terms = {"id": id, "issuing": "QB", "beneficiary": beneficiary, "amount_fen": 200_000_000,
             "expiry": "2027-02-26", "latest_shipment": "2027-02-10", "terms": digest("MT 700"),
             "advising": "NB"}  # fmt: skip
    world.ok(applicant, "credit.apply", **terms)
    world.ok("qb-ops", "credit.approve_issue", id=id)
    world.ok("qb-checker", "credit.issue", id=id)
    return id


def test_a_packing_loan_rests_on_eighty_percent_of_a_credit_in_the_borrowers_favour(
    traded: World,
) -> None:
    basis = credit(traded, "hb", "PX", "LC-1")
    plain = {"basis": basis, "buyer": "", "factor": ""}
    terms = wanted(product="packing-loan", **plain)
    traded.refused("E_BASIS", "hb", "cross_border.request", **terms)
    import_bill = wanted(product="import-bill", **plain)
    traded.refused("E_BASIS", "px-maker", "cross_border.request", **import_bill)
    request(traded, product="packing-loan", **plain)
    above = offer(traded, principal=160_000_001)
    traded.refused("E_ADVANCE", "fb", "cross_border.quote", **above)
    traded.ok("fb", "cross_border.quote", **offer(traded, principal=160_000_000))


def test_an_importer_abroad_uses_the_quota_of_the_lender_on_the_mainland(traded: World) -> None:
    basis = credit(traded, "hb", "PX", "LC-1")
    plain = {"basis": basis, "buyer": "", "factor": ""}
    request(traded, "hb", product="trust-receipt", **plain)
    traded.refused("E_NOT_CROSS_BORDER", "fb", "cross_border.quote", **offer(traded, principal=5))
    traded.ok("qb-ops", "cross_border.quote", **offer(traded, principal=100_000_000))
    terms = traded.ok("hb-checker", "cross_border.accept_quote", id=XF, number=1)
    assert (terms["subject"], terms["interest"]) == ("QB", 808_889)
    traded.ok("hb", "cross_border.file", id=XF, document=digest("filing"))
    traded.ok("safe", "cross_border.acknowledge", id=XF)
    traded.refused("E_QUOTA", "qb-ops", "cross_border.hold_quota", id=XF)
    put_capital(traded, "QB", 50_000_000)
    traded.ok("qb-ops", "cross_border.hold_quota", id=XF)
    assert (left(traded, "QB"), left(traded, "PX")) == (0, 600_000_000)


def test_a_guaranteed_loan_needs_a_guarantee_for_its_lender_that_outlives_it(
    traded: World,
) -> None:
    for id, expiry, beneficiary in (("GT-1", "2027-02-15", "FB"), ("GT-2", "2027-02-16", "LG"),
                                    ("GT-3", "2027-02-16", "FB")):  # fmt: skip
        traded.ok("qb-ops", "guarantee.draft", id=id, applicant="PX", beneficiary=beneficiary,
                  amount_fen=PRINCIPAL, expiry=expiry, terms=digest("t"))  # fmt: skip
        plain = {"basis": id, "buyer": "", "factor": "", "product": "guaranteed-loan"}
        traded.refused("E_BASIS", "px-maker", "cross_border.request", **wanted(**plain))
        traded.ok("qb-checker", "guarantee.issue", id=id)
        number = request(traded, **plain)
        traded.ok("fb", "cross_border.quote", **offer(traded, id=number))
        take = {"id": number, "number": 1}
        if id == "GT-3":
            assert traded.ok("px-checker", "cross_border.accept_quote", **take)["principal"] > 0
        else:
            traded.refused("E_BASIS", "px-checker", "cross_border.accept_quote", **take)


def test_products_name_only_what_a_basis_can_be(traded: World) -> None:
    kinds = {row[1] for row in PRODUCTS}
    assert kinds == {"beneficiary", "applicant", "declaration", "guarantee"}
    assert [p["name"] for p in traded.ok("fb", "cross_border.products")] == [r[0] for r in PRODUCTS]


# ---- who sees what, and what crosses -------------------------------------------------------------


def consented(world: World, **changes: Any) -> str:
    args = {"document": digest("b/l"), "carrier": "QB", "reader": "FB", "until": "2026-12-31",
            "subject": XF, **changes}  # fmt: skip
    return str(world.ok("px-maker", "zone_bridge.consent", **args))


def test_parties_safe_and_pbc_see_a_financing_and_quotes_are_the_banks_own(traded: World) -> None:
    accepted(traded)
    for who in ("px-reader", "fb", "nb-ops", "hb", "safe", "pbc"):
        assert traded.ok(who, "cross_border.get", id=XF)["id"] == XF
    for who in ("qb-ops", "lg", "hkma", "customs", "safe-desk"):
        traded.refused("E_NOT_PARTY", who, "cross_border.get", id=XF)
    assert [len(traded.ok(who, "cross_border.list_quotes", id=XF)) for who in
            ("px-maker", "fb", "qb-ops")] == [1, 1, 0]  # fmt: skip


def test_only_commitments_and_documents_with_consent_cross_the_bridge(traded: World) -> None:
    accepted(traded)
    traded.refused("E_NOT_PARTY", "qb-ops", "zone_bridge.cross_commitment", id=XF)
    assert traded.ok("fb", "zone_bridge.cross_commitment", id=XF) == digest("salted terms")
    assert traded.events == ["Bridge.CommitmentCrossed"]
    first = traded.ok("nobody", "zone_bridge.first_crossed", commitment=digest("salted terms"))
    assert first == traded.now_ms
    consent = consented(traded)
    other = {"id": consent, "document": digest("invoice")}
    traded.refused("E_CONSENT", "qb-ops", "zone_bridge.cross_document", **other)
    right = {"id": consent, "document": digest("b/l")}
    assert traded.ok("qb-ops", "zone_bridge.cross_document", **right) == 1
    traded.ok("px-maker", "zone_bridge.withdraw", id=consent)
    traded.refused("E_STATE", "qb-ops", "zone_bridge.cross_document", **right)
    second = consented(traded)
    traded.now_ms = at("2027-01-01", 0)
    late = {"id": second, "document": digest("b/l")}
    traded.refused("E_CONSENT", "qb-ops", "zone_bridge.cross_document", **late)
    for code, change in (("E_DIGEST", {"document": ""}), ("E_DATE", {"until": "2026-12-31"}),
                         ("E_PARTY", {"carrier": "ZZ", "until": "2027-12-31"})):  # fmt: skip
        args = {"document": digest("b/l"), "carrier": "QB", "reader": "FB", "until": "2027-12-31"}
        traded.refused(code, "px-maker", "zone_bridge.consent", **{**args, **change})


# ---- any history ---------------------------------------------------------------------------------


class Histories(RuleBasedStateMachine):
    """Whatever is asked, held, paid and released: the quota is the sum of what is open, and never passed."""

    opened: World
    directory: Path
    proven = 0  # payments, in all histories

    @initialize()
    def begin(self) -> None:
        self.world = fresh(self.opened)
        self.world.open_center(self.directory / secrets.token_hex(8))
        prepared(self.world)
        self.lent = self.back = 0

    def call(self, who: str, target: str, **args: Any) -> Any:
        result = self.world.run(who, target, **args)
        assert result.outcome in ("ok", "revert"), (target, args, result.code, result.message)
        return self.world.ok(who, target, **args) if result.outcome == "ok" else None

    def newest(self) -> str:
        for number in range(9, 0, -1):
            for year in (2027, 2026):
                id = f"XF-{year}-{number:06d}"
                if self.world.run("pbc", "cross_border.get", id=id).outcome == "ok":
                    return id
        return XF

    @rule(
        principal=st.sampled_from([1, 100_000_000, PRINCIPAL]),
        factoring=st.booleans(),
        steps=st.sampled_from([3, 2, 1, 0]),
    )
    def ask(self, principal: int, factoring: bool, steps: int) -> None:
        due = {"due_date": calendar.date_text(calendar.day_at(self.world.now_ms) + 60)}
        other = {**due, "product": "asset-transfer", "buyer": "", "factor": ""}
        terms = wanted(**(due if factoring else other))
        id = self.call("px-maker", "cross_border.request", **terms)
        if id is not None:
            self.call("fb", "cross_border.quote", **offer(self.world, id=id, principal=principal))
            self.call("px-checker", "cross_border.accept_quote", id=id, number=1)
        for step in range(steps):
            self.go_on(step)

    @rule(step=st.integers(0, 2))
    def go_on(self, step: int) -> None:
        if step > 0:
            self.pay(is_back=step == 2)
            return
        id = self.newest()
        self.call("nb-checker", "cross_border.approve_cover", id=id, cover=PRINCIPAL)
        self.call("px-maker", "cross_border.file", id=id, document=digest("filing"))
        self.call("safe", "cross_border.acknowledge", id=id)
        self.call("fb", "cross_border.hold_quota", id=id)

    def pay(self, is_back: bool) -> None:
        id, salt = self.newest(), secrets.token_bytes(16)
        move = "prepare_repayment" if is_back else "prepare_payout"
        reference = self.call("fb", f"cross_border.{move}", id=id, salt=salt)
        if reference is None:
            return
        found = shown(self.world, id)
        payer = ("NB" if found["state"] == "COVER_CALLED" else "PX") if is_back else "FB"
        payee, amount = ("FB", found["repay_fen"]) if is_back else ("PX", found["payout_fen"])
        proof = self.world.pay(payer, payee, amount, reference)
        if self.call("nobody", f"cross_border.{'repay' if is_back else 'disburse'}", id=id,
                     proof=proof):  # fmt: skip
            Histories.proven += 1
            self.back += amount - found["interest"] if is_back else 0
            self.lent += 0 if is_back else amount

    @rule(
        move=st.sampled_from(["timeout", "mark_overdue", "release_quota", "withdraw", "call_cover"])
    )
    def other(self, move: str) -> None:
        for who in ("px-maker", "fb"):
            self.call(who, f"cross_border.{move}", id=self.newest())

    @rule(capital=st.sampled_from([CAPITAL, 2 * CAPITAL, CAPITAL // 4]))
    def recapitalise(self, capital: int) -> None:
        put_capital(self.world, "PX", capital)

    @rule(days=st.integers(1, 50))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 24 * HOUR_MS

    @invariant()
    def quota_is_the_sum_of_what_is_open(self) -> None:
        if not hasattr(self, "world"):
            return
        places = self.world.ok("pbc", "quota.list_positions", member="PX")
        taken = self.world.ok("pbc", "quota.headroom", member="PX")["taken_fen"]
        assert taken == sum(p["weighted_fen"] for p in places if p["state"] != "RELEASED")
        assert taken <= 6 * CAPITAL  # the largest quota there ever was
        states = {p["id"]: p["state"] for p in places}
        owed = 0
        for id, state in states.items():
            found = shown(self.world, id)
            if state == "USED":
                assert found["state"] in ("DISBURSED", "OVERDUE", "COVER_CALLED", "REPAID")
                owed += found["principal"] if found["state"] != "REPAID" else 0
        assert owed == self.lent - self.back
        goods = self.world.ok("safe", "declared_goods.get", id=DECLARATION)
        assert goods["in_use_fen"] <= goods["value_fen"]


def test_no_history_exceeds_a_quota_or_loses_money(opened: World, tmp_path: Path) -> None:
    Histories.opened, Histories.directory = opened, tmp_path
    machine = settings(max_examples=8, stateful_step_count=12, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
    assert Histories.proven > 0
