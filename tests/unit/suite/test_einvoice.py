"""E-invoices: from the quota over the payment that issues one to the tax return, and back by red letters."""

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

from contracts.rules.calendar import date_text, day_at
from contracts.tables import TABLES
from node.identity.suite import get_suite
from tests.unit.suite.conftest import fresh
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import World, at, digest

SUITE = get_suite("sm")
STAMP_KEY = SUITE.generate_key()
EI = "26442000000123456789"
QUOTA = "Q-PX-2026"
GOODS = {"1090511020000000000": 130_000, "3040802010000000000": 60_000}
PHONES, SERVICE = GOODS
SALT = bytes(range(16))
BY_RECORD = {table.record: table for table in TABLES}
MONTH = "2026-11"
MONTHS = [MONTH, "2026-12", *(f"2027-{month:02}" for month in range(1, 13))]


def authority(world: World) -> World:
    """The tax office as a party of the channel, and a quota for PX."""
    world.now_ms = at("2026-11-16")
    world.ok("qb-ops", "party.apply", party_id="TAX-SZ", legal_name="Tax", kind="authority",
             country="CN", city="SZ")  # fmt: skip
    world.attest("TAX-SZ")
    world.ok("px-maker", "einvoice.apply_quota", id=QUOTA, tax="TAX-SZ", goods=list(GOODS))
    world.ok("tax", "einvoice.grant", id=QUOTA, rates=GOODS, cap_fen=5_000_000_000,
             until="2027-12-31", key=STAMP_KEY.public_key)  # fmt: skip
    return world


@pytest.fixture(scope="module")
def opened_tax(opened: World) -> World:
    return authority(fresh(opened))


@pytest.fixture
def taxed(opened_tax: World) -> World:
    return fresh(opened_tax)


@pytest.fixture
def paid(taxed: World, tmp_path: Path) -> World:
    taxed.open_center(tmp_path / "center")
    taxed.bind_wallets("tax")
    return taxed


def agree(world: World, **changes: Any) -> str:
    """113,000 fen of phones and 10,600 of services, with tax."""
    args = {
        "id": EI, "quota": QUOTA, "buyer": "LG", "document": digest("file"),
        "lines": [[PHONES, 100_000], [SERVICE, 10_000]], "tax_fen": 13_600, "salt": SALT,
    }  # fmt: skip
    return str(world.ok("px-maker", "einvoice.agree", **{**args, **changes}))


def issued(world: World, **changes: Any) -> str:
    agree(world, **changes)
    world.ok("px-checker", "einvoice.issue", id=EI)
    return EI


def booked(world: World, owner: str = "HL") -> str:
    issued(world)
    world.ok("lg", "einvoice.receive", id=EI)
    world.ok("lg", "einvoice.submit_reimbursement", id=EI, owner=owner)
    world.ok("lg-checker" if owner == "LG" else "hl-checker", "einvoice.book", id=EI)
    return EI


def shown(world: World, id: str = EI) -> dict[str, Any]:
    return dict(world.ok("pbc", "einvoice.get", id=id))


def month_of(world: World, member: str = "PX", month: str = MONTH) -> dict[str, Any]:
    return dict(world.ok("pbc", "einvoice.period", member=member, month=month))


