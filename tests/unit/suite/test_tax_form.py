"""The filing form for payments abroad: when one is needed, and that no remainder is ever used twice."""

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

from consensus.encoding import Hash
from contracts.tables import TABLES
from deploy.regcenter.hashing import sm3
from tests.unit.suite.conftest import fresh
from tests.unit.suite.oracles import Oracles
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import USERS, World, at, digest

TF = "TF-2027-000001"
AMOUNT = 50_000_000  # CNY 500,000.00, about USD 70,000
CNY = 710_000_000  # 7.10 for one dollar
BY_RECORD = {t.record: t for t in TABLES if t.contract in ("tax_form", "tax_review")}
AUTHORITIES = {
    "tax": ("TAX-SZ", ("regulator",)),
    "tax-desk": ("TAX-SZ", ("maker",)),
    "other-tax": ("TAX-GZ", ("regulator",)),
}


def code_for(bank: str) -> str:
    """What the payer hands to a bank: 32 hex digits."""
    return digest("code for " + bank)[:32]


def commitment(bank: str, form: str = TF) -> str:
    """SM3 of the four fields with their lengths in front, as any client computes it."""
    fields = [b"citychain/tax-form-code/v1", form.encode(), bank.encode(), code_for(bank).encode()]
    return sm3(b"".join(len(f).to_bytes(4, "big") + f for f in fields)).hex()


def with_rates(world: World, day: str = "2027-01-12") -> Oracles:
    world.users = {**USERS, **AUTHORITIES}
    world.now_ms = at(day)
    oracles = Oracles(world)
    oracles.rate("CNY", CNY)
    return oracles


@pytest.fixture
def taxed(world: World) -> World:
    with_rates(world)
    return world


@pytest.fixture
def paying(paying_world: World) -> World:
    with_rates(paying_world)
    paying_world.bind_wallets("hb", "tax-desk")
    return paying_world


def prepare(world: World, **changes: Any) -> str:
    return str(world.ok("px-maker", "tax_form.prepare", **wanted(**changes)))


def wanted(**changes: Any) -> dict[str, Any]:
    return {
        "payee": "HB", "tax": "TAX-SZ", "safe": "SAFE", "contract": digest("service contract"),
        "details": digest("form filled in"), "amount": AMOUNT, "currency": "CNY",
        "first_payment": changes.get("amount", AMOUNT), "since": "2027-01-01",
        "until": "2027-12-31", "purpose": "228024", **changes,
    }  # fmt: skip


def filed(world: World, **changes: Any) -> str:
    form = prepare(world, **changes)
    banks = [commitment(bank, form) for bank in ("QB", "NB")]
    assert world.ok("px-checker", "tax_form.submit", id=form, banks=banks) == "FILED"
    return form


def verify(world: World, who: str, amount: int, form: str = TF, **changes: Any) -> str:
    bank = world.users[who][0]
    args = {"id": form, "code": code_for(bank), "amount": amount, "payee": "HB", **changes}
    return str(world.ok(who, "tax_form.bank_verify", **args))


def refuse(
    world: World, code: str, who: str, amount: int, form: str = TF, /, **changes: Any
) -> None:
    bank = world.users[who][0]
    args = {"id": form, "code": code_for(bank), "amount": amount, "payee": "HB", **changes}
    world.refused(code, who, "tax_form.bank_verify", **args)


def pay(world: World, use: str, payer: str = "PX", less: int = 0) -> bytes:
    """The payment's proof, under the reference fixed now."""
    due = world.ok("px-maker", "tax_form.prepare_payment", id=use, salt=secrets.token_bytes(16))
    owed = shown_payment(world, use)["pay_fen"]
    return world.pay(payer, "HB", owed - less, due)


def shown(world: World, form: str = TF) -> dict[str, Any]:
    return dict(world.ok("tax", "tax_form.get", id=form))


