"""Wallets of banks: limits of their day, upgrades, and the two authorities that may learn an owner."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consensus.center_request import (
    ACTION_IDENTIFY,
    ACTION_WALLET,
    AuthorityQuery,
    IdentifyQuery,
    WalletQuery,
)
from consensus.encoding import ZERO_HASH, Hash
from consensus.payment import CoinPoint, Kind, LogEntry, coin_id
from deploy.regcenter.api import SECOND_HEADER
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import Payment, Wallet
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.limits import Category, Limits, limits_at
from deploy.regcenter.operations import Appointment, Identification, Opening
from tests.unit.regcenter.test_api import Service, service
from tests.unit.regcenter.test_center import Bench, refused
from tests.unit.suite.center_world import NOW

__all__ = ["service"]
DAY = 86_400_000
ID = Hash(sm3(b"a wallet"))


def opening(bench: Bench, category: int, *wallets: Wallet, holder: str = "Li, 4403") -> Opening:
    addresses = tuple(wallet.address for wallet in wallets)
    return Opening(WalletQuery(ID, int(category), holder, addresses), bench.bank.public_key)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Wallet four has two addresses, both new to the center."""
    found = Bench(tmp_path / "center")
    found.four, found.child = Wallet.generate(), Wallet.generate()  # type: ignore[attr-defined]
    found.money.process(opening(found, Category.FOURTH, found.four, found.child))
    return found


def give(bench: Bench, to: Wallet, fen: int) -> Hash:
    return bench.money.fund(to, fen)


def pay(bench: Bench, by: Wallet, coin: Hash, fen: int, have: int) -> Any:
    outputs = [(bench.other.address, fen)] + ([(by.address, have - fen)] if have > fen else [])
    return bench.signed(by, bench.tx(Kind.TRANSFER, [coin], *outputs))


def test_limits_are_those_of_the_day() -> None:
    assert limits_at(Category.FOURTH, NOW) == Limits(1_000_000, 200_000, 500_000)
    assert limits_at(Category.THIRD, NOW) == Limits(2_000_000, 500_000, 1_000_000)
    assert limits_at(Category.SECOND, NOW) == Limits(50_000_000, 5_000_000, 10_000_000)
    assert limits_at(Category.FIRST, NOW) == limits_at(Category.CORPORATE, NOW) == Limits()
    trial_end = 1_622_476_800_000
    assert limits_at(Category.FOURTH, trial_end - 1) == Limits(100_000, 50_000, 100_000)
    assert limits_at(Category.FOURTH, trial_end).balance_fen == 1_000_000
    assert limits_at(Category.FOURTH, 0) == Limits()


def test_a_payment_above_the_limit_is_refused_and_the_limit_itself_is_not(bench: Any) -> None:
    coin = give(bench, bench.four, 300_000)
    refused(bench, "RC_LIMIT", pay(bench, bench.four, coin, 200_001, 300_000))
    bench.money.process(pay(bench, bench.four, coin, 200_000, 300_000))


def test_a_day_is_counted_over_all_addresses_and_ends_at_midnight_in_beijing(bench: Any) -> None:
    coins = [give(bench, who, 200_000) for who in (bench.four, bench.child, bench.four)]
    bench.money.process(pay(bench, bench.four, coins[0], 200_000, 200_000))
    bench.money.process(pay(bench, bench.child, coins[1], 200_000, 200_000))
    refused(bench, "RC_LIMIT", pay(bench, bench.four, coins[2], 100_001, 200_000))
    bench.now_ms = (NOW + 8 * 3_600_000) // DAY * DAY + DAY - 8 * 3_600_000 - 1
    refused(bench, "RC_LIMIT", pay(bench, bench.four, coins[2], 100_001, 200_000))
    bench.now_ms += 1
    bench.money.process(pay(bench, bench.four, coins[2], 100_001, 200_000))
    audit(bench.money.center)


def test_a_full_wallet_takes_nothing_by_any_address_and_an_upgrade_lifts_it(bench: Any) -> None:
    give(bench, bench.four, 600_000)
    give(bench, bench.child, 400_000)
    issued = bench.money.send(Kind.ISSUE, bench.bank, [], [Payment(bench.bank.address, 1)])
    vault = coin_id(sm3, CoinPoint(issued.txid, 0))
    more = bench.signed(bench.bank, bench.tx(Kind.EXCHANGE, [vault], (bench.child.address, 1)))
    refused(bench, "RC_LIMIT", more)
    bench.money.process(opening(bench, Category.THIRD))
    bench.money.process(more)