WALK = Walk(
    BY_RECORD["einvoice"],
    EI,
    {
        "cancel": ("px-maker", {}),
        "issue": ("px-checker", {}),
        "issue_from_payment": ("nobody", {"proof": b""}),
        "prepare_price": ("px-maker", {"salt": SALT}),
        "record_price": ("nobody", {"proof": b""}),
        "stamp": ("nobody", {"signature": bytes(64)}),
        "receive": ("lg", {}),
        "submit_reimbursement": ("lg", {"owner": "HL"}),
        "recall": ("lg", {}),
        "decline": ("hl", {"reason": "private"}),
        "book": ("hl-checker", {}),
        "unlock": ("hl-checker", {}),
        "prepare_reimbursement": ("hl", {"salt": SALT}),
        "record_reimbursement": ("nobody", {"proof": b""}),
        "red_letter": ("px-checker", {"parts": [[1, 5]]}),
        "red_letter_full": ("px-checker", {}),
        "void": ("px-checker", {}),
        "pledge": ("px-checker", {"financier": "QB"}),
        "link_claim": ("qb-ops", {"fingerprint": digest("keyed")}),
        "consent_to_reversal": ("qb-checker", {"amount_fen": 1}),
        "order_reversal": ("tax", {"amount_fen": 1, "order": digest("order")}),
        "release_pledge": ("qb-checker", {}),
    },
    {
        "parties": {"seller": "PX", "buyer": "LG", "tax": "TAX-SZ", "owner": "HL",
                    "financier": "QB"},
        "issued_on": "2026-11-16", "content": digest("content"),
    },
)  # fmt: skip
QUOTA_WALK = Walk(
    BY_RECORD["quota"],
    QUOTA,
    {
        "grant": ("tax", {"rates": GOODS, "cap_fen": 1, "until": "2027-12-31",
                          "key": STAMP_KEY.public_key}),
        "refuse_quota": ("tax", {"reason": "no"}),
        "revoke_quota": ("tax", {"reason": "no"}),
    },
)  # fmt: skip
RETURN = f"PX/{MONTH}"
RETURN_WALK = Walk(
    BY_RECORD["tax_return"],
    RETURN,
    {
        "assess": ("tax", {}),
        "prepare_tax": ("px-maker", {"salt": SALT}),
        "record_tax": ("nobody", {"proof": b""}),
    },
)


def declare(world: World, output: int = 13_600, inputs: int = 0, month: str = MONTH) -> str:
    return str(
        world.ok("px-checker", "tax_return.declare", month=month, tax="TAX-SZ",
                 output_tax_fen=output, input_tax_fen=inputs)
    )  # fmt: skip


def declared(world: World) -> World:
    issued(world)
    world.now_ms = at("2026-12-01")
    declare(world)
    return world


@pytest.mark.parametrize(("state", "move"), cases(WALK))
def test_an_invoice_moves_only_as_its_table_says(taxed: World, state: str, move: str) -> None:
    agree(taxed)
    WALK.check_state(taxed, state, move)


@pytest.mark.parametrize(("state", "move"), allowed(WALK))
def test_an_invoice_is_moved_only_by_whom_its_table_names(
    taxed: World, state: str, move: str
) -> None:
    agree(taxed)
    WALK.check_persons(taxed, state, move)


@pytest.mark.parametrize(("state", "move"), cases(QUOTA_WALK))
def test_a_quota_moves_only_as_its_table_says(taxed: World, state: str, move: str) -> None:
    QUOTA_WALK.check_state(taxed, state, move)
    if QUOTA_WALK.table.allows(state, move):
        QUOTA_WALK.check_persons(taxed, state, move)


@pytest.mark.parametrize(("state", "move"), cases(RETURN_WALK))
def test_a_return_moves_only_as_its_table_says(taxed: World, state: str, move: str) -> None:
    declared(taxed)
    RETURN_WALK.check_state(taxed, state, move)
    if RETURN_WALK.table.allows(state, move):
        RETURN_WALK.check_persons(taxed, state, move)


def test_the_payment_of_the_price_issues_the_invoice_with_what_was_agreed(paid: World) -> None:
    agree(paid)
    paid.refused("E_UNPREPARED", "nobody", "einvoice.issue_from_payment", id=EI, proof=b"")
    reference = paid.ok("px-maker", "einvoice.prepare_price", id=EI, salt=secrets.token_bytes(16))
    paid.refused("E_PREPARED", "px-maker", "einvoice.prepare_price", id=EI, salt=SALT)
    short = paid.pay("LG", "PX", 123_599, reference)
    paid.refused("E_PROOF_AMOUNT", "lg", "einvoice.issue_from_payment", id=EI, proof=short)
    proof = paid.pay("LG", "PX", 123_600, reference)
    assert paid.ok("nobody", "einvoice.issue_from_payment", id=EI, proof=proof) == "ISSUED"
    found = shown(paid)
    assert (found["gross_fen"], found["tax_fen"], found["issued_on"]) == (
        123_600,
        13_600,
        "2026-11-16",
    )
    assert found["paid_by"] and paid.events == []
    paid.refused("E_STATE", "nobody", "einvoice.issue_from_payment", id=EI, proof=proof)
    assert month_of(paid)["tax_fen"] == 13_600


