"""A center with banks and wallets for one play, served over HTTP in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from consensus.center_request import WalletQuery
from consensus.encoding import Hash
from consensus.payment import CoinPoint, coin_id
from consensus.payment_proof import Payment as ProvenPayment
from consensus.payment_proof import TrustedLog, check_proof
from deploy.regcenter.api import make_app
from deploy.regcenter.center import Center
from deploy.regcenter.client import Accepted, CenterClient, CenterRefused
from deploy.regcenter.hashing import sm3
from deploy.regcenter.limits import Category
from deploy.regcenter.purse import Payment, Wallet
from deploy.regcenter.requests import WalletStateQuery
from deploy.regcenter.residence import HOME, Use
from node.identity.suite import get_suite

Say = Callable[[str], None]


class PlayFailed(Exception):
    """A step did not give what it should."""


@dataclass
class Stage:
    """What the plays use. say: told each step as it is done."""

    client: CenterClient
    root: Wallet
    root_key: bytes
    say: Say
    banks: dict[str, Wallet] = field(default_factory=dict)
    wallets: dict[str, Wallet] = field(default_factory=dict)

    # ---- setting up ------------------------------------------------------------------------------

    async def bank(self, name: str, reserve_fen: int) -> Wallet:
        """An operator bank with all its reserve issued."""
        self.banks[name] = bank = Wallet.generate()
        await self.client.register_operator(self.root.signer, name, bank.public_key, reserve_fen)
        await self.client.issue(bank, reserve_fen)
        return bank

    async def wallet(
        self,
        name: str,
        bank: str,
        *,
        category: Category = Category.CORPORATE,
        residence: str = HOME,
        use: Use = Use.ORDINARY,
        until_ms: int = 0,
    ) -> Wallet:
        """A wallet that a bank opens; without a bank the holder opens it himself."""
        self.wallets[name] = made = Wallet.generate()
        query = WalletQuery(
            Hash(sm3(made.public_key)), int(category), name, (made.address,), residence, int(use),
            until_ms,
        )  # fmt: skip
        await self.client.open_wallet(self.banks[bank] if bank else made, query)
        return made

    async def fund(self, bank: str, wallet: Wallet, amount_fen: int) -> None:
        await self.client.exchange(self.banks[bank], wallet.address, amount_fen)

    # ---- doing and expecting ---------------------------------------------------------------------

    async def pay(
        self, payer: Wallet, payee: Wallet, fen: int, purpose: str, reference: bytes = bytes(32)
    ) -> Accepted:
        payment = Payment(payee.address, fen, reference)
        return await self.client.transfer(payer, [payment], purpose)

    async def refused(self, code: str, what: str, attempt: Awaitable[Any]) -> None:
        """The attempt must be refused with this code."""
        try:
            await attempt
        except CenterRefused as refusal:
            self.expect(f"{what}: refused", code, refusal.code)
            return
        raise PlayFailed(f"{what}: expected {code}, it was accepted")

    def expect(self, what: str, wanted: object, found: object) -> None:
        if wanted != found:
            raise PlayFailed(f"{what}: expected {wanted}, found {found}")
        self.say(f"✓ {what}: {found.hex() if isinstance(found, bytes) else found}")

    async def balance(self, what: str, wallet: Wallet, wanted_fen: int) -> None:
        self.expect(f"{what}, fen", wanted_fen, await self.client.balance(wallet))

    async def status(self, what: str, name: str, wanted: int) -> None:
        self.expect(what, wanted, (await self.client.status())[name])

    async def held(self, what: str, wallet: Wallet, wanted_fen: int) -> None:
        """What the center says the wallet holds, with its class."""
        found = await self.client.ask(wallet, WalletStateQuery(wallet.address))
        self.expect(
            f"{what} ({found['use']}, {found['residence']}), fen", wanted_fen, found["balance_fen"]
        )

    async def proven(self, asking: Wallet, paid: Accepted) -> ProvenPayment:
        """The payment as its proof shows it, checked from its bytes and the root key alone."""
        proof = await self.client.payment_proof(asking, paid.txid, 0)
        suite = get_suite("sm")
        return check_proof(sm3, suite.verify, proof, TrustedLog(self.root_key), None)


def coin_of(paid: Accepted, index: int = 0) -> Hash:
    return coin_id(sm3, CoinPoint(Hash(paid.txid), index))


@asynccontextmanager
async def open_stage(directory: Path, say: Say) -> AsyncIterator[Stage]:
    """A new center in a directory, served on a free port of this machine until the play is over."""
    center = Center.open(directory)
    runner = web.AppRunner(make_app(center), access_log=None)
    try:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with CenterClient(f"http://{host}:{port}") as client:
            yield Stage(client, Wallet(center.keys.root), center.root_key, say)
    finally:
        await runner.cleanup()
        center.close()
