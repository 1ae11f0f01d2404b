"""A center and a channel without any network: the real center's core, the real contract on the native engine.

`Money` makes payments and proofs; `Chain` runs contracts over a state in memory. `PAYER` is the smallest
contract that owns an obligation: dcep serves contracts only.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from consensus.center_request import OperatorQuery, PaymentQuery
from consensus.encoding import Hash, encode
from consensus.payment import (
    CCY,
    NO_REFERENCE,
    VERSION,
    CoinOutput,
    CoinPoint,
    CoinTransaction,
    Kind,
    PaymentProof,
    coin_id,
)
from contracts.bundles import load_bundle
from contracts.runtime.api import BlockRequest, Bundle, Transaction, TxResult
from contracts.runtime.artifact import ensure_artifact
from contracts.runtime.host import WasmEngine
from contracts.runtime.native import NativeEngine
from contracts.runtime.testing import Engine
from deploy.regcenter import proofs
from deploy.regcenter.center import Center
from deploy.regcenter.client import Payment, Wallet, sign_transaction
from deploy.regcenter.hashing import sm3
from deploy.regcenter.model import Receipt
from deploy.regcenter.operations import Placement
from node.identity import hidden_amount
from node.identity.suite import get_suite

NOW = 1_796_688_000_000  # 2026-12-08 00:00 UTC
CHANNEL = sm3(b"channel one")

PAYER = """
from sdk import call, export


@export
def discharge(
    proof: bytes,
    ref_commit: bytes,
    payee_member: str,
    amount_fen: int,
    payer_members: list[str],
    not_before_ms: int = 0,
    not_after_ms: int = 0,
    ccy: str = "CNY",
    allow_partial: bool = False,
) -> dict:
    expected = {
        "ref_commit": ref_commit,
        "payee_member": payee_member,
        "amount_fen": amount_fen,
        "ccy": ccy,
        "not_before_ms": not_before_ms,
        "not_after_ms": not_after_ms,
        "payer_members": payer_members,
        "allow_partial": allow_partial,
    }
    return call("dcep", "verify_payment", proof, expected)


@export
def unclear(proof: bytes) -> dict:
    return call("dcep", "verify_payment", proof, {"amount_fen": 1, "payee_member": "XY"})


@export
def reference(obligation_id: str, amount_fen: int, payee: str, salt: bytes) -> bytes:
    return call(
        "dcep", "payment_reference", "payer", obligation_id, 1, amount_fen, "CNY", payee, salt
    )


@export
def foreign(obligation_id: str, amount_fen: int, payee: str, salt: bytes) -> bytes:
    return call(
        "dcep", "payment_reference", "another", obligation_id, 1, amount_fen, "CNY", payee, salt
    )
"""


class Natives:
    def __init__(self) -> None:
        self._suite = get_suite("sm")

    def sm3(self, data: bytes) -> bytes:
        return sm3(data)

    def verify(self, suite: str, key: bytes, message: bytes, signature: bytes, id: bytes) -> bool:
        return get_suite(suite).verify(key, message, signature, id)

    def amounts(self, operation: str, operands: tuple[Any, ...]) -> bool:
        return hidden_amount.check(operation, operands)


class MemoryState(dict[bytes, bytes]):
    def state_get(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        found = sorted(
            (k, v) for k, v in self.items() if k.startswith(prefix) and (after is None or k > after)
        )
        return found[:limit]


def as_json(value: Any) -> Any:
    """Arguments as a client sends them: bytes in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return value


_COMPILED: dict[tuple[str, bytes], Any] = {}


def load(engine: Engine, bundle: Bundle) -> None:
    """What the native engine compiled once serves every chain of the process."""
    if not isinstance(engine, NativeEngine):
        engine.load(bundle)
        return
    key = (bundle.name, bundle.digest)
    if key not in _COMPILED:
        engine.load(bundle)
        _COMPILED[key] = engine.code[bundle.name, bundle.version]
    engine.code[bundle.name, bundle.version] = _COMPILED[key]


