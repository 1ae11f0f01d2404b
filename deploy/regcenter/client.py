"""What banks and wallets use to reach the center: builds, signs and sends.

async with CenterClient(url) as center:
    await center.register_operator(root_signer, "QB", bank.public_key, 10**12)
    await center.issue(bank, 1_000_000_000)
    await center.exchange(bank, qb_wallet.address, 960_000_000)
    paid = await center.transfer(qb_wallet, [Payment(px.address, 960_000_000, reference)])
    proof = await center.payment_proof(qb_wallet, paid.txid, 0)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from consensus.center_request import (
    ACTION_AUTHORITY,
    ACTION_COINS,
    ACTION_IDENTIFY,
    ACTION_OPERATOR,
    ACTION_PAYMENT,
    ACTION_WALLET,
    AuthorityQuery,
    CenterRequest,
    CoinsQuery,
    IdentifyQuery,
    OperatorQuery,
    PaymentQuery,
    SignedDelegation,
    WalletQuery,
)
from consensus.encoding import ZERO_HASH, Hash, decode, encode
from consensus.payment import (
    CCY,
    NO_REFERENCE,
    VERSION,
    CoinOutput,
    CoinPoint,
    CoinTransaction,
    KeyChainEntry,
    Kind,
    SignedCoinTransaction,
    SignedTreeHead,
    coin_id,
)
from consensus.payment_lock import LockTerms, Witness, lock_address
from deploy.regcenter.clock import real_ms
from deploy.regcenter.hashing import sm3
from deploy.regcenter.purse import Payment, Wallet, approve, authorization, sign_transaction
from deploy.regcenter.requests import ACTIONS, READS
from deploy.regcenter.strict_json import lock_view, release_view, transaction_view
from node.identity.suite import Signer

__all__ = [
    "Accepted",
    "CenterClient",
    "CenterKeys",
    "CenterRefused",
    "Payment",
    "Wallet",
    "approve",
    "authorization",
    "sign_transaction",
]

ANSWER_BYTES_MAX = 4 * 1024 * 1024
TIMEOUT_S = 30.0


class CenterRefused(Exception):
    """The center's answer was a refusal. `code` is one of deploy/regcenter/errors.py, RC_UNREACHABLE when there
    was no usable answer."""

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(f"{code}: {message}" + (f" ({detail})" if detail else ""))
        self.code, self.message, self.detail = code, message, detail


@dataclass(frozen=True, slots=True)
class Accepted:
    """The center's receipt of a transaction."""

    txid: bytes
    kind: str
    accepted_ms: int
    first_leaf: int
    outputs: int
    tree_size: int


@dataclass(frozen=True, slots=True)
class CenterKeys:
    log_id: bytes
    root_key: bytes
    key_chain: tuple[KeyChainEntry, ...]