def test_an_invoice_on_credit_is_paid_later_once(paid: World) -> None:
    issued(paid)
    reference = paid.ok("px-maker", "einvoice.prepare_price", id=EI, salt=secrets.token_bytes(16))
    proof = paid.pay("LG", "PX", 123_600, reference)
    assert paid.ok("nobody", "einvoice.record_price", id=EI, proof=proof) == "ISSUED"
    paid.refused("E_PREPARED", "nobody", "einvoice.record_price", id=EI, proof=proof)
    paid.refused("E_PREPARED", "px-maker", "einvoice.prepare_price", id=EI, salt=SALT)
    paid.refused("E_REVERSED", "px-checker", "einvoice.void", id=EI)


def test_the_price_after_a_red_letter_is_prepared_anew(paid: World) -> None:
    issued(paid)
    paid.ok("px-maker", "einvoice.prepare_price", id=EI, salt=secrets.token_bytes(16))
    paid.ok("px-checker", "einvoice.red_letter", id=EI, parts=[[1, 50_000]])
    reference = paid.ok("px-maker", "einvoice.prepare_price", id=EI, salt=secrets.token_bytes(16))
    proof = paid.pay("LG", "PX", 123_600 - 56_500, reference)
    paid.ok("nobody", "einvoice.record_price", id=EI, proof=proof)


def test_the_authority_stamps_the_content_and_nothing_else(taxed: World) -> None:
    issued(taxed)
    content = bytes.fromhex(shown(taxed)["content"])
    signer = SUITE.signer(STAMP_KEY)
    other = SUITE.signer(SUITE.generate_key()).sign(content)
    taxed.refused("E_STAMP", "nobody", "einvoice.stamp", id=EI, signature=other)
    wrong = signer.sign(bytes(32))
    taxed.refused("E_STAMP", "nobody", "einvoice.stamp", id=EI, signature=wrong)
    stamp = signer.sign(content)
    taxed.ok("nobody", "einvoice.stamp", id=EI, signature=stamp)
    taxed.refused("E_DUPLICATE", "nobody", "einvoice.stamp", id=EI, signature=stamp)
    status = taxed.ok("xy", "einvoice.status", id=EI)
    assert SUITE.verify(STAMP_KEY.public_key, bytes.fromhex(status["content"]), status["stamp"])


def test_one_entity_books_an_invoice_and_is_reimbursed_once(paid: World) -> None:
    booked(paid)
    paid.refused("E_STATE", "lg", "einvoice.submit_reimbursement", id=EI, owner="XY")
    reference = paid.ok("hl", "einvoice.prepare_reimbursement", id=EI, salt=secrets.token_bytes(16))
    paid.refused("E_PREPARED", "hl", "einvoice.prepare_reimbursement", id=EI, salt=SALT)
    proof = paid.pay("HL", "LG", 123_600, reference)
    assert paid.ok("nobody", "einvoice.record_reimbursement", id=EI, proof=proof) == "PAID"
    paid.refused("E_STATE", "lg", "einvoice.submit_reimbursement", id=EI, owner="XY")
    paid.refused("E_STATE", "hl-checker", "einvoice.unlock", id=EI)
    assert month_of(paid, "HL")["input_tax_fen"] == 13_600


def test_one_file_is_one_invoice(taxed: World) -> None:
    issued(taxed)
    again = {
        "quota": QUOTA, "buyer": "LG", "lines": [[PHONES, 100_000], [SERVICE, 10_000]],
        "tax_fen": 13_600, "salt": SALT,
    }  # fmt: skip
    number = "26442000000123456790"
    taxed.refused("E_DUPLICATE", "px-maker", "einvoice.agree", id=EI, document=digest("x"), **again)
    taxed.refused(
        "E_DUPLICATE", "px-maker", "einvoice.agree", id=number, document=digest("file"), **again
    )


