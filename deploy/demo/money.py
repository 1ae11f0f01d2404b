"""Money of the demonstration: wallets at the registration center, payments, and proofs for the contracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from consensus.payment import CertifiedTreeHead
from consensus.payment_proof import KINDS_ALLOWED
from consensus.payment_proof import Payment as ProvenPayment
from deploy.demo.desk import Desk
from deploy.demo.stage import Stage
from deploy.demo.story import Story, expect
from deploy.regcenter.client import CenterClient, Payment, Wallet
from deploy.regcenter.keys import open_key
from node.identity.keyfile import read_key, write_key
from node.oracle.proof_relay import ProofRelay

# What pays a debt, what waits for it, and what gives back.
KINDS = (*KINDS_ALLOWED, "LOCK", "REVERSE")


@dataclass(frozen=True, slots=True)
class Paid:
    """One output of a payment."""

    payer: str
    payee: str
    amount_fen: int
    txid: bytes
    output: int = 0
    asks: str = ""  # whose key asks for the proof; the payer's by default


def wallet_files(stage: Stage, story: Story) -> dict[str, Path]:
    """Key file by member, of everyone who pays or is paid."""
    return {name: stage.layout.wallets / f"{name}.pem" for name in story["step0"]["wallets"]}


def make_wallets(stage: Stage, story: Story) -> list[Path]:
    stage.layout.wallets.mkdir(mode=0o700)
    files = list(wallet_files(stage, story).values())
    for file in files:
        write_key(file, story.suite.generate_key(), None, dev=True)
    return files


class Money:
    """Use `open` first, `close` at the end."""

    def __init__(self, stage: Stage, story: Story) -> None:
        self._stage, self._story = stage, story
        self._stack = AsyncExitStack()
        self._relays: dict[str, ProofRelay] = {}
        self.wallets: dict[str, Wallet] = {}
        self.url, self.root_key = "", b""
        self.center: CenterClient

    async def open(self) -> None:
        """Connects to the center, with the wallets that `make_wallets` has made."""
        found = await self._stage.center()
        self.url, self.root_key = found["url"], bytes.fromhex(found["root_key"])
        self.center = await self._stack.enter_async_context(CenterClient(self.url))
        for member, file in wallet_files(self._stage, self._story).items():
            key = read_key(file, None, dev=True)
            self.wallets[member] = Wallet(self._story.suite.signer(key))
            signer = self.wallets[member].signer
            relay = ProofRelay(self.url, self.root_key, signer, kinds=KINDS)
            self._relays[member] = await self._stack.enter_async_context(relay)

    async def close(self) -> None:
        await self._stack.aclose()

    async def fund(self, bank: str, wallets: Mapping[str, int]) -> None:
        """The bank becomes an operator, money is issued into its vault and exchanged into wallets (fen)."""
        keys = self._stage.layout.regcenter / "keys"
        root = open_key(keys / "root.key", self._story.suite)
        vault = Wallet.generate()
        whole = sum(wallets.values())
        await self.center.register_operator(root, bank, vault.public_key, whole)
        await self.center.issue(vault, whole)
        for member, amount in wallets.items():
            await self.center.exchange(vault, self.wallets[member].address, amount)

    async def pay(self, payer: str, payee: str, amount_fen: int, reference: bytes) -> Paid:
        (paid,) = await self.pay_all(payer, [(payee, amount_fen, reference)])
        return paid

    async def pay_all(self, payer: str, outputs: Sequence[tuple[str, int, bytes]]) -> list[Paid]:
        """One payment with an output for each payee, amount (fen) and reference."""
        payments = [Payment(self.wallets[to].address, fen, ref) for to, fen, ref in outputs]
        done = await self.center.transfer(self.wallets[payer], payments)
        return [Paid(payer, to, fen, done.txid, i) for i, (to, fen, _) in enumerate(outputs)]

    async def give_back(self, paid: Paid) -> None:
        """What went to the wrong wallet returns to its payer."""
        back = Payment(self.wallets[paid.payer].address, paid.amount_fen)
        await self.center.transfer(self.wallets[paid.payee], [back], "returned")

    async def reverse(self, paid: Paid, amount_fen: int) -> Paid:
        """The payee gives some of a payment back, with a REVERSE that names it."""
        payee, payer = self.wallets[paid.payee], self.wallets[paid.payer]
        done = await self.center.reverse(payee, paid.txid, paid.output, payer.address, amount_fen)
        return Paid(paid.payee, paid.payer, amount_fen, done.txid)

    async def tree_head(self) -> CertifiedTreeHead:
        """The center's present head with its keys, checked."""
        return await next(iter(self._relays.values())).tree_head()

    @property
    def log_id(self) -> bytes:
        return bytes(next(iter(self._relays.values())).log_id)

    async def balance(self, member: str) -> int:
        return await self.center.balance(self.wallets[member])

    async def proof(self, desk: Desk, paid: Paid) -> bytes:
        """A fresh proof of a payment, checked on arrival."""
        return await self._relays[paid.asks or paid.payer].payment_proof(
            paid.txid, paid.output, anchor_size=await self.anchor(desk)
        )

    async def proof_of(self, member: str, txid: bytes, anchor_size: int) -> bytes:
        """Of output 0 of a payment of this member's."""
        return await self._relays[member].payment_proof(txid, 0, anchor_size=anchor_size)

    def check(self, proof: bytes, paid: Paid) -> ProvenPayment:
        """Checks a proof here, from its bytes and the center's root key alone."""
        found = self._relays[paid.payer].check(proof)
        expect("amount in the payment proof", paid.amount_fen, found.amount_fen)
        expect("payee in the payment proof", self.wallets[paid.payee].address, found.payee)
        return found

    async def anchor(self, desk: Desk) -> int:
        size: int = await desk.ask(self._story.regulator, "dcep", "anchor", log_id=self.log_id)
        return size
