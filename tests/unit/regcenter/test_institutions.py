"""Payment institutions: one to one, covered at every moment, netted to the fen, and provably solvent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.center_request import AuthorityQuery
from consensus.encoding import Hash, decode, encode
from consensus.payment import Kind
from deploy.regcenter import solvency
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import Wallet
from deploy.regcenter.hashing import sm3
from deploy.regcenter.limits import day_of
from deploy.regcenter.operations import Appointment
from deploy.regcenter.requests import (
    AccountQuery,
    BookQuery,
    InstitutionQuery,
    NetQuery,
    ShareQuery,
    SolvencyStatement,
    StatementQuery,
    WithdrawQuery,
)
from deploy.regcenter.solvency import Share, ShareProof
from tests.unit.regcenter.desk_world import City, refusal
from tests.unit.regcenter.test_center import refused
from tests.unit.suite.center_world import NOW

TODAY = day_of(NOW)


class Payers(City):
    """Two institutions; Li and Wang have 1,000 and 400 fen at the first, Zhao nothing at the second."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.first, self.second = Wallet.generate(), Wallet.generate()
        for name, pool in (("PAY-1", self.first), ("PAY-2", self.second)):
            self.ask(self.root, InstitutionQuery(name, pool.public_key))
        self.li, self.wang, self.zhao = (Wallet.generate() for _ in range(3))
        for who, fen in ((self.li, 1_000), (self.wang, 400)):
            coin = self.money.fund(who, fen)
            self.money.process(self.send(who, coin, (self.first.address, fen)))

    def account(self, who: Wallet, pool: Wallet) -> int:
        found: int = self.read(who, AccountQuery(pool.address))["balance_fen"]
        return found

    def book(self, source: Wallet, to: Wallet, whom: Wallet, fen: int) -> BookQuery:
        return BookQuery(source.address, to.address, whom.address, fen)

    def covered(self) -> tuple[int, int, int, int]:
        """Owed and held by both."""
        found = self.money.center.ledger.books.institutions
        first, second = self.first.address, self.second.address
        return (
            found.owed_fen[first], found.pool_fen[first],
            found.owed_fen[second], found.pool_fen[second],
        )  # fmt: skip


@pytest.fixture
def city(tmp_path: Path) -> Payers:
    return Payers(tmp_path / "center")


def test_what_comes_in_stands_on_the_account_and_goes_out_again(city: Payers) -> None:
    assert (city.account(city.li, city.first), city.account(city.wang, city.first)) == (1_000, 400)
    city.ask(city.li, city.book(city.first, city.first, city.wang, 250))
    assert (city.account(city.li, city.first), city.account(city.wang, city.first)) == (750, 650)
    city.ask(city.li, WithdrawQuery(city.first.address, 750))
    assert city.balance(city.li) == 750
    assert city.covered() == (650, 650, 0, 0)
    audit(city.money.center)


def test_a_bank_refills_the_account_that_it_names_and_only_an_exchange_does(city: Payers) -> None:
    coin = city.issue(300)
    refill = city.send(
        city.bank, coin, (city.first.address, 300), kind=Kind.EXCHANGE, reference=city.zhao.address
    )
    city.money.process(refill)
    assert city.account(city.zhao, city.first) == 300
    own = city.send(city.bank, city.issue(50), (city.first.address, 50), kind=Kind.EXCHANGE)
    city.money.process(own)
    assert city.covered() == (1_700, 1_750, 0, 0)


def test_an_institution_spends_its_own_and_not_a_fen_that_it_owes(city: Payers) -> None:
    own = city.send(city.bank, city.issue(50), (city.first.address, 50), kind=Kind.EXCHANGE)
    city.money.process(own)
    pool = city.first
    coins = [coin for coin, _ in city.money.center.unspent(pool.address, Hash(bytes(32)), 9)]
    all_in = city.tx(Kind.TRANSFER, coins, (city.other.address, 51), (pool.address, 1_450 - 51))
    refused(city, "RC_COVERAGE", city.signed(pool, all_in))
    redeemed = city.tx(Kind.REDEEM, coins, (city.bank.address, 1_450))
    refused(city, "RC_COVERAGE", city.signed(pool, redeemed))
    merged = city.money.process(
        city.signed(pool, city.tx(Kind.MERGE, coins, (pool.address, 1_450)))
    )
    fair = city.send(pool, city.coin_of(merged), (city.other.address, 50), (pool.address, 1_400))
    city.money.process(fair)
    assert city.covered()[:2] == (1_400, 1_400)