def test_money_inside_one_wallet_is_no_payment_and_a_redemption_neither(bench: Any) -> None:
    coin = give(bench, bench.four, 900_000)
    moved = bench.signed(
        bench.four, bench.tx(Kind.TRANSFER, [coin], (bench.child.address, 900_000))
    )
    coin = coin_id(sm3, CoinPoint(bench.money.process(moved).txid, 0))
    tx = bench.tx(Kind.REDEEM, [coin], (bench.bank.address, 900_000))
    bench.money.process(bench.signed(bench.child, tx))


def test_what_cannot_be_opened_is_refused(bench: Any) -> None:
    good = opening(bench, Category.FOURTH, Wallet.generate())
    refused(bench, "RC_OPERATOR", replace(good, bank=bench.wallet.public_key))
    refused(bench, "RC_WALLET", opening(bench, 5))
    refused(bench, "RC_WALLET", opening(bench, Category.FOURTH, holder=""))
    refused(bench, "RC_WALLET", opening(bench, Category.FOURTH, holder="Wang"))
    refused(bench, "RC_WALLET", opening(bench, Category.FOURTH, bench.wallet))
    taken = replace(
        good, query=replace(good.query, wallet=ZERO_HASH, addresses=(bench.four.address,))
    )
    refused(bench, "RC_WALLET", taken)
    refused(bench, "RC_TIER", opening(bench, Category.FOURTH, bench.bank))


def test_two_authorities_learn_an_owner_and_the_log_remembers(bench: Any, tmp_path: Path) -> None:
    court, aml = Wallet.generate(), Wallet.generate()
    for role, key in (("court", court), ("aml", aml)):
        bench.money.process(Appointment(AuthorityQuery(role, role, key.public_key)))

    def ask(*keys: Wallet, order: str = "2026-7", address: Hash = bench.child.address) -> Any:
        asking = tuple(key.public_key for key in keys)
        return Identification(IdentifyQuery(address, order), asking, Hash(secrets.token_bytes(32)))

    refused(bench, "RC_AUTHORITY", ask(court, court))
    refused(bench, "RC_AUTHORITY", ask(court, bench.bank))
    refused(bench, "RC_ORDER", ask(court, aml, order=""))
    refused(bench, "RC_NOT_FOUND", ask(court, aml, address=bench.wallet.address))
    size = bench.money.center.totals.tree_size
    asked = ask(court, aml)
    found = bench.money.process(asked)
    assert (found.holder, found.category) == ("Li, 4403", Category.FOURTH)
    assert bench.money.center.totals.tree_size == size + 1
    assert bench.money.center.entry(size) == LogEntry(1, asked.request, None, asked.request)
    refused(bench, "RC_REQUEST", asked)
    audit(bench.money.center)
    bench.money.center.close()
    again = Center.open(tmp_path / "center", lambda: bench.now_ms)
    audit(again)
    again.close()


def test_a_balance_that_is_not_the_sum_of_its_coins_is_noticed(bench: Any, tmp_path: Path) -> None:
    give(bench, bench.four, 100)
    bench.money.center.store.write({b"g" + ID: (99).to_bytes(8)})
    bench.money.center.close()
    with pytest.raises(CenterError) as refusal:
        Center.open(tmp_path / "center", lambda: bench.now_ms)
    assert refusal.value.code == "RC_DAMAGED"


async def test_the_interface_opens_wallets_and_tells_two_authorities(service: Service) -> None:
    holder, court, aml = Wallet.generate(), Wallet.generate(), Wallet.generate()
    query = WalletQuery(ID, int(Category.FOURTH), "Li, 4403", (holder.address,))
    header = service.header(service.money.bank, ACTION_WALLET, query)
    assert (await service.answer("POST", "/wallet", headers=header))[0] == 200
    for role, key in (("court", court), ("aml", aml)):
        await service.client.appoint(service.center.keys.root, role, role, key.public_key)
    asked = IdentifyQuery(holder.address, "2026-7")
    first = service.header(court, ACTION_IDENTIFY, asked)
    await service.refused("RC_REQUEST", 401, "POST", "/identify", headers=first)
    other = service.header(aml, ACTION_IDENTIFY, replace(asked, order="2026-8"))
    both = {**first, SECOND_HEADER: other["Authorization"]}
    await service.refused("RC_REQUEST", 401, "POST", "/identify", headers=both)
    second = service.header(aml, ACTION_IDENTIFY, asked)
    both = {**first, SECOND_HEADER: second["Authorization"]}
    status, found = await service.answer("POST", "/identify", headers=both)
    assert (status, found["holder"], found["bank"]) == (200, "Li, 4403", "QB")
    await service.refused("RC_REQUEST", 401, "POST", "/identify", headers=both)
