"""The center's core: every refusal, conservation over random histories, restart and rollback."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.encoding import ZERO_HASH, Hash, Sig, decode, encode
from consensus.payment import (
    Coin,
    CoinOutput,
    CoinPoint,
    CoinTransaction,
    Kind,
    SignedCoinTransaction,
    coin_id,
    coin_txid,
)
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import Payment, Wallet, sign_transaction
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.operations import Refresh
from deploy.regcenter.rules import Tier
from tests.unit.suite.center_world import NOW, Money, placement


class Bench:
    """A center with a bank whose vault holds 1,000 fen, and a wallet with one coin of 600."""

    def __init__(self, directory: Path, now_ms: int = NOW) -> None:
        self.now_ms = now_ms
        self.money = Money(directory, lambda: self.now_ms)
        self.bank, self.wallet, self.other = self.money.bank, Wallet.generate(), Wallet.generate()
        self.coin = self.money.fund(self.wallet, 600)
        issued = self.money.send(Kind.ISSUE, self.bank, [], [Payment(self.bank.address, 1_000)])
        self.vault_coin = coin_id(sm3, CoinPoint(issued.txid, 0))

    def tx(self, kind: int, inputs: list[Hash], *outputs: tuple[bytes, int]) -> CoinTransaction:
        return CoinTransaction(
            version=1,
            kind=int(kind),
            ccy="CNY",
            inputs=tuple(inputs),
            outputs=tuple(CoinOutput(value, Hash(to), ZERO_HASH) for to, value in outputs),
            purpose="",
            time_ms=self.now_ms,
            salt=secrets.token_bytes(16),
        )

    def signed(self, payer: Wallet, tx: CoinTransaction) -> SignedCoinTransaction:
        return sign_transaction(payer, self.money.center.log_id, tx)

    def transfer(self) -> CoinTransaction:
        return self.tx(Kind.TRANSFER, [self.coin], (self.other.address, 600))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "center")


def refused(bench: Bench, code: str, *operations: Any) -> None:
    """Refused with the code; totals, log and stored coins are as before."""
    center = bench.money.center
    before = (center.totals, center.latest, list(center.store.items(b"")))
    outcomes = center.process(operations)
    assert [o.code if isinstance(o, CenterError) else o for o in outcomes] == [code]
    assert (center.totals, center.latest, list(center.store.items(b""))) == before


TxMutant = tuple[str, str, Callable[[Bench], SignedCoinTransaction]]
TX_MUTANTS: list[TxMutant] = [
    ("unknown version", "RC_VERSION", lambda b: b.signed(b.wallet, replace(b.transfer(), version=2))),
    ("a kind of the future", "RC_KIND",
     lambda b: b.signed(b.wallet, replace(b.transfer(), kind=int(Kind.OFFLINE_SETTLE)))),
    ("no kind at all", "RC_KIND", lambda b: b.signed(b.wallet, replace(b.transfer(), kind=99))),
    ("other currency", "RC_CURRENCY", lambda b: b.signed(b.wallet, replace(b.transfer(), ccy="USD"))),
    ("too old", "RC_TIME",
     lambda b: b.signed(b.wallet, replace(b.transfer(), time_ms=NOW - 120_001))),
    ("of the future", "RC_TIME",
     lambda b: b.signed(b.wallet, replace(b.transfer(), time_ms=NOW + 5_001))),
    ("purpose too long", "RC_PURPOSE",
     lambda b: b.signed(b.wallet, replace(b.transfer(), purpose="x" * 65))),
    ("purpose not ASCII", "RC_PURPOSE",
     lambda b: b.signed(b.wallet, replace(b.transfer(), purpose="货款"))),
    ("no inputs", "RC_INPUTS", lambda b: b.signed(b.wallet, b.tx(Kind.TRANSFER, [], (b.other.address, 1)))),
    ("257 inputs", "RC_INPUTS",
     lambda b: b.signed(b.wallet, replace(b.transfer(), inputs=(b.coin,) * 257))),
    ("an issue with inputs", "RC_INPUTS",
     lambda b: b.signed(b.bank, b.tx(Kind.ISSUE, [b.vault_coin], (b.bank.address, 1)))),
    ("no outputs", "RC_OUTPUTS", lambda b: b.signed(b.wallet, b.tx(Kind.TRANSFER, [b.coin]))),
    ("257 outputs", "RC_OUTPUTS",
     lambda b: b.signed(b.wallet, b.tx(Kind.TRANSFER, [b.coin], *[(b.other.address, 1)] * 257))),
    ("a destruction with outputs", "RC_OUTPUTS",
     lambda b: b.signed(b.bank, b.tx(Kind.DESTROY, [b.vault_coin], (b.bank.address, 1)))),
    ("zero output", "RC_VALUE",
     lambda b: b.signed(b.wallet, b.tx(Kind.TRANSFER, [b.coin], (b.other.address, 600), (b.other.address, 0)))),
    ("value above 2^53", "RC_VALUE",
     lambda b: b.signed(b.wallet, b.tx(Kind.TRANSFER, [b.coin], (b.other.address, 1 << 53)))),
    ("one coin twice", "RC_DUPLICATE_INPUT",
     lambda b: b.signed(b.wallet, b.tx(Kind.TRANSFER, [b.coin, b.coin], (b.other.address, 1_200)))),
    ("signature of other bytes", "RC_SIGNATURE",
     lambda b: replace(b.signed(b.wallet, b.transfer()), signature=Sig(bytes(64)))),
    ("signed for another center", "RC_SIGNATURE",
     lambda b: sign_transaction(b.wallet, Hash(sm3(b"elsewhere")), b.transfer())),
    ("another's key and signature", "RC_OWNER", lambda b: b.signed(b.other, b.transfer())),
    ("unknown coin", "RC_UNKNOWN_COIN",
     lambda b: b.signed(b.wallet, replace(b.transfer(), inputs=(Hash(sm3(b"no coin")),)))),
    ("one fen too much", "RC_OVERSPEND",
     lambda b: b.signed(b.wallet, b.tx(Kind.TRANSFER, [b.coin], (b.other.address, 601)))),
    ("one fen lost", "RC_UNBALANCED",
     lambda b: b.signed(b.wallet, b.tx(Kind.TRANSFER, [b.coin], (b.other.address, 599)))),
    ("a wallet exchanges", "RC_TIER",
     lambda b: b.signed(b.wallet, b.tx(Kind.EXCHANGE, [b.coin], (b.other.address, 600)))),
    ("a vault transfers", "RC_TIER",
     lambda b: b.signed(b.bank, b.tx(Kind.TRANSFER, [b.vault_coin], (b.other.address, 1_000)))),
    ("a transfer into a vault", "RC_TIER",
     lambda b: b.signed(b.wallet, b.tx(Kind.TRANSFER, [b.coin], (b.bank.address, 600)))),
    ("a redemption to a wallet", "RC_TIER",
     lambda b: b.signed(b.wallet, b.tx(Kind.REDEEM, [b.coin], (b.other.address, 600)))),
    ("an exchange that reaches no wallet", "RC_TIER",
     lambda b: b.signed(b.bank, b.tx(Kind.EXCHANGE, [b.vault_coin], (b.bank.address, 1_000)))),
    ("a wallet destroys", "RC_TIER", lambda b: b.signed(b.wallet, b.tx(Kind.DESTROY, [b.coin]))),
    ("a wallet issues", "RC_TIER",
     lambda b: b.signed(b.wallet, b.tx(Kind.ISSUE, [], (b.wallet.address, 1)))),
    ("an issue into a wallet", "RC_TIER",
     lambda b: b.signed(b.bank, b.tx(Kind.ISSUE, [], (b.wallet.address, 1)))),
    ("an issue above the reserve", "RC_RESERVE",
     lambda b: b.signed(b.bank, b.tx(Kind.ISSUE, [], (b.bank.address, 1 << 50)))),
    ("a number that has no canonical form", "RC_ENCODING",
     lambda b: SignedCoinTransaction(
         replace(b.transfer(), time_ms=-1), b.wallet.public_key, Sig(bytes(64)))),
]  # fmt: skip


@pytest.mark.parametrize("why,code,make", TX_MUTANTS, ids=[m[0] for m in TX_MUTANTS])
def test_a_wrong_transaction_is_refused_and_changes_nothing(
    bench: Bench, why: str, code: str, make: Callable[[Bench], SignedCoinTransaction]
) -> None:
    refused(bench, code, make(bench))
    good = bench.money.process(bench.signed(bench.wallet, bench.transfer()))
    assert good.outputs == 1


def test_a_clock_before_the_first_regime_accepts_nothing(tmp_path: Path) -> None:
    center = Center.open(tmp_path, lambda: 1_500_000_000_000)
    bank = Wallet.generate()
    center.process([placement("QB", bank.public_key, 100)])
    tx = CoinTransaction(
        1, int(Kind.ISSUE), "CNY", (), (CoinOutput(1, bank.address, ZERO_HASH),), "",
        1_500_000_000_000, bytes(16),
    )  # fmt: skip
    (outcome,) = center.process([sign_transaction(bank, center.log_id, tx)])
    assert isinstance(outcome, CenterError)
    assert outcome.code == "RC_TIME"
    center.close()


def test_a_coin_is_spent_once_even_inside_one_batch(bench: Bench) -> None:
    first = bench.signed(bench.wallet, bench.transfer())
    second = bench.signed(bench.wallet, bench.transfer())
    center = bench.money.center
    outcomes = center.process([first, second])
    assert not isinstance(outcomes[0], CenterError)
    assert isinstance(outcomes[1], CenterError)
    assert outcomes[1].code == "RC_DOUBLE_SPEND"
    refused(bench, "RC_DOUBLE_SPEND", second)


def test_a_coin_made_in_a_batch_can_be_spent_in_it(bench: Bench) -> None:
    first = bench.transfer()
    made = coin_id(sm3, CoinPoint(coin_txid(sm3, first), 0))
    second = bench.tx(Kind.TRANSFER, [made], (bench.wallet.address, 600))
    outcomes = bench.money.center.process(
        [bench.signed(bench.wallet, first), bench.signed(bench.other, second)]
    )
    assert [isinstance(outcome, CenterError) for outcome in outcomes] == [False, False]
    assert bench.money.center.unspent(bench.wallet.address, ZERO_HASH, 10)[0][1] == 600


def test_a_repeated_request_gets_the_first_receipt(bench: Bench) -> None:
    signed = bench.signed(bench.wallet, bench.transfer())
    first = bench.money.process(signed)
    totals = bench.money.center.totals
    again = bench.money.process(signed)
    assert (again.txid, again.first_leaf, again.accepted_ms) == (
        first.txid, first.first_leaf, first.accepted_ms,
    )  # fmt: skip
    assert bench.money.center.totals == totals


def test_operators_are_named_once_and_never_made_of_wallets(bench: Bench) -> None:
    key = bench.bank.public_key
    refused(bench, "RC_OPERATOR", placement("ANOTHER", key, 1))
    refused(bench, "RC_OPERATOR", placement("QB", bench.other.public_key, 1))
    refused(bench, "RC_TIER", placement("NB", bench.wallet.public_key, 1))
    refused(bench, "RC_ENCODING", placement("NB", b"\x04" + bytes(64), 1))
    refused(bench, "RC_VALUE", placement("QB", key, 1 << 53))
    before = bench.money.center.totals.reserve_fen
    bench.money.process(placement("QB", key, 7))
    assert bench.money.center.totals.reserve_fen == before + 7


def test_money_goes_the_whole_way_and_comes_back(bench: Bench) -> None:
    """ISSUE, EXCHANGE, TRANSFER, REDEEM, DESTROY: in the end the reserve is whole again."""
    money, center = bench.money, bench.money.center
    paid = money.process(bench.signed(bench.wallet, bench.transfer()))
    coin = coin_id(sm3, CoinPoint(paid.txid, 0))
    back = money.process(
        bench.signed(bench.other, bench.tx(Kind.REDEEM, [coin], (bench.bank.address, 600)))
    )
    returned = coin_id(sm3, CoinPoint(back.txid, 0))
    size = center.totals.tree_size
    money.process(bench.signed(bench.bank, bench.tx(Kind.DESTROY, [returned, bench.vault_coin])))
    totals = center.totals
    assert (totals.vault_fen, totals.public_fen) == (0, 0)
    assert totals.reserve_fen == totals.funded_fen
    assert totals.destroyed_fen == totals.issued_fen == 1_600
    assert totals.tree_size == size + 1, "a destruction stands in the log too"
    audit(center)


# ---- conservation over random histories ----------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["issue", "exchange", "transfer", "redeem", "destroy", "steal", "mint"]),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(0, 1_500),
    ),
    max_size=25,
)


def play(bench: Bench, step: tuple[str, int, int, int]) -> SignedCoinTransaction:
    """A transaction for a step: it may be right or wrong, the center decides."""
    what, who, whom, amount = step
    people = [bench.wallet, bench.other, bench.bank]
    kinds = {"issue": Kind.ISSUE, "exchange": Kind.EXCHANGE, "redeem": Kind.REDEEM,
             "destroy": Kind.DESTROY}  # fmt: skip
    kind = kinds.get(what, Kind.TRANSFER)
    payer = bench.bank if kind in (Kind.ISSUE, Kind.EXCHANGE, Kind.DESTROY) else people[who]
    owner = people[whom] if what == "steal" else payer
    to = bench.bank if kind in (Kind.ISSUE, Kind.REDEEM) else people[whom]
    coins = bench.money.center.unspent(owner.address, ZERO_HASH, 10)
    inputs = [] if kind is Kind.ISSUE else [coin for coin, _ in coins[: 1 + who]]
    have = sum(value for coin, value in coins if coin in inputs)
    change = 0 if kind is Kind.ISSUE else have - amount
    outputs = [(to.address, amount)]
    if change > 0 and what != "mint":
        outputs.append((payer.address, change))
    return bench.signed(payer, bench.tx(kind, inputs, *([] if kind is Kind.DESTROY else outputs)))


@settings(max_examples=25, deadline=None)
@given(histories=STEPS)
def test_no_history_makes_or_loses_a_fen(
    tmp_path_factory: pytest.TempPathFactory, histories: list[tuple[str, int, int, int]]
) -> None:
    directory = tmp_path_factory.mktemp("history")
    bench = Bench(directory)
    center = bench.money.center
    for step in histories:
        center.process([play(bench, step)])
        totals = center.totals
        assert totals.conserved()
        counted = {Tier.VAULT: 0, Tier.WALLET: 0}
        for person in (bench.wallet, bench.other, bench.bank):
            tier = center.tier_of(person.address)
            coins = center.unspent(person.address, ZERO_HASH, 10_000)
            counted[tier] += sum(value for _, value in coins)
        assert counted[Tier.VAULT] == totals.vault_fen
        assert counted[Tier.WALLET] == totals.public_fen
    audit(center)
    center.close()
    reopened = Center.open(directory, lambda: bench.now_ms)
    assert reopened.totals == center.totals
    reopened.close()
    shutil.rmtree(directory)


# ---- restart and rollback ------------------------------------------------------------------------


def test_a_restart_goes_on_where_it_stopped(bench: Bench, tmp_path: Path) -> None:
    center = bench.money.center
    latest, totals = center.latest, center.totals
    center.close()
    again = Center.open(tmp_path / "center", lambda: bench.now_ms)
    assert (again.latest, again.totals, again.log_id) == (latest, totals, center.log_id)
    bench.money.center = again
    bench.money.process(bench.signed(bench.wallet, bench.transfer()))
    assert again.latest.head.tree_size == latest.head.tree_size + 1
    again.close()


def test_a_restart_after_a_crash_before_the_first_head_works(tmp_path: Path) -> None:
    first = Center.open(tmp_path)
    first.close()
    (tmp_path / "latest-head").unlink()
    Center.open(tmp_path).close()


def test_an_older_copy_of_the_store_is_noticed(bench: Bench, tmp_path: Path) -> None:
    directory = tmp_path / "center"
    bench.money.center.close()
    shutil.copytree(directory / "ledger", tmp_path / "yesterday")
    bench.money.center = Center.open(directory, lambda: bench.now_ms)
    bench.money.process(bench.signed(bench.wallet, bench.transfer()))
    bench.money.center.close()
    shutil.rmtree(directory / "ledger")
    (tmp_path / "yesterday").rename(directory / "ledger")
    with pytest.raises(CenterError) as refusal:
        Center.open(directory, lambda: bench.now_ms)
    assert refusal.value.code == "RC_ROLLED_BACK"


def test_an_older_copy_with_a_tree_of_the_same_size_is_noticed(
    bench: Bench, tmp_path: Path
) -> None:
    """Reserve is no leaf of the log: only the head's time tells the older store."""
    directory = tmp_path / "center"
    bench.money.center.close()
    shutil.copytree(directory / "ledger", tmp_path / "yesterday")
    bench.money.center = Center.open(directory, lambda: bench.now_ms)
    bench.now_ms += 1_000
    bench.money.process(placement("QB", bench.bank.public_key, 7))
    bench.money.center.close()
    shutil.rmtree(directory / "ledger")
    (tmp_path / "yesterday").rename(directory / "ledger")
    with pytest.raises(CenterError) as refusal:
        Center.open(directory, lambda: bench.now_ms)
    assert refusal.value.code == "RC_ROLLED_BACK"


