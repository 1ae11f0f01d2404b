"""Each template of conditional payment, played to its end with real locks and releases, and what it refuses."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from consensus.encoding import Hash, encode
from consensus.payment import CoinOutput, CoinPoint, CoinTransaction, Kind, coin_id
from consensus.payment_lock import (
    LOCK_VERSION,
    Condition,
    LockTerms,
    Witness,
    WitnessedTransaction,
    lock_address,
)
from contracts.bundles import load_bundle
from contracts.rules.conditional_templates import TEMPLATES
from deploy.regcenter.client import Wallet, approve, sign_transaction
from deploy.regcenter.hashing import sm3
from deploy.regcenter.operations import Refresh
from node.oracle.committee import fact_report
from tests.unit.oracle.committee_world import Committee, committee_chain
from tests.unit.suite.center_world import Chain, Money

DAY_MS = 86_400_000
MEMBERS = ("buyer", "seller", "insurer", "hospital", "worker", "builder", "arbiter")


class Deal:
    """One agreement on one channel with one center."""

    def __init__(self, directory: Path, chain: Chain) -> None:
        self.chain = chain
        chain.engine.load(load_bundle("conditional"))
        self.money = Money(directory, lambda: chain.now_ms)
        chain.ok("PBC", "dcep", "register_log", "regulator", root_key=self.money.center.root_key)
        self.wallets = {member: Wallet.generate() for member in MEMBERS}
        for member, wallet in self.wallets.items():
            chain.bind(member, wallet)
        self.ends_ms = chain.now_ms + 30 * DAY_MS
        self.terms: dict[int, LockTerms] = {}
        self.coins: dict[int, Hash] = {}

    def call(self, member: str, method: str, code: str = "", **args: Any) -> Any:
        args = {"agreement_id": "A-1", **args}
        if code:
            return self.chain.refused(code, member, "conditional", method, "maker", **args)
        return self.chain.ok(member, "conditional", method, "maker", **args)

    def agree(self, template: str, *parts: tuple[str, str, int], **changes: Any) -> None:
        self.parts = parts
        args = {
            "template": template, "payers": [p[0] for p in parts], "payees": [p[1] for p in parts],
            "amounts": [p[2] for p in parts], "arbiter": "arbiter", "ends_ms": self.ends_ms,
            "salt": bytes(16), "fact": [], **changes,
        }  # fmt: skip
        self.references = self.call(parts[0][0], "agree", **args)

    def anchor(self) -> int:
        log_id = self.money.center.log_id
        size: int = self.chain.ok("PBC", "dcep", "anchor", log_id=log_id)
        return size

    def proof(self, member: str, txid: Hash) -> bytes:
        self.money.process(Refresh())
        return encode(self.money.proof(self.wallets[member], txid, 0, self.anchor()))

    def fund(self, number: int, code: str = "", **changes: Any) -> None:
        payer, payee, amount = self.parts[number - 1]
        arbiters = (self.wallets["arbiter"].address,)
        terms = LockTerms(
            LOCK_VERSION, self.wallets[payer].address, self.wallets[payee].address, amount,
            int(Condition.MILESTONE), Hash(bytes(32)), 0, arbiters, 1, self.ends_ms, secrets.token_bytes(16),
        )  # fmt: skip
        for name, value in changes.items():
            object.__setattr__(terms, name, value)
        coin = self.money.fund(self.wallets[payer], amount)
        output = CoinOutput(amount, lock_address(sm3, terms), Hash(self.references[number - 1]))
        signed = self.signed(Kind.LOCK, self.wallets[payer], coin, (output,))
        txid = self.money.process(WitnessedTransaction(signed, Witness(terms=terms))).txid
        args = {"number": number, "proof": self.proof(payer, txid), "terms": encode(terms)}
        self.call("seller", "fund", code, **args)
        self.terms[number] = terms
        self.coins[number] = coin_id(sm3, CoinPoint(txid, 0))

    def signed(
        self, kind: Kind, wallet: Wallet, coin: Hash, outputs: tuple[CoinOutput, ...]
    ) -> Any:
        tx = CoinTransaction(
            1, int(kind), "CNY", (coin,), outputs, "", self.chain.now_ms, bytes(16)
        )
        return sign_transaction(wallet, self.money.center.log_id, tx)

    def release(self, number: int, code: str = "") -> None:
        """The arbiter signs what stands as RELEASABLE; the payee takes it, a rest stays under the terms."""
        _, payee, amount = self.parts[number - 1]
        found = self.chain.ok("PBC", "conditional", "get", "regulator", agreement_id="A-1")
        part = found["parts"][number - 1]
        assert part["state"] == "RELEASABLE" or code
        take = part["released_fen"] or amount
        reference = Hash(self.references[number - 1])
        outputs = [CoinOutput(take, self.wallets[payee].address, reference)]
        if take < amount:
            rest = lock_address(sm3, self.terms[number])
            outputs.append(CoinOutput(amount - take, rest, Hash(bytes(32))))
        signed = self.signed(Kind.RELEASE, self.wallets[payee], self.coins[number], tuple(outputs))
        approval = approve(self.wallets["arbiter"], self.money.center.log_id, signed.tx)
        witness = Witness(approvals=(approval,))
        txid = self.money.process(WitnessedTransaction(signed, witness)).txid
        self.call("seller", "record_release", code, number=number, proof=self.proof(payee, txid))

    def states(self) -> list[str]:
        found = self.chain.ok("PBC", "conditional", "get", "regulator", agreement_id="A-1")
        return [part["state"] for part in found["parts"]]

    def balance(self, member: str) -> int:
        address = self.wallets[member].address
        coins = self.money.center.unspent(address, Hash(bytes(32)), 200)
        return sum(value for _, value in coins)


@pytest.fixture
def deal(tmp_path: Path) -> Deal:
    return Deal(tmp_path / "center", committee_chain())


async def test_goods_arrival_pays_when_customs_has_released_the_goods(deal: Deal) -> None:
    committee = Committee(deal.chain)
    committee.configure()
    committee.define("customs", "fact")
    fact = ["customs", "530120260001234567", "CLEARED"]
    deal.agree("goods-arrival", ("buyer", "seller", 1_000_000), fact=fact)
    deal.call("seller", "confirm", "E_HOLD", number=1, amount_fen=1_000_000)
    deal.fund(1)
    for round_, value in ((1, "HELD"), (2, "CLEARED")):
        committee.values = [value] * 7
        report = await fact_report(committee.oracles, fact[0], fact[1], (1, round_))
        deal.chain.ok("LG", "oracle", "report_fact", **report)
        code = "E_CONDITION" if value == "HELD" else ""
        deal.call("seller", "confirm", code, number=1, amount_fen=1_000_000)
    deal.release(1)
    assert (deal.states(), deal.balance("seller")) == (["PAID"], 1_000_000)


def test_prepaid_lessons_are_released_one_by_one_and_silence_of_three_days_agrees(
    deal: Deal,
) -> None:
    deal.agree("prepaid-lessons", *[("buyer", "seller", 20_000)] * 3)
    for number in (1, 2, 3):
        deal.fund(number)
    deal.call("seller", "claim", number=1)
    deal.call("seller", "confirm", "E_NOT_PARTY", number=1, amount_fen=20_000)
    deal.call("buyer", "confirm", number=1, amount_fen=20_000)
    deal.release(1)
    deal.call("seller", "claim", number=2)
    deal.call("seller", "pass_quietly", "E_TOO_EARLY", number=2)
    deal.chain.now_ms += 3 * DAY_MS
    deal.call("seller", "pass_quietly", number=2)
    deal.release(2)
    deal.call("buyer", "expire", "E_TOO_EARLY", number=3)
    deal.chain.now_ms = deal.ends_ms
    deal.call("buyer", "expire", number=3)
    assert deal.states() == ["PAID", "PAID", "EXPIRED"]
    refund = deal.signed(
        Kind.REFUND_LOCK, deal.wallets["buyer"], deal.coins[3],
        (CoinOutput(20_000, deal.wallets["buyer"].address, Hash(bytes(32))),),
    )  # fmt: skip
    deal.money.process(WitnessedTransaction(refund, Witness()))
    assert (deal.balance("seller"), deal.balance("buyer")) == (40_000, 20_000)


def test_of_a_deposit_the_host_takes_what_was_agreed_and_no_more(deal: Deal) -> None:
    deal.agree("deposit", ("buyer", "seller", 100_000))
    deal.fund(1)
    deal.call("buyer", "confirm", "E_AMOUNT", number=1, amount_fen=100_001)
    deal.call("buyer", "confirm", number=1, amount_fen=30_000)
    deal.release(1)
    assert (deal.states(), deal.balance("seller")) == (["PAID"], 30_000)


def test_a_co_payment_moves_when_every_share_is_put_up(deal: Deal) -> None:
    deal.agree("co-payment", ("buyer", "hospital", 30_000), ("insurer", "hospital", 70_000))
    deal.fund(1)
    deal.call("arbiter", "confirm", "E_CONDITION", number=1, amount_fen=30_000)
    deal.fund(2)
    for number, amount in ((1, 30_000), (2, 70_000)):
        deal.call("buyer", "confirm", "E_NOT_PARTY", number=number, amount_fen=amount)
        deal.call("arbiter", "confirm", number=number, amount_fen=amount)
        deal.release(number)
    assert (deal.states(), deal.balance("hospital")) == (["PAID", "PAID"], 100_000)


def test_an_escrow_that_is_disputed_is_decided_by_the_arbiter(deal: Deal) -> None:
    deal.agree("escrow", ("buyer", "seller", 50_000))
    deal.fund(1)
    deal.call("seller", "claim", number=1)
    deal.call("seller", "dispute", "E_NOT_PARTY", number=1)
    deal.call("buyer", "dispute", number=1)
    deal.chain.now_ms += 7 * DAY_MS
    deal.call("seller", "pass_quietly", "E_STATE", number=1)
    deal.call("buyer", "decide", "E_NOT_PARTY", number=1, amount_fen=50_000)
    deal.call("arbiter", "decide", number=1, amount_fen=50_000)
    deal.release(1)
    assert (deal.states(), deal.balance("seller")) == (["PAID"], 50_000)


def test_a_milestone_pays_the_wages_before_the_contractor(deal: Deal) -> None:
    deal.agree("milestone-wage-split", ("buyer", "worker", 40_000), ("buyer", "builder", 160_000))
    deal.fund(1)
    deal.fund(2)
    deal.call("arbiter", "confirm", "E_CONDITION", number=2, amount_fen=160_000)
    deal.call("arbiter", "confirm", number=1, amount_fen=40_000)
    deal.call("arbiter", "confirm", "E_CONDITION", number=2, amount_fen=160_000)
    deal.release(1)
    deal.call("arbiter", "confirm", number=2, amount_fen=160_000)
    deal.release(2)
    assert (deal.balance("worker"), deal.balance("builder")) == (40_000, 160_000)


def test_every_template_is_named_and_played_here(deal: Deal) -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for row in deal.chain.ok("LG", "conditional", "templates"):
        assert f'"{row["name"]}"' in source
    assert len(TEMPLATES) == 6


def test_money_under_other_terms_funds_nothing(deal: Deal) -> None:
    deal.agree("escrow", ("buyer", "seller", 50_000))
    deal.fund(1, "E_LOCK_TERMS", arbiters=(deal.wallets["buyer"].address,))
    deal.fund(1, "E_LOCK_TERMS", expires_ms=deal.ends_ms - 1)
    deal.fund(1, "E_PROOF_PAYEE", payee=deal.wallets["builder"].address)
    deal.fund(1)
    deal.fund(1, "E_STATE")


def test_an_agreement_that_makes_no_sense_is_refused(deal: Deal) -> None:
    part = ("buyer", "seller", 50_000)
    good = {
        "template": "escrow", "payers": ["buyer"], "payees": ["seller"], "amounts": [50_000],
        "arbiter": "arbiter", "ends_ms": deal.ends_ms, "salt": bytes(16), "fact": [],
    }  # fmt: skip
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("E_CODE", {"template": "lottery"}),
        ("E_AMOUNT", {"amounts": [0]}),
        ("E_AMOUNT", {"amounts": [1, 2]}),
        ("E_SELF", {"payees": ["buyer"]}),
        ("E_SELF", {"arbiter": "seller"}),
        ("E_NOT_PARTY", {"payers": ["insurer"]}),
        ("E_DATE", {"ends_ms": deal.chain.now_ms}),
        ("E_CODE", {"fact": ["a", "b", "c"]}),
        ("E_CODE", {"template": "goods-arrival"}),
        ("E_SALT", {"salt": bytes(15)}),
        ("E_WALLET", {"payees": ["stranger"]}),
    ]
    for code, change in wrong:
        deal.call("buyer", "agree", code, **{**good, **change})
    deal.agree("escrow", part)
    deal.call("buyer", "agree", "E_DUPLICATE", **good)
    deal.chain.refused("E_NOT_PARTY", "worker", "conditional", "get", agreement_id="A-1")
    deal.chain.refused("E_NOT_FOUND", "buyer", "conditional", "get", agreement_id="A-2")
