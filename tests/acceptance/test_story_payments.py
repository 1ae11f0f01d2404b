"""The story's steps 3, 5, 10 to 12, 13, 19 to 21 and 23 with its exact figures, in both modes of payment.

Mode P: the registration center's proofs, verified by the contract. Mode Q: an operator without proofs, asked by
seven oracles over its interface, of which five must say the same.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from consensus.encoding import Hash, Sig, encode
from consensus.fork import check_case
from consensus.oracle_report import OracleConfig
from consensus.payment import (
    CertifiedTreeHead,
    CoinPoint,
    ForkCase,
    ForkEvidence,
    Kind,
    SignedTreeHead,
    TreeHead,
    coin_id,
    tree_head_digest,
)
from deploy.operator.api import make_operator
from deploy.regcenter.client import Payment
from deploy.regcenter.hashing import sm3
from deploy.regcenter.operations import Refresh
from node.identity.suite import get_suite
from node.oracle.committee import Oracle, fact_payload, fact_report
from node.oracle.delivery import Delivery, End, Trade
from node.oracle.journal import Journal
from node.oracle.operator_api import OperatorReports, OperatorSource
from tests.unit.oracle.crash_world import CenterUnderTest, ChainUnderTest, Fault, balance
from tests.unit.suite.center_world import CHANNEL
from tests.unit.suite.test_story import finance_invoice
from tests.unit.suite.world import EC, HOUR_MS, World, at, digest, open_world

SUITE = get_suite("sm")
DECLARATION = "530120260001234567"
MODES = ("proof", "report")


class StoryWorld:
    """One world, one center, and either proofs or a committee that asks the operator."""

    def __init__(self, world: World, mode: str) -> None:
        self.world, self.mode = world, mode
        self.signers = [SUITE.signer(SUITE.generate_key()) for _ in range(7)]
        names = tuple(f"oracle-{i}" for i in range(7))
        keys = tuple(s.public_key for s in self.signers)
        self.config = OracleConfig(Hash(CHANNEL), 1, 2, names, keys, "QB")
        world.ok("pbc", "oracle.configure", names=list(names), keys=list(keys), f=2, custodian="QB")
        for feed, kind in (("customs", "fact"), ("payment", "payment")):
            world.ok("pbc", "oracle.define_feed", feed=feed, kind=kind, service=bytes(32),
                     max_age_ms=60_000)  # fmt: skip
        self.reports: OperatorReports | None = None

    @property
    def center(self) -> Any:
        assert self.world.money is not None
        return self.world.money.center

    async def last_round(self, topic: str) -> tuple[int, int]:
        epoch, round_ = self.world.ok("pbc", "oracle.last_round", topic=topic)
        return max(epoch, 1), round_ + 1

    def open_operator(self, session: aiohttp.ClientSession, url: str) -> None:
        """Mode Q: the seven ask the operator's interface; only their word counts from here on."""
        log_id = self.center.log_id
        self.world.ok("pbc", "dcep.allow_reports", log_id=log_id, allowed=True)
        oracles = [
            Oracle(i, signer, OperatorSource(session, url, log_id, lambda: self.world.now_ms),
                   self.config)
            for i, signer in enumerate(self.signers)
        ]  # fmt: skip
        self.reports = OperatorReports(oracles, log_id, self.last_round)

    async def evidence(self, member: str, txid: bytes, index: int = 0) -> bytes:
        """What this mode brings to a contract for one output of a payment."""
        assert self.world.money is not None
        self.center.process([Refresh()])
        if self.reports is not None:
            return await self.reports.payment_proof(txid, index)
        log_id = self.center.log_id
        anchor = self.world.ok("pbc", "dcep.anchor", log_id=log_id)
        proof = self.world.money.proof(self.world.wallets[member], Hash(txid), index, anchor)
        return encode(proof)

    async def pay(self, payer: str, *outputs: tuple[str, int, bytes]) -> bytes:
        """One TRANSFER with an output for each of (payee, fen, reference). Returns its id."""
        assert self.world.money is not None
        wallet = self.world.wallets[payer]
        coin = self.world.money.fund(wallet, sum(amount for _, amount, _ in outputs))
        payments = [Payment(self.world.wallets[to].address, fen, ref) for to, fen, ref in outputs]
        return bytes(self.world.money.send(Kind.TRANSFER, wallet, [coin], payments).txid)