class CenterClient:
    """One center. Use as an asynchronous context manager. Methods raise CenterRefused."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._log_id: Hash | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # ---- facts -----------------------------------------------------------------------------------

    async def status(self) -> dict[str, Any]:
        return await self._call("GET", "/status")

    async def keys(self) -> CenterKeys:
        found = await self._call("GET", "/keys")
        chain = tuple(decode(KeyChainEntry, bytes.fromhex(item)) for item in found["key_chain"])
        return CenterKeys(bytes.fromhex(found["log_id"]), bytes.fromhex(found["root_key"]), chain)

    async def tree_head(self, size: int | None = None) -> SignedTreeHead:
        """A fresh head, or the latest one signed at `size` leaves."""
        query = {} if size is None else {"size": str(size)}
        found = await self._call("GET", "/sth", query)
        return decode(SignedTreeHead, bytes.fromhex(found["sth"]))

    async def consistency(self, first: int, second: int) -> list[bytes]:
        query = {"first": str(first), "second": str(second)}
        found = await self._call("GET", "/consistency", query)
        return [bytes.fromhex(step) for step in found["path"]]

    async def inclusion(self, leaf: bytes, size: int) -> tuple[int, list[bytes]]:
        found = await self._call("GET", "/inclusion", {"leaf": leaf.hex(), "size": str(size)})
        return found["leaf_index"], [bytes.fromhex(step) for step in found["path"]]

    async def authority(self) -> tuple[bytes, bytes]:
        """The certification authority's certificate and its revocation list (DER)."""
        found = await self._call("GET", "/ca")
        return bytes.fromhex(found["certificate"]), bytes.fromhex(found["revocation_list"])

    async def certificate(self, address: bytes) -> bytes:
        """What the institution of an address shows (DER)."""
        found = await self._call("GET", "/certificate", {"address": address.hex()})
        return bytes.fromhex(found["certificate"])

    async def coins(self, wallet: Wallet) -> list[tuple[Hash, int]]:
        """All unspent coins of a wallet: coin id and fen."""
        coins: list[tuple[Hash, int]] = []
        after = ZERO_HASH
        while True:
            header = await self._authorize(wallet.signer, ACTION_COINS, CoinsQuery(after))
            found = await self._call("GET", "/coins", headers=header)
            coins += [(Hash(bytes.fromhex(c["coin_id"])), c["value_fen"]) for c in found["coins"]]
            if not found["more"]:
                return coins
            after = coins[-1][0]

    async def balance(self, wallet: Wallet) -> int:
        return sum(value for _, value in await self.coins(wallet))

    # ---- money -----------------------------------------------------------------------------------

    async def register_operator(
        self, root: Signer, name: str, public_key: bytes, reserve_fen: int
    ) -> None:
        """Makes a bank an operator, or adds to its reserve. `root` signs with the center's root key."""
        body = OperatorQuery(name, public_key, reserve_fen)
        header = await self._authorize(root, ACTION_OPERATOR, body)
        await self._call("POST", "/operator", headers=header)

    async def appoint(self, root: Signer, name: str, role: str, public_key: bytes) -> None:
        """Names an authority, `court` or `aml`. `root` signs with the center's root key."""
        header = await self._authorize(
            root, ACTION_AUTHORITY, AuthorityQuery(name, role, public_key)
        )
        await self._call("POST", "/authority", headers=header)

    async def open_wallet(self, opener: Wallet, query: WalletQuery) -> dict[str, Any]:
        """A bank opens or changes a wallet; a holder from abroad opens his own of category 4."""
        header = await self._authorize(opener.signer, ACTION_WALLET, query)
        return await self._call("POST", "/wallet", headers=header)

    async def identify(self, first: Wallet, second: Wallet, query: IdentifyQuery) -> dict[str, Any]:
        """Two authorities learn whose an address is."""
        header = await self._authorize(first.signer, ACTION_IDENTIFY, query)
        other = await self._authorize(second.signer, ACTION_IDENTIFY, query)
        header["X-Second-Authorization"] = other["Authorization"]
        return await self._call("POST", "/identify", headers=header)

    async def ask(self, by: Wallet, body: object) -> dict[str, Any]:
        """Sends a body of deploy/regcenter/requests.py, signed; what the center answers."""
        action = ACTIONS[type(body)]
        header = await self._authorize(by.signer, action, body)
        method = "GET" if action in READS else "POST"
        return await self._call(method, f"/{action}", headers=header)

    async def issue(self, bank: Wallet, amount_fen: int) -> Accepted:
        """New money against the bank's reserve, into its vault."""
        return await self._send(Kind.ISSUE, bank, (), [Payment(bank.address, amount_fen)], "issue")

    async def exchange(
        self, bank: Wallet, to: bytes, amount_fen: int, reference: bytes = NO_REFERENCE
    ) -> Accepted:
        """From the bank's vault into a wallet of the public, or to the account that `reference` names."""
        payment = Payment(to, amount_fen, reference)
        return await self._pay(Kind.EXCHANGE, bank, [payment], "exchange")

    async def recharge(
        self, bank: Wallet, machine: Wallet, to: bytes, amount_fen: int, purpose: str
    ) -> Accepted:
        """An exchange at an ATM or a POS terminal (purpose `ATM:name`, `POS:name`), which signs it as well."""
        inputs, outputs = await self._collect(bank, [Payment(to, amount_fen)])
        signed = await self._signed(Kind.EXCHANGE, bank, inputs, outputs, purpose)
        approval = approve(machine, await self._log(), signed.tx)
        return await self._accept("/recharge", release_view(signed, Witness(approvals=(approval,))))

    async def transfer(
        self, payer: Wallet, payments: Sequence[Payment], purpose: str = ""
    ) -> Accepted:
        """One payment with an output for each of `payments`, in order, then change."""
        return await self._pay(Kind.TRANSFER, payer, payments, purpose)

    async def redeem(self, payer: Wallet, bank: bytes, amount_fen: int) -> Accepted:
        """From a wallet back into a bank's vault."""
        return await self._pay(Kind.REDEEM, payer, [Payment(bank, amount_fen)], "redeem")

    async def destroy(self, bank: Wallet, coins: Sequence[Hash]) -> Accepted:
        """Voids whole coins of the bank's vault; its reserve is credited."""
        return await self._send(Kind.DESTROY, bank, tuple(coins), [], "destroy")

    async def lock(
        self,
        payer: Wallet,
        terms: LockTerms,
        reference: bytes = NO_REFERENCE,
        purpose: str = "",
    ) -> Accepted:
        """Puts money under terms; output 0 is the locked coin."""
        payments = await self._collect(
            payer, [Payment(lock_address(sm3, terms), terms.amount_fen, reference)]
        )
        return await self.submit_lock(
            await self._signed(Kind.LOCK, payer, *payments, purpose), terms
        )

    async def release(
        self,
        payee: Wallet,
        coin: Hash,
        payments: Sequence[Payment],
        preimage: bytes = b"",
        arbiters: Sequence[Wallet] = (),
    ) -> Accepted:
        """The payee takes a locked coin; the arbiters sign with it."""
        return await self._open(Kind.RELEASE, payee, coin, payments, preimage, arbiters)

    async def refund(
        self, payer: Wallet, coin: Hash, amount_fen: int, agreeing: Sequence[Wallet] = ()
    ) -> Accepted:
        """The payer takes a locked coin back, before its expiry with the payee's signature."""
        back = [Payment(payer.address, amount_fen)]
        return await self._open(Kind.REFUND_LOCK, payer, coin, back, b"", agreeing)

    async def reverse(
        self, payee: Wallet, txid: bytes, index: int, to: bytes, fen: int
    ) -> Accepted:
        """The payee of an output gives some of it back to its payer."""
        paid = coin_id(sm3, CoinPoint(Hash(txid), index))
        return await self._pay(Kind.REVERSE, payee, [Payment(to, fen, paid)], "")

    async def decide(
        self,
        authority: Wallet,
        kind: Kind,
        coins: Sequence[Hash],
        order: str,
        payments: Sequence[Payment] = (),
    ) -> Accepted:
        """FREEZE, UNFREEZE or COURT_TRANSFER of coins of one owner, under the number of an order."""
        return await self._send(kind, authority, tuple(coins), payments, order)

    async def _open(
        self,
        kind: Kind,
        owner: Wallet,
        coin: Hash,
        payments: Sequence[Payment],
        preimage: bytes,
        agreeing: Sequence[Wallet],
    ) -> Accepted:
        signed = await self._signed(kind, owner, (coin,), payments, "")
        log = await self._log()
        approvals = tuple(approve(wallet, log, signed.tx) for wallet in agreeing)
        return await self.submit_release(signed, Witness(preimage=preimage, approvals=approvals))

    async def payment_proof(
        self,
        wallet: Wallet,
        txid: bytes,
        output_index: int,
        *,
        anchor_size: int = 0,
        fields: Sequence[str] = (),
        delegation: SignedDelegation | None = None,
    ) -> bytes:
        """Canonical bytes of the proof of one output, asked for by payer, payee or delegate.

        anchor_size: size of the last head the contract knows (`dcep.anchor`), 0 for none.
        fields: names to open; none opens all."""
        point = CoinPoint(Hash(txid), output_index)
        body = PaymentQuery(point, anchor_size, tuple(sorted(fields)), delegation)
        header = await self._authorize(wallet.signer, ACTION_PAYMENT, body)
        query = {"txid": txid.hex(), "index": str(output_index), "view": "proof"}
        found = await self._call("GET", "/payment", query, header)
        return bytes.fromhex(found["proof"])

    async def submit(self, signed: SignedCoinTransaction) -> Accepted:
        """Sends a transaction as it is. Sending it again gives the same receipt."""
        return await self._accept("/tx", transaction_view(signed))

    async def submit_lock(self, signed: SignedCoinTransaction, terms: LockTerms) -> Accepted:
        """A LOCK that was signed before, with its terms."""
        return await self._accept("/lock", lock_view(signed, terms))

    async def submit_release(self, signed: SignedCoinTransaction, witness: Witness) -> Accepted:
        """A RELEASE or a REFUND_LOCK that was signed before, with what opens the lock."""
        return await self._accept("/release", release_view(signed, witness))

    async def _accept(self, path: str, view: dict[str, Any]) -> Accepted:
        found = await self._call("POST", path, body=json.dumps(view).encode())
        return Accepted(bytes.fromhex(found.pop("txid")), **found)

    # ---- inside ----------------------------------------------------------------------------------

    async def _pay(
        self, kind: Kind, payer: Wallet, payments: Sequence[Payment], purpose: str
    ) -> Accepted:
        inputs, outputs = await self._collect(payer, payments)
        return await self._send(kind, payer, inputs, outputs, purpose)

    async def _collect(
        self, payer: Wallet, payments: Sequence[Payment]
    ) -> tuple[tuple[Hash, ...], list[Payment]]:
        """The wallet's largest coins that cover the payments, and the payments with change."""
        wanted = sum(payment.amount_fen for payment in payments)
        inputs, have = [], 0
        for coin, value in sorted(await self.coins(payer), key=lambda c: -c[1]):
            if have >= wanted:
                break
            inputs.append(coin)
            have += value
        if have < wanted:
            raise CenterRefused("RC_OVERSPEND", "the wallet does not hold that much")
        change = [Payment(payer.address, have - wanted)] if have > wanted else []
        return tuple(inputs), [*payments, *change]

    async def _send(
        self,
        kind: Kind,
        payer: Wallet,
        inputs: tuple[Hash, ...],
        payments: Sequence[Payment],
        purpose: str,
    ) -> Accepted:
        return await self.submit(await self._signed(kind, payer, inputs, payments, purpose))

    async def _signed(
        self,
        kind: Kind,
        payer: Wallet,
        inputs: tuple[Hash, ...],
        payments: Sequence[Payment],
        purpose: str,
    ) -> SignedCoinTransaction:
        status = await self.status()
        tx = CoinTransaction(
            version=VERSION,
            kind=int(kind),
            ccy=CCY,
            inputs=inputs,
            outputs=tuple(
                CoinOutput(p.amount_fen, Hash(p.to), Hash(p.reference)) for p in payments
            ),
            purpose=purpose,
            time_ms=status["now_ms"],
            salt=secrets.token_bytes(16),
        )
        return sign_transaction(payer, Hash(bytes.fromhex(status["log_id"])), tx)

    async def _authorize(self, signer: Signer, action: str, body: object) -> dict[str, str]:
        request = CenterRequest(
            await self._log(), action, encode(body), real_ms(), secrets.token_bytes(16)
        )
        return authorization(signer, request)

    async def _log(self) -> Hash:
        if self._log_id is None:
            self._log_id = Hash(bytes.fromhex((await self.status())["log_id"]))
        return self._log_id

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> dict[str, Any]:
        assert self._session is not None, "use the client inside `async with`"
        try:
            async with self._session.request(
                method, self._url + path, params=query, headers=headers, data=body
            ) as answer:
                found = json.loads(await _bounded(answer))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise CenterRefused("RC_UNREACHABLE", str(error) or type(error).__name__) from error
        if not isinstance(found, dict):
            raise CenterRefused("RC_UNREACHABLE", "the answer is no object")
        if "error" in found:
            refused = found["error"]
            raise CenterRefused(refused["code"], refused["message"], refused["detail"])
        return found


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in answer.content.iter_any():
        data += chunk
        if len(data) > ANSWER_BYTES_MAX:
            raise ValueError("the answer is too long")
    return bytes(data)
