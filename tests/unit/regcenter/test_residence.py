"""Holders from abroad, reserve money, purpose codes, machines, and merging: each rule and its code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consensus.center_request import AuthorityQuery, IdentifyQuery
from consensus.encoding import Hash
from consensus.payment import Kind
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import Wallet
from deploy.regcenter.operations import Appointment, Identification
from deploy.regcenter.requests import FileQuery, ReportsQuery, RevokeQuery, TerminalQuery
from deploy.regcenter.residence import PURPOSES, Use
from tests.unit.regcenter.desk_world import City, refusal
from tests.unit.regcenter.test_center import refused
from tests.unit.suite.center_world import NOW, placement

DAY = 86_400_000


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path / "center")


# ---- merging and splitting -----------------------------------------------------------------------


def test_coins_are_split_and_merged_and_pay_nobody(city: City) -> None:
    me = city.wallet
    parts = city.send(me, city.coin, (me.address, 250), (me.address, 350), kind=Kind.SPLIT)
    made = city.money.process(parts)
    coins = [city.coin_of(made, index) for index in (0, 1)]
    merged = city.signed(me, city.tx(Kind.MERGE, coins, (me.address, 600)))
    city.money.process(merged)
    assert city.balance(me) == 600
    audit(city.money.center)


@pytest.mark.parametrize(
    ("kind", "values", "code"),
    [
        (Kind.SPLIT, (600,), "RC_OUTPUTS"),
        (Kind.SPLIT, (300, 299), "RC_UNBALANCED"),
        (Kind.SPLIT, (300, 301), "RC_OVERSPEND"),
        (Kind.MERGE, (600,), "RC_INPUTS"),
    ],
)
def test_a_wrong_split_or_merge_is_refused(
    city: City, kind: Kind, values: tuple[int, ...], code: str
) -> None:
    payments = [(city.wallet.address, value) for value in values]
    refused(city, code, city.send(city.wallet, city.coin, *payments, kind=kind))


def test_a_split_to_somebody_else_is_refused(city: City) -> None:
    payments = [(city.wallet.address, 300), (city.other.address, 300)]
    refused(city, "RC_TIER", city.send(city.wallet, city.coin, *payments, kind=Kind.SPLIT))
    refused(city, "RC_OWNER", city.send(city.other, city.coin, *payments, kind=Kind.SPLIT))


# ---- across the border ---------------------------------------------------------------------------


def test_a_payment_across_the_border_says_what_it_is_for(city: City) -> None:
    home, abroad = city.open(), city.open(residence="HK")
    coin = city.money.fund(home, 500)
    for purpose in ("", "goods", "GOODSX", "for GOODS"):
        wrong = city.send(home, coin, (abroad.address, 500), purpose=purpose)
        refused(city, "RC_PURPOSE_CODE", wrong)
    there = city.money.process(
        city.send(home, coin, (abroad.address, 500), purpose="GOODS 530120260001234567")
    )
    back = city.send(abroad, city.coin_of(there), (home.address, 500))
    refused(city, "RC_PURPOSE_CODE", back)
    city.money.process(
        city.send(abroad, city.coin_of(there), (home.address, 500), purpose="SERVICES")
    )
    assert "CAPITAL" in PURPOSES


def test_money_of_holders_from_abroad_is_counted_apart_and_again_at_every_start(
    city: City, tmp_path: Path
) -> None:
    abroad = city.open(residence="SG")
    reserve = city.open(residence="TH", use=Use.RESERVE)
    city.money.fund(abroad, 70)
    coin = city.money.fund(reserve, 900)
    found = city.money.center.ledger.books.wallets.abroad
    assert (found.nonresident_fen, found.reserve_fen) == (70, 900)
    city.money.process(city.send(reserve, coin, (city.bank.address, 900), kind=Kind.REDEEM))
    assert found.reserve_fen == 0
    city.money.center.close()
    again = Center.open(tmp_path / "center", lambda: NOW)
    kept = again.ledger.books.wallets.abroad
    assert (kept.nonresident_fen, kept.reserve_fen) == (70, 0)
    again.close()


def test_reserve_money_is_not_spent_at_home_nor_mixed_with_other_money(city: City) -> None:
    reserve = city.open(residence="TH", use=Use.RESERVE)
    peer = city.open(residence="SG", use=Use.RESERVE)
    home, abroad = city.open(), city.open(residence="HK")
    coin = city.money.fund(reserve, 1_000)
    for to in (home, abroad, city.other):
        wrong = city.send(reserve, coin, (to.address, 1_000), purpose="RESERVE")
        refused(city, "RC_RESERVE_CLASS", wrong)
    other_money = city.money.fund(abroad, 10)
    refused(
        city,
        "RC_RESERVE_CLASS",
        city.send(abroad, other_money, (reserve.address, 10), purpose="RESERVE"),
    )
    moved = city.money.process(city.send(reserve, coin, (peer.address, 1_000)))
    city.money.process(
        city.send(peer, city.coin_of(moved), (city.bank.address, 1_000), kind=Kind.REDEEM)
    )


def test_a_wallet_keeps_its_holder_residence_and_use(city: City) -> None:
    wallet = Wallet.generate()
    city.money.process(city.opening(wallet, residence="HK", holder="HB"))
    for change in (
        {"residence": "CN", "holder": "HB"},
        {"residence": "HK", "holder": "HB", "use": Use.RESERVE},
        {"residence": "HK", "holder": "another"},
    ):
        refused(city, "RC_WALLET", city.opening(wallet, **change))


@pytest.mark.parametrize(
    "options",
    [
        {"residence": "china"},
        {"residence": "cn"},
        {"residence": ""},
        {"residence": "HK", "use": 9},
        {"use": Use.RESERVE},
        {"use": Use.MERCHANT},
        {"residence": "FR", "use": Use.TRAVELLER},
        {"residence": "FR", "until_ms": NOW + DAY},
    ],
)
def test_an_impossible_profile_is_refused(city: City, options: dict[str, Any]) -> None:
    refused(city, "RC_WALLET", city.opening(Wallet.generate(), **options))


# ---- wallets without a bank ----------------------------------------------------------------------


def test_a_traveller_opens_a_wallet_pays_within_its_limits_and_until_its_end(city: City) -> None:
    traveller, shop = Wallet.generate(), city.open()
    opening = city.opening(
        traveller, category=4, residence="FR", use=Use.TRAVELLER, until_ms=NOW + 30 * DAY,
        holder="+33 6 12 34 56 78", by=traveller,
    )  # fmt: skip
    city.money.process(opening)
    coin = city.money.fund(traveller, 300_000)
    refused(city, "RC_LIMIT", city.send(traveller, coin, (shop.address, 300_000)))
    paid = city.send(traveller, coin, (shop.address, 200_000), (traveller.address, 100_000))
    left = city.coin_of(city.money.process(paid), 1)
    city.now_ms += 30 * DAY
    refused(city, "RC_WALLET_ENDED", city.send(traveller, left, (shop.address, 100_000)))
    city.money.process(city.send(traveller, left, (city.bank.address, 100_000), kind=Kind.REDEEM))


def test_a_merchant_abroad_is_paid_without_a_code_up_to_its_limit(city: City) -> None:
    merchant, buyer = Wallet.generate(), city.open()
    city.money.process(
        city.opening(merchant, category=4, residence="LA", use=Use.MERCHANT, by=merchant)
    )
    coin = city.money.fund(buyer, 1_000_001)
    refused(city, "RC_LIMIT", city.send(buyer, coin, (merchant.address, 1_000_001)))
    city.money.process(city.send(buyer, coin, (merchant.address, 1_000_000), (buyer.address, 1)))


@pytest.mark.parametrize(
    "options",
    [
        {"category": 3, "residence": "FR"},
        {"category": 0, "residence": "FR"},
        {"category": 4, "residence": "CN"},
        {"category": 4, "residence": "TH", "use": Use.RESERVE},
    ],
)
def test_nobody_opens_more_than_the_lowest_category_alone(
    city: City, options: dict[str, Any]
) -> None:
    holder = Wallet.generate()
    refused(city, "RC_WALLET", city.opening(holder, by=holder, **options))


def test_nobody_opens_a_wallet_over_another_key(city: City) -> None:
    holder, other = Wallet.generate(), Wallet.generate()
    options: dict[str, Any] = {"category": 4, "residence": "FR", "by": holder}
    refused(city, "RC_OPERATOR", city.opening(other, **options))
    refused(city, "RC_WALLET", city.opening(holder, other, **options))


# ---- machines ------------------------------------------------------------------------------------


@pytest.fixture
def machine(city: City) -> Wallet:
    found = Wallet.generate()
    city.ask(city.bank, TerminalQuery("SZ-01", found.public_key, 100_000))
    return found


def test_a_machine_of_the_bank_confirms_a_recharge(city: City, machine: Wallet) -> None:
    wallet = city.open(category=3)
    city.money.process(city.recharge(wallet, 100_000, "ATM:SZ-01", machine))
    city.money.process(city.recharge(wallet, 50_000, "POS:SZ-01", machine))
    assert city.balance(wallet) == 150_000


def test_a_recharge_that_no_machine_of_this_bank_confirms_is_refused(
    city: City, machine: Wallet
) -> None:
    wallet, stranger, bank = city.open(), Wallet.generate(), Wallet.generate()
    foreign = Wallet.generate()
    city.money.process(placement("NB", bank.public_key, 100))
    city.ask(bank, TerminalQuery("GZ-01", foreign.public_key, 100_000))
    for purpose, machines in (
        ("ATM:SZ-01", ()),
        ("ATM:SZ-01", (stranger,)),
        ("ATM:SZ-02", (machine,)),
        ("POS:", (machine,)),
        ("ATM:GZ-01", (foreign,)),
    ):
        refused(city, "RC_TERMINAL", city.recharge(wallet, 10, purpose, *machines))
    refused(city, "RC_LIMIT", city.recharge(wallet, 100_001, "ATM:SZ-01", machine))


def test_a_terminal_keeps_its_name_key_and_bank(city: City, machine: Wallet) -> None:
    other = Wallet.generate()
    wrong = (
        (city.other, TerminalQuery("SZ-02", other.public_key, 1), "RC_OPERATOR"),
        (city.bank, TerminalQuery("SZ-01", other.public_key, 1), "RC_TERMINAL"),
        (city.bank, TerminalQuery("SZ-02", machine.public_key, 1), "RC_TERMINAL"),
        (city.bank, TerminalQuery("", other.public_key, 1), "RC_ENCODING"),
        (city.bank, TerminalQuery("SZ-02", b"\x04" + bytes(64), 1), "RC_ENCODING"),
    )
    for by, body, code in wrong:
        refused(city, code, city.instruction(by, body))
    city.ask(city.bank, TerminalQuery("SZ-01", machine.public_key, 5))
    refused(city, "RC_LIMIT", city.recharge(city.open(), 6, "ATM:SZ-01", machine))


def test_a_revoked_key_is_heard_no_more(city: City, machine: Wallet, tmp_path: Path) -> None:
    wallet, court = city.open(), Wallet.generate()
    city.money.process(Appointment(AuthorityQuery("court", "court", court.public_key)))
    for known in (court, machine, city.bank):
        refused(city, "RC_UNAUTHORISED", city.instruction(city.aml, RevokeQuery(known.public_key)))
    stranger = RevokeQuery(city.other.public_key)
    refused(city, "RC_NOT_FOUND", city.instruction(city.root, stranger))
    recharge = city.recharge(wallet, 10, "ATM:SZ-01", machine)
    city.ask(city.root, RevokeQuery(machine.public_key))
    refused(city, "RC_TERMINAL", recharge)
    city.ask(city.root, RevokeQuery(court.public_key))
    freeze = replace(city.tx(Kind.FREEZE, [city.coin]), purpose="2026-7")
    refused(city, "RC_REVOKED", city.signed(court, freeze))
    asked = IdentifyQuery(wallet.address, "2026-7")
    keys = (court.public_key, city.aml.public_key)
    refused(city, "RC_REVOKED", Identification(asked, keys, Hash(bytes(32))))
    city.ask(city.root, RevokeQuery(city.bank.public_key))
    city.money.center.close()
    city.money.center = Center.open(tmp_path / "center", lambda: NOW)
    issue = city.tx(Kind.ISSUE, [], (city.bank.address, 5))
    refused(city, "RC_REVOKED", city.signed(city.bank, issue))
    refused(city, "RC_REVOKED", city.opening(Wallet.generate()))
    refused(city, "RC_REVOKED", city.instruction(city.bank, FileQuery(1)))
    refused(city, "RC_REVOKED", placement("QB", city.bank.public_key, 5))
    assert refusal(city.read, city.bank, ReportsQuery(0)) == "RC_REVOKED"
    city.money.center.close()


def test_a_key_has_one_part_to_play(city: City) -> None:
    """A bank is no authority, an authority no bank; neither is a wallet."""
    query = AuthorityQuery("court", "court", city.bank.public_key)
    refused(city, "RC_TIER", Appointment(query))
    refused(city, "RC_TIER", placement("X", city.aml.public_key, 1))
    refused(city, "RC_TIER", city.opening(city.bank))