def test_whose_own_books_hold_the_invoice_has_paid_its_price(paid: World) -> None:
    booked(paid, "LG")
    paid.refused("E_SELF", "lg", "einvoice.prepare_reimbursement", id=EI, salt=SALT)
    paid.refused("E_UNPAID", "nobody", "einvoice.record_reimbursement", id=EI, proof=b"")
    reference = paid.ok("px-maker", "einvoice.prepare_price", id=EI, salt=secrets.token_bytes(16))
    paid.ok(
        "nobody", "einvoice.record_price", id=EI, proof=paid.pay("LG", "PX", 123_600, reference)
    )
    assert paid.ok("nobody", "einvoice.record_reimbursement", id=EI, proof=b"") == "PAID"


def test_a_booked_invoice_is_not_reversed_until_it_is_unlocked(taxed: World) -> None:
    booked(taxed)
    for call, more in (("red_letter", {"parts": [[1, 1]]}), ("red_letter_full", {}), ("void", {})):
        taxed.refused("E_STATE", "px-checker", f"einvoice.{call}", id=EI, **more)
    taxed.now_ms = at("2026-12-02")
    taxed.ok("hl-checker", "einvoice.unlock", id=EI)
    assert month_of(taxed, "HL")["input_tax_fen"] == 13_600
    assert month_of(taxed, "HL", "2026-12")["input_tax_fen"] == -13_600
    assert taxed.ok("px-checker", "einvoice.red_letter_full", id=EI) == "RED"
    assert (
        month_of(taxed)["red_tax_fen"] == 0
        and month_of(taxed, month="2026-12")["red_tax_fen"] == 13_600
    )


def test_who_booked_is_a_commitment_to_all_but_the_parties(taxed: World) -> None:
    booked(taxed)
    taxed.refused("E_NOT_PARTY", "xy", "einvoice.get", id=EI)
    taxed.refused("E_NOT_PARTY", "xy", "einvoice.period", member="PX", month=MONTH)
    status = taxed.ok("xy", "einvoice.status", id=EI)
    assert len(status["lock"]) == 64 and "HL" not in str(status)
    assert taxed.ok("tax", "einvoice.get", id=EI)["parties"]["owner"] == "HL"


def test_red_letters_never_exceed_the_invoice_in_net_or_tax(taxed: World) -> None:
    issued(taxed, tax_fen=13_598)  # a file that rounds otherwise: two lines, two fen
    for net in (33_333, 33_333, 33_333):
        taxed.ok("px-checker", "einvoice.red_letter", id=EI, parts=[[1, net]])
    taxed.refused("E_AMOUNT", "px-checker", "einvoice.red_letter", id=EI, parts=[[1, 2]])
    taxed.refused("E_LINES", "px-checker", "einvoice.red_letter", id=EI, parts=[[2, 5], [2, 5]])
    taxed.refused("E_LINES", "px-checker", "einvoice.red_letter", id=EI, parts=[[3, 5]])
    taxed.refused(
        "E_AMOUNT", "px-checker", "einvoice.red_letter", id=EI, parts=[[1, 1], [2, 10_000]]
    )
    taxed.ok("px-checker", "einvoice.red_letter_full", id=EI)
    found = shown(taxed)
    assert (found["red_net_fen"], found["red_tax_fen"], found["left_fen"]) == (110_000, 13_598, 0)
    assert month_of(taxed)["red_tax_fen"] == 13_598


def test_an_invoice_is_voided_on_its_day_only(taxed: World) -> None:
    issued(taxed)
    quota = taxed.ok("tax", "einvoice.get_quota", id=QUOTA)
    assert quota["left_fen"] == 5_000_000_000 - 123_600
    taxed.now_ms = at("2026-11-17", 0)
    taxed.refused("E_TOO_LATE", "px-checker", "einvoice.void", id=EI)
    taxed.now_ms = at("2026-11-16", 23)
    assert taxed.ok("px-checker", "einvoice.void", id=EI) == "VOID"
    assert month_of(taxed) == dict.fromkeys(month_of(taxed), 0)
    assert taxed.ok("tax", "einvoice.get_quota", id=QUOTA)["left_fen"] == 5_000_000_000