def test_payments_to_another_institution_arrive_when_the_window_closes(city: Payers) -> None:
    city.ask(city.li, city.book(city.first, city.second, city.zhao, 700))
    assert city.account(city.zhao, city.second) == 0
    assert city.covered() == (1_400, 1_400, 0, 0)
    answer = city.ask(city.second, NetQuery(1))
    assert answer == {"payments": 1, "transfers": 1, "moved_fen": 700}
    assert city.covered() == (700, 700, 700, 700)
    city.ask(city.zhao, city.book(city.second, city.first, city.li, 300))
    city.ask(city.wang, city.book(city.first, city.second, city.zhao, 400))
    answer = city.ask(city.root, NetQuery(2))
    assert answer == {"payments": 2, "transfers": 1, "moved_fen": 100}, "300 and 400 net to 100"
    assert city.covered() == (600, 600, 800, 800)
    assert city.ask(city.root, NetQuery(3)) == {"payments": 0, "transfers": 0, "moved_fen": 0}


def test_a_repeated_request_is_carried_out_once(city: Payers) -> None:
    order = city.instruction(city.li, city.book(city.first, city.first, city.wang, 100))
    assert city.money.process(order) == city.money.process(order)
    assert city.account(city.li, city.first) == 900


def test_what_is_not_there_is_not_paid(city: Payers) -> None:
    first, second = city.first, city.second
    nowhere = Wallet.generate()
    wrong = (
        (city.li, city.book(first, first, city.wang, 1_001), "RC_OVERSPEND"),
        (city.zhao, city.book(first, first, city.wang, 1), "RC_OVERSPEND"),
        (city.li, city.book(first, first, city.wang, 0), "RC_VALUE"),
        (city.li, city.book(first, first, city.li, 1), "RC_INSTITUTION"),
        (city.li, city.book(first, nowhere, city.wang, 1), "RC_INSTITUTION"),
        (city.li, city.book(nowhere, first, city.wang, 1), "RC_INSTITUTION"),
        (city.li, WithdrawQuery(second.address, 1), "RC_OVERSPEND"),
        (city.li, WithdrawQuery(first.address, 1_001), "RC_OVERSPEND"),
        (city.li, NetQuery(1), "RC_UNAUTHORISED"),
        (city.li, InstitutionQuery("PAY-3", city.zhao.public_key), "RC_UNAUTHORISED"),
        (city.root, InstitutionQuery("PAY-1", Wallet.generate().public_key), "RC_INSTITUTION"),
        (city.root, InstitutionQuery("PAY-3", first.public_key), "RC_INSTITUTION"),
        (city.root, InstitutionQuery("PAY-3", city.bank.public_key), "RC_TIER"),
        (city.root, InstitutionQuery("PAY-3", city.other.public_key + b"x"), "RC_ENCODING"),
        (city.first, StatementQuery(TODAY + 1), "RC_STATEMENT"),
        (city.li, StatementQuery(TODAY), "RC_INSTITUTION"),
    )
    for by, body, code in wrong:
        refused(city, code, city.instruction(by, body))


def test_frozen_coins_of_a_pool_stop_a_withdrawal_and_leave_the_account(city: Payers) -> None:
    pool = city.first.address
    coins = [coin for coin, _ in city.money.center.unspent(pool, Hash(bytes(32)), 9)]
    freeze = replace(city.tx(Kind.FREEZE, coins), purpose="2026-7")
    city.money.process(city.signed(city.aml, freeze))
    assert city.covered()[:2] == (1_400, 1_400)
    refused(city, "RC_OVERSPEND", city.instruction(city.li, WithdrawQuery(pool, 1)))
    assert city.account(city.li, city.first) == 1_000


def test_a_court_moves_no_coins_that_cover_other_peoples_balances(city: Payers) -> None:
    court, pool = Wallet.generate(), city.first.address
    city.money.process(Appointment(AuthorityQuery("court", "court", court.public_key)))
    (coin, fen), *_ = city.money.center.unspent(pool, Hash(bytes(32)), 9)
    freeze = replace(city.tx(Kind.FREEZE, [coin]), purpose="2026-7")
    city.money.process(city.signed(court, freeze))
    move = city.tx(Kind.COURT_TRANSFER, [coin], (city.other.address, fen))
    refused(city, "RC_COVERAGE", city.signed(court, replace(move, purpose="2026-7")))


