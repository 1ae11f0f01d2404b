"""Money of the demonstration: wallets at the registration center, payments, and proofs for the contracts."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from consensus.payment_proof import Payment as ProvenPayment
from deploy.demo.desk import Desk
from deploy.demo.stage import Stage
from deploy.demo.story import StepFailed, Story, expect
from deploy.regcenter.client import CenterClient, Payment, Wallet
from deploy.regcenter.keys import open_key
from node.identity.keyfile import write_key
from node.oracle.adapter import deliver
from node.oracle.proof_relay import ProofRelay


@dataclass(frozen=True, slots=True)
class Paid:
    """One output of a payment."""

    payer: str
    payee: str
    amount_fen: int
    txid: bytes
    output: int = 0


class Money:
    """Use `open` first, `close` at the end."""

    def __init__(self, stage: Stage, story: Story) -> None:
        self._stage, self._story = stage, story
        self._stack = AsyncExitStack()
        self._relays: dict[str, ProofRelay] = {}
        self.wallets: dict[str, Wallet] = {}
        self.url, self.root_key = "", b""
        self._center: CenterClient

    async def open(self) -> None:
        """Connects to the center and makes a wallet for everyone who pays or is paid."""
        found = await self._stage.center()
        self.url, self.root_key = found["url"], bytes.fromhex(found["root_key"])
        self._center = await self._stack.enter_async_context(CenterClient(self.url))
        folder = self._stage.layout.wallets
        folder.mkdir(mode=0o700)
        for member in self._story["step0"]["wallets"]:
            key = self._story.suite.generate_key()
            write_key(folder / f"{member}.pem", key, None, dev=True)
            self.wallets[member] = Wallet(self._story.suite.signer(key))
            relay = ProofRelay(self.url, self.root_key, self.wallets[member].signer)
            self._relays[member] = await self._stack.enter_async_context(relay)

    async def close(self) -> None:
        await self._stack.aclose()

    async def fund(self, bank: str, amount_fen: int) -> None:
        """The bank becomes an operator, money is issued into its vault and exchanged into its wallet."""
        keys = self._stage.layout.regcenter / "keys"
        root = open_key(keys / "root.key", self._story.suite)
        vault = Wallet.generate()
        await self._center.register_operator(root, bank, vault.public_key, amount_fen)
        await self._center.issue(vault, amount_fen)
        await self._center.exchange(vault, self.wallets[bank].address, amount_fen)

    async def pay(self, payer: str, payee: str, amount_fen: int, reference: bytes) -> Paid:
        payment = Payment(self.wallets[payee].address, amount_fen, reference)
        done = await self._center.transfer(self.wallets[payer], [payment])
        return Paid(payer, payee, amount_fen, done.txid)

    async def give_back(self, paid: Paid) -> None:
        """What went to the wrong wallet returns to its payer."""
        back = Payment(self.wallets[paid.payer].address, paid.amount_fen)
        await self._center.transfer(self.wallets[paid.payee], [back], "returned")

    async def balance(self, member: str) -> int:
        return await self._center.balance(self.wallets[member])

    async def proof(self, desk: Desk, paid: Paid) -> bytes:
        """A fresh proof of a payment, asked for with the payer's key and checked on arrival."""
        return await self._relays[paid.payer].payment_proof(
            paid.txid, paid.output, anchor_size=await self._anchor(desk)
        )

    async def prove(
        self, desk: Desk, paid: Paid, user: str, contract: str, method: str, **args: Any
    ) -> bytes:
        """Carries the proof of a payment to a contract, which must accept it. Returns its bytes."""
        sent = b""

        async def submit(proof: bytes) -> str:
            nonlocal sent
            sent = proof
            return await desk.attempt(user, contract, method, **args, proof=proof)

        async def anchor() -> int:
            return await self._anchor(desk)

        relay = self._relays[paid.payer]
        code = await deliver(relay, paid.txid, paid.output, anchor_size=anchor, submit=submit)
        if code:
            raise StepFailed(f"{contract}.{method} with a payment proof", "accepted", code)
        return sent

    def check(self, proof: bytes, paid: Paid) -> ProvenPayment:
        """Checks a proof here, from its bytes and the center's root key alone."""
        found = self._relays[paid.payer].check(proof)
        expect("amount in the payment proof", paid.amount_fen, found.amount_fen)
        expect("payee in the payment proof", self.wallets[paid.payee].address, found.payee)
        return found

    async def _anchor(self, desk: Desk) -> int:
        log_id = bytes(next(iter(self._relays.values())).log_id)
        size: int = await desk.ask(self._story.regulator, "dcep", "anchor", log_id=log_id)
        return size