def test_a_pledged_invoice_is_reversed_with_its_financiers_consent_and_told(taxed: World) -> None:
    issued(taxed)
    taxed.ok("px-checker", "einvoice.pledge", id=EI, financier="QB")
    taxed.refused("E_INVOICE_FINANCED", "px-checker", "einvoice.pledge", id=EI, financier="NB")
    for call, more in (("red_letter", {"parts": [[1, 1]]}), ("red_letter_full", {}), ("void", {})):
        taxed.refused("E_INVOICE_FINANCED", "px-checker", f"einvoice.{call}", id=EI, **more)
    claim = {"id": EI, "fingerprint": digest("keyed")}
    taxed.refused("E_OWNER", "qb-ops", "einvoice.link_claim", **claim)
    taxed.ok("qb-ops", "invoice_registry.register", fingerprint=digest("keyed"))
    taxed.ok("qb-ops", "einvoice.link_claim", **claim)
    assert shown(taxed)["financed_by"] == digest("keyed")
    taxed.ok("qb-checker", "einvoice.consent_to_reversal", id=EI, amount_fen=1_130)
    taxed.ok("px-checker", "einvoice.red_letter", id=EI, parts=[[1, 1_000]])
    assert "EInvoice.FinancedReversed" in taxed.events
    taxed.refused("E_INVOICE_FINANCED", "px-checker", "einvoice.red_letter", id=EI, parts=[[1, 1]])
    taxed.ok("qb-checker", "einvoice.release_pledge", id=EI)
    taxed.ok("px-checker", "einvoice.red_letter_full", id=EI)


def test_an_invoice_under_an_obligation_is_reversed_by_order_only(taxed: World) -> None:
    """The registry knows the file: it backs a credential, so what rests on it stays invoiced."""
    issued(taxed)
    taxed.ok("px-maker", "invoice_registry.lodge", document=digest("file"), kind="invoice",
             buyer="LG", amount_fen=123_600, currency="CNY", issued_on="2026-11-16")  # fmt: skip
    taxed.force("invoice_registry", "document", ("PX", digest("file")), drawn_fen=67_100)
    taxed.ok("px-checker", "einvoice.red_letter", id=EI, parts=[[1, 50_000]])  # leaves 67,100
    taxed.refused("E_INVOICE_FINANCED", "px-checker", "einvoice.red_letter", id=EI, parts=[[1, 1]])
    taxed.refused("E_NOT_PARTY", "px-checker", "einvoice.order_reversal", id=EI, amount_fen=67_100,
                  order=digest("order"))  # fmt: skip
    taxed.ok("tax", "einvoice.order_reversal", id=EI, amount_fen=67_100, order=digest("order"))
    taxed.ok("px-checker", "einvoice.red_letter_full", id=EI)
    assert "EInvoice.FinancedReversed" in taxed.events


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_NUMBER", {"id": "25442000000123456789"}),
        ("E_NUMBER", {"id": "2644200000012345678"}),
        ("E_DIGEST", {"document": "none"}),
        ("E_SELF", {"buyer": "PX"}),
        ("E_PARTY", {"buyer": "ZZ"}),
        ("E_SALT", {"salt": bytes(15)}),
        ("E_GOODS", {"lines": [["9", 1]], "tax_fen": 0}),
        ("E_LINES", {"lines": []}),
        ("E_LINES", {"lines": [[PHONES]]}),
        ("E_LINES", {"lines": [[PHONES, 0]]}),
        ("E_LINES", {"lines": [[PHONES, True]]}),
        ("E_TAX", {"tax_fen": 13_597}),
        ("E_TAX", {"tax_fen": 13_603}),
        ("E_QUOTA", {"lines": [[PHONES, 5_000_000_000]], "tax_fen": 650_000_000}),
        ("E_AMOUNT", {"lines": [[PHONES, 2**53 - 1]], "tax_fen": 1_170_935_903_116_329}),
    ],
)
def test_a_sale_that_makes_no_invoice_is_refused(
    taxed: World, code: str, changes: dict[str, Any]
) -> None:
    args = {
        "id": EI, "quota": QUOTA, "buyer": "LG", "document": digest("file"),
        "lines": [[PHONES, 100_000], [SERVICE, 10_000]], "tax_fen": 13_600, "salt": SALT,
    }  # fmt: skip
    taxed.refused(code, "px-maker", "einvoice.agree", **{**args, **changes})


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_RATE", {"rates": {PHONES: 130_000}}),
        ("E_RATE", {"rates": {PHONES: 300_001, SERVICE: 0}}),
        ("E_AMOUNT", {"cap_fen": 0}),
        ("E_DATE", {"until": "2026-11-15"}),
        ("E_KEY", {"key": bytes(65)}),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(
    taxed: World, code: str, changes: dict[str, Any]
) -> None:
    taxed.ok("lg", "einvoice.apply_quota", id="Q-2", tax="TAX-SZ", goods=list(GOODS))
    args = {"id": "Q-2", "rates": GOODS, "cap_fen": 1, "until": "2027-01-01",
            "key": STAMP_KEY.public_key}  # fmt: skip
    taxed.refused(code, "tax", "einvoice.grant", **{**args, **changes})