class Chain:
    """One channel: `call` is a block with one transaction."""

    def __init__(self, channel: bytes = CHANNEL, engine: str = "native") -> None:
        self.channel, self.now_ms, self.height = channel, NOW, 0
        self.state = MemoryState()
        self.engine: Engine = (
            NativeEngine(Natives(), self.state)
            if engine == "native"
            else WasmEngine(ensure_artifact(), Natives(), self.state)
        )
        load(self.engine, load_bundle("dcep"))
        load(self.engine, Bundle("payer", 1, PAYER))

    def call(
        self, member: str, contract: str, method: str, /, *roles: str, person: str = "", **args: Any
    ) -> TxResult:
        """`person`: tells the people of one member apart."""
        self.height += 1
        tx = Transaction(
            tx_id=sm3(self.height.to_bytes(8)),
            contract=contract,
            version=1,
            method=method,
            args_json=json.dumps(as_json(args)),
            sender=sm3((member + person).encode()).hex(),
            member=member,
            roles=tuple(roles),
            gas_limit=20_000_000,
        )
        (result,) = self.engine.block(
            BlockRequest(self.channel.hex(), self.height, self.now_ms, (tx,))
        )
        for key, value in result.writes:
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        return result

    def ok(self, member: str, contract: str, method: str, /, *roles: str, **args: Any) -> Any:
        result = self.call(member, contract, method, *roles, **args)
        assert result.outcome == "ok", (method, result.code, result.message)
        return result.value

    def refused(
        self, code: str, member: str, contract: str, method: str, /, *roles: str, **args: Any
    ) -> None:
        """The call reverts with this code and changes nothing."""
        before = dict(self.state)
        result = self.call(member, contract, method, *roles, **args)
        assert (result.outcome, result.code) == ("revert", code), (result.code, result.message)
        assert self.state == before

    def bind(self, member: str, wallet: Wallet) -> bytes:
        """The member's wallet; a change needs a second person."""
        signature = wallet.binding_signature(self.channel, member)
        args = {"public_key": wallet.public_key, "signature": signature}
        bound: bytes = self.ok(member, "dcep", "bind_wallet", "maker", **args)
        if self.ok(member, "dcep", "wallet_of", member=member) != bound:
            self.ok(member, "dcep", "bind_wallet", "checker", person="second", **args)
        return bound


def placement(name: str, public_key: bytes, reserve_fen: int) -> Placement:
    """A bank's reserve, in a signed request of its own."""
    return Placement(OperatorQuery(name, public_key, reserve_fen), Hash(secrets.token_bytes(32)))


class Money:
    """The center's core with a bank, driven without HTTP."""

    def __init__(self, directory: Path, clock: Any) -> None:
        self.center = Center.open(directory, clock)
        self.bank = Wallet.generate()
        self.process(placement("QB", self.bank.public_key, 1 << 50))

    def process(self, *operations: Any) -> Any:
        outcomes = self.center.process(operations)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return outcomes[0]

    def send(
        self,
        kind: Kind,
        payer: Wallet,
        inputs: list[Hash],
        payments: list[Payment],
        purpose: str = "",
    ) -> Receipt:
        outputs = tuple(CoinOutput(p.amount_fen, Hash(p.to), Hash(p.reference)) for p in payments)
        tx = CoinTransaction(
            VERSION, int(kind), CCY, tuple(inputs), outputs, purpose, self.center.clock(),
            secrets.token_bytes(16),
        )  # fmt: skip
        receipt: Receipt = self.process(sign_transaction(payer, self.center.log_id, tx))
        return receipt

    def fund(self, wallet: Wallet, amount_fen: int) -> Hash:
        """A coin of this value in the wallet."""
        issued = self.send(Kind.ISSUE, self.bank, [], [Payment(self.bank.address, amount_fen)])
        coin = coin_id(sm3, CoinPoint(issued.txid, 0))
        given = self.send(Kind.EXCHANGE, self.bank, [coin], [Payment(wallet.address, amount_fen)])
        return coin_id(sm3, CoinPoint(given.txid, 0))

    def pay(
        self, payer: Wallet, to: bytes, amount_fen: int, reference: bytes = NO_REFERENCE
    ) -> Receipt:
        coin = self.fund(payer, amount_fen)
        return self.send(Kind.TRANSFER, payer, [coin], [Payment(to, amount_fen, reference)])

    def proof(
        self,
        wallet: Wallet,
        txid: Hash,
        index: int = 0,
        anchor: int = 0,
        fields: tuple[str, ...] = (),
    ) -> PaymentProof:
        query = PaymentQuery(CoinPoint(txid, index), anchor, fields, None)
        return proofs.payment_proof(self.center, wallet.public_key, query)

    def proof_bytes(self, wallet: Wallet, txid: Hash, index: int = 0, anchor: int = 0) -> bytes:
        return encode(self.proof(wallet, txid, index, anchor))
