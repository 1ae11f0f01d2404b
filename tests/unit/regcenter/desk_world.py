"""Signed requests to the center's core, without HTTP."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from consensus.center_request import AuthorityQuery, WalletQuery
from consensus.encoding import ZERO_HASH, Hash
from consensus.payment import CoinOutput, CoinPoint, CoinTransaction, Kind, coin_id
from consensus.payment_lock import Witness, WitnessedTransaction
from deploy.regcenter import inquiries
from deploy.regcenter.client import Wallet, approve, sign_transaction
from deploy.regcenter.desk import Answer, Instruction
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.model import Receipt
from deploy.regcenter.operations import Appointment, Opening
from tests.unit.regcenter.test_center import Bench
from tests.unit.suite.center_world import NOW


class City(Bench):
    """A bench whose people ask for things. `root` is the center's root key."""

    def __init__(self, directory: Path, now_ms: int = NOW) -> None:
        super().__init__(directory, now_ms)
        self.root = Wallet(self.money.center.keys.root)
        self.aml = Wallet.generate()
        self.money.process(Appointment(AuthorityQuery("PBC-AML", "aml", self.aml.public_key)))

    def instruction(self, by: Wallet, body: object) -> Instruction:
        return Instruction(body, by.public_key, Hash(secrets.token_bytes(32)))

    def ask(self, by: Wallet, body: object) -> dict[str, Any]:
        """Carried out; the answer's view."""
        found = self.money.process(self.instruction(by, body))
        assert isinstance(found, Answer)
        return found.view

    def read(self, by: Wallet, body: object) -> dict[str, Any]:
        return inquiries.answer(self.money.center, by.public_key, body)

    def opening(
        self,
        *wallets: Wallet,
        category: int = 0,
        holder: str = "",
        residence: str = "CN",
        use: int = 0,
        until_ms: int = 0,
        by: Wallet | None = None,
    ) -> Opening:
        addresses = tuple(wallet.address for wallet in wallets)
        query = WalletQuery(
            Hash(sm3(addresses[0])), int(category), holder or addresses[0].hex()[:12], addresses,
            residence, int(use), until_ms,
        )  # fmt: skip
        return Opening(query, (by or self.bank).public_key)

    def open(self, **options: Any) -> Wallet:
        """A new wallet of the bank, with the options of `opening`."""
        wallet = Wallet.generate()
        self.money.process(self.opening(wallet, **options))
        return wallet

    def send(
        self,
        by: Wallet,
        coin: Hash,
        *payments: tuple[bytes, int],
        kind: Kind = Kind.TRANSFER,
        purpose: str = "",
        reference: Hash = ZERO_HASH,
    ) -> Any:
        """A signed transaction of one coin; payments by address."""
        outputs = tuple(CoinOutput(value, Hash(to), reference) for to, value in payments)
        salt = secrets.token_bytes(16)
        tx = CoinTransaction(1, int(kind), "CNY", (coin,), outputs, purpose, self.now_ms, salt)
        return self.signed(by, tx)

    def recharge(
        self, to: Wallet, fen: int, purpose: str, *machines: Wallet
    ) -> WitnessedTransaction:
        """The bank exchanges a fresh vault coin, confirmed by machines."""
        issued = self.issue(fen)
        outputs = (CoinOutput(fen, to.address, ZERO_HASH),)
        tx = CoinTransaction(
            1, int(Kind.EXCHANGE), "CNY", (issued,), outputs, purpose, self.now_ms,
            secrets.token_bytes(16),
        )  # fmt: skip
        log = self.money.center.log_id
        approvals = tuple(approve(machine, log, tx) for machine in machines)
        return WitnessedTransaction(
            sign_transaction(self.bank, log, tx), Witness(approvals=approvals)
        )

    def issue(self, fen: int) -> Hash:
        out = (self.bank.address, fen)
        receipt = self.money.process(self.signed(self.bank, self.tx(Kind.ISSUE, [], out)))
        return self.coin_of(receipt)

    @staticmethod
    def coin_of(receipt: Receipt, index: int = 0) -> Hash:
        return coin_id(sm3, CoinPoint(receipt.txid, index))

    def balance(self, wallet: Wallet | Hash) -> int:
        address = wallet if isinstance(wallet, bytes) else wallet.address
        return sum(fen for _, fen in self.money.center.unspent(address, ZERO_HASH, 1_000))


def refusal(call: Any, *args: Any) -> str:
    """The code with which a call is refused."""
    try:
        call(*args)
    except CenterError as error:
        return error.code
    raise AssertionError("it was not refused")