def shown_payment(world: World, use: str) -> dict[str, Any]:
    return dict(world.ok("safe", "tax_form.get_payment", id=use))


# ---- the tables ----------------------------------------------------------------------------------

FORM_WALK = Walk(
    BY_RECORD["form"],
    TF,
    {
        "submit": ("px-checker", {"banks": []}),
        "cancel": ("px-maker", {}),
        "name_bank": ("px-maker", {"commitment": digest("c")}),
        "bank_verify": ("qb-ops", {"code": code_for("QB"), "amount": 1, "payee": "HB"}),
        "propose_amendment": ("px-maker", {"amount": 1, "until": "2027-12-31",
                                           "contract": digest("k"), "details": digest("d")}),
        "drop_amendment": ("px-maker", {}),
        "amend": ("px-checker", {"banks": []}),
        "revoke": ("tax", {"reason": digest("fraud")}),
    },
)  # fmt: skip
USE_WALK = Walk(
    BY_RECORD["use"],
    f"{TF}/1",
    {
        "prepare_payment": ("px-maker", {"salt": bytes(16)}),
        "pay_proof": ("nobody", {"proof": b""}),
        "release": ("qb-ops", {}),
        "lapse": ("nobody", {}),
    },
)
REVIEW_WALK = Walk(
    BY_RECORD["review"],
    TF,
    {
        "supplement": ("tax", {"question": digest("q")}),
        "answer": ("px-maker", {"document": digest("a")}),
        "answer_overdue": ("nobody", {}),
        "review_ok": ("tax", {}),
        "find_tax_due": ("tax", {"tax_fen": 5}),
        "review_over": ("nobody", {}),
        "prepare_tax": ("px-maker", {"salt": bytes(16)}),
        "record_tax": ("nobody", {"proof": b""}),
    },
)


@pytest.fixture(scope="module")
def walked(opened: World) -> World:
    """A form that is filed, with a payment that QB has verified: made once, copied for each case."""
    world = fresh(opened)
    with_rates(world)
    filed(world)
    verify(world, "qb-ops", AMOUNT)
    return world


@pytest.mark.parametrize(("state", "move"), cases(FORM_WALK))
def test_a_form_moves_only_as_its_table_says(walked: World, state: str, move: str) -> None:
    FORM_WALK.check_state(fresh(walked), state, move)


@pytest.mark.parametrize(("state", "move"), allowed(FORM_WALK))
def test_a_form_is_moved_only_by_whom_its_table_names(walked: World, state: str, move: str) -> None:
    FORM_WALK.check_persons(fresh(walked), state, move)


@pytest.mark.parametrize(("state", "move"), cases(USE_WALK))
def test_a_payment_moves_only_as_its_table_says(walked: World, state: str, move: str) -> None:
    USE_WALK.check_state(fresh(walked), state, move)


@pytest.mark.parametrize(("state", "move"), cases(REVIEW_WALK))
def test_a_review_moves_only_as_its_table_says(walked: World, state: str, move: str) -> None:
    REVIEW_WALK.check_state(fresh(walked), state, move)


@pytest.mark.parametrize(("state", "move"), allowed(REVIEW_WALK))
def test_a_review_is_moved_only_by_whom_its_table_names(
    walked: World, state: str, move: str
) -> None:
    REVIEW_WALK.check_persons(fresh(walked), state, move)


def test_nobody_but_the_form_opens_a_review(taxed: World) -> None:
    args = {"id": "TF-2027-000009", "parties": {"payer": "PX", "tax": "PX", "safe": "PX"}}
    taxed.refused("E_NOT_PARTY", "px-both", "tax_review.open", **args)


# ---- when a form is needed -----------------------------------------------------------------------