@pytest.fixture(params=MODES)
async def story(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoryWorld]:
    world = open_world()
    world.open_center(tmp_path / "center")
    world.bind_wallets("hb")
    found = StoryWorld(world, request.param)
    if request.param == "report":
        async with TestServer(make_operator(found.center)) as server, \
                aiohttp.ClientSession() as session:  # fmt: skip
            found.open_operator(session, str(server.make_url("/")))
            yield found
    else:
        yield found
    found.center.close()


async def release_goods(story: StoryWorld) -> None:
    """Step 3: customs released the declaration; four oracles do not suffice."""
    world = story.world
    world.now_ms = at("2026-11-17")

    async def customs(topic: str) -> bytes:
        return fact_payload("CLEARED", world.now_ms)

    oracles = [Oracle(i, s, customs, story.config) for i, s in enumerate(story.signers)]
    report = await fact_report(oracles, "customs", DECLARATION, (1, 1))
    four = {**report, "signers": report["signers"][:4], "signatures": report["signatures"][:4]}
    world.refused("E_ORACLE_QUORUM", "lg", "oracle.report_fact", **four)
    world.ok("lg", "oracle.report_fact", **report)
    found = world.ok("px-maker", "oracle.fact", feed="customs", subject=DECLARATION)
    assert (found["status"], found["value"]) == ("ok", "CLEARED")


async def disburse_invoice(story: StoryWorld) -> str:
    """Steps 4 and 5: 960,000,000 fen at 3.20 % for 90 days."""
    world = story.world
    request_id, terms = finance_invoice(world)
    assert (terms["payout_fen"], terms["interest_fen"]) == (960_000_000, 7_680_000)
    txid = await story.pay("QB", ("PX", 960_000_000, terms["pay_reference"]))
    proof = await story.evidence("QB", txid)
    assert world.ok("lg", "financing.disburse", request_id=request_id, proof=proof) == "DISBURSED"
    assert world.events[-1] == "Fin.Disbursed"
    return request_id


class OperatorCenter(CenterUnderTest):
    """The center's port of a delivery, with evidence of the story's mode."""

    def __init__(self, story: StoryWorld, directory: Path) -> None:
        super().__init__(story.world, directory, Fault("nobody", "-", "-"))
        self.story = story

    async def proof(self, txid: bytes, anchor_size: int) -> bytes:
        return await self.story.evidence("QB", txid)


async def deliver_leaf(story: StoryWorld, directory: Path) -> tuple[str, bytes]:
    """Steps 10 and 11: discount 690,486, net 49,309,514; leaf and money change hands together."""
    world = story.world
    request_id, terms = world.to_cleared()
    assert (terms["days"], terms["interest_fen"], terms["payout_fen"]) == (163, 690_486, 49_309_514)
    assert world.money is not None
    coin = world.money.fund(world.wallets["QB"], 49_309_514)
    plan, preimage = Trade.draw_up(
        request_id, story.center.log_id, world.wallets["QB"].signer, world.wallets["XY"].signer,
        ((coin, 49_309_514),), 49_309_514, terms["pay_reference"], world.now_ms + 30 * HOUR_MS,
        world.now_ms,
    )  # fmt: skip
    chain = ChainUnderTest(world, Fault("nobody", "-", "-"))
    delivery = Delivery.begin(
        plan, preimage, Journal(directory / "dvp"), chain, OperatorCenter(story, directory)
    )
    assert await delivery.advance() is End.DELIVERED
    piece = world.piece(f"{EC}/2/1")
    assert (piece["holder"], piece["state"]) == ("QB", "ACTIVE")
    assert balance(story.center, world, "XY") == 49_309_514
    return request_id, encode(plan.release)


