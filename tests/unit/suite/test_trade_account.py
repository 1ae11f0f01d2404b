"""Trade accounts: goods, documents and money matched; what cannot be right is refused or shown to SAFE."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from consensus.payment import Kind
from contracts.rules import trade_checks
from contracts.tables import TABLES
from deploy.regcenter.center import Refresh
from deploy.regcenter.client import Payment
from tests.unit.suite.conftest import fresh
from tests.unit.suite.customs import DECLARATION, GROSS, TA, Customs, declare, opened_account, what
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import HOUR_MS, World, at, digest

BY_RECORD = {t.record: t for t in TABLES if t.contract in ("trade_account", "declared_goods")}


@pytest.fixture
def customs(world: World) -> Customs:
    world.now_ms = at("2026-11-17")
    return Customs(world)


@pytest.fixture
def paying_customs(paying_world: World) -> Customs:
    paying_world.now_ms = at("2026-11-17")
    found = Customs(paying_world)
    paying_world.bind_wallets("hb")
    return found


def shown(world: World, id: str = TA) -> dict[str, Any]:
    return dict(world.ok("safe", "trade_account.get", id=id))


def fixed(world: World, amount: int, id: str = TA, who: str = "px-maker") -> dict[str, Any]:
    salt = secrets.token_bytes(16)
    args = {"id": id, "amount_fen": amount, "salt": salt}
    return dict(world.ok(who, "trade_account.prepare_receipt", **args))


def pay_parts(world: World, payer: str, parts: list[dict[str, Any]], more: int = 0) -> list[bytes]:
    """One payment with an output for each part; their proofs in order. more: fen on top of the last part."""
    assert world.money is not None
    wallet = world.wallets[payer]
    amounts = [part["amount_fen"] for part in parts]
    amounts[-1] += more
    coin = world.money.fund(wallet, sum(amounts))
    outputs = [
        Payment(world.wallets[part["payee"]].address, amount, part["reference"])
        for part, amount in zip(parts, amounts, strict=True)
    ]
    receipt = world.money.send(Kind.TRANSFER, wallet, [coin], outputs)
    world.money.process(Refresh())
    anchor = world.ok(world.regulator, "dcep.anchor", log_id=world.money.center.log_id)
    return [world.money.proof_bytes(wallet, receipt.txid, i, anchor) for i in range(len(outputs))]


def financed(world: World) -> str:
    """Steps 4 and 5: QB advances 960,000,000 fen on the export invoice at 3.20 % until 2027-02-16."""
    world.now_ms = at("2026-11-18")
    request = world.ok(
        "px-maker", "financing.request_invoice", document=digest("export"), due_date="2027-02-16",
        purpose="working capital", consent=True,
    )  # fmt: skip
    world.quote(request, rate_ppm=32_000, principal_fen=960_000_000)
    terms = world.accept_quote(request, who="px-maker")
    fingerprint = digest("keyed export")
    world.ok("qb-ops", "financing.duplicate_check", request_id=request, fingerprint=fingerprint)
    proof = world.pay("QB", "PX", terms["payout_fen"], terms["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=request, proof=proof)
    return str(request)


# ---- the tables ----------------------------------------------------------------------------------

SALT = {"salt": bytes(16)}
ACCOUNT_WALK = Walk(
    BY_RECORD["account"],
    TA,
    {
        "declare": ("px-maker", {"declaration": DECLARATION, **what()}),
        "add_invoice": ("px-maker", {"document": digest("export")}),
        "add_transport": ("px-maker", {"document": digest("b/l"), "consignor": "PX",
                                       "consignee": "HB", "origin": "CNSZX",
                                       "destination": "HKHKG"}),
        "link_financing": ("qb-ops", {"request_id": "FR-2026-000001"}),
        "prepare_receipt": ("px-maker", {"amount_fen": 1, **SALT}),
        "record_receipt": ("nobody", {"number": 1, "proofs": []}),
        "mark_overdue": ("nobody", {}),
        "report_overdue": ("px-checker", {"report": digest("r"), "until": "2028-01-01"}),
        "accept_report": ("safe", {}),
        "suspect": ("safe", {"decision": digest("d")}),
        "clear": ("safe", {"decision": digest("d")}),
        "propose_netting": ("px-checker", {"other": TA, "amount_fen": 1}),
        "approve_netting": ("safe", {}),
        "prepare_refund": ("px-maker", {"amount_fen": 1, **SALT}),
        "record_refund": ("nobody", {"proof": b""}),
        "close": ("px-checker", {}),
    },
)  # fmt: skip
FREE_FOR = {"enterprise", "bank", "counterparty"}


@pytest.fixture(scope="module")
def walked(opened: World) -> World:
    """An account with declared goods and a receipt that is awaited: made once, copied for each case."""
    world = fresh(opened)
    world.now_ms = at("2026-11-17")
    customs = Customs(world)
    opened_account(world)
    declare(world, DECLARATION, customs.clear(DECLARATION))
    world.ok("px-maker", "trade_account.prepare_receipt", id=TA, amount_fen=1, **SALT)
    return world


@pytest.mark.parametrize(("state", "move"), cases(ACCOUNT_WALK))
def test_an_account_moves_only_as_its_table_says(walked: World, state: str, move: str) -> None:
    world = fresh(walked)
    ACCOUNT_WALK.check_state(world, state, move)


def only_one_part(case: tuple[str, str]) -> bool:
    rows = [r for r in ACCOUNT_WALK.table.rows if r[1] == case[1] and case[0] in r[0].split("|")]
    return all("," not in row[2] for row in rows)


@pytest.mark.parametrize(
    ("state", "move"), [case for case in allowed(ACCOUNT_WALK) if only_one_part(case)]
)
def test_an_account_is_moved_only_by_whom_its_table_names(
    walked: World, state: str, move: str
) -> None:
    world = fresh(walked)
    ACCOUNT_WALK.check_persons(world, state, move)


@pytest.mark.parametrize("state", BY_RECORD["receipt"].states)
@pytest.mark.parametrize("move", ["record_receipt", "lapse_receipt"])
def test_a_receipt_moves_only_as_its_table_says(walked: World, state: str, move: str) -> None:
    world = fresh(walked)
    world.force("trade_account", "receipt", f"{TA}/1", state=state)
    proofs = {"proofs": [b""]} if move == "record_receipt" else {}
    result = world.run("nobody", f"trade_account.{move}", id=TA, number=1, **proofs)
    assert (result.code == "E_STATE") is not BY_RECORD["receipt"].allows(state, move)
    assert result.outcome == "revert"


@pytest.mark.parametrize("state", BY_RECORD["goods"].states)
@pytest.mark.parametrize("move", ["open_to", "use", "free"])
def test_declared_goods_move_only_as_their_table_says(walked: World, state: str, move: str) -> None:
    world = fresh(walked)
    world.force("declared_goods", "goods", DECLARATION, state=state)
    args: dict[str, Any] = {"amount_fen": 1, **({"bank": "QB"} if move == "free" else {})}
    who = "qb-ops"
    if move == "open_to":
        who, args = "px-checker", {"banks": ["QB"]}
    result = world.run(who, f"declared_goods.{move}", id=DECLARATION, **args)
    assert (result.code == "E_STATE") is not BY_RECORD["goods"].allows(state, move)
    world.refused("E_NOT_PARTY", "px-maker", "declared_goods.record", number="1", account=TA,
                  uscc="", parties={"enterprise": "PX", "seller": "PX"}, what={})  # fmt: skip
    flag = {"number": DECLARATION, "is_suspect": False}
    world.refused("E_CALLER", "safe", "declared_goods.set_suspect", **flag)


# ---- the story -----------------------------------------------------------------------------------


def test_the_story_receipt_pays_the_bank_first_and_settles_the_account(
    paying_customs: Customs,
) -> None:
    """Step 19: of 1,200,000,000 fen QB gets 967,680,000 and PX 232,320,000; the registry is released."""
    world = paying_customs.oracles.world
    opened_account(world)
    assert declare(world, DECLARATION, paying_customs.clear(DECLARATION)) == "DECLARED"
    world.ok("px-maker", "trade_account.add_invoice", id=TA, document=digest("export"))
    world.ok("px-maker", "trade_account.add_transport", id=TA, document=digest("b/l"),
             consignor="PX", consignee="HB", origin="CNSZX", destination="HKHKG")  # fmt: skip
    request = financed(world)
    world.refused(
        "E_NOT_PARTY", "nb-ops", "trade_account.link_financing", id=TA, request_id=request
    )
    world.ok("qb-ops", "trade_account.link_financing", id=TA, request_id=request)

    world.now_ms = at("2027-02-16")
    short = {"id": TA, "amount_fen": 967_679_999, **SALT}
    world.refused("E_WATERFALL", "px-maker", "trade_account.prepare_receipt", **short)
    over = {"id": TA, "amount_fen": GROSS + 1, **SALT}
    world.refused("E_OVER_RECEIPT", "px-maker", "trade_account.prepare_receipt", **over)
    receipt = fixed(world, GROSS)
    assert [(p["payee"], p["amount_fen"]) for p in receipt["parts"]] == [
        ("QB", 967_680_000), ("PX", 232_320_000),
    ]  # fmt: skip
    assert world.ok("hb", "trade_account.get_receipt", id=TA, number=1) == receipt
    proofs = pay_parts(world, "HB", receipt["parts"])
    args = {"id": TA, "number": 1}
    world.refused("E_PROOFS", "nobody", "trade_account.record_receipt", proofs=proofs[:1], **args)
    swapped = {"proofs": proofs[::-1], **args}
    world.refused("E_PROOF_REF", "nobody", "trade_account.record_receipt", **swapped)
    vouched = {"proofs": [b"", proofs[1]], **args}
    world.refused("E_NOT_PARTY", "px-maker", "trade_account.record_receipt", **vouched)
    world.refused("E_UNPAID", "qb-ops", "trade_account.record_receipt", **vouched)
    assert world.ok("nobody", "trade_account.record_receipt", proofs=proofs, **args) == "SETTLED"
    claim = world.ok("qb-ops", "invoice_registry.my_claim", fingerprint=digest("keyed export"))
    assert claim["state"] == "RELEASED"
    assert world.ok("qb-ops", "financing.get", request_id=request)["state"] == "REPAID"
    account = shown(world)
    assert (account["received_fen"], account["score_bps"], account["alerts"]) == (GROSS, 10_000, [])
    assert world.ok("safe", "trade_account.figures") == [
        {"direction": "export", "accounts": 1, "declared_fen": GROSS, "received_fen": GROSS}
    ]
    assert world.ok("px-checker", "trade_account.close", id=TA) == "CLOSED"


def test_a_financing_repaid_by_a_stranger_with_the_same_proof_is_vouched_for_by_its_bank(
    paying_customs: Customs,
) -> None:
    world = paying_customs.oracles.world
    opened_account(world)
    world.ok("px-maker", "trade_account.add_invoice", id=TA, document=digest("export"))
    request = financed(world)
    world.ok("qb-ops", "trade_account.link_financing", id=TA, request_id=request)
    receipt = fixed(world, GROSS)
    proofs = pay_parts(world, "HB", receipt["parts"])
    world.ok("nobody", "financing.repay", request_id=request, proof=proofs[0])
    args = {"id": TA, "number": 1}
    world.refused("E_STATE", "nobody", "trade_account.record_receipt", proofs=proofs, **args)
    rest = {"proofs": [b"", proofs[1]], **args}
    assert world.ok("qb-ops", "trade_account.record_receipt", **rest) == "PARTIALLY_SETTLED"


# ---- goods ---------------------------------------------------------------------------------------


def test_a_declaration_counts_once_and_only_as_customs_has_it(customs: Customs) -> None:
    world = customs.oracles.world
    opened_account(world)
    args = {"id": TA, "declaration": DECLARATION}
    world.refused("E_HOLD", "px-maker", "trade_account.declare", **args, **what())
    fields = customs.clear(DECLARATION)
    for change in ({"amount": GROSS - 1}, {"quantity": 1}, {"hs": "851713"}, {"origin": "CNCAN"},
                   {"currency": "HKD"}):  # fmt: skip
        world.refused("E_CUSTOMS", "px-maker", "trade_account.declare", **args, **what(**change))
    declare(world, DECLARATION, fields)
    opened_account(world, "TA-2")
    again = {"id": "TA-2", "declaration": DECLARATION, **fields}
    world.refused("E_DUPLICATE", "px-maker", "trade_account.declare", **again)
    more = customs.clear("530120260001234568", amount=1)
    full = {"id": TA, "declaration": "530120260001234568", **more}
    world.refused("E_AMOUNT", "px-maker", "trade_account.declare", **full)  # above the contract


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        ("530120261001234567", {}),  # an import
        ("5301", {}),
        (DECLARATION, {"hs": "8517"}),
        (DECLARATION, {"origin": "Shenzhen"}),
        (DECLARATION, {"destination": "HK1"}),
    ],
)
def test_what_no_declaration_looks_like_is_refused(
    customs: Customs, number: str, changes: dict[str, Any]
) -> None:
    world = customs.oracles.world
    opened_account(world)
    fields = customs.clear(number, **changes)
    args = {"id": TA, "declaration": number, **fields}
    world.refused("E_CODE", "px-maker", "trade_account.declare", **args)


def test_goods_in_another_currency_count_by_the_rate_of_the_day(customs: Customs) -> None:
    world = customs.oracles.world
    opened_account(world)
    fields = customs.clear(DECLARATION, amount=100_000_00, currency="USD")
    args = {"id": TA, "declaration": DECLARATION, **fields}
    world.refused("E_HOLD", "px-maker", "trade_account.declare", **args)
    customs.oracles.rate("CNY", 710_000_000)
    declare(world, DECLARATION, fields)
    assert shown(world)["declared_fen"] == 71_000_000


def test_one_set_of_banks_finances_a_declaration_and_others_learn_yes_or_no(
    customs: Customs,
) -> None:
    world = customs.oracles.world
    opened_account(world)
    declare(world, DECLARATION, customs.clear(DECLARATION))

    def use(code: str, who: str, amount: int) -> None:
        args = {"id": DECLARATION, "amount_fen": amount}
        if code:
            world.refused(code, who, "declared_goods.use", **args)
        else:
            world.ok(who, "declared_goods.use", **args)

    def available(who: str, amount: int) -> bool:
        args = {"id": DECLARATION, "amount_fen": amount}
        return bool(world.ok(who, "declared_goods.is_available", **args))

    assert available("nb-ops", GROSS) and not available("nb-ops", GROSS + 1)
    use("E_BANKS", "qb-ops", 1)
    for code, banks in (("E_BANKS", []), ("E_BANKS", ["QB", "QB"]), ("E_ROLE", ["LG"]),
                        ("E_PARTY", ["ZZ"])):  # fmt: skip
        world.refused(code, "px-checker", "declared_goods.open_to", id=DECLARATION, banks=banks)
    world.refused(
        "E_NOT_PARTY", "qb-checker", "declared_goods.open_to", id=DECLARATION, banks=["QB"]
    )
    world.ok("px-checker", "declared_goods.open_to", id=DECLARATION, banks=["QB", "FB"])
    use("E_BANKS", "nb-ops", 1)
    use("", "qb-ops", 800_000_000)
    assert not available("nb-ops", 1) and available("fb", 400_000_000)
    use("E_DUPLICATE_FINANCING", "nb-ops", 1)
    world.refused("E_STATE", "px-checker", "declared_goods.open_to", id=DECLARATION, banks=["NB"])
    use("E_DUPLICATE_FINANCING", "fb", 400_000_001)
    use("", "fb", 400_000_000)
    assert world.ok("fb", "declared_goods.get", id=DECLARATION)["in_use_fen"] == 400_000_000
    world.refused("E_NOT_PARTY", "nb-ops", "declared_goods.get", id=DECLARATION)
    other = {"id": DECLARATION, "bank": "FB", "amount_fen": 1}
    world.refused("E_OWNER", "qb-ops", "declared_goods.free", **other)
    for who, bank, amount in (("qb-ops", "QB", 800_000_000), ("fb", "FB", 400_000_000)):
        free = {"id": DECLARATION, "bank": bank, "amount_fen": amount}
        world.ok(who, "declared_goods.free", **free)
    world.ok("px-checker", "declared_goods.open_to", id=DECLARATION, banks=["NB"])
    use("", "nb-ops", 1)


def test_goods_that_come_back_for_the_same_money_are_suspect_and_nothing_moves_on_them(
    customs: Customs,
) -> None:
    world = customs.oracles.world
    opened_account(world)
    declare(world, DECLARATION, customs.clear(DECLARATION))
    opened_account(world, "TA-2", direction="import")
    world.now_ms = at("2027-02-15")  # the 90th day
    number = "530120271000000001"
    back = customs.clear(number, amount=GROSS * 91 // 100, origin="HKHKG", destination="CNSZX")
    assert declare(world, number, back, "TA-2") == "SUSPECT"
    assert shown(world, "TA-2")["alerts"] == [["CIRCULAR", "2027-02-15", TA]]
    receipt = {"id": "TA-2", "amount_fen": 1, **SALT}
    world.refused("E_STATE", "px-maker", "trade_account.prepare_receipt", **receipt)
    world.ok("px-checker", "declared_goods.open_to", id=number, banks=["QB"])
    use = {"id": number, "amount_fen": 1}
    world.refused("E_SUSPECT", "qb-ops", "declared_goods.use", **use)
    assert not world.ok("qb-ops", "declared_goods.is_available", id=number, amount_fen=1)
    assert [a["id"] for a in world.ok("safe", "trade_account.list_accounts", state="SUSPECT")] == [
        "TA-2"
    ]
    world.refused(
        "E_NOT_PARTY", "px-checker", "trade_account.clear", id="TA-2", decision=digest("d")
    )
    assert world.ok("safe", "trade_account.clear", id="TA-2", decision=digest("d")) == "DECLARED"
    world.ok("qb-ops", "declared_goods.use", **use)


@pytest.mark.parametrize(
    ("day", "changes"),
    [
        ("2027-02-16", {"amount": GROSS}),  # the 91st day
        ("2026-11-18", {"amount": GROSS * 9 // 10}),  # 90 % exactly
        ("2026-11-18", {"amount": GROSS, "hs": "8517620000"}),
    ],
)
def test_trade_back_later_for_less_or_in_other_goods_is_trade(
    customs: Customs, day: str, changes: dict[str, Any]
) -> None:
    world = customs.oracles.world
    opened_account(world)
    declare(world, DECLARATION, customs.clear(DECLARATION))
    opened_account(world, "TA-2", direction="import")
    world.now_ms = at(day)
    number = "530120261000000001"
    assert declare(world, number, customs.clear(number, **changes), "TA-2") == "DECLARED"


def test_a_price_outside_the_band_of_customs_is_an_alert_from_the_bands_first_day(
    customs: Customs,
) -> None:
    world = customs.oracles.world
    opened_account(world, expected_fen=2 * GROSS)
    draft = {"name": "price-band:851713", "since": "2026-11-18", "source": "customs notice 5",
             "document": digest("notice"),
             "value": {"currency": "CNY", "low": 10_000, "high": 299_999}}  # fmt: skip
    world.refused("E_AUTHORITY", "safe", "rulebook.draft", **draft)
    rule = world.ok("customs", "rulebook.draft", **draft)
    world.ok("customs-second", "rulebook.sign", id=rule)
    declare(world, DECLARATION, customs.clear(DECLARATION))  # 300,000 a unit, a day too early
    assert shown(world)["alerts"] == []
    world.now_ms = at("2026-11-18")
    number = "530120260001234568"
    declare(world, number, customs.clear(number))
    assert shown(world)["alerts"] == [["PRICE", "2026-11-18", number]]


def test_names_and_routes_that_differ_are_alerts_and_cost_the_score(customs: Customs) -> None:
    world = customs.oracles.world
    opened_account(world)
    declare(world, DECLARATION, customs.clear(DECLARATION))
    paper = {"id": TA, "document": digest("b/l"), "consignor": "PX", "consignee": "LG",
             "origin": "CNSZX", "destination": "SGSIN"}  # fmt: skip
    world.ok("px-maker", "trade_account.add_transport", **paper)
    assert [one[0] for one in shown(world)["alerts"]] == ["NAME", "ROUTE"]
    world.refused("E_DUPLICATE", "px-maker", "trade_account.add_transport", **paper)
    invoice = {"id": TA, "document": digest("moulds")}
    world.refused("E_NOT_FOUND", "px-maker", "trade_account.add_invoice", **invoice)


@given(
    goods=st.integers(0, 10**12), documents=st.integers(0, 10**12), money=st.integers(0, 10**12),
    mismatches=st.integers(0, 6),
)  # fmt: skip
def test_the_score_is_whole_only_for_flows_that_agree(
    goods: int, documents: int, money: int, mismatches: int
) -> None:
    score = trade_checks.three_flow_score(goods, documents, money, mismatches)
    assert 0 <= score <= 10_000
    if score == 10_000:
        assert goods == documents == money > 0 and mismatches == 0


@given(amount=st.integers(0, 10**9), claims=st.lists(st.integers(0, 10**9), max_size=6))
def test_a_waterfall_loses_nothing_and_pays_nobody_before_those_above(
    amount: int, claims: list[int]
) -> None:
    parts, rest = trade_checks.waterfall(amount, claims)
    assert sum(parts) + rest == amount and rest >= 0
    for i, part in enumerate(parts):
        assert 0 <= part <= claims[i]
        assert part == claims[i] or sum(parts[i + 1 :]) + rest == 0


# ---- money and time ------------------------------------------------------------------------------


def test_more_than_was_fixed_makes_the_account_overpaid_until_it_is_given_back(
    paying_customs: Customs,
) -> None:
    world = paying_customs.oracles.world
    opened_account(world)
    declare(world, DECLARATION, paying_customs.clear(DECLARATION))
    receipt = fixed(world, GROSS)
    none_left = {"id": TA, "amount_fen": 1, **SALT}
    world.refused("E_OVER_RECEIPT", "px-maker", "trade_account.prepare_receipt", **none_left)
    proofs = pay_parts(world, "LG", receipt["parts"], more=5)  # not the buyer, and too much
    args = {"id": TA, "number": 1, "proofs": proofs}
    assert world.ok("nobody", "trade_account.record_receipt", **args) == "OVERPAID"
    assert [one[0] for one in shown(world)["alerts"]] == ["THIRD_PARTY"]
    world.refused("E_STATE", "nobody", "trade_account.record_receipt", **args)
    world.refused("E_STATE", "px-checker", "trade_account.close", id=TA)
    back = {"id": TA, "amount_fen": 5, **SALT}
    world.refused("E_NOT_PARTY", "hb", "trade_account.prepare_refund", **back)
    reference = world.ok("px-maker", "trade_account.prepare_refund", **back)
    proof = world.pay("PX", "HB", 5, reference)
    assert world.ok("nobody", "trade_account.record_refund", id=TA, proof=proof) == "REFUNDED"
    assert shown(world)["refunded_fen"] == 5


def test_tolerance_settles_what_is_a_little_short(paying_customs: Customs) -> None:
    world = paying_customs.oracles.world
    opened_account(world, tolerance_bps=500)
    declare(world, DECLARATION, paying_customs.clear(DECLARATION))
    for number, amount, state in (
        (1, 1_139_999_999, "PARTIALLY_SETTLED"), (2, 1, "SETTLED"),
    ):  # fmt: skip
        proofs = pay_parts(world, "HB", fixed(world, amount)["parts"])
        args = {"id": TA, "number": number, "proofs": proofs}
        assert world.ok("nobody", "trade_account.record_receipt", **args) == state


def test_a_receipt_nobody_pays_lapses_and_a_late_payment_is_refused(
    paying_customs: Customs,
) -> None:
    world = paying_customs.oracles.world
    opened_account(world)
    receipt = fixed(world, GROSS)
    world.now_ms = at("2026-12-02", 23)  # 10 business days after the 17th end on the 1st
    proofs = pay_parts(world, "HB", receipt["parts"])
    args = {"id": TA, "number": 1}
    world.refused("E_PROOF_TIME", "nobody", "trade_account.record_receipt", proofs=proofs, **args)
    world.refused("E_TOO_EARLY", "nobody", "trade_account.lapse_receipt", **args)
    world.now_ms = at("2026-12-03", 1)
    assert world.ok("nobody", "trade_account.lapse_receipt", **args) == "LAPSED"
    assert shown(world)["room_fen"] == GROSS


def test_ninety_days_after_the_expected_date_the_enterprise_must_explain(customs: Customs) -> None:
    world = customs.oracles.world
    opened_account(world)
    declare(world, DECLARATION, customs.clear(DECLARATION))
    world.now_ms = at("2027-05-17", 23)
    world.refused("E_TOO_EARLY", "nobody", "trade_account.mark_overdue", id=TA)
    world.now_ms = at("2027-05-18", 0)
    assert world.ok("nobody", "trade_account.mark_overdue", id=TA) == "OVERDUE"
    world.refused("E_NO_REPORT", "safe", "trade_account.accept_report", id=TA)
    report = {"id": TA, "report": digest("buyer asks for time"), "until": "2027-07-01"}
    world.refused("E_DATE", "px-checker", "trade_account.report_overdue",
                  **{**report, "until": "2027-05-18"})  # fmt: skip
    world.ok("px-checker", "trade_account.report_overdue", **report)
    assert world.ok("safe", "trade_account.accept_report", id=TA) == "EXPLAINED"
    world.now_ms = at("2027-07-01", 23)
    world.refused("E_TOO_EARLY", "nobody", "trade_account.mark_overdue", id=TA)
    world.now_ms = at("2027-07-02", 0)
    world.ok("nobody", "trade_account.mark_overdue", id=TA)
    assert world.ok("safe", "trade_account.suspect", id=TA, decision=digest("STR")) == "SUSPECT"


def test_a_set_off_is_counted_on_both_sides_when_safe_agrees(customs: Customs) -> None:
    world = customs.oracles.world
    opened_account(world)
    declare(world, DECLARATION, customs.clear(DECLARATION))
    opened_account(world, "TA-2", direction="import")
    number = "530120261000000001"
    declare(world, number, customs.clear(number, amount=1_000_000, hs="390120"), "TA-2")
    offer = {"id": TA, "other": "TA-2"}
    for code, change in (("E_AMOUNT", {"amount_fen": 1_000_001}), ("E_AMOUNT", {"amount_fen": 0}),
                         ("E_NETTING", {"amount_fen": 1, "other": TA})):  # fmt: skip
        world.refused(code, "px-checker", "trade_account.propose_netting", **{**offer, **change})
    world.refused("E_NETTING", "safe", "trade_account.approve_netting", id=TA)
    world.ok("px-checker", "trade_account.propose_netting", **offer, amount_fen=1_000_000)
    assert world.ok("safe", "trade_account.approve_netting", id=TA) == "PARTIALLY_SETTLED"
    assert (shown(world, "TA-2")["state"], shown(world)["netted_fen"]) == ("NETTED", 1_000_000)
    assert world.ok("px-checker", "trade_account.close", id="TA-2") == "CLOSED"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_CODE", {"id": "ta 1"}),
        ("E_CODE", {"direction": "transit"}),
        ("E_CODE", {"incoterm": "FOR"}),
        ("E_AUTHORITY", {"safe": "PBC-SZ"}),
        ("E_SELF", {"counterparty": "PX"}),
        ("E_PARTY", {"counterparty": "ZZ"}),
        ("E_ROLE", {"bank": "LG"}),
        ("E_DIGEST", {"contract": ""}),
        ("E_AMOUNT", {"expected_fen": 0}),
        ("E_AMOUNT", {"expected_fen": 2**53}),
        ("E_DATE", {"expected_date": "2026-11-16"}),
        ("E_TOLERANCE", {"tolerance_bps": 1_001}),
    ],
)
def test_an_account_that_makes_no_sense_is_refused(
    customs: Customs, code: str, changes: dict[str, Any]
) -> None:
    args = {
        "id": TA, "direction": "export", "counterparty": "HB", "bank": "QB", "safe": "SAFE",
        "contract": digest("c"), "incoterm": "FOB", "expected_fen": GROSS,
        "expected_date": "2027-02-16", **changes,
    }  # fmt: skip
    customs.oracles.world.refused(code, "px-maker", "trade_account.open", **args)


def test_one_contract_has_one_account_and_others_do_not_see_it(customs: Customs) -> None:
    world = customs.oracles.world
    opened_account(world)
    args = {
        "id": "TA-9", "direction": "export", "counterparty": "HB", "bank": "QB", "safe": "SAFE",
        "contract": digest("contract " + TA), "incoterm": "FOB", "expected_fen": GROSS,
        "expected_date": "2027-02-16",
    }  # fmt: skip
    world.refused("E_DUPLICATE", "px-maker", "trade_account.open", **args)
    for who in ("px-reader", "qb-ops", "safe"):
        assert world.ok(who, "trade_account.get", id=TA)["id"] == TA
    for who in ("nb-ops", "hb", "pbc", "customs", "safe-desk"):
        world.refused("E_NOT_PARTY", who, "trade_account.get", id=TA)
    assert [a["id"] for a in world.ok("px-maker", "trade_account.list_accounts")] == [TA]
    opened_account(world, "TA-2")
    page = world.ok("safe", "trade_account.list_accounts", limit=1)
    rest = world.ok("safe", "trade_account.list_accounts", after=page[0]["id"], limit=1)
    assert [a["id"] for a in page + rest] == ["TA-2", TA]  # by state, then number


# ---- any history ---------------------------------------------------------------------------------


class Histories(RuleBasedStateMachine):
    """Whatever is declared, paid, given back and set off: figures are sums, and states are what they show."""

    opened: World
    directory: Path
    proven = 0  # payments, in all histories

    @initialize()
    def open(self) -> None:
        self.world = fresh(self.opened)
        self.world.now_ms = at("2026-11-17")
        self.world.open_center(self.directory / secrets.token_hex(8))
        self.world.bind_wallets("hb")
        self.customs = Customs(self.world)
        opened_account(self.world, tolerance_bps=100)
        opened_account(self.world, "TA-2", direction="import", tolerance_bps=100)
        self.number = 0
        self.came = self.back = 0

    def call(self, who: str, move: str, **args: Any) -> Any:
        result = self.world.run(who, f"trade_account.{move}", **args)
        assert result.outcome in ("ok", "revert"), (move, args, result.code, result.message)
        return (
            self.world.ok(who, f"trade_account.{move}", **args) if result.outcome == "ok" else None
        )

    @rule(id=st.sampled_from([TA, "TA-2"]), amount=st.sampled_from([1, GROSS // 2, GROSS]))
    def declare(self, id: str, amount: int) -> None:
        self.number += 1
        flag = "0" if id == TA else "1"
        number = f"53012026{flag}{self.number:09d}"
        hs = "851713" if self.number % 3 else "390120"
        fields = self.customs.clear(number, amount=amount, hs=hs)
        self.call("px-maker", "declare", id=id, declaration=number, **fields)

    @rule(amount=st.sampled_from([1, GROSS // 2, GROSS]), more=st.sampled_from([0, 0, GROSS // 10]))
    def receive(self, amount: int, more: int) -> None:
        salt = secrets.token_bytes(16)
        receipt = self.call("px-maker", "prepare_receipt", id=TA, amount_fen=amount, salt=salt)
        if receipt is None:
            return
        number = int(receipt["id"].split("/")[1])
        proofs = pay_parts(self.world, "HB", receipt["parts"], more)
        if self.call("nobody", "record_receipt", id=TA, number=number, proofs=proofs):
            self.came += amount + more
            Histories.proven += 1

    @rule(amount=st.sampled_from([1, GROSS // 10, GROSS]))
    def give_back(self, amount: int) -> None:
        salt = secrets.token_bytes(16)
        reference = self.call("px-maker", "prepare_refund", id=TA, amount_fen=amount, salt=salt)
        if reference is not None:
            proof = self.world.pay("PX", "HB", amount, reference)
            if self.call("nobody", "record_refund", id=TA, proof=proof):
                self.back += amount

    @rule(amount=st.sampled_from([1, GROSS // 2, GROSS]))
    def set_off(self, amount: int) -> None:
        self.call("px-checker", "propose_netting", id=TA, other="TA-2", amount_fen=amount)
        self.call("safe", "approve_netting", id=TA)

    @rule(move=st.sampled_from(["mark_overdue", "accept_report", "report", "suspect", "clear"]))
    def supervise(self, move: str) -> None:
        if move == "report":
            until = "2028-01-01"
            self.call("px-checker", "report_overdue", id=TA, report=digest("r"), until=until)
        elif move in ("suspect", "clear"):
            self.call("safe", move, id=TA, decision=digest("d"))
        else:
            self.call("safe", move, id=TA)

    @rule(days=st.integers(1, 120))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 24 * HOUR_MS

    @invariant()
    def figures_are_sums(self) -> None:
        if not hasattr(self, "world"):
            return
        export, imported = shown(self.world), shown(self.world, "TA-2")
        assert (export["received_fen"], export["refunded_fen"]) == (self.came, self.back)
        assert export["netted_fen"] == imported["netted_fen"]
        for account in (export, imported):
            whole = sum(
                self.world.ok("safe", "declared_goods.get", id=n)["value_fen"]
                for n in account["declarations"]
            )
            assert account["declared_fen"] == whole <= GROSS * 101 // 100
            money = account["received_fen"] - account["refunded_fen"] + account["netted_fen"]
            if account["state"] in ("SETTLED", "NETTED"):
                assert abs(money - whole) * 100 <= whole
        sums = self.world.ok("safe", "trade_account.figures")
        assert sum(row["received_fen"] for row in sums) == self.came - self.back


def test_no_history_makes_the_figures_wrong(opened: World, tmp_path: Path) -> None:
    Histories.opened, Histories.directory = opened, tmp_path
    machine = settings(max_examples=6, stateful_step_count=16, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
    assert Histories.proven > 0