def test_a_crash_between_store_and_witness_loses_nothing(bench: Bench, tmp_path: Path) -> None:
    """The store is written first: a witness one head behind is what a crash leaves, not a rollback."""
    witness = tmp_path / "center/latest-head"
    before = witness.read_bytes()
    bench.money.process(bench.signed(bench.wallet, bench.transfer()))
    latest = bench.money.center.latest
    bench.money.center.close()
    witness.write_bytes(before)
    again = Center.open(tmp_path / "center", lambda: bench.now_ms)
    assert again.latest == latest
    audit(again)
    again.close()


def test_a_center_whose_write_failed_accepts_nothing_more(bench: Bench) -> None:
    """Memory may be ahead of the disk after a failed write: only a restart may go on."""
    center = bench.money.center
    center.store.close()
    with pytest.raises(RuntimeError):
        center.process([bench.signed(bench.wallet, bench.transfer())])
    with pytest.raises(CenterError) as refusal:
        center.process([Refresh()])
    assert refusal.value.code == "RC_CLOSED"


@pytest.mark.parametrize("days", [0, 400])
@pytest.mark.parametrize("lost", ["ledger", "latest-head"])
def test_a_lost_part_of_the_store_is_noticed_however_late(
    bench: Bench, tmp_path: Path, lost: str, days: int
) -> None:
    directory = tmp_path / "center"
    bench.money.center.close()
    path = directory / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(CenterError) as refusal:
        Center.open(directory, lambda: NOW + days * 86_400_000)
    assert refusal.value.code == "RC_ROLLED_BACK"


