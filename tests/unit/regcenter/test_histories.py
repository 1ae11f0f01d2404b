"""Random histories of every kind of operation: money is neither made nor lost, and a refusal changes nothing.

Operations may be right or wrong, the center decides. What it holds is counted again after each from the stored
coins and balances, without the center's own sums.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from consensus.center_request import AuthorityQuery, IdentifyQuery
from consensus.encoding import ZERO_HASH, Hash, Sig, decode, encode
from consensus.payment import Coin, CoinState, Kind
from consensus.payment_lock import (
    Approval,
    Condition,
    LockTerms,
    Witness,
    WitnessedTransaction,
    lock_address,
)
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import Wallet, approve
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.hooks import Told, waiting
from deploy.regcenter.limits import day_of
from deploy.regcenter.model import Receipt, TxRecord
from deploy.regcenter.operations import Appointment, Identification, Refresh
from deploy.regcenter.requests import (
    BookQuery,
    DeviceQuery,
    HookQuery,
    InstitutionQuery,
    NetQuery,
    RotateQuery,
    ScreenQuery,
    SettleQuery,
    SignedVoucher,
    StatementQuery,
    TerminalQuery,
    Voucher,
    WithdrawQuery,
    digest_of,
)
from deploy.regcenter.residence import Use
from tests.unit.regcenter.desk_world import City
from tests.unit.suite.center_world import placement

WHO = st.sampled_from((1, 0, 4, 5, 8, 9, 7, 6, 2, 3))
FEN = st.sampled_from((100, 1, 30, 250, 600, 0))
MEMORY = Path("/dev/shm")  # where there is one, a history waits for no disk
HOUR = 3_600_000


class Histories(RuleBasedStateMachine):
    """Ten addresses: a bank, plain and registered wallets, a reserve wallet, a device, two pools, a vendor."""

    @initialize()
    def open(self) -> None:
        place = MEMORY if MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="history-", dir=place))
        self.city = city = City(self.folder / "center")
        self.court = Wallet.generate()
        city.money.process(Appointment(AuthorityQuery("court", "court", self.court.public_key)))
        self.second_bank, self.machine, self.device = (Wallet.generate() for _ in range(3))
        city.money.process(placement("NB", self.second_bank.public_key, 500))
        self.pools = [Wallet.generate(), Wallet.generate()]
        for index, pool in enumerate(self.pools):
            city.ask(city.root, InstitutionQuery(f"PAY-{index}", pool.public_key))
        self.vendor = Wallet.generate()
        city.ask(city.bank, TerminalQuery("M", self.machine.public_key, 500))
        until = city.now_ms + 400 * 24 * HOUR
        city.ask(city.bank, DeviceQuery(self.device.public_key, self.vendor.address, until))
        self.people = [
            city.wallet, city.other, city.bank, self.second_bank, city.open(category=4),
            city.open(residence="HK"), city.open(residence="TH", use=Use.RESERVE),
            self.device, *self.pools,
        ]  # fmt: skip
        for person in self.people[:1] + self.people[3:8] + [self.vendor]:
            if person is not self.second_bank:
                city.money.fund(person, 900)
        city.issue(900)
        for who, pool in ((0, 0), (4, 0), (0, 1)):
            coin = city.money.fund(self.people[who], 400)
            city.money.process(city.send(self.people[who], coin, (self.pools[pool].address, 400)))
        self.terms: dict[Hash, tuple[LockTerms, bytes]] = {}
        self.vouchers: list[Voucher] = []
        self.paid: list[tuple[Hash, Hash]] = []
        self.takes_back = False
        self.go_round()

    def go_round(self) -> None:
        """Every history begins with one accepted transaction of each kind, so that none is left out."""
        for kind, fen in ((Kind.REDEEM, 30), (Kind.SPLIT, 30), (Kind.DESTROY, 0)):
            self.transact(
                kind, 2 if kind is Kind.DESTROY else 0, 2 if kind is Kind.REDEEM else 0, fen
            )
        self.merge(0)
        for then in (Kind.RELEASE, Kind.REFUND_LOCK):
            self.lock(0, 1, 30, then)
        self.transfer(0, 1, 250, 1, "")
        for by_court, decision in ((False, Kind.UNFREEZE), (True, Kind.COURT_TRANSFER)):
            self.freeze(0, 1, by_court, decision)
        self.voucher(1, 30, 0)
        records = self.city.money.center.store.items(b"t")
        accepted = {decode(TxRecord, data).signed.tx.kind for _, data in records}
        assert accepted == set(Kind), set(Kind) - accepted

    # ---- doing -----------------------------------------------------------------------------------

    def attempt(self, operation: Any) -> Any:
        """The outcome. A refusal leaves every byte of the store as it was."""
        center = self.city.money.center
        before = list(center.store.items(b"")), center.latest, center.totals
        (outcome,) = center.process([operation])
        if isinstance(outcome, CenterError):
            assert (list(center.store.items(b"")), center.latest, center.totals) == before
        return outcome

    def coins(self, who: Wallet, count: int) -> list[tuple[Hash, int]]:
        found = self.city.money.center.unspent(who.address, ZERO_HASH, 50)
        return sorted(found, key=lambda coin: -coin[1])[:count]

    def payer(self, who: int) -> Wallet:
        """Somebody of the same tier who has money, or whoever was meant."""
        tier = self.city.money.center.tier_of(self.people[who].address)
        for person in (*self.people[who:], *self.people[:who]):
            if self.city.money.center.tier_of(person.address) is tier and self.coins(person, 1):
                return person
        return self.people[who]

    def transact(
        self, kind: Kind, who: int, whom: int, fen: int, inputs: int = 1, purpose: str = "GOODS"
    ) -> None:
        """A plain transaction with change, as far as there is any."""
        payer, payee = self.payer(who), self.people[whom]
        coins = [] if kind is Kind.ISSUE else self.coins(payer, inputs)
        have = sum(value for _, value in coins)
        outputs = [] if kind is Kind.DESTROY else [(payee.address, fen)]
        if have > fen and outputs:
            outputs.append((payer.address, have - fen))
        tx = replace(self.city.tx(kind, [c for c, _ in coins], *outputs), purpose=purpose)
        outcome = self.attempt(self.city.signed(payer, tx))
        if isinstance(outcome, Receipt) and kind is Kind.TRANSFER:
            self.paid.append((self.city.coin_of(outcome), payer.address))
            if self.takes_back and payer is not payee:
                self.reverse(len(self.paid) - 1, fen)

    # ---- plain money -----------------------------------------------------------------------------

    @rule(who=st.sampled_from((2, 3, 0)), fen=FEN)
    def issue(self, who: int, fen: int) -> None:
        self.transact(Kind.ISSUE, who, who, fen)

    @rule(who=st.sampled_from((2, 3)), whom=WHO, fen=FEN)
    def exchange(self, who: int, whom: int, fen: int) -> None:
        self.transact(Kind.EXCHANGE, who, whom, fen)

    @rule(
        who=WHO, whom=WHO, fen=FEN, inputs=st.integers(1, 3), purpose=st.sampled_from(("GOODS", ""))
    )
    def transfer(self, who: int, whom: int, fen: int, inputs: int, purpose: str) -> None:
        self.takes_back = fen == 250
        self.transact(Kind.TRANSFER, who, whom, fen, inputs, purpose)

    @rule(who=WHO, whom=st.sampled_from((2, 3, 0)), fen=FEN)
    def redeem(self, who: int, whom: int, fen: int) -> None:
        self.transact(Kind.REDEEM, who, whom, fen)

    @rule(who=WHO, inputs=st.integers(1, 3))
    def destroy(self, who: int, inputs: int) -> None:
        self.transact(Kind.DESTROY, who, who, 0, inputs)

    @rule(who=WHO, fen=FEN)
    def split(self, who: int, fen: int) -> None:
        self.transact(Kind.SPLIT, who, who, fen)

    @rule(who=WHO)
    def merge(self, who: int) -> None:
        have = sum(value for _, value in self.coins(self.payer(who), 3))
        self.transact(Kind.MERGE, who, who, have, 3)

    @rule(whom=WHO, fen=FEN, signs=st.sampled_from((True, False)))
    def recharge(self, whom: int, fen: int, signs: bool) -> None:
        bank, machines = self.people[2], [self.machine] if signs else []
        coins = self.coins(bank, 1)
        payments = [(self.people[whom].address, fen)]
        change = sum(value for _, value in coins) - fen
        if change > 0:
            payments.append((bank.address, change))
        tx = self.city.tx(Kind.EXCHANGE, [coin for coin, _ in coins], *payments)
        tx = replace(tx, purpose="ATM:M")
        log = self.city.money.center.log_id
        approvals = tuple(approve(machine, log, tx) for machine in machines)
        signed = self.city.signed(bank, tx)
        self.attempt(WitnessedTransaction(signed, Witness(approvals=approvals)))

    # ---- conditions, reversal, orders ------------------------------------------------------------

    @rule(who=WHO, whom=WHO, fen=FEN, then=st.sampled_from((Kind.RELEASE, Kind.REFUND_LOCK, None)))
    def lock(self, who: int, whom: int, fen: int, then: Kind | None) -> None:
        payer, payee, preimage = self.payer(who), self.people[whom], secrets.token_bytes(32)
        terms = LockTerms(
            1, payer.address, payee.address, fen, int(Condition.HASH), Hash(sm3(preimage)), 0, (),
            0, self.city.now_ms + 30 * HOUR, bytes(16),
        )  # fmt: skip
        coins = self.coins(payer, 2)
        address = lock_address(sm3, terms)
        change = sum(value for _, value in coins) - fen
        outputs = [(address, fen), *([(payer.address, change)] if change > 0 else [])]
        tx = replace(
            self.city.tx(Kind.LOCK, [coin for coin, _ in coins], *outputs), purpose="GOODS"
        )
        signed = self.city.signed(payer, tx)
        outcome = self.attempt(WitnessedTransaction(signed, Witness(terms=terms)))
        if isinstance(outcome, Receipt):
            self.terms[self.city.coin_of(outcome)] = (terms, preimage)
            if then is not None:
                self.unlock(len(self.terms) - 1, who, then, True, True)

    @precondition(lambda self: self.terms)
    @rule(index=st.integers(0, 50), who=WHO, kind=st.sampled_from((Kind.RELEASE, Kind.REFUND_LOCK)),
          knows=st.sampled_from((True, False)), agrees=st.sampled_from((True, False)))  # fmt: skip
    def unlock(self, index: int, who: int, kind: Kind, knows: bool, agrees: bool) -> None:
        coin = list(self.terms)[index % len(self.terms)]
        terms, preimage = self.terms[coin]
        fair = terms.payee if kind is Kind.RELEASE else terms.payer
        taker = next((p for p in self.people if p.address == fair), self.people[who])
        payee = next((p for p in self.people if p.address == terms.payee), self.people[who])
        tx = self.city.tx(kind, [coin], (taker.address, terms.amount_fen))
        log = self.city.money.center.log_id
        approvals: tuple[Approval, ...] = (approve(payee, log, tx),) if agrees else ()
        witness = Witness(preimage=preimage if knows else b"", approvals=approvals)
        self.attempt(WitnessedTransaction(self.city.signed(taker, tx), witness))

    @precondition(lambda self: self.paid)
    @rule(index=st.integers(0, 50), fen=FEN)
    def reverse(self, index: int, fen: int) -> None:
        coin, payer = self.paid[index % len(self.paid)]
        stored = self.city.money.center.coin(coin)
        assert stored is not None
        payee = next(p for p in self.people if p.address == stored.owner)
        coins = self.coins(payee, 2)
        change = sum(value for _, value in coins) - fen
        tx = self.city.tx(Kind.REVERSE, [c for c, _ in coins], (payer, fen))
        outputs = [replace(tx.outputs[0], reference=coin)]
        if change > 0:
            extra = self.city.tx(Kind.REVERSE, [], (payee.address, change))
            outputs += extra.outputs
        self.attempt(self.city.signed(payee, replace(tx, outputs=tuple(outputs))))

    @rule(who=WHO, whom=WHO, by_court=st.sampled_from((True, False)),
          then=st.sampled_from((Kind.UNFREEZE, Kind.COURT_TRANSFER, None)))  # fmt: skip
    def freeze(self, who: int, whom: int, by_court: bool, then: Kind | None) -> None:
        coins = [coin for coin, _ in self.coins(self.payer(who), 1)]
        outcome = self.order(Kind.FREEZE, coins, by_court)
        if isinstance(outcome, Receipt) and then is not None:
            self.decide(then, whom, by_court)

    @rule(
        kind=st.sampled_from((Kind.UNFREEZE, Kind.COURT_TRANSFER)),
        whom=WHO,
        by_court=st.sampled_from((True, False)),
    )
    def decide(self, kind: Kind, whom: int, by_court: bool) -> None:
        frozen = [c for c in self.stored() if c.state == CoinState.FROZEN][:1]
        to = [(self.people[whom].address, coin.value_fen) for coin in frozen]
        coins = [coin.coin_id for coin in frozen]
        self.order(kind, coins, by_court, *(to if kind is Kind.COURT_TRANSFER else []))

    def order(
        self, kind: Kind, coins: list[Hash], by_court: bool, *outputs: tuple[bytes, int]
    ) -> Any:
        tx = replace(self.city.tx(kind, coins, *outputs), purpose="2026-7")
        return self.attempt(self.city.signed(self.court if by_court else self.city.aml, tx))

    # ---- offline money, institutions, the center itself ------------------------------------------

    @rule(whom=WHO, fen=FEN, counter=st.integers(0, 3))
    def voucher(self, whom: int, fen: int, counter: int) -> None:
        """An honest chain of vouchers would never repeat a counter: this device is broken."""
        before = [v for v in self.vouchers if v.counter == counter - 1]
        previous = digest_of(before[-1]) if before else ZERO_HASH
        center = self.city.money.center
        made = Voucher(
            1, center.log_id, self.device.address, self.people[whom].address, fen, counter,
            previous, self.city.now_ms,
        )  # fmt: skip
        self.vouchers.append(made)
        self.settle(len(self.vouchers) - 1)

    @precondition(lambda self: self.vouchers)
    @rule(index=st.integers(0, 50))
    def settle(self, index: int) -> None:
        made = self.vouchers[index % len(self.vouchers)]
        signature = Sig(self.device.signer.sign(digest_of(made)))
        signed = SignedVoucher(made, self.device.public_key, signature)
        self.attempt(self.city.instruction(self.city.other, SettleQuery(encode(signed))))

    @rule(who=WHO, whom=WHO, fen=FEN, pools=st.tuples(st.integers(0, 1), st.integers(0, 1)))
    def book(self, who: int, whom: int, fen: int, pools: tuple[int, int]) -> None:
        source, target = (self.pools[index].address for index in pools)
        query = BookQuery(source, target, self.people[whom].address, fen)
        self.attempt(self.city.instruction(self.people[who], query))

    @rule(who=WHO, fen=FEN, pool=st.integers(0, 1))
    def withdraw(self, who: int, fen: int, pool: int) -> None:
        query = WithdrawQuery(self.pools[pool].address, fen)
        self.attempt(self.city.instruction(self.people[who], query))

    @rule()
    def net(self) -> None:
        self.attempt(self.city.instruction(self.city.root, NetQuery(0)))

    @rule(pool=st.integers(0, 1))
    def state(self, pool: int) -> None:
        query = StatementQuery(day_of(self.city.now_ms))
        self.attempt(self.city.instruction(self.pools[pool], query))

    @rule(index=WHO)
    def look_up(self, index: int) -> None:
        query = IdentifyQuery(self.people[index].address, "2026-9")
        keys = (self.court.public_key, self.city.aml.public_key)
        self.attempt(Identification(query, keys, Hash(secrets.token_bytes(32))))
        self.attempt(self.city.instruction(self.city.aml, ScreenQuery(("x",), True)))

    @rule(fen=FEN)
    def place(self, fen: int) -> None:
        self.attempt(placement("NB", self.second_bank.public_key, fen))

    @rule()
    def rotate(self) -> None:
        serial = len(self.city.money.center.chains) - 1
        self.attempt(self.city.instruction(self.city.root, RotateQuery(serial)))

    @rule(is_mine=st.booleans())
    def hook(self, is_mine: bool) -> None:
        by = self.city.bank if is_mine else self.city.other
        query = HookQuery("https://bank.example/", ("payment.final",))
        self.attempt(self.city.instruction(by, query))

    @rule(count=st.integers(0, 3))
    def tell(self, count: int) -> None:
        center = self.city.money.center
        for known in center.ledger.books.hooks.known:
            leaves = waiting(center.store, known, center.latest.head.tree_size, count)
            self.attempt(Told(known, tuple(leaves)))
            kept = sum(1 for _ in center.store.items(b"J" + known))
            assert center.ledger.books.hooks.pending[known] == kept

    @rule(with_map=st.booleans())
    def refresh(self, with_map: bool) -> None:
        self.attempt(Refresh(with_map))

    @rule(hours=st.sampled_from((1, 25)))
    def wait(self, hours: int) -> None:
        self.city.now_ms += hours * HOUR

    @rule()
    def restart(self) -> None:
        center = self.city.money.center
        center.close()
        self.city.money.center = Center.open(self.folder / "center", lambda: self.city.now_ms)
        assert self.city.money.center.totals == center.totals

    # ---- counting --------------------------------------------------------------------------------

    def stored(self) -> list[Coin]:
        return [decode(Coin, data) for _, data in self.city.money.center.store.items(b"c")]

    @invariant()
    def money_is_neither_made_nor_lost(self) -> None:
        if not hasattr(self, "city"):
            return
        center = self.city.money.center
        totals, coins = center.totals, self.stored()
        live = [coin for coin in coins if coin.state != CoinState.SPENT]
        held = sum(coin.value_fen for coin in live)
        assert (
            held == totals.issued_fen - totals.destroyed_fen == totals.vault_fen + totals.public_fen
        )
        assert totals.funded_fen == totals.reserve_fen + held
        vaults = {self.city.bank.address, self.second_bank.address}
        assert totals.vault_fen == sum(c.value_fen for c in live if c.owner in vaults)
        for pool in self.pools:
            owed = sum(
                int.from_bytes(fen, "big")
                for prefix in (b"B", b"U")
                for _, fen in center.store.items(prefix + pool.address)
            )
            assert owed <= sum(c.value_fen for c in live if c.owner == pool.address)

    def teardown(self) -> None:
        if hasattr(self, "city"):
            self.attempt(Refresh(with_map=True))
            assert not self.city.money.center.ledger.books.unspent.is_behind
            audit(self.city.money.center)
            self.city.money.center.close()
            shutil.rmtree(self.folder)


def test_no_history_of_any_kind_makes_or_loses_a_fen() -> None:
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=10, stateful_step_count=30, deadline=None)
    )