async def replay(story: StoryWorld, request_id: str) -> None:
    """Step 12: the payment of one leaf serves no other, and none twice."""
    world = story.world
    paid = story.center.unspent(world.wallets["XY"].address, Hash(bytes(32)), 200)
    txid = story.center.coin(paid[0][0]).point.txid
    proof = await story.evidence("XY", txid)
    world.refused("E_STATE", "qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    second = world.ok("hl", "financing.request_receivable", leaf_id=f"{EC}/2/2", purpose="wages",
                      consent=True)  # fmt: skip
    world.quote(second, principal_fen=150_000_000)
    world.accept_quote(second, who="hl")
    world.ok("qb-ops", "financing.duplicate_check", request_id=second,
             fingerprint=digest("keyed plastics"))  # fmt: skip
    world.refused("E_PROOF_REF", "qb-ops", "financing.disburse", request_id=second, proof=proof)
    world.now_ms += 6 * 24 * HOUR_MS
    world.ok("hl", "financing.timeout", request_id=second)


async def finance_first_supplier(story: StoryWorld) -> None:
    """Step 13: LG splits 250 + 150; discount 3,410,069, net 246,589,931."""
    world = story.world
    world.ok("lg", "receivable.split", leaf_id=f"{EC}/1", amounts=[250_000_000, 150_000_000])
    world.now_ms = at("2026-12-10")
    second = world.ok("lg", "financing.request_receivable", leaf_id=f"{EC}/1/1", purpose="wages",
                      consent=True)  # fmt: skip
    world.quote(second, principal_fen=250_000_000)
    terms = world.accept_quote(second, who="lg")
    assert (terms["days"], terms["interest_fen"], terms["payout_fen"]) == (
        161, 3_410_069, 246_589_931,
    )  # fmt: skip
    world.ok("qb-ops", "financing.duplicate_check", request_id=second,
             fingerprint=digest("keyed moulds"))  # fmt: skip
    txid = await story.pay("QB", ("LG", 246_589_931, terms["pay_reference"]))
    proof = await story.evidence("QB", txid)
    world.ok("qb-ops", "financing.disburse", request_id=second, proof=proof)


async def buyer_pays(story: StoryWorld, request_id: str) -> None:
    """Step 19: HB's 1,200,000,000 fen: 967,680,000 to QB, 232,320,000 to PX; the invoice is free again."""
    world = story.world
    world.now_ms = at("2027-02-16")
    owed = world.ok("px-maker", "financing.get", request_id=request_id)
    txid = await story.pay(
        "HB", ("QB", 967_680_000, owed["repay_reference"]), ("PX", 232_320_000, bytes(32))
    )
    proof = await story.evidence("HB", txid)
    assert world.ok("hb", "financing.repay", request_id=request_id, proof=proof) == "REPAID"
    assert "IR.Released" in world.events


LEAVES = (
    (f"{EC}/2/1", "QB", 50_000_000), (f"{EC}/1/1", "QB", 250_000_000),
    (f"{EC}/1/2", "LG", 150_000_000), (f"{EC}/2/2", "HL", 150_000_000),
)  # fmt: skip


def prepare(story: StoryWorld, leaf: str) -> dict[str, Any]:
    salt = secrets.token_bytes(16)
    return dict(story.world.ok("px-maker", "receivable.prepare_payment", leaf_id=leaf, salt=salt))