def test_a_quota_is_applied_for_with_an_authority_and_known_goods(taxed: World) -> None:
    for code, args in (
        ("E_ROLE", {"id": "Q-2", "tax": "QB", "goods": [PHONES]}),
        ("E_PARTY", {"id": "Q-2", "tax": "ZZ", "goods": [PHONES]}),
        ("E_GOODS", {"id": "Q-2", "tax": "TAX-SZ", "goods": [PHONES, PHONES]}),
        ("E_DUPLICATE", {"id": QUOTA, "tax": "TAX-SZ", "goods": [PHONES]}),
    ):
        taxed.refused(code, "lg", "einvoice.apply_quota", **args)


def test_a_quota_revoked_or_over_issues_nothing_on_credit(taxed: World) -> None:
    agree(taxed)
    taxed.force("einvoice", "quota", QUOTA, until="2026-11-15")
    more = {
        "id": "26442000000123456790", "quota": QUOTA, "buyer": "LG", "document": digest("2"),
        "lines": [[PHONES, 100]], "tax_fen": 13, "salt": SALT,
    }  # fmt: skip
    taxed.refused("E_EXPIRED", "px-maker", "einvoice.agree", **more)
    taxed.ok("tax", "einvoice.revoke_quota", id=QUOTA, reason="fraud")
    taxed.refused("E_QUOTA", "px-checker", "einvoice.issue", id=EI)
    taxed.refused("E_QUOTA", "px-maker", "einvoice.agree", **more)


def test_a_sale_is_agreed_and_issued_by_two_persons(taxed: World) -> None:
    agree(taxed)
    taxed.force("einvoice", "einvoice", EI, maker=digest("px-checker"))
    taxed.refused("E_FOUR_EYES", "px-checker", "einvoice.issue", id=EI)


def test_a_month_is_declared_as_the_ledger_has_it_and_its_tax_paid(paid: World) -> None:
    issued(paid)
    paid.ok("px-checker", "einvoice.red_letter", id=EI, parts=[[2, 5_000]])
    figures = {"month": MONTH, "tax": "TAX-SZ", "output_tax_fen": 13_300, "input_tax_fen": 0}
    paid.refused("E_TOO_EARLY", "px-checker", "tax_return.declare", **figures)
    paid.now_ms = at("2026-12-03")
    for change in ({"output_tax_fen": 13_299}, {"input_tax_fen": 1}):
        told = paid.refused("E_DECLARATION", "px-checker", "tax_return.declare", **figures | change)
        assert "13300" in told
    paid.refused("E_ROLE", "px-checker", "tax_return.declare", **figures | {"tax": "QB"})
    paid.refused("E_DATE", "px-checker", "tax_return.declare", **figures | {"month": "2026-13"})
    assert declare(paid, 13_300) == RETURN
    paid.refused("E_DUPLICATE", "px-checker", "tax_return.declare", **figures)
    paid.ok("tax", "tax_return.assess", id=RETURN)
    reference = paid.ok(
        "px-maker", "tax_return.prepare_tax", id=RETURN, salt=secrets.token_bytes(16)
    )
    proof = paid.pay("PX", "TAX-SZ", 13_300, reference)
    assert paid.ok("nobody", "tax_return.record_tax", id=RETURN, proof=proof) == "PAID"
    paid.refused("E_NOT_PARTY", "lg", "tax_return.get", id=RETURN)
    assert paid.ok("tax", "tax_return.get", id=RETURN)["is_late"] is False


