"""Step 11: leaf against money by a conditional coin. Whatever dies on the way, both move or neither does."""

from __future__ import annotations

import secrets

from consensus.encoding import Hash, encode
from consensus.payment import SignedCoinTransaction, coin_txid
from consensus.payment_lock import LockTerms, Witness
from deploy.demo.desk import Desk
from deploy.demo.lending import expect_state, show_path
from deploy.demo.money import Money, Paid
from deploy.demo.play import Play, Sale, Terms
from deploy.demo.story import expect, fen
from deploy.regcenter.client import CenterRefused
from deploy.regcenter.hashing import sm3
from node.errors import CityError
from node.oracle.delivery import Delivery, End, Financing, Plan, Trade
from node.oracle.journal import Journal

HOUR_MS = 3_600_000


class Chain:
    """The bank's connection to the channel, for a delivery."""

    def __init__(self, desk: Desk, money: Money, user: str) -> None:
        self._desk, self._money, self._user = desk, money, user

    def now_ms(self) -> int:
        return self._desk.stage.now_ms()

    async def financing(self, request_id: str) -> Financing:
        found = await self._desk.ask(self._user, "financing", "get", request_id=request_id)
        return Financing(found["state"], found["preimage"])

    async def anchor(self) -> int:
        return await self._money.anchor(self._desk)

    async def call(self, method: str, **args: bytes | str) -> str:
        return await self._desk.attempt(self._user, "financing", method, **args)


class Center:
    """The registration center, for a delivery between two wallets."""

    def __init__(self, money: Money, payer: str, payee: str) -> None:
        self._money, self._payer, self._payee = money, payer, payee

    async def lock(self, signed: SignedCoinTransaction, terms: LockTerms) -> None:
        await self._send(self._money.center.submit_lock(signed, terms))

    async def release(self, signed: SignedCoinTransaction, preimage: bytes) -> None:
        await self._send(self._money.center.submit_release(signed, Witness(preimage=preimage)))

    async def proof(self, txid: bytes, anchor_size: int) -> bytes:
        """Of the lock for its payer, of the release for its payee."""
        try:
            return await self._money.proof_of(self._payer, txid, anchor_size)
        except CityError:
            return await self._money.proof_of(self._payee, txid, anchor_size)

    async def knows(self, txid: bytes) -> bool:
        try:
            await self.proof(txid, 0)
        except CityError:
            return False
        return True

    async def _send(self, answer: object) -> None:
        try:
            await answer  # type: ignore[misc]
        except CenterRefused as error:
            raise CityError("CITY-7002", reason=error.code, detail=error.message) from error


async def deliver_tier_three(play: Play, terms: Terms) -> None:
    """Step 11: QB locks the price under a hash; one transaction shows lock and preimage and moves the leaf; the
    borrower's RELEASE, signed before, brings the money; its proof frees the leaf."""
    step, desk, leaf = play.story["step11"], play.desk, terms["leaf_id"]
    play.report.working("delivery against payment")
    expect("amount to pay", step["amount_fen"], terms["payout_fen"])
    bank = desk.user(step["payer"], "financier")
    plan, preimage = await draw_up(play, terms)
    journal = Journal(play.stage.layout.relays / "delivery" / "journal")
    chain = Chain(desk, play.money, bank)
    center = Center(play.money, step["payer"], step["payee"])
    try:
        delivery = Delivery.begin(plan, preimage, journal, chain, center)
        await center.lock(plan.lock, plan.terms)  # the delivery finds it there
        await refuse_wrong_preimage(play, plan, center, bank)
        expect("the delivery", End.DELIVERED, await delivery.advance())
    finally:
        journal.close()
    await expect_state(play, terms["request_id"], step["payer"], "DISBURSED")
    piece = await desk.ask(desk.user(step["payer"]), "receivable", "get_piece", leaf_id=leaf)
    expect("holder of the leaf", step["holder_after"], piece["holder"])
    expect("money in the wallet", step["amount_fen"], await play.money.balance(step["payee"]))
    paid = Paid(
        step["payer"], step["payee"], step["amount_fen"], bytes(coin_txid(sm3, plan.release.tx)),
        asks=step["payee"],
    )  # fmt: skip
    proof = await play.money.proof(desk, paid)
    play.sales[leaf] = Sale(terms["request_id"], paid, proof)
    play.report.step(
        11, play.today, f"{step['payer']} locks {fen(step['amount_fen'])} for {step['payee']} under a "
        f"hash; one transaction shows lock and preimage: {leaf} is {piece['holder']}'s",
    )  # fmt: skip
    locked = coin_txid(sm3, plan.lock.tx).hex()[:8]
    play.report.proof(
        f"LOCK {locked}… until {step['lock_hours']} h on · settle opens SM3 "
        f"{plan.terms.program_hash.hex()[:8]}… · RELEASE {paid.txid.hex()[:8]}… pays {step['payee']} · "
        "its proof frees the leaf"
    )
    show_path(play, proof, paid)


async def draw_up(play: Play, terms: Terms) -> tuple[Plan, bytes]:
    """The papers that bank and borrower sign before anything is sent, and the bank's secret."""
    step, money, now_ms = play.story["step11"], play.money, play.stage.now_ms()
    coins = await money.center.coins(money.wallets[step["payer"]])
    chosen, have = [], 0
    for coin in sorted(coins, key=lambda coin: -coin[1]):
        if have < step["amount_fen"]:
            chosen.append(coin)
            have += coin[1]
    return Trade.draw_up(
        terms["request_id"], money.log_id, money.wallets[step["payer"]].signer,
        money.wallets[step["payee"]].signer, tuple(chosen), step["amount_fen"],
        terms["pay_reference"], now_ms + step["lock_hours"] * HOUR_MS, now_ms,
    )  # fmt: skip


async def refuse_wrong_preimage(play: Play, plan: Plan, center: Center, bank: str) -> None:
    """The money is locked; without what opens it the leaf stays where it is."""
    step = play.story["step11"]
    anchor = await play.money.anchor(play.desk)
    proof = await center.proof(bytes(Hash(coin_txid(sm3, plan.lock.tx))), anchor)
    await play.desk.refused(
        "the leaf without what opens the lock", step["preimage_code"], bank, "financing", "settle",
        request_id=plan.request_id, proof=proof, terms=encode(plan.terms),
        preimage=secrets.token_bytes(32),
    )  # fmt: skip