async def mature(story: StoryWorld) -> bytes:
    """Step 20: one payment of 600,000,000 fen with four outputs; the old holder's wallet pays nothing."""
    world = story.world
    world.now_ms = at("2027-05-20")
    outputs = []
    for leaf, holder, amount in LEAVES:
        world.ok("px-maker", "receivable.due", leaf_id=leaf)
        wanted = prepare(story, leaf)
        assert (wanted["payee"], wanted["amount_fen"]) == (holder, amount)
        outputs.append((holder, amount, wanted["reference"]))
    wrong = await story.pay("PX", ("XY", 50_000_000, outputs[0][2]))
    proof = await story.evidence("PX", wrong)
    world.refused("E_PROOF_PAYEE", "hb", "receivable.record_payment", leaf_id=LEAVES[0][0],
                  proof=proof)  # fmt: skip
    txid = await story.pay("PX", *outputs)
    for index, (leaf, _, _) in enumerate(LEAVES):
        proof = await story.evidence("PX", txid, index)
        assert world.ok("hb", "receivable.record_payment", leaf_id=leaf, proof=proof) == "PAID"
    assert world.ok("px-maker", "receivable.close", ec_id=EC) == "CLOSED"
    return txid


async def give_back(story: StoryWorld, txid: bytes) -> None:
    """Step 21: HL gives 1,000,000 fen back; that much is owed again, is paid again, and all is closed."""
    world, leaf = story.world, LEAVES[3][0]
    world.now_ms = at("2027-05-21")
    assert world.money is not None
    wallet = world.wallets["HL"]
    coin = world.money.fund(wallet, 1_000_000)
    reference = coin_id(sm3, CoinPoint(Hash(txid), 3))
    back = Payment(world.wallets["PX"].address, 1_000_000, reference)
    receipt = world.money.send(Kind.REVERSE, wallet, [coin], [back])
    proof = await story.evidence("HL", bytes(receipt.txid))
    owed = world.ok("lg", "receivable.on_reverse", leaf_id=leaf, instalment=1, proof=proof)
    assert (owed, world.piece(leaf)["state"]) == (1_000_000, "REINSTATED")
    wanted = prepare(story, leaf)
    assert wanted["amount_fen"] == 1_000_000
    again = await story.pay("PX", ("HL", 1_000_000, wanted["reference"]))
    proof = await story.evidence("PX", again)
    world.ok("hb", "receivable.record_payment", leaf_id=leaf, proof=proof)
    assert world.ok("px-maker", "receivable.close", ec_id=EC) == "CLOSED"


async def equivocate(story: StoryWorld) -> None:
    """Step 23: two heads of one size. The log halts in both modes, and the file convicts it."""
    world, center = story.world, story.center
    honest = center.latest.head
    other = replace(honest, root=Hash(sm3(honest.root)))

    def certified(head: TreeHead) -> CertifiedTreeHead:
        signature = Sig(center.keys.head.sign(tree_head_digest(sm3, head)))
        return CertifiedTreeHead(SignedTreeHead(head, signature), center.chain.entries)

    evidence = encode(ForkEvidence(1, certified(honest), certified(other)))
    world.ok("lg", "dcep.report_fork", evidence=evidence)
    assert world.events == ["Dcep.LogHalted"]
    kept = world.ok("pbc", "dcep.fork_evidence", log_id=center.log_id)
    found = check_case(sm3, SUITE.verify, encode(ForkCase(1, center.root_key, kept)))
    assert (found.log_id, found.reason) == (center.log_id, "two roots of one size")
    assert world.ok("pbc", "dcep.get_log", log_id=center.log_id)["halted"] is True


async def test_the_story_of_money_in_both_modes(story: StoryWorld, tmp_path: Path) -> None:
    world = story.world
    await release_goods(story)
    invoice = await disburse_invoice(story)
    world.issue()
    world.to_tier_three()
    leaf, _ = await deliver_leaf(story, tmp_path)
    await finance_first_supplier(story)
    await replay(story, leaf)
    await buyer_pays(story, invoice)
    txid = await mature(story)
    await give_back(story, txid)
    await equivocate(story)
    paid_out = 960_000_000 + 49_309_514 + 246_589_931
    assert paid_out == 1_255_899_445
    assert 967_680_000 + 300_000_000 - paid_out == 690_486 + 3_410_069 + 7_680_000