def test_another_history_of_the_same_length_is_noticed(tmp_path: Path) -> None:
    """Two stores grew from one copy: the one that did not sign the last head is refused."""
    directory, other = tmp_path / "center", tmp_path / "other"
    bench = Bench(directory)
    bench.money.center.close()
    shutil.copytree(directory, other)
    for place in (directory, other):
        bench.money.center = Center.open(place, lambda: bench.now_ms)
        bench.money.process(bench.signed(bench.wallet, bench.transfer()))
        bench.money.center.close()
    shutil.rmtree(directory / "ledger")
    (other / "ledger").rename(directory / "ledger")
    with pytest.raises(CenterError) as refusal:
        Center.open(directory)
    assert refusal.value.code == "RC_DAMAGED"


def test_a_forged_coin_is_noticed_at_the_start(bench: Bench, tmp_path: Path) -> None:
    center = bench.money.center
    stored = center.store.get(b"c" + bench.coin)
    assert stored is not None
    coin = decode(Coin, stored)
    center.store.write({b"c" + bench.coin: encode(replace(coin, value_fen=700))})
    center.close()
    with pytest.raises(CenterError) as refusal:
        Center.open(tmp_path / "center", lambda: bench.now_ms)
    assert refusal.value.code == "RC_DAMAGED"


def test_heads_never_go_back_in_time(bench: Bench) -> None:
    center = bench.money.center
    before = center.latest.head.timestamp_ms
    bench.now_ms -= 60_000
    (head,) = center.process([Refresh()])
    assert head.head.timestamp_ms == before
    bench.now_ms += 120_000
    (later,) = center.process([Refresh()])
    assert later.head.timestamp_ms == bench.now_ms
    assert later.head.root == head.head.root


def test_keys_that_others_can_read_are_refused(bench: Bench, tmp_path: Path) -> None:
    bench.money.center.close()
    (tmp_path / "center/keys/root.key").chmod(0o644)
    with pytest.raises(CenterError) as refusal:
        Center.open(tmp_path / "center")
    assert refusal.value.code == "RC_DAMAGED"