def test_input_tax_beyond_output_is_carried_on_once_and_months_follow(taxed: World) -> None:
    booked(taxed, "LG")
    taxed.now_ms = at("2026-12-16")
    args = {"tax": "TAX-SZ", "output_tax_fen": 0, "input_tax_fen": 13_600}
    taxed.ok("lg-checker", "tax_return.declare", month=MONTH, **args)
    found = taxed.ok("lg", "tax_return.get", id=f"LG/{MONTH}")
    assert (found["payable_fen"], found["credit_fen"], found["is_late"]) == (0, 13_600, True)
    taxed.ok("tax", "tax_return.assess", id=f"LG/{MONTH}")
    taxed.refused("E_AMOUNT", "lg", "tax_return.prepare_tax", id=f"LG/{MONTH}", salt=SALT)
    taxed.now_ms = at("2027-02-01")
    args = {"tax": "TAX-SZ", "output_tax_fen": 0, "input_tax_fen": 0}
    taxed.refused("E_SEQUENCE", "lg-checker", "tax_return.declare", month="2027-01", **args)
    taxed.ok("lg-checker", "tax_return.declare", month="2026-12", **args)
    assert taxed.ok("lg", "tax_return.get", id="LG/2026-12")["credit_fen"] == 13_600


class Histories(RuleBasedStateMachine):
    """Whatever happens in whatever order: the books of seller, owner and quota are the sums of the invoice."""

    opened: World

    @initialize()
    def issue(self) -> None:
        self.world = fresh(self.opened)
        issued(self.world)

    def call(self, who: str, move: str, **args: Any) -> None:
        result = self.world.run(who, f"einvoice.{move}", **args)
        assert result.outcome in ("ok", "revert"), (move, args, result.code, result.message)
        if result.outcome == "ok":
            self.world.ok(who, f"einvoice.{move}", **args)

    @rule(line=st.integers(1, 2), net=st.sampled_from([1, 7, 333, 5_000, 60_000, 100_000]))
    def red_letter(self, line: int, net: int) -> None:
        self.call("px-checker", "red_letter", id=EI, parts=[[line, net]])

    @rule(move=st.sampled_from(sorted(WALK.calls)))
    def move(self, move: str) -> None:
        who, args = WALK.calls[move]
        self.call(who, move, id=EI, **args)

    @rule(amount=st.sampled_from([0, 500, 123_600]))
    def consent(self, amount: int) -> None:
        self.call("qb-checker", "consent_to_reversal", id=EI, amount_fen=amount)

    @rule(hours=st.integers(1, 200))
    def wait(self, hours: int) -> None:
        self.world.now_ms += hours * 3_600_000

    @invariant()
    def books_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        found = shown(self.world)
        now = date_text(day_at(self.world.now_ms))[:7]
        months = [m for m in MONTHS if m <= now]
        px = [month_of(self.world, "PX", m) for m in months]
        hl = [month_of(self.world, "HL", m) for m in months]
        live = 0 if found["state"] in ("VOID", "CANCELLED") else 1
        assert sum(m["tax_fen"] for m in px) == live * found["tax_fen"]
        assert sum(m["net_fen"] for m in px) == live * found["net_fen"]
        assert sum(m["red_tax_fen"] for m in px) == found["red_tax_fen"] <= found["tax_fen"]
        assert sum(m["red_net_fen"] for m in px) == found["red_net_fen"] <= found["net_fen"]
        assert found["left_fen"] >= 0 and (found["left_fen"] == 0) is (found["state"] == "RED")
        held = found["state"] in ("BOOKED", "PAID")
        booked_tax = found["tax_fen"] - found["red_tax_fen"] if held else 0
        assert sum(m["input_tax_fen"] for m in hl) == booked_tax
        owner = found["state"] in ("SUBMITTED", "BOOKED", "PAID")
        assert ("owner" in found["parties"]) is owner
        quota = self.world.ok("tax", "einvoice.get_quota", id=QUOTA)
        assert quota["cap_fen"] - quota["left_fen"] == live * found["left_fen"]


def test_no_history_breaks_the_books(opened_tax: World) -> None:
    Histories.opened = opened_tax
    machine = settings(max_examples=12, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