def test_fifty_thousand_dollars_need_no_form_and_a_cent_more_does(taxed: World) -> None:
    def needed(amount: int, currency: str, exemption: str = "") -> bool:
        found = taxed.ok("px-maker", "tax_form.needs_form", amount=amount, currency=currency,
                         exemption=exemption)  # fmt: skip
        return bool(found["needed"])

    assert not needed(5_000_000, "USD")
    assert needed(5_000_001, "USD")
    assert not needed(35_500_000, "CNY")  # 50,000 at 7.10
    assert needed(35_500_001, "CNY")
    assert needed(AMOUNT, "CNY")
    assert not needed(AMOUNT, "CNY", "reinvestment")
    exactly = wanted(currency="USD", amount=10_000_000, first_payment=5_000_000)
    taxed.refused("E_NO_FORM", "px-maker", "tax_form.prepare", **exactly)
    assert prepare(taxed, currency="USD", amount=10_000_000, first_payment=5_000_001) == TF


def test_yen_without_decimals_are_counted_by_their_own_units(world: World) -> None:
    with_rates(world).rate("JPY", 15_000_000_000)  # 150 for one dollar
    for amount, needed in ((7_500_000, False), (7_500_001, True)):
        args = {"amount": amount, "currency": "JPY"}
        assert world.ok("px-maker", "tax_form.needs_form", **args)["needed"] is needed