def test_balances_and_cover_are_there_after_a_restart(city: Payers, tmp_path: Path) -> None:
    city.ask(city.li, city.book(city.first, city.second, city.zhao, 700))
    before = city.covered()
    city.money.center.close()
    city.money.center = Center.open(tmp_path / "center", lambda: NOW)
    assert city.covered() == before
    city.ask(city.root, NetQuery(1))
    assert city.account(city.zhao, city.second) == 700
    city.money.center.close()


# ---- the day's statement -------------------------------------------------------------------------


def proof_of(city: Payers, who: Wallet) -> ShareProof:
    found = city.read(who, ShareQuery(city.first.address, TODAY))
    return decode(ShareProof, bytes.fromhex(found["share"]))


def test_an_account_checks_its_balance_in_the_signed_statement(city: Payers) -> None:
    center = city.money.center
    stated = city.ask(city.first, StatementQuery(TODAY))
    assert (stated["owed_fen"], stated["pool_fen"], stated["accounts"]) == (1_400, 1_400, 2)
    for who, fen in ((city.li, 1_000), (city.wang, 400)):
        proof = proof_of(city, who)
        found = solvency.check_share(center.suite, proof, center.root_key)
        assert (proof.share.balance_fen, found.owed_fen) == (fen, 1_400)
    assert refusal(proof_of, city, city.zhao) == "RC_STATEMENT"
    city.ask(city.li, WithdrawQuery(city.first.address, 1_000))
    again = city.ask(city.first, StatementQuery(TODAY))
    assert again["statement"] == stated["statement"], "a day has one statement"


def test_no_part_of_a_share_is_free(city: Payers) -> None:
    center = city.money.center
    city.ask(city.first, StatementQuery(TODAY))
    good = proof_of(city, city.li)
    share, step = good.share, good.path[0]
    statement = decode(SolvencyStatement, good.statement.body)
    lower = replace(statement, owed_fen=1_000)
    uncovered = center.voice.say(replace(statement, pool_fen=1_399))
    wrong = {
        "a larger balance": replace(good, share=replace(share, balance_fen=1_001)),
        "another account": replace(good, share=replace(share, account=city.wang.address)),
        "another salt": replace(good, share=replace(share, salt=bytes(16))),
        "a short salt": replace(good, share=replace(share, salt=b"")),
        "another sum": replace(good, path=(replace(step, sum_fen=399),)),
        "a negative sum": replace(good, path=(replace(step, sum_fen=(1 << 64) - 400),)),
        "the other side": replace(good, path=(replace(step, is_left=not step.is_left),)),
        "no path": replace(good, path=()),
        "a longer path": replace(good, path=good.path * 65),
        "a changed statement": replace(good, statement=replace(good.statement, body=encode(lower))),
        "no statement": replace(good, statement=replace(good.statement, body=b"")),
        "no cover": replace(good, statement=uncovered),
        "no keys": replace(good, statement=replace(good.statement, key_chain=())),
    }
    for what, proof in wrong.items():
        code = refusal(solvency.check_share, center.suite, proof, center.root_key)
        assert code in ("RC_STATEMENT", "RC_SIGNATURE"), what
    other_root = Wallet.generate().public_key
    assert refusal(solvency.check_share, center.suite, good, other_root) == "RC_SIGNATURE"


@given(balances=st.lists(st.integers(1, 1 << 50), min_size=1, max_size=20))
def test_every_account_of_any_number_is_in_the_tree(balances: list[int]) -> None:
    shares = [
        Share(Hash(sm3(index.to_bytes(4, "big"))), fen, bytes(16))
        for index, fen in enumerate(balances)
    ]
    total, root = solvency.root(shares)
    assert total == sum(balances)
    for index, share in enumerate(shares):
        running = solvency.leaf(share)
        for step in solvency.path(shares, index):
            sibling = (step.sum_fen, step.node)
            pair = (sibling, running) if step.is_left else (running, sibling)
            running = solvency.node(*pair)
        assert running == (total, root)
