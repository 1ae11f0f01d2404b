"""Conditional coins, reversals and orders: every refusal, every way out, conservation over random histories."""

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

from consensus.center_request import AuthorityQuery
from consensus.encoding import ZERO_HASH, Hash, decode
from consensus.payment import (
    Coin,
    CoinOutput,
    CoinPoint,
    CoinState,
    CoinTransaction,
    Kind,
    coin_id,
    parse_field,
)
from consensus.payment_lock import (
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
from deploy.regcenter.operations import Appointment
from deploy.regcenter.rules import Tier
from tests.unit.regcenter.test_center import Bench, refused
from tests.unit.suite.center_world import NOW, placement

SECRET = bytes(range(32))
HOUR = 3_600_000


class Court(Bench):
    """The bench with two arbiters, a court and an AML authority."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.arbiters = [Wallet.generate(), Wallet.generate()]
        self.court, self.aml, self.foreign = (Wallet.generate() for _ in range(3))
        for name, role, key in (
            ("Shenzhen court", "court", self.court),
            ("AML center", "aml", self.aml),
            ("Guangzhou court", "court", self.foreign),
        ):
            self.money.process(Appointment(AuthorityQuery(name, role, key.public_key)))

    def terms(self, condition: Condition = Condition.HASH, **changes: Any) -> LockTerms:
        by_arbiters = condition in (Condition.MULTISIG, Condition.MILESTONE)
        values: dict[str, Any] = {
            "version": 1,
            "payer": self.wallet.address,
            "payee": self.other.address,
            "amount_fen": 600,
            "condition": int(condition),
            "program_hash": sm3(SECRET) if condition is Condition.HASH else ZERO_HASH,
            "after_ms": NOW + HOUR if condition is Condition.TIME else 0,
            "arbiters": tuple(a.address for a in self.arbiters) if by_arbiters else (),
            "threshold": 2 if by_arbiters else 0,
            "expires_ms": NOW + 2 * HOUR,
            "salt": secrets.token_bytes(16),
        }
        return LockTerms(**{**values, **changes})

    def lock_with(self, terms: LockTerms) -> WitnessedTransaction:
        tx = self.tx(Kind.LOCK, [self.coin], (lock_address(sm3, terms), 600))
        return WitnessedTransaction(self.signed(self.wallet, tx), Witness(terms))

    def lock(self, condition: Condition = Condition.HASH, **changes: Any) -> Hash:
        made = self.money.process(self.lock_with(self.terms(condition, **changes)))
        return coin_id(sm3, CoinPoint(made.txid, 0))

    def open(
        self,
        kind: Kind,
        signer: Wallet,
        tx: CoinTransaction,
        preimage: bytes = b"",
        *agreeing: Wallet,
    ) -> WitnessedTransaction:
        tx = replace(tx, kind=int(kind))
        approvals = tuple(approve(a, self.money.center.log_id, tx) for a in agreeing)
        return WitnessedTransaction(
            self.signed(signer, tx), Witness(preimage=preimage, approvals=approvals)
        )

    def release(
        self, locked: Hash, preimage: bytes = b"", *agreeing: Wallet, by: Wallet | None = None
    ) -> WitnessedTransaction:
        tx = self.tx(Kind.RELEASE, [locked], (self.other.address, 600))
        return self.open(Kind.RELEASE, by or self.other, tx, preimage, *agreeing)

    def refund(
        self, locked: Hash, *agreeing: Wallet, by: Wallet | None = None
    ) -> WitnessedTransaction:
        tx = self.tx(Kind.REFUND_LOCK, [locked], (self.wallet.address, 600))
        return self.open(Kind.REFUND_LOCK, by or self.wallet, tx, b"", *agreeing)

    def order(
        self, kind: Kind, by: Wallet, coin: Hash, order: str = "2026-1", *outputs: Any
    ) -> Any:
        return self.signed(by, replace(self.tx(kind, [coin], *outputs), purpose=order))

    def stored(self, coin: Hash) -> Coin:
        data = self.money.center.store.get(b"c" + coin)
        assert data is not None
        return decode(Coin, data)

    def state(self, coin: Hash) -> int:
        return self.stored(coin).state

    def owner(self, coin: Hash) -> Hash:
        return self.stored(coin).owner

    def forged(self, coin: Hash) -> WitnessedTransaction:
        """The approvals are those of another transaction."""
        good, other = (self.release(coin, b"", *self.arbiters) for _ in range(2))
        return replace(good, witness=other.witness)


@pytest.fixture
def court(tmp_path: Path) -> Court:
    return Court(tmp_path / "center")


# ---- locks ---------------------------------------------------------------------------------------

OPENERS: dict[Condition, Callable[[Court, Hash], WitnessedTransaction]] = {
    Condition.HASH: lambda c, coin: c.release(coin, SECRET),
    Condition.TIME: lambda c, coin: c.release(coin),
    Condition.MULTISIG: lambda c, coin: c.release(coin, b"", *c.arbiters),
    Condition.MILESTONE: lambda c, coin: c.release(coin, b"", *c.arbiters),
}


@pytest.mark.parametrize("condition", OPENERS)
def test_a_met_condition_pays_the_payee_once(court: Court, condition: Condition) -> None:
    locked = court.lock(condition)
    assert court.money.center.ledger.books.held.locked_fen == 600
    court.now_ms += HOUR
    paid = court.money.process(OPENERS[condition](court, locked))
    assert court.money.center.ledger.books.held.locked_fen == 0
    assert court.money.center.unspent(court.other.address, ZERO_HASH, 10)[0][1] == 600
    refused(court, "RC_DOUBLE_SPEND", OPENERS[condition](court, locked))
    court.now_ms += HOUR
    refused(court, "RC_DOUBLE_SPEND", court.refund(locked))
    proof = court.money.proof(court.wallet, paid.txid)
    opened = {d.name: parse_field(d.name, d.value) for d in proof.disclosures}
    assert (opened["kind"], opened["payer"], opened["payee"]) == (
        "RELEASE", court.wallet.address, court.other.address,
    )  # fmt: skip
    audit(court.money.center)


@pytest.mark.parametrize("condition", OPENERS)
def test_an_expired_lock_goes_back_and_only_back(court: Court, condition: Condition) -> None:
    locked = court.lock(condition)
    court.now_ms = NOW + 2 * HOUR - 1
    refused(court, "RC_NOT_EXPIRED", court.refund(locked))
    court.now_ms += 1
    refused(court, "RC_EXPIRED", OPENERS[condition](court, locked))
    court.money.process(court.refund(locked))
    assert court.money.center.unspent(court.wallet.address, ZERO_HASH, 10)[0][1] == 600
    audit(court.money.center)


def test_the_payee_may_agree_to_an_early_refund(court: Court) -> None:
    locked = court.lock()
    refused(court, "RC_NOT_EXPIRED", court.refund(locked, court.arbiters[0]))
    court.money.process(court.refund(locked, court.other))
    assert court.state(locked) == CoinState.SPENT


def test_milestones_leave_the_rest_under_the_same_terms(court: Court) -> None:
    terms = court.terms(Condition.MILESTONE)
    made = court.money.process(court.lock_with(terms))
    locked = coin_id(sm3, CoinPoint(made.txid, 0))
    outputs = ((court.other.address, 200), (lock_address(sm3, terms), 400))
    tx = court.tx(Kind.RELEASE, [locked], *outputs)
    first = court.money.process(court.open(Kind.RELEASE, court.other, tx, b"", *court.arbiters))
    rest = coin_id(sm3, CoinPoint(first.txid, 1))
    assert court.state(rest) == CoinState.LOCKED
    assert court.money.center.ledger.books.held.locked_fen == 400
    court.now_ms += 2 * HOUR
    tx = court.tx(Kind.REFUND_LOCK, [rest], (court.wallet.address, 400))
    court.money.process(court.open(Kind.REFUND_LOCK, court.wallet, tx))
    audit(court.money.center)


Make = Callable[[Court, Hash], Any]
RELEASE_MUTANTS: list[tuple[str, str, Condition, Make]] = [
    ("a wrong preimage", "RC_CONDITION", Condition.HASH, lambda c, k: c.release(k, bytes(32))),
    ("a long preimage", "RC_CONDITION", Condition.HASH, lambda c, k: c.release(k, SECRET + b"x")),
    ("no preimage", "RC_CONDITION", Condition.HASH, lambda c, k: c.release(k)),
    ("before its time", "RC_CONDITION", Condition.TIME, lambda c, k: c.release(k)),
    ("one arbiter of two", "RC_CONDITION", Condition.MULTISIG,
     lambda c, k: c.release(k, b"", c.arbiters[0])),
    ("one arbiter twice", "RC_CONDITION", Condition.MULTISIG,
     lambda c, k: c.release(k, b"", c.arbiters[0], c.arbiters[0])),
    ("strangers as arbiters", "RC_CONDITION", Condition.MULTISIG,
     lambda c, k: c.release(k, b"", c.court, c.aml)),
    ("the payer takes it", "RC_OWNER", Condition.HASH, lambda c, k: c.release(k, SECRET, by=c.wallet)),
    ("an early refund", "RC_NOT_EXPIRED", Condition.HASH, lambda c, k: c.refund(k)),
    ("a stranger's refund", "RC_OWNER", Condition.HASH, lambda c, k: c.refund(k, by=c.court)),
    ("to a stranger", "RC_OWNER", Condition.HASH, lambda c, k: c.open(
        Kind.RELEASE, c.other, c.tx(Kind.RELEASE, [k], (c.court.address, 600)), SECRET)),
    ("one fen too much", "RC_OVERSPEND", Condition.HASH, lambda c, k: c.open(
        Kind.RELEASE, c.other, c.tx(Kind.RELEASE, [k], (c.other.address, 601)), SECRET)),
    ("one fen lost", "RC_UNBALANCED", Condition.HASH, lambda c, k: c.open(
        Kind.RELEASE, c.other, c.tx(Kind.RELEASE, [k], (c.other.address, 599)), SECRET)),
    ("as a transfer by the payer", "RC_LOCKED", Condition.HASH,
     lambda c, k: c.signed(c.wallet, c.tx(Kind.TRANSFER, [k], (c.other.address, 600)))),
    ("as a redemption by the payee", "RC_LOCKED", Condition.HASH,
     lambda c, k: c.signed(c.other, c.tx(Kind.REDEEM, [k], (c.bank.address, 600)))),
    ("a rest where no milestones are", "RC_CONDITION", Condition.MULTISIG, lambda c, k: c.open(
        Kind.RELEASE, c.other,
        c.tx(Kind.RELEASE, [k], (c.other.address, 1), (c.owner(k), 599)), b"", *c.arbiters)),
    ("a milestone that pays nothing", "RC_CONDITION", Condition.MILESTONE, lambda c, k: c.open(
        Kind.RELEASE, c.other, c.tx(Kind.RELEASE, [k], (c.owner(k), 600)), b"", *c.arbiters)),
    ("money of others under the same terms", "RC_TERMS", Condition.HASH,
     lambda c, k: c.signed(c.bank, c.tx(Kind.EXCHANGE, [c.vault_coin], (c.owner(k), 1_000)))),
    ("a forged approval", "RC_SIGNATURE", Condition.MULTISIG, lambda c, k: c.forged(k)),
]  # fmt: skip


@pytest.mark.parametrize(
    "why,code,condition,make", RELEASE_MUTANTS, ids=[m[0] for m in RELEASE_MUTANTS]
)
def test_a_lock_that_is_opened_wrongly_stays_shut(
    court: Court, why: str, code: str, condition: Condition, make: Make
) -> None:
    refused(court, code, make(court, court.lock(condition)))


TERMS_MUTANTS: list[tuple[str, str, Callable[[Court], LockTerms]]] = [
    ("unknown version", "RC_TERMS", lambda c: c.terms(version=2)),
    ("a proof at the center", "RC_TERMS", lambda c: c.terms(condition=int(Condition.PROOF))),
    ("no condition", "RC_TERMS", lambda c: c.terms(condition=0)),
    ("payer is payee", "RC_TERMS", lambda c: c.terms(payee=c.wallet.address)),
    ("another payer", "RC_TERMS", lambda c: c.terms(payer=c.court.address)),
    ("another amount", "RC_TERMS", lambda c: c.terms(amount_fen=599)),
    ("expired", "RC_TERMS", lambda c: c.terms(expires_ms=NOW)),
    ("for ever", "RC_TERMS", lambda c: c.terms(expires_ms=1 << 63)),
    ("no hash", "RC_TERMS", lambda c: c.terms(program_hash=ZERO_HASH)),
    ("a time with a hash", "RC_TERMS", lambda c: c.terms(after_ms=NOW)),
    ("no time", "RC_TERMS", lambda c: c.terms(Condition.TIME, after_ms=0)),
    ("a time after the expiry", "RC_TERMS", lambda c: c.terms(Condition.TIME, after_ms=NOW + 2 * HOUR)),
    ("no arbiters", "RC_TERMS", lambda c: c.terms(Condition.MULTISIG, arbiters=())),
    ("one arbiter twice", "RC_TERMS",
     lambda c: c.terms(Condition.MULTISIG, arbiters=(c.court.address,) * 2)),
    ("threshold above", "RC_TERMS", lambda c: c.terms(Condition.MULTISIG, threshold=3)),
    ("threshold zero", "RC_TERMS", lambda c: c.terms(Condition.MULTISIG, threshold=0)),
    ("arbiters beside a hash", "RC_TERMS", lambda c: c.terms(arbiters=(c.court.address,))),
    ("into a vault", "RC_TIER", lambda c: c.terms(payee=c.bank.address)),
]  # fmt: skip


@pytest.mark.parametrize("why,code,make", TERMS_MUTANTS, ids=[m[0] for m in TERMS_MUTANTS])
def test_terms_that_do_not_hold_together_lock_nothing(
    court: Court, why: str, code: str, make: Callable[[Court], LockTerms]
) -> None:
    refused(court, code, court.lock_with(make(court)))


def test_a_lock_needs_its_terms_and_its_address(court: Court) -> None:
    good = court.lock_with(court.terms())
    refused(court, "RC_TERMS", good.signed)
    refused(court, "RC_TERMS", replace(good, witness=Witness(court.terms())))
    tx = court.tx(Kind.LOCK, [court.coin], (good.signed.tx.outputs[0].owner, 600))
    refused(court, "RC_OWNER", replace(good, signed=court.signed(court.other, tx)))
    vault = court.tx(Kind.LOCK, [court.vault_coin], (good.signed.tx.outputs[0].owner, 1_000))
    refused(court, "RC_TIER", replace(good, signed=court.signed(court.bank, vault)))
    plain = court.tx(Kind.RELEASE, [court.coin], (court.wallet.address, 600))
    refused(court, "RC_NOT_HELD", court.open(Kind.RELEASE, court.wallet, plain))


def test_the_payee_of_a_lock_can_become_no_vault(court: Court) -> None:
    """Or a release would carry money between the tiers."""
    locked = court.lock()
    refused(court, "RC_TIER", placement("NB", court.other.public_key, 1))
    court.money.process(court.release(locked, SECRET))


def test_both_sides_of_a_lock_can_prove_it_and_nobody_else(court: Court) -> None:
    made = court.money.process(court.lock_with(court.terms()))
    for party in (court.wallet, court.other):
        proof = court.money.proof(party, made.txid)
        assert proof.point.txid == made.txid
    with pytest.raises(CenterError) as refusal:
        court.money.proof(court.court, made.txid)
    assert refusal.value.code == "RC_UNAUTHORISED"


# ---- reversals -----------------------------------------------------------------------------------


def reverse(court: Court, fen: int, **changes: Any) -> Any:
    """The payee gives `fen` of the 600 back."""
    by, to = changes.get("by", court.other), changes.get("to", court.wallet)
    coin, value = court.money.center.unspent(by.address, ZERO_HASH, 10)[0]
    outputs = [CoinOutput(fen, to.address, changes.get("paid", ZERO_HASH))]
    if value > fen:
        outputs.append(CoinOutput(value - fen, changes.get("rest", by).address, ZERO_HASH))
    tx = replace(court.tx(Kind.REVERSE, [coin]), outputs=tuple(outputs))
    return court.signed(by, tx)


def test_a_payment_is_given_back_in_parts_and_never_twice(court: Court) -> None:
    made = court.money.process(court.signed(court.wallet, court.transfer()))
    paid = coin_id(sm3, CoinPoint(made.txid, 0))
    back = court.money.process(reverse(court, 200, paid=paid))
    refused(court, "RC_REVERSAL", reverse(court, 400, paid=paid, to=court.court))
    refused(court, "RC_REVERSAL", reverse(court, 300, paid=paid, rest=court.court))
    refused(court, "RC_REVERSAL", reverse(court, 300, paid=court.vault_coin))
    refused(court, "RC_REVERSAL", reverse(court, 300))
    refused(court, "RC_REVERSAL", reverse(court, 100, paid=paid, by=court.wallet, to=court.other))
    court.money.process(reverse(court, 400, paid=paid))
    court.money.fund(court.other, 600)
    refused(court, "RC_REVERSAL", reverse(court, 1, paid=paid))
    opened = {d.name: parse_field(d.name, d.value)
              for d in court.money.proof(court.wallet, back.txid).disclosures}  # fmt: skip
    assert (opened["kind"], opened["amount_fen"], opened["ref_commit"]) == ("REVERSE", 200, paid)
    audit(court.money.center)


# ---- orders --------------------------------------------------------------------------------------


def test_a_frozen_coin_moves_nowhere_until_the_same_authority_lets_go(court: Court) -> None:
    court.money.process(court.order(Kind.FREEZE, court.aml, court.coin))
    assert court.money.center.ledger.books.held.frozen_fen == 600
    assert court.money.center.unspent(court.wallet.address, ZERO_HASH, 10) == []
    refused(court, "RC_FROZEN", court.signed(court.wallet, court.transfer()))
    refused(court, "RC_FROZEN", court.lock_with(court.terms()))
    refused(court, "RC_FROZEN", court.order(Kind.FREEZE, court.court, court.coin))
    refused(court, "RC_AUTHORITY", court.order(Kind.UNFREEZE, court.court, court.coin))
    refused(court, "RC_ORDER", court.order(Kind.UNFREEZE, court.aml, court.coin, "2026-2"))
    refused(court, "RC_AUTHORITY", court.order(Kind.UNFREEZE, court.wallet, court.coin))
    court.money.process(court.order(Kind.UNFREEZE, court.aml, court.coin))
    refused(court, "RC_NOT_HELD", court.order(Kind.UNFREEZE, court.aml, court.coin))
    court.money.process(court.signed(court.wallet, court.transfer()))
    audit(court.money.center)


def test_a_frozen_lock_is_a_lock_again_afterwards(court: Court) -> None:
    locked = court.lock()
    court.money.process(court.order(Kind.FREEZE, court.court, locked))
    held = court.money.center.ledger.books.held
    assert (held.locked_fen, held.frozen_fen) == (0, 600)
    refused(court, "RC_FROZEN", court.release(locked, SECRET))
    audit(court.money.center)
    court.money.process(court.order(Kind.UNFREEZE, court.court, locked))
    court.money.process(court.release(locked, SECRET))
    audit(court.money.center)


def test_only_authorities_freeze_and_only_with_an_order(court: Court) -> None:
    refused(court, "RC_AUTHORITY", court.order(Kind.FREEZE, court.other, court.coin))
    refused(court, "RC_AUTHORITY", court.order(Kind.FREEZE, court.bank, court.coin))
    refused(court, "RC_ORDER", court.order(Kind.FREEZE, court.court, court.coin, ""))
    refused(court, "RC_UNKNOWN_COIN", court.order(Kind.FREEZE, court.court, ZERO_HASH))
    two = replace(court.tx(Kind.FREEZE, [court.coin, court.vault_coin]), purpose="2026-1")
    refused(court, "RC_OWNER", court.signed(court.court, two))
    court.money.process(court.signed(court.wallet, court.transfer()))
    refused(court, "RC_DOUBLE_SPEND", court.order(Kind.FREEZE, court.court, court.coin))


def test_a_court_moves_what_it_froze_and_nothing_else(court: Court) -> None:
    to = (court.other.address, 600)
    refused(court, "RC_NOT_HELD",
            court.order(Kind.COURT_TRANSFER, court.court, court.coin, "2026-1", to))  # fmt: skip
    court.money.process(court.order(Kind.FREEZE, court.court, court.coin))
    for code, by, order, outputs in (
        ("RC_AUTHORITY", court.aml, "2026-1", [to]),
        ("RC_AUTHORITY", court.foreign, "2026-1", [to]),
        ("RC_AUTHORITY", court.wallet, "2026-1", [to]),
        ("RC_ORDER", court.court, "2026-2", [to]),
        ("RC_UNBALANCED", court.court, "2026-1", [(court.other.address, 599)]),
        ("RC_OVERSPEND", court.court, "2026-1", [(court.other.address, 601)]),
        ("RC_TIER", court.court, "2026-1", [(court.bank.address, 600)]),
    ):
        refused(court, code, court.order(Kind.COURT_TRANSFER, by, court.coin, order, *outputs))
    outputs = [(court.other.address, 400), (court.wallet.address, 200)]
    court.money.process(
        court.order(Kind.COURT_TRANSFER, court.court, court.coin, "2026-1", *outputs)
    )
    assert court.money.center.ledger.books.held.frozen_fen == 0
    audit(court.money.center)


def test_authorities_are_named_once_and_are_neither_banks_nor_wallets(court: Court) -> None:
    def named(name: str, role: str, wallet: Wallet) -> Appointment:
        return Appointment(AuthorityQuery(name, role, wallet.public_key))

    refused(court, "RC_AUTHORITY", named("Shenzhen court", "aml", court.court))
    refused(court, "RC_AUTHORITY", named("Shenzhen court", "court", court.arbiters[0]))
    refused(court, "RC_AUTHORITY", named("Nobody", "king", court.arbiters[0]))
    refused(court, "RC_TIER", named("Wallet", "court", court.wallet))
    refused(court, "RC_TIER", placement("NB", court.court.public_key, 1))


# ---- conservation over random histories ----------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "lock",
                "release",
                "refund",
                "freeze",
                "unfreeze",
                "seize",
                "transfer",
                "reverse",
                "wait",
            ]
        ),
        st.sampled_from(list(OPENERS)),
        st.integers(0, 5),
        st.integers(1, 700),
    ),
    min_size=4,
    max_size=24,
)


def any_coin(court: Court, which: int) -> Coin:
    coins = [decode(Coin, data) for _, data in court.money.center.store.items(b"c")]
    live = [coin for coin in coins if coin.state != CoinState.SPENT] or coins
    return live[which % len(live)]


def play(court: Court, step: tuple[str, Condition, int, int]) -> Any:
    """An operation for a step, right or wrong: the center decides."""
    what, condition, which, fen = step
    coin = any_coin(court, which)
    parties = {w.address: w for w in (court.wallet, court.other, court.bank)}
    owner = parties.get(coin.owner, court.wallet)
    rest = [(owner.address, coin.value_fen - fen)] if coin.value_fen > fen else []
    if what == "lock":
        terms = court.terms(condition, amount_fen=fen, payer=owner.address,
                            payee=court.other.address if owner is court.wallet else court.wallet.address,
                            after_ms=court.now_ms + 1 if condition is Condition.TIME else 0,
                            expires_ms=court.now_ms + HOUR)  # fmt: skip
        tx = court.tx(Kind.LOCK, [coin.coin_id], (lock_address(sm3, terms), fen), *rest)
        return WitnessedTransaction(court.signed(owner, tx), Witness(terms))
    if what in ("release", "refund"):
        terms = court.money.center.terms(coin.owner)
        payee = parties[terms.payee] if terms else court.other
        payer = parties[terms.payer] if terms else court.wallet
        kind, to = (Kind.RELEASE, payee) if what == "release" else (Kind.REFUND_LOCK, payer)
        tx = court.tx(kind, [coin.coin_id], (to.address, coin.value_fen))
        return court.open(kind, to, tx, SECRET, *court.arbiters)
    if what in ("freeze", "unfreeze"):
        return court.order(
            Kind.FREEZE if what == "freeze" else Kind.UNFREEZE, court.court, coin.coin_id
        )
    if what == "seize":
        to = (court.other.address, coin.value_fen)
        return court.order(Kind.COURT_TRANSFER, court.court, coin.coin_id, "2026-1", to)
    kind, to = Kind.TRANSFER, court.other if owner is court.wallet else court.wallet
    tx = court.tx(kind, [coin.coin_id], (to.address, fen), *rest)
    if what == "reverse":
        first = replace(tx.outputs[0], reference=coin.coin_id)
        tx = replace(tx, kind=int(Kind.REVERSE), outputs=(first, *tx.outputs[1:]))
    return court.signed(owner, tx)


@settings(max_examples=25, deadline=None)
@given(history=STEPS)
def test_no_history_of_locks_and_orders_makes_or_loses_a_fen(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, Condition, int, int]]
) -> None:
    directory = tmp_path_factory.mktemp("history")
    court = Court(directory)
    center = court.money.center
    for step in history:
        if step[0] == "wait":
            court.now_ms += step[3] * 10_000
            continue
        center.process([play(court, step)])
        counted: dict[Any, int] = {Tier.VAULT: 0, Tier.WALLET: 0}
        states = dict.fromkeys(CoinState, 0)
        for _, data in center.store.items(b"c"):
            coin = decode(Coin, data)
            states[CoinState(coin.state)] += coin.value_fen
            if coin.state != CoinState.SPENT:
                counted[center.tier_of(coin.owner)] += coin.value_fen
        totals, held = center.totals, center.ledger.books.held
        assert totals.conserved()
        assert (counted[Tier.VAULT], counted[Tier.WALLET]) == (totals.vault_fen, totals.public_fen)
        assert (states[CoinState.LOCKED], states[CoinState.FROZEN]) == (
            held.locked_fen,
            held.frozen_fen,
        )
    audit(center)
    center.close()
    reopened = Center.open(directory, lambda: court.now_ms)
    assert (reopened.totals, reopened.ledger.books.held) == (
        center.totals,
        center.ledger.books.held,
    )
    reopened.close()
    shutil.rmtree(directory)