def test_without_the_days_rate_everything_waits_and_no_old_one_is_used(world: World) -> None:
    world.users = {**USERS, **AUTHORITIES}
    world.now_ms = at("2027-01-11")
    ask = {"amount": AMOUNT, "currency": "CNY"}
    world.refused("E_HOLD", "px-maker", "tax_form.needs_form", **ask)  # no committee at all
    oracles = Oracles(world)
    world.refused("E_HOLD", "px-maker", "tax_form.needs_form", **ask)  # no such feed
    oracles.rate("CNY", CNY)
    assert world.ok("px-maker", "tax_form.needs_form", **ask)["rate"]["rate"] == CNY
    world.now_ms = at(
        "2027-01-12"
    )  # the feed's heartbeat still allows it: yesterday's is not today's
    world.refused("E_HOLD", "px-maker", "tax_form.needs_form", **ask)
    world.refused("E_HOLD", "px-maker", "tax_form.prepare", **wanted())
    oracles.rate("CNY", CNY + CNY // 100)
    form = filed(world)
    world.now_ms = at("2027-01-13")
    refuse(world, "E_HOLD", "qb-ops", 1, form)
    world.now_ms = at("2027-01-15")
    oracles.rate("CNY", CNY)
    world.now_ms = at("2027-01-16")  # a Saturday: Friday's is the rate of the day
    verify(world, "qb-ops", 1, form)
    world.now_ms = at("2027-01-18", 0)
    refuse(world, "E_HOLD", "qb-ops", 1, form)


# ---- filing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_AMOUNT", {"amount": 0}),
        ("E_AMOUNT", {"amount": 2**53}),
        ("E_AMOUNT", {"first_payment": AMOUNT + 1}),
        ("E_DATE", {"until": "2027-02-30"}),
        ("E_DATE", {"until": "2027-01-11", "since": "2027-01-01"}),
        ("E_DATE", {"since": "2028-01-01"}),
        ("E_DIGEST", {"contract": "contract"}),
        ("E_DIGEST", {"details": ""}),
        ("E_AUTHORITY", {"tax": "PX"}),
        ("E_AUTHORITY", {"safe": "TAX-SZ"}),
        ("E_CODE", {"purpose": "22802x"}),
        ("E_CURRENCY", {"currency": "XXX"}),
        ("E_HOLD", {"currency": "EUR"}),
        ("E_NO_FORM", {"first_payment": 35_500_000}),
        ("E_RESIDENT", {"payee": "LG"}),
        ("E_PARTY", {"payee": "ZZ"}),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(
    taxed: World, code: str, changes: dict[str, Any]
) -> None:
    taxed.refused(code, "px-maker", "tax_form.prepare", **{**wanted(), **changes})


def test_who_pays_from_abroad_needs_no_form(taxed: World) -> None:
    taxed.refused("E_RESIDENT", "hb", "tax_form.prepare", **{**wanted(), "payee": "FB"})


def test_one_contract_has_one_form_and_a_second_person_files_it(taxed: World) -> None:
    prepare(taxed)
    taxed.refused("E_DUPLICATE", "px-maker", "tax_form.prepare", **wanted(details=digest("again")))
    taxed.refused("E_NOT_PARTY", "px-maker", "tax_form.submit", id=TF, banks=[])
    taxed.users = {**taxed.users, "px-maker": ("PX", ("maker", "checker"))}
    taxed.refused("E_FOUR_EYES", "px-maker", "tax_form.submit", id=TF, banks=[])
    taxed.ok("px-maker", "tax_form.cancel", id=TF)
    assert filed(taxed) == "TF-2027-000002"


# ---- banks ---------------------------------------------------------------------------------------


def test_the_story_service_fee_is_verified_once_paid_and_used_up(paying: World) -> None:
    """Step 18: CNY 500,000 abroad on 2027-01-12; the same form at another bank is refused."""
    world = paying
    form = filed(world)
    use = verify(world, "qb-ops", AMOUNT)
    assert (shown(world)["state"], shown(world)["remaining"]) == ("USED", 0)
    refuse(world, "E_STATE", "nb-ops", AMOUNT)
    world.refused("E_UNPREPARED", "nobody", "tax_form.pay_proof", id=use, proof=b"")
    world.ok("px-maker", "tax_form.prepare_payment", id=use, salt=bytes(16))
    world.refused("E_PREPARED", "qb-ops", "tax_form.prepare_payment", id=use, salt=bytes(16))
    reference = shown_payment(world, use)["reference"]
    short = world.pay("PX", "HB", AMOUNT - 1, reference)
    world.refused("E_PROOF_AMOUNT", "nobody", "tax_form.pay_proof", id=use, proof=short)
    other = world.pay("PX", "LG", AMOUNT, reference)
    world.refused("E_PROOF_PAYEE", "nobody", "tax_form.pay_proof", id=use, proof=other)
    stranger = world.pay("LG", "HB", AMOUNT, reference)
    world.refused("E_PROOF_PAYER", "nobody", "tax_form.pay_proof", id=use, proof=stranger)
    proof = world.pay("PX", "HB", AMOUNT, reference)
    assert world.ok("nobody", "tax_form.pay_proof", id=use, proof=proof) == "PAID"
    world.refused("E_STATE", "nobody", "tax_form.pay_proof", id=use, proof=proof)
    after = shown(world)
    assert (after["state"], after["used"], after["reserved"]) == ("USED", AMOUNT, 0)
    figures = {"currency": "CNY", "forms": 1, "filed": AMOUNT, "reserved": 0, "used": AMOUNT,
               "remaining": 0}  # fmt: skip
    for authority in ("tax", "safe"):
        assert world.ok(authority, "tax_form.usage") == [figures]
        assert [f["id"] for f in world.ok(authority, "tax_form.list_forms")] == [form]
    assert world.ok("other-tax", "tax_form.usage") == []


def test_the_authorities_screen_of_forms_is_what_is_used_and_what_remains(taxed: World) -> None:
    form = filed(taxed)
    verify(taxed, "qb-ops", 30_000_000)
    for who in ("tax", "safe"):
        receipt = taxed.ok(who, "regulator.open_view", screen="forms", purpose=digest("month end"))
        found = taxed.ok(who, "supervision.forms", receipt=receipt)
        (total,), (row,) = found["totals"], found["forms"]
        assert (total["filed"], total["reserved"], total["remaining"]) == (
            AMOUNT, 30_000_000, AMOUNT - 30_000_000,
        )  # fmt: skip
        assert (row["id"], row["remaining"]) == (form, AMOUNT - 30_000_000)
        assert found["by_state"] == {"PARTIALLY_USED": 1} and found["next"] == ""
    taxed.refused("E_NO_RECEIPT", "tax", "supervision.forms", receipt="SAFE/1")
    taxed.refused("E_AUTHORITY", "pbc", "regulator.open_view", screen="forms", purpose=digest("x"))


def test_two_banks_cannot_use_the_same_remainder(taxed: World) -> None:
    filed(taxed)
    verify(taxed, "qb-ops", 30_000_000)
    assert shown(taxed)["state"] == "PARTIALLY_USED"
    refuse(taxed, "E_REMAINDER", "nb-ops", 20_000_001)
    second = verify(taxed, "nb-ops", 20_000_000)
    refuse(taxed, "E_STATE", "qb-ops", 1)
    taxed.refused("E_NOT_PARTY", "qb-ops", "tax_form.release", id=second)
    assert taxed.ok("nb-ops", "tax_form.release", id=second) == "RELEASED"
    verify(taxed, "qb-ops", 20_000_000)
    assert shown(taxed)["remaining"] == 0


def test_a_code_serves_the_bank_it_was_made_for_and_no_other(taxed: World) -> None:
    filed(taxed)
    verify(taxed, "qb-ops", 1)  # from here on everybody can read QB's code in this transaction
    for who in ("nb-ops", "fb"):
        refuse(taxed, "E_VERIFY_CODE", who, 1, code=code_for("QB"))
    refuse(taxed, "E_VERIFY_CODE", "fb", 1)
    taxed.ok("px-maker", "tax_form.name_bank", id=TF, commitment=commitment("FB"))
    verify(taxed, "fb", 1)
    refuse(taxed, "E_PAYEE_MISMATCH", "qb-ops", 1, payee="LG")
    refuse(taxed, "E_AMOUNT", "qb-ops", 0)
    refuse(taxed, "E_PARTY", "nobody", 1)
    refuse(taxed, "E_NOT_PARTY", "px-maker", 1)
    for _ in range(5):
        taxed.ok("px-maker", "tax_form.name_bank", id=TF, commitment=digest("more"))
    full = {"id": TF, "commitment": digest("ninth")}
    taxed.refused("E_LIMIT", "px-maker", "tax_form.name_bank", **full)


def test_a_payment_not_made_in_five_days_gives_its_amount_back(paying: World) -> None:
    world = paying
    filed(world)
    use = verify(world, "qb-ops", AMOUNT)
    world.ok("qb-ops", "tax_form.prepare_payment", id=use, salt=bytes(16))
    world.refused("E_PREPARED", "qb-ops", "tax_form.release", id=use)  # it may be on its way
    world.now_ms = at("2027-01-20", 23)  # 5 business days after Tuesday the 12th end on the 19th
    world.refused("E_TOO_EARLY", "nobody", "tax_form.lapse", id=use)
    world.now_ms = at("2027-01-21", 0)
    assert world.ok("nobody", "tax_form.lapse", id=use) == "LAPSED"
    assert (shown(world)["state"], shown(world)["remaining"]) == ("FILED", AMOUNT)


def test_a_form_in_dollars_is_paid_in_fen_by_the_rate_of_the_day_it_was_verified(
    paying: World,
) -> None:
    world = paying
    filed(world, currency="USD", amount=7_000_001)
    use = verify(world, "qb-ops", 7_000_001)
    assert shown_payment(world, use)["pay_fen"] == 49_700_007  # 7.10 times, half-up
    assert world.ok("nobody", "tax_form.pay_proof", id=use, proof=pay(world, use)) == "PAID"
    assert shown(world)["used"] == 7_000_001


def test_a_form_serves_only_while_its_contract_runs(taxed: World) -> None:
    filed(taxed, since="2027-01-13")
    refuse(taxed, "E_PERIOD_OVER", "qb-ops", 1)


# ---- amendment, revocation, review ---------------------------------------------------------------


def amendment(**changes: Any) -> dict[str, Any]:
    return {"id": TF, "amount": 60_000_000, "until": "2028-06-30",
            "contract": digest("supplementary agreement"), "details": digest("new form"),
            **changes}  # fmt: skip


def test_a_changed_contract_has_a_new_form_that_takes_over_what_was_paid(paying: World) -> None:
    world = paying
    filed(world)
    use = verify(world, "qb-ops", 40_000_000)
    world.refused("E_AMENDMENT", "px-checker", "tax_form.amend", id=TF, banks=[])
    world.ok("px-maker", "tax_form.propose_amendment", **amendment())
    world.refused("E_AMENDMENT", "px-maker", "tax_form.propose_amendment", **amendment())
    world.refused("E_USE_OPEN", "px-checker", "tax_form.amend", id=TF, banks=[])
    world.ok("nobody", "tax_form.pay_proof", id=use, proof=pay(world, use))
    banks = [commitment("NB", "TF-2027-000002")]
    after = world.ok("px-checker", "tax_form.amend", id=TF, banks=banks)
    assert (after, shown(world)["state"], shown(world)["successor"]) == (
        "TF-2027-000002", "SUPERSEDED", "TF-2027-000002",
    )  # fmt: skip
    refuse(world, "E_STATE", "qb-ops", 1)
    new = shown(world, after)
    assert (new["state"], new["used"], new["remaining"]) == (
        "PARTIALLY_USED", 40_000_000, 20_000_000,
    )  # fmt: skip
    refuse(world, "E_REMAINDER", "nb-ops", 20_000_001, after)
    verify(world, "nb-ops", 20_000_000, after)
    (figures,) = world.ok("tax", "tax_form.usage")
    assert (figures["forms"], figures["filed"], figures["used"]) == (1, 60_000_000, 40_000_000)


def test_an_amendment_below_what_was_paid_or_by_one_person_is_refused(paying: World) -> None:
    world = paying
    filed(world)
    use = verify(world, "qb-ops", 40_000_000)
    world.ok("nobody", "tax_form.pay_proof", id=use, proof=pay(world, use))
    world.ok("px-maker", "tax_form.propose_amendment", **amendment(amount=39_999_999))
    world.refused("E_AMOUNT", "px-checker", "tax_form.amend", id=TF, banks=[])
    assert world.ok("px-maker", "tax_form.drop_amendment", id=TF) == "PARTIALLY_USED"
    world.ok("px-both", "tax_form.propose_amendment", **amendment())
    world.refused("E_FOUR_EYES", "px-both", "tax_form.amend", id=TF, banks=[])


def test_a_revoked_form_blocks_every_bank_and_still_books_what_was_paid(paying: World) -> None:
    world = paying
    filed(world)
    first, second = verify(world, "qb-ops", 10_000_000), verify(world, "nb-ops", 10_000_000)
    proof = pay(world, first)
    args = {"id": TF, "reason": digest("decision 7")}
    for who in ("px-maker", "qb-ops", "pbc", "other-tax", "safe"):
        world.refused("E_NOT_PARTY", who, "tax_form.revoke", **args)
    assert world.ok("tax", "tax_form.revoke", **args) == "REVOKED"
    refuse(world, "E_STATE", "qb-ops", 1)
    world.refused("E_REVOKED", "nb-ops", "tax_form.prepare_payment", id=second, salt=bytes(16))
    assert world.ok("nobody", "tax_form.pay_proof", id=first, proof=proof) == "PAID"
    world.ok("nb-ops", "tax_form.release", id=second)
    after = shown(world)
    assert (after["state"], after["used"], after["remaining"]) == (
        "REVOKED", 10_000_000, 40_000_000,
    )  # fmt: skip
    world.refused("E_DUPLICATE", "px-maker", "tax_form.prepare", **wanted())


def test_the_review_has_fifteen_business_days_and_silence_on_a_question_blocks_the_banks(
    world: World,
) -> None:
    oracles = with_rates(world, "2027-01-13")
    filed(world)
    world.ok("tax", "tax_review.supplement", id=TF, question=digest("which treaty?"))
    verify(world, "qb-ops", 1)
    world.refused("E_TOO_EARLY", "nobody", "tax_review.answer_overdue", id=TF)
    world.now_ms = at("2027-01-21", 0)
    oracles.rate("CNY", CNY + 10**7)
    world.ok("nobody", "tax_review.answer_overdue", id=TF)
    refuse(world, "E_REVIEW", "qb-ops", 1)
    world.ok("px-maker", "tax_review.answer", id=TF, document=digest("article 12"))
    verify(world, "qb-ops", 1)
    review = world.ok("safe", "tax_review.get", id=TF)
    assert review["until"] == "2027-02-15"  # 15 business days, the New Year's days off between
    world.now_ms = at("2027-02-16", 0)
    world.refused("E_TOO_LATE", "tax", "tax_review.review_ok", id=TF)
    assert world.ok("nobody", "tax_review.review_over", id=TF) == "NO_FINDING"


def test_tax_found_due_is_settled_by_the_payers_payment_alone(paying: World) -> None:
    world = paying
    filed(world)
    world.ok("tax", "tax_review.find_tax_due", id=TF, tax_fen=5_000_000)
    reference = world.ok("px-maker", "tax_review.prepare_tax", id=TF, salt=secrets.token_bytes(16))
    less = world.pay("PX", "TAX-SZ", 4_999_999, reference)
    world.refused("E_PROOF_AMOUNT", "tax", "tax_review.record_tax", id=TF, proof=less)
    proof = world.pay("PX", "TAX-SZ", 5_000_000, reference)
    assert world.ok("nobody", "tax_review.record_tax", id=TF, proof=proof) == "TAX_PAID"


def test_tax_and_safe_see_all_and_a_bank_only_the_form_it_verified(taxed: World) -> None:
    filed(taxed)
    use = verify(taxed, "qb-ops", 10_000_000)
    for who in ("px-maker", "tax", "safe"):
        assert taxed.ok(who, "tax_form.get", id=TF)["amount"] == AMOUNT
    seen = taxed.ok("qb-ops", "tax_form.get", id=TF)
    assert seen["remaining"] == 40_000_000
    assert not {"amount", "contract", "details", "purpose", "used"} & set(seen)
    for who in ("nb-ops", "pbc", "hkma", "other-tax", "lg", "tax-desk"):
        taxed.refused("E_NOT_PARTY", who, "tax_form.get", id=TF)
    for who in ("nb-ops", "pbc", "lg"):
        taxed.refused("E_NOT_PARTY", who, "tax_form.get_payment", id=use)
    for who in ("nb-ops", "lg", "px-maker"):
        taxed.refused("E_ROLE", who, "tax_form.usage")
    taxed.refused("E_NOT_PARTY", "qb-ops", "tax_review.get", id=TF)


# ---- any history ---------------------------------------------------------------------------------


class Histories(RuleBasedStateMachine):
    """Whatever banks, payer and tax office do in whatever order: Σ used stays within the contract."""

    opened: World
    directory: Path
    proven = 0  # payments, in all histories

    @initialize()
    def file(self) -> None:
        self.world = fresh(self.opened)
        self.world.open_center(self.directory / secrets.token_hex(8))
        self.world.bind_wallets("hb")
        self.oracles = with_rates(self.world)
        filed(self.world)

    def call(self, who: str, target: str, **args: Any) -> None:
        result = self.world.run(who, target, **args)
        assert result.outcome in ("ok", "revert"), (target, args, result.code, result.message)
        if result.outcome == "ok":
            self.world.ok(who, target, **args)
            Histories.proven += target == "tax_form.pay_proof"

    def newest(self) -> str:
        forms = self.world.ok("tax", "tax_form.list_forms")
        return str(forms[-1]["id"])

    @rule(
        who=st.sampled_from(["qb-ops", "nb-ops"]),
        amount=st.sampled_from([1, 20_000_000, 30_000_000, AMOUNT, AMOUNT + 1]),
        is_paid=st.booleans(),
    )
    def bank_verify(self, who: str, amount: int, is_paid: bool) -> None:
        form, bank = self.newest(), self.world.users[who][0]
        uses = shown(self.world, form)["payments"]
        self.call(who, "tax_form.bank_verify", id=form, code=code_for(bank), amount=amount,
                  payee="HB")  # fmt: skip
        if is_paid and shown(self.world, form)["payments"] > uses:
            self.pay_use(f"{form}/{uses + 1}")

    def pay_use(self, use: str) -> None:
        salt = secrets.token_bytes(16)
        self.call("px-maker", "tax_form.prepare_payment", id=use, salt=salt)
        found = shown_payment(self.world, use)
        if found["reference"] and found["state"] == "RESERVED":
            proof = self.world.pay("PX", "HB", found["pay_fen"], Hash(found["reference"]))
            self.call("nobody", "tax_form.pay_proof", id=use, proof=proof)

    @rule(number=st.integers(1, 4), move=st.sampled_from(["release", "lapse", "pay"]))
    def move_a_payment(self, number: int, move: str) -> None:
        use = f"{self.newest()}/{number}"
        if self.world.run("safe", "tax_form.get_payment", id=use).outcome != "ok":
            return
        if move == "pay":
            self.pay_use(use)
            return
        for who in ("qb-ops", "nb-ops"):
            self.call(who, f"tax_form.{move}", id=use)

    @rule(amount=st.sampled_from([30_000_000, 60_000_000]), keep=st.booleans())
    def amend(self, amount: int, keep: bool) -> None:
        form = self.newest()
        next_form = f"TF-2027-{int(form[-6:]) + 1:06d}"
        change = {"amount": amount, "until": "2027-12-31", "contract": digest(next_form),
                  "details": digest("d")}  # fmt: skip
        self.call("px-maker", "tax_form.propose_amendment", id=form, **change)
        banks = [commitment(bank, next_form) for bank in ("QB", "NB")]
        if keep:
            self.call("px-checker", "tax_form.amend", id=form, banks=banks)
        self.call("px-maker", "tax_form.drop_amendment", id=form)

    @rule(days=st.integers(1, 4))
    def wait(self, days: int) -> None:
        self.world.now_ms += days * 86_400_000
        self.oracles.rate("CNY", CNY + 200_000 * self.world.height)

    @invariant()
    def books_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        forms = self.world.ok("tax", "tax_form.list_forms")
        open_forms = [form for form in forms if form["state"] != "SUPERSEDED"]
        assert len(open_forms) == 1
        paid = 0
        for form in forms:
            uses = [shown_payment(self.world, f"{form['id']}/{n + 1}")
                    for n in range(form["payments"])]  # fmt: skip
            reserved = sum(use["amount"] for use in uses if use["state"] == "RESERVED")
            paid += sum(use["amount"] for use in uses if use["state"] == "PAID")
            assert form["reserved"] == reserved
            assert form["used"] == paid
            assert 0 <= form["remaining"] == form["amount"] - reserved - paid
        (figures,) = self.world.ok("safe", "tax_form.usage")
        assert figures["filed"] == open_forms[0]["amount"]
        assert figures["used"] == paid
        assert figures["remaining"] == open_forms[0]["remaining"]


def test_no_history_uses_more_than_the_contract(opened: World, tmp_path: Path) -> None:
    Histories.opened, Histories.directory = opened, tmp_path
    machine = settings(max_examples=6, stateful_step_count=16, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
    assert Histories.proven > 0
